// SPDX-License-Identifier: Apache-2.0
#include "bgp/export_table.hpp"

#include "bgp/mix.hpp"

namespace porter::bgp {
namespace {

constexpr AttrId kForgotten{0xffffffffU};

}  // namespace

std::size_t ExportTable::HashTold::operator()(const std::vector<Exported>& set) const {
  Mix mix;
  for (const Exported& path : set) {
    const std::uint64_t attributes = static_cast<std::uint32_t>(path.attributes);
    mix.add(path.next_hop).add((attributes << 32U) | path.id);
  }
  return static_cast<std::size_t>(mix.value());
}

ExportTable::~ExportTable() {
  for (const ToldSet set : told_)
    release(set);
  settle();
  PORTER_ASSERT(sets_.size() == 0);  // nobody else may still count on us
}

ToldSet ExportTable::current(SlotId slot) const {
  const auto position = static_cast<std::size_t>(slot);
  return position < told_.size() ? told_[position] : ToldSet{};
}

void ExportTable::release(ToldSet set) {
  const std::optional<std::vector<Exported>> gone = sets_.release(set);
  if (!gone) return;
  for (const Exported& path : *gone) {
    if (path.attributes != kForgotten) rib_.release(path.attributes);
  }
}

bool ExportTable::differs(SlotId slot) {
  const ToldSet set = wanted(slot);
  release(set);  // the same name only if it is current, and then current holds it
  return set != current(slot);
}

ToldSet ExportTable::update(SlotId slot) {
  const auto position = static_cast<std::size_t>(slot);
  if (position >= told_.size()) told_.resize(rib_.slot_count());
  const ToldSet before = std::exchange(told_[position], wanted(slot));
  if (before != told_[position]) count(rib_.prefix(slot).family(), before, told_[position]);
  return before;
}

void ExportTable::settle() {
  policy_.forget();
  release(std::exchange(memo_v4_, Memo{}).to);
  release(std::exchange(memo_v6_, Memo{}).to);
}

ToldSet ExportTable::wanted(SlotId slot) {
  const PathSet paths = rib_.path_set(slot);
  const Prefix& prefix = rib_.prefix(slot);
  Memo& memo = prefix.family() == Family::V4 ? memo_v4_ : memo_v6_;
  if (memo.from == paths) {
    sets_.retain(memo.to);
    return memo.to;
  }
  const Choice choice = policy_.choose(rib_, prefix, paths, chosen_);
  const ToldSet set = intern(chosen_);
  if (choice == Choice::AnyPrefix) {
    sets_.retain(set);
    release(memo.to);
    memo = {.from = paths, .to = set};
  }
  return set;
}

ToldSet ExportTable::forgotten(ToldSet set) {
  std::vector<Exported> paths = sets_[set];
  for (Exported& path : paths)
    path = {.id = path.id, .next_hop = {}, .attributes = kForgotten};
  return intern(paths);
}

ToldSet ExportTable::intern(const std::vector<Exported>& set) {
  const auto interned = sets_.intern(set);
  if (interned.created) {
    for (const Exported& path : set) {
      if (path.attributes != kForgotten) rib_.retain(path.attributes);
    }
  }
  return interned.id;
}

void ExportTable::count(Family family, ToldSet before, ToldSet after) {
  Counts& counts = family == Family::V4 ? v4_ : v6_;
  if (before == ToldSet{}) ++counts.prefixes;
  if (after == ToldSet{}) --counts.prefixes;
  counts.paths += sets_[after].size();
  counts.paths -= sets_[before].size();
}

}  // namespace porter::bgp
