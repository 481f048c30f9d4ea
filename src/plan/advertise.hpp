// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plan/assign.hpp"
#include "plan/candidate.hpp"
#include "plan/path_id.hpp"

// How addresses go out: which BgpAdvertisements select one, towards which peers, as which prefixes,
// by which nodes, with which attributes (api.md 7; docs/adr/0007-advertisements.md).
//
//   Claim ──> selecting advertisements ──> for each audience: Outlets ──> paths of the host route
//             (Service, Namespace, Eip)     (host route, aggregates)  └─> part in an aggregate
//
// An audience is one BgpPeer that some advertisement names under `peers`, or everybody else ("").
namespace porter::plan {

using Advertisement = model::BgpAdvertisement;

// A Service that holds an address, and what its annotations wish.
struct Holder {
  const model::Service* service = nullptr;  // in the View
  std::string eip;
  model::BgpWish wish;
};

// Services that hold the address by a durable record and are to be announced by BGP, in the order
// they joined, and what their endpoints allow together.
struct Claim {
  std::vector<model::NamespacedName> services;
  std::vector<Holder> holders;
  Reach reach;
  bool is_local = false;  // externalTrafficPolicy of them
};
[[nodiscard]] Claim claim_of(const View& view, const Assigner& assigner, const Address& address);

// For which aggregates the kernel route stands ("") or not (why).
using Held = std::map<Prefix, std::string>;

// The paths of host routes that differ in nothing but the address, by the advertisements that make
// them: with 200 nodes they are most of the work of planning an address.
using CommonPaths = std::map<std::pair<Family, std::vector<const Advertisement*>>, bgp::PathList>;

// What is the same for all addresses.
struct AdvertiseGround {
  const View& view;
  const Standings& standings;
  const PathIds& ids;
  const Held& held;
  std::vector<const Advertisement*> by_age;  // the oldest first
  bool only_selected = false;                // BgpConf.spec.advertise: Selected
  CommonPaths* common = nullptr;             // null: each address is planned on its own
};
// Holds pointers into the View: for use at once.
[[nodiscard]] AdvertiseGround advertise_ground(const View& view, const Standings& standings,
                                               const PathIds& ids, const Held& held);

// The peers that advertisements name; each is told on its own.
[[nodiscard]] std::set<std::string> named_peers(const View& view);
[[nodiscard]] bgp::Audience audience_of(std::string_view peer);  // stable; "": everybody else

// A prefix that an address goes out as, and the advertisements that say so, the oldest first; none:
// nothing selects it and everything is announced.
struct Outlet {
  Prefix prefix;
  std::vector<const Advertisement*> advertisements;
};

// What an address brings into an aggregate.
struct AggregatePart {
  std::vector<std::string> advertisements;                // names, sorted
  std::map<std::string, std::vector<std::string>> nodes;  // that carry it, by audience
  friend auto operator<=>(const AggregatePart&, const AggregatePart&) = default;
};
using AggregateParts = std::map<Prefix, AggregatePart>;

struct AddressPlan {
  bgp::PathList paths;  // of the host route; sorted
  AggregateParts aggregates;
};
[[nodiscard]] AddressPlan address_plan(const AdvertiseGround& ground, const Claim& claim,
                                       const Address& address);
// `parts`: of all its members, each different one once.
[[nodiscard]] std::vector<bgp::Path> aggregate_paths(
    const AdvertiseGround& ground, const Prefix& aggregate,
    const std::vector<const AggregatePart*>& parts);

// The parts that addresses have in aggregates. Thousands of members are alike: each different part
// is kept, and looked at, once.
class Aggregates {
 public:
  // The latest parts of a member. Aggregates that have other parts now are added to `changed`.
  void set(const Address& member, AggregateParts parts, std::set<Prefix>& changed);
  [[nodiscard]] std::vector<const AggregatePart*> parts(const Prefix& aggregate) const;
  [[nodiscard]] std::vector<Prefix> all() const;
  [[nodiscard]] std::set<Address> members(const Prefix& aggregate) const;

 private:
  std::map<Prefix, std::map<AggregatePart, std::size_t>> counts_;
  std::map<Address, std::map<Prefix, const AggregatePart*>> members_;  // keys of counts_
};

// What people are told about one address of one Service.
struct AdvertiseWords {
  std::vector<Outlet> outlets;           // towards anybody, by prefix
  std::set<std::string> advertisements;  // that select it
  std::string attributes;                // "communities 65000:100, localPreference 200"
  // What was asked for and is not done: annotations that nothing allows, the younger of two that
  // differ, an aggregate that cannot be.
  std::vector<std::string> notes;
  std::string fix;                       // of the first note
  bool is_selected = true;               // towards somebody
  std::set<std::string> nodes_left_out;  // by nodeSelector
};
[[nodiscard]] AdvertiseWords advertise_words(const AdvertiseGround& ground, const Claim& claim,
                                             const Address& address,
                                             const model::NamespacedName& service);

}  // namespace porter::plan
