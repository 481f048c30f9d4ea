// SPDX-License-Identifier: Apache-2.0
#include "plan/path_id.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using test::address;

TEST(PathIdsTest, AnIpv4NextHopIsItsOwnNumberAndNeedsNoMemory) {
  PathIds ids;
  const PathIds::Given given = ids.give(address("172.30.0.11"));
  EXPECT_EQ(given.id, 0xac1e000bU);
  EXPECT_FALSE(given.is_new);
  EXPECT_EQ(ids.size(), 0U);
}

TEST(PathIdsTest, AnIpv6NextHopIsNewOnceAndKeepsItsIdentifier) {
  PathIds ids;
  EXPECT_EQ(ids.find(address("fd00:30::11")), std::nullopt);
  const PathIds::Given first = ids.give(address("fd00:30::11"));
  EXPECT_TRUE(first.is_new);
  EXPECT_FALSE(ids.give(address("fd00:30::11")).is_new);
  EXPECT_EQ(ids.find(address("fd00:30::11")), first.id);
}

TEST(PathIdsTest, OfTwoThatCollideTheLaterTakesTheNextNumber) {
  const bgp::PathId wanted = PathIds{}.give(address("fd00:30::11")).id;
  PathIds ids;
  ids.load(address("fd00:30::99"), wanted);
  const PathIds::Given given = ids.give(address("fd00:30::11"));
  EXPECT_EQ(given.id, wanted + 1);
  EXPECT_TRUE(given.is_new);
}

TEST(PathIdsTest, WhatWasRememberedIsKeptWhicheverComesFirst) {
  const bgp::PathId wanted = PathIds{}.give(address("fd00:30::11")).id;
  PathIds ids;
  ids.load(address("fd00:30::11"), wanted + 1);
  ids.load(address("fd00:30::99"), wanted);
  EXPECT_EQ(ids.find(address("fd00:30::11")), wanted + 1);
  EXPECT_FALSE(ids.give(address("fd00:30::11")).is_new);
}

TEST(PathIdsTest, AMemoryThatContradictsItselfIsPassedOver) {
  PathIds ids;
  ids.load(address("fd00:30::11"), 7);
  ids.load(address("fd00:30::12"), 7);
  ids.load(address("fd00:30::11"), 8);
  EXPECT_EQ(ids.find(address("fd00:30::11")), 7U);
  EXPECT_EQ(ids.find(address("fd00:30::12")), std::nullopt);
}

TEST(PathIdsTest, BeyondTheLimitOnlyThoseInUseAreKept) {
  PathIds ids;
  for (std::uint32_t i = 0; i <= PathIds::kMax; ++i)
    (void)ids.give(Address::from_number(Family::V6, (Uint128{0xfd00} << 112U) + i));
  const Address used = Address::from_number(Family::V6, (Uint128{0xfd00} << 112U) + 5);
  const auto id = ids.find(used);
  ids.trim({used});
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(ids.find(used), id);
}

RC_GTEST_PROP(PathIdsTest, NoTwoNextHopsShareAnIdentifier, ()) {
  PathIds ids;
  std::map<bgp::PathId, Address> seen;
  for (const auto low :
       *rc::gen::container<std::vector<std::uint16_t>>(rc::gen::arbitrary<std::uint16_t>())) {
    const Address next_hop = Address::from_number(Family::V6, (Uint128{0xfd00} << 112U) + low);
    const auto [known, is_first] = seen.emplace(ids.give(next_hop).id, next_hop);
    RC_ASSERT(known->second == next_hop);
  }
}

}  // namespace
}  // namespace porter::plan
