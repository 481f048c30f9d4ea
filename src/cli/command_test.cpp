// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/arguments.hpp"

namespace porter::cli {
namespace {

// What the parser prints for `words`, the program's name first.
std::string printed(const std::vector<const char*>& words) {
  ::testing::internal::CaptureStdout();
  const Arguments parsed = parse_arguments(static_cast<int>(words.size()), words.data());
  std::string text = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(std::get<Said>(parsed).status, kGood);
  return text;
}

std::string completed(std::vector<const char*> words) {
  words.insert(words.begin(), {"porter", "__complete"});
  return printed(words);
}

TEST(Completion, OffersCommandsAndSaysWhatTheyAre) {
  const std::string all = completed({""});
  EXPECT_NE(all.find("status\tHow things stand"), std::string::npos) << all;
  EXPECT_NE(all.find("uninstall\t"), std::string::npos);
  EXPECT_TRUE(all.ends_with("\n:4\n"));
  EXPECT_EQ(completed({"stat"}), "status\tHow things stand, in ten lines\n:4\n");
  EXPECT_EQ(completed({"explain", ""}).find("service\t"), 0U);
}

TEST(Completion, OffersFlagsWhereOneIsBegun) {
  EXPECT_EQ(completed({"run", "--metrics-p"}),
            "--metrics-per-service\tOne series per Service in /metrics\n:4\n");
  EXPECT_EQ(completed({"status", "--node"}), ":4\n");
  EXPECT_EQ(completed({"run", "--node", "n1", "--no"}).find("--node\t"), 0U);
}

TEST(Completion, OffersValues) {
  EXPECT_EQ(completed({"peers", "-o", ""}), "text\njson\nyaml\n:4\n");
  EXPECT_EQ(completed({"run", "--log-level", "w"}), "warn\n:4\n");
  EXPECT_EQ(completed({"migrate", "m"}), "metallb\n:4\n");
  EXPECT_EQ(completed({"completion", ""}), "bash\nzsh\nfish\n:4\n");
}

TEST(Completion, LeavesFilesToTheShell) {
  EXPECT_EQ(completed({"validate", ""}), ":0\n");
  EXPECT_EQ(completed({"validate", "a.yaml", "b"}), ":0\n");
  EXPECT_EQ(completed({"migrate", "metallb", ""}), ":0\n");
  EXPECT_EQ(completed({"run", "--manifests", ""}), ":0\n");
}

TEST(Completion, IsWhatKubectlAsksOfItsPlugin) {
  EXPECT_EQ(printed({"/usr/bin/kubectl_complete-porter", "pool"}),
            "pools\tThe pools of addresses and how full they are\n:4\n");
}

TEST(Completion, ScriptsAreThereForTheShellsItOffers) {
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_NE(completion_script(shell).find("__complete"), std::string::npos) << shell;
  EXPECT_EQ(completion_script("csh"), "");
}

TEST(ManualPage, HasEveryCommandFlagAndVariable) {
  const std::string page = printed({"porter", "man"});
  EXPECT_EQ(page.find(".TH PORTER 8"), 0U);
  for (const char* word :
       {".SS porter explain service NS/NAME", ".SS porter uninstall", "\\-\\-webhook\\-listen",
        "PORTER_CLAIM_UNCLASSED", "One of error, warn, info, debug.", "Default: info."})
    EXPECT_NE(page.find(word), std::string::npos) << word;
}

}  // namespace
}  // namespace porter::cli
