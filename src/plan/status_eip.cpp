// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "plan/problem_words.hpp"
#include "plan/status.hpp"

// The status of an Eip, as OpenELB's tools read it, and a little more (api.md 7).
namespace porter::plan {
namespace {

constexpr std::size_t kMostUsed = 1'000;  // entries of `used`: it is written once a second
constexpr std::size_t kMostNamed = 5;     // of those that keep a deleted Eip

std::string names_of(const ipam::Lease& lease) {
  std::string names;
  for (const ipam::Lease::Held& held : lease.holders) {
    if (!names.empty()) names += ';';
    names += model::to_string(held.holder.service);
  }
  return names;
}

void set_used(Tree& fields, const ipam::Allocator& allocator, const std::string& eip) {
  Tree used = Tree::map();
  bool is_truncated = false;
  for (const Address& address : allocator.given_from(eip)) {
    const ipam::Lease* lease = allocator.lease(address);
    if (lease == nullptr || lease->holders.empty()) continue;
    if (used.entries().size() == kMostUsed) {
      is_truncated = true;
      break;
    }
    used.add_entry(to_string(address), names_of(*lease), 0);
  }
  fields.set("used", std::move(used));
  if (is_truncated) fields.set("usedTruncated", true);
}

void set_range(Tree& fields, const model::Eip& eip) {
  if (eip.addresses.empty()) return;
  const auto first = std::ranges::min_element(eip.addresses, {}, &Range::first);
  const auto last = std::ranges::max_element(eip.addresses, {}, &Range::last);
  fields.set("firstIP", to_string(first->first())).set("lastIP", to_string(last->last()));
  fields.set("v4", first->first().is_v4());
}

std::string overlap_of(const View& view, const model::Eip& eip) {
  for (const auto& [name, other] : view.eips) {
    if (name == eip.meta.name.name) continue;
    for (const Range& range : eip.addresses) {
      const auto shared = std::ranges::find_if(
          other.addresses, [&](const Range& theirs) { return theirs.overlaps(range); });
      if (shared != other.addresses.end())
        return fmt::format("{} overlaps {} of Eip {}", to_string(range), to_string(*shared), name);
    }
  }
  return "";
}

// Who keeps a deleted Eip, the first of them by name.
std::string leaving(const ipam::Allocator& allocator, const model::Eip& eip) {
  const auto& given = allocator.given_from(eip.meta.name.name);
  if (given.empty()) return "being deleted: gives nothing new, and no address is in use";
  std::vector<std::string> names;
  for (const Address& address : given) {
    if (names.size() == kMostNamed) break;
    names.push_back(
        fmt::format("{} ({})", to_string(address), names_of(*allocator.lease(address))));
  }
  const std::size_t more = given.size() - names.size();
  return fmt::format(
      "being deleted: gives nothing new, and goes with its last address. In use: {}{}{}",
      fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : "",
      eip.evict ? "; evicted, so they are being released" : "");
}

Condition ready(const View& view, const ipam::Allocator& allocator, const model::Eip& eip) {
  Condition condition{.type = "Ready",
                      .is_true = false,
                      .reason = std::string{to_string(Reason::Ready)},
                      .message = {}};
  const auto is_not = [&](Reason reason, std::string message) {
    condition.reason = to_string(reason);
    condition.message = std::move(message);
    return condition;
  };
  if (eip.meta.deleting) return is_not(Reason::Deleting, leaving(allocator, eip));
  if (eip.disable)
    return is_not(Reason::Disabled, "spec.disable: gives nothing new; what is assigned stays");
  if (eip.protocol == model::Protocol::Layer2) {
    return is_not(Reason::ProtocolUnavailable,
                  "protocol layer2: this release announces by BGP only");
  }
  condition.is_true = true;
  if (const std::string overlap = overlap_of(view, eip); !overlap.empty()) {
    return is_not(Reason::Overlaps,
                  overlap + "; each address is given once, whichever pool it comes from");
  }
  condition.message = "gives addresses";
  return condition;
}

}  // namespace

std::optional<StatusDraft> eip_status(const View& view, const Assigner& assigner,
                                      const std::string& name) {
  const model::ObjectKey key{.kind = model::Kind::Eip, .name = {.ns = {}, .name = name}};
  const auto object = view.eips.find(name);
  StatusDraft draft;
  if (object == view.eips.end()) {
    if (!view.problems.contains(key)) return std::nullopt;
    draft.conditions.push_back(accepted(view, key, false));
    return draft;
  }
  const model::Eip& eip = object->second;
  const ipam::Allocator& allocator = assigner.allocator();
  const ipam::Pool* pool = allocator.pool(name);
  const ipam::Count size = pool == nullptr ? ipam::Count{} : pool->usable();
  const std::size_t usage = allocator.used(name);
  Condition is_ready = ready(view, allocator, eip);
  draft.fields.set("occupied", pool != nullptr && pool->free_count().is_zero());
  draft.fields.set("usage", static_cast<std::uint64_t>(usage));
  draft.fields.set("poolSize", size.clamped()).set("poolSizeText", to_string(size));
  set_used(draft.fields, allocator, name);
  set_range(draft.fields, eip);
  draft.fields.set("ready", is_ready.is_true);
  if (eip.meta.generation > 0) draft.fields.set("observedGeneration", eip.meta.generation);
  draft.conditions.push_back(std::move(is_ready));
  draft.conditions.push_back(accepted(view, key, true));
  return draft;
}

}  // namespace porter::plan
