// SPDX-License-Identifier: Apache-2.0
#include "plan/path_id.hpp"

#include "bgp/mix.hpp"

namespace porter::plan {
namespace {

bgp::PathId hash_of(const Address& next_hop) {
  const std::uint64_t mixed = bgp::Mix{}.add(next_hop).value();
  return static_cast<bgp::PathId>(mixed ^ (mixed >> 32U));
}

}  // namespace

void PathIds::load(const Address& next_hop, bgp::PathId id) {
  if (next_hop.is_v4() || by_next_hop_.contains(next_hop)) return;
  if (!taken_.emplace(id, next_hop).second) return;
  by_next_hop_.emplace(next_hop, id);
}

PathIds::Given PathIds::give(const Address& next_hop) {
  if (const auto known = find(next_hop)) return {.id = *known, .is_new = false};
  bgp::PathId id = hash_of(next_hop);
  while (!taken_.emplace(id, next_hop).second)
    ++id;
  by_next_hop_.emplace(next_hop, id);
  return {.id = id, .is_new = true};
}

std::optional<bgp::PathId> PathIds::find(const Address& next_hop) const {
  if (next_hop.is_v4()) return next_hop.v4_bits();
  const auto known = by_next_hop_.find(next_hop);
  if (known == by_next_hop_.end()) return std::nullopt;
  return known->second;
}

void PathIds::trim(const std::set<Address>& in_use) {
  if (by_next_hop_.size() <= kMax) return;
  std::erase_if(taken_, [&](const auto& entry) { return !in_use.contains(entry.second); });
  std::erase_if(by_next_hop_, [&](const auto& entry) { return !in_use.contains(entry.first); });
}

}  // namespace porter::plan
