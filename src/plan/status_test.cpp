// SPDX-License-Identifier: Apache-2.0
#include "plan/status.hpp"

#include <gtest/gtest.h>

#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using model::Kind;
using test::Scene;

model::ObjectKey key(Kind kind, std::string_view name) {
  return {.kind = kind, .name = test::named(name)};
}

class StatusTest : public testing::Test {
 protected:
  StatusTest() : writer{scene.view, scene.assigner, scene.announcer} { scene.usual(); }
  // The document as YAML; "" where there is nothing new, "gone" where it is to
  // be forgotten.
  std::string write(Kind kind, std::string_view name) {
    scene.run();
    const auto wanted = writer.write(key(kind, name), scene.unix_now);
    if (!wanted) return "";
    return wanted->status ? to_yaml(*wanted->status) : "gone";
  }
  Tree document(Kind kind, std::string_view name) {
    scene.run();
    const auto wanted = StatusWriter{scene.view, scene.assigner, scene.announcer}.write(
        key(kind, name), scene.unix_now);
    if (!wanted || !wanted->status) return {};
    return Tree::map().set("status", *wanted->status);
  }
  static Tree condition(const Tree& document, std::string_view type) {
    for (const Tree& item : document.at_path("status.conditions").items()) {
      if (item["type"].text() == type) return item;
    }
    return {};
  }
  Scene scene;
  StatusWriter writer;
};

TEST_F(StatusTest, OfAServiceItShowsTheAddressAndBothConditions) {
  const Tree found = document(Kind::Service, "default/web");
  const Tree& ingress = found.at_path("status.loadBalancer.ingress");
  ASSERT_EQ(ingress.items().size(), 1U);
  EXPECT_EQ(ingress.items()[0]["ip"].text(), "192.0.2.0");
  EXPECT_EQ(ingress.items()[0]["ipMode"].text(), "VIP");
  EXPECT_EQ(condition(found, "network.kubesphere.io/Assigned")["status"].text(), "True");
  const Tree announced = condition(found, "network.kubesphere.io/Announced");
  EXPECT_EQ(announced["status"].text(), "True");
  EXPECT_EQ(announced["reason"].text(), "Announced");
  EXPECT_EQ(announced["message"].text(), "192.0.2.0 via 3 next hops: n1, n2, n3");
  EXPECT_EQ(announced["lastTransitionTime"].text(), "1970-01-01T00:33:20Z");
}

TEST_F(StatusTest, WhatDidNotChangeIsNotWrittenAgainAndKeepsItsTime) {
  EXPECT_NE(write(Kind::Service, "default/web"), "");
  scene.pass(60);
  EXPECT_EQ(write(Kind::Service, "default/web"), "");
  scene.drop_node("n3");
  const std::string changed = write(Kind::Service, "default/web");
  EXPECT_NE(changed.find("via 2 next hops"), std::string::npos);
  EXPECT_EQ(changed.find("00:34:20Z"), std::string::npos) << "still True since before";
  scene.drop_slice("default/web-1");
  EXPECT_NE(write(Kind::Service, "default/web").find("00:34:20Z"), std::string::npos)
      << "False since now";
}

TEST_F(StatusTest, AnAddressThatIsNotRecordedIsNotShown) {
  scene.store_works = false;
  scene.put(test::service("default/new"));
  const Tree found = document(Kind::Service, "default/new");
  EXPECT_TRUE(found.at_path("status.loadBalancer.ingress").is_null());
  EXPECT_EQ(condition(found, "network.kubesphere.io/Announced")["status"].text(), "False");
}

TEST_F(StatusTest, AServiceWithoutAnAddressSaysWhy) {
  model::Service wanting = test::service("default/odd");
  wanting.meta.annotations["eip.porter.kubesphere.io/v1alpha2"] = "edge";
  scene.put(wanting);
  const Tree found = document(Kind::Service, "default/odd");
  EXPECT_EQ(condition(found, "network.kubesphere.io/Assigned")["reason"].text(), "PoolNotFound");
  EXPECT_EQ(condition(found, "network.kubesphere.io/Announced")["reason"].text(), "NoAddress");
}

TEST_F(StatusTest, WhatIsGoneIsForgottenOnce) {
  EXPECT_NE(write(Kind::Service, "default/web"), "");
  scene.drop_service("default/web");
  EXPECT_EQ(write(Kind::Service, "default/web"), "gone");
  EXPECT_EQ(write(Kind::Service, "default/web"), "");
  EXPECT_EQ(write(Kind::Node, "n1"), "");
}

TEST_F(StatusTest, ForeignServicesAreNotSpokenAbout) {
  model::Service foreign = test::service("default/other");
  foreign.meta.annotations.clear();
  scene.put(foreign);
  EXPECT_EQ(write(Kind::Service, "default/other"), "");
}

TEST_F(StatusTest, OfAnEipItHasOpenElbsFields) {
  const Tree found = document(Kind::Eip, "lan");
  const Tree& status = found["status"];
  EXPECT_EQ(status["usage"].text(), "1");
  EXPECT_EQ(status["poolSize"].text(), "256");
  EXPECT_EQ(status["poolSizeText"].text(), "256");
  EXPECT_FALSE(status["occupied"].as_bool());
  EXPECT_EQ(status["firstIP"].text(), "192.0.2.0");
  EXPECT_EQ(status["lastIP"].text(), "192.0.2.255");
  EXPECT_TRUE(status["ready"].as_bool());
  EXPECT_TRUE(status["v4"].as_bool());
  EXPECT_EQ(status["used"]["192.0.2.0"].text(), "default/web");
  EXPECT_EQ(condition(found, "Ready")["reason"].text(), "Ready");
}

TEST_F(StatusTest, AnImmensePoolIsCountedExactlyInText) {
  scene.put(test::eip("all", "::/0"));
  const Tree found = document(Kind::Eip, "all");
  EXPECT_EQ(found.at_path("status.poolSize").text(), "9223372036854775807");
  EXPECT_EQ(found.at_path("status.poolSizeText").text(), "340282366920938463463374607431768211456");
  EXPECT_FALSE(found.at_path("status.v4").as_bool());
}

TEST_F(StatusTest, AnEipSaysWhyItIsNotReady) {
  model::Eip pool = test::eip("lan", "192.0.2.0/24");
  pool.disable = true;
  scene.put(pool);
  EXPECT_EQ(condition(document(Kind::Eip, "lan"), "Ready")["reason"].text(), "Disabled");
  EXPECT_FALSE(document(Kind::Eip, "lan").at_path("status.ready").as_bool());
  pool.meta.deleting = true;
  scene.put(pool);
  EXPECT_EQ(condition(document(Kind::Eip, "lan"), "Ready")["reason"].text(), "Deleting");
  scene.put(test::eip("lan", "192.0.2.0/24"));
  scene.put(test::eip("lan2", "192.0.2.128/25"));
  const Tree overlap = condition(document(Kind::Eip, "lan"), "Ready");
  EXPECT_EQ(overlap["status"].text(), "True");
  EXPECT_EQ(overlap["reason"].text(), "Overlaps");
}

TEST_F(StatusTest, AnObjectThatIsNotUsableSaysWhereAndWhatStaysInForce) {
  scene.view.problems[key(Kind::Eip, "lan")] = {
      .where = "pools.yaml",
      .list = {{.severity = model::Problem::Severity::Error,
                .reason = "Invalid",
                .field = "spec.address",
                .message = "192.0.2.0/33: prefix length must be 0 to 32",
                .line = 14}}};
  const Tree accepted = condition(document(Kind::Eip, "lan"), "Accepted");
  EXPECT_EQ(accepted["status"].text(), "False");
  EXPECT_EQ(accepted["reason"].text(), "InvalidObject");
  EXPECT_EQ(accepted["message"].text(),
            "pools.yaml:14: spec.address: 192.0.2.0/33: prefix length must be "
            "0 to 32; the last "
            "good version stays in force");
  scene.view.problems[key(Kind::BgpPeer, "odd")] = scene.view.problems[key(Kind::Eip, "lan")];
  EXPECT_NE(condition(document(Kind::BgpPeer, "odd"), "Accepted")["message"].text().find(
                "nothing of it is in force"),
            std::string::npos);
}

TEST_F(StatusTest, AWarningLeavesTheObjectAccepted) {
  scene.view.problems[key(Kind::Eip, "lan")] = {
      .where = "",
      .list = {{.severity = model::Problem::Severity::Warning,
                .reason = "FieldIgnored",
                .field = "spec.x",
                .message = "no effect",
                .line = 0}}};
  const Tree accepted = condition(document(Kind::Eip, "lan"), "Accepted");
  EXPECT_EQ(accepted["status"].text(), "True");
  EXPECT_EQ(accepted["reason"].text(), "AcceptedWithWarnings");
  EXPECT_EQ(accepted["message"].text(), "spec.x: no effect");
}

TEST_F(StatusTest, OfABgpConfItSaysWhatEachNodeUses) {
  const Tree found = document(Kind::BgpConf, "default");
  EXPECT_EQ(found.at_path("status.nodesConfStatus.local.routerId").text(), "10.0.0.1");
  EXPECT_EQ(found.at_path("status.nodesConfStatus.local.as").text(), "65000");
  EXPECT_EQ(condition(found, "Ready")["status"].text(), "True");
  scene.put(test::conf("lab"));
  EXPECT_EQ(condition(document(Kind::BgpConf, "lab"), "Ready")["reason"].text(), "NotDefault");
}

TEST_F(StatusTest, OfABgpPeerItHasOpenElbsShape) {
  SessionSeen seen = test::established("tor-a");
  seen.flaps = 2;
  seen.sent_v4 = 7;
  scene.see(seen);
  const Tree found = document(Kind::BgpPeer, "tor-a");
  const Tree& state = found.at_path("status.nodesPeerStatus.local.peerState");
  EXPECT_EQ(state["neighborAddress"].text(), "172.30.0.1");
  EXPECT_EQ(state["peerAs"].text(), "65001");
  EXPECT_EQ(state["localAs"].text(), "65000");
  EXPECT_EQ(state["peerType"].text(), "1");
  EXPECT_EQ(state["routerId"].text(), "172.30.0.1");
  EXPECT_EQ(state["sessionState"].text(), "ESTABLISHED");
  EXPECT_EQ(state["flops"].text(), "2");
  const Tree& timers = found.at_path("status.nodesPeerStatus.local.timersState");
  EXPECT_EQ(timers["negotiatedHoldTime"].text(), "90");
  EXPECT_TRUE(timers["negotiatedHoldTime"].is_string());
  EXPECT_EQ(timers["keepaliveInterval"].text(), "30");
  EXPECT_EQ(timers["uptime"].text(), "1970-01-01T00:16:40Z");
  EXPECT_EQ(found.at_path("status.sessions").text(), "1/1");
  EXPECT_EQ(found.at_path("status.advertised").text(), "7");
  EXPECT_EQ(condition(found, "Established")["status"].text(), "True");
}

TEST_F(StatusTest, APeerThatDoesNotRunSaysWhy) {
  scene.put(test::peer("tor-b", "172.30.0.1"));
  const Tree found = document(Kind::BgpPeer, "tor-b");
  EXPECT_TRUE(found.at_path("status.nodesPeerStatus").is_null());
  EXPECT_EQ(condition(found, "Established")["reason"].text(), "DuplicateNeighbor");
}

}  // namespace
}  // namespace porter::plan
