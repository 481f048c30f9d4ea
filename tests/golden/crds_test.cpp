// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "model/crd.hpp"

namespace porter::model {
namespace {

const std::filesystem::path kFolder{PORTER_SOURCE_DIR "/deploy/crds"};

// UPDATE_GOLDEN=1 writes the files instead.
TEST(Crds, AreWhatTheTablesSay) {
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  std::set<std::string> expected;
  for (const Crd& crd : crds()) {
    const std::filesystem::path path = kFolder / crd.file;
    expected.insert(crd.file);
    if (update) {
      std::filesystem::create_directories(kFolder);
      std::ofstream file{path, std::ios::trunc};
      file << crd.yaml;
      ASSERT_TRUE(file.flush()) << path;
    }
    std::ifstream file{path};
    ASSERT_TRUE(file) << path;
    const std::string written{std::istreambuf_iterator<char>{file}, {}};
    EXPECT_EQ(written, crd.yaml) << "run again with UPDATE_GOLDEN=1 and commit " << path;
  }
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator{kFolder})
    found.insert(entry.path().filename().string());
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace porter::model
