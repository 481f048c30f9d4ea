// SPDX-License-Identifier: Apache-2.0
#include "plan/reason.hpp"

#include <set>

#include <gtest/gtest.h>

namespace porter::plan {
namespace {

TEST(Reason, HasAWordAndAMeaningOfItsOwn) {
  std::set<std::string_view> words;
  std::set<std::string_view> meanings;
  for (unsigned i = 0; i <= static_cast<unsigned>(Reason::InvalidObject); ++i) {
    const auto reason = static_cast<Reason>(i);
    EXPECT_TRUE(words.insert(to_string(reason)).second) << to_string(reason);
    EXPECT_TRUE(meanings.insert(meaning(reason)).second) << to_string(reason);
    EXPECT_TRUE(meaning(reason).ends_with('.')) << meaning(reason);
    EXPECT_FALSE(fix(reason).ends_with('.')) << fix(reason);
  }
}

TEST(Reason, OfEveryFailureToAssignHasAFix) {
  for (auto i = static_cast<unsigned>(Reason::NoPool);
       i <= static_cast<unsigned>(Reason::NotClaimed); ++i)
    EXPECT_FALSE(fix(static_cast<Reason>(i)).empty()) << to_string(static_cast<Reason>(i));
  EXPECT_TRUE(fix(Reason::Assigned).empty());
}

}  // namespace
}  // namespace porter::plan
