// SPDX-License-Identifier: Apache-2.0
#include "bgp/types.hpp"

#include <algorithm>

namespace porter::bgp {

std::optional<Family> family_of(AfiSafi afi_safi) {
  if (afi_safi == unicast(Family::V4)) return Family::V4;
  if (afi_safi == unicast(Family::V6)) return Family::V6;
  return std::nullopt;
}

namespace {

constexpr std::array<std::string_view, 5> kRoles{"provider", "rs", "rs-client", "customer", "peer"};

}  // namespace

std::string_view to_string(Role role) {
  return kRoles.at(static_cast<std::size_t>(role));
}

std::optional<Role> role_named(std::string_view name) {
  const auto* const found = std::ranges::find(kRoles, name);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<Role>(found - kRoles.begin());
}

}  // namespace porter::bgp
