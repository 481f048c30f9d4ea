// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "bgp/export_table.hpp"
#include "bgp/update_packer.hpp"

namespace porter::bgp {

class Subscription;
class UpdateGroups;

// What bounds the groups' memory and the length of one step. A part of a dump is large, so that
// equal attributes come together; a chunk is smaller, since one that was begun is sent before later
// values.
struct GroupLimits {
  std::size_t behind_chunks = 64;  // a peer further behind the end of the list leaves it
  std::size_t behind_octets = std::size_t{1} << 20U;
  std::size_t dump_octets = std::size_t{1} << 20U;     // of one part
  std::size_t chunk_octets = std::size_t{256} << 10U;  // of one step along the changes
  std::size_t owed_octets = std::size_t{64} << 10U;    // of one chunk for a lagging peer alone
  // More changes than this are told though no peer asks: what was withdrawn before anyone was told
  // of it would otherwise wait in the Rib for as long as peers do not read.
  std::size_t backlog = 65536;
};

// A slot of which a chunk says something, and what had been told before.
struct Touched {
  SlotId slot{};
  ToldSet before{};
};

// A whole table as announcements, for peers that have nothing yet. Each part stands for itself: all
// paths of one slot are in the same part.
struct TableDump {
  struct Part {
    std::shared_ptr<const Chunk> chunk;
    std::vector<SlotId> slots;
  };
  std::vector<Part> parts;
};

// Peers that are to get the same octets. The chunks of the list are the changes since the earliest
// position of a follower; what all followers have passed is dropped, and a follower too far behind
// the end is put out of the list (Subscription). Owned by UpdateGroups from the first such peer to
// the last.
class UpdateGroup {
 public:
  UpdateGroup(Rib& rib, const Encoding& encoding, const GroupLimits& limits);
  UpdateGroup(const UpdateGroup&) = delete;
  UpdateGroup& operator=(const UpdateGroup&) = delete;
  ~UpdateGroup();

  [[nodiscard]] const Encoding& encoding() const { return encoding_; }
  [[nodiscard]] ExportTable::Counts counts(Family family) const { return table_.counts(family); }
  // What is told of a prefix, and what a budget keeps back.
  [[nodiscard]] std::vector<Exported> told(const Prefix& prefix) const;
  [[nodiscard]] std::size_t refused(Family family) const { return table_.refused(family); }
  [[nodiscard]] std::vector<Prefix> refused(std::size_t limit) const {
    return table_.refused(limit);
  }
  [[nodiscard]] std::size_t peers() const { return peers_; }
  [[nodiscard]] std::size_t chunks() const { return list_.size(); }        // kept for followers
  [[nodiscard]] std::uint64_t octets_encoded() const { return encoded_; }  // ever, for all peers

 private:
  friend class Subscription;
  friend class UpdateGroups;
  using Position = std::uint64_t;  // in the list of chunks

  struct Entry {
    std::shared_ptr<const Chunk> chunk;
    std::vector<Touched> touched;
    std::size_t readers = 0;   // followers that have yet to take it
    std::uint64_t begins = 0;  // octets ever in the list before it
  };

  // For Subscription.
  [[nodiscard]] Position end() const { return first_ + list_.size(); }
  [[nodiscard]] Entry& entry(Position position) {
    return list_[static_cast<std::size_t>(position - first_)];
  }
  [[nodiscard]] bool has_changes();  // something in the Rib differs from what is told
  [[nodiscard]] std::optional<SlotId> next_changed();
  bool advance();  // tells the next changes; false: there was nothing for the list
  void catch_up();
  [[nodiscard]] std::shared_ptr<const TableDump> dump();  // of what is told
  void follow(Subscription& peer);                        // from the end of the list on
  void unfollow(Subscription& peer, Position position);   // which has taken what lies before
  void drop_taken();
  [[nodiscard]] std::shared_ptr<const Chunk> share(Chunk chunk);

  void fill_by_age();
  void append(std::vector<Touched> touched);
  void put_out_laggards();
  [[nodiscard]] bool is_far_behind(const Subscription& peer);

  Rib& rib_;
  const Encoding encoding_;
  const GroupLimits limits_;
  ChangeReader changes_;
  ExportTable table_;
  UpdatePacker packer_;
  std::size_t peers_ = 0;
  std::deque<Entry> list_;
  Position first_ = 0;
  std::uint64_t listed_ = 0;   // octets ever in the list
  std::uint64_t encoded_ = 0;  // octets ever
  std::vector<Subscription*> followers_;
  std::vector<Subscription*> laggards_;
  std::shared_ptr<const TableDump> dump_;  // while nothing changes
};

// The groups of a process, by Encoding. Outlives every AdjRibOut, and the Rib outlives it.
class UpdateGroups {
 public:
  explicit UpdateGroups(Rib& rib) : UpdateGroups{rib, GroupLimits{}} {}
  UpdateGroups(Rib& rib, const GroupLimits& limits) : rib_{rib}, limits_{limits} {}
  UpdateGroups(const UpdateGroups&) = delete;
  UpdateGroups& operator=(const UpdateGroups&) = delete;
  ~UpdateGroups();

  [[nodiscard]] std::size_t size() const { return groups_.size(); }
  [[nodiscard]] const UpdateGroup* find(const Encoding& encoding) const;
  [[nodiscard]] const Rib& rib() const { return rib_; }

 private:
  friend class Subscription;
  UpdateGroup& join(const Encoding& encoding);
  void leave(UpdateGroup& group);

  Rib& rib_;
  const GroupLimits limits_;
  std::map<Encoding, std::unique_ptr<UpdateGroup>> groups_;
};

}  // namespace porter::bgp
