// SPDX-License-Identifier: Apache-2.0
#include "model/check.hpp"

#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/test_tree.hpp"

namespace porter::model {
namespace {

Object object(std::string_view document) {
  const Decoded decoded = decode(flow(document));
  EXPECT_EQ(text_of(decoded.problems), "") << document;
  return decoded.object.value();
}

Object eip(const std::string& name, const std::string& address, const std::string& metadata = "") {
  return object("{apiVersion: network.kubesphere.io/v1alpha2, kind: Eip, metadata: {name: " + name +
                metadata + "}, spec: {address: " + address + "}}");
}

Object conf(const std::string& name, const std::string& version) {
  const std::string rest = version == "v1alpha1" ? ", routerID: 1.1.1.1, port: 179" : "";
  return object("{apiVersion: network.kubesphere.io/" + version +
                ", kind: BgpConf, metadata: {name: " + name + "}, spec: {as: 1" + rest + "}}");
}

Object peer(const std::string& name, const std::string& address, const std::string& more = "",
            const std::string& labels = "{}") {
  return object("{apiVersion: network.kubesphere.io/v1alpha2, kind: BgpPeer, metadata: {name: " +
                name + ", labels: " + labels +
                "}, spec: {conf: {peerAs: 1, neighborAddress: " + address + "}" + more + "}}");
}

Object service(const std::string& name, const std::string& annotations, const std::string& spec) {
  return object("{apiVersion: v1, kind: Service, metadata: {name: " + name +
                ", annotations: " + annotations + "}, spec: " + spec + "}");
}

// "1<0 Error Overlaps spec.address: …": the object, and the other one.
std::string checked(std::vector<Object> objects) {
  for (std::size_t i = 0; i < objects.size(); ++i)
    meta_of(objects[i]).order = i;
  std::string text;
  for (const Located& located : check(objects)) {
    if (!text.empty()) text += '\n';
    text += std::to_string(located.object);
    if (located.other) text += "<" + std::to_string(*located.other);
    text += " " + text_of({located.problem});
  }
  return text;
}

TEST(Check, OfASetInOrderIsSilent) {
  EXPECT_EQ(checked({eip("a", "10.0.0.0/24"), eip("b", "10.0.1.0/24"), eip("c", "2001:db8::/64"),
                     conf("default", "v1alpha2"), peer("tor", "192.0.2.1"),
                     peer("tor-b", "192.0.2.2"), service("web", "{}", "{type: LoadBalancer}")}),
            "");
  EXPECT_EQ(checked({}), "");
}

TEST(Check, OfTwoPoolsThatOverlapTheOlderWins) {
  EXPECT_EQ(checked({eip("a", "10.0.0.0/24"), eip("b", "10.0.0.255-10.0.1.9")}),
            "1<0 Error Overlaps spec.address:0: 10.0.0.255-10.0.1.9 overlaps 10.0.0.0/24 of Eip a, "
            "which is older and wins");
  EXPECT_EQ(checked({eip("a", "10.0.0.7"),
                     eip("b", "10.0.0.0/24", ", creationTimestamp: 2024-05-01T10:00:00Z")}),
            "0<1 Error Overlaps spec.address:0: 10.0.0.7 overlaps 10.0.0.0/24 of Eip b, which is "
            "older and wins");
}

TEST(Check, APoolThatYieldsDoesNotBlockAThird) {
  EXPECT_EQ(checked({eip("a", "10.0.0.0-10.0.0.9"), eip("b", "10.0.0.9-10.0.0.20"),
                     eip("c", "10.0.0.10-10.0.0.30")}),
            "1<0 Error Overlaps spec.address:0: 10.0.0.9-10.0.0.20 overlaps 10.0.0.0-10.0.0.9 of "
            "Eip a, which is older and wins");
}

TEST(Check, NamesAtMostTenPoolsThatOverlap) {
  std::vector<Object> objects;
  for (int i = 0; i < 30; ++i)
    objects.push_back(eip("p" + std::to_string(i), "10.0.0." + std::to_string(i)));
  objects.push_back(eip("zz", "10.0.0.0/8"));
  EXPECT_EQ(check(objects).size(), 10U);
}

TEST(Check, ThereIsOneDefaultPool) {
  const std::string mark = R"(, annotations: {eip.openelb.kubesphere.io/is-default-eip: "true"})";
  EXPECT_EQ(
      checked({eip("a", "10.0.0.0/24", mark), eip("b", "10.0.1.0/24", mark)}),
      "1<0 Warning SecondDefault metadata.annotations[eip.openelb.kubesphere.io/is-default-eip]:0: "
      "Eip a is the default already");
}

TEST(Check, OnlyTheBgpConfNamedDefaultCounts) {
  EXPECT_EQ(checked({conf("default", "v1alpha2"), conf("other", "v1alpha1")}),
            "1 Warning NotDefault metadata.name:0: does not count: the BgpConf named default does");
  EXPECT_EQ(checked({conf("other", "v1alpha2")}),
            "0 Warning NotDefault metadata.name:0: does not count: only a BgpConf named default "
            "does; rename it");
}

TEST(Check, ASingleBgpConfOfPorter03CountsAsDefault) {
  EXPECT_EQ(checked({conf("bgpconf-sample", "v1alpha1")}),
            "0 Warning CountsAsDefault metadata.name:0: counts as the default: no BgpConf is named "
            "default, and it is the only one in v1alpha1");
  const std::string several =
      "does not count: several are written as v1alpha1; name one of them default";
  EXPECT_EQ(checked({conf("a", "v1alpha1"), conf("b", "v1alpha1")}),
            "0 Warning NotDefault metadata.name:0: " + several +
                "\n1 Warning NotDefault metadata.name:0: " + several);
}

TEST(Check, OfTwoPeersWithOneNeighbourTheOlderWins) {
  EXPECT_EQ(checked({peer("tor-a", "172.30.0.1"), peer("tor-b", "172.30.0.1")}),
            "1<0 Warning DuplicateNeighbor spec.conf.neighborAddress:0: 172.30.0.1 is also the "
            "neighbour of BgpPeer tor-a; where both "
            "select a node, tor-a wins");
}

TEST(Check, OneNeighbourForNodesThatDifferIsFine) {
  const std::string a = ", nodeSelector: {matchLabels: {rack: a}}";
  const std::string b = ", nodeSelector: {matchLabels: {rack: b}}";
  EXPECT_EQ(checked({peer("tor-a", "172.30.0.1", a), peer("tor-b", "172.30.0.1", b)}), "");
  EXPECT_NE(checked({peer("tor-a", "172.30.0.1", a), peer("tor-b", "172.30.0.1", a)}), "");
  EXPECT_EQ(checked({peer("tor-a", "fe80::1%eth0"), peer("tor-b", "fe80::1%eth1")}), "");
  EXPECT_EQ(checked({peer("tor-a", "172.30.0.1"),
                     peer("tor-b", "172.30.0.1", ", transport: {remotePort: 1790}")}),
            "");
  EXPECT_EQ(checked({peer("tor-a", "172.30.0.1"),
                     peer("tor-b", "172.30.0.1", "", "{porter.kubesphere.io/cni: calico}")}),
            "");
}

TEST(Check, MissesASecretOnlyWhereThereAreSecrets) {
  const Object secret =
      object("{apiVersion: v1, kind: Secret, metadata: {name: bgp}, stringData: {password: x}}");
  const auto with = [](const std::string& name, const std::string& key) {
    return object(
        "{apiVersion: network.kubesphere.io/v1alpha2, kind: BgpPeer, metadata: {name: tor}, spec: "
        "{conf: {peerAs: 1, "
        "neighborAddress: 1.1.1.1, authSecretRef: {name: " +
        name + ", key: " + key + "}}}}");
  };
  EXPECT_EQ(checked({with("bgp", "password")}), "");
  EXPECT_EQ(checked({with("bgp", "password"), secret}), "");
  EXPECT_EQ(checked({with("bpg", "password"), secret}),
            "0 Warning SecretMissing spec.conf.authSecretRef.name:0: bpg: no Secret of this name");
  EXPECT_EQ(
      checked({with("bgp", "word"), secret}),
      "0 Warning SecretMissing spec.conf.authSecretRef.key:0: word: Secret bgp has no such key");
}

TEST(Check, TellsWhatServicesAskForInVain) {
  EXPECT_EQ(checked({service("a", "{eip.porter.kubesphere.io/v1alpha1: 10.0.0.1}",
                             "{type: LoadBalancer, loadBalancerIP: 10.0.0.2}")}),
            "0 Error ConflictingRequest spec.loadBalancerIP:0: 10.0.0.2: annotation "
            "eip.porter.kubesphere.io/v1alpha1 asks for 10.0.0.1; "
            "make them agree or remove one");
  EXPECT_EQ(
      checked({service("a", "{protocol.openelb.kubesphere.io/v1alpha1: ospf}",
                       "{type: LoadBalancer}")}),
      "0 Error InvalidRequest metadata.annotations[protocol.openelb.kubesphere.io/v1alpha1]:0: "
      "ospf: protocol must be bgp or layer2");
  EXPECT_EQ(checked({service("a", "{lb.kubesphere.io/v1alpha1: proter}", "{type: LoadBalancer}")}),
            "0 Warning NotClaimed metadata.annotations[lb.kubesphere.io/v1alpha1]:0: proter: must "
            "be porter or openelb");
  EXPECT_EQ(checked({service("a", "{protocol.openelb.kubesphere.io/v1alpha1: ospf}",
                             "{type: ClusterIP}")}),
            "");
}

TEST(Check, OneObjectWrittenTwiceCountsOnce) {
  EXPECT_EQ(
      checked({eip("a", "10.0.0.0/24"), eip("a", "10.0.0.0/24")}),
      "1<0 Error DuplicateObject metadata.name:0: Eip a is there already; the first one counts");
}

TEST(Disjoint, IsSaidOnlyWhereItIsCertain) {
  const auto selector = [](std::string key, Requirement::Operator op,
                           const std::vector<std::string>& values) {
    return std::optional{
        Selector{{Requirement{.key = std::move(key), .op = op, .values = values}}}};
  };
  using Operator = Requirement::Operator;
  const auto in_a = selector("rack", Operator::In, {"a"});
  EXPECT_TRUE(are_disjoint(in_a, selector("rack", Operator::In, {"b", "c"})));
  EXPECT_FALSE(are_disjoint(in_a, selector("rack", Operator::In, {"a", "c"})));
  EXPECT_TRUE(are_disjoint(in_a, selector("rack", Operator::NotIn, {"a", "b"})));
  EXPECT_TRUE(are_disjoint(selector("rack", Operator::NotIn, {"a", "b"}), in_a));
  EXPECT_FALSE(are_disjoint(in_a, selector("rack", Operator::NotIn, {"b"})));
  EXPECT_TRUE(are_disjoint(in_a, selector("rack", Operator::DoesNotExist, {})));
  EXPECT_TRUE(are_disjoint(selector("rack", Operator::DoesNotExist, {}),
                           selector("rack", Operator::Exists, {})));
  EXPECT_FALSE(are_disjoint(in_a, selector("zone", Operator::In, {"b"})));
  EXPECT_FALSE(are_disjoint(in_a, std::nullopt));
  EXPECT_FALSE(are_disjoint(std::nullopt, std::nullopt));
  EXPECT_FALSE(are_disjoint(Selector{}, in_a));
}

// The sweep over sorted pieces against the plain comparison of every pool with every older one that
// stands.
RC_GTEST_PROP(Check, FindsExactlyThePoolsThatOverlapAnOlderOne, ()) {
  std::vector<Object> objects;
  std::vector<Range> standing;
  std::vector<bool> yields;
  const int count = *rc::gen::inRange(0, 12);
  for (int i = 0; i < count; ++i) {
    const auto first = *rc::gen::inRange<std::uint32_t>(0, 60);
    const Range range = Range::make(Address::v4(first),
                                    Address::v4(first + *rc::gen::inRange<std::uint32_t>(0, 12)))
                            .value();
    Eip pool;
    pool.meta.name.name = "p" + std::to_string(i);
    pool.meta.order = static_cast<std::uint64_t>(i);
    pool.addresses = {range};
    objects.emplace_back(pool);
    yields.push_back(std::any_of(standing.begin(), standing.end(),
                                 [&](const Range& other) { return other.overlaps(range); }));
    if (!yields.back()) standing.push_back(range);
  }
  std::vector<bool> found(objects.size(), false);
  for (const Located& located : check(objects))
    found.at(located.object) = true;
  RC_ASSERT(found == yields);
}

Object advertisement(const std::string& name, const std::string& spec) {
  return object(
      "{apiVersion: network.kubesphere.io/v1alpha2, kind: BgpAdvertisement, metadata: {name: " +
      name + "}, spec: " + spec + "}");
}

TEST(Check, AdvertisementsThatMayMeetMustAgree) {
  EXPECT_EQ(checked({advertisement("a", "{eips: [lan, wan], localPreference: 200}"),
                     advertisement("b", "{eips: [wan], localPreference: 100}"),
                     advertisement("c", "{med: 1}"), advertisement("d", "{med: 2}")}),
            "1<0 Warning ConflictingAdvertisement spec.localPreference:0: BgpAdvertisement a says "
            "otherwise; where both select a route, a wins\n"
            "3<2 Warning ConflictingAdvertisement spec.med:0: BgpAdvertisement c says otherwise; "
            "where both select a route, c wins");
  EXPECT_EQ(checked({advertisement("a", "{eips: [lan], med: 1}"),
                     advertisement("b", "{eips: [wan], med: 2}")}),
            "");
  EXPECT_EQ(checked({advertisement("a", "{peers: [x], med: 1}"),
                     advertisement("b", "{peers: [y], med: 2}")}),
            "");
  EXPECT_EQ(checked({advertisement("a", "{nodeSelector: {matchLabels: {rack: a}}, med: 1}"),
                     advertisement("b", "{nodeSelector: {matchLabels: {rack: b}}, med: 2}")}),
            "");
  EXPECT_EQ(checked({advertisement("a", "{med: 1}"), advertisement("b", "{med: 1}")}), "");
}

TEST(Check, TellsAServiceWhichAnnotationCannotBeRead) {
  EXPECT_EQ(
      checked({service("web", "{network.kubesphere.io/med: \"-1\"}", "{type: LoadBalancer}")}),
      "0 Warning InvalidRequest metadata.annotations[network.kubesphere.io/med]:0: -1: "
      "ignored; must be a whole number from 0 to 4294967295");
}

}  // namespace
}  // namespace porter::model
