// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "plan/assign_world.hpp"

// What a start from a source that could not tell all takes away: nothing (api.md 11).
namespace porter::plan {
namespace {

using namespace world;

// A restart while a file of the source is broken.
class PartialSource : public ::testing::Test {
 protected:
  PartialSource() {
    world.put(eip("lan", {"192.0.2.0/31"}));
    auto dmz = eip("dmz", {"198.51.100.0/31"});
    dmz.auto_assign = false;
    world.put(dmz);
    world.put(service("shop/a"));
    auto b = service("shop/b", 81);
    ask_pool(b, "dmz");
    world.put(b);
    world.run();
    EXPECT_EQ(world.told("shop/a") + " " + world.told("shop/b"), "192.0.2.0 198.51.100.0");
    world.view.services.erase(name_of("shop/a"));
    world.view.eips.erase("dmz");
    world.view.whole = false;
    world.restart();
    world.run();
  }
  void mend() {
    world.view.whole = true;
    world.assigner().source_whole();
    world.run();
  }
  World world;
};

TEST_F(PartialSource, ReleasesNothingOfWhatItDidNotTell) {
  EXPECT_EQ(world.stored.size(), 2U);
  EXPECT_EQ(world.told("shop/b"), "198.51.100.0 AssignedOutsidePolicy");
  auto c = service("shop/c");
  ask_address(c, "192.0.2.0");
  world.put(c);
  world.run();
  EXPECT_EQ(world.told("shop/c"), "AddressInUse");
  EXPECT_EQ(world.message("shop/c"),
            "192.0.2.0 is held by shop/a, which may be in a file that cannot be read");
  mend();
  EXPECT_EQ(world.told("shop/c"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/b"), "PoolNotFound");
  EXPECT_EQ(world.stored.size(), 1U);
}

TEST_F(PartialSource, GivesTheAddressBackToAServiceThatIsToldLater) {
  world.put(service("shop/a"));
  mend();
  EXPECT_EQ(world.told("shop/a"), "192.0.2.0");
}

TEST_F(PartialSource, StillReleasesWhatIsDeletedMeanwhile) {
  world.put(service("shop/a"));
  world.run();
  world.drop_service("shop/a");
  world.run();
  EXPECT_EQ(world.stored.size(), 1U);
}

}  // namespace
}  // namespace porter::plan
