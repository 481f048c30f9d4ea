// SPDX-License-Identifier: Apache-2.0
#include "bgp/types.hpp"

namespace porter::bgp {

std::optional<Family> family_of(AfiSafi afi_safi) {
  if (afi_safi == unicast(Family::V4)) return Family::V4;
  if (afi_safi == unicast(Family::V6)) return Family::V6;
  return std::nullopt;
}

}  // namespace porter::bgp
