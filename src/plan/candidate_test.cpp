// SPDX-License-Identifier: Apache-2.0
#include "plan/candidate.hpp"

#include <gtest/gtest.h>

#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using model::Tristate;
using Use = NodeStanding::Use;
using Names = std::vector<std::string>;

constexpr Modes kNodes{.self = false, .nodes = true};
constexpr Modes kSelf{.self = true, .nodes = false};
constexpr Modes kBoth{.self = true, .nodes = true};

View three_nodes() {
  View view;
  view.identity.node = "n1";
  test::put(view, test::node("n1", {"172.30.0.11"}));
  test::put(view, test::node("n2", {"172.30.0.12"}));
  test::put(view, test::node("n3", {"172.30.0.13"}));
  return view;
}

Names carrying(const View& view, Modes modes = kNodes, const NodeMemory& memory = NodeMemory(),
               const Reach& reach = Reach{.everywhere = true, .nodes = {}}) {
  const Standings all = standings(view, modes, memory);
  Names names;
  for (const auto* entry : carriers(all, Family::V4, reach).nodes)
    names.push_back(entry->first);
  return names;
}

NodeStanding standing(const View& view, const std::string& node, Modes modes = kNodes) {
  return standings(view, modes, {}).at(node);
}

void silence(View& view, const std::string& node, std::int64_t since) {
  view.nodes[node].ready = Tristate::Unknown;
  view.nodes[node].ready_since = since;
}

TEST(CandidateTest, EveryHealthyNodeCarries) {
  EXPECT_EQ(carrying(three_nodes()), (Names{"n1", "n2", "n3"}));
}

TEST(CandidateTest, OnlyNodesTheEndpointsReachCarry) {
  EXPECT_EQ(carrying(three_nodes(), kNodes, {}, {.everywhere = false, .nodes = {"n2", "n9"}}),
            Names{"n2"});
}

struct Rule {
  std::string_view name;
  void (*set)(model::Node&);
  Reason reason;
  std::string_view detail;
};

class NodeRuleTest : public testing::TestWithParam<Rule> {};

TEST_P(NodeRuleTest, TakesTheNodeOutAtOnceEvenIfItIsTheLast) {
  View view = three_nodes();
  GetParam().set(view.nodes["n2"]);
  const NodeStanding found = standing(view, "n2");
  EXPECT_EQ(found.use, Use::Never);
  EXPECT_EQ(to_string(found.reason), to_string(GetParam().reason));
  EXPECT_EQ(found.detail, GetParam().detail);
  EXPECT_EQ(carrying(view), (Names{"n1", "n3"}));
  EXPECT_EQ(carrying(view, kSelf), (Names{"n1", "n3"}));
  view.nodes.erase("n1");
  view.nodes.erase("n3");
  EXPECT_EQ(carrying(view), Names{});
}

INSTANTIATE_TEST_SUITE_P(
    Rules, NodeRuleTest,
    testing::Values(
        Rule{"NotReady",
             [](model::Node& node) {
               node.ready = Tristate::False;
               node.ready_reason = "KubeletNotReady";
               node.ready_message = "PLEG is not healthy";
             },
             Reason::NotReady, "KubeletNotReady: PLEG is not healthy"},
        Rule{"NetworkUnavailable", [](model::Node& node) { node.network_unavailable = true; },
             Reason::NetworkUnavailable, "condition NetworkUnavailable is True"},
        Rule{"Excluded",
             [](model::Node& node) { node.meta.labels[std::string{kExcludeLabel}] = ""; },
             Reason::Excluded, "label node.kubernetes.io/exclude-from-external-load-balancers"},
        Rule{"OutOfService",
             [](model::Node& node) {
               node.taints = {"node.kubernetes.io/out-of-service"};
               node.meta.labels[std::string{kDrainKey}] = "true";
             },
             Reason::OutOfService, "taint node.kubernetes.io/out-of-service"}),
    [](const auto& rule) { return std::string{rule.param.name}; });

TEST(CandidateTest, TheExcludeLabelCanBeIgnored) {
  View view = three_nodes();
  view.nodes["n2"].meta.labels[std::string{kExcludeLabel}] = "true";
  view.identity.ignore_exclude_label = true;
  EXPECT_EQ(carrying(view).size(), 3U);
}

TEST(CandidateTest, ASilentKubeletTakesItsNodeOutInNodesMode) {
  View view = three_nodes();
  silence(view, "n2", 1'000);
  EXPECT_EQ(carrying(view, kNodes), (Names{"n1", "n3"}));
  EXPECT_EQ(standing(view, "n2").reason, Reason::NotReadyUnknown);
  EXPECT_EQ(standing(view, "n2").since, 1'000);
}

TEST(CandidateTest, ASilentKubeletChangesNothingInSelfMode) {
  View view = three_nodes();
  silence(view, "n1", 1'000);
  silence(view, "n2", 5'000);
  EXPECT_EQ(carrying(view, kSelf).size(), 3U);
}

TEST(CandidateTest, WithPeersInBothModesOurOwnNodeIsTrustedWithoutItsKubelet) {
  View view = three_nodes();
  silence(view, "n1", 1'000);
  EXPECT_EQ(carrying(view, kBoth).size(), 3U);
  silence(view, "n1", 0);
  view.nodes["n1"].ready = Tristate::True;
  silence(view, "n2", 1'000);
  EXPECT_EQ(carrying(view, kBoth), (Names{"n1", "n3"}));
}

TEST(CandidateTest, TheLastCandidateIsKeptWhenItsKubeletFallsSilent) {
  View view = three_nodes();
  view.nodes["n1"].ready = Tristate::False;
  view.nodes["n3"].ready = Tristate::False;
  silence(view, "n2", 1'000);
  EXPECT_EQ(carrying(view), Names{"n2"});
}

TEST(CandidateTest, OfALocalServiceTheLastNodeWithAnEndpointIsKept) {
  View view = three_nodes();
  silence(view, "n2", 1'000);
  EXPECT_EQ(carrying(view, kNodes, {}, {.everywhere = false, .nodes = {"n2"}}), Names{"n2"});
}

TEST(CandidateTest, WhenOverHalfFallSilentWithinAMinuteAllOfThemAreKept) {
  View view = three_nodes();
  silence(view, "n2", 1'000);
  silence(view, "n3", 1'060);
  EXPECT_EQ(carrying(view).size(), 3U);
  EXPECT_EQ(standing(view, "n2").reason, Reason::FailOpen);
  EXPECT_EQ(standing(view, "n3").reason, Reason::FailOpen);
}

TEST(CandidateTest, WhenTheyFallSilentOneAfterTheOtherTheyAreTakenOut) {
  View view = three_nodes();
  silence(view, "n2", 1'000);
  silence(view, "n3", 1'061);
  EXPECT_EQ(carrying(view), Names{"n1"});
}

TEST(CandidateTest, HalfOfThemIsNotOverHalf) {
  View view = three_nodes();
  test::put(view, test::node("n4", {"172.30.0.14"}));
  silence(view, "n2", 1'000);
  silence(view, "n3", 1'000);
  EXPECT_EQ(carrying(view), (Names{"n1", "n4"}));
}

TEST(CandidateTest, NodesThatAreOutAnywayAreNoPartOfTheHalf) {
  View view = three_nodes();
  test::put(view, test::node("n4", {"172.30.0.14"}));
  view.nodes["n4"].network_unavailable = true;
  silence(view, "n2", 1'000);
  silence(view, "n3", 1'000);
  EXPECT_EQ(carrying(view).size(), 3U);
}

TEST(CandidateTest, WhereTheConditionTellsNoTimeOurOwnMemoryCounts) {
  View view = three_nodes();
  silence(view, "n2", 0);
  silence(view, "n3", 0);
  EXPECT_EQ(carrying(view, kNodes, {.silent_since = {{"n2", 10}, {"n3", 500}}, .leaving = {}}),
            Names{"n1"});
  EXPECT_EQ(
      carrying(view, kNodes, {.silent_since = {{"n2", 10}, {"n3", 20}}, .leaving = {}}).size(), 3U);
}

TEST(DrainTest, EverySignOfADrainIsSeen) {
  model::BgpConf conf = test::conf();
  model::Node node = test::node("n1", {});
  EXPECT_EQ(drain_sign(node, &conf), "");
  node.unschedulable = true;
  EXPECT_EQ(drain_sign(node, &conf), "");
  conf.drain_on_cordon = true;
  EXPECT_EQ(drain_sign(node, &conf), "cordoned (BgpConf spec.drain.onCordon)");
  node.ready = Tristate::False;
  node.ready_message = "node is shutting down";
  EXPECT_EQ(drain_sign(node, nullptr), "the node is shutting down");
  node.taints = {"ToBeDeletedByClusterAutoscaler"};
  EXPECT_EQ(drain_sign(node, nullptr), "taint ToBeDeletedByClusterAutoscaler");
  node.meta.labels["network.kubesphere.io/drain"] = "true";
  EXPECT_EQ(drain_sign(node, nullptr), "label network.kubesphere.io/drain");
  node.meta.annotations["network.kubesphere.io/drain"] = "true";
  EXPECT_EQ(drain_sign(node, nullptr), "annotation network.kubesphere.io/drain");
}

TEST(DrainTest, ADrainingNodeLeavesAndDrainBeatsNotReady) {
  View view = three_nodes();
  view.nodes["n2"].meta.annotations["network.kubesphere.io/drain"] = "true";
  view.nodes["n2"].ready = Tristate::False;
  EXPECT_EQ(carrying(view), (Names{"n1", "n3"}));
  EXPECT_EQ(standing(view, "n2").reason, Reason::Draining);
}

TEST(DrainTest, WhileItsHoldTimeRunsItCarriesAndIsMarked) {
  View view = three_nodes();
  view.nodes["n2"].meta.labels["network.kubesphere.io/drain"] = "true";
  EXPECT_EQ(carrying(view, kNodes, {.silent_since = {}, .leaving = {"n2"}}).size(), 3U);
  EXPECT_TRUE(standing(view, "n2").marked);
}

TEST(DrainTest, TheLastNodeStaysAndGoesBeforeASilentOne) {
  View view = three_nodes();
  view.nodes["n1"].ready = Tristate::False;
  view.nodes["n2"].meta.labels["network.kubesphere.io/drain"] = "true";
  silence(view, "n3", 1'000);
  view.nodes["n4"] = view.nodes["n1"];
  EXPECT_EQ(carrying(view, kNodes, {}, {.everywhere = false, .nodes = {"n1", "n2"}}), Names{"n2"});
}

TEST(RackTest, WithAsPerRackNextHopsLieInOurRack) {
  View view = three_nodes();
  test::put(view, test::conf());
  view.nodes["n1"].meta.labels["porter.kubesphere.io/rack"] = "leaf1";
  view.nodes["n2"].meta.labels["openelb.kubesphere.io/rack"] = "leaf1";
  view.nodes["n3"].meta.labels["openelb.kubesphere.io/rack"] = "leaf2";
  EXPECT_EQ(carrying(view).size(), 3U) << "labels alone change nothing";
  view.bgp_confs["default"].as_per_rack = {{"leaf1", {65'010}}};
  EXPECT_EQ(carrying(view), (Names{"n1", "n2"}));
  EXPECT_EQ(standing(view, "n3").detail, "rack leaf2, ours is leaf1");
  view.nodes["n2"].meta.labels.clear();
  EXPECT_EQ(standing(view, "n2").detail, "no rack label");
  view.nodes["n1"].meta.labels.clear();
  EXPECT_EQ(carrying(view).size(), 3U) << "our node has no rack";
}

TEST(NextHopTest, TheInternalIpOfTheFamilyIsTaken) {
  const model::Node node = test::node("n1", {"172.30.0.11", "fe80::11", "fd00:30::11"});
  EXPECT_EQ(next_hop_of(node, Family::V4, false, kNodes).address, test::address("172.30.0.11"));
  EXPECT_EQ(next_hop_of(node, Family::V6, false, kNodes).address, test::address("fd00:30::11"))
      << "never a link-local one";
}

TEST(NextHopTest, WithoutAnAddressOfTheFamilyTheNodeCannotCarry) {
  const NextHop none = next_hop_of(test::node("n1", {"172.30.0.11"}), Family::V6, false, kNodes);
  EXPECT_EQ(none.address, std::nullopt);
  EXPECT_EQ(none.missing, "no IPv6 InternalIP");
}

TEST(NextHopTest, WithoutAnIpv4AddressTheIpv6OneDoesWhereAPeerTakesIt) {
  constexpr Modes kExtended{.nodes = true, .v6_for_v4 = true};
  const model::Node only_v6 = test::node("n1", {"fd00:30::11"});
  EXPECT_EQ(next_hop_of(only_v6, Family::V4, false, kExtended).address,
            test::address("fd00:30::11"));
  EXPECT_EQ(next_hop_of(only_v6, Family::V4, false, kNodes).missing, "no IPv4 InternalIP");
  const model::Node both = test::node("n1", {"172.30.0.11", "fd00:30::11"});
  EXPECT_EQ(next_hop_of(both, Family::V4, false, kExtended).address, test::address("172.30.0.11"));
  const model::Node only_v4 = test::node("n1", {"172.30.0.11"});
  EXPECT_EQ(next_hop_of(only_v4, Family::V6, false, kExtended).missing, "no IPv6 InternalIP");
  EXPECT_EQ(next_hop_of(test::node("n1", {}), Family::V4, false, kExtended).missing,
            "no IPv4 InternalIP");
}

TEST(NextHopTest, InSelfModeOurOwnNodeIsTheSessionsLocalAddress) {
  const model::Node node = test::node("n1", {"172.30.0.11"});
  EXPECT_TRUE(next_hop_of(node, Family::V4, true, kSelf).own_address);
  EXPECT_TRUE(next_hop_of(node, Family::V6, true, kSelf).address.has_value())
      << "the session knows one";
  EXPECT_FALSE(next_hop_of(node, Family::V4, true, kNodes).own_address);
  EXPECT_FALSE(next_hop_of(node, Family::V4, false, kSelf).own_address);
}

TEST(NextHopTest, TheAnnotationBeatsAllOfIt) {
  model::Node node = test::node("n1", {"172.30.0.11", "fd00:30::11"});
  node.meta.annotations[std::string{kNextHopAnnotation}] = " 10.9.0.1 , fd09::1";
  EXPECT_EQ(next_hop_of(node, Family::V4, true, kSelf).address, test::address("10.9.0.1"));
  EXPECT_FALSE(next_hop_of(node, Family::V4, true, kSelf).own_address);
  EXPECT_EQ(next_hop_of(node, Family::V6, false, kNodes).address, test::address("fd09::1"));
  node.meta.annotations[std::string{kNextHopAnnotation}] = "10.9.0.1";
  EXPECT_EQ(next_hop_of(node, Family::V6, false, kNodes).address, test::address("fd00:30::11"))
      << "a family it does not name is not its business";
}

TEST(NextHopTest, AnAnnotationOfNoUseTakesTheNodeOutAndSaysWhy) {
  model::Node node = test::node("n1", {"172.30.0.11", "fd00:30::11"});
  const auto missing = [&](std::string_view text, Family family) {
    node.meta.annotations[std::string{kNextHopAnnotation}] = text;
    return next_hop_of(node, family, false, kNodes).missing;
  };
  EXPECT_EQ(missing("10.9.0.999", Family::V4),
            "annotation network.kubesphere.io/next-hop: 10.9.0.999 is no address");
  EXPECT_EQ(missing("127.0.0.1", Family::V4),
            "annotation network.kubesphere.io/next-hop: 127.0.0.1 is loopback");
  EXPECT_EQ(missing("fe80::1", Family::V6),
            "annotation network.kubesphere.io/next-hop: fe80::1 is link-local");
  EXPECT_EQ(missing("0.0.0.0", Family::V4),
            "annotation network.kubesphere.io/next-hop: 0.0.0.0 is unspecified");
  EXPECT_EQ(missing("224.0.0.1", Family::V4),
            "annotation network.kubesphere.io/next-hop: 224.0.0.1 is multicast");
  EXPECT_EQ(missing("", Family::V4), "");
}

}  // namespace
}  // namespace porter::plan
