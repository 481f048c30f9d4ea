// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>

#include "bgp/export_policy.hpp"
#include "bgp/interner.hpp"

namespace porter::bgp {

enum class ToldSet : std::uint32_t {};  // an interned set of Exported; ToldSet{} is the empty one

// What the peers of one group have been told (or, those that lag, will have been): a set per slot.
// Sets are counted: by the table itself, by chunks that say what was there before them, by what
// peers owe. With a budget (api.md 7, prefixBudget) what is told stays, and what finds no room
// waits, the oldest prefix first.
class ExportTable {
 public:
  ExportTable(Rib& rib, const Encoding& encoding)
      : rib_{rib}, policy_{encoding}, budget_{encoding.budget} {}
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
  // Takes everything over from the Rib: of a table that has told nothing.
  void fill();
  // The same paths with attributes nobody has: compared with it, all that is told differs. One
  // reference is the caller's.
  [[nodiscard]] ToldSet forgotten(ToldSet set);
  // What a peer was told in another group. One reference is the caller's.
  [[nodiscard]] ToldSet adopt(const std::vector<Exported>& set) { return intern(set); }

  // The oldest prefix that waits and of which something has room now.
  [[nodiscard]] std::optional<SlotId> next_refused() const;
  [[nodiscard]] std::size_t refused(Family family) const { return queue(family).size(); }
  [[nodiscard]] std::vector<Prefix> refused(std::size_t limit) const;  // the oldest of each family

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

  // Neighbours in the Rib tend to have the same paths: the last answer that holds for any prefix.
  // For one batch only: between them the Rib may give its names to other things.
  struct Memo {
    PathSet from{};
    ToldSet to{};  // held
  };
  using Queue = std::set<std::pair<std::uint64_t, SlotId>>;  // by age of the prefix

  [[nodiscard]] ToldSet wanted(SlotId slot);                      // one reference is the caller's
  [[nodiscard]] ToldSet chosen(SlotId slot);                      // the same, within the budget
  [[nodiscard]] ToldSet affordable(SlotId slot, ToldSet wanted);  // takes a reference, gives one
  [[nodiscard]] std::size_t room(SlotId slot) const;
  void wait(SlotId slot, bool is_refused);
  [[nodiscard]] const Queue& queue(Family family) const {
    return family == Family::V4 ? refused_v4_ : refused_v6_;
  }
  [[nodiscard]] ToldSet intern(const std::vector<Exported>& set);
  void count(Family family, ToldSet before, ToldSet after);
  [[nodiscard]] Memo& memo(Family family) { return family == Family::V4 ? memo_v4_ : memo_v6_; }

  Rib& rib_;
  ExportPolicy policy_;
  const std::size_t budget_;  // paths of a family; 0: any number
  Queue refused_v4_;
  Queue refused_v6_;
  std::map<SlotId, std::uint64_t> refused_;  // with the age they wait by
  std::vector<ToldSet> told_;                // by slot
  Interner<ToldSet, std::vector<Exported>, HashTold> sets_;
  Counts v4_;
  Counts v6_;
  std::vector<Exported> chosen_;  // scratch

  Memo memo_v4_;
  Memo memo_v6_;
};

}  // namespace porter::bgp
