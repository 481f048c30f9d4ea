// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "plan/announce.hpp"
#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using test::Health;
using test::Scene;

int pick(int below) {
  return *rc::gen::inRange(0, below);
}

std::string node_name() {
  return "n" + std::to_string(pick(4));
}
std::string service_name() {
  return "default/s" + std::to_string(pick(4));
}

model::Node any_node() {
  const std::string name = node_name();
  model::Node node =
      test::node(name, {"172.30.0.1" + name.substr(1), "fd00:30::1" + name.substr(1)});
  node.meta.labels["zone"] = std::to_string(pick(2));
  switch (pick(9)) {
    case 0: node.ready = model::Tristate::False; break;
    case 1:
      node.ready = model::Tristate::Unknown;
      node.ready_since = pick(2) == 0 ? 0 : 1'000 + pick(200);
      break;
    case 2: node.network_unavailable = true; break;
    case 3: node.meta.labels[std::string{kExcludeLabel}] = ""; break;
    case 4: node.meta.annotations[std::string{kDrainKey}] = "true"; break;
    case 5: node.taints = {"node.kubernetes.io/out-of-service"}; break;
    case 6: node.internal_ips.clear(); break;
    case 7: node.meta.annotations[std::string{kNextHopAnnotation}] = "172.30.0.99"; break;
    default: break;
  }
  return node;
}

model::Service any_service() {
  model::Service service = test::service(service_name());
  if (pick(2) == 0) service.traffic_policy = model::TrafficPolicy::Local;
  if (pick(4) == 0) service.families = {Family::V6};
  if (pick(5) == 0) service.is_load_balancer = false;
  service.meta.labels["tier"] = std::to_string(pick(2));
  if (pick(3) == 0) service.meta.annotations["network.kubesphere.io/med"] = std::to_string(pick(3));
  if (pick(3) == 0) {
    service.families = {Family::V4};
    service.meta.annotations["network.kubesphere.io/share"] = "one";
    service.meta.annotations["eip.porter.kubesphere.io/v1alpha1"] = "192.0.2.7";
    service.ports.front().port = static_cast<std::uint16_t>(80 + pick(3));
  }
  return service;
}

model::EndpointSlice any_slice() {
  const std::string service = "s" + std::to_string(pick(4));
  const bool six = pick(3) == 0;
  model::EndpointSlice slice = test::slice("default/" + service + (six ? "-6" : "-4"), service, {},
                                           six ? Family::V6 : Family::V4);
  for (int i = pick(4); i > 0; --i) {
    model::Endpoint endpoint;
    endpoint.addresses = {Address::from_number(
        slice.family, (Uint128{0xfd01} << 112U) + static_cast<unsigned>(pick(9)))};
    if (!six) endpoint.addresses = {Address::v4(0x0a000000U + static_cast<std::uint32_t>(pick(9)))};
    if (pick(5) > 0) endpoint.node = node_name();
    endpoint.ready = pick(2) == 0;
    endpoint.serving = endpoint.ready || pick(2) == 0;
    slice.endpoints.push_back(std::move(endpoint));
  }
  return slice;
}

void any_peer(Scene& scene) {
  const std::string name = "p" + std::to_string(pick(2));
  if (pick(4) == 0) return scene.drop_peer(name);
  model::BgpPeer peer = test::peer(name, "172.30.0." + std::to_string(1 + pick(2)));
  if (pick(2) == 0)
    peer.next_hop_mode = pick(2) == 0 ? model::NextHopMode::Self : model::NextHopMode::Nodes;
  scene.put(peer);
}

void any_advertisement(Scene& scene) {
  const std::string name = "a" + std::to_string(pick(3));
  if (pick(4) == 0) return scene.drop_advertisement(name);
  model::BgpAdvertisement advertisement = test::advertisement(name);
  advertisement.meta.order = static_cast<std::uint64_t>(pick(3));
  const auto only = [](const char* key, const std::string& value) {
    return model::Selector{
        {{.key = key, .op = model::Requirement::Operator::In, .values = {value}}}};
  };
  if (pick(3) == 0) advertisement.eips = {pick(2) == 0 ? "lan" : "lan6"};
  if (pick(3) == 0) advertisement.peers = {"p" + std::to_string(pick(2))};
  if (pick(3) == 0) advertisement.service_selector = only("tier", std::to_string(pick(2)));
  if (pick(3) == 0) advertisement.node_selector = only("zone", std::to_string(pick(2)));
  if (pick(3) == 0) advertisement.aggregation_length = static_cast<std::uint8_t>(28 + pick(5));
  if (pick(3) == 0) advertisement.aggregation_length_v6 = static_cast<std::uint8_t>(126 + pick(3));
  if (pick(2) == 0) advertisement.communities = {static_cast<std::uint32_t>(pick(3))};
  if (pick(2) == 0) advertisement.local_preference = static_cast<std::uint32_t>(pick(3));
  if (pick(4) == 0) advertisement.weight = model::BgpAdvertisement::Weight::Endpoints;
  advertisement.overrides.med = pick(2) == 0;
  scene.put(advertisement);
}

void any_conf(Scene& scene) {
  model::BgpConf conf = test::conf();
  if (pick(2) == 0) conf.advertise = model::Advertise::Selected;
  scene.put(conf);
}

void any_fact(Scene& scene) {
  switch (pick(13)) {
    case 10:
    case 11: return any_advertisement(scene);
    case 12: return any_conf(scene);
    case 0:
    case 1: return scene.put(any_node());
    case 2: return scene.drop_node(node_name());
    case 3:
    case 4: return scene.put(any_service());
    case 5: return scene.drop_service(service_name());
    case 6:
    case 7: return scene.put(any_slice());
    case 8: return any_peer(scene);
    default: return scene.pass(pick(30));
  }
}

bool is_of_a_node_in_service(const Scene& scene, Family family, const Address& next_hop) {
  const Modes modes = modes_of(scene.view);
  return std::ranges::any_of(scene.view.nodes, [&](const auto& each) {
    const auto& [name, node] = each;
    const bool is_drained = !drain_sign(node, nullptr).empty();
    if (node.network_unavailable) return false;
    if (node.ready == model::Tristate::False && !is_drained) return false;
    return next_hop_of(node, family, name == scene.view.identity.node, modes).address == next_hop;
  });
}

void check(const Scene& scene) {
  RC_ASSERT(scene.applied.routes == scene.announcer.desired_routes());
  RC_ASSERT(scene.applied.routes == scene.announcer.routes());
  RC_ASSERT(scene.applied.announced_unnamed == 0U);
  for (const auto& [prefix, route] : scene.applied.routes) {
    RC_ASSERT(!route.paths.empty());
    RC_ASSERT(std::is_sorted(route.paths.begin(), route.paths.end()));
    if (!prefix.is_host()) {  // an aggregate: never without its kernel route
      RC_ASSERT(scene.applied.aggregates.contains(prefix));
      continue;
    }
    bool recorded = false;
    for (const auto& holder : scene.assigner.holders(prefix.address())) {
      RC_ASSERT(scene.view.services.contains(holder));
      for (const Assignment::Item& item : scene.assigner.of(holder)->addresses)
        recorded = recorded || (item.address == prefix.address() && item.recorded);
    }
    RC_ASSERT(recorded);
    for (const bgp::Path& path : route.paths)
      RC_ASSERT(is_of_a_node_in_service(scene, prefix.family(), path.next_hop));
  }
}

RC_GTEST_PROP(AnnouncerProperty, WhatWasSaidIsWhatThePlanIsWhateverCameBefore, ()) {
  Scene scene{{.node = "n0"}};
  scene.put(test::eip("lan", "192.0.2.0/29"));
  scene.put(test::eip("lan6", "2001:db8::/126"));
  scene.put(test::conf());
  if (pick(4) == 0) scene.aggregate_error = "Operation not permitted";
  const int facts = pick(40);
  for (int i = 0; i < facts; ++i) {
    any_fact(scene);
    if (pick(3) > 0) continue;
    scene.run(1 + static_cast<std::size_t>(pick(4)));
    check(scene);
  }
  scene.run();
  check(scene);
}

}  // namespace
}  // namespace porter::plan
