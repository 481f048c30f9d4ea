// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "plan/assign_world.hpp"

// Who waits and what ends it, records and their answers, starts and restarts (api.md 4, 11).
namespace porter::plan {
namespace {

using namespace world;

model::EipAddress record(std::string_view at, std::string_view service_name, std::string uid,
                         std::string eip_name = "lan") {
  model::EipAddress record;
  record.address = address(at);
  record.meta.name.name = model::eip_address_name(record.address);
  record.eip = std::move(eip_name);
  record.services.push_back({.service = name_of(service_name), .uid = std::move(uid)});
  return record;
}

TEST(Waiting, AFreedAddressGoesToTheOldestThatWaits) {
  World world;
  world.put(eip("lan", {"192.0.2.0/32"}));
  std::int64_t age = 1;
  for (const char* const name : {"shop/d", "shop/c", "shop/b", "shop/a"}) {
    auto each = service(name);
    each.meta.created = age++;
    world.put(each);
  }
  world.run();
  EXPECT_EQ(world.told("shop/d"), "192.0.2.0");
  world.take_notices();
  world.drop_service("shop/d");
  world.run();
  EXPECT_EQ(world.told("shop/c"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/b"), "PoolExhausted");
  EXPECT_EQ(world.message("shop/a"), "the only address of Eip lan (192.0.2.0) is in use: shop/c");
  EXPECT_EQ(world.take_notices(),
            (std::vector<std::string>{"shop/d Released 192.0.2.0 of Eip lan: the Service is gone",
                                      "shop/c Assigned 192.0.2.0 from Eip lan"}));
}

TEST(Waiting, OneFreedAddressTriesAFewNotAll) {
  World world;
  world.put(eip("lan", {"192.0.2.0/32"}));
  for (int i = 10'000; i < 12'000; ++i)
    world.put(service("shop/s" + std::to_string(i)));
  world.run();
  world.drop_service("shop/s10000");
  std::size_t steps = 0;
  for (; world.assigner().has_work() || !world.writing.empty(); ++steps) {
    world.step(1);
    while (world.write_one()) {
    }
  }
  EXPECT_EQ(world.told("shop/s10001"), "192.0.2.0");
  EXPECT_LE(steps, 5 + 2 * Assigner::kMostRefreshed);
}

TEST(Waiting, SeveralFreedAddressesFindAsManyServices) {
  World world;
  world.put(eip("lan", {"192.0.2.0/30"}));
  for (int i = 10; i < 20; ++i)
    world.put(service("shop/s" + std::to_string(i)));
  world.run();
  EXPECT_EQ(world.assigner().waiting(), 6U);
  for (int i = 10; i < 13; ++i)
    world.drop_service("shop/s" + std::to_string(i));
  world.run();
  EXPECT_EQ(world.assigner().waiting(), 3U);
  EXPECT_NE(world.told("shop/s16"), "PoolExhausted");
  EXPECT_EQ(world.told("shop/s17"), "PoolExhausted");
}

TEST(Waiting, WhoAskedForAnAddressGetsItWhenItIsFree) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  auto first = service("shop/first");
  ask_address(first, "192.0.2.5");
  auto second = first;
  second.meta.name.name = "second";
  world.put(first);
  world.put(second);
  world.run();
  EXPECT_EQ(world.told("shop/second"), "ShareRefused");
  world.take_notices();
  world.edit("shop/first", [](auto& service) { service.meta.annotations.clear(); });
  world.run();
  EXPECT_EQ(world.told("shop/first"), "192.0.2.5");  // still legal
  EXPECT_EQ(world.told("shop/second"), "AddressInUse");
  world.drop_service("shop/first");
  world.run();
  EXPECT_EQ(world.told("shop/second"), "192.0.2.5");
}

TEST(Waiting, EndsWhenAPoolOrALabelOrAReservationChanges) {
  World world;
  auto lan = eip("lan", {"192.0.2.0/32"});
  lan.namespaces = {"other"};
  world.put(lan);
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "NoPool");
  world.reserve("192.0.2.0");
  lan.namespaces = {"shop"};
  world.put(lan);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "PoolExhausted");
  EXPECT_EQ(world.message("shop/web"),
            "the only address of Eip lan (192.0.2.0) is in use: (reserved)");
  world.unreserve("192.0.2.0");
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

TEST(Waiting, ForAPoolAndForAnAddressAtOnce) {
  World world;
  world.put(eip("lan", {"192.0.2.0/32"}));
  world.put(eip("lan6", {"2001:db8::/128"}));
  auto holder = service("shop/holder");
  holder.meta.created = 1;
  holder.families = {Family::V4, Family::V6};
  holder.family_policy = model::IpFamilyPolicy::RequireDualStack;
  auto both = holder;
  both.meta.name.name = "both";
  both.meta.created = 2;
  auto prefers = holder;
  prefers.meta.name.name = "prefers";
  prefers.meta.created = 3;
  prefers.family_policy = model::IpFamilyPolicy::PreferDualStack;
  for (const auto& each : {holder, both, prefers})
    world.put(each);
  world.run();
  EXPECT_EQ(world.told("shop/both"), "PoolExhausted");
  EXPECT_EQ(world.told("shop/prefers"), "PoolExhausted");
  world.edit("shop/holder", [](auto& service) {
    service.families = {Family::V6};
    service.family_policy = model::IpFamilyPolicy::SingleStack;
  });
  world.run();
  EXPECT_EQ(world.told("shop/both"), "PoolExhausted");
  EXPECT_EQ(world.told("shop/prefers"), "192.0.2.0");
  world.drop_service("shop/prefers");
  world.drop_service("shop/holder");
  world.run();
  EXPECT_EQ(world.told("shop/both"), "192.0.2.0 2001:db8::");
}

TEST(Waiting, FailureIsSaidOnChangeOnly) {
  World world;
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.take_notices(),
            std::vector<std::string>{"shop/web AssignFailed NoPool: there is no Eip"});
  world.edit("shop/web", [](auto& service) { service.meta.labels["a"] = "b"; });
  world.run();
  EXPECT_TRUE(world.take_notices().empty());
  const std::int64_t since = world.assigner().of(name_of("shop/web"))->since;
  world.unix_now += 100;
  auto off = eip("lan", {"192.0.2.0/29"});
  off.disable = true;
  world.put(off);
  world.run();
  EXPECT_EQ(world.take_notices(),
            std::vector<std::string>{"shop/web AssignFailed PoolDisabled: Eip lan is disabled"});
  EXPECT_EQ(world.assigner().of(name_of("shop/web"))->since, since + 100);
}

// Records.

TEST(Records, AnAddressIsRecordedWhenItsLastRecordIsAnswered) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  world.put(service("shop/web"));
  world.sync();
  world.plan();
  EXPECT_FALSE(world.assigner().of(name_of("shop/web"))->addresses.front().recorded);
  static_cast<void>(world.assigner().take_changed_services());
  static_cast<void>(world.assigner().take_changed_addresses());
  EXPECT_TRUE(world.write_one());
  EXPECT_TRUE(world.assigner().of(name_of("shop/web"))->addresses.front().recorded);
  EXPECT_EQ(world.assigner().take_changed_services(), std::set{name_of("shop/web")});
  EXPECT_EQ(world.assigner().take_changed_addresses(), std::set{address("192.0.2.0")});
}

TEST(Records, ReleasesComeBeforeTakings) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  world.put(service("shop/a"));
  world.put(service("shop/b"));
  world.run();
  world.edit("shop/a", [](auto& service) { ask_address(service, "192.0.2.77"); });
  world.edit("shop/b", [](auto& service) { service.is_load_balancer = false; });
  world.plan();
  ASSERT_EQ(world.writing.size(), 3U);
  EXPECT_FALSE(world.writing[0].value);
  EXPECT_FALSE(world.writing[1].value);
  EXPECT_EQ(world.writing[2].address, address("192.0.2.77"));
}

TEST(Records, TwoServicesSwapWithoutTakingFromEachOther) {
  World world;
  world.put(eip("lan", {"192.0.2.0/31"}));
  world.put(service("shop/a"));
  world.put(service("shop/b"));
  world.run();
  world.edit("shop/a", [](auto& service) { ask_address(service, "192.0.2.1"); });
  world.edit("shop/b", [](auto& service) { ask_address(service, "192.0.2.0"); });
  world.plan();
  EXPECT_EQ(world.told("shop/a"), "AddressInUse");
  EXPECT_EQ(world.message("shop/a"), "192.0.2.1 is being released; its record is not yet durable");
  world.run();
  EXPECT_EQ(world.told("shop/a"), "192.0.2.1");
  EXPECT_EQ(world.told("shop/b"), "192.0.2.0");
  for (const std::string& notice : world.take_notices())
    EXPECT_EQ(notice.find("AssignFailed"), std::string::npos) << notice;
}

TEST(Records, APersonReservesAndTakesBack) {
  World world;
  world.put(eip("lan", {"192.0.2.0/31"}));
  world.put(service("shop/web"));
  world.run();
  world.reserve("192.0.2.0");  // in use: the holder wins
  world.reserve("192.0.2.1", {{.service = name_of("shop/api"), .uid = {}}});
  world.put(service("shop/late"));
  world.put(service("shop/api"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/api"), "192.0.2.1");
  EXPECT_EQ(world.told("shop/late"), "PoolExhausted");
  world.drop_service("shop/web");
  world.run();
  EXPECT_EQ(world.told("shop/late"), "PoolExhausted");
  world.unreserve("192.0.2.0");
  world.run();
  EXPECT_EQ(world.told("shop/late"), "192.0.2.0");
}

// Starts.

TEST(Start, NothingIsPlannedBeforeTheWorldIsKnown) {
  World world;
  world.load(record("192.0.2.3", "shop/web", "shop/web"));
  world.put(eip("lan", {"192.0.2.0/24"}));
  world.put(service("shop/api"));
  EXPECT_FALSE(world.assigner().has_work());
  world.step(100);
  EXPECT_TRUE(world.writing.empty());
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.3");
  EXPECT_EQ(world.told("shop/api"), "192.0.2.0");
}

TEST(Start, RecordsOfVanishedServicesAreCollected) {
  World world;
  world.put(eip("lan", {"192.0.2.0/32"}));
  world.load(record("192.0.2.0", "shop/gone", "u1"));
  world.put(service("shop/web"));
  world.sync();
  world.plan();
  EXPECT_EQ(world.told("shop/web"), "PoolExhausted");
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

TEST(Start, RecordsKnowTheirServicesByUidElseByName) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  world.load(record("192.0.2.1", "shop/old-name", "u1"));
  world.load(record("192.0.2.2", "shop/restored", "of-another-cluster"));
  world.load(record("192.0.2.3", "shop/untold", ""));
  auto renamed = service("shop/new-name");
  renamed.meta.uid = "u1";
  world.put(renamed);
  world.put(service("shop/restored"));
  world.put(service("shop/untold"));
  world.run();
  EXPECT_EQ(world.told("shop/new-name"), "192.0.2.1");
  EXPECT_EQ(world.told("shop/restored"), "192.0.2.2");
  EXPECT_EQ(world.told("shop/untold"), "192.0.2.3");
  EXPECT_EQ(world.stored.at(address("192.0.2.1")).services.front().service,
            name_of("shop/new-name"));
  EXPECT_EQ(world.stored.at(address("192.0.2.2")).services.front().uid, "shop/restored");
}

TEST(Start, AUidThatTwoClaimTellsNothing) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  world.load(record("192.0.2.1", "shop/a", "copied"));
  auto a = service("shop/a");
  a.meta.uid = "copied";
  auto b = service("shop/b");
  b.meta.uid = "copied";
  world.put(a);
  world.put(b);
  world.run();
  EXPECT_EQ(world.told("shop/a"), "192.0.2.1");
  EXPECT_EQ(world.told("shop/b"), "192.0.2.0");
}

TEST(Start, WhatAStatusShowsIsRestoredBeforeNewServices) {
  World world;
  auto lan = eip("lan", {"192.0.2.0/24"});
  lan.disable = true;
  world.put(lan);
  world.put(eip("more", {"198.51.100.0/31"}));
  auto shown = service("shop/shown");
  shown.ingress.push_back({.ip = "198.51.100.0", .hostname = {}});
  auto disabled = service("shop/disabled");
  disabled.ingress.push_back({.ip = "192.0.2.9", .hostname = {}});
  auto foreign = service("shop/foreign");
  foreign.ingress.push_back({.ip = "203.0.113.1", .hostname = {}});
  auto other_wish = service("shop/wish");
  other_wish.ingress.push_back({.ip = "192.0.2.10", .hostname = {}});
  ask_address(other_wish, "198.51.100.9");
  auto old = service("shop/old");
  old.meta.created = 1;
  for (const auto& each : {shown, disabled, foreign, other_wish, old})
    world.put(each);
  world.run();
  EXPECT_EQ(world.told("shop/shown"), "198.51.100.0");
  EXPECT_EQ(world.told("shop/disabled"), "192.0.2.9 AssignedOutsidePolicy");
  EXPECT_EQ(world.told("shop/wish"), "AddressNotInPool");
  EXPECT_EQ(world.told("shop/old"), "198.51.100.1");
  EXPECT_EQ(world.told("shop/foreign"), "PoolExhausted");
}

TEST(Start, OfTwoThatShowOneAddressTheOlderHasIt) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  auto young = service("shop/a");
  young.ingress.push_back({.ip = "192.0.2.9", .hostname = {}});
  young.meta.created = 20;
  auto old = young;
  old.meta.name.name = "b";
  old.meta.created = 10;
  world.put(young);
  world.put(old);
  world.run();
  EXPECT_EQ(world.told("shop/b"), "192.0.2.9");
  EXPECT_EQ(world.told("shop/a"), "192.0.2.0");
}

TEST(Start, MovesNothingAndWritesNothing) {
  World world;
  world.put(eip("lan", {"192.0.2.0/29"}));
  for (int i = 10; i < 20; ++i)
    world.put(service("shop/s" + std::to_string(i)));
  world.run();
  world.drop_service("shop/s12");
  world.run();
  const auto stored = world.stored;
  world.take_notices();
  world.restart();
  world.plan();
  EXPECT_TRUE(world.writing.empty());
  EXPECT_EQ(world.stored, stored);
  EXPECT_EQ(world.told("shop/s13"), "192.0.2.3");
  EXPECT_TRUE(world.assigner().of(name_of("shop/s13"))->addresses.front().recorded);
  for (const std::string& notice : world.take_notices())
    EXPECT_EQ(notice.substr(9, 12), "AssignFailed") << notice;
}

TEST(Start, RecordsThatNameOneServiceTwiceLeaveItOneAddress) {
  World world;
  world.put(eip("lan", {"192.0.2.0/29"}));
  world.load(record("192.0.2.2", "shop/web", "shop/web"));
  world.load(record("192.0.2.4", "shop/web", "shop/web"));
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.2");
  EXPECT_EQ(world.stored.size(), 1U);
}

TEST(Changes, TellWhichPoolsAreTouched) {
  World world;
  world.put(eip("lan", {"192.0.2.0/29"}));
  world.put(eip("other", {"198.51.100.0/29"}));
  world.run();
  static_cast<void>(world.assigner().take_changed_eips());
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.assigner().take_changed_eips(), std::set<std::string>{"lan"});
  world.drop_service("shop/web");
  world.run();
  EXPECT_EQ(world.assigner().take_changed_eips(), std::set<std::string>{"lan"});
}

}  // namespace
}  // namespace porter::plan
