// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "plan/assign_world.hpp"

// Several Services on one address (api.md 5).
namespace porter::plan {
namespace {

using namespace world;

model::Service asking(std::string_view name, std::uint16_t port) {
  auto each = service(name, port);
  ask_address(each, "192.0.2.5");
  return each;
}

model::Service keyed(std::string_view name, std::uint16_t port, std::int64_t created = 0) {
  auto each = service(name, port);
  each.meta.created = created;
  share(each, "k");
  return each;
}

struct Share : testing::Test {
  Share() { world.put(eip("lan", {"192.0.2.0/29"})); }
  [[nodiscard]] std::vector<model::NamespacedName> on(std::string_view text) const {
    return world.assigner().holders(address(text));
  }
  World world;
};

TEST_F(Share, BothAskForTheAddress) {
  world.put(asking("shop/web", 80));
  world.run();
  world.put(asking("shop/api", 81));
  world.run();
  EXPECT_EQ(on("192.0.2.5"), (std::vector{name_of("shop/web"), name_of("shop/api")}));
  EXPECT_EQ(world.take_notices().back(),
            "shop/api Assigned 192.0.2.5 from Eip lan, shared with shop/web");
}

TEST_F(Share, TheSameKeyGathersOnOneAddressAsLongAsPortsAllow) {
  world.put(keyed("shop/a", 80));
  world.put(keyed("infra/b", 81));
  world.put(keyed("shop/c", 80));
  world.run();
  EXPECT_EQ(world.told("infra/b"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/a"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/c"), "192.0.2.1");
  EXPECT_EQ(world.stored.at(address("192.0.2.0")).share_key, "k");
}

TEST_F(Share, NamesTheCollidingServiceAndPort) {
  world.put(asking("shop/web", 80));
  world.run();
  world.put(asking("shop/late", 80));
  world.put(asking("infra/dns", 53));
  auto local = asking("shop/local", 82);
  local.traffic_policy = model::TrafficPolicy::Local;
  world.put(local);
  world.run();
  EXPECT_EQ(world.told("shop/late"), "ShareRefused");
  EXPECT_EQ(world.message("shop/late"),
            "192.0.2.5 cannot be shared with shop/web: both have port TCP 80");
  EXPECT_EQ(world.fix_of("shop/late"),
            "change port TCP 80 of one of the two, or ask for another address");
  EXPECT_EQ(world.told("infra/dns"), "ShareRefused");
  EXPECT_EQ(
      world.message("infra/dns"),
      "192.0.2.5 cannot be shared with shop/web: it is in another namespace, and not both carry "
      "the same share key");
  EXPECT_EQ(world.told("shop/local"), "ShareRefused");
  EXPECT_EQ(world.message("shop/local"),
            "192.0.2.5 cannot be shared with shop/web: one has "
            "externalTrafficPolicy Cluster, the other Local");
}

TEST_F(Share, WhoDoesNotShareHoldsAlone) {
  world.put(service("shop/web", 80));
  world.run();
  auto late = service("shop/late", 81);
  ask_address(late, "192.0.2.0");
  world.put(late);
  world.run();
  EXPECT_EQ(world.told("shop/late"), "AddressInUse");
  world.edit("shop/web", [](auto& service) { ask_address(service, "192.0.2.0"); });
  world.run();
  EXPECT_EQ(world.told("shop/late"), "192.0.2.0");
}

TEST_F(Share, AnEditThatBreaksTheRulesReleasesTheLaterJoiner) {
  world.put(keyed("shop/first", 80, 1));
  world.put(keyed("shop/second", 81, 2));
  world.run();
  world.take_notices();
  world.edit("shop/first", [](auto& service) { service.ports.front().port = 81; });
  world.run();
  EXPECT_EQ(world.told("shop/first"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/second"), "192.0.2.1");
  EXPECT_EQ(
      world.take_notices(),
      (std::vector<std::string>{"shop/second Released 192.0.2.0 of Eip lan: cannot be shared with "
                                "shop/first: both have port TCP 81",
                                "shop/second Assigned 192.0.2.1 from Eip lan"}));
}

TEST_F(Share, ReleaseByOneDoesNotDisturbTheOther) {
  world.put(keyed("shop/first", 80, 1));
  world.put(keyed("shop/second", 81, 2));
  world.put(keyed("shop/third", 82, 3));
  world.run();
  world.drop_service("shop/first");
  world.plan();
  EXPECT_TRUE(world.assigner().of(name_of("shop/second"))->addresses.front().recorded);
  EXPECT_TRUE(world.assigner().of(name_of("shop/third"))->addresses.front().recorded);
  world.run();
  EXPECT_EQ(on("192.0.2.0"), (std::vector{name_of("shop/second"), name_of("shop/third")}));
  EXPECT_EQ(world.stored.at(address("192.0.2.0")).services.size(), 2U);
}

TEST_F(Share, AJoinerIsNotRecordedBeforeItsRecordIsAndDisturbsNobody) {
  world.put(keyed("shop/first", 80, 1));
  world.run();
  world.put(keyed("shop/second", 81, 2));
  world.plan();
  EXPECT_TRUE(world.assigner().of(name_of("shop/first"))->addresses.front().recorded);
  EXPECT_FALSE(world.assigner().of(name_of("shop/second"))->addresses.front().recorded);
  world.run();
  EXPECT_TRUE(world.assigner().of(name_of("shop/second"))->addresses.front().recorded);
}

TEST_F(Share, WhoWasRefusedGetsInWhenTheCollisionGoes) {
  world.put(asking("shop/web", 80));
  world.run();
  world.put(asking("shop/other", 81));
  world.put(asking("shop/late", 80));
  world.run();
  EXPECT_EQ(world.told("shop/late"), "ShareRefused");
  world.edit("shop/web", [](auto& service) { service.ports.front().port = 8'080; });
  world.run();
  EXPECT_EQ(world.told("shop/late"), "192.0.2.5");
  EXPECT_EQ(on("192.0.2.5").size(), 3U);
}

TEST_F(Share, AFullPoolTakesThoseThatCanJoin) {
  world.put(eip("lan", {"192.0.2.0/32"}));
  world.put(keyed("shop/first", 80, 1));
  world.put(keyed("shop/same", 80, 2));
  world.run();
  EXPECT_EQ(world.told("shop/same"), "PoolExhausted");
  world.edit("shop/first", [](auto& service) { service.ports.front().port = 443; });
  world.run();
  EXPECT_EQ(world.told("shop/same"), "192.0.2.0");
  world.put(service("shop/alone", 9));
  world.run();
  EXPECT_EQ(world.told("shop/alone"), "PoolExhausted");
  EXPECT_EQ(world.message("shop/alone"),
            "the only address of Eip lan (192.0.2.0) is in use: "
            "shop/first (with 1 more)");
}

TEST_F(Share, UnderLocalNeedsEqualSelectors) {
  auto first = keyed("shop/first", 80, 1);
  first.traffic_policy = model::TrafficPolicy::Local;
  first.selector = {{"app", "a"}};
  auto second = first;
  second.meta.name.name = "second";
  second.ports.front().port = 81;
  auto third = second;
  third.meta.name.name = "third";
  third.ports.front().port = 82;
  third.selector = {{"app", "b"}};
  for (const auto& each : {first, second, third})
    world.put(each);
  world.run();
  EXPECT_EQ(world.told("shop/second"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/third"), "192.0.2.1");
}

TEST_F(Share, TheJoinerNeedsAPoolThatMayServeIt) {
  auto lan = eip("lan", {"192.0.2.0/29"});
  lan.namespaces = {"shop"};
  world.put(lan);
  world.put(eip("rest", {"198.51.100.0/29"}));
  world.put(keyed("shop/first", 80, 1));
  world.put(keyed("infra/dns", 53, 2));
  auto asks = keyed("infra/asks", 54, 3);
  ask_address(asks, "192.0.2.0");
  world.put(asks);
  world.run();
  EXPECT_EQ(world.told("infra/dns"), "198.51.100.0");
  EXPECT_EQ(world.told("infra/asks"), "PoolNotForNamespace");
}

TEST_F(Share, AHolderFromAnotherPoolIsNotJoined) {
  world.put(eip("wide", {"192.0.2.0/24"}));
  auto first = asking("shop/first", 80);
  ask_pool(first, "wide");
  auto second = asking("shop/second", 81);
  ask_pool(second, "lan");
  world.put(first);
  world.run();
  world.put(second);
  world.run();
  EXPECT_EQ(world.told("shop/second"), "AddressInUse");
  EXPECT_EQ(world.message("shop/second"), "192.0.2.5 is held by shop/first from Eip wide");
}

TEST_F(Share, TheKeyOfTheRecordFollowsTheFirstHolder) {
  world.put(keyed("shop/first", 80, 1));
  world.run();
  world.edit("shop/first", [](auto& service) { share(service, "z"); });
  world.run();
  EXPECT_EQ(world.stored.at(address("192.0.2.0")).share_key, "z");
  auto late = service("shop/late", 81);
  share(late, "z");
  world.put(late);
  world.run();
  EXPECT_EQ(world.told("shop/late"), "192.0.2.0");
}

}  // namespace
}  // namespace porter::plan
