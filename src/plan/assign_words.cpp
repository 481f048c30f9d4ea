// SPDX-License-Identifier: Apache-2.0
#include "plan/assign_words.hpp"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace porter::plan::words {
namespace {

constexpr std::size_t kMostNames = 5;
constexpr std::size_t kMostRanges = 3;
constexpr std::array<std::string_view, 13> kNumberWords{"none", "one",    "two",   "three", "four",
                                                        "five", "six",    "seven", "eight", "nine",
                                                        "ten",  "eleven", "twelve"};

std::string number_word(const ipam::Count& count) {
  const std::int64_t number = count.clamped();
  if (number < static_cast<std::int64_t>(kNumberWords.size()))
    return std::string{kNumberWords[static_cast<std::size_t>(number)]};
  return to_string(count);
}

// Who is on the addresses of the pool, lowest first, cut short.
std::string users(const ipam::Allocator& allocator, const ipam::Pool& pool, Family family) {
  std::vector<std::string> names;
  ipam::Count rest = pool.usable(family);
  for (const Range& range : pool.ranges()) {
    if (range.family() != family) continue;
    auto lease = allocator.leases().lower_bound(range.first());
    for (; lease != allocator.leases().end() && lease->first <= range.last(); ++lease) {
      if (names.size() == kMostNames) break;
      if (!pool.gives(lease->first)) continue;
      names.push_back(holders(lease->second));
      rest -= ipam::Count{1};
    }
  }
  if (rest.is_zero()) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names, ", "), to_string(rest));
}

}  // namespace

std::string ranges(const model::Eip& eip, Family family) {
  std::vector<std::string> texts;
  std::size_t more = 0;
  for (const Range& range : eip.addresses) {
    if (range.family() != family) continue;
    if (texts.size() < kMostRanges) {
      texts.push_back(to_string(range));
    } else {
      ++more;
    }
  }
  const std::string text = fmt::format("{}", fmt::join(texts, ", "));
  return more == 0 ? text : fmt::format("{} and {} more", text, more);
}

std::string bar(const model::Eip& eip, Bar why, const model::Service& service, Family family) {
  const std::string& name = eip.meta.name.name;
  switch (why) {
    case Bar::None: return fmt::format("Eip {} may serve it", name);
    case Bar::Namespace:
      return fmt::format("Eip {} is not for namespace {}", name, service.meta.name.ns);
    case Bar::Service:
      return fmt::format("Eip {} does not select the Service (serviceSelector {})", name,
                         eip.service_selector ? to_string(*eip.service_selector) : "");
    case Bar::Disabled: return fmt::format("Eip {} is disabled", name);
    case Bar::Deleting: return fmt::format("Eip {} is being deleted and gives nothing new", name);
    case Bar::Protocol:
      return fmt::format("Eip {} is of protocol {}", name, model::to_string(eip.protocol));
    case Bar::Family: return fmt::format("Eip {} has no {} addresses", name, to_string(family));
    case Bar::Layer2:
      return fmt::format(
          "Eip {} is of protocol layer2, which this release does not announce: it gives "
          "addresses only to Services that ask for it",
          name);
    case Bar::NotAutomatic: return fmt::format("Eip {} has to be named (autoAssign: false)", name);
    case Bar::NotDefault: return fmt::format("Eip {} is not marked default, and another is", name);
  }
  return {};
}

std::string not_given(const model::Eip& eip, const ipam::Pool& pool, const Address& address) {
  const std::string& name = eip.meta.name.name;
  if (!pool.skips(address)) return fmt::format("Eip {} excludes {}", name, to_string(address));
  return fmt::format("Eip {} skips {}, as all that ends in .0 or .255 (usingKnownIPs: false)", name,
                     to_string(address));
}

Reason reason_of(Bar why) {
  switch (why) {
    case Bar::Namespace: return Reason::PoolNotForNamespace;
    case Bar::Service: return Reason::PoolNotForService;
    case Bar::Disabled:
    case Bar::Deleting: return Reason::PoolDisabled;
    case Bar::Protocol: return Reason::ProtocolMismatch;
    case Bar::Family: return Reason::FamilyUnavailable;
    case Bar::Layer2: return Reason::ProtocolUnavailable;
    case Bar::None:
    case Bar::NotAutomatic:
    case Bar::NotDefault: break;
  }
  return Reason::NoPool;
}

std::string exhausted(const ipam::Allocator& allocator, const model::Eip& eip, Family family) {
  const std::string& name = eip.meta.name.name;
  const ipam::Pool* const pool = allocator.pool(name);
  if (pool == nullptr || pool->usable(family).is_zero())
    return fmt::format("Eip {} ({}) excludes all of its addresses", name, ranges(eip, family));
  const ipam::Count count = pool->usable(family);
  const std::string what = count == ipam::Count{1}
                               ? "the only address"
                               : fmt::format("all {} addresses", to_string(count));
  return fmt::format("{} of Eip {} ({}) {} in use: {}", what, name, ranges(eip, family),
                     count == ipam::Count{1} ? "is" : "are", users(allocator, *pool, family));
}

std::string free_one(const ipam::Allocator& allocator, const model::Eip& eip, Family family) {
  const std::string& name = eip.meta.name.name;
  const ipam::Pool* const pool = allocator.pool(name);
  const ipam::Count count = pool != nullptr ? pool->usable(family) : ipam::Count{};
  std::string widen = fmt::format("add a pool or widen one (kubectl edit eip {})", name);
  if (count.is_zero()) return widen;
  if (count == ipam::Count{1}) return widen + ", free the one";
  return fmt::format("{}, free one of the {}", widen, number_word(count));
}

std::string collision(const ipam::Collision& collision) {
  using Kind = ipam::Collision::Kind;
  const std::string with = model::to_string(collision.with);
  switch (collision.kind) {
    case Kind::NoConsent: return fmt::format("is held by {}", with);
    case Kind::OtherNamespace:
      return fmt::format(
          "cannot be shared with {}: it is in another namespace, and not both carry the "
          "same share key",
          with);
    case Kind::TrafficPolicy:
      return fmt::format(
          "cannot be shared with {}: one has externalTrafficPolicy Cluster, the other Local", with);
    case Kind::Selector:
      return fmt::format(
          "cannot be shared with {}: both have externalTrafficPolicy Local, and their "
          "selectors are not equal and non-empty",
          with);
    case Kind::Port:
      return fmt::format("cannot be shared with {}: both have port {} {}", with,
                         model::to_string(collision.port.protocol), collision.port.port);
    case Kind::TooMany:
      return fmt::format(
          "cannot be shared with {} and the others: {} Services are the most on one address", with,
          ipam::kMostSharers);
  }
  return {};
}

std::string collision_fix(const ipam::Collision& collision) {
  using Kind = ipam::Collision::Kind;
  const std::string with = model::to_string(collision.with);
  switch (collision.kind) {
    case Kind::NoConsent:
      return fmt::format(
          "ask for another address, or let {} and this Service share it: the same annotation "
          "network.kubesphere.io/share on both",
          with);
    case Kind::OtherNamespace:
      return fmt::format(
          "set the same annotation network.kubesphere.io/share on {} and on this Service", with);
    case Kind::TrafficPolicy:
      return "give both the same externalTrafficPolicy, or ask for another address";
    case Kind::Selector:
      return "give both the same selector or externalTrafficPolicy Cluster, or ask for another "
             "address";
    case Kind::Port:
      return fmt::format("change port {} {} of one of the two, or ask for another address",
                         model::to_string(collision.port.protocol), collision.port.port);
    case Kind::TooMany: return "ask for another address";
  }
  return {};
}

std::string holders(const ipam::Lease& lease) {
  if (!lease.holders.empty()) {
    std::string first = model::to_string(lease.holders.front().holder.service);
    if (lease.holders.size() == 1) return first;
    return fmt::format("{} (with {} more)", first, lease.holders.size() - 1);
  }
  if (!lease.kept.empty()) return model::to_string(lease.kept.front().service) + " (kept for it)";
  return lease.reserved ? "(reserved)" : "(being released)";
}

}  // namespace porter::plan::words
