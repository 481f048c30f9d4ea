// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bgp/types.hpp"

// OPEN (RFC 4271 §4.2), its capabilities (RFC 5492, 4760, 2918, 6793, 4724, 7911, 8950, 8654,
// 9072, 9234, 9494), and what two OPENs amount to.
namespace porter::bgp {

struct RestartFamily {
  AfiSafi family;
  bool forwarding_kept = false;  // F
  friend bool operator==(const RestartFamily&, const RestartFamily&) = default;
};
struct RestartCapability {    // RFC 4724 §3, RFC 8538
  bool restarting = false;    // R
  bool notification = false;  // N
  std::uint16_t time = 0;     // seconds, 12 bits
  std::vector<RestartFamily> families;
  friend bool operator==(const RestartCapability&, const RestartCapability&) = default;
};
struct AddPathFamily {  // RFC 7911 §4
  AfiSafi family;
  bool receive = false;  // 1
  bool send = false;     // 2
  friend bool operator==(const AddPathFamily&, const AddPathFamily&) = default;
};
struct LongLivedFamily {  // RFC 9494 §3.1
  AfiSafi family;
  bool forwarding_kept = false;  // F
  std::uint32_t time = 0;        // seconds, 24 bits
  friend bool operator==(const LongLivedFamily&, const LongLivedFamily&) = default;
};
struct NextHopFamily {  // RFC 8950 §4: such routes may have next hops of that address family
  std::uint16_t afi = 0;
  std::uint16_t safi = 0;
  std::uint16_t next_hop_afi = 0;
  friend bool operator==(const NextHopFamily&, const NextHopFamily&) = default;
};
inline constexpr NextHopFamily kV4OverV6{.afi = 1, .safi = 1, .next_hop_afi = 2};
struct UnknownCapability {
  std::uint8_t code = 0;
  std::vector<std::uint8_t> value;
  friend bool operator==(const UnknownCapability&, const UnknownCapability&) = default;
};
struct Capabilities {
  std::vector<AfiSafi> families;  // in order, without duplicates
  bool route_refresh = false;
  bool enhanced_route_refresh = false;
  bool extended_message = false;
  std::optional<Asn> as4;
  std::optional<RestartCapability> restart;
  std::optional<std::vector<LongLivedFamily>> long_lived;
  std::vector<AddPathFamily> add_path;
  std::vector<NextHopFamily> extended_next_hop;  // without duplicates
  std::vector<std::uint8_t> roles;               // RFC 9234 §4.1; without duplicates
  std::vector<UnknownCapability> others;
  friend bool operator==(const Capabilities&, const Capabilities&) = default;
};

struct Open {
  std::uint8_t version = 4;
  std::uint16_t as = 0;  // My Autonomous System, the 2-octet field
  std::uint16_t hold_time = 90;
  RouterId id;
  Capabilities capabilities;
  friend bool operator==(const Open&, const Open&) = default;
};

// What we want of a session; makes our OPEN.
struct OpenConfig {
  Asn local_as;
  Asn remote_as;
  RouterId id;
  std::uint16_t hold_time = 90;
  Families families;
  Families add_path_send;
  Families add_path_receive;
  Families restart_families;                       // in the graceful restart capability
  std::optional<std::uint16_t> restart_time;       // none: no graceful restart capability
  bool restart_notification = false;               // N
  std::optional<std::uint32_t> long_lived_time{};  // seconds; none: no long-lived graceful restart
  bool extended_next_hop = false;                  // IPv4 routes with IPv6 next hops (RFC 8950)
  std::optional<Role> role{};                      // said to an external peer only
  friend bool operator==(const OpenConfig&, const OpenConfig&) = default;
};
enum class Restarting : std::uint8_t { No, Yes };  // R and F bits: only after a real restart
[[nodiscard]] inline PeerKind kind_of(const OpenConfig& config) {
  return config.local_as == config.remote_as ? PeerKind::Internal : PeerKind::External;
}
[[nodiscard]] Open make_open(const OpenConfig& config, Restarting restarting);

struct Negotiated {
  PeerKind kind = PeerKind::External;
  RouterId peer_id;
  std::uint16_t hold_time = 0;  // min of both; 0: no keepalives, no expiry
  AsWidth as_width = AsWidth::Two;
  Families families;
  Families add_path_send;      // we may send path identifiers
  Families add_path_receive;   // NLRI from the peer carries them
  bool route_refresh = false;  // the peer answers it
  bool enhanced_route_refresh = false;
  bool extended_next_hop = false;  // on both sides, for IPv4
  std::size_t message_size = kMaxMessage;
  bool restart = false;  // both sides have graceful restart
  std::uint16_t peer_restart_time = 0;
  bool peer_restarting = false;       // R
  bool restart_notification = false;  // N on both sides (RFC 8538)
  Families peer_restart_families;     // in the peer's capability
  Families peer_forwarding;           // F
  // Long-lived graceful restart, on both sides (RFC 9494): seconds; 0: not of that family.
  std::uint32_t peer_long_lived_v4 = 0;
  std::uint32_t peer_long_lived_v6 = 0;
  Families peer_long_lived_forwarding;  // F
  friend bool operator==(const Negotiated&, const Negotiated&) = default;
};

struct Notification;
// Checks the peer's OPEN against what we want (RFC 4271 §6.2, 6286, 6793, 7607) and intersects.
// The error is the NOTIFICATION to send: 2/1 version, 2/2 AS, 2/3 identifier, 2/6 hold time, 2/7 no
// common family, 2/11 role.
[[nodiscard]] Result<Negotiated, Notification> negotiate(const OpenConfig& ours,
                                                         const Open& theirs);

}  // namespace porter::bgp
