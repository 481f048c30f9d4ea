// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "plan/assign.hpp"
#include "plan/candidate.hpp"
#include "plan/path_id.hpp"
#include "plan/told.hpp"

// From an address to its paths, and from the same facts to what is said about it.
namespace porter::plan {

// Why a node carries an address, or not.
struct NodeVerdict {
  std::string node;
  Reason reason = Reason::Candidate;
  std::string detail;               // "KubeletNotReady: PLEG is not healthy"
  std::int64_t since = 0;           // Unix seconds; 0: not known
  std::optional<Address> next_hop;  // it carries the address
  friend bool operator==(const NodeVerdict&, const NodeVerdict&) = default;
};
// "NotReady since 12 s (KubeletNotReady)"; without a clock (0) and without `since` no time is said.
[[nodiscard]] std::string words_of(const NodeVerdict& verdict, std::int64_t unix_now);

// What stage 2 says about one address of one Service.
struct Announcement {
  Address address;
  Reason reason = Reason::NoAddress;  // of the condition Announced
  std::string message;                // does not change as time goes by
  std::string fix;
  std::vector<bgp::Path> paths;    // as in the Route, also of the Services it is shared with
  std::vector<NodeVerdict> nodes;  // every node of the cluster
  unsigned ready_endpoints = 0;
  unsigned serving_endpoints = 0;        // serving, but not ready
  std::set<std::string> endpoint_nodes;  // nodes with a ready endpoint
  friend bool operator==(const Announcement&, const Announcement&) = default;
};
// Is somebody told of it?
[[nodiscard]] bool is_announced(Reason reason);

// The facts an announcement follows from.
struct AnnounceGround {
  const View& view;
  const Assigner& assigner;
  const Standings& standings;
  const PathIds& ids;
  const PeerOutcomes& peers;
};

// Services that hold the address by a durable record and are to be announced by BGP, and what their
// endpoints allow together.
struct Claim {
  std::vector<model::NamespacedName> services;
  Reach reach;
};
[[nodiscard]] Claim claim_of(const View& view, const Assigner& assigner, const Address& address);

// Sorted; of nodes with one next hop a single path.
[[nodiscard]] std::vector<bgp::Path> paths_of(const Carriers& carriers, Family family,
                                              const PathIds& ids);

[[nodiscard]] Announcement announcement_of(const AnnounceGround& ground,
                                           const model::NamespacedName& service,
                                           const Assignment::Item& item);

}  // namespace porter::plan
