// SPDX-License-Identifier: Apache-2.0
#include "kube/write_queue.hpp"

#include <string>

#include <gtest/gtest.h>

namespace porter::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{std::chrono::hours{1}};

WriteKey key_of(const std::string& name, const std::string& part = {}) {
  return WriteKey{.resource = resource_of(model::Kind::Service),
                  .name = {.ns = "shop", .name = name},
                  .part = part};
}

struct Scene {
  explicit Scene(const WriteQueue::Options& options = {}) : queue{options, kStart} {}

  bool put(const std::string& name, const std::string& manager = "one") {
    Wish wish{.key = key_of(name),
              .operation = ApplyStatus{.status = Tree::map(), .manager = manager},
              .uid = {},
              .rebase = {},
              .done = [this, name](const WriteResult& result) {
                if (result.outcome == WriteOutcome::Superseded) told += "-" + name;
              }};
    return queue.put(std::move(wish), now);
  }
  // The names that may go now.
  std::string going() {
    std::string names;
    while (auto job = queue.next(now)) {
      names += job->wish.key.name.name;
      jobs.push_back(*std::move(job));
    }
    return names;
  }
  WriteQueue::Job take() {
    WriteQueue::Job job = std::move(jobs.front());
    jobs.erase(jobs.begin());
    return job;
  }
  void finish() { queue.finished(take().ticket, now); }
  void fail(std::optional<Duration> retry_after = {}) {
    WriteQueue::Job job = take();
    queue.failed(job.ticket, std::move(job.wish), retry_after, now);
  }

  TimePoint now = kStart;
  WriteQueue queue;
  std::vector<WriteQueue::Job> jobs;
  std::string told;
};

TEST(WriteQueue, LetsTheOldestGoFirst) {
  Scene scene;
  for (const std::string name : {"c", "a", "b"})
    EXPECT_TRUE(scene.put(name));
  EXPECT_EQ(scene.going(), "cab");
  EXPECT_EQ(scene.queue.deadline(scene.now), kNever);
}

TEST(WriteQueue, KeepsTheLatestWishOfAKey) {
  Scene scene;
  scene.put("a", "old");
  scene.put("b");
  scene.put("a", "new");
  EXPECT_EQ(scene.told, "-a");
  EXPECT_EQ(scene.going(), "ab");  // in its old place
  EXPECT_EQ(std::get<ApplyStatus>(scene.jobs.front().wish.operation).manager, "new");
}

TEST(WriteQueue, NeverHasTwoOfOneKeyOnTheirWay) {
  Scene scene;
  scene.put("a", "old");
  EXPECT_EQ(scene.going(), "a");
  scene.put("a", "new");
  EXPECT_EQ(scene.going(), "");
  EXPECT_EQ(scene.told, "");  // the one on its way is told what came of it
  scene.finish();
  EXPECT_EQ(scene.going(), "a");
  scene.finish();
  EXPECT_TRUE(scene.queue.is_idle());
}

TEST(WriteQueue, HasABoundOfWritesOnTheirWay) {
  WriteQueue::Options options;
  options.in_flight = 2;
  Scene scene{options};
  for (const std::string name : {"a", "b", "c"})
    scene.put(name);
  EXPECT_EQ(scene.going(), "ab");
  EXPECT_EQ(scene.queue.deadline(scene.now), kNever);  // until one is finished
  scene.finish();
  EXPECT_EQ(scene.going(), "c");
}

TEST(WriteQueue, LetsNoMoreGoThanTheRateAllows) {
  WriteQueue::Options options;
  options.rate = 10;
  options.burst = 3;
  options.in_flight = 1000;
  Scene scene{options};
  for (int i = 0; i < 10; ++i)
    scene.put(std::to_string(i));
  EXPECT_EQ(scene.going(), "012");
  scene.now += milliseconds{50};
  EXPECT_EQ(scene.going(), "");
  const TimePoint next = scene.queue.deadline(scene.now);
  EXPECT_GT(next, scene.now);
  EXPECT_LE(next, kStart + milliseconds{101});
  scene.now = next;
  EXPECT_EQ(scene.going(), "3");
  scene.now += seconds{60};
  EXPECT_EQ(scene.going(), "456");  // no more than the burst is saved up
}

TEST(WriteQueue, TriesAgainLaterAndLaterWhatFailed) {
  Scene scene;
  scene.put("a");
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(scene.going(), "a");
    scene.fail();
    const Duration wait = scene.queue.deadline(scene.now) - scene.now;
    EXPECT_GT(wait, Duration{});
    EXPECT_LE(wait, watch::Backoff::kLongest);
    if (i == 11) {
      EXPECT_GE(wait, watch::Backoff::kLongest / 2);
    }
    scene.now += wait;
  }
  EXPECT_EQ(scene.queue.counters().retries, 12U);
}

TEST(WriteQueue, WaitsAsLongAsItIsTold) {
  Scene scene;
  scene.put("a");
  scene.put("b");
  EXPECT_EQ(scene.going(), "ab");
  scene.fail(seconds{7});
  EXPECT_EQ(scene.queue.deadline(scene.now), scene.now + seconds{7});
  scene.finish();
  scene.put("c");
  EXPECT_EQ(scene.going(), "c");  // nobody waits for another
}

TEST(WriteQueue, TriesTheNewerWishAfterAFailure) {
  Scene scene;
  scene.put("a", "old");
  EXPECT_EQ(scene.going(), "a");
  scene.put("a", "new");
  scene.fail();
  EXPECT_EQ(scene.told, "-a");
  scene.now += seconds{1};
  EXPECT_EQ(scene.going(), "a");
  EXPECT_EQ(std::get<ApplyStatus>(scene.jobs.front().wish.operation).manager, "new");
}

TEST(WriteQueue, ANewerWishDoesNotShortenTheWait) {
  Scene scene;
  scene.put("a");
  EXPECT_EQ(scene.going(), "a");
  scene.fail(seconds{5});
  scene.put("a", "new");
  EXPECT_EQ(scene.going(), "");
  EXPECT_EQ(scene.queue.deadline(scene.now), scene.now + seconds{5});
}

TEST(WriteQueue, TakesNoMoreThanItsBound) {
  WriteQueue::Options options;
  options.most_wishes = 2;
  Scene scene{options};
  EXPECT_TRUE(scene.put("a"));
  EXPECT_TRUE(scene.put("b"));
  EXPECT_FALSE(scene.put("c"));
  EXPECT_TRUE(scene.put("a"));  // takes no more room
  EXPECT_EQ(scene.queue.counters().overflows, 1U);
}

TEST(WriteQueue, ForgetsWhatIsNotOnItsWay) {
  Scene scene;
  scene.put("a");
  EXPECT_EQ(scene.going(), "a");
  scene.put("a", "new");
  scene.put("b");
  scene.queue.forget(key_of("a"));
  scene.queue.forget(key_of("b"));
  scene.queue.forget(key_of("c"));
  EXPECT_EQ(scene.told, "-a-b");
  scene.finish();
  EXPECT_TRUE(scene.queue.is_idle());
  EXPECT_EQ(scene.going(), "");
}

TEST(WriteQueue, CallsARightAsRbacDoes) {
  EXPECT_EQ(rbac_words(key_of("a"), ApplyStatus{}), "patch services/status");
  const WriteKey key{.resource = resource_of(model::Kind::EipAddress),
                     .name = {.ns = {}, .name = "192.0.2.1"},
                     .part = {}};
  EXPECT_EQ(rbac_words(key, Create{}), "create eipaddresses.network.kubesphere.io");
}

TEST(WriteQueue, BasesAnOperationOnTheObjectAsItIs) {
  Tree metadata = Tree::map();
  metadata.set("name", "a").set("resourceVersion", "1");
  Tree object = Tree::map();
  object.set("metadata", metadata);
  Tree current = Tree::map();
  metadata.set("resourceVersion", "2");
  current.set("metadata", metadata);
  EXPECT_EQ(std::get<Update>(based_on(Update{.object = object}, current)).object, current);
  EXPECT_EQ(std::get<Delete>(based_on(Delete{}, current)).resource_version, "2");
  EXPECT_EQ(std::get<PatchStatus>(based_on(PatchStatus{}, current)).resource_version, "2");
}

}  // namespace
}  // namespace porter::kube
