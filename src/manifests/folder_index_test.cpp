// SPDX-License-Identifier: Apache-2.0
#include "manifests/folder_index.hpp"

#include <algorithm>
#include <map>
#include <rapidcheck.h>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "manifests/reading.hpp"

namespace porter::manifests {
namespace {

using std::chrono::milliseconds;
using Texts = std::vector<std::string>;

std::string service(std::string_view name, int port) {
  return fmt::format(
      "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {}, namespace: shop}}\n"
      "spec: {{type: LoadBalancer, ports: [{{port: {}}}]}}\n",
      name, port);
}

std::string refused_service(std::string_view name) {
  return fmt::format(
      "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {}, namespace: shop}}\nspec: {{ports: "
      "[{{port: x}}]}}\n",
      name);
}

constexpr std::string_view kBroken = "---\na: [\n";

model::ObjectKey key(std::string_view name) {
  return {.kind = model::Kind::Service, .name = {.ns = "shop", .name = std::string{name}}};
}

// Drives the index as Folder does, over files in memory, and keeps what the engine would have.
class Desk {
 public:
  void write(const std::string& path, const std::string& text) {
    files[path] = text;
    read(path);
    reload();
  }
  void remove(const std::string& path) {
    files.erase(path);
    index.gone(path, now, FolderIndex::kGrace);
  }
  void pass(Duration time) {
    now += time;
    for (const std::string& path : index.due(now))
      index.bury(path);
    reload();
  }
  // What is in force: "web:80 api:81".
  [[nodiscard]] std::string in_force() const {
    std::string text;
    for (const auto& [object, value] : objects)
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", object.name.name,
                          value.ports.front().port);
    return text;
  }
  [[nodiscard]] Texts problems_of(std::string_view name) const {
    Texts texts;
    const auto found = problems.find(key(name));
    if (found == problems.end()) return texts;
    for (const model::Problem& problem : found->second.problems)
      texts.push_back(fmt::format("{}:{} {}", found->second.where, problem.line, problem.reason));
    return texts;
  }

  void read(const std::string& path) {
    std::vector<DocumentSplitter::Document> documents;
    std::vector<DocumentSeen> seen;
    DocumentSplitter splitter{files[path]};
    while (const auto document = splitter.next()) {
      documents.push_back(*document);
      seen.push_back(DocumentSeen{.hash = hash_of(document->text), .line = document->line});
    }
    index.begin(path, seen);
    for (std::size_t i = 0; i < documents.size(); ++i) {
      if (!index.needs_parsing(i)) {
        index.keep(i);
        continue;
      }
      ++parses;
      DocumentReader reader{documents[i].text, documents[i].line};
      while (!reader.step()) {
      }
      auto read = reader.take();
      if (read) {
        index.parsed(i, *std::move(read));
      } else {
        index.broken(i, read.error());
      }
    }
    index.finish(now, FolderIndex::kGrace);
  }
  void reload() {
    for (const std::string& path : index.take_reloads()) {
      if (files.contains(path)) read(path);
    }
  }

  void take(plan::Fact fact) {
    ++facts;
    if (auto* const seen = std::get_if<plan::ObjectSeen>(&fact)) {
      if (seen->object) {
        objects.insert_or_assign(seen->key, std::get<model::Service>(*seen->object));
      } else {
        ++deletions;
        objects.erase(seen->key);
      }
    } else if (auto* const problem = std::get_if<plan::ProblemsSeen>(&fact)) {
      if (problem->problems.empty()) {
        problems.erase(problem->key);
      } else {
        problems.insert_or_assign(problem->key, *problem);
      }
    }
  }

  std::map<std::string, std::string> files;
  std::map<model::ObjectKey, model::Service> objects;
  std::map<model::ObjectKey, plan::ProblemsSeen> problems;
  FolderIndex index{[this](plan::Fact fact) { take(std::move(fact)); }};
  TimePoint now{std::chrono::hours{1}};
  int facts = 0;
  int deletions = 0;
  int parses = 0;
};

TEST(FolderIndex, TellsWhatAFileSaysAtOnce) {
  Desk desk;
  desk.write("a.yaml", service("web", 80) + service("api", 81));
  EXPECT_EQ(desk.in_force(), "api:81 web:80");
  desk.write("a.yaml", service("web", 80) + service("api", 82));
  EXPECT_EQ(desk.in_force(), "api:82 web:80");
  EXPECT_EQ(desk.index.deadline(), kNever);
}

TEST(FolderIndex, DoesNotParseADocumentThatDidNotChange) {
  Desk desk;
  desk.write("a.yaml", service("web", 80) + service("api", 81));
  EXPECT_EQ(desk.parses, 2);
  desk.write("a.yaml", "# head\n" + service("db", 1) + service("web", 80) + service("api", 81));
  EXPECT_EQ(desk.parses, 3);
  EXPECT_EQ(desk.facts, 3);
}

TEST(FolderIndex, AnObjectThatLeavesItsFileGoesAfterTheGrace) {
  Desk desk;
  desk.write("a.yaml", service("web", 80) + service("api", 81));
  desk.write("a.yaml", service("web", 80));
  EXPECT_EQ(desk.in_force(), "api:81 web:80");
  desk.pass(milliseconds{49});
  EXPECT_EQ(desk.in_force(), "api:81 web:80");
  desk.pass(milliseconds{1});
  EXPECT_EQ(desk.in_force(), "web:80");
}

TEST(FolderIndex, AFileThatIsReplacedInStepsIsNotNoticed) {
  Desk desk;
  desk.write("a.yaml", service("web", 80));
  desk.remove("a.yaml");
  desk.pass(milliseconds{40});
  desk.write("a.yaml", service("web", 80));
  desk.pass(milliseconds{100});
  EXPECT_EQ(desk.facts, 1);
  EXPECT_EQ(desk.in_force(), "web:80");
}

TEST(FolderIndex, AnObjectMayMoveToAnotherFile) {
  Desk desk;
  desk.write("a.yaml", service("web", 80));
  desk.remove("a.yaml");
  desk.write("b.yaml", service("web", 81));
  EXPECT_EQ(desk.in_force(), "web:81");
  EXPECT_EQ(desk.problems_of("web"), Texts{});
  desk.pass(milliseconds{100});
  EXPECT_EQ(desk.in_force(), "web:81");
  EXPECT_EQ(desk.deletions, 0);
  EXPECT_EQ(desk.index.holder_of(key("web")), "b.yaml");
}

TEST(FolderIndex, OfTwoFilesTheFirstInPathOrderIsInForce) {
  Desk desk;
  desk.write("b.yaml", service("web", 2));
  desk.write("c.yaml", service("web", 3));
  EXPECT_EQ(desk.in_force(), "web:2");
  EXPECT_EQ(desk.problems_of("web"), Texts{"c.yaml:2 DuplicateObject"});
  EXPECT_EQ(desk.problems[key("web")].problems[0].message,
            "Service shop/web is in force from b.yaml:2, the first in path order; c.yaml:2 is not; "
            "remove one");
  desk.write("a.yaml", service("web", 1));
  EXPECT_EQ(desk.in_force(), "web:1");
  desk.remove("a.yaml");
  desk.remove("b.yaml");
  desk.pass(milliseconds{50});
  EXPECT_EQ(desk.in_force(), "web:3");
  EXPECT_EQ(desk.problems_of("web"), Texts{});
  EXPECT_EQ(desk.deletions, 0);
}

TEST(FolderIndex, OfTwoDocumentsInAFileTheFirstIsInForce) {
  Desk desk;
  desk.write("a.yaml", service("web", 1) + service("web", 2));
  EXPECT_EQ(desk.in_force(), "web:1");
  EXPECT_EQ(desk.problems_of("web"), Texts{"a.yaml:7 DuplicateObject"});
  desk.write("a.yaml", service("web", 2));
  EXPECT_EQ(desk.in_force(), "web:2");
  EXPECT_EQ(desk.problems_of("web"), Texts{});
}

TEST(FolderIndex, ABrokenDocumentKeepsTheLastVersionOfItsObjectAndAppliesTheOthers) {
  Desk desk;
  desk.write("a.yaml", service("web", 80) + service("api", 81));
  desk.write("a.yaml", std::string{kBroken} + service("api", 82));
  desk.pass(milliseconds{1000});
  EXPECT_EQ(desk.in_force(), "api:82 web:80");
  EXPECT_EQ(desk.problems_of("web"), Texts{"a.yaml:3 Syntax"});
  ASSERT_EQ(desk.index.file_problems().size(), 1U);
  desk.write("a.yaml", service("api", 82));
  EXPECT_EQ(desk.index.file_problems().size(), 0U);
  desk.pass(milliseconds{50});
  EXPECT_EQ(desk.in_force(), "api:82");
  EXPECT_TRUE(desk.problems.empty());
}

TEST(FolderIndex, ARefusedObjectKeepsItsLastVersion) {
  Desk desk;
  desk.write("a.yaml", service("web", 80));
  desk.write("a.yaml", refused_service("web"));
  desk.pass(milliseconds{1000});
  EXPECT_EQ(desk.in_force(), "web:80");
  EXPECT_EQ(desk.problems_of("web").size(), 1U);
  desk.write("a.yaml", service("web", 80));
  EXPECT_EQ(desk.problems_of("web"), Texts{});
}

TEST(FolderIndex, AnEmptyOrUnreadableFileDeletesNothing) {
  Desk desk;
  desk.write("a.yaml", service("web", 80));
  desk.write("a.yaml", "# all gone\n");
  desk.pass(milliseconds{1000});
  EXPECT_EQ(desk.in_force(), "web:80");
  EXPECT_EQ(desk.problems_of("web"), Texts{"a.yaml:1 FileEmpty"});
  desk.index.unreadable("a.yaml", "a.yaml: permission denied");
  EXPECT_EQ(desk.problems_of("web"), Texts{"a.yaml:0 Unreadable"});
  desk.remove("a.yaml");
  desk.pass(milliseconds{50});
  EXPECT_EQ(desk.in_force(), "");
  EXPECT_TRUE(desk.problems.empty());
}

TEST(FolderIndex, AnObjectTakenOverFromABrokenFileReturnsToItWhenItIsWhole) {
  Desk desk;
  desk.write("a.yaml", service("web", 1));
  desk.write("a.yaml", std::string{kBroken});
  desk.write("b.yaml", service("web", 2));
  EXPECT_EQ(desk.in_force(), "web:2");
  desk.write("a.yaml", service("web", 1));
  EXPECT_EQ(desk.in_force(), "web:1");
  EXPECT_EQ(desk.problems_of("web"), Texts{"b.yaml:2 DuplicateObject"});
}

TEST(FolderIndex, UnfoldsAListWithTheLinesOfItsItems) {
  Desk desk;
  desk.write("a.yaml",
             "apiVersion: v1\nkind: List\nitems:\n"
             "- apiVersion: v1\n  kind: Service\n  metadata: {name: web, namespace: shop}\n  spec: "
             "{ports: [{port: 80}]}\n"
             "- apiVersion: v1\n  kind: Service\n  metadata: {name: api, namespace: shop}\n  spec: "
             "{ports: [{port: x}]}\n");
  EXPECT_EQ(desk.in_force(), "web:80");
  EXPECT_EQ(desk.problems_of("api"), Texts{"a.yaml:11 Invalid"});
  desk.write("b.yaml",
             "apiVersion: v1\nkind: ServiceList\nitems:\n- metadata: {name: db, namespace: shop}\n "
             " spec: {ports: [{port: 5}]}\n");
  EXPECT_EQ(desk.in_force(), "db:5 web:80");
}

TEST(FolderIndex, OrderFollowsPathAndPositionWhereverAFileIsInserted) {
  Desk desk;
  const std::vector<std::string> paths{"m", "c", "x", "d", "a", "cc", "cb", "ca", "b", "z"};
  for (const std::string& path : paths)
    desk.write(path + ".yaml", service(path + "-1", 1) + service(path + "-2", 1));
  desk.write("c.yaml", service("c-1", 1) + service("c-15", 1) + service("c-2", 1));
  std::map<std::uint64_t, std::string> by_order;
  for (const auto& [object, value] : desk.objects)
    by_order.emplace(value.meta.order, object.name.name);
  ASSERT_EQ(by_order.size(), desk.objects.size());
  std::string last;
  for (const auto& [order, name] : by_order) {
    EXPECT_LT(last, name);
    last = name;
  }
}

TEST(FolderIndex, RunsOutOfRoomBetweenTwoFilesWithoutLosingTheOrder) {
  Desk desk;
  desk.write("a.yaml", service("a", 1));
  desk.write("b.yaml", service("b", 1));
  std::string path = "a";
  for (int i = 0; i < 60; ++i) {
    path += "b";  // ever closer to b.yaml
    desk.write(path + ".yaml", service(path, 1));
  }
  std::map<std::uint64_t, std::string> by_order;
  for (const auto& [object, value] : desk.objects)
    by_order.emplace(value.meta.order, object.name.name);
  ASSERT_EQ(by_order.size(), 62U);
  EXPECT_EQ(by_order.rbegin()->second, "b");
}

// A file as the model sees it: names and ports, or a document that is broken or refused.
struct Line {
  enum class What : unsigned char { Good, Refused, Broken } what{};
  int name = 0;
  int port = 0;
};

std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) {
    const std::string name = fmt::format("s{}", line.name);
    if (line.what == Line::What::Good) text += service(name, line.port);
    if (line.what == Line::What::Refused) text += refused_service(name);
    if (line.what == Line::What::Broken) text += kBroken;
  }
  return text;
}

std::vector<Line> arbitrary_lines(int worst) {
  std::vector<Line> lines;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    const int what = *rc::gen::inRange(0, worst);
    lines.push_back(Line{.what = what > 8   ? Line::What::Broken
                                 : what > 6 ? Line::What::Refused
                                            : Line::What::Good,
                         .name = *rc::gen::inRange(0, 4),
                         .port = *rc::gen::inRange(1, 4)});
  }
  return lines;
}

// Once every file is whole and the grace is over: of each object the first good version in path
// order.
std::string expected(const std::map<std::string, std::vector<Line>>& files) {
  std::map<int, int> ports;
  for (const auto& [path, lines] : files) {
    std::set<int> here;
    for (const Line& line : lines) {
      if (here.insert(line.name).second) ports.try_emplace(line.name, line.port);
    }
  }
  std::string text;
  for (const auto& [name, port] : ports)
    text += fmt::format("{}s{}:{}", text.empty() ? "" : " ", name, port);
  return text;
}

void any_operation(Desk& desk, std::map<std::string, std::vector<Line>>& files) {
  const std::string path = fmt::format("{}.yaml", *rc::gen::inRange('a', 'e'));
  switch (*rc::gen::inRange(0, 6)) {
    case 0:
      files.erase(path);
      desk.remove(path);
      break;
    case 1: desk.pass(milliseconds{*rc::gen::inRange(1, 80)}); break;
    case 2:
      if (files.contains(path)) desk.index.unreadable(path, "unreadable");
      break;
    default: files[path] = arbitrary_lines(11); desk.write(path, text_of(files[path]));
  }
}

RC_GTEST_PROP(FolderIndex, EndsWithWhatANaiveReadingOfTheFilesSays, ()) {
  Desk desk;
  std::map<std::string, std::vector<Line>> files;
  for (int i = *rc::gen::inRange(0, 25); i > 0; --i)
    any_operation(desk, files);
  for (auto& [path, lines] : files) {  // repair all
    lines = arbitrary_lines(6);
    if (lines.empty()) lines.push_back(Line{.what = Line::What::Good, .name = 0, .port = 1});
    desk.write(path, text_of(lines));
  }
  desk.pass(milliseconds{50});
  desk.pass(milliseconds{50});
  RC_ASSERT(desk.in_force() == expected(files));
  RC_ASSERT(desk.index.object_count() == desk.objects.size());
  RC_ASSERT(desk.index.file_problems().empty());
  RC_ASSERT(desk.index.deadline() == kNever);
}

RC_GTEST_PROP(FolderIndex, DeletesOnlyWhatNoFileSaysAndNoFileIsInDoubtAbout, ()) {
  Desk desk;
  std::map<std::string, std::vector<Line>> files;
  for (int i = *rc::gen::inRange(0, 30); i > 0; --i) {
    const auto before = desk.objects;
    any_operation(desk, files);
    for (const auto& [object, value] : before) {
      if (desk.objects.contains(object)) continue;
      for (const auto& [path, lines] : files) {
        for (const Line& line : lines) {
          const bool says_so =
              line.what == Line::What::Good && fmt::format("s{}", line.name) == object.name.name;
          // A document for it that is not the first of its file has no say.
          const bool is_first =
              &line == &*std::find_if(lines.begin(), lines.end(), [&](const Line& other) {
                return other.what != Line::What::Broken && other.name == line.name;
              });
          RC_ASSERT(!says_so || !is_first);
        }
      }
    }
  }
}

}  // namespace
}  // namespace porter::manifests
