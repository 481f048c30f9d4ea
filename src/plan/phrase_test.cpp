// SPDX-License-Identifier: Apache-2.0
#include "plan/phrase.hpp"

#include <gtest/gtest.h>

namespace porter::plan {
namespace {

TEST(PhraseTest, ListsNameAFewAndCountTheRest) {
  EXPECT_EQ(listed(std::vector<std::string>{}), "");
  EXPECT_EQ(listed(std::vector<std::string>{"n1", "n2"}, 2), "n1, n2");
  EXPECT_EQ(listed(std::vector<std::string>{"n1", "n2", "n3", "n4"}, 2), "n1, n2 and 2 more");
  EXPECT_EQ(listed(std::set<std::string>{"b", "a"}), "a, b");
}

TEST(PhraseTest, CountsHaveTheirPlural) {
  EXPECT_EQ(count_of(0, "path"), "0 paths");
  EXPECT_EQ(count_of(1, "path"), "1 path");
  EXPECT_EQ(count_of(2, "path"), "2 paths");
  EXPECT_EQ(count_of(2, "prefix"), "2 prefixes");
  EXPECT_EQ(count_of(2, "address"), "2 addresses");
}

TEST(PhraseTest, SpansGetCoarserAsTheyGrow) {
  EXPECT_EQ(span_of(-5), "0 s");
  EXPECT_EQ(span_of(59), "59 s");
  EXPECT_EQ(span_of(60), "1 minute");
  EXPECT_EQ(span_of(14 * 60 + 3), "14 minutes");
  EXPECT_EQ(span_of(5 * 3600 + 12 * 60), "5h12m");
  EXPECT_EQ(span_of(3 * 86'400 + 4 * 3'600), "3d4h");
}

TEST(PhraseTest, WithoutAClockTimesAreDatesAndUnknownOnesNothing) {
  EXPECT_EQ(since_words(100, 112), "since 12 s");
  EXPECT_EQ(since_words(100, 0), "since 1970-01-01T00:01:40Z");
  EXPECT_EQ(since_words(0, 112), "");
  EXPECT_EQ(ago_words(100, 112), "12 s ago");
  EXPECT_EQ(ago_words(100, 0), "at 1970-01-01T00:01:40Z");
  EXPECT_EQ(ago_words(0, 0), "");
}

}  // namespace
}  // namespace porter::plan
