// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plan/endpoints.hpp"
#include "plan/view.hpp"

// Which nodes carry an address (api.md 6). Two steps, because most of it is the same for every
// address:
//
//   standings()  View -> for every node what it is good for and its next hops; anew when a node
//   changed carriers()   standings, family, where the endpoints are -> the nodes that are next hops
//   of an address
namespace porter::plan {

inline constexpr std::string_view kExcludeLabel =
    "node.kubernetes.io/exclude-from-external-load-balancers";
inline constexpr std::string_view kNextHopAnnotation = "network.kubesphere.io/next-hop";
inline constexpr std::string_view kDrainKey = "network.kubesphere.io/drain";

// Which modes the peers of this process are in; both where they differ.
struct Modes {
  bool self = false;
  bool nodes = false;
  bool v6_for_v4 = false;  // some peer takes IPv4 routes with IPv6 next hops (RFC 8950)
  friend bool operator==(const Modes&, const Modes&) = default;
};

// What the objects do not tell and somebody has to remember.
struct NodeMemory {
  // When a node's Ready turned Unknown, Unix seconds, for nodes whose condition does not tell.
  std::map<std::string, std::int64_t> silent_since;
  std::set<std::string> leaving;  // draining, and still within BgpConf.spec.drain.holdSeconds
  friend bool operator==(const NodeMemory&, const NodeMemory&) = default;
};

struct NextHop {
  std::optional<Address> address;
  bool own_address = false;  // the session's local address is told instead
  std::string missing;       // why there is none
  friend bool operator==(const NextHop&, const NextHop&) = default;
};
// Annotation, else in Self mode the session's own address for our node, else InternalIP. Where
// there is none for IPv4, that for IPv6 if some peer takes it.
[[nodiscard]] NextHop next_hop_of(const model::Node& node, Family family, bool own, Modes modes);

struct NodeStanding {
  // From best to worst. A node of a worse kind carries an address only where no better one does.
  enum class Use : std::uint8_t {
    Carries,  // also a draining one within its hold time: its paths are marked (RFC 8326)
    LastDraining,
    LastSilent,
    Never,
  };
  Use use = Use::Carries;
  bool marked = false;  // paths carry GRACEFUL_SHUTDOWN
  bool own = false;
  Reason reason = Reason::Candidate;
  std::string detail;
  std::int64_t since = 0;  // Unix seconds; 0: not known
  NextHop v4;
  NextHop v6;
  [[nodiscard]] const NextHop& next_hop(Family family) const {
    return family == Family::V4 ? v4 : v6;
  }
  friend bool operator==(const NodeStanding&, const NodeStanding&) = default;
};
using Standings = std::map<std::string, NodeStanding>;
[[nodiscard]] Standings standings(const View& view, Modes modes, const NodeMemory& memory);

// Why a node is being drained, in words; empty: it is not.
[[nodiscard]] std::string drain_sign(const model::Node& node, const model::BgpConf* conf);
// The rack that next hops are to share with us; empty: no rack rule (asPerRack unset, or no label).
[[nodiscard]] std::string rack_of(const View& view, const model::BgpConf* conf);

// The nodes that carry an address, all of one Use.
struct Carriers {
  NodeStanding::Use use = NodeStanding::Use::Never;
  std::vector<const Standings::value_type*> nodes;  // in order of name
};
[[nodiscard]] Carriers carriers(const Standings& standings, Family family, const Reach& reach);

}  // namespace porter::plan
