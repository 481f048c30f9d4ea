// SPDX-License-Identifier: Apache-2.0
#include "plan/session_plan.hpp"

#include <utility>

#include <gtest/gtest.h>

#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using model::NextHopMode;

class SessionPlanTest : public testing::Test {
 protected:
  SessionPlanTest() {
    view.identity.node = "n1";
    test::put(view, test::node("n1", {"172.30.0.11", "fd00:30::11"}));
    test::put(view, test::conf());
    test::put(view, test::peer("tor-a", "172.30.0.1"));
  }
  model::BgpConf& conf() { return view.bgp_confs["default"]; }
  model::BgpPeer& peer() { return view.bgp_peers["tor-a"]; }
  model::Node& node() { return view.nodes["n1"]; }

  [[nodiscard]] PeerOutcome plan(const std::string& name = "tor-a") const {
    return plan_peer(view, session_ground(view), view.bgp_peers.at(name));
  }
  [[nodiscard]] PeerSpec spec() const { return plan().spec.value_or(PeerSpec{}); }
  [[nodiscard]] PeerOutcome plan_of_conf(const std::string& name = "default") const {
    return plan_conf(view, session_ground(view), name);
  }
  // Why no session runs.
  void expect_idle(Reason reason, std::string_view message,
                   const std::string& name = "tor-a") const {
    const PeerOutcome outcome = plan(name);
    EXPECT_EQ(to_string(outcome.reason), to_string(reason));
    EXPECT_EQ(outcome.message, message);
    EXPECT_FALSE(outcome.spec.has_value());
  }

  View view;
};

TEST_F(SessionPlanTest, APlainPeerIsAPlainSession) {
  const PeerSpec found = spec();
  EXPECT_EQ(found.neighbor, test::address("172.30.0.1"));
  EXPECT_EQ(found.remote_port, 179);
  EXPECT_EQ(found.ttl, 1);
  EXPECT_EQ(found.min_ttl, 0);
  EXPECT_EQ(found.password, "");
  const bgp::PeerConfig& config = found.config;
  EXPECT_EQ(config.open.local_as, Asn{65'000});
  EXPECT_EQ(config.open.remote_as, Asn{65'001});
  EXPECT_EQ(config.open.id, RouterId{0x0a000001});
  EXPECT_EQ(config.open.hold_time, 90);
  EXPECT_EQ(config.open.families, (bgp::Families{.v4 = true, .v6 = false}));
  EXPECT_EQ(config.open.add_path_send, (bgp::Families{.v4 = true, .v6 = false}));
  EXPECT_TRUE(config.open.add_path_receive.none());
  EXPECT_EQ(config.dial, bgp::PeerConfig::Dial::Active);
  EXPECT_TRUE(config.single_hop);
  EXPECT_FALSE(config.admin_down);
  EXPECT_EQ(config.encoding.kind, bgp::PeerKind::External);
  EXPECT_EQ(config.encoding.local_as, Asn{65'000});
  EXPECT_EQ(config.encoding.send_max_v4, 10U);
  EXPECT_EQ(config.encoding.mode, bgp::Encoding::Mode::Nodes);
  EXPECT_EQ(config.received.own_addresses,
            (std::vector{test::address("172.30.0.11"), test::address("fd00:30::11")}));
  EXPECT_EQ(config.received.own_id, RouterId{0x0a000001});
  EXPECT_EQ(to_string(plan().reason), "NotEstablished");
  EXPECT_EQ(plan().message, "Idle towards 172.30.0.1, AS 65001");
}

TEST_F(SessionPlanTest, TimersLimitsAndTransportAreTakenOver) {
  peer().hold_time = 9;
  peer().keepalive_interval = 3;
  peer().connect_retry = 5;
  peer().passive = true;
  peer().remote_port = 1790;
  peer().local_address = "eth1";
  peer().allow_own_as = 2;
  peer().max_prefixes_v4 = 7;
  peer().max_prefixes_cease = true;
  peer().families.push_back(
      {.family = Family::V6, .send_max = 0, .receive = true, .graceful_restart = true});
  const PeerSpec found = spec();
  EXPECT_EQ(found.remote_port, 1790);
  EXPECT_EQ(found.local_address, "eth1");
  EXPECT_EQ(found.config.open.hold_time, 9);
  EXPECT_EQ(found.config.keepalive, 3);
  EXPECT_EQ(found.config.connect_retry, 5U);
  EXPECT_EQ(found.config.dial, bgp::PeerConfig::Dial::Passive);
  EXPECT_EQ(found.config.received.allow_own_as, 2U);
  EXPECT_EQ(found.config.received.max_v4, 7U);
  EXPECT_EQ(found.config.received.when_full, bgp::AdjRibIn::WhenFull::Cease);
  EXPECT_EQ(found.config.open.families, (bgp::Families{.v4 = true, .v6 = true}));
  EXPECT_EQ(found.config.open.add_path_send, (bgp::Families{.v4 = true, .v6 = false}))
      << "sendMax 0 is off";
  EXPECT_EQ(found.config.open.add_path_receive, (bgp::Families{.v4 = false, .v6 = true}));
  EXPECT_EQ(found.config.encoding.send_max_v6, 1U);
}

TEST_F(SessionPlanTest, GracefulRestartIsThePeersElseTheConfsElseTwentySeconds) {
  EXPECT_EQ(spec().config.open.restart_time, 20);
  EXPECT_EQ(spec().config.open.restart_families, (bgp::Families{.v4 = true, .v6 = false}));
  conf().graceful_restart = model::GracefulRestart{.enabled = true, .restart_time = 60};
  EXPECT_EQ(spec().config.open.restart_time, 60);
  peer().graceful_restart =
      model::GracefulRestart{.enabled = true, .restart_time = 0, .notification_enabled = true};
  EXPECT_EQ(spec().config.open.restart_time, 90) << "0 is the hold time";
  EXPECT_TRUE(spec().config.open.restart_notification);
  peer().graceful_restart =
      model::GracefulRestart{.enabled = true, .restart_time = 5'000, .helper_only = true};
  EXPECT_EQ(spec().config.open.restart_time, 4'095) << "12 bits";
  EXPECT_TRUE(spec().config.open.restart_families.none());
  EXPECT_TRUE(spec().config.helper);
  peer().graceful_restart = model::GracefulRestart{.enabled = false};
  EXPECT_EQ(spec().config.open.restart_time, std::nullopt);
  EXPECT_FALSE(spec().config.helper);
}

TEST_F(SessionPlanTest, TtlFollowsKindHopsAndSecurity) {
  const auto ttl = [&] { return std::pair{spec().ttl, spec().min_ttl}; };
  using Ttl = std::pair<std::uint8_t, std::uint8_t>;
  EXPECT_EQ(ttl(), (Ttl{1, 0}));
  peer().ttl_security = true;
  EXPECT_EQ(ttl(), (Ttl{255, 255})) << "RFC 5082: one hop";
  peer().ebgp_multihop = true;
  peer().multihop_ttl = 3;
  EXPECT_EQ(ttl(), (Ttl{255, 253}));
  peer().ttl_security = false;
  EXPECT_EQ(ttl(), (Ttl{3, 0}));
  peer().multihop_ttl = 0;
  EXPECT_EQ(ttl(), (Ttl{255, 0}));
  EXPECT_FALSE(spec().config.single_hop);
  peer().ebgp_multihop = false;
  peer().peer_as = {65'000};
  EXPECT_EQ(ttl(), (Ttl{255, 0})) << "iBGP";
  EXPECT_FALSE(spec().config.single_hop);
  EXPECT_EQ(spec().config.encoding.kind, bgp::PeerKind::Internal);
}

TEST_F(SessionPlanTest, ADynamicNeighbourIsPassiveAndLimited) {
  peer().neighbor.reset();
  peer().neighbor_prefix = test::prefix("172.30.0.0/24");
  peer().neighbor_limit = 5;
  const PeerSpec found = spec();
  EXPECT_EQ(found.neighbor_prefix, test::prefix("172.30.0.0/24"));
  EXPECT_EQ(found.neighbor_limit, 5U);
  EXPECT_EQ(found.config.dial, bgp::PeerConfig::Dial::Passive);
}

TEST_F(SessionPlanTest, TheModeIsThePeersElseTheConfsElseAsStarted) {
  const auto mode = [&] { return mode_of(view, effective_conf(view), peer()); };
  view.identity.default_mode = NextHopMode::Self;
  EXPECT_EQ(mode(), NextHopMode::Self);
  conf().meta.written_as = model::ApiVersion::V1alpha1;
  EXPECT_EQ(mode(), NextHopMode::Nodes) << "what v1alpha1 meant";
  conf().next_hop_mode = NextHopMode::Self;
  EXPECT_EQ(mode(), NextHopMode::Self);
  peer().next_hop_mode = NextHopMode::Nodes;
  EXPECT_EQ(mode(), NextHopMode::Nodes);
  EXPECT_EQ(spec().config.encoding.mode, bgp::Encoding::Mode::Nodes);
}

TEST_F(SessionPlanTest, ModesAreThoseOfThePeersThatRunHere) {
  EXPECT_EQ(modes_of(view), (Modes{.self = false, .nodes = true}));
  view.bgp_peers["tor-b"] = test::peer("tor-b", "172.30.0.2");
  view.bgp_peers["tor-b"].next_hop_mode = NextHopMode::Self;
  EXPECT_EQ(modes_of(view), (Modes{.self = true, .nodes = true}));
  view.bgp_peers["tor-b"].left_to_cni = true;
  EXPECT_EQ(modes_of(view), (Modes{.self = false, .nodes = true}));
  view.bgp_peers.clear();
  view.identity.default_mode = NextHopMode::Self;
  EXPECT_EQ(modes_of(view), (Modes{.self = true, .nodes = false}));
}

TEST_F(SessionPlanTest, ASelectorNeedsOurNode) {
  peer().node_selector =
      model::Selector{{{.key = "leaf", .op = model::Requirement::Operator::In, .values = {"1"}}}};
  expect_idle(Reason::NotThisNode, "nodeSelector leaf=1 does not match node n1");
  node().meta.labels["leaf"] = "1";
  EXPECT_TRUE(plan().spec.has_value());
  view.nodes.clear();
  EXPECT_FALSE(plan().spec.has_value());
  view.identity.node.clear();
  expect_idle(Reason::NotThisNode, "it has a nodeSelector, and porter was started without --node");
  peer().node_selector.reset();
  EXPECT_TRUE(plan().spec.has_value());
}

TEST_F(SessionPlanTest, ThePeerIsLeftToTheCniOrGoing) {
  peer().left_to_cni = true;
  expect_idle(Reason::LeftToCni, "its cni label leaves this peer to the CNI");
  peer().left_to_cni = false;
  peer().meta.deleting = true;
  expect_idle(Reason::Deleting, "the object is being deleted");
}

TEST_F(SessionPlanTest, WithoutABgpConfThereIsNoSession) {
  const model::BgpConf other = test::conf("lab");
  view.bgp_confs.clear();
  expect_idle(Reason::NoBgpConf, "there is no BgpConf, so there is no local AS");
  test::put(view, other);
  expect_idle(Reason::NoBgpConf, "no BgpConf is named \"default\" (found: lab)");
  EXPECT_EQ(plan().fix, "rename BgpConf lab to \"default\"");
}

TEST_F(SessionPlanTest, APolicyThatMayFilterKeepsEverySessionDown) {
  conf().policy = "gobgp";
  const PeerOutcome outcome = plan();
  EXPECT_EQ(outcome.reason, Reason::PolicyNotSupported);
  EXPECT_FALSE(outcome.spec.has_value());
  EXPECT_NE(outcome.fix.find("network.kubesphere.io/ignore-policy=true"), std::string::npos);
  EXPECT_EQ(plan_of_conf().reason, Reason::PolicyNotSupported);
  conf().meta.annotations["network.kubesphere.io/ignore-policy"] = "true";
  EXPECT_TRUE(plan().spec.has_value());
}

TEST_F(SessionPlanTest, OfTwoWithTheSameNeighbourTheOlderWins) {
  test::put(view, test::peer("a-late", "172.30.0.1"));
  view.bgp_peers["a-late"].meta.created = 200;
  peer().meta.created = 100;
  expect_idle(Reason::DuplicateNeighbor,
              "172.30.0.1 is also the neighbour of BgpPeer tor-a, which is "
              "older and has it",
              "a-late");
  EXPECT_TRUE(plan("tor-a").spec.has_value());
  view.bgp_peers["a-late"].remote_port = 1790;
  EXPECT_TRUE(plan("a-late").spec.has_value()) << "another port is another session";
}

TEST_F(SessionPlanTest, TheSameNeighbourOnAnotherNodeIsNoDuplicate) {
  test::put(view, test::peer("tor-b", "172.30.0.1"));
  peer().node_selector =
      model::Selector{{{.key = "leaf", .op = model::Requirement::Operator::Exists, .values = {}}}};
  EXPECT_TRUE(plan("tor-b").spec.has_value());
}

TEST_F(SessionPlanTest, AdminDownRunsAndStaysDown) {
  peer().admin_down = true;
  const PeerOutcome outcome = plan();
  EXPECT_EQ(outcome.reason, Reason::AdminDown);
  ASSERT_TRUE(outcome.spec.has_value());
  EXPECT_TRUE(outcome.spec->config.admin_down);
  EXPECT_EQ(outcome.spec->config.shutdown_text, "adminDown of BgpPeer tor-a");
}

TEST_F(SessionPlanTest, ThePasswordComesFromTheSecretInPortersNamespace) {
  peer().auth_secret = model::SecretRef{.name = "bgp", .key = "md5"};
  expect_idle(Reason::SecretMissing, "there is no Secret porter-system/bgp");
  EXPECT_EQ(plan().fix, "create Secret porter-system/bgp with the key md5");
  model::Secret& secret = view.secrets[test::named("porter-system/bgp")];
  secret.data["other"] = "x";
  expect_idle(Reason::SecretMissing, "Secret porter-system/bgp has no key md5 (it has: other)");
  secret.data["md5"] = "";
  expect_idle(Reason::SecretMissing, "key md5 of Secret porter-system/bgp is empty");
  secret.data["md5"] = std::string(81, 'x');
  expect_idle(Reason::SecretMissing,
              "key md5 of Secret porter-system/bgp has "
              "81 octets; TCP MD5 takes at most 80");
  secret.data["md5"] = "s3cret";
  EXPECT_EQ(spec().password, "s3cret");
  peer().auth_secret.reset();
  peer().auth_password = "plain";
  EXPECT_EQ(spec().password, "plain");
}

TEST_F(SessionPlanTest, TheLocalAsIsThePeersElseTheRacksElseTheConfs) {
  conf().as_per_rack = {{"leaf1", {65'010}}, {"leaf2", {0}}};
  EXPECT_EQ(spec().config.open.local_as, Asn{65'000});
  node().meta.labels["porter.kubesphere.io/rack"] = "leaf2";
  EXPECT_EQ(spec().config.open.local_as, Asn{65'000}) << "0 maps to nothing";
  node().meta.labels["porter.kubesphere.io/rack"] = "leaf1";
  EXPECT_EQ(spec().config.open.local_as, Asn{65'010});
  peer().local_as = Asn{65'099};
  EXPECT_EQ(spec().config.open.local_as, Asn{65'099});
}

TEST_F(SessionPlanTest, WithRacksTheConfiguredRouterIdIsDiscarded) {
  conf().as_per_rack = {{"leaf1", {65'010}}};
  node().meta.labels["porter.kubesphere.io/rack"] = "leaf1";
  EXPECT_EQ(to_string(spec().config.open.id), "172.30.0.11");
  EXPECT_EQ(plan_of_conf().reason, Reason::RouterIdIgnored);
}

TEST_F(SessionPlanTest, TheRouterIdIsTheNodesOwnWhereTheConfHasNone) {
  conf().router_id.reset();
  node().meta.annotations["network.kubesphere.io/router-id"] = "9.9.9.9";
  EXPECT_EQ(to_string(spec().config.open.id), "9.9.9.9");
  node().meta.annotations["network.kubesphere.io/router-id"] = "0.0.0.0";
  EXPECT_EQ(to_string(spec().config.open.id), "172.30.0.11");
  node().internal_ips.clear();
  conf().listen_addresses = {test::address("10.7.0.7")};
  EXPECT_EQ(to_string(spec().config.open.id), "10.7.0.7");
  conf().listen_addresses.clear();
  EXPECT_NE(spec().config.open.id.bits, 0U) << "a hash of the name";
}

TEST_F(SessionPlanTest, OneRouterIdForSeveralPeeringNodesIsIgnored) {
  test::put(view, test::node("n2", {"172.30.0.12"}));
  EXPECT_EQ(to_string(spec().config.open.id), "10.0.0.1") << "porter run on one node peers alone";
  view.identity.default_mode = NextHopMode::Self;
  EXPECT_EQ(to_string(spec().config.open.id), "172.30.0.11")
      << "without a nodeSelector every speaker peers";
  EXPECT_EQ(to_string(plan_of_conf().reason), "RouterIdIgnored");
  EXPECT_EQ(plan_of_conf().message,
            "AS 65000, router id 172.30.0.11; spec.routerId 10.0.0.1 is not "
            "used: 2 nodes peer, "
            "and each needs its own");
  view.identity.default_mode = NextHopMode::Nodes;
  peer().node_selector = model::Selector{};
  EXPECT_EQ(to_string(spec().config.open.id), "172.30.0.11") << "a selector that names both";
}

TEST_F(SessionPlanTest, TheConfThatCountsIsReadyAndOthersSayWhyNot) {
  EXPECT_EQ(plan_of_conf().reason, Reason::Ready);
  EXPECT_EQ(plan_of_conf().message, "AS 65000, router id 10.0.0.1");
  test::put(view, test::conf("lab"));
  EXPECT_EQ(plan_of_conf("lab").reason, Reason::NotDefault);
  EXPECT_EQ(plan_of_conf("lab").message, "BgpConf default counts, this one does not");
  view.bgp_confs.erase("default");
  EXPECT_EQ(plan_of_conf("lab").message, "only the BgpConf named \"default\" counts");
  view.bgp_confs["lab"].meta.written_as = model::ApiVersion::V1alpha1;
  EXPECT_EQ(plan_of_conf("lab").message,
            "AS 65000, router id 10.0.0.1; counts as the default: the only "
            "BgpConf, written as v1alpha1");
  test::put(view, test::conf("old"));
  view.bgp_confs["old"].meta.written_as = model::ApiVersion::V1alpha1;
  EXPECT_EQ(plan_of_conf("old").reason, Reason::NotDefault);
}

TEST_F(SessionPlanTest, FieldsWithoutEffectAreSaidAndTheSessionRuns) {
  peer().role = "customer";
  EXPECT_EQ(plan().message, "Idle towards 172.30.0.1, AS 65001");
  EXPECT_EQ(plan().spec->config.open.role, bgp::Role::Customer);
  peer().local_as = peer().peer_as;
  EXPECT_EQ(plan().message,
            "Idle towards 172.30.0.1, AS 65001; FieldIgnored: "
            "role is for eBGP neighbours, and this is iBGP");
  EXPECT_TRUE(plan().spec.has_value());
}

TEST_F(SessionPlanTest, PortForwardNeedsAPortToLeadTo) {
  peer().port_forward = true;
  EXPECT_TRUE(plan().spec->port_forward);
  EXPECT_EQ(plan().message, "Idle towards 172.30.0.1, AS 65001");
  view.bgp_confs["default"].listen_port = 0;
  EXPECT_EQ(plan().message,
            "Idle towards 172.30.0.1, AS 65001; transport.portForward leads nowhere: "
            "BgpConf.spec.listenPort is off");
}

TEST_F(SessionPlanTest, WhatTheSessionSaysIsPassedOn) {
  view.sessions["tor-a"] = test::established("tor-a");
  EXPECT_EQ(plan().reason, Reason::Established);
  EXPECT_EQ(plan().message, "Established with 172.30.0.1, AS 65001");
  view.sessions["tor-a"].state = bgp::State::Active;
  view.sessions["tor-a"].why = "hold timer expired (we sent 4/0)";
  EXPECT_EQ(plan().reason, Reason::NotEstablished);
  EXPECT_EQ(plan().message,
            "Active towards 172.30.0.1, AS 65001: hold timer expired (we sent 4/0)");
}

TEST_F(SessionPlanTest, GracefulShutdownIsThePeersOrTheConfs) {
  EXPECT_FALSE(spec().config.encoding.graceful_shutdown);
  peer().graceful_shutdown = true;
  EXPECT_TRUE(spec().config.encoding.graceful_shutdown);
  peer().graceful_shutdown = false;
  conf().graceful_shutdown = true;
  EXPECT_TRUE(spec().config.encoding.graceful_shutdown);
}

TEST_F(SessionPlanTest, WeListenWhereASessionMayCome) {
  const auto listen = [&](bool any) { return plan_listen(session_ground(view), any); };
  EXPECT_EQ(listen(false), std::nullopt);
  ASSERT_TRUE(listen(true).has_value());
  EXPECT_EQ(listen(true)->port, 179);
  conf().listen_port = 0;
  EXPECT_EQ(listen(true), std::nullopt);
  view.bgp_confs.clear();
  EXPECT_EQ(listen(true), std::nullopt);
}

}  // namespace
}  // namespace porter::plan
