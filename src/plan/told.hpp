// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plan/session_plan.hpp"

namespace porter::plan {

using PeerOutcomes = std::map<std::string, PeerOutcome>;

// What the peers of this process are told of one prefix: the same function chooses as in the
// session itself (bgp::exported).
struct Told {
  std::string peer;  // BgpPeer name; one that runs here
  bool is_established = false;
  bool has_family = false;  // negotiated
  bool add_path = false;    // path identifiers of the family are sent
  bool caught_up = false;
  bool v6_for_v4 = false;          // IPv4 routes may have IPv6 next hops (RFC 8950)
  bool self = false;               // Self mode: only our own next hop
  std::optional<Prefix> shared;    // next hops outside are not told
  bool is_selected = true;         // some path is meant for it
  bool is_refused = false;         // kept back by its prefixBudget
  std::size_t eligible = 0;        // paths that could be told, were there no limit
  std::vector<Address> next_hops;  // that are told
  friend bool operator==(const Told&, const Told&) = default;
};
[[nodiscard]] std::vector<Told> told_to_peers(const View& view, const PeerOutcomes& peers,
                                              const Prefix& prefix, const bgp::PathList& paths);

}  // namespace porter::plan
