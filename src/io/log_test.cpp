// SPDX-License-Identifier: Apache-2.0
#include "io/log.hpp"

#include <string>

#include <gtest/gtest.h>

namespace porter::log {
namespace {

TEST(Log, WritesOneLineOfKeysAndValues) {
  const std::string name = "tor a";
  EXPECT_EQ(
      format(
          "peer", "Established",
          {{"peer", name}, {"as", 65000U}, {"med", -1}, {"up", true}, {"load", 0.5}, {"why", ""}}),
      "peer: Established peer=\"tor a\" as=65000 med=-1 up=true load=0.5 why=\"\"");
}

TEST(Log, NoInputBeginsASecondLine) {
  EXPECT_EQ(format("x", "a\nb", {{"k", "c\r\nd=\"e\\"}}),
            "x: a\\x0ab k=\"c\\x0d\\x0ad=\\\"e\\\\\"");
}

TEST(Log, WritesNothingWithoutAnOutputAndNothingBelowItsLevel) {
  EXPECT_FALSE(is_on(Level::Error));
  Output output{Level::Warn};
  EXPECT_TRUE(is_on(Level::Error));
  EXPECT_TRUE(is_on(Level::Warn));
  EXPECT_FALSE(is_on(Level::Info));
  output.set_level(Level::Debug);
  EXPECT_TRUE(is_on(Level::Debug));
}

TEST(Log, LinesGoToStderrWithTimeAndLevel) {
  testing::internal::CaptureStderr();
  {
    const Output output{Level::Info};
    info("peer", "Established", {{"peer", "tor-a"}});
    debug("peer", "not this one");
  }
  const std::string text = testing::internal::GetCapturedStderr();
  ASSERT_GT(text.size(), 25U);
  EXPECT_EQ(text.substr(4, 1), "-");
  EXPECT_EQ(text.substr(23), "Z info  peer: Established peer=tor-a\n");
}

TEST(Log, LevelsHaveNames) {
  EXPECT_EQ(level_named("warn"), Level::Warn);
  EXPECT_EQ(to_string(Level::Debug), "debug");
  EXPECT_FALSE(level_named("loud"));
}

}  // namespace
}  // namespace porter::log
