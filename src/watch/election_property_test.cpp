// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <rapidcheck.h>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "watch/election.hpp"
#include "watch/election_lab.hpp"

// Candidates with clocks of their own on one Lease, over a network that delays, loses and reorders,
// with pauses and deaths: two of them never may act at once.
namespace porter::watch {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct Weather {
  milliseconds longest_delay{0};
  int lost_in_hundred = 0;
  int paused_in_hundred = 0;   // of the moments something happens to a candidate
  int clocks_in_thousand = 0;  // how wrong clocks run
};

class World {
 public:
  World(std::size_t candidates, Weather weather, std::uint64_t seed)
      : weather_{weather}, random_{seed} {
    for (std::size_t i = 0; i < candidates; ++i) {
      election::Config config;
      config.identity = "candidate-" + std::to_string(i);
      config.jitter_seed = i + 1;
      candidates_.emplace_back(Election{config});
      Candidate& candidate = candidates_.back();
      candidate.offset = pick(0, 100'000) * 1ms;
      candidate.per_mille += pick(-weather_.clocks_in_thousand, weather_.clocks_in_thousand + 1);
      tell(i, election::Start{});
    }
  }

  // In steps of 20 ms until `end`; gives false as soon as two may act.
  [[nodiscard]] bool run_until(milliseconds end) {
    while (now_ < end) {
      now_ += 20ms;
      deliver();
      if (acting() > 1) return false;
    }
    return true;
  }
  [[nodiscard]] std::size_t acting() const {
    return static_cast<std::size_t>(
        std::count_if(candidates_.begin(), candidates_.end(),
                      [&](const Candidate& candidate) { return may_act(candidate); }));
  }
  void kill_leader() {
    for (Candidate& candidate : candidates_) {
      if (may_act(candidate)) candidate.is_dead = true;
    }
  }
  void stop_leader() {
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      if (may_act(candidates_[i])) tell(i, election::Stop{});
    }
  }
  void set(Weather weather) { weather_ = weather; }
  [[nodiscard]] milliseconds now() const { return now_; }

 private:
  struct Candidate {
    explicit Candidate(Election election) : machine{std::move(election)} {}
    Election machine;
    milliseconds offset{0};
    int per_mille = 1000;
    milliseconds paused_until{0};
    bool is_dead = false;
  };
  struct Message {
    std::size_t candidate = 0;
    std::optional<election::Action> request;  // else an answer
    election::Event answer;
  };

  [[nodiscard]] TimePoint clock(const Candidate& candidate) const {
    return TimePoint{candidate.offset + now_ * candidate.per_mille / 1000};
  }
  // Also while it is paused: that it would not ask then cannot be relied on.
  [[nodiscard]] bool may_act(const Candidate& candidate) const {
    return !candidate.is_dead && candidate.machine.may_act(clock(candidate));
  }

  int pick(int low, int high) {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    return low + static_cast<int>((random_ >> 33U) % static_cast<std::uint64_t>(high - low));
  }
  bool chance(int in_hundred) { return pick(0, 100) < in_hundred; }

  void send(Message message) {
    if (chance(weather_.lost_in_hundred)) return;
    const milliseconds delay{pick(0, static_cast<int>(weather_.longest_delay.count()) + 1)};
    messages_.emplace(now_ + delay, std::move(message));
  }

  void deliver() {
    while (!messages_.empty() && messages_.begin()->first <= now_) {
      const Message message = std::move(messages_.begin()->second);
      messages_.erase(messages_.begin());
      if (message.request) {
        send({.candidate = message.candidate, .request = {}, .answer = answer(*message.request)});
      } else if (const Candidate& candidate = candidates_[message.candidate];
                 candidate.paused_until > now_) {
        messages_.emplace(candidate.paused_until, message);  // lies in its socket
      } else {
        tell(message.candidate, message.answer);
      }
    }
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      Candidate& candidate = candidates_[i];
      if (candidate.is_dead || candidate.paused_until > now_) continue;
      if (candidate.machine.deadline() > clock(candidate)) continue;
      if (chance(weather_.paused_in_hundred)) {
        candidate.paused_until = now_ + pick(0, 20'000) * 1ms;
      } else {
        perform(i, candidate.machine.tick(clock(candidate)));
      }
    }
  }

  election::Event answer(const election::Action& request) {
    if (const auto* get = std::get_if<election::Get>(&request)) return store_.get(get->id);
    if (const auto* create = std::get_if<election::Create>(&request))
      return store_.create(create->id, create->record);
    const auto& update = std::get<election::Update>(request);
    return store_.update(update.id, update.record);
  }

  void tell(std::size_t i, const election::Event& event) {
    Candidate& candidate = candidates_[i];
    if (candidate.is_dead) return;
    perform(i, candidate.machine.handle(event, clock(candidate)));
    RC_ASSERT(candidate.machine.deadline() > clock(candidate));
  }

  void perform(std::size_t i, const election::Actions& actions) {
    for (const election::Action& action : actions) {
      const bool is_request = std::holds_alternative<election::Get>(action) ||
                              std::holds_alternative<election::Create>(action) ||
                              std::holds_alternative<election::Update>(action);
      if (is_request) send({.candidate = i, .request = action, .answer = {}});
      if (std::holds_alternative<election::Lost>(action))
        RC_ASSERT(!candidates_[i].machine.may_act(clock(candidates_[i])));
    }
  }

  Weather weather_;
  std::uint64_t random_;
  milliseconds now_{0};
  lab::LeaseStore store_;
  std::vector<Candidate> candidates_;
  std::multimap<milliseconds, Message> messages_;
};

RC_GTEST_PROP(ElectionProperty, TwoNeverMayActAtOnce, ()) {
  const Weather weather{.longest_delay = milliseconds{*rc::gen::element(5, 100, 1000, 5000)},
                        .lost_in_hundred = *rc::gen::element(0, 10, 40),
                        .paused_in_hundred = *rc::gen::element(0, 5, 20),
                        .clocks_in_thousand = *rc::gen::element(0, 100)};
  World world{*rc::gen::inRange<std::size_t>(2, 5), weather, *rc::gen::arbitrary<std::uint64_t>()};
  RC_ASSERT(world.run_until(90s));
}

RC_GTEST_PROP(ElectionProperty, ADeadLeaderIsReplacedWithinFiveSeconds, ()) {
  const Weather fair{.longest_delay = 50ms};
  World world{2, fair, *rc::gen::arbitrary<std::uint64_t>()};
  RC_ASSERT(world.run_until(10s + milliseconds{*rc::gen::inRange(0, 2000)}));
  RC_ASSERT(world.acting() == 1U);
  world.kill_leader();
  RC_ASSERT(world.run_until(world.now() + 5s));
  RC_ASSERT(world.acting() == 1U);
}

RC_GTEST_PROP(ElectionProperty, ALeaderThatStopsIsReplacedWithinASecond, ()) {
  const Weather fair{.longest_delay = 50ms};
  World world{3, fair, *rc::gen::arbitrary<std::uint64_t>()};
  RC_ASSERT(world.run_until(10s + milliseconds{*rc::gen::inRange(0, 2000)}));
  world.stop_leader();
  RC_ASSERT(world.run_until(world.now() + 1s));
  RC_ASSERT(world.acting() == 1U);
}

RC_GTEST_PROP(ElectionProperty, SomebodyLeadsAfterEveryStorm, ()) {
  const Weather storm{.longest_delay = 3s, .lost_in_hundred = 60, .paused_in_hundred = 10};
  World world{3, storm, *rc::gen::arbitrary<std::uint64_t>()};
  RC_ASSERT(world.run_until(1min));
  world.set({.longest_delay = 50ms});
  RC_ASSERT(world.run_until(world.now() + 40s));  // pauses of 20 s may still be under way
  RC_ASSERT(world.acting() == 1U);
}

}  // namespace
}  // namespace porter::watch
