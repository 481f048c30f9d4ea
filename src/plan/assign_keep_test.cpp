// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "plan/assign_world.hpp"

// What a Service keeps, and what takes it away (api.md 2, 4, 7).
namespace porter::plan {
namespace {

using namespace world;
using namespace std::chrono_literals;

struct Keep : testing::Test {
  Keep() {
    world.put(eip("lan", {"192.0.2.0/29"}));
    world.put(service("shop/web"));
    world.run();
    world.take_notices();
  }
  World world;
};

TEST_F(Keep, PolicyGovernsWhatIsNew) {
  auto lan = eip("lan", {"192.0.2.0/29"});
  lan.disable = true;
  world.put(lan);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 AssignedOutsidePolicy");
  EXPECT_EQ(world.message("shop/web"), "192.0.2.0 from Eip lan, kept although Eip lan is disabled");

  lan = eip("lan", {"192.0.2.0/29"});
  lan.exclude.push_back(*Range::parse("192.0.2.0"));
  world.put(lan);
  world.run();
  EXPECT_EQ(world.message("shop/web"),
            "192.0.2.0 from Eip lan, kept although Eip lan excludes 192.0.2.0");

  lan = eip("lan", {"192.0.2.0/29"});
  lan.using_known_ips = false;
  world.put(lan);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 AssignedOutsidePolicy");

  lan = eip("lan", {"192.0.2.0/29"});
  lan.auto_assign = false;
  world.put(lan);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 AssignedOutsidePolicy");

  lan = eip("lan", {"192.0.2.0/29"});
  lan.meta.deleting = true;
  world.put(lan);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 AssignedOutsidePolicy");

  world.put(eip("lan", {"192.0.2.0/29"}));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_TRUE(world.take_notices().empty());
}

TEST_F(Keep, NamespaceLabelsGovernWhatIsNew) {
  auto lan = eip("lan", {"192.0.2.0/29"});
  lan.namespace_selector.emplace();
  lan.namespace_selector->requirements.push_back(
      {.key = "team", .op = model::Requirement::Operator::Exists, .values = {}});
  world.put(lan);
  world.put(service("shop/late"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 AssignedOutsidePolicy");
  EXPECT_EQ(world.told("shop/late"), "NoPool");
  world.label("shop", {{"team", "a"}});
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/late"), "192.0.2.1");
}

TEST_F(Keep, ANewPriorityOrDefaultMovesNobody) {
  auto better = eip("better", {"198.51.100.0/24"});
  better.priority = -10;
  better.is_default = true;
  world.put(better);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

TEST_F(Keep, AnotherWantedAddressMovesIt) {
  world.edit("shop/web", [](auto& service) { ask_address(service, "192.0.2.5"); });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.5");
  EXPECT_EQ(world.take_notices(),
            (std::vector<std::string>{
                "shop/web Released 192.0.2.0 of Eip lan: the Service asks for 192.0.2.5",
                "shop/web Assigned 192.0.2.5 from Eip lan"}));
}

TEST_F(Keep, WhatItAsksForIsNotWhatItHoldsEvenIfItCannotBeHad) {
  world.edit("shop/web", [](auto& service) { ask_address(service, "203.0.113.1"); });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "AddressNotInPool");
  EXPECT_TRUE(world.stored.empty());
}

TEST_F(Keep, AskingForWhatItHoldsChangesNothing) {
  world.edit("shop/web", [](auto& service) {
    ask_address(service, "192.0.2.0");
    ask_pool(service, "lan");
    ask_protocol(service, "bgp");
  });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_TRUE(world.take_notices().empty());
}

TEST_F(Keep, AnotherPoolOrProtocolMovesIt) {
  auto l2 = eip("l2", {"198.51.100.0/29"});
  l2.protocol = model::Protocol::Layer2;
  world.put(l2);
  world.put(eip("edge", {"203.0.113.0/29"}));
  world.edit("shop/web", [](auto& service) { ask_pool(service, "edge"); });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "203.0.113.0");
  world.edit("shop/web", [](auto& service) {
    service.meta.annotations.clear();
    ask_protocol(service, "layer2");
  });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "198.51.100.0");
}

TEST_F(Keep, AnotherFamilyMovesIt) {
  world.put(eip("lan6", {"2001:db8::/64"}));
  world.edit("shop/web", [](auto& service) { service.families = {Family::V6}; });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "2001:db8::");
  world.edit("shop/web", [](auto& service) {
    service.families = {Family::V6, Family::V4};
    service.family_policy = model::IpFamilyPolicy::PreferDualStack;
  });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.1 2001:db8::");  // 192.0.2.0 was released a moment ago
  world.edit("shop/web", [](auto& service) {
    service.families = {};
    service.family_policy = model::IpFamilyPolicy::SingleStack;
  });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.1");
}

TEST_F(Keep, ARequestThatCannotBeUnderstoodTakesNothingAway) {
  world.edit("shop/web", [](auto& service) { ask_address(service, "192.0.2.x"); });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 InvalidRequest");
  EXPECT_NE(world.message("shop/web").find("it keeps 192.0.2.0 from Eip lan"), std::string::npos);
  world.edit("shop/web", [](auto& service) { service.meta.annotations.clear(); });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

TEST_F(Keep, LosingOwnershipReleases) {
  world.edit("shop/web", [](auto& service) { service.is_load_balancer = false; });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "NotLoadBalancer");
  EXPECT_TRUE(world.stored.empty());
  EXPECT_EQ(
      world.take_notices(),
      std::vector<std::string>{"shop/web Released 192.0.2.0 of Eip lan: the Service is no longer "
                               "Porter's (NotLoadBalancer)"});
  world.edit("shop/web", [](auto& service) { service.is_load_balancer = true; });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.1");
  world.edit("shop/web", [](auto& service) { service.load_balancer_class = "example.com/lb"; });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "OtherClass");
  EXPECT_TRUE(world.stored.empty());
}

TEST(Ownership, RemovingTheAnnotationReleasesAndALostFlagDoesNot) {
  World world;
  world.view.identity.claim_unclassed = true;
  world.put(eip("lan", {"192.0.2.0/29"}));
  auto plain = service("shop/plain");
  plain.load_balancer_class.reset();
  auto annotated = plain;
  annotated.meta.name.name = "annotated";
  annotated.meta.annotations["lb.kubesphere.io/v1alpha1"] = "porter";
  world.put(plain);
  world.put(annotated);
  world.run();
  EXPECT_EQ(world.told("shop/plain"), "192.0.2.1");
  world.view.identity.claim_unclassed = false;
  world.restart();
  world.run();
  EXPECT_EQ(world.told("shop/plain"), "192.0.2.1");
  world.edit("shop/annotated", [](auto& service) { service.meta.annotations.clear(); });
  world.run();
  EXPECT_EQ(world.told("shop/annotated"), "NotClaimed");
  world.edit("shop/annotated", [](auto& service) { service.meta.labels["a"] = "b"; });
  world.run();
  EXPECT_EQ(world.told("shop/annotated"), "NotClaimed");
}

TEST_F(Keep, AVanishedServiceGivesItsAddressBack) {
  world.drop_service("shop/web");
  world.run();
  EXPECT_EQ(world.told("shop/web"), "unknown");
  EXPECT_TRUE(world.stored.empty());
  EXPECT_EQ(
      world.take_notices(),
      std::vector<std::string>{"shop/web Released 192.0.2.0 of Eip lan: the Service is gone"});
}

TEST_F(Keep, AServiceCreatedAnewUnderItsNameKeepsItsAddress) {
  world.edit("shop/web", [](auto& service) { service.meta.uid = "another"; });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_EQ(world.stored.at(address("192.0.2.0")).services.front().uid, "another");
}

// Pools.

TEST_F(Keep, APoolThatVanishesReleasesAndItsServicesTryOthers) {
  world.put(eip("spare", {"198.51.100.0/29"}));
  world.drop_eip("lan");
  world.run();
  EXPECT_EQ(world.told("shop/web"), "198.51.100.0");
  EXPECT_EQ(world.take_notices(),
            (std::vector<std::string>{"shop/web Released 192.0.2.0 of Eip lan: Eip lan is gone",
                                      "shop/web Assigned 198.51.100.0 from Eip spare"}));
}

TEST_F(Keep, AnotherPoolWithTheSameAddressTakesItOver) {
  world.put(eip("renamed", {"192.0.2.0/28"}));
  world.drop_eip("lan");
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_TRUE(world.take_notices().empty());
  EXPECT_EQ(world.stored.at(address("192.0.2.0")).eip, "renamed");
  EXPECT_TRUE(world.assigner().of(name_of("shop/web"))->addresses.front().recorded);
}

TEST_F(Keep, ADeletedPoolGivesNothingNewAndEvictsWhenTold) {
  auto lan = eip("lan", {"192.0.2.0/29"});
  lan.meta.deleting = true;
  world.put(lan);
  world.put(service("shop/late"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 AssignedOutsidePolicy");
  EXPECT_EQ(world.told("shop/late"), "PoolDisabled");
  lan.evict = true;
  world.put(lan);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "PoolDisabled");
  EXPECT_TRUE(world.stored.empty());
}

TEST_F(Keep, EvictAloneDeletesNothing) {
  auto lan = eip("lan", {"192.0.2.0/29"});
  lan.evict = true;
  world.put(lan);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

TEST_F(Keep, APoolMayChangeWhileItContainsEveryAddressInUse) {
  EXPECT_FALSE(world.put(eip("lan", {"192.0.2.0/31", "203.0.113.0/24"})));
  const auto refused = world.put(eip("lan", {"192.0.2.1-192.0.2.9"}));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "AddressesInUse");
  EXPECT_EQ(
      refused->message,
      "leaves out addresses in use: 192.0.2.0 (shop/web); keep them in, or move these Services "
      "first. The earlier version stays in force");
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

TEST_F(Keep, ReservationsAndKeptAddressesDoNotHoldAPoolBack) {
  world.reserve("192.0.2.5");
  EXPECT_FALSE(world.put(eip("lan", {"192.0.2.0/31"})));
}

TEST_F(Keep, APoolThatChangedWhilePorterWasAwayLosesItsAddresses) {
  world.view.eips.at("lan") = eip("lan", {"192.0.2.4/30"});
  world.restart();
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.4");
}

TEST_F(Keep, APoolThatCannotBeReadAfterARestartLosesNothing) {
  world.view.eips.clear();
  world.view.problems[{.kind = model::Kind::Eip, .name = {.ns = {}, .name = "lan"}}]
      .list.emplace_back();
  world.restart();
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 AssignedOutsidePolicy");
  EXPECT_EQ(world.message("shop/web"),
            "192.0.2.0 from Eip lan, kept although Eip lan cannot be read");
}

TEST_F(Keep, RequireDualStackKeepsWhatItHasWhenTheOtherIsLost) {
  world.put(eip("lan6", {"2001:db8::/64"}));
  world.edit("shop/web", [](auto& service) {
    service.families = {Family::V4, Family::V6};
    service.family_policy = model::IpFamilyPolicy::RequireDualStack;
  });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 2001:db8::");
  world.drop_eip("lan6");
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0 FamilyUnavailable");
}

// Reclaim.

struct Retain : testing::Test {
  Retain() {
    auto lan = eip("lan", {"192.0.2.0/31"});
    lan.reclaim = model::Eip::Reclaim::Retain;
    lan.hold_seconds = 300;
    world.put(lan);
    world.put(service("shop/web"));
    world.run();
    world.drop_service("shop/web");
    world.run();
  }
  World world;
};

TEST_F(Retain, KeepsTheAddressForTheSameName) {
  world.put(service("shop/api"));
  world.put(service("shop/late"));
  world.run();
  EXPECT_EQ(world.told("shop/api"), "192.0.2.1");
  EXPECT_EQ(world.told("shop/late"), "PoolExhausted");
  auto again = service("shop/web");
  again.meta.uid = "another";
  world.put(again);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_EQ(world.stored.at(address("192.0.2.0")).retain_until, 0);
}

TEST_F(Retain, SaysForWhomItIsKept) {
  auto asks = service("shop/asks");
  ask_address(asks, "192.0.2.0");
  world.put(asks);
  world.run();
  EXPECT_EQ(world.told("shop/asks"), "AddressReserved");
  EXPECT_EQ(world.message("shop/asks"),
            "192.0.2.0 is kept for shop/web (reclaim policy Retain of Eip lan)");
  world.pass(300s);
  EXPECT_EQ(world.told("shop/asks"), "192.0.2.0");
}

TEST_F(Retain, EndsWithItsTime) {
  EXPECT_EQ(world.stored.at(address("192.0.2.0")).retain_until, world.unix_now + 300);
  EXPECT_EQ(world.assigner().deadline(), world.now + 300s);
  world.put(service("shop/api"));
  world.put(service("shop/late"));
  world.run();
  world.pass(299s);
  EXPECT_EQ(world.told("shop/late"), "PoolExhausted");
  world.pass(1s);
  EXPECT_EQ(world.told("shop/late"), "192.0.2.0");
  EXPECT_EQ(world.assigner().deadline(), kNever);
}

TEST_F(Retain, SurvivesARestart) {
  world.restart();
  world.run();
  EXPECT_EQ(world.assigner().deadline(), world.now + 300s);
  world.put(service("shop/api"));
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/api"), "192.0.2.1");
}

TEST_F(Retain, GoesWithItsPool) {
  world.drop_eip("lan");
  world.run();
  EXPECT_TRUE(world.stored.empty());
}

TEST_F(Retain, DoesNotKeepWhatItsServiceLeft) {
  world.put(service("shop/web"));
  world.run();
  world.edit("shop/web", [](auto& service) { ask_address(service, "192.0.2.1"); });
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.1");
  EXPECT_EQ(world.stored.size(), 1U);
}

// A uid as an API server gives it does not fit into a short string.
TEST_F(Retain, KeepsAnAddressOfAServiceWithALongUid) {
  auto web = service("shop/longer");
  web.meta.uid = "eccdbb9b-e821-4969-8a3c-581a8b14cd0c";
  world.put(web);
  world.run();
  world.drop_service("shop/longer");
  world.run();
  const auto kept = std::ranges::find_if(world.stored, [](const auto& stored) {
    return !stored.second.services.empty() &&
           stored.second.services.front().service == name_of("shop/longer");
  });
  ASSERT_NE(kept, world.stored.end());
  EXPECT_EQ(kept->second.services.front().uid, web.meta.uid);
  EXPECT_NE(kept->second.retain_until, 0);
}

TEST(RetainDualStack, KeepsAnAddressOfAFamilyForThatFamilyOnly) {
  World world;
  auto lan = eip("lan", {"192.0.2.0/31", "2001:db8::/127"});
  lan.reclaim = model::Eip::Reclaim::Retain;
  world.put(lan);
  auto six = service("shop/web");
  six.families = {Family::V6};
  world.put(six);
  world.run();
  world.drop_service("shop/web");
  world.run();
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

TEST(RetainForEver, HasNoEnd) {
  World world;
  auto lan = eip("lan", {"192.0.2.0/31"});
  lan.reclaim = model::Eip::Reclaim::Retain;
  world.put(lan);
  world.put(service("shop/web"));
  world.run();
  world.drop_service("shop/web");
  world.run();
  EXPECT_EQ(world.stored.at(address("192.0.2.0")).retain_until, ipam::kForEver);
  EXPECT_EQ(world.assigner().deadline(), kNever);
  world.restart();
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

}  // namespace
}  // namespace porter::plan
