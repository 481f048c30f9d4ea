// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bgp/test_wire.hpp"

// Our side of a session, and OPENs of the other, for tests.
namespace porter::bgp::wire {

inline constexpr AfiSafi kV4{.afi = 1, .safi = 1};
inline constexpr AfiSafi kV6{.afi = 2, .safi = 1};
inline constexpr std::uint32_t kPeerAs = 65001;

[[nodiscard]] inline OpenConfig config() {
  return {.local_as = Asn{65000},
          .remote_as = Asn{kPeerAs},
          .id = RouterId{0xc0000202},
          .hold_time = 30,
          .families = {.v4 = true, .v6 = true},
          .add_path_send = {.v4 = true, .v6 = true},
          .add_path_receive = {.v4 = true, .v6 = false},
          .restart_families = {.v4 = true, .v6 = true},
          .restart_time = std::uint16_t{20},
          .restart_notification = false};
}

// What a good peer of ours offers.
[[nodiscard]] inline Octets usual() {
  return join({multiprotocol(kV4), multiprotocol(kV6), capability(2, {}), four_octet_as(kPeerAs)});
}

[[nodiscard]] inline Octets with(const Octets& capabilities) {
  return open({.parameters = parameter(2, capabilities)});
}
[[nodiscard]] inline Octets usual_and(const Octets& more) {
  return with(join({usual(), more}));
}

[[nodiscard]] inline OpenConfig internal() {
  OpenConfig ours = config();
  ours.local_as = ours.remote_as;
  return ours;
}

}  // namespace porter::bgp::wire
