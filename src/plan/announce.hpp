// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/announcement.hpp"

namespace porter::plan {

// Stage 2: addresses to routes, and BgpConf and BgpPeers to sessions (api.md 6, 7). Owned by the
// Engine, which has put the fact into the View before it calls here. An address is announced only
// while every part of the chain holds: recorded, ours, endpoints, candidate nodes, next hops.
//
// Incremental: a fact marks what it touches (a slice the addresses of its Service; a node all
// addresses, if what the node is good for changed), step() plans marked keys and says what is new.
// What is planned are pure functions of the View: candidate.hpp, endpoints.hpp, session_plan.hpp,
// announcement.hpp; so desired_routes() can do it all again from nothing. Not thread-safe.
class Announcer {
 public:
  Announcer(const View& view, const Assigner& assigner);

  void address_changed(const Address& address);
  void service_changed(const model::NamespacedName& service);  // the object, or its slices
  void node_changed(const std::string& node, const model::Node* before);
  void conf_changed();
  void advertisement_changed();
  void eip_changed();
  void namespace_changed();
  void aggregate_seen(const Prefix& aggregate, const std::string& error);
  void peer_changed(const std::string& peer);
  void session_changed(const std::string& peer);
  void secret_changed(const model::NamespacedName& secret);
  void path_id_loaded(const Address& next_hop, bgp::PathId id);
  void synced();

  [[nodiscard]] bool has_work() const;
  [[nodiscard]] TimePoint deadline() const;  // drain holds; kNever otherwise
  // Plans at most `budget` addresses and peers. Withdrawals first.
  void step(TimePoint now, std::int64_t unix_now, std::size_t budget, Changes& out);

  [[nodiscard]] const std::map<Prefix, Route>& routes() const { return routes_; }  // as last said
  // For one Service: an Announcement per address it holds. Computed when asked, from the same
  // functions.
  [[nodiscard]] std::vector<Announcement> of(const model::NamespacedName& service) const;
  [[nodiscard]] const PeerOutcome* peer(const std::string& name) const;
  [[nodiscard]] const PeerOutcomes& peers() const { return peers_; }
  [[nodiscard]] PeerOutcome conf(
      const std::string& name) const;  // Ready, NotDefault, PolicyNotSupported …
  // What is said of them may be another thing now. All of them: a session or a node did it.
  [[nodiscard]] std::set<model::NamespacedName> take_changed_services();
  [[nodiscard]] bool take_all_services_changed();
  [[nodiscard]] std::set<std::string> take_changed_peers();
  // What step() has said so far equals this, once it has no work: for resync and property tests.
  [[nodiscard]] std::map<Prefix, Route> desired_routes() const;

 private:
  // What of a session decides about reasons.
  struct SessionGist {
    bool is_established = false;
    std::optional<bgp::Negotiated> negotiated;
    std::optional<bgp::Ends> ends;
    std::set<Prefix> refused;
    friend bool operator==(const SessionGist&, const SessionGist&) = default;
  };

  void mark_all_peers();
  void mark_all_addresses();
  void plan_sessions(std::size_t& budget, Changes& out);
  void plan_session(const SessionGround& ground, const std::string& name, Changes& out);
  void say_listen(const SessionGround& ground, Changes& out);
  void follow_named_peers();
  void settle_nodes(TimePoint now, std::int64_t unix_now, Changes& out);
  void remember_silence(std::int64_t unix_now);
  void follow_drains(TimePoint now);
  void name_next_hops(Changes& out);
  struct News {
    std::vector<Route> withdrawn;
    std::vector<Route> announced;
    Changes aggregates;  // wanted, and not wanted any more
  };
  void plan_routes(std::size_t& budget, Changes& out);
  void plan_address(const AdvertiseGround& ground, const Address& address, News& news);
  void plan_aggregate(const AdvertiseGround& ground, const Prefix& aggregate, News& news);
  bool say_route(Route next, News& news);  // true: it is news
  [[nodiscard]] AnnounceGround ground() const;

  const View& view_;
  const Assigner& assigner_;

  std::set<Address> dirty_addresses_;
  std::set<Prefix> dirty_aggregates_;
  std::set<std::string> dirty_peers_;
  bool nodes_dirty_ = false;
  bool listen_dirty_ = false;

  Standings standings_;
  Modes modes_;
  NodeMemory memory_;
  std::map<std::string, TimePoint> drain_ends_;  // by draining node; reached: it has left
  bool drains_are_old_ = true;                   // what drains when we start has left long ago
  PathIds ids_;

  Aggregates aggregates_;
  std::set<Prefix> wanted_aggregates_;  // asked for
  Held held_;                           // answered
  // Peers with an audience of their own: those that advertisements name, and those they named until
  // the routes follow.
  std::set<std::string> named_peers_;

  bgp::PathLists path_lists_;
  std::map<Prefix, Route> routes_;
  std::set<Address> known_;  // addresses somebody holds or a route is out for
  PeerOutcomes peers_;
  std::optional<ListenSpec> listen_;
  std::map<std::string, SessionGist> sessions_;

  std::set<model::NamespacedName> changed_services_;
  std::set<std::string> changed_peers_;
  bool all_services_changed_ = false;
};

}  // namespace porter::plan
