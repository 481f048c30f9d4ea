// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "plan/advertise.hpp"
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
  // Every prefix it goes out as, with the paths of that Route, also those of other Services.
  std::vector<Route> routes;
  std::size_t next_hops = 0;       // that it could go out with
  std::vector<NodeVerdict> nodes;  // every node of the cluster
  unsigned ready_endpoints = 0;
  unsigned serving_endpoints = 0;        // serving, but not ready
  std::set<std::string> endpoint_nodes;  // nodes with a ready endpoint
  std::set<std::string> advertisements;  // BgpAdvertisements that select it
  std::string attributes;                // "communities 65000:100, med 20"
  std::vector<std::string> notes;        // what was asked for and is not done
  std::string notes_fix;
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
  const Held& held;
  const std::map<Prefix, Route>& routes;
};

// Next hops of the other family only (RFC 8950).
[[nodiscard]] bool has_only_foreign_next_hops(const Announcement& announcement);

// What each peer is told of it: of several prefixes, the first it is told.
[[nodiscard]] std::vector<Told> told_of(const View& view, const PeerOutcomes& peers,
                                        const Announcement& announcement);

[[nodiscard]] Announcement announcement_of(const AnnounceGround& ground,
                                           const model::NamespacedName& service,
                                           const Assignment::Item& item);

}  // namespace porter::plan
