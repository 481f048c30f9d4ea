// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plan/announce.hpp"

// For the tests of this folder: objects with little to write, and a small world in which both
// stages run as the Engine runs them, its store answering at once.
namespace porter::plan::test {

inline Address address(std::string_view text) {
  const auto parsed = Address::parse(text);
  PORTER_ASSERT(parsed.has_value());
  return *parsed;
}

inline Prefix prefix(std::string_view text) {
  const auto parsed = Prefix::parse(text);
  PORTER_ASSERT(parsed.has_value());
  return *parsed;
}

inline model::NamespacedName named(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return {.ns = {}, .name = std::string{text}};
  return {.ns = std::string{text.substr(0, slash)}, .name = std::string{text.substr(slash + 1)}};
}

inline model::Meta meta(std::string_view name) {
  model::Meta meta;
  meta.name = named(name);
  meta.uid = name;
  meta.written_as = model::ApiVersion::V1alpha2;
  return meta;
}

inline model::Node node(std::string_view name, const std::vector<std::string_view>& ips) {
  model::Node node;
  node.meta = meta(name);
  for (const std::string_view ip : ips)
    node.internal_ips.push_back(address(ip));
  return node;
}

inline model::Service service(std::string_view name) {
  model::Service service;
  service.meta = meta(name);
  service.meta.annotations["lb.kubesphere.io/v1alpha1"] = "porter";
  service.is_load_balancer = true;
  service.families = {Family::V4};
  service.ports = {{.name = "http", .port = 80, .protocol = model::IpProtocol::Tcp}};
  return service;
}

enum class Health { Ready, Serving, Down };
struct Pod {
  std::string_view node;  // empty: not told
  std::string_view ip;
  Health health = Health::Ready;
};

inline model::EndpointSlice slice(std::string_view name, std::string_view service,
                                  const std::vector<Pod>& pods, Family family = Family::V4) {
  model::EndpointSlice slice;
  slice.meta = meta(name);
  slice.service = service;
  slice.family = family;
  for (const Pod& pod : pods) {
    model::Endpoint endpoint;
    endpoint.addresses = {address(pod.ip)};
    if (!pod.node.empty()) endpoint.node = pod.node;
    endpoint.ready = pod.health == Health::Ready;
    endpoint.serving = pod.health != Health::Down;
    slice.endpoints.push_back(std::move(endpoint));
  }
  return slice;
}

inline model::Eip eip(std::string_view name, std::string_view range) {
  model::Eip eip;
  eip.meta = meta(name);
  const auto parsed = Range::parse(range);
  PORTER_ASSERT(parsed.has_value());
  eip.addresses = {*parsed};
  return eip;
}

inline model::BgpConf conf(std::string_view name = "default") {
  model::BgpConf conf;
  conf.meta = meta(name);
  conf.as = {65'000};
  conf.router_id = RouterId{.bits = 0x0a000001};
  return conf;
}

inline model::BgpPeer peer(std::string_view name, std::string_view neighbor) {
  model::BgpPeer peer;
  peer.meta = meta(name);
  peer.neighbor = address(neighbor);
  peer.peer_as = {65'001};
  peer.families = {{.family = peer.neighbor->family(),
                    .send_max = 10,
                    .receive = false,
                    .graceful_restart = true}};
  return peer;
}

inline model::BgpAdvertisement advertisement(std::string_view name) {
  model::BgpAdvertisement advertisement;
  advertisement.meta = meta(name);
  return advertisement;
}

enum class AddPath { Received, NotReceived };
inline SessionSeen established(std::string_view peer, AddPath add_path = AddPath::Received) {
  SessionSeen seen;
  seen.peer = peer;
  seen.state = bgp::State::Established;
  seen.since = 1'000;
  seen.caught_up = true;
  bgp::Negotiated negotiated;
  negotiated.peer_id = {.bits = 0xac1e0001};
  negotiated.hold_time = 90;
  negotiated.families = {.v4 = true, .v6 = true};
  if (add_path == AddPath::Received) negotiated.add_path_send = negotiated.families;
  seen.negotiated = negotiated;
  return seen;
}

// A View with the indexes that the Engine keeps.
inline void put(View& view, const model::EndpointSlice& slice) {
  view.slices_of[{.ns = slice.meta.name.ns, .name = slice.service}].insert(slice.meta.name);
  view.slices[slice.meta.name] = slice;
}
inline void put(View& view, const model::Node& node) {
  view.nodes[node.meta.name.name] = node;
}
inline void put(View& view, const model::BgpConf& conf) {
  view.bgp_confs[conf.meta.name.name] = conf;
}
inline void put(View& view, const model::BgpPeer& peer) {
  view.bgp_peers[peer.meta.name.name] = peer;
}

// What was said last of each key.
struct Applied {
  std::map<Prefix, Route> routes;
  std::map<Address, bgp::PathId> path_ids;
  std::map<std::string, PeerWanted> peers;
  std::optional<ListenSpec> listen;
  std::set<Prefix> aggregates;  // with a kernel route
  std::size_t announced_unnamed =
      0;  // IPv6 next hops that went out before their identifier was remembered

  void perform(const Change& change) {
    if (const auto* route = std::get_if<Route>(&change)) return perform(*route);
    if (const auto* id = std::get_if<RememberPathId>(&change)) path_ids[id->next_hop] = id->id;
    if (const auto* peer = std::get_if<PeerWanted>(&change)) peers[peer->peer] = *peer;
    if (const auto* wanted = std::get_if<ListenWanted>(&change)) listen = wanted->value;
    if (const auto* wanted = std::get_if<AggregateWanted>(&change)) {
      if (wanted->is_wanted) {
        aggregates.insert(wanted->prefix);
      } else {
        aggregates.erase(wanted->prefix);
      }
    }
  }
  void perform(const Route& route) {
    for (const bgp::Path& path : route.paths) {
      if (path.next_hop.is_v6() && !path_ids.contains(path.next_hop)) ++announced_unnamed;
    }
    if (route.paths.empty()) {
      routes.erase(route.prefix);
    } else {
      routes.insert_or_assign(route.prefix, route);
    }
  }
};

// Not copyable: the stages refer to the View.
class Scene {
 public:
  explicit Scene(Identity identity = Identity())
      : view{}, assigner{view}, announcer{view, assigner} {
    view.identity = std::move(identity);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() = default;

  // Three nodes, a pool, a conf, a peer that is up, and default/web with an endpoint on each node.
  void usual() {
    put(node("n1", {"172.30.0.11", "fd00:30::11"}));
    put(node("n2", {"172.30.0.12", "fd00:30::12"}));
    put(node("n3", {"172.30.0.13", "fd00:30::13"}));
    put(eip("lan", "192.0.2.0/24"));
    put(conf());
    put(peer("tor-a", "172.30.0.1"));
    see(established("tor-a"));
    put(service("default/web"));
    put(slice("default/web-1", "web",
              {{"n1", "10.1.0.1"}, {"n2", "10.2.0.1"}, {"n3", "10.3.0.1"}}));
    run();
  }

  void put(const model::Node& object) {
    const auto known = view.nodes.find(object.meta.name.name);
    const std::optional<model::Node> before =
        known == view.nodes.end() ? std::nullopt : std::optional{known->second};
    test::put(view, object);
    announcer.node_changed(object.meta.name.name, before ? &*before : nullptr);
  }
  void drop_node(const std::string& name) {
    const auto before = view.nodes.extract(name);
    if (!before.empty()) announcer.node_changed(name, &before.mapped());
  }
  void put(const model::Service& object) {
    view.services[object.meta.name] = object;
    assigner.service_changed(object.meta.name);
    announcer.service_changed(object.meta.name);
  }
  void drop_service(std::string_view name) {
    view.services.erase(named(name));
    assigner.service_changed(named(name));
    announcer.service_changed(named(name));
  }
  void put(const model::EndpointSlice& object) {
    drop_slice(model::to_string(object.meta.name));
    test::put(view, object);
    announcer.service_changed({.ns = object.meta.name.ns, .name = object.service});
  }
  void drop_slice(std::string_view name) {
    const auto before = view.slices.extract(named(name));
    if (before.empty()) return;
    const model::NamespacedName owner{.ns = before.key().ns, .name = before.mapped().service};
    view.slices_of[owner].erase(before.key());
    announcer.service_changed(owner);
  }
  void put(const model::Eip& object) {
    const auto known = view.eips.find(object.meta.name.name);
    const std::optional<model::Eip> before =
        known == view.eips.end() ? std::nullopt : std::optional{known->second};
    view.eips[object.meta.name.name] = object;
    assigner.eip_changed(object.meta.name.name, before ? &*before : nullptr);
    announcer.eip_changed();
  }
  void put(const model::BgpAdvertisement& object) {
    view.bgp_advertisements[object.meta.name.name] = object;
    announcer.advertisement_changed();
  }
  void drop_advertisement(const std::string& name) {
    view.bgp_advertisements.erase(name);
    announcer.advertisement_changed();
  }
  void put(const model::BgpConf& object) {
    test::put(view, object);
    announcer.conf_changed();
  }
  void drop_conf(const std::string& name) {
    view.bgp_confs.erase(name);
    announcer.conf_changed();
  }
  void put(const model::BgpPeer& object) {
    test::put(view, object);
    announcer.peer_changed(object.meta.name.name);
  }
  void drop_peer(const std::string& name) {
    view.bgp_peers.erase(name);
    announcer.peer_changed(name);
  }
  void see(const SessionSeen& seen) {
    const std::string name = seen.peer;
    view.sessions[name] = seen;
    announcer.session_changed(name);
  }

  // Until nothing is left to do. `budget` is small, so that work is cut in pieces.
  void run(std::size_t budget = 2) {
    if (!view.synced) {
      view.synced = true;
      assigner.synced();
      announcer.synced();
    }
    for (int turns = 0; turns < kMostTurns; ++turns) {
      Changes out;
      assigner.step(now, unix_now, budget, out);
      hand_over();
      announcer.step(now, unix_now, budget, out);
      bool recorded = false;
      for (const Change& change : out) {
        last_step.push_back(change);
        applied.perform(change);
        if (const auto* wanted = std::get_if<AggregateWanted>(&change); wanted && wanted->is_wanted)
          announcer.aggregate_seen(wanted->prefix, aggregate_error);
        const auto* record = std::get_if<Record>(&change);
        if (record == nullptr || !store_works) continue;
        assigner.recorded(record->address, record->revision);
        recorded = true;
      }
      hand_over();
      if (!recorded && !assigner.has_work() && !announcer.has_work()) return;
    }
    assertion_failed("the plan settles");
  }
  void pass(std::int64_t seconds) {
    now += std::chrono::seconds{seconds};
    unix_now += seconds;
  }

  [[nodiscard]] Announcement announcement(std::string_view service) const {
    const auto all = announcer.of(named(service));
    return all.empty() ? Announcement{} : all.front();
  }
  // "n1's next hop n2's next hop": of the route to an address; empty: none.
  [[nodiscard]] std::string next_hops(std::string_view destination) const {
    std::string text;
    const auto route = applied.routes.find(Prefix::host(address(destination)));
    if (route == applied.routes.end()) return text;
    for (const bgp::Path& path : route->second.paths)
      text += (text.empty() ? "" : " ") + to_string(path.next_hop);
    return text;
  }

  View view;
  Assigner assigner;
  Announcer announcer;
  Applied applied;
  Changes last_step;
  TimePoint now{std::chrono::hours{1}};
  std::int64_t unix_now = 2'000;
  bool store_works = true;
  std::string aggregate_error;  // of the kernel

 private:
  static constexpr int kMostTurns = 10'000;

  void hand_over() {
    for (const Address& changed : assigner.take_changed_addresses())
      announcer.address_changed(changed);
  }
};

}  // namespace porter::plan::test
