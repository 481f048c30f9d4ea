// SPDX-License-Identifier: Apache-2.0
#include "kube/events.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/tree.hpp"
#include "kube/test_server.hpp"
#include "watch/item_stream.hpp"

namespace porter::kube {
namespace {

using manifests::Bench;
using Seen = TestServer::Seen;
using Answer = TestServer::Answer;
using Then = TestServer::Then;

struct Scene {
  explicit Scene(TestServer::Handler handler, std::size_t most_series = 100)
      : server{bench, std::move(handler)} {
    client =
        open_client(bench, worker, access_to(fmt::format("http://127.0.0.1:{}", server.port())),
                    quick_options());
    Events::Options options;
    options.controller = "network.kubesphere.io/porter-controller";
    options.instance = "porter-controller-1";
    options.most_series = most_series;
    options.series_every = std::chrono::milliseconds{10};
    events = std::make_unique<Events>(bench.context.get_executor(), *client, options);
    events->start();
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { finish(bench, events->stop()); }

  void note(const std::string& name, const std::string& text) const {
    EventNote note;
    note.regarding = {
        .api_version = "v1", .kind = "Service", .name = {.ns = "shop", .name = name}, .uid = "u-1"};
    note.reason = "Assigned";
    note.note = text;
    events->note(std::move(note));
  }
  [[nodiscard]] bool settles() {
    return bench.run_until([&] { return events->is_idle(); });
  }
  [[nodiscard]] Tree body(std::size_t i) const {
    return *watch::parse_json(server.seen().at(i).body);
  }

  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<Client> client;
  std::unique_ptr<Events> events;
  TestServer server;
};

Answer yes(const Seen& /*seen*/) {
  return Answer{.bytes = http_answer(201, "{}")};
}

TEST(Events, SayWhatTheApiWantsToKnow) {
  Scene scene{yes};
  scene.note("web", "192.0.2.1 from lan");
  ASSERT_TRUE(scene.settles());
  const Seen& seen = scene.server.seen().front();
  EXPECT_EQ(seen.method + " " + seen.target, "POST /apis/events.k8s.io/v1/namespaces/shop/events");
  const Tree body = scene.body(0);
  EXPECT_EQ(body["note"].text(), "192.0.2.1 from lan");
  EXPECT_EQ(body["reason"].text(), "Assigned");
  EXPECT_EQ(body["action"].text(), "Assigned");
  EXPECT_EQ(body["type"].text(), "Normal");
  EXPECT_EQ(body["reportingController"].text(), "network.kubesphere.io/porter-controller");
  EXPECT_EQ(body["reportingInstance"].text(), "porter-controller-1");
  EXPECT_EQ(body.at_path("regarding.uid").text(), "u-1");
  EXPECT_EQ(body.at_path("metadata.name").text().find("web."), 0U);
  EXPECT_EQ(body["eventTime"].text().size(),
            std::string_view{"2024-05-01T10:00:00.000000Z"}.size());
  EXPECT_TRUE(body["series"].is_null());
}

TEST(Events, MakeASeriesOfWhatIsSaidAgain) {
  Scene scene{yes};
  scene.note("web", "the same");
  ASSERT_TRUE(scene.settles());
  for (int i = 0; i < 30; ++i)
    scene.note("web", "the same");
  ASSERT_TRUE(scene.settles());
  ASSERT_EQ(scene.server.seen().size(), 2U);
  const Seen& seen = scene.server.seen().back();
  EXPECT_EQ(seen.method, "PATCH");
  EXPECT_TRUE(seen.target.ends_with("/" + scene.body(0).at_path("metadata.name").text()));
  EXPECT_EQ(scene.body(1).at_path("series.count").text(), "31");
  EXPECT_EQ(scene.events->counters().aggregated, 30U);
}

TEST(Events, TellsOfEachObjectAndEachTextOnItsOwn) {
  Scene scene{yes};
  scene.note("a", "x");
  scene.note("b", "x");
  ASSERT_TRUE(scene.settles());
  scene.note("a", "y");
  ASSERT_TRUE(scene.settles());
  ASSERT_EQ(scene.server.seen().size(), 3U);
  EXPECT_EQ(scene.server.seen().back().method, "POST");
  EXPECT_EQ(scene.body(2)["note"].text(), "y");
}

TEST(Events, BeginAnewWhenTheOldOneHasExpired) {
  Scene scene{[](const Seen& seen) {
    return Answer{.bytes = http_answer(seen.method == "PATCH" ? 404 : 201, "{}")};
  }};
  scene.note("web", "x");
  ASSERT_TRUE(scene.settles());
  scene.note("web", "x");
  ASSERT_TRUE(scene.settles());
  ASSERT_EQ(scene.server.seen().size(), 3U);
  EXPECT_EQ(scene.server.seen().back().method, "POST");
}

TEST(Events, AreKeptWhileTheApiServerIsAwayAndDroppedWhenItRefuses) {
  unsigned requests = 0;
  Scene scene{[&](const Seen&) {
    ++requests;
    if (requests == 1) return Answer{.bytes = {}, .then = Then::Close};
    if (requests == 2) return Answer{.bytes = http_answer(201, "{}")};
    return Answer{.bytes = http_answer(403, R"({"kind":"Status","message":"no","code":403})")};
  }};
  scene.note("a", "x");
  ASSERT_TRUE(scene.settles());
  EXPECT_EQ(scene.events->counters().written, 1U);
  EXPECT_EQ(scene.events->trouble(), "");
  scene.note("b", "x");
  ASSERT_TRUE(scene.settles());
  EXPECT_EQ(requests, 3U);
  EXPECT_EQ(scene.events->counters().dropped, 1U);
  EXPECT_NE(scene.events->trouble(), "");
}

TEST(Events, HaveABound) {
  Scene scene{yes, 3};
  for (const std::string name : {"a", "b", "c", "d", "e"})
    scene.note(name, "x");
  EXPECT_EQ(scene.events->counters().dropped, 2U);
  ASSERT_TRUE(scene.settles());
  EXPECT_EQ(scene.server.seen().size(), 3U);
}

TEST(Events, CutALongNoteBetweenTwoCharacters) {
  Scene scene{yes};
  std::string text(1023, 'x');
  text += "\xc3\xa4";
  scene.note("a", text);
  ASSERT_TRUE(scene.settles());
  EXPECT_EQ(scene.body(0)["note"].text(), std::string(1023, 'x'));
}

}  // namespace
}  // namespace porter::kube
