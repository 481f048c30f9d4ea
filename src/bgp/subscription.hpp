// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bgp/update_group.hpp"

namespace porter::bgp {

// Where one peer stands in its group: what it has yet to be told, as chunks to take one by one.
//
//   new ──> dump ──> follows the list ──> takes what it is owed ──> follows the list
//                     (shared chunks)      (chunks of its own)
//
// A peer that falls too far behind, or asks for its routes again, leaves what is shared. From then
// on it costs one entry per prefix whose value it does not have: the slot, and the set of paths it
// was told last, which is what a later message has to start from. However often such a prefix
// changes, it is told once, with the value of that time. Owned by AdjRibOut from opened() to
// closed().
class Subscription {
 public:
  Subscription(UpdateGroups& groups, const Encoding& encoding);
  // Goes on where `before` stands, in another group; `before` is of no use afterwards.
  Subscription(UpdateGroups& groups, const Encoding& encoding, Subscription& before);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

  [[nodiscard]] bool pending();
  [[nodiscard]] std::shared_ptr<const Chunk>
  take();  // the next to be sent; null: nothing is pending
  void refresh(Family family);

  [[nodiscard]] const UpdateGroup& group() const { return group_; }
  [[nodiscard]] std::size_t owed() const { return queue_.size(); }  // prefixes
  [[nodiscard]] bool is_following() const { return stage_ == Stage::Following; }

 private:
  friend class UpdateGroup;
  enum class Stage : std::uint8_t { New, Following, Lagging };

  // For UpdateGroup.
  [[nodiscard]] UpdateGroup::Position position() const { return position_; }
  void leave_list();
  void changed(SlotId slot, ToldSet before);  // what the group tells, for a laggard

  void take_over(Subscription& before, bool is_alike);
  void start();
  [[nodiscard]] ToldSet told(SlotId slot) const { return group_.table_.current(slot); }
  void owe(SlotId slot, ToldSet holds);
  [[nodiscard]] std::shared_ptr<const Chunk> take_owed();
  void settle_front();
  void drop_settled();  // entries that a change and its opposite left without anything to say
  void join_list();

  UpdateGroups& groups_;
  UpdateGroup& group_;
  Stage stage_ = Stage::New;

  std::shared_ptr<const TableDump> dump_;  // Following: to be taken before the list
  std::size_t part_ = 0;
  UpdateGroup::Position position_ = 0;

  // Lagging. Each slot of the queue is pinned and has its entry in holds_, which counts on its set.
  std::deque<SlotId> queue_;  // oldest first
  boost::unordered_flat_map<SlotId, ToldSet> holds_;
  std::size_t differing_ =
      0;                // entries that differ from what the group tells: the others need no message
  Families refreshed_;  // the whole family is owed, so that asking again changes nothing
};

}  // namespace porter::bgp
