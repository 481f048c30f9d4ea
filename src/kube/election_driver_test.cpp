// SPDX-License-Identifier: Apache-2.0
#include "kube/election_driver.hpp"

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

// A Lease as an API server keeps it: a register with compare-and-swap.
struct LeaseStore {
  Answer answer(const Seen& seen) {
    if (is_away) return Answer{.bytes = {}, .then = Then::Close};
    if (seen.method == "GET") return lease.is_null() ? none() : held();
    Tree wanted = *watch::parse_json(seen.body);
    const bool is_right =
        seen.method == "POST"
            ? lease.is_null()
            : wanted.at_path("metadata.resourceVersion").text() == std::to_string(version);
    if (!is_right) return Answer{.bytes = http_answer(409, R"({"kind":"Status","code":409})")};
    Tree metadata = wanted["metadata"];
    metadata.set("resourceVersion", std::to_string(++version));
    wanted.set("metadata", std::move(metadata));
    lease = std::move(wanted);
    return held();
  }
  [[nodiscard]] Answer held() const { return Answer{.bytes = http_answer(200, to_json(lease, 0))}; }
  static Answer none() {
    return Answer{.bytes = http_answer(404, R"({"kind":"Status","code":404})")};
  }
  [[nodiscard]] std::string holder() const { return lease.at_path("spec.holderIdentity").text(); }

  Tree lease;
  unsigned version = 0;
  bool is_away = false;
};

struct Candidate {
  Candidate(Bench& bench, io::Worker& worker, const TestServer& server, const std::string& identity)
      : loop{bench},
        client{open_client(bench, worker,
                           access_to(fmt::format("http://127.0.0.1:{}", server.port())),
                           quick_options())} {
    ElectionDriver::Config config{
        .ns = "porter-system", .name = "porter-controller", .election = {}};
    config.election.identity = identity;
    config.election.lease = std::chrono::milliseconds{1000};
    config.election.renew = std::chrono::milliseconds{600};
    config.election.retry = std::chrono::milliseconds{100};
    ElectionDriver::Told told;
    told.acquired = [this] { story += "acquired "; };
    told.lost = [this](const std::string&) { story += "lost "; };
    driver = std::make_unique<ElectionDriver>(bench.context.get_executor(), *client,
                                              std::move(config), std::move(told));
    driver->start();
  }
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;
  ~Candidate() { finish(loop, driver->stop()); }
  void resign() { finish(loop, driver->resign(std::chrono::seconds{5})); }

  Bench& loop;
  std::string story;
  std::unique_ptr<Client> client;
  std::unique_ptr<ElectionDriver> driver;
};

struct Scene {
  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  LeaseStore store;
  TestServer server{bench, [this](const Seen& seen) { return store.answer(seen); }};
};

TEST(ElectionDriver, MakesTheLeaseAndRenewsIt) {
  Scene scene;
  const Candidate one{scene.bench, scene.worker, scene.server, "one"};
  ASSERT_TRUE(scene.bench.run_until([&] { return one.driver->may_act(); }));
  EXPECT_EQ(scene.store.holder(), "one");
  EXPECT_EQ(scene.store.lease.at_path("metadata.name").text(), "porter-controller");
  const Seen& made = scene.server.seen()[1];
  EXPECT_EQ(made.method + " " + made.target,
            "POST /apis/coordination.k8s.io/v1/namespaces/porter-system/leases");
  const unsigned version = scene.store.version;
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.store.version > version + 1; }));
  EXPECT_EQ(one.story, "acquired ");
}

TEST(ElectionDriver, TakesOverAtOnceFromOneThatResigns) {
  Scene scene;
  Candidate one{scene.bench, scene.worker, scene.server, "one"};
  ASSERT_TRUE(scene.bench.run_until([&] { return one.driver->may_act(); }));
  const Candidate two{scene.bench, scene.worker, scene.server, "two"};
  ASSERT_TRUE(scene.bench.run_until([&] { return two.driver->leader() == "one"; }));
  EXPECT_FALSE(two.driver->may_act());
  one.resign();
  EXPECT_FALSE(one.driver->may_act());
  ASSERT_TRUE(scene.bench.run_until([&] { return two.driver->may_act(); }));
  EXPECT_EQ(scene.store.holder(), "two");
}

TEST(ElectionDriver, LosesItsRightWhileTheApiServerIsAwayAndTakesItAgain) {
  Scene scene;
  const Candidate one{scene.bench, scene.worker, scene.server, "one"};
  ASSERT_TRUE(scene.bench.run_until([&] { return one.driver->may_act(); }));
  scene.store.is_away = true;
  ASSERT_TRUE(scene.bench.run_until([&] { return one.story == "acquired lost "; }));
  EXPECT_FALSE(one.driver->may_act());
  EXPECT_NE(one.driver->trouble(), "");
  scene.store.is_away = false;
  ASSERT_TRUE(scene.bench.run_until([&] { return one.driver->may_act(); }));
  EXPECT_EQ(one.driver->trouble(), "");
}

}  // namespace
}  // namespace porter::kube
