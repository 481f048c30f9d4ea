// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "plan/assign_choice.hpp"
#include "plan/assign_words.hpp"

// Why a Service gets no address, and what would help: the second half of the Chooser.
namespace porter::plan {
namespace {

constexpr std::size_t kMostPoolsTold = 3;

// The reason nearest to an address first: a disabled pool would do once it is enabled, one for
// another namespace would not.
constexpr std::array kNearest{Reason::PoolDisabled, Reason::ProtocolMismatch,
                              Reason::ProtocolUnavailable, Reason::FamilyUnavailable};

std::string told(std::vector<std::string> texts) {
  const std::size_t more = texts.size() > kMostPoolsTold ? texts.size() - kMostPoolsTold : 0;
  texts.resize(texts.size() - more);
  std::string text = fmt::format("{}", fmt::join(texts, "; "));
  if (more > 0) text += fmt::format("; and {} more Eips", more);
  return text;
}

Reason best_reason(const std::vector<Reason>& reasons) {
  for (const Reason reason : kNearest) {
    if (std::find(reasons.begin(), reasons.end(), reason) != reasons.end()) return reason;
  }
  return Reason::NoPool;
}

}  // namespace

Refusal Chooser::refuse_candidates(const model::Service& service, Family family,
                                   const Candidates& from) const {
  if (!from.eips.empty()) return refuse_exhausted(service, family, from);
  if (!from.missing.empty()) {
    Refusal refusal;
    refusal.reason = Reason::PoolNotFound;
    refusal.message = fmt::format("there is no Eip {}", fmt::join(from.missing, " and no Eip "));
    return refusal;
  }
  return refuse_passed(service, family, from);
}

Refusal Chooser::refuse_exhausted(const model::Service& service, Family family,
                                  const Candidates& from) const {
  Refusal refusal;
  refusal.reason = Reason::PoolExhausted;
  std::vector<std::string> texts;
  for (const model::Eip* const eip : from.eips) {
    if (texts.size() < kMostPoolsTold) {
      texts.push_back(words::exhausted(allocator_, *eip, family));
    } else {
      texts.emplace_back();
    }
    refusal.needs.pools.emplace(eip->meta.name.name, family);
  }
  refusal.needs.share_key = wish_of(service).request.share_key;
  refusal.message = told(std::move(texts));
  refusal.fix = way_out(service, family, *from.eips.front());
  return refusal;
}

std::string Chooser::way_out(const model::Service& service, Family family,
                             const model::Eip& full) const {
  std::string text = words::free_one(allocator_, full, family);
  if (wish_of(service).request.pools.empty()) return text;
  for (const model::Eip* const eip : automatic(service, family).eips) {
    const ipam::Pool* const pool = allocator_.pool(eip->meta.name.name);
    if (!allocator_.lowest_free(*pool, family)) continue;
    return fmt::format("{}, or drop the annotation to use the {}pool \"{}\" ({} free)", text,
                       eip->is_default ? "default " : "", eip->meta.name.name,
                       to_string(pool->free_count()));
  }
  return text;
}

Refusal Chooser::refuse_passed(const model::Service& service, Family family,
                               const Candidates& from) const {
  Refusal refusal;
  if (from.passed.empty()) {
    refusal.message = "there is no Eip";
    refusal.fix = "create an Eip";
    return refusal;
  }
  std::vector<std::string> texts;
  std::vector<Reason> reasons;
  for (const Passed& passed : from.passed) {
    texts.push_back(texts.size() < kMostPoolsTold
                        ? words::bar(*passed.eip, passed.bar, service, family)
                        : std::string{});
    reasons.push_back(words::reason_of(passed.bar));
  }
  refusal.message = told(std::move(texts));
  const bool is_named = !wish_of(service).request.pools.empty();
  refusal.reason = is_named ? reasons.front() : best_reason(reasons);
  return refusal;
}

// A pool that contains the address it asks for, and does not give it.
Refusal Chooser::refuse_asked(const model::Service& service, const Address& address,
                              const model::Eip& eip, Bar bar) const {
  Refusal refusal;
  if (bar != Bar::None) {
    refusal.reason = words::reason_of(bar);
    refusal.message = words::bar(eip, bar, service, address.family());
    return refusal;
  }
  refusal.reason = Reason::AddressNotInPool;
  refusal.message = words::not_given(eip, *allocator_.pool(eip.meta.name.name), address);
  return refusal;
}

Refusal Chooser::refuse_not_in_pool(const model::Service& service, const Address& address) const {
  Refusal refusal;
  const Wish& wish = wish_of(service);
  const ipam::Lease* const lease = allocator_.lease(address);
  if (lease != nullptr && !lease->holders.empty()) {
    refusal.reason = Reason::AddressInUse;
    refusal.message = fmt::format("{} is held by {} from Eip {}", to_string(address),
                                  words::holders(*lease), lease->eip);
    return refusal;
  }
  const Candidates from = named(service, address.family());
  if (!from.missing.empty() && from.missing.size() == wish.request.pools.size())
    return refuse_candidates(service, address.family(),
                             {.eips = {}, .passed = {}, .missing = from.missing});
  refusal.reason = Reason::AddressNotInPool;
  if (wish.request.pools.empty()) {
    refusal.message = fmt::format("{} is in no Eip", to_string(address));
    return refusal;
  }
  std::vector<std::string> texts;
  for (const std::string& name : wish.request.pools) {
    const auto eip = view_.eips.find(name);
    if (eip == view_.eips.end()) continue;
    const std::string ranges = words::ranges(eip->second, address.family());
    texts.push_back(fmt::format("{} is not in Eip {}{}", to_string(address), name,
                                ranges.empty() ? "" : fmt::format(" ({})", ranges)));
  }
  refusal.message = told(std::move(texts));
  return refusal;
}

}  // namespace porter::plan
