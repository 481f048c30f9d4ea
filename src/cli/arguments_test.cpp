// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace porter::cli {
namespace {

template <class Options>
Options parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "porter");
  const Arguments arguments = parse_arguments(static_cast<int>(words.size()), words.data());
  const auto* const options = std::get_if<Options>(&arguments);
  EXPECT_NE(options, nullptr) << words[1];
  return options == nullptr ? Options{} : *options;
}

TEST(Arguments, TheSpeakerTakesTheFlagsOfOpenElbs) {
  const auto none = parsed<SpeakerOptions>({"speaker", "--node", "n1"});
  EXPECT_FALSE(none.enable_layer2.has_value());
  EXPECT_FALSE(none.enable_keepalived_vip.has_value());
  const auto off = parsed<SpeakerOptions>(
      {"speaker", "--node=n1", "--enable-keepalived-vip=false", "--enable-layer2=false"});
  EXPECT_EQ(off.enable_layer2, std::optional{false});
  EXPECT_EQ(off.enable_keepalived_vip, std::optional{false});
  const auto on = parsed<SpeakerOptions>(
      {"speaker", "--node=n1", "--enable-layer2", "--enable-keepalived-vip=true"});
  EXPECT_EQ(on.enable_layer2, std::optional{true});
  EXPECT_EQ(on.enable_keepalived_vip, std::optional{true});
}

TEST(Arguments, MetricsAreServedNowhereUntilToldWhere) {
  EXPECT_EQ(parsed<SpeakerOptions>({"speaker", "--node", "n1"}).metrics_listen, "");
  EXPECT_EQ(parsed<ControllerOptions>({"controller"}).metrics_listen, "");
  EXPECT_EQ(parsed<ControllerOptions>({"controller", "--metrics-listen=:7471"}).metrics_listen,
            ":7471");
  EXPECT_EQ(
      parsed<RunOptions>({"run", "--manifests=m", "--metrics-listen=[::1]:7471"}).metrics_listen,
      "[::1]:7471");
}

}  // namespace
}  // namespace porter::cli
