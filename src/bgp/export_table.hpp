// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bgp/export_policy.hpp"
#include "bgp/interner.hpp"

namespace porter::bgp {

enum class ToldSet : std::uint32_t {};  // an interned set of Exported; ToldSet{} is the empty one

// What the peers of one group have been told (or, those that lag, will have been): a set per slot.
// Sets are counted: by the table itself, by chunks that say what was there before them, by what
// peers owe.
class ExportTable {
 public:
  ExportTable(Rib& rib, const Encoding& encoding) : rib_{rib}, policy_{encoding} {}
  ExportTable(const ExportTable&) = delete;
  ExportTable& operator=(const ExportTable&) = delete;
  ~ExportTable();

  [[nodiscard]] ToldSet current(SlotId slot) const;
  [[nodiscard]] const std::vector<Exported>& operator[](ToldSet set) const { return sets_[set]; }
  void retain(ToldSet set) { sets_.retain(set); }
  void release(ToldSet set);

  [[nodiscard]] bool differs(SlotId slot);  // from the Rib
  // Takes the slot over from the Rib. What stood there before; its reference is the caller's.
  [[nodiscard]] ToldSet update(SlotId slot);
  // The same paths with attributes nobody has: compared with it, all that is told differs. One
  // reference is the caller's.
  [[nodiscard]] ToldSet forgotten(ToldSet set);

  void settle();  // ends a batch: holds nothing but what is told

  struct Counts {
    std::size_t prefixes = 0;
    std::size_t paths = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
  };
  [[nodiscard]] Counts counts(Family family) const { return family == Family::V4 ? v4_ : v6_; }
  [[nodiscard]] std::size_t sets() const { return sets_.size(); }

 private:
  struct HashTold {
    std::size_t operator()(const std::vector<Exported>& set) const;
  };

  [[nodiscard]] ToldSet wanted(SlotId slot);  // one reference is the caller's
  [[nodiscard]] ToldSet intern(const std::vector<Exported>& set);
  void count(Family family, ToldSet before, ToldSet after);

  Rib& rib_;
  ExportPolicy policy_;
  std::vector<ToldSet> told_;  // by slot
  Interner<ToldSet, std::vector<Exported>, HashTold> sets_;
  Counts v4_;
  Counts v6_;
  std::vector<Exported> chosen_;  // scratch

  // Neighbours in the Rib tend to have the same paths: the last answer that holds for any prefix.
  // For one batch only: between them the Rib may give its names to other things.
  struct Memo {
    PathSet from{};
    ToldSet to{};  // held
  };
  Memo memo_v4_;
  Memo memo_v6_;
};

}  // namespace porter::bgp
