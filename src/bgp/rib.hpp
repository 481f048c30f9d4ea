// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <span>

#include "bgp/interner.hpp"
#include "bgp/update.hpp"

// Routes towards our peers, from what is planned to the octets of UPDATEs:
//
//   set(prefix, paths) ──> Rib ── changes ──> UpdateGroup ── chunks ──> AdjRibOut ── spans ──> Peer
//                     one per process      one per Encoding          one per peer, pulled
//
// Rib          each prefix once, in a dense slot with its set of paths. Attributes, paths and whole
// sets
//              are interned: 10,000 Services behind the same nodes share one set. Changes are a
//              list of slots with a reader per group; a prefix that flaps has one pending entry in
//              it.
// ExportPolicy which paths of a prefix an Encoding lets out, and with which next hop (api.md 6).
// ExportTable  what a group has told: one 32-bit name of an interned set per slot.
// UpdateGroup  compares the table with the Rib when a peer asks for octets, and packs the
// difference once
//              for all like peers into an immutable Chunk (UpdatePacker).
// Subscription where one peer stands: in the dump of the table, in the group's list of chunks, or,
// having
//              fallen too far behind, outside with one small entry per prefix still owed.
// AdjRibOut    the octets a peer has been handed and not yet taken.
//
// Everything is pulled: without a peer that can take octets nothing is encoded, and changes meet in
// the Rib, where the latest wins. Withdrawn prefixes keep their slot until every group has looked
// and nobody owes them any more. RFC 4271 §3.2 (Adj-RIB-Out), RFC 4760, RFC 7911. Nothing here is
// thread-safe.
namespace porter::bgp {

// What we say of a path besides its next hop. AS_PATH, LOCAL_PREF towards eBGP and the like follow
// from the session, not from here.
struct PathAttributes {
  std::optional<std::uint32_t> med;
  std::uint32_t local_pref = 100;
  std::uint8_t prepend = 0;
  std::vector<std::uint32_t> communities;           // sorted
  std::vector<LargeCommunity> large_communities{};  // sorted
  std::uint32_t weight = 0;  // told as link bandwidth, so many Mbit/s; 0: not told
  friend auto operator<=>(const PathAttributes&, const PathAttributes&) = default;
};

// Whom a path is for: 0 is everybody of whom nothing else is said, any other number one peer (or
// all peers out of one neighbour prefix). Of paths with one identifier a peer is told its own,
// where there is one, in place of everybody's (api.md 7, `peers`; docs/adr/0007).
using Audience = std::uint64_t;

// One way to reach a prefix: a next hop (a node), its identifier (RFC 7911; one next hop, one
// identifier, stable across restarts), and whether it is this node.
struct Path {
  PathId id = 0;
  Audience audience = 0;
  Address next_hop;
  bool own = false;  // this node: the only one told in Self mode
  bool own_address =
      false;              // own, and the session's local address is to be told instead of next_hop
  bool withheld = false;  // this audience is not told what everybody else is
  PathAttributes attributes;
  friend auto operator<=>(const Path&, const Path&) = default;
};

enum class SlotId : std::uint32_t {
};  // a prefix; may be given to another one once it was reclaimed
enum class AttrId : std::uint32_t {};   // PathAttributes
enum class PathRef : std::uint32_t {};  // a StoredPath
enum class PathSet : std::uint32_t {};  // the PathRefs of a prefix, by path identifier

struct StoredPath {
  PathId id = 0;
  Audience audience = 0;
  Address next_hop;
  bool own = false;
  bool own_address = false;
  bool withheld = false;
  AttrId attributes{};
  friend bool operator==(const StoredPath&, const StoredPath&) = default;
};

// All routes of the process. Owned by the speaker, read by the UpdateGroups, which it outlives.
class Rib {
 public:
  Rib() = default;
  Rib(const Rib&) = delete;
  Rib& operator=(const Rib&) = delete;
  ~Rib();

  // The latest whole set of a prefix; empty withdraws it. In any order; of paths with one
  // identifier and audience the first in order counts. The same again is no change.
  void set(const Prefix& prefix, std::span<const Path> paths);
  void withdraw(const Prefix& prefix) { set(prefix, {}); }

  [[nodiscard]] std::uint64_t version() const { return version_; }  // grows with every change
  // Whether some path has this next hop; next_hops_version() grows when that changes for any.
  [[nodiscard]] bool is_next_hop(const Address& address) const {
    return next_hops_.contains(address);
  }
  [[nodiscard]] std::uint64_t next_hops_version() const { return next_hops_version_; }
  [[nodiscard]] std::size_t size() const { return live_; }  // prefixes with a path
  [[nodiscard]] std::vector<Path> paths(const Prefix& prefix) const;
  // In order, behind `after` where given, at most `limit` of them. Takes time in the size of the
  // Rib.
  [[nodiscard]] std::vector<Prefix> prefixes(
      std::size_t limit, const std::optional<Prefix>& after = std::nullopt) const;

  // What is kept: with every group and peer caught up, tombstones and changes are zero and the rest
  // is what the live prefixes need.
  struct Footprint {
    std::size_t slots = 0;       // live prefixes and tombstones
    std::size_t tombstones = 0;  // withdrawn, but not yet told everyone
    std::size_t changes = 0;
    std::size_t path_sets = 0;
    std::size_t paths = 0;
    std::size_t attributes = 0;
    friend bool operator==(const Footprint&, const Footprint&) = default;
  };
  [[nodiscard]] Footprint footprint() const;

  // For the groups.
  [[nodiscard]] std::optional<SlotId> find(const Prefix& prefix) const;
  [[nodiscard]] std::size_t slot_count() const { return slots_.size(); }  // SlotIds lie below
  [[nodiscard]] const Prefix& prefix(SlotId slot) const { return at(slot).prefix; }
  [[nodiscard]] PathSet path_set(SlotId slot) const { return at(slot).set; }
  // Grows from prefix to prefix as they get their first path: the smaller, the older.
  [[nodiscard]] std::uint64_t born(SlotId slot) const { return at(slot).born; }
  [[nodiscard]] std::span<const PathRef> paths(PathSet set) const { return sets_[set]; }
  [[nodiscard]] const StoredPath& path(PathRef path) const { return paths_[path]; }
  [[nodiscard]] const PathAttributes& attributes(AttrId id) const { return attributes_[id]; }
  void retain(AttrId id) { attributes_.retain(id); }
  void release(AttrId id) { attributes_.release(id); }
  // A pinned slot keeps its prefix, whatever becomes of its paths.
  void pin(SlotId slot) { ++at(slot).pins; }
  void unpin(SlotId slot);

 private:
  friend class ChangeReader;

  // A place in the list of changes, which holds those from first_ on. Compaction moves them down.
  using Position = std::uint64_t;
  static constexpr Position kUnlisted = 0;

  struct Slot {
    Prefix prefix;
    PathSet set{};
    Position changed = kUnlisted;  // where its one valid entry is
    std::uint64_t born = 0;
    std::uint32_t pins = 0;
  };
  struct HashPath {
    std::size_t operator()(const StoredPath& path) const;
  };
  struct HashSet {
    std::size_t operator()(const std::vector<PathRef>& set) const;
  };
  struct HashAttributes {
    std::size_t operator()(const PathAttributes& attributes) const;
  };
  struct HashSlot {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    const std::vector<Slot>* slots;
    std::size_t operator()(SlotId slot) const;
    std::size_t operator()(const Prefix& prefix) const { return std::hash<Prefix>{}(prefix); }
  };
  struct EqualSlot {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    const std::vector<Slot>* slots;
    bool operator()(SlotId left, SlotId right) const { return left == right; }
    bool operator()(const Prefix& prefix, SlotId slot) const;
    bool operator()(SlotId slot, const Prefix& prefix) const { return (*this)(prefix, slot); }
  };

  [[nodiscard]] Slot& at(SlotId slot) { return slots_[static_cast<std::size_t>(slot)]; }
  [[nodiscard]] const Slot& at(SlotId slot) const { return slots_[static_cast<std::size_t>(slot)]; }
  [[nodiscard]] Position end() const { return first_ + changes_.size(); }
  [[nodiscard]] bool is_current(Position position) const {
    return at(changes_[static_cast<std::size_t>(position - first_)]).changed == position;
  }

  PathSet intern(std::span<const Path> paths);
  void release(PathRef path);
  void release(PathSet set);
  SlotId slot_of(const Prefix& prefix);
  void list(SlotId slot);
  void forget_passed();
  void forget_superseded();
  void reclaim_if_dead(SlotId slot);

  std::vector<Slot> slots_;
  std::vector<SlotId> free_;
  boost::unordered_flat_set<SlotId, HashSlot, EqualSlot> index_{0, HashSlot{&slots_},
                                                                EqualSlot{&slots_}};
  std::size_t live_ = 0;
  std::uint64_t version_ = 0;

  std::map<Address, std::size_t> next_hops_;  // how many of paths_ have it
  std::uint64_t next_hops_version_ = 0;

  Interner<AttrId, PathAttributes, HashAttributes> attributes_;
  Interner<PathRef, StoredPath, HashPath> paths_;
  Interner<PathSet, std::vector<PathRef>, HashSet> sets_;
  std::vector<const Path*> sorted_;  // scratch of intern()
  std::vector<PathRef> refs_;

  std::deque<SlotId> changes_;  // oldest first; superseded entries stay until forgotten
  Position first_ = 1;
  std::size_t superseded_ = 0;
  std::vector<class ChangeReader*> readers_;
};

// One consumer of the changes from its creation on. Each changed slot is seen once, at the place of
// its latest change. Forgetting costs time in the number of readers, so a reader settles once per
// batch.
class ChangeReader {
 public:
  explicit ChangeReader(Rib& rib);
  ChangeReader(const ChangeReader&) = delete;
  ChangeReader& operator=(const ChangeReader&) = delete;
  ~ChangeReader();

  [[nodiscard]] std::optional<SlotId> next();  // the same until pass()
  void pass() { ++position_; }                 // only after next() gave one
  [[nodiscard]] std::uint64_t backlog() const { return rib_.end() - position_; }  // at most
  void settle();  // the Rib may forget what all readers have passed

 private:
  friend class Rib;
  Rib& rib_;
  Rib::Position position_;
};

}  // namespace porter::bgp
