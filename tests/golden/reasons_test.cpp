// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "plan/reason.hpp"

namespace porter::plan {
namespace {

std::string page() {
  std::string out =
      "# Reasons\n\n"
      "Every reason Porter gives, in conditions, log lines, `porter explain` and metrics, with "
      "what it means and what to do.\n"
      "Generated from `src/plan/reason.cpp`.\n\n"
      "| reason | meaning | what to do |\n|---|---|---|\n";
  for (unsigned number = 0; number <= static_cast<unsigned>(Reason::InvalidObject); ++number) {
    const auto reason = static_cast<Reason>(number);
    const std::string what = fix(reason).empty() ? "-" : std::string{fix(reason)};
    out += "| `" + std::string{to_string(reason)} + "` | " + std::string{meaning(reason)} + " | " +
           what + " |\n";
  }
  return out;
}

// UPDATE_GOLDEN=1 writes the page instead.
TEST(Reasons, AreDocumentedAsTheTableSays) {
  const std::string path = PORTER_SOURCE_DIR "/docs/reasons.md";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {  // NOLINT(concurrency-mt-unsafe): no other thread
    std::ofstream file{path, std::ios::trunc};
    file << page();
    ASSERT_TRUE(file.flush()) << path;
  }
  std::ifstream file{path};
  ASSERT_TRUE(file) << path;
  const std::string written{std::istreambuf_iterator<char>{file}, {}};
  EXPECT_EQ(written, page()) << "run again with UPDATE_GOLDEN=1 and commit docs/reasons.md";
}

}  // namespace
}  // namespace porter::plan
