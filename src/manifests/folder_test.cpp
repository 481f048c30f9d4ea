// SPDX-License-Identifier: Apache-2.0
#include "manifests/folder.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "manifests/load.hpp"
#include "manifests/test_bench.hpp"

namespace porter::manifests {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

std::string service(std::string_view name, int port) {
  return fmt::format(
      "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {}, namespace: shop}}\n"
      "spec: {{type: LoadBalancer, ports: [{{port: {}}}]}}\n",
      name, port);
}

// A Folder on a real directory, and what the engine would have from it.
struct Follower {
  explicit Follower(const fs::path& path)
      : folder{bench.context.get_executor(), bench.tasks, path.string(),
               [this](plan::Fact fact) { take(std::move(fact)); }} {}
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() { bench.stop(); }

  void take(plan::Fact fact) {
    if (auto* const seen = std::get_if<plan::ObjectSeen>(&fact)) {
      story += fmt::format("{}{} ", seen->object ? "+" : "-", seen->key.name.name);
      if (seen->object) {
        objects[seen->key.name.name] = std::get<model::Service>(*seen->object).ports.front().port;
      } else {
        objects.erase(seen->key.name.name);
      }
    } else if (const auto* const whole = std::get_if<plan::SourceWhole>(&fact)) {
      story += whole->is_whole ? "whole " : "partial ";
    } else if (std::holds_alternative<plan::Synced>(fact)) {
      story += "synced ";
      synced = true;
    } else if (auto* const problem = std::get_if<plan::ProblemsSeen>(&fact)) {
      problems[problem->key.name.name] = problem->problems.size();
    }
  }
  [[nodiscard]] std::string in_force() const {
    std::string text;
    for (const auto& [name, port] : objects)
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", name, port);
    return text;
  }
  [[nodiscard]] bool comes_to(const std::string& wanted) {
    const bool came = bench.run_until([&] { return synced && in_force() == wanted; });
    EXPECT_EQ(in_force(), wanted);
    return came;
  }

  std::string story;
  std::map<std::string, int> objects;
  std::map<std::string, std::size_t> problems;
  bool synced = false;
  Bench bench;
  Folder folder;
};

TEST(Folder, TellsAllInPathOrderThenSynced) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "b/deeper");
  put(folder / "c.json",
      R"({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "c", "namespace": "shop"},
    "spec": {"ports": [{"port": 3}]}})");
  put(folder / "b/deeper/x.yml", service("b", 2));
  put(folder / "a.yaml", service("a1", 1) + service("a2", 1));
  put(folder / ".hidden.yaml", service("hidden", 9));
  put(folder / "a.yaml~", service("backup", 9));
  put(folder / "#a.yaml", service("backup", 9));
  put(folder / "notes.txt", service("text", 9));
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("a1:1 a2:1 b:2 c:3"));
  EXPECT_EQ(follower.story, "+a1 +a2 +b +c synced ");
  EXPECT_EQ(follower.folder.counters().files, 3U);
  EXPECT_EQ(follower.folder.counters().objects, 4U);
}

// What it says may exist, so that nobody releases it.
TEST(Folder, SaysBeforeSyncedThatAFileCouldNotBeRead) {
  const TemporaryFolder folder;
  put(folder / "a.yaml", service("a", 1));
  put(folder / "b.yaml", "kind: Service\n  metadata: [\n");
  put(folder / "c.yaml", "");
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("a:1"));
  EXPECT_EQ(follower.story, "+a partial synced ");
  put(folder / "b.yaml", service("b", 1));
  EXPECT_TRUE(follower.comes_to("a:1 b:1"));
  EXPECT_EQ(follower.story.find("whole"), std::string::npos) << follower.story;
  fs::remove(folder / "c.yaml");
  EXPECT_TRUE(
      follower.bench.run_until([&] { return follower.story == "+a partial synced +b whole "; }));
}

TEST(Folder, FollowsEditsRenamesAndDeletions) {
  const TemporaryFolder folder;
  put(folder / "a.yaml", service("a", 1));
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("a:1"));
  put(folder / "a.yaml", service("a", 2));  // truncate and write
  EXPECT_TRUE(follower.comes_to("a:2"));
  put(folder / ".a.tmp", service("a", 3));  // an editor's save
  fs::rename(folder / ".a.tmp", folder / "a.yaml");
  EXPECT_TRUE(follower.comes_to("a:3"));
  put(folder / "b.yaml", service("b", 1));
  EXPECT_TRUE(follower.comes_to("a:3 b:1"));
  fs::remove(folder / "b.yaml");
  EXPECT_TRUE(follower.comes_to("a:3"));
  follower.story.clear();
  fs::remove(folder / "a.yaml");  // git checkout
  put(folder / "a.yaml", service("a", 3));
  fs::rename(folder / "a.yaml", folder / "z.yaml");
  follower.bench.run_for(milliseconds{200});
  EXPECT_EQ(follower.story.find('-'), std::string::npos) << follower.story;
  EXPECT_EQ(follower.in_force(), "a:3");
}

TEST(Folder, FollowsSubfoldersAsTheyComeMoveAndGo) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to(""));
  fs::create_directory(folder / "sub");
  put(folder / "sub/a.yaml", service("a", 1));
  EXPECT_TRUE(follower.comes_to("a:1"));
  put(folder / "sub/a.yaml", service("a", 2));
  EXPECT_TRUE(follower.comes_to("a:2"));
  fs::create_directories(elsewhere / "x/y");
  put(elsewhere / "x/y/b.yaml", service("b", 1));
  fs::rename(elsewhere / "x", folder / "x");
  EXPECT_TRUE(follower.comes_to("a:2 b:1"));
  fs::rename(folder / "x", folder / "renamed");
  put(folder / "renamed/y/b.yaml", service("b", 2));
  EXPECT_TRUE(follower.comes_to("a:2 b:2"));
  fs::rename(folder / "renamed", elsewhere / "x");
  EXPECT_TRUE(follower.comes_to("a:2"));
  fs::remove_all(folder / "sub");
  EXPECT_TRUE(follower.comes_to(""));
}

TEST(Folder, FollowsAConfigMapVolume) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "..1");
  put(folder / "..1/a.yaml", service("a", 1) + service("old", 1));
  fs::create_symlink("..1", folder / "..data");
  fs::create_symlink("..data/a.yaml", folder / "a.yaml");
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("a:1 old:1"));
  fs::create_directory(folder / "..2");
  put(folder / "..2/a.yaml", service("a", 2));
  fs::create_symlink("..2", folder / "..data_tmp");
  fs::rename(folder / "..data_tmp", folder / "..data");
  fs::remove_all(folder / "..1");
  EXPECT_TRUE(follower.comes_to("a:2"));
}

TEST(Folder, WaitsForAFolderThatIsNotThereAndDeletesNothingWhenItGoes) {
  const TemporaryFolder parent;
  const fs::path path = parent / "manifests";
  Follower follower{path};
  follower.folder.start();
  EXPECT_TRUE(follower.bench.run_until([&] { return follower.folder.trouble().has_value(); }));
  EXPECT_FALSE(follower.synced);
  fs::create_directory(path);
  put(path / "a.yaml", service("a", 1));
  EXPECT_TRUE(follower.comes_to("a:1"));
  EXPECT_FALSE(follower.folder.trouble());
  fs::remove_all(path);
  follower.bench.run_for(milliseconds{1500});
  EXPECT_EQ(follower.in_force(), "a:1");
  EXPECT_TRUE(follower.folder.trouble());
  fs::create_directory(path);
  put(path / "b.yaml", service("b", 1));
  EXPECT_TRUE(follower.comes_to("b:1"));
}

TEST(Folder, AFolderThatIsReplacedByAnEmptyOneDeletesNothing) {
  const TemporaryFolder parent;
  fs::create_directory(parent / "1");
  fs::create_directory(parent / "2");
  fs::create_directory(parent / "3");
  put(parent / "1/a.yaml", service("a", 1));
  put(parent / "3/a.yaml", service("a", 3));
  fs::create_symlink("1", parent / "now");
  Follower follower{parent / "now"};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("a:1"));
  const auto point_to = [&](const char* target) {
    fs::create_symlink(target, parent / "next");
    fs::rename(parent / "next", parent / "now");
  };
  point_to("2");
  EXPECT_TRUE(follower.bench.run_until([&] { return follower.folder.trouble().has_value(); }));
  follower.bench.run_for(milliseconds{1200});
  EXPECT_EQ(follower.in_force(), "a:1");
  point_to("3");
  EXPECT_TRUE(follower.comes_to("a:3"));
  EXPECT_TRUE(follower.bench.run_until([&] { return !follower.folder.trouble().has_value(); }));
}

TEST(Folder, ABrokenOrEmptyFileKeepsWhatItSaid) {
  const TemporaryFolder folder;
  put(folder / "a.yaml", service("a", 1) + service("b", 1));
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("a:1 b:1"));
  put(folder / "a.yaml", service("a", 2) + "---\nb: [\n");
  EXPECT_TRUE(follower.comes_to("a:2 b:1"));
  EXPECT_TRUE(
      follower.bench.run_until([&] { return follower.folder.file_problems().size() == 1; }));
  put(folder / "a.yaml", "");
  follower.bench.run_for(milliseconds{150});
  EXPECT_EQ(follower.in_force(), "a:2 b:1");
  EXPECT_EQ(follower.problems["a"], 1U);
  put(folder / "a.yaml", service("b", 2));
  EXPECT_TRUE(follower.comes_to("b:2"));
}

TEST(Folder, AFileThatIsWrittenSlowlyIsNotBelievedHalfway) {
  const TemporaryFolder folder;
  put(folder / "a.yaml", service("a", 1) + service("b", 1));
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("a:1 b:1"));
  follower.story.clear();
  fs::remove(folder / "a.yaml");
  std::ofstream slow{folder / "a.yaml"};
  slow << service("a", 2) << std::flush;
  follower.bench.run_for(milliseconds{300});
  EXPECT_EQ(follower.story, "");
  slow << service("b", 2);
  slow.close();
  EXPECT_TRUE(follower.comes_to("a:2 b:2"));
  EXPECT_EQ(follower.story, "+a +b ");
}

TEST(Folder, RecoversWhenTheKernelsQueueOverflows) {
  const TemporaryFolder folder;
  put(folder / "a.yaml", service("a", 1));
  put(folder / "b.yaml", service("b", 1));
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("a:1 b:1"));
  put(folder / "x.txt", "");
  for (int i = 0; i < 5'000; ++i) {  // four events each
    fs::rename(folder / "x.txt", folder / "y.txt");
    fs::rename(folder / "y.txt", folder / "x.txt");
  }
  put(folder / "a.yaml", service("a", 2));
  fs::remove(folder / "b.yaml");
  EXPECT_TRUE(follower.comes_to("a:2"));
  EXPECT_GE(follower.folder.counters().overflows, 1U);
}

TEST(Folder, TakesOverADuplicateWhenTheFirstOneGoes) {
  const TemporaryFolder folder;
  put(folder / "a.yaml", service("web", 1));
  put(folder / "b.yaml", service("web", 2));
  Follower follower{folder.path()};
  follower.folder.start();
  EXPECT_TRUE(follower.comes_to("web:1"));
  EXPECT_EQ(follower.problems["web"], 1U);
  fs::remove(folder / "a.yaml");
  EXPECT_TRUE(follower.comes_to("web:2"));
  EXPECT_EQ(follower.problems["web"], 0U);
  EXPECT_EQ(follower.story.find('-'), std::string::npos);
}

TEST(LoadFiles, KeepsFileAndLineAndNamesDuplicates) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "sub");
  put(folder / "a.yaml", service("a", 1) + "---\nkind: Deployment\napiVersion: apps/v1\n");
  put(folder / "sub/b.yaml", service("b", 1) + service("a", 2) + "---\nx: [\n");
  const Loaded loaded = load_files({folder.path().string(), (folder / "none.yaml").string()});
  ASSERT_EQ(loaded.objects.size(), 2U);
  EXPECT_EQ(loaded.objects[1].file, (folder / "sub/b.yaml").string());
  EXPECT_EQ(loaded.objects[1].line, 2U);
  EXPECT_LT(meta_of(loaded.objects[0].object).order, meta_of(loaded.objects[1].object).order);
  ASSERT_EQ(loaded.problems.size(), 3U);
  EXPECT_EQ(loaded.problems[0].problem.reason, "DuplicateObject");
  EXPECT_EQ(loaded.problems[0].problem.line, 7U);
  EXPECT_EQ(loaded.problems[1].problem.reason, "Syntax");
  EXPECT_EQ(loaded.problems[2].problem.message,
            (folder / "none.yaml").string() + ": no such file or directory");
  EXPECT_EQ(loaded.files, 2U);
}

}  // namespace
}  // namespace porter::manifests
