// SPDX-License-Identifier: Apache-2.0
#include "plan/assign_choice.hpp"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "plan/assign_words.hpp"

namespace porter::plan {
namespace {

// Kubernetes labels every namespace with its name; a folder need not have the Namespace at all.
bool selects_namespace(const View& view, const model::Selector& selector, const std::string& ns) {
  model::StringMap labels = view.namespace_labels(ns);
  labels.try_emplace("kubernetes.io/metadata.name", ns);
  return selector.matches(labels);
}

bool has_family(const model::Eip& eip, Family family) {
  return std::any_of(eip.addresses.begin(), eip.addresses.end(),
                     [&](const Range& range) { return range.family() == family; });
}

}  // namespace

PoolOrder pool_order(const View& view) {
  PoolOrder order;
  for (const auto& [name, eip] : view.eips) {
    order.eips.push_back(&eip);
    order.has_default = order.has_default || eip.is_default;
  }
  const auto rank = [](const model::Eip* eip) { return std::tie(eip->priority, eip->meta.name); };
  std::sort(
      order.eips.begin(), order.eips.end(),
      [&](const model::Eip* left, const model::Eip* right) { return rank(left) < rank(right); });
  return order;
}

const Wish& Chooser::wish_of(const model::Service& service) const {
  const auto found = known_.find(service.meta.name);
  PORTER_ASSERT(found != known_.end());
  return found->second.wish;
}

// What holds whether the pool is named or not. Selectors come first: they are never bypassed.
Bar Chooser::policy_bar(const model::Eip& eip, const model::Service& service) const {
  const std::string& ns = service.meta.name.ns;
  const bool by_namespace = !eip.namespaces.empty() || eip.namespace_selector;
  const bool is_listed =
      std::find(eip.namespaces.begin(), eip.namespaces.end(), ns) != eip.namespaces.end();
  if (by_namespace && !is_listed &&
      !(eip.namespace_selector && selects_namespace(view_, *eip.namespace_selector, ns)))
    return Bar::Namespace;
  if (eip.service_selector && !eip.service_selector->matches(service.meta.labels))
    return Bar::Service;
  if (eip.meta.deleting) return Bar::Deleting;
  if (eip.disable) return Bar::Disabled;
  const auto& protocol = wish_of(service).request.protocol;
  return protocol && *protocol != eip.protocol ? Bar::Protocol : Bar::None;
}

Bar Chooser::automatic_bar(const model::Eip& eip, const model::Service& service) const {
  const Bar bar = policy_bar(eip, service);
  if (bar != Bar::None) return bar;
  if (!eip.auto_assign) return Bar::NotAutomatic;
  if (eip.protocol == model::Protocol::Layer2 && !wish_of(service).request.protocol)
    return Bar::Layer2;
  return Bar::None;
}

// (3) of api.md 4.
Chooser::Candidates Chooser::named(const model::Service& service, Family family) const {
  Candidates found;
  const Wish& wish = wish_of(service);
  for (const model::Eip* const eip : order_.eips) {
    if (!wish.names_pool(eip->meta.name.name)) continue;
    Bar bar = policy_bar(*eip, service);
    if (bar == Bar::None && !has_family(*eip, family)) bar = Bar::Family;
    if (bar == Bar::None) {
      found.eips.push_back(eip);
    } else {
      found.passed.push_back({.eip = eip, .bar = bar});
    }
  }
  for (const std::string& name : wish.request.pools) {
    if (!view_.eips.contains(name)) found.missing.push_back(name);
  }
  return found;
}

// (4), (5) and (6) of api.md 4, one behind the other.
Chooser::Candidates Chooser::automatic(const model::Service& service, Family family) const {
  Candidates found;
  std::vector<const model::Eip*> behind;
  for (const model::Eip* const eip : order_.eips) {
    Bar bar = automatic_bar(*eip, service);
    if (bar == Bar::None && !has_family(*eip, family)) bar = Bar::Family;
    if (bar == Bar::None && !eip->has_selectors() && !eip->is_default && order_.has_default)
      bar = Bar::NotDefault;
    if (bar != Bar::None) {
      found.passed.push_back({.eip = eip, .bar = bar});
    } else if (eip->has_selectors()) {
      found.eips.push_back(eip);
    } else {
      behind.push_back(eip);
    }
  }
  found.eips.insert(found.eips.end(), behind.begin(), behind.end());
  return found;
}

Chooser::Candidates Chooser::candidates(const model::Service& service, Family family) const {
  return wish_of(service).request.pools.empty() ? automatic(service, family)
                                                : named(service, family);
}

Result<Choice, Refusal> Chooser::choose(const model::Service& service, Family family,
                                        const std::vector<Address>& preferred) const {
  const Wish& wish = wish_of(service);
  if (const auto asked = wish.address(family)) return choose_asked(service, *asked);
  const Candidates from = candidates(service, family);
  if (auto choice = choose_preferred(service, family, from, preferred)) return *choice;
  if (auto choice = choose_joining(service, family, from)) return *choice;
  for (const model::Eip* const eip : from.eips) {
    const std::string& name = eip->meta.name.name;
    const ipam::Pool* const pool = allocator_.pool(name);
    PORTER_ASSERT(pool != nullptr);
    if (const auto free = allocator_.lowest_free(*pool, family))
      return Choice{.address = *free, .eip = name};
  }
  return Failure<Refusal>{refuse_candidates(service, family, from)};
}

// (2) of api.md 4: any pool that contains it and may serve the Service, autoAssign or not.
Result<Choice, Refusal> Chooser::choose_asked(const model::Service& service,
                                              const Address& address) const {
  const Wish& wish = wish_of(service);
  const ipam::Lease* const lease = allocator_.lease(address);
  const bool is_held = lease != nullptr && !lease->holders.empty();
  std::optional<Refusal> refusal;
  for (const model::Eip* const eip : order_.eips) {
    const std::string& name = eip->meta.name.name;
    if (!eip->contains(address) || (!wish.request.pools.empty() && !wish.names_pool(name)))
      continue;
    if (is_held && name != lease->eip) continue;  // who joins takes it from the same pool
    const Bar bar = policy_bar(*eip, service);
    if (bar == Bar::None && (is_held || allocator_.pool(name)->gives(address))) {
      if (auto object = objection(service, address)) return Failure<Refusal>{std::move(*object)};
      return Choice{.address = address, .eip = name};
    }
    if (!refusal) refusal = refuse_asked(service, address, *eip, bar);
  }
  if (!refusal && is_held) refusal = objection(service, address);
  if (!refusal) refusal = refuse_not_in_pool(service, address);
  refusal->needs.addresses = {address};
  return Failure<Refusal>{std::move(*refusal)};
}

std::optional<Choice> Chooser::choose_preferred(const model::Service& service, Family family,
                                                const Candidates& from,
                                                const std::vector<Address>& preferred) const {
  for (const Address& address : preferred) {
    if (address.family() != family) continue;
    for (const model::Eip* const eip : from.eips) {
      const ipam::Pool* const pool = allocator_.pool(eip->meta.name.name);
      if (pool->gives(address) && allocator_.is_open_to(address, service.meta.name))
        return Choice{.address = address, .eip = eip->meta.name.name};
    }
  }
  return std::nullopt;
}

// Whoever carries a share key gathers on one address as long as the rules allow it. The search is
// bounded: ten thousand Services under one key must not look at each other.
std::optional<Choice> Chooser::choose_joining(const model::Service& service, Family family,
                                              const Candidates& from) const {
  const std::string& key = wish_of(service).request.share_key;
  if (key.empty()) return std::nullopt;
  std::size_t left = kMostJoinsTried;
  for (const Address& address : allocator_.with_share_key(key)) {
    if (address.family() != family) continue;
    if (left-- == 0) break;
    const ipam::Lease* const lease = allocator_.lease(address);
    const bool is_candidate =
        std::any_of(from.eips.begin(), from.eips.end(),
                    [&](const model::Eip* eip) { return eip->meta.name.name == lease->eip; });
    if (is_candidate && unheard(*lease) == nullptr && !collision(service, address, *lease))
      return Choice{.address = address, .eip = lease->eip};
  }
  return std::nullopt;
}

std::optional<Choice> Chooser::restore(const model::Service& service, Family family) const {
  const auto asked = wish_of(service).address(family);
  for (const model::Ingress& ingress : service.ingress) {
    const Result<Address> address = Address::parse(ingress.ip);
    if (!address || address->family() != family || asked.value_or(*address) != *address) continue;
    if (objection(service, *address)) continue;
    if (const model::Eip* const eip = legal_pool(service, *address))
      return Choice{.address = *address, .eip = eip->meta.name.name};
  }
  return std::nullopt;
}

// A pool from which the Service may hold the address; one that would give it today, if there is
// one.
const model::Eip* Chooser::legal_pool(const model::Service& service, const Address& address) const {
  const Wish& wish = wish_of(service);
  const ipam::Lease* const lease = allocator_.lease(address);
  const bool is_held = lease != nullptr && !lease->holders.empty();
  const model::Eip* legal = nullptr;
  for (const model::Eip* const eip : order_.eips) {
    const std::string& name = eip->meta.name.name;
    if (!eip->contains(address) || (eip->meta.deleting && eip->evict)) continue;
    if (is_held && lease->eip != name) continue;
    if (!wish.request.pools.empty() && !wish.names_pool(name)) continue;
    if (wish.request.protocol.value_or(eip->protocol) != eip->protocol) continue;
    if (policy_bar(*eip, service) == Bar::None) return eip;
    if (legal == nullptr) legal = eip;
  }
  return legal;
}

const model::Eip* Chooser::home_for(const model::Service& service, const Address& address,
                                    const std::string& not_this) const {
  std::vector<const model::Eip*> from = order_.eips;
  if (!wish_of(service).asks_for(address)) from = candidates(service, address.family()).eips;
  for (const model::Eip* const eip : from) {
    const std::string& name = eip->meta.name.name;
    if (name == not_this || !allocator_.pool(name)->gives(address)) continue;
    if (policy_bar(*eip, service) == Bar::None) return eip;
  }
  return nullptr;
}

std::string Chooser::outside_policy(const model::Service& service, const Address& address,
                                    const model::Eip& eip) const {
  const std::string& name = eip.meta.name.name;
  const Bar bar = policy_bar(eip, service);
  if (bar != Bar::None && bar != Bar::Protocol)
    return words::bar(eip, bar, service, address.family());
  const ipam::Pool* const pool = allocator_.pool(name);
  if (!pool->gives(address)) return words::not_given(eip, *pool, address);
  const Wish& wish = wish_of(service);
  if (!eip.auto_assign && !wish.names_pool(name) && !wish.asks_for(address))
    return words::bar(eip, Bar::NotAutomatic, service, address.family());
  return {};
}

const model::NamespacedName* Chooser::unheard(const ipam::Lease& lease) const {
  if (view_.whole) return nullptr;
  const auto found =
      std::find_if(lease.holders.begin(), lease.holders.end(), [&](const ipam::Lease::Held& held) {
        return !known_.contains(held.holder.service);  // not even as one that is gone
      });
  return found == lease.holders.end() ? nullptr : &found->holder.service;
}

ipam::Sharer Chooser::sharer(const model::Service& service, const Address& address) const {
  const Wish& wish = wish_of(service);
  return {.service = &service, .share_key = wish.request.share_key, .asks = wish.asks_for(address)};
}

// With those that hold it; one that is gone stands in nobody's way, and is about to be shown out.
std::optional<ipam::Collision> Chooser::collision(const model::Service& service,
                                                  const Address& address,
                                                  const ipam::Lease& lease) const {
  ipam::Sharing sharing;
  for (const ipam::Lease::Held& held : lease.holders) {
    const auto other = view_.services.find(held.holder.service);
    if (other != view_.services.end())
      static_cast<void>(sharing.admit(sharer(other->second, address)));
  }
  return sharing.collision(sharer(service, address));
}

std::optional<Refusal> Chooser::objection(const model::Service& service,
                                          const Address& address) const {
  const ipam::Lease* const lease = allocator_.lease(address);
  if (allocator_.is_open_to(address, service.meta.name)) return std::nullopt;
  const std::string text = to_string(address);
  Refusal refusal;
  refusal.needs.addresses = {address};
  if (const auto* const holder = unheard(*lease)) {
    refusal.reason = Reason::AddressInUse;
    refusal.message = fmt::format("{} is held by {}, which may be in a file that cannot be read",
                                  text, model::to_string(*holder));
    refusal.fix = "mend the files that porter status names";
  } else if (!lease->holders.empty()) {
    const auto found = collision(service, address, *lease);
    if (!found) return std::nullopt;
    refusal.reason = found->kind == ipam::Collision::Kind::NoConsent ? Reason::AddressInUse
                                                                     : Reason::ShareRefused;
    refusal.message = fmt::format("{} {}", text, words::collision(*found));
    refusal.fix = words::collision_fix(*found);
  } else if (lease->releasing) {
    refusal.reason = Reason::AddressInUse;
    refusal.message = fmt::format("{} is being released; its record is not yet durable", text);
    refusal.momentary = true;
  } else if (!lease->kept.empty()) {
    refusal.reason = Reason::AddressReserved;
    refusal.message = fmt::format("{} is kept for {} (reclaim policy Retain of Eip {})", text,
                                  model::to_string(lease->kept.front().service), lease->eip);
  } else {
    refusal.reason = Reason::AddressReserved;
    refusal.message =
        fmt::format("{} is reserved by EipAddress {}", text, model::eip_address_name(address));
    refusal.fix = fmt::format("ask for another address, or delete EipAddress {}",
                              model::eip_address_name(address));
  }
  return refusal;
}

}  // namespace porter::plan
