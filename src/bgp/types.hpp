// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/time.hpp"

// The vocabulary of the wire. Numbers from the wire keep unknown values: an enum class over the
// octet, never folded into a known one.
namespace porter::bgp {

inline constexpr std::size_t kHeaderSize = 19;
inline constexpr std::size_t kMaxMessage = 4096;           // RFC 4271 §4.1
inline constexpr std::size_t kMaxExtendedMessage = 65535;  // RFC 8654
inline constexpr std::uint16_t kAsTrans = 23456;           // RFC 6793

enum class MessageType : std::uint8_t {
  Open = 1,
  Update = 2,
  Notification = 3,
  Keepalive = 4,
  RouteRefresh = 5
};

enum class ErrorCode : std::uint8_t {
  MessageHeader = 1,
  OpenMessage = 2,
  UpdateMessage = 3,
  HoldTimerExpired = 4,
  FiniteStateMachine = 5,
  Cease = 6,
  RouteRefreshMessage = 7,
  SendHoldTimerExpired = 8,
};

// Cease subcodes (RFC 4486, 8538, 9384).
enum class Cease : std::uint8_t {
  MaximumPrefixes = 1,
  AdministrativeShutdown = 2,
  PeerDeconfigured = 3,
  AdministrativeReset = 4,
  ConnectionRejected = 5,
  ConfigurationChange = 6,
  ConnectionCollision = 7,
  OutOfResources = 8,
  HardReset = 9,
  BfdDown = 10,
};

// AFI/SAFI as numbers: what we do not know still travels through capabilities.
struct AfiSafi {
  std::uint16_t afi = 1;
  std::uint8_t safi = 1;
  friend auto operator<=>(const AfiSafi&, const AfiSafi&) = default;
};
[[nodiscard]] constexpr AfiSafi unicast(Family family) {
  return {.afi = static_cast<std::uint16_t>(family == Family::V4 ? 1 : 2), .safi = 1};
}
// The unicast family, if that is what it is.
[[nodiscard]] std::optional<Family> family_of(AfiSafi afi_safi);

// A set of the two families we speak.
struct Families {
  bool v4 = false;
  bool v6 = false;
  [[nodiscard]] bool has(Family family) const { return family == Family::V4 ? v4 : v6; }
  void set(Family family, bool on = true) { (family == Family::V4 ? v4 : v6) = on; }
  [[nodiscard]] bool none() const { return !v4 && !v6; }
  friend auto operator<=>(const Families&, const Families&) = default;
};

// RFC 7911. Only meaningful where ADD-PATH was negotiated for the family and direction.
using PathId = std::uint32_t;

// Ours towards an eBGP neighbour (RFC 9234 §4.1): whose customer, provider or peer we are decides
// which routes may pass.
enum class Role : std::uint8_t {
  Provider = 0,
  RouteServer = 1,
  RouteServerClient = 2,
  Customer = 3,
  Peer = 4
};
[[nodiscard]] std::string_view to_string(Role role);  // provider, rs, rs-client, customer, peer
[[nodiscard]] std::optional<Role> role_named(std::string_view name);

enum class PeerKind : std::uint8_t { Internal, External };
enum class AsWidth : std::uint8_t { Two, Four };

}  // namespace porter::bgp
