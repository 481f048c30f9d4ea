// SPDX-License-Identifier: Apache-2.0
#include "plan/assign_wish.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace porter::plan {
namespace {

void add_family(std::vector<Family>& families, Family family) {
  if (std::find(families.begin(), families.end(), family) == families.end())
    families.push_back(family);
}

// A manifest without ipFamilies leaves the choice to what it asks for, then to us.
void choose_families(const model::Service& service, Wish& wish) {
  for (const Address& address : wish.request.addresses)
    add_family(wish.families, address.family());
  const bool dual = service.family_policy != model::IpFamilyPolicy::SingleStack;
  if (dual || wish.families.empty()) {
    add_family(wish.families, Family::V4);
    add_family(wish.families, Family::V6);
  }
  if (!dual) wish.mode = wish.request.addresses.size() > 1 ? Wish::Mode::Prefer : Wish::Mode::Any;
}

std::string source_of(const model::Service& service, std::string_view prefix,
                      std::string_view suffix) {
  return "annotation " + model::spelled_annotation(service.meta, prefix, suffix).key;
}

}  // namespace

bool Wish::wants(Family family) const {
  return std::find(families.begin(), families.end(), family) != families.end();
}

std::optional<Address> Wish::address(Family family) const {
  for (const Address& address : request.addresses) {
    if (address.family() == family) return address;
  }
  return std::nullopt;
}

bool Wish::asks_for(const Address& address) const {
  const auto& asked = request.addresses;
  return std::find(asked.begin(), asked.end(), address) != asked.end();
}

bool Wish::names_pool(const std::string& eip) const {
  return std::find(request.pools.begin(), request.pools.end(), eip) != request.pools.end();
}

bool Wish::asks_in_vain() const {
  return !request.addresses.empty() &&
         std::none_of(request.addresses.begin(), request.addresses.end(),
                      [&](const Address& address) { return wants(address.family()); });
}

Wish wish_of(const model::Service& service) {
  Wish wish;
  wish.request = model::request_of(service);
  switch (service.family_policy) {
    case model::IpFamilyPolicy::SingleStack: wish.mode = Wish::Mode::One; break;
    case model::IpFamilyPolicy::PreferDualStack: wish.mode = Wish::Mode::Prefer; break;
    case model::IpFamilyPolicy::RequireDualStack: wish.mode = Wish::Mode::Require; break;
  }
  wish.families = service.families;
  if (wish.families.empty()) {
    choose_families(service, wish);
  } else if (wish.mode == Wish::Mode::One) {
    wish.families.resize(1);
  } else if (wish.mode == Wish::Mode::Require) {
    add_family(wish.families, Family::V4);
    add_family(wish.families, Family::V6);
  }
  return wish;
}

std::string to_text(const Wish& wish, const model::Service& service) {
  const model::ServiceRequest& request = wish.request;
  std::string text;
  if (!request.addresses.empty()) {
    std::vector<std::string> addresses;
    addresses.reserve(request.addresses.size());
    for (const Address& address : request.addresses)
      addresses.push_back(to_string(address));
    text = fmt::format("{} ({})", fmt::join(addresses, " and "),
                       request.address_from_annotation ? source_of(service, "eip", "/v1alpha1")
                                                       : "spec.loadBalancerIP");
  } else if (wish.mode == Wish::Mode::Any) {
    text = "any address";
  } else {
    std::vector<std::string_view> families;
    families.reserve(wish.families.size());
    for (const Family family : wish.families)
      families.push_back(to_string(family));
    text = fmt::format("any {} address", fmt::join(families, " and "));
    if (families.size() > 1)
      text += wish.mode == Wish::Mode::Require ? ", both" : ", what there is";
  }
  if (!request.pools.empty())
    text += fmt::format(" of pool \"{}\" ({})", fmt::join(request.pools, "\" or \""),
                        source_of(service, "eip", "/v1alpha2"));
  if (request.protocol)
    text += fmt::format(", protocol {} ({})", model::to_string(*request.protocol),
                        source_of(service, "protocol", "/v1alpha1"));
  if (!request.share_key.empty())
    text += fmt::format(", shared under key \"{}\"", request.share_key);
  return text;
}

Age age_of(const model::Meta& meta, Age::Rank rank) {
  return {.rank = rank,
          .created = meta.created != 0 ? meta.created : std::numeric_limits<std::int64_t>::max(),
          .order = meta.order,
          .service = meta.name};
}

}  // namespace porter::plan
