// SPDX-License-Identifier: Apache-2.0
#include "bgp/subscription.hpp"

#include <algorithm>
#include <utility>

namespace porter::bgp {
namespace {

constexpr std::size_t kFewSettled = 64;  // not worth a walk

}  // namespace

Subscription::Subscription(UpdateGroups& groups, const Encoding& encoding)
    : groups_{groups}, group_{groups.join(encoding)} {}

Subscription::Subscription(UpdateGroups& groups, const Encoding& encoding, Subscription& before)
    : Subscription{groups, encoding} {
  if (before.stage_ == Stage::New) return;
  Encoding old = before.group_.encoding();
  old.audience = encoding.audience;
  old.budget = encoding.budget;
  old.exclude = encoding.exclude;
  take_over(before, old == encoding);
}

// Whatever the peer holds that this group does not tell alike is owed. `is_alike`: equal names of
// attributes are equal octets in both groups.
void Subscription::take_over(Subscription& before, bool is_alike) {
  if (before.stage_ == Stage::Following) before.leave_list();
  group_.catch_up();
  stage_ = Stage::Lagging;
  group_.laggards_.push_back(this);
  for (std::uint32_t number = 0; number < group_.rib_.slot_count(); ++number) {
    const SlotId slot{number};
    const auto owed = before.holds_.find(slot);
    const ToldSet held = owed != before.holds_.end() ? owed->second : before.told(slot);
    ToldSet holds = group_.table_.adopt(before.group_.table_[held]);
    if (!is_alike) {
      const ToldSet forgotten = group_.table_.forgotten(holds);
      group_.table_.release(std::exchange(holds, forgotten));
    }
    if (holds != told(slot)) owe(slot, holds);
    group_.table_.release(holds);
  }
}

Subscription::~Subscription() {
  if (stage_ == Stage::Following) group_.unfollow(*this, position_);
  if (stage_ == Stage::Lagging) std::erase(group_.laggards_, this);
  while (!queue_.empty())
    settle_front();
  groups_.leave(group_);
}

bool Subscription::pending() {
  if (stage_ == Stage::New) {
    group_.catch_up();
    return group_.counts(Family::V4).prefixes + group_.counts(Family::V6).prefixes > 0;
  }
  const bool changes = group_.has_changes();  // first: it may tell some, when there are very many
  if (changes || dump_ || differing_ > 0) return true;
  if (stage_ == Stage::Lagging) join_list();
  return position_ < group_.end();
}

std::shared_ptr<const Chunk> Subscription::take() {
  if (stage_ == Stage::New) start();
  if (stage_ == Stage::Lagging) {
    group_.catch_up();
    if (std::shared_ptr<const Chunk> chunk = take_owed()) return chunk;
    join_list();
    return nullptr;
  }
  if (dump_) {
    std::shared_ptr<const Chunk> chunk = dump_->parts[part_].chunk;
    if (++part_ == dump_->parts.size()) dump_.reset();
    return chunk;
  }
  if (position_ == group_.end() && !group_.advance()) return nullptr;
  std::shared_ptr<const Chunk> chunk = group_.entry(position_).chunk;
  --group_.entry(position_).readers;
  ++position_;
  group_.drop_taken();
  return chunk;
}

void Subscription::start() {
  group_.catch_up();
  dump_ = group_.dump();
  if (dump_->parts.empty()) dump_.reset();
  part_ = 0;
  join_list();
}

// What the group has told is what this peer knows, or has in its dump.
void Subscription::join_list() {
  PORTER_ASSERT(differing_ == 0);
  while (!queue_.empty())
    settle_front();
  refreshed_ = {};
  if (stage_ == Stage::Lagging) std::erase(group_.laggards_, this);
  stage_ = Stage::Following;
  position_ = group_.end();
  group_.follow(*this);
}

// Turns what is left of the shared chunks into entries of our own. The earliest chunk that touches
// a slot knows what this peer was told of it.
void Subscription::leave_list() {
  stage_ = Stage::Lagging;
  for (; dump_ && part_ < dump_->parts.size(); ++part_) {
    for (const SlotId slot : dump_->parts[part_].slots)
      owe(slot, ToldSet{});
  }
  dump_.reset();
  for (UpdateGroup::Position position = position_; position < group_.end(); ++position) {
    for (const Touched& touched : group_.entry(position).touched)
      owe(touched.slot, touched.before);
  }
  group_.unfollow(*this, position_);
  group_.laggards_.push_back(this);
}

// No change where the slot is owed already: what the peer holds is still the same.
void Subscription::owe(SlotId slot, ToldSet holds) {
  if (!holds_.try_emplace(slot, holds).second) return;
  group_.table_.retain(holds);
  group_.rib_.pin(slot);
  queue_.push_back(slot);
  if (holds != told(slot)) ++differing_;
}

void Subscription::changed(SlotId slot, ToldSet before) {
  const auto found = holds_.find(slot);
  if (found == holds_.end()) {
    owe(slot, before);
    return;
  }
  if (found->second != before) --differing_;
  if (found->second != told(slot)) ++differing_;
  if (queue_.size() > 2 * differing_ + kFewSettled) drop_settled();
}

void Subscription::drop_settled() {
  std::size_t kept = 0;
  for (const SlotId slot : queue_) {
    const auto found = holds_.find(slot);
    if (found->second != told(slot)) {
      queue_[kept++] = slot;
      continue;
    }
    group_.table_.release(found->second);
    holds_.erase(found);
    group_.rib_.unpin(slot);
  }
  queue_.resize(kept);
}

std::shared_ptr<const Chunk> Subscription::take_owed() {
  while (!queue_.empty() && group_.packer_.octets() < group_.limits_.owed_octets) {
    const SlotId slot = queue_.front();
    const ToldSet holds = holds_.find(slot)->second;
    if (holds != told(slot)) {
      const Prefix& prefix = group_.rib_.prefix(slot);
      group_.packer_.tell(prefix, group_.table_[holds], group_.table_[told(slot)]);
      refreshed_.set(prefix.family(), false);
    }
    settle_front();
  }
  return group_.packer_.octets() == 0 ? nullptr : group_.share(group_.packer_.finish());
}

void Subscription::settle_front() {
  const SlotId slot = queue_.front();
  queue_.pop_front();
  const auto found = holds_.find(slot);
  const ToldSet holds = found->second;
  holds_.erase(found);
  if (holds != told(slot)) --differing_;
  group_.table_.release(holds);
  group_.rib_.unpin(slot);
}

// RFC 2918: that family again. Nothing is withdrawn by it, since the paths held are remembered;
// only that the peer has their attributes is forgotten.
void Subscription::refresh(Family family) {
  if (stage_ == Stage::New || !group_.encoding().families.has(family) || refreshed_.has(family))
    return;
  if (stage_ == Stage::Following) leave_list();
  refreshed_.set(family);
  ExportTable& table = group_.table_;
  for (std::uint32_t number = 0; number < group_.rib_.slot_count(); ++number) {
    const SlotId slot{number};
    const auto found = holds_.find(slot);
    const ToldSet holds = found != holds_.end() ? found->second : told(slot);
    if (holds == ToldSet{} || group_.rib_.prefix(slot).family() != family) continue;
    const ToldSet forgotten = table.forgotten(holds);
    if (found == holds_.end()) {
      owe(slot, forgotten);
      table.release(forgotten);
      continue;
    }
    if (holds == told(slot)) ++differing_;
    table.release(holds);
    found->second = forgotten;
  }
}

}  // namespace porter::bgp
