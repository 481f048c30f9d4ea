// SPDX-License-Identifier: Apache-2.0
#include "kube/reflector.hpp"

#include <map>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"

namespace porter::kube {
namespace {

using manifests::Bench;
using Seen = TestServer::Seen;
using Answer = TestServer::Answer;
using Then = TestServer::Then;

std::string service(const std::string& name, int version, int port) {
  return fmt::format(
      R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{0}","namespace":"shop","uid":"u-{0}","resourceVersion":"{1}"}},"spec":{{"type":"LoadBalancer","ports":[{{"port":{2}}}]}}}})",
      name, version, port);
}

std::string event(const std::string& type, const std::string& object) {
  return fmt::format("{{\"type\":\"{}\",\"object\":{}}}\n", type, object);
}

std::string list(int version, const std::string& items, const std::string& next = {}) {
  return fmt::format(
      R"({{"kind":"ServiceList","apiVersion":"v1","metadata":{{"resourceVersion":"{}","continue":"{}"}},"items":[{}]}})",
      version, next, items);
}

// An API server with Services, as a script says, and what a Reflector tells of them.
struct Scene {
  explicit Scene(TestServer::Handler handler) : server{bench, std::move(handler)} {
    client =
        open_client(bench, worker, access_to(fmt::format("http://127.0.0.1:{}", server.port())),
                    quick_options(20'000));
    Reflector::Config config;
    config.resource = resource_of(model::Kind::Service);
    config.label_selector = "a=b,!c";
    config.list_watch.initial = watch::ListWatchConfig::Initial::List;
    Reflector::Told told;
    told.fact = [this](const plan::Fact& fact) { take(fact); };
    told.synced = [this] { story += "synced "; };
    told.trouble = [this] { troubles.push_back(reflector->trouble()); };
    reflector = std::make_unique<Reflector>(bench.context.get_executor(), *client,
                                            std::move(config), std::move(told));
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { finish(bench, reflector->stop()); }

  void take(const plan::Fact& fact) {
    if (const auto* const seen = std::get_if<plan::ObjectSeen>(&fact)) {
      story += fmt::format("{}{} ", seen->object ? "+" : "-", seen->key.name.name);
      if (seen->object) {
        ports[seen->key.name.name] = std::get<model::Service>(*seen->object).ports.front().port;
      } else {
        ports.erase(seen->key.name.name);
      }
    } else if (const auto* const problems = std::get_if<plan::ProblemsSeen>(&fact)) {
      story += fmt::format("!{}:{} ", problems->key.name.name, problems->problems.size());
    }
  }
  // Starts it, and waits for that story.
  [[nodiscard]] testing::AssertionResult tells(const std::string& wanted) {
    return comes_to(bench, story, wanted);
  }

  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<Client> client;
  std::string story;
  std::map<std::string, int> ports;
  std::vector<std::string> troubles;
  std::unique_ptr<Reflector> reflector;
  TestServer server;
};

bool is_watch(const Seen& seen) {
  return seen.target.find("watch=") != std::string::npos;
}

Answer watching(const std::string& events = {}) {
  return Answer{.bytes = chunked_head() + (events.empty() ? "" : chunk(events)),
                .then = Then::Hang};
}

TEST(Reflector, ListsInPagesAndThenWatches) {
  Scene scene{[](const Seen& seen) {
    if (is_watch(seen)) return watching();
    const bool is_second = seen.target.find("continue=more") != std::string::npos;
    return Answer{.bytes = http_answer(200, is_second ? list(10, service("b", 2, 2))
                                                      : list(10, service("a", 1, 1), "more"))};
  }};
  scene.reflector->start();
  ASSERT_TRUE(scene.tells("+a +b synced "));
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.server.is_hanging(); }));
  const std::string& target = scene.server.seen().back().target;
  EXPECT_EQ(target.find("/api/v1/services?"), 0U);
  EXPECT_NE(target.find("resourceVersion=10"), std::string::npos) << target;
  EXPECT_NE(target.find("&labelSelector=a%3Db%2C%21c"), std::string::npos) << target;
  scene.server.push(chunk(event("MODIFIED", service("a", 11, 7))));
  scene.server.push(chunk(event("DELETED", service("b", 12, 2))));
  ASSERT_TRUE(scene.tells("+a +b synced +a -b "));
  EXPECT_EQ(scene.ports, (std::map<std::string, int>{{"a", 7}}));
  EXPECT_TRUE(scene.reflector->is_synced());
  EXPECT_EQ(scene.reflector->trouble(), "");
}

TEST(Reflector, UnderstandsAnEventHoweverItIsCut) {
  Scene scene{[](const Seen& seen) {
    Answer answer = is_watch(seen)
                        ? watching(event("ADDED", service("b", 11, 2)))
                        : Answer{.bytes = http_answer(200, list(10, service("a", 1, 1)))};
    answer.cut = 7;
    return answer;
  }};
  scene.reflector->start();
  EXPECT_TRUE(scene.tells("+a synced +b "));
}

TEST(Reflector, WatchesOnFromWhereItWasWhenAWatchIsDropped) {
  unsigned watches = 0;
  Scene scene{[&](const Seen& seen) {
    if (is_watch(seen)) {
      return ++watches == 1 ? watching(event("ADDED", service("b", 11, 2)))
                            : watching(event("ADDED", service("c", 12, 3)));
    }
    return Answer{.bytes = http_answer(200, list(11, service("a", 1, 1)))};
  }};
  scene.reflector->start();
  ASSERT_TRUE(scene.tells("+a synced +b "));
  scene.server.drop();
  ASSERT_TRUE(scene.tells("+a synced +b +c "));
  EXPECT_NE(scene.server.seen().back().target.find("resourceVersion=11"), std::string::npos);
}

TEST(Reflector, ListsAgainAfter410AndTellsOnlyWhatIsNew) {
  unsigned lists = 0;
  Scene scene{[&](const Seen& seen) {
    if (!is_watch(seen)) {
      return Answer{.bytes = http_answer(
                        200, ++lists == 1
                                 ? list(10, service("a", 1, 1) + "," + service("b", 2, 2))
                                 : list(20, service("a", 1, 1) + "," + service("c", 19, 3)))};
    }
    if (lists == 1)
      return Answer{
          .bytes = http_answer(
              410,
              R"({"kind":"Status","reason":"Expired","message":"too old resource version","code":410})")};
    return watching();
  }};
  scene.reflector->start();
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.server.is_hanging(); }));
  EXPECT_EQ(scene.ports, (std::map<std::string, int>{{"a", 1}, {"c", 3}}));
  EXPECT_EQ(scene.story.find("+a"), scene.story.rfind("+a"));
  EXPECT_EQ(scene.reflector->status().counters.relists, 1U);
}

TEST(Reflector, SaysWhatItMayNotDoUntilItMay) {
  bool is_allowed = false;
  Scene scene{[&](const Seen& seen) {
    if (!is_allowed)
      return Answer{
          .bytes = http_answer(
              403,
              R"({"kind":"Status","reason":"Forbidden","message":"services is forbidden: User \"p\" cannot list","code":403})")};
    if (is_watch(seen)) return watching();
    return Answer{.bytes = http_answer(200, list(10, service("a", 1, 1)))};
  }};
  scene.reflector->start();
  ASSERT_TRUE(scene.bench.run_until([&] { return !scene.troubles.empty(); }));
  EXPECT_NE(scene.reflector->trouble().find("services is forbidden"), std::string::npos);
  EXPECT_FALSE(scene.reflector->is_synced());
  is_allowed = true;
  ASSERT_TRUE(scene.tells("+a synced "));
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.reflector->trouble().empty(); }));
  EXPECT_EQ(scene.troubles.back(), "");
}

TEST(Reflector, KeepsTheLastGoodVersionOfABrokenObject) {
  Scene scene{[](const Seen& seen) {
    if (is_watch(seen)) return watching();
    return Answer{.bytes = http_answer(200, list(10, service("a", 1, 1)))};
  }};
  scene.reflector->start();
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.server.is_hanging(); }));
  scene.server.push(chunk(event("MODIFIED", service("a", 11, 70'000))));
  ASSERT_TRUE(scene.tells("+a synced !a:1 "));
  EXPECT_EQ(scene.ports.at("a"), 1);
  scene.server.push(chunk(event("MODIFIED", service("a", 12, 80))));
  ASSERT_TRUE(scene.tells("+a synced !a:1 +a !a:0 "));
}

TEST(Reflector, DoesNotBelieveGarbage) {
  unsigned lists = 0;
  Scene scene{[&](const Seen& seen) {
    if (is_watch(seen)) return watching();
    return ++lists == 1 ? Answer{.bytes = http_answer(200, R"({"items": [{"metadata": )"
                                                           "\x01")}
                        : Answer{.bytes = http_answer(200, list(10, service("a", 1, 1)))};
  }};
  scene.reflector->start();
  ASSERT_TRUE(scene.tells("+a synced "));
  EXPECT_EQ(scene.reflector->status().counters.garbled, 1U);
}

TEST(Reflector, ReadsALargeListInTurns) {
  constexpr int kMany = 3000;
  std::string items;
  for (int i = 0; i < kMany; ++i)
    items += (i == 0 ? "" : ",") + service(fmt::format("s{}", i), i + 1, 1 + i % 1000);
  Scene scene{[&](const Seen& seen) {
    if (is_watch(seen)) return watching();
    return Answer{.bytes = http_answer(200, list(10'000, items))};
  }};
  std::size_t most = 0;  // told in one turn of the loop
  std::size_t before = 0;
  scene.reflector->start();
  ASSERT_TRUE(scene.bench.run_until([&] {
    most = std::max(most, scene.ports.size() - before);
    before = scene.ports.size();
    return scene.reflector->is_synced();
  }));
  EXPECT_EQ(scene.ports.size(), static_cast<std::size_t>(kMany));
  EXPECT_LT(most, 500U);
}

}  // namespace
}  // namespace porter::kube
