// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bgp/peer.hpp"
#include "bgp/update.hpp"

// What people and metrics ask the speaker: values, taken when somebody asks.
namespace porter::speaker {

struct RouteCounts {
  std::uint64_t prefixes = 0;
  std::uint64_t paths = 0;
  std::uint64_t refused = 0;  // prefixes that prefixBudget keeps back, in whole or in part
};

struct PeerSnapshot {
  std::string session;  // "tor", or "rack/192.0.2.7" of a neighbour prefix
  std::string peer;     // name of the BgpPeer
  Address neighbor;
  std::string zone;
  std::uint16_t remote_port = 0;
  bool dynamic = false;
  bool signs = false;  // TCP MD5
  bgp::PeerStatus status;
  std::string why;                                 // of the last change of state
  std::int64_t since = 0;                          // of it, Unix seconds
  RouteCounts sent_v4, sent_v6;                    // what it is told once it has caught up
  std::uint64_t received_v4 = 0, received_v6 = 0;  // NLRI in force
  std::uint64_t accepted_v4 = 0, accepted_v6 = 0;
  std::uint64_t ignored_v4 = 0, ignored_v6 = 0;  // beyond maxPrefixes
  std::uint64_t octets_sent = 0, octets_received = 0;
  std::string transport_error;  // an option the kernel refused; empty: none
};

// A prefix as a peer is told it.
struct ToldPath {
  bgp::PathId id = 0;
  Address next_hop;
  bgp::Attributes attributes;
};
struct ToldRoute {
  Prefix prefix;
  std::vector<ToldPath> paths;
};

}  // namespace porter::speaker
