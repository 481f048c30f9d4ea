// SPDX-License-Identifier: Apache-2.0
#include "kube/writer.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"
#include "kube/write_request.hpp"
#include "watch/item_stream.hpp"

namespace porter::kube {
namespace {

using manifests::Bench;
using Seen = TestServer::Seen;
using Answer = TestServer::Answer;
using Then = TestServer::Then;

Tree tree(const std::string& json) {
  return *watch::parse_json(json);
}

std::string failure(int code, const std::string& reason, const std::string& message) {
  return fmt::format(R"({{"kind":"Status","reason":"{}","message":"{}","code":{}}})", reason,
                     message, code);
}

Answer refused(unsigned code, const std::string& reason = "Reason") {
  return Answer{.bytes = http_answer(code, failure(static_cast<int>(code), reason, "the words"))};
}

Answer good(const std::string& body = "{}") {
  return Answer{.bytes = http_answer(200, body)};
}

std::string_view name_of(WriteOutcome outcome) {
  switch (outcome) {
    case WriteOutcome::Written: return "written";
    case WriteOutcome::Conflict: return "conflict";
    case WriteOutcome::Gone: return "gone";
    case WriteOutcome::Refused: return "refused";
    case WriteOutcome::Superseded: return "superseded";
  }
  return "?";
}

struct Scene {
  explicit Scene(TestServer::Handler handler) : server{bench, std::move(handler)} {
    client =
        open_client(bench, worker, access_to(fmt::format("http://127.0.0.1:{}", server.port())),
                    quick_options());
    Writer::Options options;
    options.denied_rest = std::chrono::milliseconds{1};
    options.patience = std::chrono::milliseconds{5000};
    writer = std::make_unique<Writer>(bench.context.get_executor(), *client, options, [] {});
    writer->start();
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() {
    finish(bench, writer->stop());
    finish(bench, bench.tasks.stop());
  }

  Wish wish(Operation operation, const std::string& name = "web") {
    return Wish{.key = {.resource = resource_of(model::Kind::Service),
                        .name = {.ns = "shop", .name = name},
                        .part = {}},
                .operation = std::move(operation),
                .uid = "u-1",
                .rebase = {},
                .done = [this](const WriteResult& result) {
                  told += fmt::format("{} ", name_of(result.outcome));
                  last = result;
                }};
  }
  // Puts it, and waits for what is told.
  [[nodiscard]] std::string outcome(Wish wish) {
    EXPECT_TRUE(writer->put(std::move(wish)));
    EXPECT_TRUE(bench.run_until([&] { return writer->waiting() == 0 && !told.empty(); }));
    return std::exchange(told, {});
  }

  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<Client> client;
  std::unique_ptr<Writer> writer;
  std::string told;
  WriteResult last;
  TestServer server;
};

TEST(Writer, WritesEachOperationAsTheApiWantsIt) {
  Scene scene{[](const Seen&) { return good(R"({"metadata":{"resourceVersion":"9"}})"); }};
  const Tree object = tree(R"({"metadata":{"name":"web","resourceVersion":"7"},"spec":{"a":1}})");
  EXPECT_EQ(scene.outcome(scene.wish(Create{.object = object})), "written ");
  EXPECT_EQ(scene.last.object.at_path("metadata.resourceVersion").text(), "9");
  EXPECT_EQ(scene.outcome(scene.wish(Update{.object = object})), "written ");
  EXPECT_EQ(scene.outcome(scene.wish(Delete{.uid = {}, .resource_version = "7"})), "written ");
  EXPECT_EQ(
      scene.outcome(scene.wish(PatchStatus{.status = tree(R"({"b":2})"), .resource_version = "7"})),
      "written ");
  EXPECT_EQ(scene.outcome(scene.wish(
                ApplyStatus{.status = tree(R"({"c":3})"), .manager = "porter-controller"})),
            "written ");
  const auto& seen = scene.server.seen();
  ASSERT_EQ(seen.size(), 5U);
  const auto shown = [&](std::size_t i) {
    return fmt::format("{} {} {} {}", seen[i].method, seen[i].target,
                       seen[i].headers.at("content-type"), seen[i].body);
  };
  const std::string base = "/api/v1/namespaces/shop/services";
  const std::string whole = R"({"metadata":{"name":"web","resourceVersion":"7"},"spec":{"a":1}})";
  EXPECT_EQ(shown(0), "POST " + base + " application/json " + whole);
  EXPECT_EQ(shown(1), "PUT " + base + "/web application/json " + whole);
  EXPECT_EQ(shown(2), "DELETE " + base +
                          R"(/web application/json {"kind":"DeleteOptions","apiVersion":"v1",)"
                          R"("preconditions":{"uid":"u-1","resourceVersion":"7"}})");
  EXPECT_EQ(shown(3), "PATCH " + base +
                          R"(/web/status application/merge-patch+json {"metadata":{"uid":"u-1",)"
                          R"("resourceVersion":"7"},"status":{"b":2}})");
  EXPECT_EQ(
      shown(4),
      "PATCH " + base +
          R"(/web/status?fieldManager=porter-controller&force=true application/apply-patch+yaml )"
          R"({"apiVersion":"v1","kind":"Service","metadata":{"uid":"u-1","name":"web","namespace":"shop"},"status":{"c":3}})");
}

TEST(Writer, TellsWhoHasWhatWasToBeCreated) {
  Scene scene{[](const Seen& seen) {
    if (seen.method == "POST") return refused(409, "AlreadyExists");
    return good(R"({"metadata":{"uid":"other"},"spec":{"services":[{"name":"theirs"}]}})");
  }};
  EXPECT_EQ(scene.outcome(
                scene.wish(Create{.object = tree(R"({"spec":{"services":[{"name":"ours"}]}})")})),
            "conflict ");
  EXPECT_EQ(scene.last.object["spec"]["services"].items().front()["name"].text(), "theirs");
}

TEST(Writer, ACreateWhoseAnswerWasLostHasBeenWritten) {
  unsigned posts = 0;
  Scene scene{[&](const Seen& seen) {
    if (seen.method == "GET")
      return good(R"({"metadata":{"uid":"x"},"spec":{"added":true,"services":[{"name":"ours"}]}})");
    if (++posts == 1) return Answer{.bytes = {}, .then = Then::Close};
    return refused(409, "AlreadyExists");
  }};
  EXPECT_EQ(scene.outcome(
                scene.wish(Create{.object = tree(R"({"spec":{"services":[{"name":"ours"}]}})")})),
            "written ");
  EXPECT_EQ(posts, 2U);
}

TEST(Writer, ReadsAnewAfterAConflictAndWritesWhatIsStillWanted) {
  unsigned patches = 0;
  Scene scene{[&](const Seen& seen) {
    if (seen.method == "GET") return good(R"({"metadata":{"uid":"u-1","resourceVersion":"8"}})");
    return ++patches == 1 ? refused(409, "Conflict") : good();
  }};
  Wish wish = scene.wish(PatchStatus{.status = tree("{}"), .resource_version = "7"});
  const Operation before = wish.operation;
  wish.rebase = [before](const Tree& current) { return based_on(before, current); };
  EXPECT_EQ(scene.outcome(std::move(wish)), "written ");
  EXPECT_NE(scene.server.seen().back().body.find(R"("resourceVersion":"8")"), std::string::npos);
  EXPECT_EQ(scene.writer->counters().conflicts, 1U);
  patches = 0;
  wish = scene.wish(PatchStatus{.status = tree("{}"), .resource_version = "7"});
  wish.rebase = [](const Tree&) { return std::optional<Operation>{}; };
  EXPECT_EQ(scene.outcome(std::move(wish)), "conflict ");
}

TEST(Writer, DropsAWishForAnObjectThatIsGoneOrAnother) {
  Scene scene{[](const Seen& seen) {
    if (seen.target.find("reborn") == std::string::npos) return refused(404, "NotFound");
    return seen.method == "GET" ? good(R"({"metadata":{"uid":"u-2"}})") : refused(409, "Conflict");
  }};
  EXPECT_EQ(scene.outcome(scene.wish(ApplyStatus{.status = tree("{}"), .manager = "m"})), "gone ");
  EXPECT_EQ(scene.outcome(scene.wish(ApplyStatus{.status = tree("{}"), .manager = "m"}, "reborn")),
            "gone ");
}

TEST(Writer, DoesNotRepeatWhatWillAlwaysBeRefused) {
  Scene scene{[](const Seen&) { return refused(422, "Invalid"); }};
  EXPECT_EQ(scene.outcome(scene.wish(Update{.object = tree("{}")})), "refused ");
  EXPECT_EQ(scene.server.seen().size(), 1U);
  EXPECT_EQ(scene.writer->counters().refused, 1U);
}

TEST(Writer, NamesTheRightThatIsMissingAndKeepsTheWish) {
  bool is_allowed = false;
  Scene scene{[&](const Seen&) { return is_allowed ? good() : refused(403, "Forbidden"); }};
  ASSERT_TRUE(scene.writer->put(scene.wish(ApplyStatus{.status = tree("{}"), .manager = "m"})));
  ASSERT_TRUE(scene.bench.run_until([&] { return !scene.writer->troubles().empty(); }));
  const std::string words = scene.writer->troubles().front();
  EXPECT_EQ(words.find("may not patch services/status: "), 0U) << words;
  EXPECT_NE(words.find("the words"), std::string::npos) << words;
  is_allowed = true;
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.told == "written "; }));
  EXPECT_TRUE(scene.writer->troubles().empty());
}

TEST(Writer, LosesNothingWhileTheApiServerIsInTrouble) {
  unsigned requests = 0;
  Scene scene{[&](const Seen&) {
    switch (++requests) {
      case 1: return refused(500);
      case 2: return Answer{.bytes = http_answer(429, "", "Retry-After: 0\r\n")};
      case 3: return Answer{.bytes = {}, .then = Then::Close};
      default: return good();
    }
  }};
  EXPECT_EQ(scene.outcome(scene.wish(ApplyStatus{.status = tree("{}"), .manager = "m"})),
            "written ");
  EXPECT_EQ(scene.writer->counters().retries, 3U);
}

TEST(Writer, WritesTheLatestOfManyWishes) {
  Scene scene{[](const Seen&) { return good(); }};
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(scene.writer->put(
        scene.wish(ApplyStatus{.status = tree(fmt::format("{{\"i\":{}}}", i)), .manager = "m"})));
  }
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.writer->counters().written > 0; }));
  EXPECT_EQ(scene.server.seen().size(), 1U);
  EXPECT_NE(scene.server.seen().front().body.find("\"i\":49"), std::string::npos);
}

TEST(Writer, HasABoundOfWritesOnTheirWay) {
  Scene scene{[](const Seen&) { return Answer{.bytes = {}, .then = Then::Hang}; }};
  constexpr std::size_t kAtOnce = WriteQueue::Options{}.in_flight;
  for (std::size_t i = 0; i < kAtOnce + 12; ++i) {
    ASSERT_TRUE(scene.writer->put(
        scene.wish(ApplyStatus{.status = tree("{}"), .manager = "m"}, fmt::format("web-{}", i))));
  }
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.server.seen().size() == kAtOnce; }));
  EXPECT_EQ(scene.writer->waiting(), 12U);
}

TEST(Says, ComparesWhatIsWantedWithWhatIsThere) {
  const Tree there = tree(R"({"b":[{"x":1,"y":2}],"a":"t","more":null})");
  EXPECT_TRUE(says(there, tree(R"({"a":"t","b":[{"x":1}]})")));
  EXPECT_FALSE(says(there, tree(R"({"a":"u"})")));
  EXPECT_FALSE(says(there, tree(R"({"b":[]})")));
  EXPECT_FALSE(says(there, tree(R"({"c":1})")));
  EXPECT_TRUE(says(Tree{}, Tree::map()));
}

}  // namespace
}  // namespace porter::kube
