// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "plan/assign_world.hpp"

// The speaker follows what the controller decided; the controller gives way to who was faster.
namespace porter::plan {
namespace {

using namespace world;

model::EipAddress record(std::string_view at, std::string_view service, std::string uid) {
  model::EipAddress made;
  made.address = address(at);
  made.eip = "lan";
  made.services = {{.service = name_of(service), .uid = std::move(uid)}};
  return made;
}

model::Service shown(std::string_view name, std::string_view at) {
  model::Service made = service(name);
  made.ingress = {{.ip = std::string{at}, .hostname = {}}};
  made.assigned = model::AssignedCondition{
      .is_true = true, .reason = "Assigned", .message = "192.0.2.0 from Eip lan"};
  return made;
}

class Speaker : public ::testing::Test {
 protected:
  Speaker() {
    world.view.identity.role = Role::Speaker;
    world.put(eip("lan", {"192.0.2.0/29"}));
    world.sync();
  }
  void follow(const model::EipAddress& what) {
    world.assigner().record_followed(what.address, &what);
    world.run();
  }
  [[nodiscard]] bool announces(std::string_view name) {
    world.run();
    const Assignment* const assignment = world.assigner().of(name_of(name));
    return assignment != nullptr && assignment->addresses.size() == 1 &&
           assignment->addresses.front().recorded;
  }
  World world;
};

TEST_F(Speaker, BelievesAnAddressThatTheRecordAndTheStatusTell) {
  const model::Service web = shown("shop/web", "192.0.2.0");
  world.put(web);
  EXPECT_FALSE(announces("shop/web"));
  follow(record("192.0.2.0", "shop/web", web.meta.uid));
  EXPECT_TRUE(announces("shop/web"));
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_EQ(world.message("shop/web"), "192.0.2.0 from Eip lan");
  EXPECT_TRUE(world.writing.empty());
}

TEST_F(Speaker, WaitsForTheStatus) {
  const model::Service bare = service("shop/web");
  world.put(bare);
  follow(record("192.0.2.0", "shop/web", bare.meta.uid));
  EXPECT_FALSE(announces("shop/web"));
  model::Service unproved = shown("shop/web", "192.0.2.0");
  unproved.assigned.reset();  // another load balancer's
  world.put(unproved);
  EXPECT_FALSE(announces("shop/web"));
  world.put(shown("shop/web", "192.0.2.0"));
  EXPECT_TRUE(announces("shop/web"));
}

TEST_F(Speaker, DoesNotBelieveTheStatusOfARestoredBackup) {
  const model::Service web = shown("shop/web", "192.0.2.0");
  world.put(web);
  follow(record("192.0.2.0", "shop/web", "another-uid"));
  EXPECT_FALSE(announces("shop/web"));
  follow(record("192.0.2.0", "shop/api", "x"));
  EXPECT_FALSE(announces("shop/web"));
}

TEST_F(Speaker, LetsGoOfWhatTheRecordNoLongerTells) {
  const model::Service web = shown("shop/web", "192.0.2.0");
  world.put(web);
  follow(record("192.0.2.0", "shop/web", web.meta.uid));
  ASSERT_TRUE(announces("shop/web"));
  world.assigner().record_followed(address("192.0.2.0"), nullptr);
  EXPECT_FALSE(announces("shop/web"));
  EXPECT_TRUE(world.assigner().allocator().leases().empty());
}

TEST_F(Speaker, DecidesNothingItself) {
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "NotRecorded");
  world.drop_service("shop/web");
  world.run();
  EXPECT_TRUE(world.writing.empty());
  EXPECT_EQ(world.told("shop/web"), "unknown");
}

class Controller : public ::testing::Test {
 protected:
  Controller() {
    world.view.identity.role = Role::Controller;
    world.put(eip("lan", {"192.0.2.0/30"}));
    world.put(service("shop/web"));
    world.sync();
    world.plan();
  }
  World world;
};

TEST_F(Controller, TakesTheNextAddressWhereSomebodyWasFaster) {
  ASSERT_EQ(world.writing.size(), 1U);
  const Record refused = world.writing.front();
  world.writing.clear();
  world.put(service("shop/api", 81));
  const model::EipAddress theirs =
      record("192.0.2.0", "shop/api", world.view.services.at(name_of("shop/api")).meta.uid);
  world.stored[theirs.address] = theirs;
  world.assigner().record_refused(refused.address, refused.revision, &theirs);
  world.run();
  EXPECT_EQ(world.told("shop/api"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/web"), "192.0.2.1");
}

// What the leader before us had under way arrives after we have read everything and decided anew.
TEST_F(Controller, TakesBackTheSecondAddressOfAServiceThatAnotherControllerRecorded) {
  world.run();
  const std::string& uid = world.view.services.at(name_of("shop/web")).meta.uid;
  const model::EipAddress late = record("192.0.2.3", "shop/web", uid);
  world.stored[late.address] = late;
  world.assigner().record_edited(late.address, &late);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
  EXPECT_EQ(world.stored.size(), 1U);
}

TEST_F(Controller, TakesAReservationForWhatItIs) {
  world.run();
  const model::EipAddress reservation = record("192.0.2.3", "shop/web", "");
  world.stored[reservation.address] = reservation;
  world.assigner().record_edited(reservation.address, &reservation);
  world.run();
  EXPECT_EQ(world.stored.size(), 2U);
}

TEST_F(Controller, LeavesAnAddressAloneWhoseRecordItCannotRead) {
  const Record refused = world.writing.front();
  world.writing.clear();
  world.assigner().record_refused(refused.address, refused.revision, nullptr);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.1");
}

TEST_F(Controller, WritesARecordAgainThatSomebodyDeletedOrEdited) {
  world.run();
  ASSERT_EQ(world.stored.size(), 1U);
  const model::EipAddress ours = world.stored.begin()->second;
  world.assigner().record_edited(ours.address, &ours);  // our own write, seen by the watch
  EXPECT_FALSE(world.assigner().has_work());
  world.stored.clear();
  world.assigner().record_edited(ours.address, nullptr);
  world.run();
  ASSERT_EQ(world.stored.size(), 1U);
  EXPECT_EQ(world.stored.begin()->second.services, ours.services);
  model::EipAddress edited = ours;
  edited.services = {{.service = name_of("shop/thief"), .uid = "t"}};
  world.assigner().record_edited(edited.address, &edited);
  world.run();
  EXPECT_EQ(world.stored.begin()->second.services, ours.services);
  EXPECT_EQ(world.told("shop/web"), "192.0.2.0");
}

}  // namespace
}  // namespace porter::plan
