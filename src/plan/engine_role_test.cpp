// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "plan/engine.hpp"
#include "plan/test_scene.hpp"

// The Engine as the brain of a controller: what it writes into a cluster, and what it does not.
namespace porter::plan {
namespace {

using namespace std::chrono_literals;

const model::ObjectKey kWeb{.kind = model::Kind::Service, .name = test::named("shop/web")};
const model::ObjectKey kOther{.kind = model::Kind::Service, .name = test::named("shop/other")};
const model::ObjectKey kConf{.kind = model::Kind::BgpConf, .name = test::named("default")};
const model::ObjectKey kTor{.kind = model::Kind::BgpPeer, .name = test::named("tor")};

// An API server that takes every write and shows it.
class Cluster {
 public:
  Cluster() { start(); }

  void start() {
    Identity identity;
    identity.role = Role::Controller;
    identity.default_mode = model::NextHopMode::Self;
    identity.claim_unclassed = claim_unclassed;
    engine_.emplace(identity, now, 1'700'000'000);
    see(test::eip("lan", "192.0.2.0/30"), model::Kind::Eip);
    see(test::conf(), model::Kind::BgpConf);
    see(test::peer("tor", "172.30.0.1"), model::Kind::BgpPeer);
    see(test::node("n1", {"172.30.0.11"}), model::Kind::Node);
    see(test::slice("shop/web-1", "web", {{.node = "n1", .ip = "10.0.0.1"}}),
        model::Kind::EndpointSlice);
    for (const auto& [address, record] : records)
      see(record, model::Kind::EipAddress);
    see(test::service("shop/web"), model::Kind::Service);
    if (more > 0) see(test::eip("more", "10.0.0.0/16"), model::Kind::Eip);
    for (unsigned i = 0; i < more; ++i) {
      const std::string name = "more" + std::to_string(i);
      see(test::slice("shop/" + name + "-1", name, {{.node = "n1", .ip = "10.0.0.1"}}),
          model::Kind::EndpointSlice);
      see(test::service("shop/" + name), model::Kind::Service);
    }
    engine_->apply(Synced{}, now);
    run();
  }

  template <class Value>
  void see(const Value& value, model::Kind kind) {
    const model::ObjectKey key{.kind = kind, .name = value.meta.name};
    const auto status = statuses.find(key);
    engine_->apply(ObjectSeen{.key = key,
                              .object = value,
                              .resource_version = "1",
                              .status = status == statuses.end() ? Tree{} : status->second},
                   now);
  }

  void run(Duration span = 2s) {
    for (const TimePoint end = now + span; now < end; now += 1ms) {
      if (engine_->deadline() > now) continue;
      for (Change& change : engine_->step(now, 100))
        perform(change);
    }
  }

  void see_without_an_answer(const model::Service& service) {
    answers = false;
    see(service, model::Kind::Service);
  }
  void answer() {
    answers = true;
    for (const Recorded& each : std::exchange(unanswered, {}))
      engine_->apply(each, now);
  }

  void perform(Change& change) {
    if (const auto* const record = std::get_if<Record>(&change)) {
      ++writes;
      if (record->value) {
        records[record->address] = *record->value;
        records[record->address].meta.name.name = model::eip_address_name(record->address);
      } else {
        records.erase(record->address);
      }
      const Recorded answer{.address = record->address, .revision = record->revision};
      if (answers) {
        engine_->apply(answer, now);
      } else {
        unanswered.push_back(answer);
      }
    } else if (auto* const wanted = std::get_if<StatusWanted>(&change)) {
      ++writes;
      ++status_writes[wanted->key];
      statuses[wanted->key] = wanted->status.value_or(Tree::map());
      if (wanted->key == kWeb) see(test::service("shop/web"), model::Kind::Service);
    }
  }

  [[nodiscard]] std::string condition(const model::ObjectKey& key, std::string_view type) {
    for (const Tree& each : statuses[key]["conditions"].items()) {
      if (each["type"].text() == type)
        return each["status"].text() + " " + each["reason"].text() + ": " + each["message"].text();
    }
    return "none";
  }
  [[nodiscard]] const Engine& engine() const { return *engine_; }

  TimePoint now{1h};
  unsigned more = 0;  // Services beside shop/web
  bool claim_unclassed = false;
  std::map<Address, model::EipAddress> records;
  std::map<model::ObjectKey, Tree> statuses;
  unsigned writes = 0;
  std::map<model::ObjectKey, unsigned> status_writes;
  bool answers = true;  // to creations of EipAddresses
  std::vector<Recorded> unanswered;

 private:
  std::optional<Engine> engine_;
};

model::BgpNodeState state_of(std::string_view node, std::string state) {
  model::BgpNodeState told;
  told.meta = test::meta(node);
  model::BgpNodeState::Session session;
  session.peer = "tor";
  session.neighbor = "172.30.0.1";
  session.state = std::move(state);
  session.sent = {.ipv4 = 1, .ipv6 = 0};
  told.sessions = {session};
  return told;
}

TEST(ControllerEngine, AssignsAndShowsTheAddressInTwoWrites) {
  Cluster cluster;
  EXPECT_EQ(cluster.records.size(), 1U);
  EXPECT_EQ(to_json(cluster.statuses[kWeb]["loadBalancer"], 0),
            R"({"ingress":[{"ip":"192.0.2.0","ipMode":"VIP"}]})");
  EXPECT_EQ(cluster.condition(kWeb, "network.kubesphere.io/Assigned"),
            "True Assigned: 192.0.2.0 from Eip lan");
  EXPECT_EQ(cluster.condition(kWeb, "network.kubesphere.io/Announced").substr(0, 26),
            "False NoEstablishedPeer: 1");
}

TEST(ControllerEngine, WritesNothingAfterARestart) {
  Cluster cluster;
  cluster.writes = 0;
  cluster.now += 1h;
  cluster.start();
  EXPECT_EQ(cluster.writes, 0U);
}

TEST(ControllerEngine, WritesNothingAfterARestartWithMoreServicesThanOneTurnPlans) {
  Cluster cluster;
  cluster.more = 250;
  cluster.start();
  ASSERT_EQ(cluster.records.size(), 251U);
  cluster.writes = 0;
  cluster.now += 1h;
  cluster.start();
  EXPECT_EQ(cluster.writes, 0U);
}

TEST(ControllerEngine, WritesAgainWhatSomebodyWiped) {
  Cluster cluster;
  const Tree before = cluster.statuses[kWeb];
  cluster.statuses[kWeb] = Tree::map();
  cluster.writes = 0;
  cluster.see(test::service("shop/web"), model::Kind::Service);
  cluster.run();
  EXPECT_EQ(cluster.writes, 1U);
  EXPECT_EQ(cluster.statuses[kWeb], before);
  EXPECT_EQ(cluster.records.size(), 1U);
}

TEST(ControllerEngine, SumsUpTheSessionsOfAllNodes) {
  Cluster cluster;
  EXPECT_EQ(cluster.statuses[kTor]["sessions"].text(), "0/0");
  model::BgpNodeState first = state_of("n1", "Established");
  first.router_id = "172.30.0.11";
  first.as = 65000;
  cluster.see(first, model::Kind::BgpNodeState);
  cluster.see(state_of("n2", "Active"), model::Kind::BgpNodeState);
  cluster.run(11s);
  EXPECT_EQ(cluster.statuses[kTor]["sessions"].text(), "1/2");
  EXPECT_EQ(cluster.statuses[kTor]["advertised"].text(), "2");
  EXPECT_EQ(cluster.condition(kTor, "Established").substr(0, 4), "True");
  EXPECT_EQ(to_json(cluster.statuses[kConf]["nodesConfStatus"], 0),
            R"({"n1":{"routerId":"172.30.0.11","as":65000}})");
  EXPECT_EQ(cluster.condition(kWeb, "network.kubesphere.io/Announced").substr(0, 4), "True");
}

TEST(ControllerEngine, SaysWhatAPrefixBudgetKeepsBack) {
  Cluster cluster;
  model::BgpPeer peer = test::peer("tor", "172.30.0.1");
  peer.prefix_budget =
      model::BgpPeer::Budget{.max = 5, .action = model::BgpPeer::Budget::Action::Refuse};
  cluster.see(peer, model::Kind::BgpPeer);
  for (const auto& [node, kept] : {std::pair{"n1", 0U}, {"n2", 3U}, {"n3", 1U}}) {
    model::BgpNodeState state = state_of(node, "Established");
    state.sessions.front().sent = {.ipv4 = 5, .ipv6 = 0};
    state.sessions.front().kept_back = {.ipv4 = kept, .ipv6 = 0};
    cluster.see(state, model::Kind::BgpNodeState);
  }
  cluster.run(11s);
  EXPECT_NE(cluster.condition(kTor, "Established").find("PrefixBudget: 3 of 8 prefixes"),
            std::string::npos)
      << cluster.condition(kTor, "Established");
}

TEST(ControllerEngine, WritesThePeersStatusOnceInTenSeconds) {
  Cluster cluster;
  cluster.run(11s);
  cluster.status_writes.clear();
  for (int i = 0; i < 20; ++i) {
    cluster.see(state_of("n2", i % 2 == 0 ? "Established" : "Active"), model::Kind::BgpNodeState);
    cluster.run(1s);
  }
  EXPECT_LE(cluster.status_writes[kTor], 3U);
  EXPECT_EQ(cluster.statuses[kTor]["sessions"].text(), "0/1");
}

constexpr std::string_view kAnnounced = "network.kubesphere.io/Announced";

TEST(ControllerEngine, ASessionThatFlapsIsNoWriteToAService) {
  Cluster cluster;
  cluster.see(state_of("n1", "Established"), model::Kind::BgpNodeState);
  cluster.run(11s);
  ASSERT_EQ(cluster.condition(kWeb, kAnnounced),
            "True Announced: 192.0.2.0 via every node that can carry it");
  cluster.status_writes.clear();
  for (int i = 0; i < 6; ++i) {
    cluster.see(state_of("n1", i % 2 == 0 ? "Active" : "Established"), model::Kind::BgpNodeState);
    cluster.run(9s);
  }
  cluster.run(20s);
  EXPECT_EQ(cluster.status_writes[kWeb], 0U);
}

TEST(ControllerEngine, ASessionThatStaysDownIsWrittenOnceToAService) {
  Cluster cluster;
  cluster.see(state_of("n1", "Established"), model::Kind::BgpNodeState);
  cluster.run(11s);
  cluster.status_writes.clear();
  cluster.see(state_of("n1", "Active"), model::Kind::BgpNodeState);
  cluster.run(9s);
  EXPECT_EQ(cluster.status_writes[kWeb], 0U);
  cluster.run(2s);
  EXPECT_EQ(cluster.status_writes[kWeb], 1U);
  EXPECT_EQ(cluster.condition(kWeb, kAnnounced).substr(0, 23), "False NoEstablishedPeer");
  cluster.see(state_of("n1", "Established"), model::Kind::BgpNodeState);
  cluster.run(1s);
  EXPECT_EQ(cluster.condition(kWeb, kAnnounced).substr(0, 4), "True");
}

TEST(ControllerEngine, WhatASessionDoesToMoreServicesThanOneTurnLooksAtIsSaidOfEach) {
  Cluster cluster;
  cluster.more = 250;
  cluster.start();
  cluster.see(state_of("n1", "Established"), model::Kind::BgpNodeState);
  cluster.run(11s);
  for (unsigned i = 0; i < cluster.more; ++i) {
    const model::ObjectKey key{.kind = model::Kind::Service,
                               .name = test::named("shop/more" + std::to_string(i))};
    EXPECT_EQ(cluster.condition(key, kAnnounced).substr(0, 4), "True") << i;
  }
}

TEST(ControllerEngine, ANodeThatComesIsNoWriteToAService) {
  Cluster cluster;
  cluster.see(state_of("n1", "Established"), model::Kind::BgpNodeState);
  cluster.run(11s);
  cluster.status_writes.clear();
  cluster.see(test::node("n2", {"172.30.0.12"}), model::Kind::Node);
  cluster.run(20s);
  EXPECT_EQ(cluster.status_writes[kWeb], 0U);
}

TEST(ControllerEngine, WhatAServiceItselfLacksIsWrittenAtOnce) {
  Cluster cluster;
  cluster.see(state_of("n1", "Established"), model::Kind::BgpNodeState);
  cluster.run(11s);
  cluster.see(test::slice("shop/web-1", "web", {}), model::Kind::EndpointSlice);
  cluster.run(100ms);
  EXPECT_EQ(cluster.condition(kWeb, kAnnounced).substr(0, 22), "False NoReadyEndpoints");
}

TEST(ControllerEngine, SaysNothingOfARecordThatIsOnItsWay) {
  Cluster cluster;
  cluster.see_without_an_answer(test::service("shop/other"));
  cluster.run(4s);
  EXPECT_FALSE(cluster.statuses.contains(kOther));
  cluster.answer();
  cluster.run(100ms);
  EXPECT_EQ(cluster.condition(kOther, "network.kubesphere.io/Assigned"),
            "True Assigned: 192.0.2.1 from Eip lan");
}

TEST(ControllerEngine, WritesOnceWhereTheFirstEndpointsComeJustBehindTheService) {
  Cluster cluster;
  cluster.see(test::service("shop/other"), model::Kind::Service);
  cluster.run(30ms);
  EXPECT_EQ(cluster.status_writes[kOther], 0U);
  cluster.see(test::slice("shop/other-1", "other", {{.node = "n1", .ip = "10.0.0.2"}}),
              model::Kind::EndpointSlice);
  cluster.run(20ms);
  EXPECT_EQ(cluster.status_writes[kOther], 1U);
  cluster.run();
  EXPECT_EQ(cluster.status_writes[kOther], 1U);
}

TEST(ControllerEngine, AServiceWithoutEndpointsHardlyWaitsForItsAddress) {
  Cluster cluster;
  cluster.see(test::service("shop/other"), model::Kind::Service);
  cluster.run(100ms);
  EXPECT_EQ(cluster.status_writes[kOther], 1U);
}

TEST(ControllerEngine, SaysThatARecordIsMissingWhereItTakesLong) {
  Cluster cluster;
  cluster.see_without_an_answer(test::service("shop/other"));
  cluster.run(6s);
  EXPECT_EQ(cluster.condition(kOther, "network.kubesphere.io/Announced"),
            "False NotRecorded: 192.0.2.1 chosen, its record is not written yet");
  EXPECT_TRUE(cluster.statuses[kOther]["loadBalancer"]["ingress"].is_null());
}

TEST(ControllerEngine, SaysOnceThatSomebodyElseServesAService) {
  Cluster cluster;
  cluster.claim_unclassed = true;
  cluster.start();
  model::Service other = test::service("shop/other");
  other.meta.annotations.clear();
  other.ingress.push_back({.ip = "203.0.113.9", .hostname = {}});
  const Tree theirs = Tree::map().set(
      "ingress", Tree::list().push(Tree::map().set("ip", "203.0.113.9").set("ipMode", "VIP")));
  cluster.statuses[kOther] = Tree::map().set("loadBalancer", theirs);
  cluster.writes = 0;
  cluster.see(other, model::Kind::Service);
  cluster.run();
  EXPECT_EQ(cluster.condition(kOther, "network.kubesphere.io/Assigned"),
            "False ForeignStatus: its status shows 203.0.113.9, which is not Porter's");
  EXPECT_TRUE(cluster.statuses[kOther]["loadBalancer"].is_null());  // nothing of it is ours
  cluster.statuses[kOther].set("loadBalancer", theirs);  // what the API server makes of it
  cluster.see(other, model::Kind::Service);
  cluster.run();
  EXPECT_EQ(cluster.writes, 1U);
}

TEST(ControllerEngine, LeavesTheStatusOfOthersAlone) {
  Cluster cluster;
  cluster.writes = 0;
  model::Service other = test::service("shop/other");
  other.load_balancer_class = "example.com/other";
  const model::ObjectKey key{.kind = model::Kind::Service, .name = other.meta.name};
  cluster.statuses[key] = Tree::map().set(
      "loadBalancer",
      Tree::map().set("ingress", Tree::list().push(Tree::map().set("ip", "198.51.100.1"))));
  cluster.see(other, model::Kind::Service);
  cluster.run();
  EXPECT_EQ(cluster.writes, 0U);
}

}  // namespace
}  // namespace porter::plan
