// SPDX-License-Identifier: Apache-2.0
#include "watch/election.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "watch/election_lab.hpp"

namespace porter::watch {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

// A candidate, its clock, and a Lease that answers at once when asked to.
class Bench {
 public:
  explicit Bench(lab::LeaseStore& store, std::string identity = "me")
      : store_{store}, machine_{config(std::move(identity))} {}

  Texts tell(const election::Event& event) { return perform(machine_.handle(event, now_)); }
  // The store answers what is under way.
  Texts answer() { return tell(answer_of(*std::exchange(pending_, std::nullopt))); }
  Texts answer_all() {
    Texts texts;
    while (pending_) {
      const Texts more = answer();
      texts.insert(texts.end(), more.begin(), more.end());
    }
    return texts;
  }
  Texts wait() {
    now_ = std::max(now_, machine_.deadline());
    return perform(machine_.tick(now_));
  }
  Texts pass(Duration span) {
    now_ += span;
    return perform(machine_.tick(now_));
  }
  void sleep(Duration span) { now_ += span; }  // nobody calls tick()

  [[nodiscard]] Duration until_deadline() const { return machine_.deadline() - now_; }
  [[nodiscard]] bool may_act() const { return machine_.may_act(now_); }
  [[nodiscard]] RequestId request() const { return request_; }
  [[nodiscard]] const Election& machine() const { return machine_; }
  [[nodiscard]] const election::Record& record() const { return record_; }

 private:
  static election::Config config(std::string identity) {
    election::Config config;
    config.identity = std::move(identity);
    return config;
  }
  election::Event answer_of(const election::Action& action) {
    if (const auto* create = std::get_if<election::Create>(&action))
      return store_.create(create->id, create->record);
    if (const auto* update = std::get_if<election::Update>(&action))
      return store_.update(update->id, update->record);
    return store_.get(std::get<election::Get>(action).id);
  }
  Texts perform(const election::Actions& actions) {
    Texts texts;
    for (const election::Action& action : actions) {
      texts.push_back(lab::text_of(action));
      if (const auto* get = std::get_if<election::Get>(&action)) asked(get->id, action);
      if (const auto* create = std::get_if<election::Create>(&action)) {
        record_ = create->record;
        asked(create->id, action);
      }
      if (const auto* update = std::get_if<election::Update>(&action)) {
        record_ = update->record;
        asked(update->id, action);
      }
    }
    return texts;
  }
  void asked(RequestId id, const election::Action& action) {
    request_ = id;
    pending_ = action;
  }

  lab::LeaseStore& store_;
  TimePoint now_{1h};
  Election machine_;
  RequestId request_ = 0;
  std::optional<election::Action> pending_;
  election::Record record_;
};

class ElectionTest : public testing::Test {
 protected:
  // `bench` leads, with a Lease at resourceVersion 1.
  static void lead(Bench& bench) {
    (void)bench.tell(election::Start{});
    EXPECT_EQ(bench.answer(), Texts{"Create me"});
    EXPECT_EQ(bench.answer(), (Texts{"LeaderSeen me", "Acquired"}));
  }
  // Somebody else writes the Lease.
  void other_takes(const std::string& holder) {
    const std::string version = store_.lease() ? store_.lease()->resource_version : "";
    const election::Record record{
        .holder = holder, .duration_seconds = 4, .acquire_time = {}, .resource_version = version};
    (void)(store_.lease() ? store_.update(0, record) : store_.create(0, record));
  }

  lab::LeaseStore store_;
};

TEST_F(ElectionTest, CreatesTheLeaseWhereThereIsNone) {
  Bench bench{store_};
  EXPECT_EQ(bench.tell(election::Start{}), Texts{"Get"});
  EXPECT_FALSE(bench.may_act());
  EXPECT_EQ(bench.answer(), Texts{"Create me"});
  EXPECT_FALSE(bench.may_act());
  EXPECT_EQ(bench.answer(), (Texts{"LeaderSeen me", "Acquired"}));
  EXPECT_TRUE(bench.may_act());
  EXPECT_EQ(bench.record().duration_seconds, 4);
}

TEST_F(ElectionTest, RenewsEverySecondWithoutReading) {
  Bench bench{store_};
  lead(bench);
  for (int i = 1; i < 10; ++i) {
    EXPECT_EQ(bench.until_deadline(), 1s);
    EXPECT_EQ(bench.wait(), Texts{"Update me at " + std::to_string(i)});
    EXPECT_EQ(bench.answer(), Texts{});
    EXPECT_TRUE(bench.may_act());
  }
  EXPECT_EQ(store_.lease()->acquire_time, "t1");
  EXPECT_EQ(store_.lease()->transitions, 0);
}

TEST_F(ElectionTest, TheRightCountsFromWhenTheWriteWasSent) {
  Bench bench{store_};
  lead(bench);
  (void)bench.wait();
  (void)bench.pass(1400ms);
  (void)bench.answer();
  (void)bench.pass(1599ms);
  EXPECT_TRUE(bench.may_act());
  bench.sleep(1ms);
  EXPECT_FALSE(bench.may_act());
}

TEST_F(ElectionTest, APausedLeaderKnowsItBeforeItIsTold) {
  Bench bench{store_};
  lead(bench);
  bench.sleep(1min);
  EXPECT_FALSE(bench.may_act());
  EXPECT_EQ(bench.wait().front(), "Lost: the Lease could not be renewed within 3000 ms");
  EXPECT_FALSE(bench.machine().is_leading());
}

TEST_F(ElectionTest, ALeaderWithoutApiServerStepsDownAfterThreeSeconds) {
  Bench bench{store_};
  lead(bench);
  Texts texts;
  Duration lead_time{};
  while (bench.machine().is_leading()) {
    lead_time += bench.until_deadline();
    const Texts more = bench.wait();
    texts.insert(texts.end(), more.begin(), more.end());
    if (bench.machine().is_leading())
      (void)bench.tell(election::Failed{.id = bench.request(), .why = "connection refused"});
  }
  EXPECT_EQ(lead_time, 3s);
  EXPECT_EQ(texts.back(),
            "Lost: the Lease could not be renewed within 3000 ms: connection refused");
}

TEST_F(ElectionTest, WaitsUntilItHasLookedAtTheSameRecordForItsWholeTime) {
  other_takes("other");
  Bench bench{store_};
  (void)bench.tell(election::Start{});
  EXPECT_EQ(bench.answer(), Texts{"LeaderSeen other"});
  Duration waited{};
  Texts texts;
  while (texts != Texts{"Update me at 1"}) {
    EXPECT_LE(bench.until_deadline(), 500ms);
    waited += bench.until_deadline();
    texts = bench.wait();
    if (texts == Texts{"Get"}) {
      EXPECT_EQ(bench.answer(), Texts{});
    }
  }
  EXPECT_EQ(waited, 4s);
  EXPECT_EQ(bench.answer(), (Texts{"LeaderSeen me", "Acquired"}));
  EXPECT_EQ(store_.lease()->transitions, 1);
}

TEST_F(ElectionTest, ARenewalBeginsTheWaitAnew) {
  other_takes("other");
  Bench bench{store_};
  (void)bench.tell(election::Start{});
  (void)bench.answer();
  for (int i = 0; i < 30; ++i) {
    (void)bench.pass(3s);
    other_takes("other");
    EXPECT_EQ(bench.answer_all(), Texts{});
  }
}

TEST_F(ElectionTest, WaitsAsLongAsTheHolderWasPromised) {
  (void)store_.create(
      0, {.holder = "other", .duration_seconds = 15, .acquire_time = {}, .resource_version = {}});
  Bench bench{store_};
  (void)bench.tell(election::Start{});
  (void)bench.answer();
  for (int i = 0; i < 28; ++i) {
    EXPECT_EQ(bench.pass(500ms), Texts{"Get"});
    (void)bench.answer();
  }
  (void)bench.pass(1s);
  EXPECT_EQ(bench.record().holder, "me");
}

TEST_F(ElectionTest, TakesAReleasedLeaseAtOnce) {
  other_takes("");
  Bench bench{store_};
  (void)bench.tell(election::Start{});
  EXPECT_EQ(bench.answer(), Texts{"Update me at 1"});
  EXPECT_EQ(bench.answer(), (Texts{"LeaderSeen me", "Acquired"}));
}

TEST_F(ElectionTest, WhoIsSlowerLooksWhoWasFaster) {
  other_takes("");
  Bench bench{store_};
  (void)bench.tell(election::Start{});
  (void)bench.answer();
  other_takes("other");
  EXPECT_EQ(bench.answer(), Texts{"Get"});
  EXPECT_EQ(bench.answer(), Texts{"LeaderSeen other"});
  EXPECT_FALSE(bench.may_act());
}

TEST_F(ElectionTest, ALeaderWhoseLeaseSomebodyTouchedReadsAndGoesOn) {
  Bench bench{store_};
  lead(bench);
  other_takes("me");  // resourceVersion 2
  (void)bench.wait();
  EXPECT_EQ(bench.answer(), Texts{"Get"});
  EXPECT_EQ(bench.answer(), Texts{"Update me at 2"});
  EXPECT_EQ(bench.answer(), Texts{});
  EXPECT_TRUE(bench.may_act());
}

TEST_F(ElectionTest, ALeaderWhoseLeaseAnotherHoldsStepsDown) {
  Bench bench{store_};
  lead(bench);
  other_takes("other");
  (void)bench.wait();
  EXPECT_EQ(bench.answer(), Texts{"Get"});
  EXPECT_EQ(bench.answer(), (Texts{"LeaderSeen other", "Lost: other holds the Lease"}));
  EXPECT_FALSE(bench.may_act());
}

TEST_F(ElectionTest, ConflictsThatDoNotEndAreMetAtLeisure) {
  Bench bench{store_};
  lead(bench);
  int requests = 0;
  for (Duration passed{}; passed < 3s; passed += bench.until_deadline(), (void)bench.wait()) {
    if (!bench.machine().is_leading()) break;
    other_takes("me");
    (void)bench.tell(election::Conflict{.id = bench.request()});
    ++requests;
  }
  EXPECT_LT(requests, 12);
}

TEST_F(ElectionTest, AWriteThatChangedNothingIsNoRenewal) {
  Bench bench{store_};
  lead(bench);
  (void)bench.wait();
  EXPECT_EQ(bench.tell(election::Written{.id = bench.request(), .lease = *store_.lease()}),
            Texts{});
  bench.sleep(2s);
  EXPECT_FALSE(bench.may_act());
}

TEST_F(ElectionTest, ADeletedLeaseIsMadeAnewByItsLeaderAlone) {
  Bench bench{store_};
  lead(bench);
  Bench candidate{store_, "you"};
  (void)candidate.tell(election::Start{});
  (void)candidate.answer();
  store_.remove();
  EXPECT_EQ(candidate.wait(), Texts{"Get"});
  EXPECT_EQ(candidate.answer(), Texts{});  // not before `me` must know
  (void)bench.wait();
  EXPECT_EQ(bench.answer(), Texts{"Create me"});
  EXPECT_EQ(bench.answer(), Texts{});
  EXPECT_TRUE(bench.may_act());
  store_.remove();
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(candidate.pass(500ms), Texts{"Get"});
    EXPECT_EQ(candidate.answer(), Texts{});
  }
  (void)candidate.pass(500ms);
  EXPECT_EQ(candidate.answer(), Texts{"Create you"});
}

TEST_F(ElectionTest, ReleasesWhatItHoldsWhenItStops) {
  Bench bench{store_};
  lead(bench);
  EXPECT_EQ(bench.tell(election::Stop{}), (Texts{"Lost: stopping", "Update  at 1"}));
  EXPECT_FALSE(bench.may_act());
  EXPECT_EQ(bench.record().duration_seconds, 1);
  EXPECT_EQ(bench.answer(), (Texts{"LeaderSeen ", "Stopped"}));
  EXPECT_EQ(store_.lease()->holder, "");
  EXPECT_EQ(bench.machine().deadline(), kNever);
}

TEST_F(ElectionTest, ARenewalUnderWayIsAwaitedAndThenReleased) {
  Bench bench{store_};
  lead(bench);
  (void)bench.wait();
  EXPECT_EQ(bench.tell(election::Stop{}), Texts{"Lost: stopping"});
  EXPECT_EQ(bench.answer(), Texts{"Update  at 2"});
  EXPECT_EQ(bench.answer().back(), "Stopped");
}

TEST_F(ElectionTest, DoesNotWaitForEverToRelease) {
  Bench bench{store_};
  lead(bench);
  (void)bench.tell(election::Stop{});
  EXPECT_LE(bench.until_deadline(), 2s);
  EXPECT_EQ(bench.wait(), Texts{"Stopped"});
}

TEST_F(ElectionTest, ACandidateStopsAtOnce) {
  other_takes("other");
  Bench bench{store_};
  (void)bench.tell(election::Start{});
  (void)bench.answer();
  EXPECT_EQ(bench.tell(election::Stop{}), Texts{"Stopped"});
  EXPECT_EQ(bench.tell(election::Start{}), Texts{"Get"});
}

TEST_F(ElectionTest, SaysOnceWhatKeepsItFromTheLease) {
  Bench bench{store_};
  (void)bench.tell(election::Start{});
  EXPECT_EQ(bench.tell(election::Failed{.id = bench.request(), .why = "403 Forbidden"}),
            Texts{"Trouble: 403 Forbidden"});
  EXPECT_GE(bench.until_deadline(), 450ms);
  EXPECT_EQ(bench.wait(), Texts{"Get"});
  EXPECT_EQ(bench.tell(election::Failed{.id = bench.request(), .why = "403 Forbidden"}), Texts{});
  (void)bench.wait();
  EXPECT_EQ(bench.answer(), (Texts{"Recovered", "Create me"}));
}

TEST_F(ElectionTest, WhatAGivenUpRequestStillSaysIsIgnored) {
  Bench bench{store_};
  (void)bench.tell(election::Start{});
  const RequestId old = bench.request();
  EXPECT_EQ(bench.wait(), Texts{"Trouble: the API server does not answer"});
  EXPECT_EQ(bench.tell(election::NotFound{.id = old}), Texts{});
  EXPECT_EQ(bench.wait(), Texts{"Get"});
}

TEST(Lease, IsWrittenAndReadBack) {
  const election::Record record{.holder = "me",
                                .duration_seconds = 4,
                                .transitions = 3,
                                .acquire_time = "2024-05-01T10:00:00.000001Z",
                                .resource_version = "17"};
  const Tree tree =
      election::to_tree(record, "porter-system", "porter-controller", 1'714'557'605'000'042);
  EXPECT_EQ(to_json(tree, 0),
            R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":)"
            R"({"name":"porter-controller","namespace":"porter-system","resourceVersion":"17"},)"
            R"("spec":{"holderIdentity":"me","leaseDurationSeconds":4,)"
            R"("acquireTime":"2024-05-01T10:00:00.000001Z",)"
            R"("renewTime":"2024-05-01T10:00:05.000042Z","leaseTransitions":3}})");
  EXPECT_EQ(*read_lease(tree), (LeaseState{.holder = "me",
                                           .duration_seconds = 4,
                                           .transitions = 3,
                                           .acquire_time = "2024-05-01T10:00:00.000001Z",
                                           .renew_time = "2024-05-01T10:00:05.000042Z",
                                           .resource_version = "17"}));
  EXPECT_EQ(read_lease(Tree::map()).error().message, "a \"\" where a Lease should be");
}

TEST(ElectionConfig, IsCheckedInWords) {
  using std::chrono::milliseconds;
  const auto error = [](std::string identity, milliseconds lease, milliseconds renew,
                        milliseconds retry) {
    election::Config config;
    config.identity = std::move(identity);
    config.lease = lease;
    config.renew = renew;
    config.retry = retry;
    const Result<void> verdict = check(config);
    return verdict ? std::string{} : verdict.error().message;
  };
  EXPECT_EQ(error("me", 4s, 3s, 1s), "");
  EXPECT_EQ(error("", 4s, 3s, 1s), "the identity of a candidate is empty");
  EXPECT_EQ(error("me", 4500ms, 3s, 1s),
            "the lease is 4500 ms; it must be whole seconds, one at least");
  EXPECT_EQ(error("me", 4s, 4s, 1s), "renew is 4000 ms; it must be less than the lease, 4000 ms");
  EXPECT_EQ(error("me", 4s, 3s, 3s),
            "retry is 3000 ms; it must be 10 ms at least and less than renew, 3000 ms");
}

}  // namespace
}  // namespace porter::watch
