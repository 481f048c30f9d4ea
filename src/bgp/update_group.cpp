// SPDX-License-Identifier: Apache-2.0
#include "bgp/update_group.hpp"

#include <algorithm>

#include "bgp/subscription.hpp"

namespace porter::bgp {
UpdateGroup::UpdateGroup(Rib& rib, const Encoding& encoding, const GroupLimits& limits)
    : rib_{rib},
      encoding_{encoding},
      limits_{limits},
      changes_{rib},
      table_{rib, encoding},
      packer_{rib, encoding} {
  if (encoding.budget > 0) {
    fill_by_age();
  } else {
    table_.fill();
  }
  table_.settle();
}

void UpdateGroup::fill_by_age() {
  std::vector<SlotId> slots;
  slots.reserve(rib_.slot_count());
  for (std::uint32_t slot = 0; slot < rib_.slot_count(); ++slot)
    slots.push_back(SlotId{slot});
  std::ranges::sort(slots, {}, [&](SlotId slot) { return rib_.born(slot); });
  for (const SlotId slot : slots)
    table_.release(table_.update(slot));
}

UpdateGroup::~UpdateGroup() {
  PORTER_ASSERT(followers_.empty() && laggards_.empty() && list_.empty());
}

bool UpdateGroup::has_changes() {
  if (changes_.backlog() > limits_.backlog) catch_up();
  bool differs = false;
  while (const std::optional<SlotId> slot = changes_.next()) {
    differs = table_.differs(*slot);
    if (differs) break;
    changes_.pass();
  }
  differs = differs || table_.next_refused().has_value();
  table_.settle();
  changes_.settle();
  return differs;
}

// Room that was freed is for those who wait, ahead of what is new.
std::optional<SlotId> UpdateGroup::next_changed() {
  if (const std::optional<SlotId> refused = table_.next_refused()) return refused;
  const std::optional<SlotId> slot = changes_.next();
  if (slot) changes_.pass();
  return slot;
}

std::vector<Exported> UpdateGroup::told(const Prefix& prefix) const {
  const std::optional<SlotId> slot = rib_.find(prefix);
  return slot ? table_[table_.current(*slot)] : std::vector<Exported>{};
}

bool UpdateGroup::advance() {
  std::vector<Touched> touched;
  while (packer_.octets() < limits_.chunk_octets) {
    const std::optional<SlotId> slot = next_changed();
    if (!slot) break;
    const ToldSet before = table_.update(*slot);
    const ToldSet after = table_.current(*slot);
    if (before == after) {
      table_.release(before);
      continue;
    }
    dump_.reset();
    for (Subscription* peer : laggards_)
      peer->changed(*slot, before);
    if (followers_.empty()) {
      table_.release(before);
      continue;
    }
    packer_.tell(rib_.prefix(*slot), table_[before], table_[after]);
    rib_.pin(*slot);
    touched.push_back({.slot = *slot, .before = before});
  }
  table_.settle();
  changes_.settle();
  if (touched.empty()) return false;
  append(std::move(touched));
  return true;
}

void UpdateGroup::catch_up() {
  while (advance()) {
  }
}

std::shared_ptr<const Chunk> UpdateGroup::share(Chunk chunk) {
  encoded_ += chunk.octets.size();
  return std::make_shared<const Chunk>(std::move(chunk));
}

void UpdateGroup::append(std::vector<Touched> touched) {
  const Entry& entry = list_.emplace_back(Entry{.chunk = share(packer_.finish()),
                                                .touched = std::move(touched),
                                                .readers = followers_.size(),
                                                .begins = listed_});
  listed_ += entry.chunk->octets.size();
  put_out_laggards();
}

void UpdateGroup::put_out_laggards() {
  std::vector<Subscription*> late;
  std::ranges::copy_if(followers_, std::back_inserter(late),
                       [this](const Subscription* peer) { return is_far_behind(*peer); });
  for (Subscription* peer : late)
    peer->leave_list();
}

bool UpdateGroup::is_far_behind(const Subscription& peer) {
  const Position position = peer.position();
  if (end() - position <= 1) return false;  // a single chunk is no lag, whatever its size
  return end() - position > limits_.behind_chunks ||
         listed_ - entry(position).begins > limits_.behind_octets;
}

std::shared_ptr<const TableDump> UpdateGroup::dump() {
  if (dump_) return dump_;
  auto dump = std::make_shared<TableDump>();
  std::vector<SlotId> slots;
  ToldSet last{};  // in this part
  Family family{};
  const auto cut = [&] {
    dump->parts.push_back({.chunk = share(packer_.finish()), .slots = std::move(slots)});
    slots.clear();
    last = ToldSet{};
  };
  for (std::uint32_t number = 0; number < rib_.slot_count(); ++number) {
    const SlotId slot{number};
    const ToldSet told = table_.current(slot);
    if (told == ToldSet{}) continue;
    const Prefix& prefix = rib_.prefix(slot);
    const std::vector<Exported>& paths = table_[told];
    if (told == last && prefix.family() == family && paths.size() == 1) {
      packer_.announce_alike(prefix, paths.front().id);
    } else {
      for (const Exported& path : paths)
        packer_.announce(prefix, path);
    }
    last = told;
    family = prefix.family();
    slots.push_back(slot);
    if (packer_.octets() >= limits_.dump_octets) cut();
  }
  if (!slots.empty()) cut();
  dump_ = std::move(dump);
  return dump_;
}

void UpdateGroup::follow(Subscription& peer) {
  followers_.push_back(&peer);
}

void UpdateGroup::unfollow(Subscription& peer, Position position) {
  std::erase(followers_, &peer);
  for (; position < end(); ++position)
    --entry(position).readers;
  drop_taken();
}

void UpdateGroup::drop_taken() {
  while (!list_.empty() && list_.front().readers == 0) {
    const Entry taken = std::move(list_.front());
    list_.pop_front();
    ++first_;
    for (const Touched& touched : taken.touched) {
      table_.release(touched.before);
      rib_.unpin(touched.slot);
    }
  }
}

UpdateGroups::~UpdateGroups() {
  PORTER_ASSERT(groups_.empty());
}

const UpdateGroup* UpdateGroups::find(const Encoding& encoding) const {
  const auto found = groups_.find(encoding);
  return found == groups_.end() ? nullptr : found->second.get();
}

UpdateGroup& UpdateGroups::join(const Encoding& encoding) {
  std::unique_ptr<UpdateGroup>& group = groups_[encoding];
  if (!group) group = std::make_unique<UpdateGroup>(rib_, encoding, limits_);
  ++group->peers_;
  return *group;
}

void UpdateGroups::leave(UpdateGroup& group) {
  if (--group.peers_ == 0) groups_.erase(groups_.find(group.encoding()));
}

}  // namespace porter::bgp
