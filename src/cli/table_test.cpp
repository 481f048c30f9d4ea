// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/arguments.hpp"
#include "cli/render.hpp"

namespace porter::cli {
namespace {

TEST(Table, AlignsColumnsByWhatIsSeenAndCutsTrailingBlanks) {
  Table table{{"NAME", "STATE"}};
  table.add({{"tor"}, {"Established"}});
  table.add({{"länger"}, {""}});
  EXPECT_EQ(table.print(Colour::Never), "NAME    STATE\ntor     Established\nlänger  -\n");
}

TEST(Table, IsRedOnlyOnATerminal) {
  Table table{{"STATE"}};
  table.add({{"Idle", true}});
  EXPECT_EQ(table.print(Colour::Never), "STATE\nIdle\n");
  EXPECT_EQ(table.print(Colour::Always), "STATE\n\x1b[31mIdle\x1b[0m\n");
}

TEST(Age, IsWrittenAsKubectlDoes) {
  EXPECT_EQ(age(0), "0s");
  EXPECT_EQ(age(119), "119s");
  EXPECT_EQ(age(125), "2m5s");
  EXPECT_EQ(age(3600), "60m");
  EXPECT_EQ(age(7200 + 12 * 60), "2h12m");
  EXPECT_EQ(age(3 * 86400 + 4 * 3600), "3d4h");
  EXPECT_EQ(age(-5), "0s");
}

TEST(Render, TakesAnAnswerWithoutAnyField) {
  EXPECT_NE(render_status(Tree::map(), Colour::Never), "");
  EXPECT_NE(render_peers(Tree::map(), Colour::Never), "");
  EXPECT_NE(render_peer(Tree::map(), Colour::Never), "");
  EXPECT_NE(render_routes(Tree::map(), Colour::Never), "");
  EXPECT_NE(render_received(Tree::map(), Colour::Never), "");
  EXPECT_NE(render_pools(Tree::map(), Colour::Never), "");
}

Arguments parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "porter");
  return parse_arguments(static_cast<int>(words.size()), words.data());
}

TEST(Arguments, AskForWhatTheVerbSays) {
  const auto peers =
      std::get<QueryOptions>(parsed({"peers", "tor", "-o", "json", "--socket", "/s"}));
  EXPECT_EQ(peers.verb, QueryOptions::Verb::Peers);
  EXPECT_EQ(peers.peer, "tor");
  EXPECT_EQ(peers.output, Output::Json);
  const auto received = std::get<QueryOptions>(parsed({"routes", "--received", "192.0.2.0/24"}));
  EXPECT_EQ(received.verb, QueryOptions::Verb::Received);
  EXPECT_EQ(received.prefix, "192.0.2.0/24");
  const auto explain = std::get<QueryOptions>(parsed({"explain", "service", "shop/web"}));
  EXPECT_EQ(explain.service, "shop/web");
  const auto run = std::get<RunOptions>(parsed({"run", "--manifests", "m", "--node", "n1"}));
  EXPECT_EQ(run.manifests, "m");
  EXPECT_EQ(run.node, "n1");
}

TEST(Arguments, RefuseWhatMakesNoSenseWithStatusTwo) {
  EXPECT_EQ(std::get<Said>(parsed({"run"})).status, kUsage);
  EXPECT_EQ(std::get<Said>(parsed({"nonsense"})).status, kUsage);
  EXPECT_EQ(std::get<Said>(parsed({"routes", "192.0.2.0/24"})).status, kUsage);
  EXPECT_EQ(std::get<Said>(parsed({"peers", "-o", "xml"})).status, kUsage);
}

}  // namespace
}  // namespace porter::cli
