// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/object.hpp"

namespace porter::model {

// The sessions of one node, as its speaker sees them; named by the node, written by the speaker,
// read by the controller (api.md 7). Only a status.
struct BgpNodeState {
  // At most this many sessions are listed, and texts are cut, so that the object stays below
  // 100 kB; the counts tell all of them.
  static constexpr std::size_t kMostSessions = 128;

  struct Counts {
    std::uint64_t ipv4 = 0;
    std::uint64_t ipv6 = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
  };
  struct Notification {
    std::string text;     // "Cease/Administrative Shutdown: bye"
    std::int64_t at = 0;  // Unix seconds; 0: not told
    friend bool operator==(const Notification&, const Notification&) = default;
  };
  struct Session {
    std::string peer;      // name of the BgpPeer
    std::string neighbor;  // "192.0.2.1", "fe80::1%eth0"
    std::string state;     // "Idle" … "Established"
    std::int64_t since = 0;
    std::uint32_t peer_as = 0;
    std::uint32_t local_as = 0;
    std::string router_id;  // of the neighbour, once known
    std::uint32_t hold_time = 0;
    std::vector<std::string> capabilities;  // negotiated: "ipv4-unicast", "add-path-send ipv4"
    Counts sent;                            // paths
    Counts kept_back;                       // prefixes, by the peer's prefixBudget
    Counts received;
    std::uint32_t flaps = 0;
    std::optional<Notification> notification_sent;
    std::optional<Notification> notification_received;
    std::string last_error;
    std::string bfd;  // "Up", "Down", "AdminDown"; empty: no BFD
    friend bool operator==(const Session&, const Session&) = default;
  };

  Meta meta;
  std::uint32_t total = 0;  // sessions
  std::uint32_t established = 0;
  std::string router_id;
  std::uint32_t as = 0;  // ours; 0: no BgpConf counts
  std::string version;   // of the speaker
  std::vector<Session> sessions;
  friend bool operator==(const BgpNodeState&, const BgpNodeState&) = default;
};

}  // namespace porter::model
