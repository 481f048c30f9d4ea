// SPDX-License-Identifier: Apache-2.0
#include "bgp/path_list.hpp"

#include <gtest/gtest.h>

namespace porter::bgp {
namespace {

std::vector<Path> paths(PathId first, PathId last) {
  std::vector<Path> made;
  for (PathId id = first; id <= last; ++id)
    made.push_back({.id = id, .next_hop = Address::v4(0xc0000200U + id), .attributes = {}});
  return made;
}

TEST(PathListTest, ListsWithTheSamePathsAreOneListOnceTheyAreShared) {
  PathLists lists;
  const PathList some = lists.shared(paths(1, 200));
  const PathList alike = paths(1, 200);
  EXPECT_EQ(some, alike);
  EXPECT_NE(some.begin(), alike.begin());
  EXPECT_EQ(some.begin(), lists.shared(alike).begin());
  EXPECT_NE(some, lists.shared(paths(1, 199)));
  EXPECT_LT(lists.shared(paths(1, 199)), some);
}

TEST(PathListTest, NoPathsAreAList) {
  PathLists lists;
  const PathList none = lists.shared(std::vector<Path>{});
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none, PathList{});
  EXPECT_EQ(none.begin(), none.end());
  EXPECT_EQ(lists.size(), 0U);
}

TEST(PathListTest, ListsThatNobodyHasAreLetGoOf) {
  PathLists lists;
  const PathList kept = lists.shared(paths(1, 2));
  for (PathId id = 1; id <= 10'000; ++id)
    static_cast<void>(lists.shared(paths(id, id)));
  EXPECT_LT(lists.size(), 200U);
  EXPECT_EQ(kept.begin(), lists.shared(paths(1, 2)).begin());
}

}  // namespace
}  // namespace porter::bgp
