// SPDX-License-Identifier: Apache-2.0
#include "plan/announcement.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using test::AddPath;
using test::Health;
using test::Scene;

// What is said of default/web, each reason with its message and its fix.
class AnnouncementTest : public testing::Test {
 protected:
  AnnouncementTest() { scene.usual(); }
  void expect(Reason reason, std::string_view message) {
    scene.run();
    const Announcement found = scene.announcement("default/web");
    EXPECT_EQ(to_string(found.reason), to_string(reason));
    EXPECT_EQ(found.message, message);
    EXPECT_EQ(found.fix.empty(), reason == Reason::Announced)
        << "bad news comes with a fix: " << found.fix;
  }
  void see_ends(std::string_view local, std::string_view subnet) {
    SessionSeen seen = test::established("tor-a");
    bgp::Ends ends;
    ends.local = test::address(local);
    ends.remote = test::address("172.30.0.1");
    ends.subnet = test::prefix(subnet);
    seen.ends = ends;
    scene.see(seen);
  }
  Scene scene;
};

TEST_F(AnnouncementTest, Announced) {
  expect(Reason::Announced, "via 3 next hops: n1, n2, n3");
  const Announcement found = scene.announcement("default/web");
  EXPECT_EQ(found.ready_endpoints, 3U);
  EXPECT_EQ(found.endpoint_nodes, (std::set<std::string>{"n1", "n2", "n3"}));
  ASSERT_EQ(found.nodes.size(), 3U);
  EXPECT_EQ(found.nodes[0].next_hop, test::address("172.30.0.11"));
}

TEST_F(AnnouncementTest, NoSliceAtAll) {
  scene.drop_slice("default/web-1");
  expect(Reason::NoReadyEndpoints, "there is no IPv4 EndpointSlice of Service default/web");
}

TEST_F(AnnouncementTest, NoReadyEndpoint) {
  scene.put(test::slice("default/web-1", "web", {{"n1", "10.1.0.1", Health::Down}}));
  expect(Reason::NoReadyEndpoints, "no IPv4 endpoint of Service default/web is ready");
}

TEST_F(AnnouncementTest, ServingIsGoodEnoughWhereNoneIsReady) {
  scene.put(test::slice("default/web-1", "web", {{"n1", "10.1.0.1", Health::Serving}}));
  expect(Reason::Announced, "via 3 next hops: n1, n2, n3");
  EXPECT_EQ(scene.announcement("default/web").serving_endpoints, 1U);
}

TEST_F(AnnouncementTest, NoNodeAtAll) {
  for (const char* name : {"n1", "n2", "n3"})
    scene.drop_node(name);
  expect(Reason::NoCandidateNode, "there is no Node object, so there is no next hop");
}

TEST_F(AnnouncementTest, EveryNodeExcluded) {
  for (const std::string_view name : {"n1", "n2", "n3"}) {
    model::Node node = test::node(name, {"172.30.0.11"});
    node.meta.labels[std::string{kExcludeLabel}] = "";
    scene.put(node);
  }
  expect(Reason::NoCandidateNode,
         "label node.kubernetes.io/exclude-from-external-load-balancers is on "
         "every node (n1, n2, "
         "n3)");
  EXPECT_NE(scene.announcement("default/web").fix.find("--ignore-exclude-label"),
            std::string::npos);
}

TEST_F(AnnouncementTest, EachNodeOutForAReasonOfItsOwn) {
  model::Node sick = test::node("n1", {"172.30.0.11"});
  sick.ready = model::Tristate::False;
  sick.ready_reason = "KubeletNotReady";
  scene.put(sick);
  model::Node offline = test::node("n2", {"172.30.0.12"});
  offline.network_unavailable = true;
  scene.put(offline);
  scene.put(test::node("n3", {"fd00:30::13"}));
  expect(Reason::NoCandidateNode,
         "no node can be a next hop: n1: NotReady (KubeletNotReady), n2: "
         "NetworkUnavailable "
         "(condition NetworkUnavailable "
         "is True), n3: NoNextHopAddress (no IPv4 InternalIP)");
}

TEST_F(AnnouncementTest, LocalEndpointsOnNodesThatCannotCarry) {
  model::Service local = test::service("default/web");
  local.traffic_policy = model::TrafficPolicy::Local;
  scene.put(local);
  scene.put(test::slice("default/web-1", "web", {{"n1", "10.1.0.1"}, {"n9", "10.9.0.1"}}));
  model::Node sick = test::node("n1", {"172.30.0.11"});
  sick.ready = model::Tristate::False;
  scene.put(sick);
  expect(Reason::NoCandidateNode,
         "no node can be a next hop: n1: NotReady, n9: no such Node object");
  EXPECT_EQ(scene.announcement("default/web").nodes[1].reason, Reason::NoLocalEndpoint);
}

TEST_F(AnnouncementTest, LocalEndpointsThatDoNotNameTheirNode) {
  model::Service local = test::service("default/web");
  local.traffic_policy = model::TrafficPolicy::Local;
  scene.put(local);
  scene.put(test::slice("default/web-1", "web", {{"", "10.1.0.1"}}));
  expect(Reason::NoCandidateNode,
         "externalTrafficPolicy is Local, and no "
         "endpoint says on which node it is");
}

TEST_F(AnnouncementTest, NoBgpConf) {
  scene.drop_conf("default");
  expect(Reason::NoBgpConf, "there is no BgpConf that counts, so no session runs");
}

TEST_F(AnnouncementTest, NoPeerAtAll) {
  scene.drop_peer("tor-a");
  expect(Reason::NoPeer, "there is no BgpPeer");
}

TEST_F(AnnouncementTest, NoPeerThatRunsHere) {
  model::BgpPeer peer = test::peer("tor-a", "172.30.0.1");
  peer.auth_secret = model::SecretRef{.name = "bgp", .key = "md5"};
  scene.put(peer);
  expect(Reason::NoPeer,
         "no BgpPeer runs here: tor-a: SecretMissing: there is "
         "no Secret porter-system/bgp");
}

TEST_F(AnnouncementTest, NoSessionEstablished) {
  SessionSeen down = test::established("tor-a");
  down.state = bgp::State::Active;
  scene.see(down);
  expect(Reason::NoEstablishedPeer, "no session is Established: tor-a");
}

TEST_F(AnnouncementTest, NoSessionCarriesTheFamily) {
  SessionSeen other = test::established("tor-a");
  other.negotiated->families = {.v4 = false, .v6 = true};
  scene.see(other);
  expect(Reason::NoEstablishedPeer, "no Established peer carries IPv4");
}

TEST_F(AnnouncementTest, NoNextHopInTheSharedSubnet) {
  see_ends("10.8.0.11", "10.8.0.0/24");
  expect(Reason::NextHopNotShared,
         "3 next hops lie outside the subnet shared with BgpPeer tor-a "
         "(10.8.0.0/24), which is one "
         "hop away (RFC 4271 5.1.3)");
  see_ends("172.30.0.11", "172.30.0.0/24");
  expect(Reason::Announced, "via 3 next hops: n1, n2, n3");
}

TEST_F(AnnouncementTest, OnlyIpv6NextHopsForIpv4) {
  model::BgpPeer takes = test::peer("tor-a", "172.30.0.1");
  takes.extended_next_hop = true;
  scene.put(takes);
  for (const char* node : {"n1", "n2", "n3"})
    scene.put(test::node(node, {fmt::format("fd00:30::1{}", node[1])}));
  expect(Reason::NextHopNotShared,
         "the next hops are IPv6 addresses, and BgpPeer tor-a does not take those for IPv4 (RFC "
         "8950)");
  SessionSeen seen = test::established("tor-a");
  seen.negotiated->extended_next_hop = true;
  scene.see(seen);
  expect(Reason::Announced, "via 3 next hops: n1, n2, n3");
}

TEST_F(AnnouncementTest, APeerSeveralHopsAwayNeedsNoSharedSubnet) {
  model::BgpPeer far = test::peer("tor-a", "172.30.0.1");
  far.ebgp_multihop = true;
  scene.put(far);
  see_ends("10.8.0.11", "10.8.0.0/24");
  expect(Reason::Announced, "via 3 next hops: n1, n2, n3");
}

TEST_F(AnnouncementTest, AddPathNotReceived) {
  scene.see(test::established("tor-a", AddPath::NotReceived));
  expect(Reason::AddPathNotReceived,
         "via 3 next hops: n1, n2, n3; BgpPeer tor-a cannot receive ADD-PATH "
         "and is told one next "
         "hop only");
}

TEST_F(AnnouncementTest, WithOneNextHopAddPathIsNoMatter) {
  scene.see(test::established("tor-a", AddPath::NotReceived));
  scene.drop_node("n2");
  scene.drop_node("n3");
  expect(Reason::Announced, "via 1 next hop: n1");
}

TEST_F(AnnouncementTest, FailOpen) {
  for (const std::string_view name : {"n2", "n3"}) {
    model::Node silent = scene.view.nodes[std::string{name}];
    silent.ready = model::Tristate::Unknown;
    silent.ready_since = 1'000;
    scene.put(silent);
  }
  expect(Reason::FailOpen,
         "via 3 next hops: n1, n2, n3; nodes whose kubelet "
         "is silent are kept: too many fell "
         "silent, or there is no other");
}

TEST_F(AnnouncementTest, ALayer2PoolIsNotAnnouncedByThisRelease) {
  model::Eip pool = test::eip("lan", "192.0.2.0/24");
  pool.protocol = model::Protocol::Layer2;
  scene.put(pool);
  scene.announcer.service_changed(test::named("default/web"));
  scene.run();
  EXPECT_EQ(scene.next_hops("192.0.2.0"), "");
  const Announcement found = scene.announcement("default/web");
  if (found.address == test::address("192.0.2.0")) {
    EXPECT_EQ(to_string(found.reason), "ProtocolUnavailable");
  }
}

TEST(AnnouncementSelfTest, InSelfModeANodeWithoutALocalEndpointTellsNothing) {
  Scene scene{{.node = "n2", .default_mode = model::NextHopMode::Self}};
  scene.usual();
  model::Service local = test::service("default/web");
  local.traffic_policy = model::TrafficPolicy::Local;
  scene.put(local);
  scene.put(test::slice("default/web-1", "web", {{"n1", "10.1.0.1"}}));
  scene.run();
  const Announcement found = scene.announcement("default/web");
  EXPECT_EQ(to_string(found.reason), "NoCandidateNode");
  EXPECT_EQ(found.message,
            "in nextHopMode Self a node announces itself only, "
            "and n2 is no next hop");
}

TEST(NodeVerdictTest, WordsTellSinceWhenOnlyWithAClock) {
  const NodeVerdict verdict{.node = "n4",
                            .reason = Reason::NotReady,
                            .detail = "KubeletNotReady",
                            .since = 1'000,
                            .next_hop = {}};
  EXPECT_EQ(words_of(verdict, 1'012), "NotReady since 12 s (KubeletNotReady)");
  EXPECT_EQ(words_of(verdict, 0), "NotReady (KubeletNotReady)");
}

}  // namespace
}  // namespace porter::plan
