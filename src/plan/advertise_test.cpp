// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bgp/export_policy.hpp"
#include "model/community.hpp"
#include "plan/explain.hpp"
#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using test::Scene;

model::Selector only(const char* key, const char* value) {
  return {{{.key = key, .op = model::Requirement::Operator::In, .values = {value}}}};
}

class AdvertiseTest : public ::testing::Test {
 protected:
  AdvertiseTest() { scene.usual(); }

  // The paths of a prefix, as "172.30.0.11 65000:1 lp200 med5 +2"; for one peer behind its name.
  [[nodiscard]] std::string told(std::string_view prefix, const std::string& peer = "") const {
    const auto route = scene.applied.routes.find(test::prefix(prefix));
    if (route == scene.applied.routes.end()) return "";
    bgp::Rib rib;
    rib.set(route->first, route->second.paths);
    bgp::Encoding encoding;
    encoding.families = {.v4 = true, .v6 = true};
    encoding.add_path = encoding.families;
    encoding.send_max_v4 = 100;
    encoding.audience = audience_of(peer);
    std::string text;
    for (const bgp::Exported& path : bgp::exported(rib, encoding, route->first)) {
      const bgp::PathAttributes& attributes = rib.attributes(path.attributes);
      text += (text.empty() ? "" : ", ") + to_string(path.next_hop);
      for (const std::uint32_t community : attributes.communities)
        text += " " + model::to_string(model::Community{community});
      for (const bgp::LargeCommunity& large : attributes.large_communities)
        text += " " + std::to_string(large.global) + ":" + std::to_string(large.local1) + ":" +
                std::to_string(large.local2);
      if (attributes.local_pref != 100) text += " lp" + std::to_string(attributes.local_pref);
      if (attributes.med) text += " med" + std::to_string(*attributes.med);
      if (attributes.prepend > 0) text += " +" + std::to_string(attributes.prepend);
      if (attributes.weight > 0) text += " w" + std::to_string(attributes.weight);
    }
    return text;
  }
  void put(const model::BgpAdvertisement& advertisement) {
    scene.put(advertisement);
    scene.last_step.clear();
    scene.run();
  }
  void select() {
    model::BgpConf conf = test::conf();
    conf.advertise = model::Advertise::Selected;
    scene.put(conf);
    scene.run();
  }
  [[nodiscard]] std::string reason() const {
    return std::string{to_string(scene.announcement("default/web").reason)};
  }
  [[nodiscard]] std::string message() const { return scene.announcement("default/web").message; }

  static constexpr const char* kWeb = "192.0.2.0/32";
  Scene scene;
};

model::BgpAdvertisement with_community(std::string_view name, std::uint32_t community,
                                       std::uint64_t order = 0) {
  model::BgpAdvertisement advertisement = test::advertisement(name);
  advertisement.communities = {community};
  advertisement.meta.order = order;
  return advertisement;
}

TEST_F(AdvertiseTest, WithoutAnyEverythingGoesOutPlain) {
  EXPECT_EQ(told(kWeb), "172.30.0.11, 172.30.0.12, 172.30.0.13");
}

TEST_F(AdvertiseTest, CommunitiesAddUpAndTheOlderWinsWhereTwoDiffer) {
  model::BgpAdvertisement first = with_community("z-first", 0xfde80002, 1);
  first.local_preference = 200;
  first.med = 5;
  model::BgpAdvertisement second = with_community("a-second", 0xfde80001, 2);
  second.local_preference = 300;
  second.large_communities = {{.global = 65'000, .local1 = 1, .local2 = 2}};
  second.prepend = 2;
  scene.put(second);
  put(first);
  EXPECT_EQ(told(kWeb).substr(0, told(kWeb).find(',')),
            "172.30.0.11 65000:1 65000:2 65000:1:2 lp200 med5 +2");
  EXPECT_NE(message().find("localPreference 300 of BgpAdvertisement a-second is not followed: "
                           "z-first is older and says 200"),
            std::string::npos)
      << message();
  EXPECT_EQ(reason(), "Announced");
}

TEST_F(AdvertiseTest, SelectorsAllHaveToMatch) {
  model::BgpAdvertisement advertisement = with_community("a", 0xfde80001);
  advertisement.service_selector = only("tier", "edge");
  advertisement.eips = {"other"};
  put(advertisement);
  EXPECT_EQ(told(kWeb).find("65000:1"), std::string::npos);
  advertisement.eips = {"lan"};
  put(advertisement);
  EXPECT_EQ(told(kWeb).find("65000:1"), std::string::npos);
  model::Service web = test::service("default/web");
  web.meta.labels["tier"] = "edge";
  scene.put(web);
  scene.run();
  EXPECT_NE(told(kWeb).find("65000:1"), std::string::npos);
  advertisement.namespace_selector = only("team", "shop");
  put(advertisement);
  EXPECT_EQ(told(kWeb).find("65000:1"), std::string::npos);
  model::Namespace ns;
  ns.meta = test::meta("default");
  ns.meta.labels["team"] = "shop";
  scene.view.namespaces["default"] = ns;
  scene.announcer.namespace_changed();
  scene.run();
  EXPECT_NE(told(kWeb).find("65000:1"), std::string::npos);
}

TEST_F(AdvertiseTest, SelectedAnnouncesOnlyWhatIsSelected) {
  select();
  EXPECT_EQ(told(kWeb), "");
  EXPECT_EQ(reason(), "NoMatchingAdvertisement");
  const Explanation explained =
      explain(scene.view, scene.assigner, scene.announcer, test::named("default/web"));
  EXPECT_FALSE(explained.is_announced);
  EXPECT_EQ(explained.fix,
            "let a BgpAdvertisement select it (eips: [lan]), or set spec.advertise: All on the "
            "BgpConf");
  put(test::advertisement("all"));
  EXPECT_EQ(told(kWeb), "172.30.0.11, 172.30.0.12, 172.30.0.13");
  EXPECT_EQ(reason(), "Announced");
  scene.drop_advertisement("all");
  scene.run();
  EXPECT_EQ(told(kWeb), "");
}

TEST_F(AdvertiseTest, OnlyThePeersItNamesAreToldOfIt) {
  scene.put(test::peer("tor-b", "172.30.0.2"));
  scene.see(test::established("tor-b"));
  model::BgpAdvertisement advertisement = with_community("a", 0xfde80001);
  advertisement.peers = {"tor-b"};
  put(advertisement);
  EXPECT_EQ(told(kWeb), "172.30.0.11, 172.30.0.12, 172.30.0.13") << "everything is announced";
  EXPECT_EQ(told(kWeb, "tor-b"), "172.30.0.11 65000:1, 172.30.0.12 65000:1, 172.30.0.13 65000:1");
  EXPECT_EQ(scene.applied.peers.at("tor-b").value->config.encoding.audience, audience_of("tor-b"));
  EXPECT_EQ(scene.applied.peers.at("tor-a").value->config.encoding.audience, 0U);
  select();
  EXPECT_EQ(told(kWeb), "");
  EXPECT_NE(told(kWeb, "tor-b"), "");
  EXPECT_EQ(reason(), "Announced");
  const Explanation explained =
      explain(scene.view, scene.assigner, scene.announcer, test::named("default/web"));
  EXPECT_EQ(explained.headline, "default/web is announced at 192.0.2.0 to 1 peer.");
}

TEST_F(AdvertiseTest, APeerIsOneOfAllOnlyOnceTheRoutesSaySo) {
  select();
  model::BgpAdvertisement advertisement = test::advertisement("a");
  advertisement.peers = {"tor-a"};
  put(advertisement);
  EXPECT_NE(told(kWeb, "tor-a"), "");
  advertisement.peers.clear();
  put(advertisement);
  std::size_t route = 0;
  std::size_t peer = 0;
  for (std::size_t i = 0; i < scene.last_step.size(); ++i) {
    if (std::holds_alternative<Route>(scene.last_step[i])) route = i;
    if (std::holds_alternative<PeerWanted>(scene.last_step[i])) peer = i;
  }
  EXPECT_LT(route, peer);
  EXPECT_EQ(scene.applied.peers.at("tor-a").value->config.encoding.audience, 0U);
}

TEST_F(AdvertiseTest, NodesThatNothingSelectsCarryNothing) {
  model::Node labelled = test::node("n2", {"172.30.0.12"});
  labelled.meta.labels["edge"] = "yes";
  scene.put(labelled);
  model::BgpAdvertisement advertisement = test::advertisement("a");
  advertisement.node_selector = only("edge", "yes");
  put(advertisement);
  EXPECT_EQ(told(kWeb), "172.30.0.12");
  for (const NodeVerdict& node : scene.announcement("default/web").nodes)
    EXPECT_EQ(to_string(node.reason), node.node == "n2" ? "Candidate" : "NotSelected");
  scene.put(test::node("n2", {"172.30.0.12"}));
  scene.run();
  EXPECT_EQ(told(kWeb), "");
  EXPECT_EQ(reason(), "NoCandidateNode");
}

TEST_F(AdvertiseTest, AServiceMaySetWhatIsAllowedAndIsToldWhatIsNot) {
  model::Service web = test::service("default/web");
  web.meta.annotations["network.kubesphere.io/communities"] = "65000:7, no-export";
  web.meta.annotations["network.kubesphere.io/med"] = "50";
  web.meta.annotations["network.kubesphere.io/local-preference"] = "400";
  scene.put(web);
  model::BgpAdvertisement advertisement = test::advertisement("a");
  advertisement.med = 5;
  advertisement.overrides.med = true;
  advertisement.overrides.communities = {*model::parse_community_pattern("65000:*")};
  put(advertisement);
  EXPECT_EQ(told(kWeb).substr(0, told(kWeb).find(',')), "172.30.0.11 65000:7 med50");
  EXPECT_NE(message().find("annotation network.kubesphere.io/communities no-export is not "
                           "followed: BgpAdvertisement a does not allow it "
                           "(allowServiceOverrides.communities)"),
            std::string::npos)
      << message();
  EXPECT_NE(message().find("local-preference 400 is not followed"), std::string::npos);
  scene.drop_advertisement("a");
  scene.run();
  EXPECT_NE(message().find("no BgpAdvertisement selects the Service"), std::string::npos);
}

TEST_F(AdvertiseTest, OfServicesThatShareTheFirstJoinerCounts) {
  model::Service web = test::service("default/web");
  web.meta.annotations["network.kubesphere.io/share"] = "one";
  web.meta.annotations["network.kubesphere.io/med"] = "10";
  scene.put(web);
  scene.run();
  model::Service other = test::service("default/other");
  other.meta.annotations["network.kubesphere.io/share"] = "one";
  other.meta.annotations["eip.porter.kubesphere.io/v1alpha1"] = "192.0.2.0";
  other.meta.annotations["network.kubesphere.io/med"] = "20";
  other.ports.front().port = 81;
  scene.put(other);
  model::BgpAdvertisement advertisement = test::advertisement("a");
  advertisement.overrides.med = true;
  put(advertisement);
  EXPECT_NE(told(kWeb).find("med10"), std::string::npos) << told(kWeb);
  EXPECT_EQ(message().find("not followed"), std::string::npos) << message();
}

TEST_F(AdvertiseTest, MembersGoOutAsTheirAggregateOnceItsKernelRouteStands) {
  model::BgpAdvertisement advertisement = with_community("a", 0xfde80001);
  advertisement.aggregation_length = 28;
  put(advertisement);
  EXPECT_EQ(told(kWeb), "");
  EXPECT_EQ(told("192.0.2.0/28"), "172.30.0.11 65000:1, 172.30.0.12 65000:1, 172.30.0.13 65000:1");
  EXPECT_EQ(scene.applied.aggregates.size(), 1U);
  EXPECT_EQ(reason(), "Announced");
  EXPECT_NE(message().find("as 192.0.2.0/28"), std::string::npos) << message();
  scene.drop_service("default/web");
  scene.run();
  EXPECT_TRUE(scene.applied.routes.empty());
  EXPECT_TRUE(scene.applied.aggregates.empty());
}

TEST_F(AdvertiseTest, LocalMembersAlsoGoOutAsHostRoutes) {
  model::Service web = test::service("default/web");
  web.traffic_policy = model::TrafficPolicy::Local;
  scene.put(web);
  scene.put(test::slice("default/web-1", "web", {{"n3", "10.3.0.1"}}));
  model::BgpAdvertisement advertisement = test::advertisement("a");
  advertisement.aggregation_length = 28;
  put(advertisement);
  EXPECT_EQ(told(kWeb), "172.30.0.13");
  EXPECT_EQ(told("192.0.2.0/28"), "172.30.0.13");
}

TEST_F(AdvertiseTest, WithoutItsKernelRouteNoAggregateIsAnnounced) {
  scene.aggregate_error = "Operation not permitted";
  model::BgpAdvertisement advertisement = test::advertisement("a");
  advertisement.aggregation_length = 28;
  put(advertisement);
  EXPECT_EQ(told("192.0.2.0/28"), "");
  EXPECT_EQ(told(kWeb), "172.30.0.11, 172.30.0.12, 172.30.0.13");
  EXPECT_NE(message().find("aggregate 192.0.2.0/28 of BgpAdvertisement a is not announced: its "
                           "unreachable route cannot be set: Operation not permitted"),
            std::string::npos)
      << message();
}

TEST_F(AdvertiseTest, AnAggregateLiesInsideOneEip) {
  model::BgpAdvertisement advertisement = test::advertisement("a");
  advertisement.aggregation_length = 23;
  put(advertisement);
  EXPECT_EQ(told("192.0.2.0/23"), "");
  EXPECT_EQ(told(kWeb), "172.30.0.11, 172.30.0.12, 172.30.0.13");
  EXPECT_NE(message().find("it does not lie inside Eip lan"), std::string::npos) << message();
}

TEST_F(AdvertiseTest, TheWeightIsThatOfTheReadyEndpointsOfTheNode) {
  scene.put(test::slice("default/web-1", "web",
                        {{"n1", "10.1.0.1"}, {"n1", "10.1.0.2"}, {"n2", "10.2.0.1"}}));
  model::BgpAdvertisement advertisement = test::advertisement("a");
  advertisement.weight = model::BgpAdvertisement::Weight::Endpoints;
  put(advertisement);
  EXPECT_EQ(told(kWeb), "172.30.0.11 w2, 172.30.0.12 w1, 172.30.0.13 w1");
}

TEST_F(AdvertiseTest, AnEditSaysOnlyWhatItChangesAndResetsNothing) {
  scene.put(test::service("default/second"));
  scene.put(test::slice("default/second-1", "second", {{"n1", "10.1.0.9"}}));
  scene.run();
  model::BgpAdvertisement advertisement = with_community("a", 0xfde80001);
  advertisement.service_selector = only("tier", "edge");
  put(advertisement);
  EXPECT_TRUE(scene.last_step.empty()) << "selects nothing";
  model::Service web = test::service("default/web");
  web.meta.labels["tier"] = "edge";
  scene.put(web);
  scene.run();
  advertisement.communities = {0xfde80002};
  put(advertisement);
  ASSERT_EQ(scene.last_step.size(), 1U);
  EXPECT_EQ(std::get<Route>(scene.last_step.front()).prefix, test::prefix(kWeb));
}

}  // namespace
}  // namespace porter::plan
