// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "plan/fact.hpp"

// What outlives a restart of the process, and how it is spelled.
//
//   "PORTERR1" boot_id  { 2 listen }  { 3 peer }*  { 1 prefix paths }*  0 count crc32
//
// Integers are big-endian; `count` is of the routes. A peer says which layout its fields are in: of
// another one it is passed over, so that a file of another release still brings its routes.
namespace porter::speaker {

using RouteTable = std::map<Prefix, std::vector<bgp::Path>>;

// The sessions in which the routes were told.
struct RestartPeers {
  std::optional<plan::ListenSpec> listen;
  std::map<std::string, plan::PeerSpec> peers;  // by BgpPeer
  friend bool operator==(const RestartPeers&, const RestartPeers&) = default;
};

struct RestartState {
  RestartPeers peers;
  RouteTable routes;
  friend bool operator==(const RestartState&, const RestartState&) = default;
};

// The inverse of what RestartFile writes. Anything but a whole, unharmed file of that boot is
// refused. Invalid: harmed; Conflict: of another boot.
[[nodiscard]] Result<RestartState> decode_restart_file(Bytes file, std::string_view boot_id);
[[nodiscard]] std::vector<std::uint8_t> encode_restart_file(const RestartState& state,
                                                            std::string_view boot_id);

// In parts, for who writes it in slices.
void put_restart_header(std::string_view boot_id, std::vector<std::uint8_t>& out);
void put_restart_peers(const RestartPeers& peers, std::vector<std::uint8_t>& out);
void put_restart_route(const Prefix& prefix, const std::vector<bgp::Path>& paths,
                       std::vector<std::uint8_t>& out);
// Behind everything else; the checksum of it all is the owner's to add.
void put_restart_end(std::uint32_t routes, std::vector<std::uint8_t>& out);

}  // namespace porter::speaker
