// SPDX-License-Identifier: Apache-2.0
#include "bgp/adj_rib_in.hpp"

#include <algorithm>

namespace porter::bgp {
namespace {

constexpr std::uint32_t kBroadcast = 0xffff'ffff;

// About what one set takes: enough to bound memory, not to account for it.
std::size_t octets_of(const Attributes& attributes) {
  std::size_t octets = sizeof(Attributes) + 64;
  if (attributes.as_path) {
    for (const AsSegment& segment : *attributes.as_path) {
      octets += sizeof segment + segment.numbers.capacity() * sizeof(Asn);
    }
  }
  octets += attributes.communities.capacity() * sizeof(std::uint32_t);
  octets += attributes.cluster_list.capacity() * sizeof(std::uint32_t);
  octets += attributes.large_communities.capacity() * sizeof(LargeCommunity);
  octets += attributes.extended_communities.capacity() * 8;
  for (const UnknownAttribute& other : attributes.others) {
    octets += sizeof other + other.value.capacity();
  }
  return octets;
}

// RFC 4271 §6.3: a prefix that is no place to send unicast to is ignored, and nothing worse.
bool is_usable(const Prefix& prefix) {
  static const Prefix kV6LinkLocal{Address::from_number(Family::V6, Uint128{0xfe80} << 112U), 10};
  const Address& address = prefix.address();
  const unsigned multicast_length = prefix.family() == Family::V4 ? 4 : 8;
  if (address.is_multicast() && prefix.length() >= multicast_length) return false;
  const bool is_v6_link_local = prefix.family() == Family::V6 &&
                                prefix.length() >= kV6LinkLocal.length() &&
                                kV6LinkLocal.contains(address);
  return !is_v6_link_local;
}

bool is_v4_mapped(const Address& address) {
  return address.is_v6() && address.number() >> 32U == 0xffff;
}

}  // namespace

AdjRibIn::AdjRibIn(Config config) : config_{std::move(config)} {}

void AdjRibIn::configure(Config config) {
  config_ = std::move(config);
  for (auto& [attributes, shared] : sets_)
    shared.usable = usable(attributes);
  rejudge(v4_);
  rejudge(v6_);
}

void AdjRibIn::rejudge(Table& table) {
  table.accepted = 0;
  for (auto& [key, route] : table.routes) {
    route.accepted = route.set->second.usable && is_usable(key.first);
    table.accepted += route.accepted ? 1U : 0U;
  }
}

// RFC 4271 §9.1.2, 4456 §8.
bool AdjRibIn::is_loop(const Attributes& attributes) const {
  std::uint32_t seen = 0;
  if (attributes.as_path) {
    for (const AsSegment& segment : *attributes.as_path) {
      seen += static_cast<std::uint32_t>(std::ranges::count(segment.numbers, config_.local_as));
    }
  }
  if (seen > config_.allow_own_as) return true;
  if (config_.own_id.bits == 0) return false;
  return attributes.originator == config_.own_id ||
         std::ranges::find(attributes.cluster_list, config_.own_id.bits) !=
             attributes.cluster_list.end();
}

// RFC 9234 §5, ingress: what may go to customers only came from a customer, or from a peer that had
// it from another one.
bool AdjRibIn::is_leak(const Attributes& attributes) const {
  if (!config_.role || !attributes.only_to_customer) return false;
  const bool from_below = config_.role == Role::Provider || config_.role == Role::RouteServer;
  return from_below ||
         (config_.role == Role::Peer && attributes.only_to_customer != config_.remote_as);
}

// RFC 4271 §5.1.3, §6.3: the address of a host, and of another one than this.
bool AdjRibIn::is_usable_next_hop(const Address& address) const {
  if (address.is_multicast() || address.is_loopback() || is_v4_mapped(address)) return false;
  // All of 0.0.0.0/8 is "this host on this network" (RFC 1122 §3.2.1.3).
  if (address.is_v4() && (address.v4_bits() >> 24U == 0 || address.v4_bits() == kBroadcast)) {
    return false;
  }
  if (address.is_unspecified()) return false;
  return std::ranges::find(config_.own_addresses, address) == config_.own_addresses.end();
}

bool AdjRibIn::usable(const Attributes& attributes) const {
  if (is_loop(attributes) || is_leak(attributes) || !attributes.next_hop) return false;
  // Some write :: where they have no global address beside the link-local one (RFC 2545 §3).
  const bool has_link_local_only =
      attributes.next_hop->is_unspecified() && attributes.link_local_next_hop.has_value();
  return is_usable_next_hop(has_link_local_only ? *attributes.link_local_next_hop
                                                : *attributes.next_hop);
}

void AdjRibIn::release(Sets::iterator set) {
  if (--set->second.routes > 0) return;
  octets_ -= set->second.octets;
  sets_.erase(set);
}

void AdjRibIn::erase(Table& table, std::map<Key, Route>::iterator route) {
  table.accepted -= route->second.accepted ? 1U : 0U;
  const Sets::iterator set = route->second.set;
  table.routes.erase(route);
  release(set);
}

void AdjRibIn::withdraw(const Nlri& nlri) {
  Table& routes = table(nlri.prefix.family());
  const auto found = routes.routes.find({nlri.prefix, nlri.id});
  if (found != routes.routes.end()) erase(routes, found);
}

// True: some route was beyond the limit.
bool AdjRibIn::announce(const std::vector<Nlri>& routes, const Attributes& attributes) {
  if (routes.empty()) return false;
  // One look-up for all routes of an UPDATE. Held by one use of ours, so that no withdrawal between
  // can take it away.
  auto [set, is_new] = sets_.try_emplace(attributes);
  if (is_new) {
    set->second.octets = octets_of(attributes);
    set->second.usable = usable(attributes);
    octets_ += set->second.octets;
  }
  ++set->second.routes;
  const bool fits = octets_ <= kMaxAttributeOctets;
  bool passed = false;
  for (const Nlri& nlri : routes) {
    Table& into = table(nlri.prefix.family());
    const std::uint32_t most = nlri.prefix.family() == Family::V4 ? config_.max_v4 : config_.max_v6;
    auto found = into.routes.find({nlri.prefix, nlri.id});
    const bool is_known = found != into.routes.end();
    if (!fits || (!is_known && into.routes.size() >= most)) {
      // What it replaces is no longer what the peer says (RFC 4271 §3.1).
      if (is_known) erase(into, found);
      ++into.ignored;
      passed = true;
      continue;
    }
    ++set->second.routes;
    if (is_known) {
      into.accepted -= found->second.accepted ? 1U : 0U;
      release(found->second.set);
    } else {
      found = into.routes.try_emplace({nlri.prefix, nlri.id}).first;
    }
    found->second = {
        .set = set, .accepted = set->second.usable && is_usable(nlri.prefix), .stale = false};
    into.accepted += found->second.accepted ? 1U : 0U;
  }
  release(set);
  return passed;
}

bool AdjRibIn::apply(const Update& update) {
  for (const Nlri& nlri : update.withdrawn)
    withdraw(nlri);
  if (update.verdict >= Verdict::TreatAsWithdraw) {
    for (const Nlri& nlri : update.announced)
      withdraw(nlri);
    for (const Nlri& nlri : update.mp_announced)
      withdraw(nlri);
    return false;
  }
  const bool passed = announce(update.announced, update.attributes);
  const bool mp_passed = announce(update.mp_announced, update.mp_attributes);
  return (passed || mp_passed) && config_.when_full == WhenFull::Cease;
}

void AdjRibIn::mark_stale(Family family, Earlier earlier) {
  if (earlier == Earlier::Drop) drop_stale(family);
  for (auto& [key, route] : table(family).routes)
    route.stale = true;
}

template <class Condition>
void AdjRibIn::erase_if(Table& table, const Condition& condition) {
  for (auto route = table.routes.begin(); route != table.routes.end();) {
    const auto next = std::next(route);
    if (condition(route->second)) erase(table, route);
    route = next;
  }
}

void AdjRibIn::drop_stale(Family family) {
  erase_if(table(family), [](const Route& route) { return route.stale; });
}

void AdjRibIn::drop_stale_with(Family family, std::uint32_t community) {
  erase_if(table(family), [community](const Route& route) {
    const auto& communities = route.set->first.communities;
    return route.stale && std::ranges::find(communities, community) != communities.end();
  });
}

void AdjRibIn::clear() {
  clear(Family::V4);
  clear(Family::V6);
}

void AdjRibIn::clear(Family family) {
  Table& routes = table(family);
  while (!routes.routes.empty())
    erase(routes, routes.routes.begin());
  routes.ignored = 0;
}

bool AdjRibIn::holds(const Prefix& prefix) const {
  const Table& routes = table(prefix.family());
  for (auto route = routes.routes.lower_bound({prefix, 0});
       route != routes.routes.end() && route->first.first == prefix; ++route) {
    if (route->second.accepted) return true;
  }
  return false;
}

std::size_t AdjRibIn::received(Family family) const {
  return table(family).routes.size();
}

std::size_t AdjRibIn::accepted(Family family) const {
  return table(family).accepted;
}

std::uint64_t AdjRibIn::ignored_over_limit(Family family) const {
  return table(family).ignored;
}

std::vector<AdjRibIn::Entry> AdjRibIn::entries(std::size_t count) const {
  std::vector<Entry> out;
  out.reserve(std::min(count, v4_.routes.size() + v6_.routes.size()));
  for (const Table* const routes : {&v4_, &v6_}) {
    for (const auto& [key, route] : routes->routes) {
      if (out.size() == count) return out;
      out.push_back({.nlri = {.id = key.second, .prefix = key.first},
                     .attributes = route.set->first,
                     .accepted = route.accepted,
                     .stale = route.stale});
    }
  }
  return out;
}

}  // namespace porter::bgp
