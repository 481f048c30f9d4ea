// SPDX-License-Identifier: Apache-2.0
#include "plan/advertise_select.hpp"

#include <algorithm>
#include <iterator>

namespace porter::plan {
namespace {

constexpr std::uint32_t kGracefulShutdown = 0xffff0000U;  // 65535:0, RFC 8326 §4.1

template <class T>
void merge_into(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

template <class T>
void sort_unique(std::vector<T>& values) {
  std::ranges::sort(values);
  const auto repeated = std::ranges::unique(values);
  values.erase(repeated.begin(), repeated.end());
}

bgp::LargeCommunity told(const model::LargeCommunity& community) {
  return {.global = community.global, .local1 = community.local1, .local2 = community.local2};
}

// Every address of the prefix, from ranges that may meet.
bool covers(std::vector<Range> ranges, const Prefix& prefix) {
  const Range wanted{prefix};
  std::ranges::sort(ranges);
  Uint128 next = wanted.first().number();
  for (const Range& range : ranges) {
    if (range.family() != prefix.family() || range.last().number() < next) continue;
    if (range.first().number() > next) return false;
    if (range.last().number() >= wanted.last().number()) return true;
    next = range.last().number() + 1;
  }
  return false;
}

}  // namespace

bool selects_audience(const Advertisement& advertisement, const std::string& audience) {
  return advertisement.peers.empty() || (!audience.empty() && advertisement.selects_peer(audience));
}

bool selects_node(const View& view, const Advertisement& advertisement, const std::string& node) {
  if (!advertisement.node_selector) return true;
  const auto object = view.nodes.find(node);
  return object != view.nodes.end() &&
         advertisement.node_selector->matches(object->second.meta.labels);
}

bool is_held(const AdvertiseGround& ground, const Prefix& aggregate) {
  if (ground.view.identity.role == Role::Controller) return true;
  const auto held = ground.held.find(aggregate);
  return held != ground.held.end() && held->second.empty();
}

bgp::PathAttributes merged_attributes(const View& view, const Outlet& outlet,
                                      const std::string& node) {
  bgp::PathAttributes merged;
  std::optional<std::uint32_t> local_preference;
  for (const Advertisement* one : outlet.advertisements) {
    if (!selects_node(view, *one, node)) continue;
    merge_into(merged.communities, one->communities);
    std::ranges::transform(one->large_communities, std::back_inserter(merged.large_communities),
                           told);
    if (!local_preference) local_preference = one->local_preference;
    if (!merged.med) merged.med = one->med;
    if (merged.prepend == 0) merged.prepend = one->prepend;
  }
  if (local_preference) merged.local_pref = *local_preference;
  sort_unique(merged.communities);
  sort_unique(merged.large_communities);
  return merged;
}

std::vector<bgp::Path> paths_of(const Carriers& carriers, Family family, const PathIds& ids,
                                const AttributesOf& attributes) {
  std::map<Address, bgp::Path> by_next_hop;
  for (const auto* node : carriers.nodes) {
    const NodeStanding& standing = node->second;
    const NextHop& next_hop = standing.next_hop(family);
    if (!next_hop.address) continue;
    const auto id = ids.find(*next_hop.address);
    if (!id) continue;  // named when the standings were settled
    bgp::Path path{.id = *id,
                   .next_hop = *next_hop.address,
                   .own = standing.own,
                   .own_address = next_hop.own_address,
                   .attributes = attributes(node->first)};
    if (standing.marked) {
      path.attributes.local_pref = 0;
      path.attributes.communities.push_back(kGracefulShutdown);
      sort_unique(path.attributes.communities);
    }
    const auto [known, is_first] = by_next_hop.try_emplace(path.next_hop, path);
    if (is_first) continue;
    known->second.own = known->second.own || path.own;
    known->second.own_address = known->second.own_address || path.own_address;
    if (!standing.marked) known->second.attributes = path.attributes;
  }
  std::vector<bgp::Path> paths;
  for (auto& [next_hop, path] : by_next_hop)
    paths.push_back(std::move(path));
  std::ranges::sort(paths);
  return paths;
}

Selection::Selection(const AdvertiseGround& ground, const Claim& claim, const Address& address)
    : ground_{ground}, claim_{claim}, address_{address} {
  for (const Advertisement* one : ground.by_age) {
    const bool selected = std::ranges::any_of(
        claim.holders, [&](const Holder& holder) { return selects(*one, holder); });
    if (!selected) continue;
    advertisements_.push_back(one);
    peers_.insert(one->peers.begin(), one->peers.end());
    is_weighed_ = is_weighed_ || one->weight == Advertisement::Weight::Endpoints;
  }
  if (!is_weighed_) return;
  for (const model::NamespacedName& service : claim.services) {
    for (const auto& [node, count] : ready_by_node(ground.view, service, address.family()))
      ready_on_[node] += count;
  }
}

bool Selection::is_plain() const {
  return !is_weighed_ && std::ranges::all_of(claim_.holders, [](const Holder& holder) {
    return holder.wish == model::BgpWish{};
  });
}

bool Selection::selects(const Advertisement& advertisement, const Holder& holder) const {
  const View& view = ground_.view;
  const auto eip = view.eips.find(holder.eip);
  if (!advertisement.selects_all_eips()) {
    const model::StringMap none;
    const model::StringMap& labels = eip == view.eips.end() ? none : eip->second.meta.labels;
    if (!advertisement.selects_eip(holder.eip, labels)) return false;
  }
  const model::Meta& service = holder.service->meta;
  if (advertisement.service_selector && !advertisement.service_selector->matches(service.labels))
    return false;
  return !advertisement.namespace_selector ||
         advertisement.namespace_selector->matches(view.namespace_labels(service.name.ns));
}

std::optional<Prefix> Selection::aggregate_of(const Advertisement& advertisement) const {
  const auto& length =
      address_.is_v4() ? advertisement.aggregation_length : advertisement.aggregation_length_v6;
  if (!length || *length >= bits_of(address_.family())) return std::nullopt;
  return Prefix{address_, *length};
}

bool Selection::lies_in_one_pool(const Prefix& aggregate) const {
  if (claim_.holders.empty()) return false;
  const auto eip = ground_.view.eips.find(claim_.holders.front().eip);
  return eip != ground_.view.eips.end() && covers(eip->second.addresses, aggregate);
}

std::vector<Outlet> Selection::outlets(const std::string& audience) const {
  std::map<Prefix, std::vector<const Advertisement*>> by_prefix;
  const Prefix host = Prefix::host(address_);
  bool is_selected = false;
  for (const Advertisement* one : advertisements_) {
    if (!selects_audience(*one, audience)) continue;
    is_selected = true;
    const std::optional<Prefix> aggregate = aggregate_of(*one);
    const bool is_whole = aggregate && lies_in_one_pool(*aggregate);
    if (is_whole) by_prefix[*aggregate].push_back(one);
    // Until the kernel route of the aggregate stands, and where it cannot, the address goes out as
    // it would without one.
    if (!is_whole || claim_.is_local || !is_held(ground_, *aggregate))
      by_prefix[host].push_back(one);
  }
  if (!is_selected && !ground_.only_selected && !claim_.holders.empty()) by_prefix[host];
  std::vector<Outlet> outlets;
  for (auto& [prefix, advertisements] : by_prefix)
    outlets.push_back({.prefix = prefix, .advertisements = std::move(advertisements)});
  return outlets;
}

Carriers Selection::carriers_of(const Outlet& outlet) const {
  const auto is_open = [](const Advertisement* one) { return !one->node_selector; };
  if (outlet.advertisements.empty() || std::ranges::any_of(outlet.advertisements, is_open))
    return carriers(ground_.standings, address_.family(), claim_.reach);
  Reach reach;
  for (const auto& [node, standing] : ground_.standings) {
    const bool selected = std::ranges::any_of(outlet.advertisements, [&](const auto* one) {
      return selects_node(ground_.view, *one, node);
    });
    if (selected && claim_.reach.covers(node)) reach.nodes.insert(node);
  }
  return carriers(ground_.standings, address_.family(), reach);
}

unsigned Selection::weight_on(const std::string& node) const {
  const auto ready = ready_on_.find(node);
  return ready == ready_on_.end() ? 1 : ready->second;
}

bool Selection::is_allowed(const std::vector<const Advertisement*>& by, const Holder& holder,
                           const Allows& allows) const {
  return std::ranges::any_of(by, [&](const Advertisement* one) {
    return allows(one->overrides) && selects(*one, holder);
  });
}

bgp::PathAttributes Selection::attributes(const Outlet& outlet, const std::string& node) const {
  bgp::PathAttributes merged = merged_attributes(ground_.view, outlet, node);
  std::vector<const Advertisement*> by;
  std::ranges::copy_if(outlet.advertisements, std::back_inserter(by),
                       [&](const auto* one) { return selects_node(ground_.view, *one, node); });
  if (by.empty()) return merged;
  const bool is_weighed = std::ranges::any_of(
      by, [](const auto* one) { return one->weight == Advertisement::Weight::Endpoints; });
  if (is_weighed) merged.weight = weight_on(node);
  // Of Services that share the address the first that joined counts.
  bool has_preference = false;
  bool has_med = false;
  bool has_prepend = false;
  for (const Holder& holder : claim_.holders) {
    const model::BgpWish& wish = holder.wish;
    const auto may = [&](const Allows& allows) { return is_allowed(by, holder, allows); };
    for (const std::uint32_t community : wish.communities) {
      if (may([&](const auto& overrides) { return overrides.allows(community); }))
        merged.communities.push_back(community);
    }
    for (const model::LargeCommunity& community : wish.large_communities) {
      if (may([&](const auto& overrides) { return overrides.allows(community); }))
        merged.large_communities.push_back(told(community));
    }
    if (!has_preference && wish.local_preference &&
        may([](const auto& overrides) { return overrides.local_preference; })) {
      merged.local_pref = *wish.local_preference;
      has_preference = true;
    }
    if (!has_med && wish.med && may([](const auto& overrides) { return overrides.med; })) {
      merged.med = wish.med;
      has_med = true;
    }
    if (!has_prepend && wish.prepend &&
        may([](const auto& overrides) { return overrides.prepend; })) {
      merged.prepend = *wish.prepend;
      has_prepend = true;
    }
  }
  sort_unique(merged.communities);
  sort_unique(merged.large_communities);
  return merged;
}

}  // namespace porter::plan
