// SPDX-License-Identifier: Apache-2.0
#include "bgp/rib.hpp"

#include <algorithm>
#include <ranges>

#include "bgp/mix.hpp"

namespace porter::bgp {
namespace {

constexpr std::size_t kFewChanges = 64;  // not worth compacting

std::size_t hashed(const Mix& mix) {
  return static_cast<std::size_t>(mix.value());
}

}  // namespace

std::size_t Rib::HashAttributes::operator()(const PathAttributes& attributes) const {
  Mix mix;
  mix.add(attributes.med ? *attributes.med : ~0ULL);
  mix.add((static_cast<std::uint64_t>(attributes.local_pref) << 8U) | attributes.prepend);
  for (const std::uint32_t community : attributes.communities)
    mix.add(community);
  for (const LargeCommunity& community : attributes.large_communities) {
    mix.add((static_cast<std::uint64_t>(community.global) << 32U) | community.local1);
    mix.add(community.local2);
  }
  mix.add(attributes.weight);
  return hashed(mix);
}

std::size_t Rib::HashPath::operator()(const StoredPath& path) const {
  const std::uint64_t flags =
      (path.own ? 1U : 0U) | (path.own_address ? 2U : 0U) | (path.withheld ? 4U : 0U);
  return hashed(Mix{}
                    .add(path.next_hop)
                    .add((static_cast<std::uint64_t>(path.id) << 3U) | flags)
                    .add(path.audience)
                    .add(static_cast<std::uint32_t>(path.attributes)));
}

std::size_t Rib::HashSet::operator()(const std::vector<PathRef>& set) const {
  Mix mix;
  for (const PathRef path : set)
    mix.add(static_cast<std::uint32_t>(path));
  return hashed(mix);
}

std::size_t Rib::HashSlot::operator()(SlotId slot) const {
  return (*this)((*slots)[static_cast<std::size_t>(slot)].prefix);
}

bool Rib::EqualSlot::operator()(const Prefix& prefix, SlotId slot) const {
  return (*slots)[static_cast<std::size_t>(slot)].prefix == prefix;
}

Rib::~Rib() {
  PORTER_ASSERT(readers_.empty());
}

void Rib::set(const Prefix& prefix, std::span<const Path> paths) {
  const auto found = index_.find(prefix);
  if (found == index_.end() && paths.empty()) return;

  const PathSet set = intern(paths);
  const SlotId slot = found != index_.end() ? *found : slot_of(prefix);
  const PathSet before = std::exchange(at(slot).set, set);
  release(before);
  if (before == set) return;

  if (before == PathSet{}) {
    ++live_;
    at(slot).born = version_ + 1;
  }
  if (set == PathSet{}) --live_;
  ++version_;
  list(slot);
  if (readers_.empty()) forget_passed();
}

// Names one reference to the set, which holds one to each path, which holds one to its attributes.
PathSet Rib::intern(std::span<const Path> paths) {
  sorted_.clear();
  for (const Path& path : paths)
    sorted_.push_back(&path);
  std::ranges::sort(sorted_, [](const Path* left, const Path* right) { return *left < *right; });
  const auto repeated = std::ranges::unique(
      sorted_, {}, [](const Path* path) { return std::pair{path->id, path->audience}; });
  sorted_.erase(repeated.begin(), repeated.end());

  refs_.clear();
  const PathAttributes* last = nullptr;
  AttrId attributes{};
  for (const Path* path : sorted_) {
    if (last != nullptr && *last == path->attributes) {
      attributes_.retain(attributes);
    } else {
      attributes = attributes_.intern(path->attributes).id;
    }
    last = &path->attributes;
    const auto stored = paths_.intern(StoredPath{.id = path->id,
                                                 .audience = path->audience,
                                                 .next_hop = path->next_hop,
                                                 .own = path->own,
                                                 .own_address = path->own_address,
                                                 .withheld = path->withheld,
                                                 .attributes = attributes});
    if (!stored.created) {
      attributes_.release(attributes);
    } else if (++next_hops_[path->next_hop] == 1) {
      ++next_hops_version_;
    }
    refs_.push_back(stored.id);
  }
  const auto set = sets_.intern(refs_);
  if (!set.created) {
    for (const PathRef path : refs_)
      release(path);
  }
  return set.id;
}

void Rib::release(PathRef path) {
  const std::optional<StoredPath> gone = paths_.release(path);
  if (!gone) return;
  release(gone->attributes);
  const auto next_hop = next_hops_.find(gone->next_hop);
  if (--next_hop->second > 0) return;
  next_hops_.erase(next_hop);
  ++next_hops_version_;
}

void Rib::release(PathSet set) {
  const std::optional<std::vector<PathRef>> gone = sets_.release(set);
  if (!gone) return;
  for (const PathRef path : *gone)
    release(path);
}

SlotId Rib::slot_of(const Prefix& prefix) {
  if (free_.empty()) {
    free_.push_back(static_cast<SlotId>(slots_.size()));
    slots_.emplace_back();
  }
  const SlotId slot = free_.back();
  free_.pop_back();
  at(slot) = Slot{.prefix = prefix};
  index_.insert(slot);
  return slot;
}

void Rib::list(SlotId slot) {
  if (at(slot).changed != kUnlisted) ++superseded_;
  at(slot).changed = end();
  changes_.push_back(slot);
  if (superseded_ > kFewChanges && superseded_ > changes_.size() / 2) forget_superseded();
}

void Rib::forget_passed() {
  Position passed = end();
  for (const ChangeReader* reader : readers_)
    passed = std::min(passed, reader->position_);
  for (; first_ < passed; ++first_) {
    const SlotId slot = changes_.front();
    const bool current = is_current(first_);
    changes_.pop_front();
    if (current) {
      at(slot).changed = kUnlisted;
      reclaim_if_dead(slot);
    } else {
      --superseded_;
    }
  }
}

// Closes the gaps, so that a flapping prefix costs one entry however far behind a reader is. Paid
// for by the changes that made the gaps.
void Rib::forget_superseded() {
  std::vector<std::pair<Position, ChangeReader*>> readers;
  readers.reserve(readers_.size());
  for (ChangeReader* reader : readers_)
    readers.emplace_back(reader->position_, reader);
  std::ranges::sort(readers);
  auto reader = readers.begin();

  std::size_t kept = 0;
  for (std::size_t old = 0; old < changes_.size(); ++old) {
    for (; reader != readers.end() && reader->first <= first_ + old; ++reader) {
      reader->second->position_ = first_ + kept;
    }
    if (!is_current(first_ + old)) continue;
    const SlotId slot = changes_[old];
    at(slot).changed = first_ + kept;
    changes_[kept++] = slot;
  }
  changes_.resize(kept);
  for (; reader != readers.end(); ++reader)
    reader->second->position_ = end();
  superseded_ = 0;
}

void Rib::unpin(SlotId slot) {
  PORTER_ASSERT(at(slot).pins > 0);
  --at(slot).pins;
  reclaim_if_dead(slot);
}

void Rib::reclaim_if_dead(SlotId slot) {
  const Slot& dead = at(slot);
  if (dead.set != PathSet{} || dead.changed != kUnlisted || dead.pins > 0) return;
  index_.erase(slot);
  at(slot) = Slot{};
  free_.push_back(slot);
}

std::optional<SlotId> Rib::find(const Prefix& prefix) const {
  const auto found = index_.find(prefix);
  return found == index_.end() ? std::nullopt : std::optional{*found};
}

std::vector<Path> Rib::paths(const Prefix& prefix) const {
  std::vector<Path> found;
  const std::optional<SlotId> slot = find(prefix);
  if (!slot) return found;
  for (const PathRef ref : paths(path_set(*slot))) {
    const StoredPath& stored = path(ref);
    found.push_back(Path{.id = stored.id,
                         .audience = stored.audience,
                         .next_hop = stored.next_hop,
                         .own = stored.own,
                         .own_address = stored.own_address,
                         .withheld = stored.withheld,
                         .attributes = attributes(stored.attributes)});
  }
  return found;
}

std::vector<Prefix> Rib::prefixes(std::size_t limit, const std::optional<Prefix>& after) const {
  std::vector<Prefix> found;
  for (const Slot& slot : slots_) {
    if (slot.set == PathSet{} || (after && slot.prefix <= *after)) continue;
    found.push_back(slot.prefix);
  }
  const auto last = found.begin() + static_cast<std::ptrdiff_t>(std::min(limit, found.size()));
  std::ranges::partial_sort(found, last);
  found.erase(last, found.end());
  return found;
}

Rib::Footprint Rib::footprint() const {
  return {.slots = index_.size(),
          .tombstones = index_.size() - live_,
          .changes = changes_.size(),
          .path_sets = sets_.size(),
          .paths = paths_.size(),
          .attributes = attributes_.size()};
}

ChangeReader::ChangeReader(Rib& rib) : rib_{rib}, position_{rib.end()} {
  rib.readers_.push_back(this);
}

ChangeReader::~ChangeReader() {
  std::erase(rib_.readers_, this);
  rib_.forget_passed();
}

std::optional<SlotId> ChangeReader::next() {
  for (; position_ < rib_.end(); ++position_) {
    if (rib_.is_current(position_))
      return rib_.changes_[static_cast<std::size_t>(position_ - rib_.first_)];
  }
  return std::nullopt;
}

void ChangeReader::settle() {
  rib_.forget_passed();
}

}  // namespace porter::bgp
