// SPDX-License-Identifier: Apache-2.0
#include "ipam/pool.hpp"

#include <algorithm>
#include <rapidcheck.h>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter::ipam {
namespace {

Address address(std::string_view text) {
  return *Address::parse(text);
}

model::Eip eip(std::initializer_list<std::string_view> ranges,
               std::initializer_list<std::string_view> exclude = {}) {
  model::Eip eip;
  for (const std::string_view text : ranges)
    eip.addresses.push_back(*Range::parse(text));
  for (const std::string_view text : exclude)
    eip.exclude.push_back(*Range::parse(text));
  return eip;
}

std::string next(Pool& pool, Family family = Family::V4) {
  const auto free = pool.lowest_free(family);
  if (!free) return "none";
  pool.take(*free);
  return to_string(*free);
}

TEST(Pool, GivesTheLowestFreeAddressFirst) {
  Pool pool{eip({"192.0.2.8/30"})};
  EXPECT_EQ(next(pool), "192.0.2.8");
  EXPECT_EQ(next(pool), "192.0.2.9");
  pool.free(address("192.0.2.8"));
  EXPECT_EQ(next(pool), "192.0.2.8");
  EXPECT_EQ(next(pool), "192.0.2.10");
  EXPECT_EQ(next(pool), "192.0.2.11");
  EXPECT_EQ(next(pool), "none");
  EXPECT_TRUE(pool.free_count().is_zero());
}

TEST(Pool, TakesItsRangesInTheOrderOfAddresses) {
  Pool pool{eip({"192.0.2.20-192.0.2.21", "2001:db8::1", "192.0.2.4"})};
  EXPECT_EQ(next(pool), "192.0.2.4");
  EXPECT_EQ(next(pool), "192.0.2.20");
  EXPECT_EQ(next(pool), "192.0.2.21");
  EXPECT_EQ(next(pool), "none");
  EXPECT_EQ(next(pool, Family::V6), "2001:db8::1");
  EXPECT_EQ(next(pool, Family::V6), "none");
}

TEST(Pool, PassesOverWhatIsExcluded) {
  Pool pool{eip({"192.0.2.0/29"}, {"192.0.2.0-192.0.2.2", "192.0.2.4", "192.0.2.7/32"})};
  EXPECT_EQ(to_string(pool.size()), "8");
  EXPECT_EQ(to_string(pool.usable()), "3");
  EXPECT_TRUE(pool.contains(address("192.0.2.4")));
  EXPECT_FALSE(pool.gives(address("192.0.2.4")));
  EXPECT_EQ(next(pool), "192.0.2.3");
  EXPECT_EQ(next(pool), "192.0.2.5");
  EXPECT_EQ(next(pool), "192.0.2.6");
  EXPECT_EQ(next(pool), "none");
}

TEST(Pool, StepsOver0And255WhereKnownIpsAreNotUsed) {
  model::Eip spec = eip({"192.0.2.254-192.0.4.1", "2001:db8::"});
  spec.using_known_ips = false;
  Pool pool{spec};
  EXPECT_EQ(next(pool), "192.0.2.254");
  EXPECT_EQ(next(pool), "192.0.3.1");
  EXPECT_TRUE(pool.skips(address("192.0.3.255")));
  EXPECT_FALSE(pool.gives(address("192.0.3.255")));
  EXPECT_EQ(to_string(pool.usable()), "257");  // 1 + 254 + 1, and one of IPv6
  EXPECT_EQ(next(pool, Family::V6), "2001:db8::");
}

TEST(Pool, TellsHowManyAreUsableWhere0And255AreSteppedOver) {
  model::Eip spec = eip({"0.0.0.0/0"});
  spec.using_known_ips = false;
  EXPECT_EQ(to_string(Pool{spec}.usable()), "4261412864");  // 2^32 - 2 * 2^24
}

TEST(Pool, OfEveryAddressThereIsCostsNothing) {
  Pool pool{eip({"::/0", "0.0.0.0/0"})};
  EXPECT_EQ(next(pool, Family::V6), "::");
  EXPECT_EQ(next(pool, Family::V6), "::1");
  EXPECT_EQ(next(pool), "0.0.0.0");
  pool.take(address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  pool.take(address("255.255.255.255"));
  EXPECT_EQ(to_string(pool.free_count()), "340282366920938463463374607436063178747");
  pool.free(address("255.255.255.255"));
  pool.free(address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
  EXPECT_EQ(next(pool, Family::V6), "::2");
}

TEST(Pool, ThatExcludesEverythingGivesNothing) {
  Pool pool{eip({"192.0.2.0/30", "2001:db8::/120"}, {"0.0.0.0/0", "::/0"})};
  EXPECT_EQ(next(pool), "none");
  EXPECT_EQ(next(pool, Family::V6), "none");
  EXPECT_TRUE(pool.usable().is_zero());
}

TEST(Pool, TakesAndFreesTwiceWithoutHarm) {
  Pool pool{eip({"192.0.2.0/30"})};
  pool.take(address("192.0.2.1"));
  pool.take(address("192.0.2.1"));
  pool.take(address("198.51.100.1"));
  EXPECT_EQ(to_string(pool.free_count()), "3");
  pool.free(address("192.0.2.1"));
  pool.free(address("192.0.2.1"));
  pool.free(address("198.51.100.1"));
  EXPECT_EQ(to_string(pool.free_count()), "4");
}

// A pool over a few small, overlapping ranges against a set of addresses.
RC_GTEST_PROP(Pool, AgreesWithASetOfAddresses, ()) {
  const auto range = [] {
    const auto first = *rc::gen::inRange<std::uint32_t>(0, 600);
    const auto span = *rc::gen::inRange<std::uint32_t>(0, 300);
    return *Range::make(Address::v4(0xC0000200U + first), Address::v4(0xC0000200U + first + span));
  };
  model::Eip spec;
  spec.using_known_ips = *rc::gen::arbitrary<bool>();
  for (int count = *rc::gen::inRange(1, 4); count > 0; --count)
    spec.addresses.push_back(range());
  for (int count = *rc::gen::inRange(0, 4); count > 0; --count)
    spec.exclude.push_back(range());
  Pool pool{spec};

  std::set<Address> given;
  bool agrees = true;
  for (std::uint32_t bits = 0xC0000200U; bits < 0xC0000200U + 1'000; ++bits) {
    const Address each = Address::v4(bits);
    const bool excluded = std::any_of(spec.exclude.begin(), spec.exclude.end(),
                                      [&](const Range& hole) { return hole.contains(each); });
    const bool known = !spec.using_known_ips && ((bits & 0xFFU) == 0 || (bits & 0xFFU) == 0xFFU);
    if (spec.contains(each) && !excluded && !known) given.insert(each);
    agrees = agrees && pool.gives(each) == given.contains(each) &&
             pool.contains(each) == spec.contains(each);
  }
  RC_ASSERT(agrees);
  RC_ASSERT(to_string(pool.usable()) == std::to_string(given.size()));

  std::set<Address> free = given;
  for (int turn = *rc::gen::inRange(0, 100); turn > 0; --turn) {
    RC_ASSERT(pool.lowest_free(Family::V4) ==
              (free.empty() ? std::nullopt : std::optional{*free.begin()}));
    const Address any = Address::v4(0xC0000200U + *rc::gen::inRange<std::uint32_t>(0, 1'000));
    // Now and then a whole stretch is taken, so that runs meet.
    for (std::uint32_t i = 0; turn % 16 == 0 && i < 100 && !free.empty(); ++i) {
      pool.take(*free.begin());
      free.erase(free.begin());
    }
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        pool.free(any);
        if (given.contains(any)) free.insert(any);
        break;
      case 1:
        pool.take(any);
        free.erase(any);
        break;
      default:
        if (free.empty()) break;
        pool.take(*free.begin());
        free.erase(free.begin());
    }
    RC_ASSERT(to_string(pool.free_count()) == std::to_string(free.size()));
  }
}

}  // namespace
}  // namespace porter::ipam
