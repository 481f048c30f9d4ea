// SPDX-License-Identifier: Apache-2.0
#include "ipam/count.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace porter::ipam {
namespace {

Count of(std::string_view range) {
  return Count::of(*Range::parse(range));
}

TEST(Count, IsExactAtEverySize) {
  EXPECT_EQ(to_string(Count{}), "0");
  EXPECT_EQ(to_string(of("192.0.2.1")), "1");
  EXPECT_EQ(to_string(of("0.0.0.0/0")), "4294967296");
  EXPECT_EQ(to_string(of("2001:db8::/64")), "18446744073709551616");
  EXPECT_EQ(to_string(of("::/0")), "340282366920938463463374607431768211456");
}

TEST(Count, AddsBeyond128BitsAndTakesAwayAgain) {
  Count count = of("::/0");
  count += of("0.0.0.0/0");
  EXPECT_EQ(to_string(count), "340282366920938463463374607436063178752");
  count -= of("::/0");
  EXPECT_EQ(to_string(count), "4294967296");
  count -= of("::/0");
  EXPECT_TRUE(count.is_zero());
}

TEST(Count, KeepsTheZerosInsideANumber) {
  EXPECT_EQ(to_string(Count{10'000'000'000'000'000'000U}), "10000000000000000000");
  EXPECT_EQ(to_string(Count{Uint128{10'000'000'000'000'000'000U} * 10 + 7}),
            "100000000000000000007");
}

TEST(Count, IsClampedForFieldsOf63Bits) {
  EXPECT_EQ(of("192.0.2.0/24").clamped(), 256);
  EXPECT_EQ(of("2001:db8::/65").clamped(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(of("::/0").clamped(), std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace porter::ipam
