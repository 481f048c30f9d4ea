// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "model/reference.hpp"

namespace porter::model {
namespace {

// UPDATE_GOLDEN=1 writes the page instead.
TEST(ConfigurationReference, IsWhatTheTablesSay) {
  const std::string path = PORTER_SOURCE_DIR "/docs/configuration.md";
  const std::string expected = configuration_reference();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe): no other thread
    std::ofstream file{path, std::ios::trunc};
    file << expected;
    ASSERT_TRUE(file.flush()) << path;
  }
  std::ifstream file{path};
  ASSERT_TRUE(file) << path;
  const std::string written{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_EQ(written, expected) << "run again with UPDATE_GOLDEN=1 and commit docs/configuration.md";
}

}  // namespace
}  // namespace porter::model
