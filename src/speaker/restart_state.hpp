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
//   "PORTERR2" boot_id  { 2 listen }  { 3 peer }*  { { 4 paths } 1 prefix list }*  0 count crc32
//
// Integers are big-endian; `count` is of the routes. Each different list of paths is there once,
// before the first route that has it; `list` counts them from 0. A peer says which layout its
// fields are in: of another one it is passed over, so that a file of another release still brings
// its routes.
namespace porter::speaker {

// The sessions in which the routes were told.
struct RestartPeers {
  std::optional<plan::ListenSpec> listen;
  std::map<std::string, plan::PeerSpec> peers;  // by BgpPeer
  friend bool operator==(const RestartPeers&, const RestartPeers&) = default;
};

struct RestartState {
  RestartPeers peers;
  bgp::RouteTable routes;
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
class RestartRoutes {
 public:
  void put(const Prefix& prefix, const bgp::PathList& paths, std::vector<std::uint8_t>& out);
  // Behind everything else; the checksum of it all is the owner's to add.
  void put_end(std::vector<std::uint8_t>& out) const;

 private:
  std::map<bgp::PathList, std::uint32_t> lists_;  // that are written, by number
  std::uint32_t count_ = 0;
};

}  // namespace porter::speaker
