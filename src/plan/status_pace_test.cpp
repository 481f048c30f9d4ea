// SPDX-License-Identifier: Apache-2.0
#include "plan/status_pace.hpp"

#include <gtest/gtest.h>

namespace porter::plan {
namespace {

using namespace std::chrono_literals;
using model::Kind;
using model::ObjectKey;

const TimePoint kNoon{12h};
const ObjectKey kService{.kind = Kind::Service, .name = {.ns = "shop", .name = "web"}};
const ObjectKey kEip{.kind = Kind::Eip, .name = {.ns = {}, .name = "lan"}};
const ObjectKey kPeer{.kind = Kind::BgpPeer, .name = {.ns = {}, .name = "tor"}};

// Every key that comes out until `end`, with the time since noon.
std::vector<std::pair<Duration, ObjectKey>> taken(StatusPace& pace, TimePoint begin,
                                                  TimePoint end) {
  std::vector<std::pair<Duration, ObjectKey>> out;
  for (TimePoint now = begin; now < end; now += 1ms) {
    pace.settle(now);
    while (const auto key = pace.take(now)) {
      out.emplace_back(now - kNoon, *key);
      pace.wrote(*key, now);
    }
  }
  return out;
}

TEST(StatusPace, AServiceInAClusterHardlyWaits) {
  StatusPace pace{Role::Controller};
  pace.mark(kService);
  const auto out = taken(pace, kNoon, kNoon + 1s);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_LE(out[0].first, 4ms);
}

TEST(StatusPace, APoolIsWrittenOnceASecond) {
  StatusPace pace{Role::Controller};
  std::size_t writes = 0;
  for (TimePoint now = kNoon; now < kNoon + 10s; now += 10ms) {
    pace.mark(kEip);
    writes += taken(pace, now, now + 10ms).size();
  }
  EXPECT_LE(writes, 12U);
  EXPECT_GE(writes, 9U);
}

TEST(StatusPace, APeerRestsForTenSecondsAndThenSaysTheLatest) {
  StatusPace pace{Role::Controller};
  pace.mark(kPeer);
  ASSERT_EQ(taken(pace, kNoon, kNoon + 2s).size(), 1U);
  pace.mark(kPeer);
  const auto out = taken(pace, kNoon + 2s, kNoon + 20s);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_GE(out[0].first, 10s);
  EXPECT_LE(out[0].first, 11s);
  EXPECT_EQ(pace.deadline(), kNever);
}

TEST(StatusPace, WhatWasPutOffComesBack) {
  StatusPace pace{Role::Controller};
  pace.put_off(kService, kNoon + 5s);
  EXPECT_EQ(pace.deadline(), kNoon + 5s);
  const auto out = taken(pace, kNoon, kNoon + 6s);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_GE(out[0].first, 5s);
}

TEST(StatusPace, ASpeakerWritesNoStatus) {
  StatusPace pace{Role::Speaker};
  pace.mark(kService);
  pace.mark(kPeer);
  EXPECT_TRUE(taken(pace, kNoon, kNoon + 20s).empty());
  EXPECT_EQ(pace.deadline(), kNever);
}

}  // namespace
}  // namespace porter::plan
