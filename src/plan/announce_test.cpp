// SPDX-License-Identifier: Apache-2.0
#include "plan/announce.hpp"

#include <gtest/gtest.h>

#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using test::AddPath;
using test::Health;
using test::Scene;

constexpr std::string_view kWeb = "192.0.2.0";  // the first address of the pool

TEST(AnnouncerTest, AnAddressGoesOutByEveryCandidate) {
  Scene scene;
  scene.usual();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11 172.30.0.12 172.30.0.13");
  const bgp::Path& path = scene.applied.routes.begin()->second.paths.front();
  EXPECT_EQ(path.id, 0xac1e000bU);
  EXPECT_EQ(path.attributes, bgp::PathAttributes{});
  EXPECT_EQ(scene.announcer.routes(), scene.applied.routes);
}

TEST(AnnouncerTest, NothingIsPlannedBeforeEverythingWasTold) {
  Scene scene;
  scene.put(test::node("n1", {"172.30.0.11"}));
  Changes out;
  scene.announcer.step(scene.now, scene.unix_now, 100, out);
  EXPECT_TRUE(out.empty());
  EXPECT_FALSE(scene.announcer.has_work());
}

TEST(AnnouncerTest, WhatIsNotRecordedIsNotAnnounced) {
  Scene scene;
  scene.store_works = false;
  scene.usual();
  EXPECT_TRUE(scene.applied.routes.empty());
  EXPECT_EQ(scene.announcement("default/web").reason, Reason::NotRecorded);
}

TEST(AnnouncerTest, ARouteIsPlannedWhetherOrNotASessionIsUp) {
  Scene scene;
  scene.put(test::node("n1", {"172.30.0.11"}));
  scene.put(test::eip("lan", "192.0.2.0/24"));
  scene.put(test::service("default/web"));
  scene.put(test::slice("default/web-1", "web", {{"n1", "10.1.0.1"}}));
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11");
}

TEST(AnnouncerTest, LosingTheLastEndpointWithdraws) {
  Scene scene;
  scene.usual();
  scene.put(test::slice("default/web-1", "web", {{"n1", "10.1.0.1", Health::Down}}));
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "");
  EXPECT_TRUE(scene.announcer.routes().empty());
}

TEST(AnnouncerTest, ANodeThatGoesTakesItsPathsWithIt) {
  Scene scene;
  scene.usual();
  scene.drop_node("n2");
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11 172.30.0.13");
}

TEST(AnnouncerTest, AServiceThatGoesWithdraws) {
  Scene scene;
  scene.usual();
  scene.drop_service("default/web");
  scene.run();
  EXPECT_TRUE(scene.applied.routes.empty());
}

TEST(AnnouncerTest, LocalTrafficGoesToNodesWithAnEndpoint) {
  Scene scene;
  scene.usual();
  model::Service local = test::service("default/web");
  local.traffic_policy = model::TrafficPolicy::Local;
  scene.put(local);
  scene.put(test::slice("default/web-1", "web",
                        {{"n1", "10.1.0.1"}, {"n3", "10.3.0.1", Health::Serving}}));
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11");
  scene.put(test::slice("default/web-1", "web",
                        {{"n1", "10.1.0.1", Health::Down}, {"n3", "10.3.0.1", Health::Serving}}));
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.13");
}

TEST(AnnouncerTest, ASharedAddressGoesOutByTheUnion) {
  Scene scene;
  scene.usual();
  const auto sharing = [](std::string_view name, std::uint16_t port) {
    model::Service service = test::service(name);
    service.meta.annotations["network.kubesphere.io/share"] = "one";
    service.meta.annotations["eip.porter.kubesphere.io/v1alpha1"] = "192.0.2.50";
    service.ports.front().port = port;
    service.traffic_policy = model::TrafficPolicy::Local;
    service.selector = {{"app", "web"}};
    return service;
  };
  scene.put(sharing("default/a", 80));
  scene.put(sharing("default/b", 443));
  scene.put(test::slice("default/a-1", "a", {{"n1", "10.1.0.5"}}));
  scene.put(test::slice("default/b-1", "b", {{"n3", "10.3.0.5"}}));
  scene.run();
  EXPECT_EQ(scene.next_hops("192.0.2.50"), "172.30.0.11 172.30.0.13");
  scene.drop_slice("default/b-1");
  scene.run();
  EXPECT_EQ(scene.next_hops("192.0.2.50"), "172.30.0.11");
  const Announcement b = scene.announcement("default/b");
  EXPECT_EQ(b.reason, Reason::NoReadyEndpoints);
  EXPECT_NE(b.message.find("announced for a Service it is shared with"), std::string::npos);
}

TEST(AnnouncerTest, TwoNodesBehindOneNextHopAreOnePath) {
  Scene scene;
  scene.usual();
  for (const std::string_view name : {"n2", "n3"}) {
    model::Node node = test::node(name, {});
    node.meta.annotations["network.kubesphere.io/next-hop"] = "172.30.0.100";
    scene.put(node);
  }
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11 172.30.0.100");
}

TEST(AnnouncerTest, OurOwnNodeIsMarkedForPeersInSelfMode) {
  Scene scene{{.node = "n2", .default_mode = model::NextHopMode::Self}};
  scene.usual();
  const auto& paths = scene.applied.routes.at(Prefix::host(test::address(kWeb))).paths;
  ASSERT_EQ(paths.size(), 3U);
  EXPECT_FALSE(paths[0].own);
  EXPECT_TRUE(paths[1].own);
  EXPECT_TRUE(paths[1].own_address);
  EXPECT_FALSE(paths[2].own);
}

TEST(AnnouncerTest, AnIpv6NextHopIsNamedBeforeItIsUsed) {
  Scene scene;
  scene.usual();
  scene.put(test::eip("lan6", "2001:db8::/120"));
  model::Service six = test::service("default/six");
  six.families = {Family::V6};
  scene.put(six);
  scene.put(test::slice("default/six-1", "six", {{"n1", "fd01::1"}}, Family::V6));
  scene.run();
  EXPECT_EQ(scene.applied.path_ids.size(), 3U);
  EXPECT_EQ(scene.applied.announced_unnamed, 0U);
  EXPECT_EQ(scene.applied.routes.size(), 2U);
}

TEST(AnnouncerTest, ARememberedIdentifierIsUsedAgainAndNotRemembered) {
  Scene scene;
  scene.announcer.path_id_loaded(test::address("fd00:30::11"), 4'711);
  scene.usual();
  EXPECT_FALSE(scene.applied.path_ids.contains(test::address("fd00:30::11")));
  EXPECT_TRUE(scene.applied.path_ids.contains(test::address("fd00:30::12")));
}

TEST(AnnouncerTest, ADrainIsMarkedThenWithdrawnThenOver) {
  Scene scene;
  scene.usual();
  model::Node leaving = test::node("n2", {"172.30.0.12"});
  leaving.meta.annotations["network.kubesphere.io/drain"] = "true";
  scene.put(leaving);
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11 172.30.0.12 172.30.0.13");
  const bgp::Path marked = scene.applied.routes.begin()->second.paths[1];
  EXPECT_EQ(marked.attributes.communities, std::vector{0xffff0000U});
  EXPECT_EQ(marked.attributes.local_pref, 0U);
  EXPECT_EQ(scene.announcer.deadline(), scene.now + std::chrono::seconds{10});

  scene.pass(10);
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11 172.30.0.13");
  EXPECT_EQ(scene.announcer.deadline(), kNever);

  scene.put(test::node("n2", {"172.30.0.12"}));
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11 172.30.0.12 172.30.0.13");
}

TEST(AnnouncerTest, WhatWasDrainingBeforeWeStartedHasLeft) {
  Scene scene;
  model::Node left = test::node("n9", {"172.30.0.19"});
  left.taints = {"ToBeDeletedByClusterAutoscaler"};
  scene.put(left);
  scene.usual();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11 172.30.0.12 172.30.0.13");
}

TEST(AnnouncerTest, TheLastNodeStaysThoughItDrains) {
  Scene scene;
  scene.usual();
  scene.drop_node("n2");
  scene.drop_node("n3");
  model::Node last = test::node("n1", {"172.30.0.11"});
  last.meta.labels["network.kubesphere.io/drain"] = "true";
  scene.put(last);
  scene.run();
  scene.pass(3'600);
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11");
  EXPECT_EQ(scene.announcement("default/web").reason, Reason::NodesDraining);
  last.taints = {"node.kubernetes.io/out-of-service"};
  scene.put(last);
  scene.run();
  EXPECT_EQ(scene.next_hops(kWeb), "") << "out of service is off, the last one too";
}

TEST(AnnouncerTest, ANodeThatChangesNothingThatCountsMakesNoWork) {
  Scene scene;
  scene.usual();
  model::Node same = scene.view.nodes["n1"];
  same.meta.labels["beta.kubernetes.io/arch"] = "amd64";
  scene.put(same);
  scene.last_step.clear();
  scene.run();
  EXPECT_TRUE(scene.last_step.empty());
}

TEST(AnnouncerTest, WithdrawalsComeBeforeAnnouncements) {
  Scene scene;
  scene.usual();
  scene.put(test::service("default/api"));
  scene.run();
  scene.last_step.clear();
  scene.put(test::slice("default/api-1", "api", {{"n1", "10.1.0.9"}}));
  scene.drop_slice("default/web-1");
  scene.run(100);
  ASSERT_EQ(scene.last_step.size(), 2U);
  EXPECT_TRUE(std::get<Route>(scene.last_step[0]).paths.empty());
  EXPECT_FALSE(std::get<Route>(scene.last_step[1]).paths.empty());
}

TEST(AnnouncerTest, SessionsComeAndGoWithTheirObjects) {
  Scene scene;
  scene.usual();
  ASSERT_TRUE(scene.applied.peers.at("tor-a").value.has_value());
  EXPECT_EQ(scene.applied.listen, (ListenSpec{.port = 179, .addresses = {}}));
  scene.drop_peer("tor-a");
  scene.run();
  EXPECT_FALSE(scene.applied.peers.at("tor-a").value.has_value());
  EXPECT_EQ(scene.applied.listen, std::nullopt);
  EXPECT_EQ(scene.announcer.peer("tor-a"), nullptr);
  EXPECT_EQ(scene.next_hops(kWeb), "172.30.0.11 172.30.0.12 172.30.0.13")
      << "the RIB never empties because of an edit";
}

TEST(AnnouncerTest, ADuplicateTakesOverWhenTheOlderGoes) {
  Scene scene;
  scene.usual();
  scene.put(test::peer("tor-z", "172.30.0.1"));
  scene.run();
  EXPECT_EQ(scene.announcer.peer("tor-z")->reason, Reason::DuplicateNeighbor);
  scene.drop_peer("tor-a");
  scene.run();
  EXPECT_TRUE(scene.announcer.peer("tor-z")->spec.has_value());
}

TEST(AnnouncerTest, ASecretThatComesStartsTheSession) {
  Scene scene;
  scene.usual();
  model::BgpPeer peer = test::peer("tor-b", "172.30.0.2");
  peer.auth_secret = model::SecretRef{.name = "bgp", .key = "md5"};
  scene.put(peer);
  scene.run();
  EXPECT_FALSE(scene.applied.peers.contains("tor-b"));
  model::Secret secret;
  secret.meta = test::meta("porter-system/bgp");
  secret.data["md5"] = "s3cret";
  scene.view.secrets[secret.meta.name] = secret;
  scene.announcer.secret_changed(secret.meta.name);
  scene.run();
  EXPECT_EQ(scene.applied.peers.at("tor-b").value->password, "s3cret");
}

TEST(AnnouncerTest, AStateOfASessionIsNoChangeOfItsConfiguration) {
  Scene scene;
  scene.usual();
  scene.last_step.clear();
  SessionSeen down = test::established("tor-a");
  down.state = bgp::State::Active;
  (void)scene.announcer.take_all_services_changed();
  (void)scene.announcer.take_changed_peers();
  scene.see(down);
  scene.run();
  EXPECT_TRUE(scene.last_step.empty());
  EXPECT_EQ(scene.announcer.take_changed_peers(), std::set<std::string>{"tor-a"});
  EXPECT_TRUE(scene.announcer.take_all_services_changed());
}

}  // namespace
}  // namespace porter::plan
