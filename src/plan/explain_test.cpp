// SPDX-License-Identifier: Apache-2.0
#include "plan/explain.hpp"

#include <gtest/gtest.h>

#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using test::AddPath;
using test::Health;
using test::Scene;

// The words that a person reads. A change here is a change of what Porter says:
// read it as that person.
class ExplainTest : public testing::Test {
 protected:
  [[nodiscard]] Explanation explained(std::string_view service = "default/web") {
    scene.run();
    return explain(scene.view, scene.assigner, scene.announcer, test::named(service),
                   scene.unix_now);
  }
  [[nodiscard]] std::string text(std::string_view service = "default/web") {
    return "\n" + to_text(explained(service));
  }
  Scene scene;
};

TEST_F(ExplainTest, AllIsWell) {
  scene.usual();
  scene.pass(3 * 86'400 + 4 * 3'600);
  EXPECT_EQ(text(), R"(
default/web is announced at 192.0.2.0 to 1 peer.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  ok    address         192.0.2.0 from Eip lan, since 3d4h
  ok    endpoints       3 ready on n1, n2, n3 (externalTrafficPolicy Cluster)
  ok    nodes           n1, n2, n3
  ok    announcement    192.0.2.0/32 with 3 paths
  ok    peer 172.30.0.1 sent, 3 paths (ADD-PATH)
)");
}

TEST_F(ExplainTest, NoPool) {
  scene.put(test::node("n1", {"172.30.0.11"}));
  scene.put(test::conf());
  scene.put(test::service("shop/cart"));
  scene.put(test::slice("shop/cart-1", "cart", {{"n1", "10.1.0.1"}}));
  scene.run();
  scene.pass(840);
  EXPECT_EQ(text("shop/cart"), R"(
shop/cart has no address.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  FAIL  address         NoPool: there is no Eip
  -     endpoints       1 ready on n1 (would do)
  -     nodes           1 candidate
  -     announcement    nothing to announce yet
fix: create an Eip.
waiting since 14 minutes; tried again on every change, no restart needed.
)");
}

TEST_F(ExplainTest, PoolFull) {
  scene.usual();
  scene.put(test::eip("edge", "198.51.100.8/31"));
  for (const std::string_view name : {"shop/web", "shop/api", "shop/cart"}) {
    model::Service wanting = test::service(name);
    wanting.meta.annotations["eip.openelb.kubesphere.io/v1alpha2"] = "edge";
    scene.put(wanting);
    scene.run();
  }
  scene.put(test::slice("shop/cart-1", "cart", {{"n1", "10.1.0.1"}, {"n2", "10.2.0.1"}}));
  scene.run();
  scene.pass(840);
  EXPECT_EQ(text("shop/cart"), R"(
shop/cart has no address.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address of pool "edge" (annotation eip.openelb.kubesphere.io/v1alpha2)
  FAIL  address         PoolExhausted: all 2 addresses of Eip edge (198.51.100.8/31) are in use: shop/web, shop/api
  -     endpoints       2 ready on n1, n2 (would do)
  -     nodes           3 candidates
  -     announcement    nothing to announce yet
fix: add a pool or widen one (kubectl edit eip edge), free one of the two, or drop the annotation to use the pool "lan" (255 free).
waiting since 14 minutes; tried again on every change, no restart needed.
)");
}

TEST_F(ExplainTest, NoReadyEndpoint) {
  scene.usual();
  scene.put(test::slice("default/web-1", "web", {{"n1", "10.1.0.1", Health::Down}}));
  EXPECT_EQ(text(), R"(
default/web has 192.0.2.0, but it is not announced.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  ok    address         192.0.2.0 from Eip lan, since 0 s
  FAIL  endpoints       NoReadyEndpoints: no IPv4 endpoint of Service default/web is ready
  -     nodes           3 candidates
  -     announcement    withdrawn
  ok    peer 172.30.0.1 Established; nothing to tell
fix: see why its Pods are not ready: kubectl -n default get pods.
)");
}

TEST_F(ExplainTest, EveryNodeExcluded) {
  scene.usual();
  for (const std::string_view name : {"n1", "n2", "n3"}) {
    model::Node node = scene.view.nodes[std::string{name}];
    node.meta.labels[std::string{kExcludeLabel}] = "";
    scene.put(node);
  }
  EXPECT_EQ(text(), R"(
default/web has 192.0.2.0, but it is not announced.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  ok    address         192.0.2.0 from Eip lan, since 0 s
  ok    endpoints       3 ready on n1, n2, n3 (externalTrafficPolicy Cluster)
  FAIL  nodes           NoCandidateNode: label node.kubernetes.io/exclude-from-external-load-balancers is on every node (n1, n2, n3)
  -     announcement    withdrawn
  ok    peer 172.30.0.1 Established; nothing to tell
fix: remove the label from the nodes that are to carry traffic (kubectl label node n1 node.kubernetes.io/exclude-from-external-load-balancers-), or start porter with --ignore-exclude-label.
)");
}

TEST_F(ExplainTest, OneNodeExcludedAndOneNotReady) {
  scene.usual();
  model::Node excluded = scene.view.nodes["n2"];
  excluded.meta.labels[std::string{kExcludeLabel}] = "";
  scene.put(excluded);
  model::Node sick = scene.view.nodes["n3"];
  sick.ready = model::Tristate::False;
  sick.ready_reason = "KubeletNotReady";
  sick.ready_since = scene.unix_now - 12;
  scene.put(sick);
  EXPECT_EQ(text(), R"(
default/web is announced at 192.0.2.0 to 1 peer.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  ok    address         192.0.2.0 from Eip lan, since 0 s
  ok    endpoints       3 ready on n1, n2, n3 (externalTrafficPolicy Cluster)
  ok    nodes           n1; not n2: Excluded (label node.kubernetes.io/exclude-from-external-load-balancers), n3: NotReady since 12 s (KubeletNotReady)
  ok    announcement    192.0.2.0/32 with 1 path
  ok    peer 172.30.0.1 sent, 1 path (ADD-PATH)
)");
}

TEST_F(ExplainTest, PeerDown) {
  scene.usual();
  scene.put(test::peer("tor-b", "172.30.0.2"));
  SessionSeen down;
  down.peer = "tor-b";
  down.state = bgp::State::Active;
  down.since = scene.unix_now - 12;
  down.why = "hold timer expired (we sent 4/0)";
  scene.see(down);
  EXPECT_EQ(text(), R"(
default/web is announced at 192.0.2.0 to 1 of 2 peers.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  ok    address         192.0.2.0 from Eip lan, since 0 s
  ok    endpoints       3 ready on n1, n2, n3 (externalTrafficPolicy Cluster)
  ok    nodes           n1, n2, n3
  ok    announcement    192.0.2.0/32 with 3 paths
  ok    peer 172.30.0.1 sent, 3 paths (ADD-PATH)
  FAIL  peer 172.30.0.2 not Established: hold timer expired (we sent 4/0), 12 s ago
fix: check the link to 172.30.0.2, and that it expects a session from AS 65000 (BgpPeer tor-b); details: "porter peers 172.30.0.2".
)");
}

TEST_F(ExplainTest, PeerDownAndRefusingConnectionsStillTellsHowItBegan) {
  scene.usual();
  scene.put(test::peer("tor-b", "172.30.0.2"));
  SessionSeen down;
  down.peer = "tor-b";
  down.state = bgp::State::Active;
  down.since = scene.unix_now - 12;
  down.why = "connection refused";
  down.ended = "the peer closed: Cease/Administrative Shutdown";
  scene.see(down);
  EXPECT_NE(
      text().find("not Established: connection refused, 12 s ago; the last session ended because "
                  "the peer closed: Cease/Administrative Shutdown\n"),
      std::string::npos)
      << text();
}

TEST_F(ExplainTest, PeerWithoutAddPath) {
  scene.usual();
  scene.see(test::established("tor-a", AddPath::NotReceived));
  EXPECT_EQ(text(), R"(
default/web is announced at 192.0.2.0 to 1 peer.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  ok    address         192.0.2.0 from Eip lan, since 0 s
  ok    endpoints       3 ready on n1, n2, n3 (externalTrafficPolicy Cluster)
  ok    nodes           n1, n2, n3
  ok    announcement    192.0.2.0/32 with 3 paths
  warn  peer 172.30.0.1 sent, 1 path: the peer cannot receive ADD-PATH, so it sees one next hop only (172.30.0.11)
fix: let 172.30.0.1 receive additional paths (RFC 7911) for IPv4 from us, or let every node peer (nextHopMode: Self): until then all its traffic goes to one node.
)");
}

TEST_F(ExplainTest, NextHopsThatThePeerDoesNotShare) {
  scene.usual();
  SessionSeen seen = test::established("tor-a");
  seen.ends = bgp::Ends{.local = test::address("10.8.0.11"),
                        .remote = test::address("10.8.0.1"),
                        .subnet = test::prefix("10.8.0.0/24"),
                        .other_local = {},
                        .other_subnet = {}};
  scene.see(seen);
  EXPECT_EQ(text(), R"(
default/web has 192.0.2.0, but it is not announced.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  ok    address         192.0.2.0 from Eip lan, since 0 s
  ok    endpoints       3 ready on n1, n2, n3 (externalTrafficPolicy Cluster)
  ok    nodes           n1, n2, n3
  ok    announcement    192.0.2.0/32 with 3 paths
  FAIL  peer 172.30.0.1 NextHopNotShared: none of the 3 next hops lies in the subnet shared with 172.30.0.1 (10.8.0.0/24)
fix: set annotation network.kubesphere.io/next-hop on the nodes to addresses in that subnet, or spec.ebgpMultihop.enabled: true on BgpPeer tor-a.
)");
}

TEST_F(ExplainTest, NoPeer) {
  scene.usual();
  scene.drop_peer("tor-a");
  EXPECT_EQ(text(), R"(
default/web has 192.0.2.0, but it is not announced.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 address
  ok    address         192.0.2.0 from Eip lan, since 0 s
  ok    endpoints       3 ready on n1, n2, n3 (externalTrafficPolicy Cluster)
  ok    nodes           n1, n2, n3
  FAIL  announcement    NoPeer: there is no BgpPeer
fix: apply a BgpPeer with conf.neighborAddress and conf.peerAs.
)");
}

TEST_F(ExplainTest, NotOurs) {
  scene.usual();
  model::Service other = test::service("default/other");
  other.meta.annotations.clear();
  scene.put(other);
  EXPECT_EQ(text("default/other"), R"(
default/other is not Porter's.
  FAIL  ours            NotClaimed: The Service names no class, and nothing says that it is for Porter.
fix: set annotation lb.kubesphere.io/v1alpha1: porter, or start Porter with --claim-unclassed.
)");
}

TEST_F(ExplainTest, InAClusterEachNodeTellsItsOwnNextHop) {
  scene.view.identity.role = Role::Controller;
  scene.view.identity.default_mode = model::NextHopMode::Self;
  scene.usual();
  model::BgpPeer peer = test::peer("tor-a", "172.30.0.1");
  peer.families.front().send_max = 0;  // no ADD-PATH, and none is needed
  scene.put(peer);
  EXPECT_NE(text().find("  ok    peer 172.30.0.1 sent by each of the next hops for itself "
                        "(nextHopMode Self)\n"),
            std::string::npos)
      << text();
}

TEST_F(ExplainTest, BothFamiliesSayOnceWhatIsAlike) {
  scene.usual();
  scene.put(test::eip("lan6", "2001:db8::/120"));
  model::BgpPeer peer = test::peer("tor-a", "172.30.0.1");
  peer.families.push_back(
      {.family = Family::V6, .send_max = 10, .receive = false, .graceful_restart = true});
  scene.put(peer);
  model::Service dual = test::service("default/dual");
  dual.families = {Family::V4, Family::V6};
  dual.family_policy = model::IpFamilyPolicy::RequireDualStack;
  scene.put(dual);
  scene.put(test::slice("default/dual-4", "dual", {{"n1", "10.1.0.1"}}));
  scene.put(test::slice("default/dual-6", "dual", {{"n1", "fd01::1"}}, Family::V6));
  EXPECT_EQ(text("default/dual"), R"(
default/dual is announced at 192.0.2.1 and 2001:db8:: to 1 peer.
  ok    ours            annotation lb.kubesphere.io/v1alpha1: porter
  ok    wants           any IPv4 and IPv6 address, both
  ok    address         192.0.2.1 from Eip lan, since 0 s
  ok    address         2001:db8:: from Eip lan6, since 0 s
  ok    endpoints       1 ready on n1 (externalTrafficPolicy Cluster)
  ok    nodes           n1, n2, n3
  ok    announcement    192.0.2.1/32 with 3 paths
  ok    announcement    2001:db8::/128 with 3 paths
  ok    peer 172.30.0.1 sent, 3 paths (ADD-PATH)
)");
}

TEST_F(ExplainTest, AMistypedNameIsGuessed) {
  scene.usual();
  EXPECT_EQ(text("default/wep"),
            "\nThere is no Service default/wep.\nfix: did you mean default/web?\n");
  EXPECT_EQ(text("shop/web"), "\nThere is no Service shop/web.\nfix: did you mean default/web?\n");
  EXPECT_FALSE(explained("shop/web").is_known);
}

TEST_F(ExplainTest, WithoutAClockTimesAreDates) {
  scene.usual();
  const Explanation found =
      explain(scene.view, scene.assigner, scene.announcer, test::named("default/web"));
  EXPECT_NE(to_text(found).find("since 1970-01-01T00:33:20Z"), std::string::npos) << to_text(found);
}

TEST_F(ExplainTest, TheTreeHasTheSameFacts) {
  scene.usual();
  scene.put(test::slice("default/web-1", "web", {}));
  const Explanation found = explained();
  const Tree tree = to_tree(found);
  EXPECT_EQ(tree["service"].text(), "default/web");
  EXPECT_EQ(tree["headline"].text(), found.headline);
  EXPECT_EQ(tree["fix"].text(), found.fix);
  EXPECT_FALSE(tree["announced"].as_bool());
  ASSERT_EQ(tree["links"].items().size(), found.links.size());
  EXPECT_EQ(tree["links"].items()[3]["verdict"].text(), "FAIL");
  EXPECT_EQ(tree["links"].items()[3]["name"].text(), "endpoints");
}

}  // namespace
}  // namespace porter::plan
