// SPDX-License-Identifier: Apache-2.0
#include "bgp/export_table.hpp"

#include <algorithm>
#include <utility>

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
  const ToldSet set = chosen(slot);
  release(set);  // the same name only if it is current, and then current holds it
  return set != current(slot);
}

ToldSet ExportTable::update(SlotId slot) {
  const auto position = static_cast<std::size_t>(slot);
  if (position >= told_.size()) told_.resize(rib_.slot_count());
  const ToldSet before = std::exchange(told_[position], chosen(slot));
  if (before != told_[position]) count(rib_.prefix(slot).family(), before, told_[position]);
  return before;
}

// A table of 100,000 prefixes passes here while a peer waits: of slots with the same paths, side by
// side, only the first is looked at.
void ExportTable::fill() {
  PORTER_ASSERT(told_.empty() && budget_ == 0);
  told_.resize(rib_.slot_count());
  for (std::size_t i = 0; i < told_.size();) {
    const SlotId slot{static_cast<std::uint32_t>(i)};
    const Family family = rib_.prefix(slot).family();
    const ToldSet set = wanted(slot);
    told_[i] = set;
    count(family, ToldSet{}, set);
    const PathSet paths = rib_.path_set(slot);
    std::uint32_t alike = 0;
    if (memo(family).from == paths && memo(family).to == set) {
      for (++i; i < told_.size(); ++i, ++alike) {
        const SlotId next{static_cast<std::uint32_t>(i)};
        if (rib_.path_set(next) != paths || rib_.prefix(next).family() != family) break;
        told_[i] = set;
      }
    } else {
      ++i;
    }
    sets_.retain(set, alike);
    Counts& counts = family == Family::V4 ? v4_ : v6_;
    if (set != ToldSet{}) counts.prefixes += alike;
    counts.paths += alike * sets_[set].size();
  }
}

std::size_t ExportTable::room(SlotId slot) const {
  const std::size_t others = counts(rib_.prefix(slot).family()).paths - sets_[current(slot)].size();
  return budget_ > others ? budget_ - others : 0;
}

// What is told of the slot from now on; what finds no room waits.
ToldSet ExportTable::chosen(SlotId slot) {
  const ToldSet all = wanted(slot);
  if (budget_ == 0) return all;
  sets_.retain(all);
  const ToldSet fitting = affordable(slot, all);
  wait(slot, fitting != all);
  release(all);
  return fitting;
}

// What there is room for: of a prefix that is told in part already, those paths first.
ToldSet ExportTable::affordable(SlotId slot, ToldSet wanted) {
  if (budget_ == 0 || sets_[wanted].size() <= room(slot)) return wanted;
  std::vector<Exported> paths = sets_[wanted];
  const std::vector<Exported>& told = sets_[current(slot)];
  std::ranges::sort(paths, {}, [&](const Exported& path) {
    const bool is_new = std::ranges::find(told, path.id, &Exported::id) == told.end();
    return std::pair{is_new, path.id};
  });
  paths.resize(room(slot));
  std::ranges::sort(paths);
  const ToldSet fitting = intern(paths);
  release(wanted);
  return fitting;
}

void ExportTable::wait(SlotId slot, bool is_refused) {
  const Family family = rib_.prefix(slot).family();
  Queue& queue = family == Family::V4 ? refused_v4_ : refused_v6_;
  if (const auto known = refused_.find(slot); known != refused_.end()) {
    // Of a prefix that left and came back the age is another one.
    queue.erase({known->second, slot});
    refused_.erase(known);
  }
  if (!is_refused) return;
  refused_.emplace(slot, rib_.born(slot));
  queue.emplace(rib_.born(slot), slot);
}

std::optional<SlotId> ExportTable::next_refused() const {
  for (const Family family : {Family::V4, Family::V6}) {
    if (!queue(family).empty() && counts(family).paths < budget_)
      return queue(family).begin()->second;
  }
  return std::nullopt;
}

std::vector<Prefix> ExportTable::refused(std::size_t limit) const {
  std::vector<Prefix> prefixes;
  for (const Family family : {Family::V4, Family::V6}) {
    std::size_t left = limit;
    for (auto each = queue(family).begin(); each != queue(family).end() && left > 0; ++each, --left)
      prefixes.push_back(rib_.prefix(each->second));
  }
  return prefixes;
}

void ExportTable::settle() {
  policy_.forget();
  release(std::exchange(memo_v4_, Memo{}).to);
  release(std::exchange(memo_v6_, Memo{}).to);
}

ToldSet ExportTable::wanted(SlotId slot) {
  const PathSet paths = rib_.path_set(slot);
  const Prefix& prefix = rib_.prefix(slot);
  Memo& memo = this->memo(prefix.family());
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
