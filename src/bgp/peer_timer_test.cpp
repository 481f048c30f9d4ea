// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bgp/backoff.hpp"
#include "bgp/peer_lab.hpp"

// Hold, keepalive, send hold and connect retry timers (RFC 4271 §4.4, §6.5, §8, §10; RFC 9687).
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;
using lab::Lab;
using lab::Octets;

OpenConfig hold(std::uint16_t seconds) {
  OpenConfig open = lab::theirs();
  open.hold_time = seconds;
  return open;
}

// The time until `id` is closed, looked at every 10 ms.
Duration time_until_closed(Lab& lab, ConnId id, Duration most) {
  const TimePoint began = lab.now;
  while (!lab.is_closed(id) && lab.now < began + most) {
    lab.pass(10ms);
  }
  return lab.now - began;
}

TEST(PeerTimer, HoldTimerExpiresAtTheNegotiatedTimeAndNotBefore) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish(hold(3));
  lab.pass(3s - 1ns);
  EXPECT_FALSE(lab.is_closed(id));
  lab.pass(1ns);
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_EQ(lab.notification(id), (Octets{4, 0}));
}

TEST(PeerTimer, HoldTimerRunsInOpenConfirmWithTheNegotiatedTime) {
  Lab lab;
  lab.start();
  const ConnId id = lab.connect();
  lab.open(id, hold(3));
  EXPECT_EQ(time_until_closed(lab, id, 10s), 3s);
  EXPECT_EQ(lab.notification(id), (Octets{4, 0}));
}

TEST(PeerTimer, WaitsFourMinutesForAnOpen) {
  PeerConfig config = lab::config();
  config.dial = PeerConfig::Dial::Passive;
  Lab lab{config};
  lab.start();
  const ConnId id = lab.connect();
  lab.pass(4min - 1ns);
  EXPECT_FALSE(lab.is_closed(id));
  lab.pass(1ns);
  EXPECT_EQ(lab.notification(id), (Octets{4, 0}));
}

TEST(PeerTimer, UpdatesAndKeepalivesEachRestartTheHoldTimer) {
  for (const Octets& message : {lab::keepalive(), lab::announce(lab::host(1))}) {
    Lab lab;
    lab.start();
    const ConnId id = lab.establish(hold(3));
    for (int i = 0; i < 10; ++i) {
      lab.pass(2900ms);
      lab.receive(id, message);
    }
    EXPECT_FALSE(lab.is_closed(id));
    EXPECT_EQ(time_until_closed(lab, id, 10s), 3s);
  }
}

TEST(PeerTimer, HoldTimeZeroMeansNoKeepaliveAndNoExpiry) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish(hold(0));
  const std::size_t keepalives = lab.count(id, MessageType::Keepalive);
  lab.pass(24h);
  EXPECT_EQ(lab.peer.state(), State::Established);
  EXPECT_EQ(lab.count(id, MessageType::Keepalive), keepalives);
}

TEST(PeerTimer, KeepalivesAreAThirdOfTheHoldTimeApartOrLittleLess) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish(hold(6));
  TimePoint last = lab.now;
  for (int i = 0; i < 100; ++i) {
    lab.stream[id].clear();
    while (lab.stream[id].empty() && lab.now < last + 3s) {
      lab.pass(10ms);
    }
    EXPECT_EQ(lab.count(id, MessageType::Keepalive), 1U);
    EXPECT_GE(lab.now - last, 1500ms);
    EXPECT_LE(lab.now - last, 2010ms);
    last = lab.now;
    lab.receive(id, lab::keepalive());
  }
}

TEST(PeerTimer, KeepalivesAreNeverMoreThanOneASecond) {
  PeerConfig config = lab::config();
  config.keepalive = 1;
  Lab lab{config};
  lab.start();
  const ConnId id = lab.establish(hold(90));
  const std::size_t before = lab.count(id, MessageType::Keepalive);
  lab.pass(10s);
  EXPECT_EQ(lab.count(id, MessageType::Keepalive), before + 10);
}

TEST(PeerTimer, AConfiguredKeepaliveNeverExceedsAThirdOfTheHoldTime) {
  PeerConfig config = lab::config();
  config.keepalive = 60;
  Lab lab{config};
  lab.start();
  const ConnId id = lab.establish(hold(9));
  const std::size_t before = lab.count(id, MessageType::Keepalive);
  lab.pass(3s);
  EXPECT_EQ(lab.count(id, MessageType::Keepalive), before + 1);
}

TEST(PeerTimer, DropsAPeerThatReadsNothingForEightMinutes) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish(hold(90));
  lab.writes = false;
  lab.source.add(lab::announce(lab::host(1)));
  lab.routes_changed();
  for (Duration passed{}; passed < 8min - 30s; passed += 30s) {
    lab.pass(30s);
    lab.receive(id, lab::keepalive());
    ASSERT_FALSE(lab.is_closed(id));
  }
  lab.pass(31s);
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_EQ(lab.peer.status().last_sent, notification(ErrorCode::SendHoldTimerExpired, 0));
}

TEST(PeerTimer, SendHoldTimerCountsFromTheFirstThingThatWaitsEvenWithoutKeepalives) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish(hold(0));
  lab.pass(24h);
  lab.writes = false;
  lab.source.add(lab::announce(lab::host(1)));
  lab.routes_changed();
  lab.pass(8min - 1s);
  EXPECT_FALSE(lab.is_closed(id));
  lab.pass(2s);
  EXPECT_TRUE(lab.is_closed(id));
}

TEST(PeerTimer, AnythingThePeerReadsRestartsTheSendHoldTimer) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish(hold(0));
  lab.writes = false;
  for (std::uint32_t i = 0; i < 100; ++i) {
    lab.source.add(lab::announce(lab::host(i)));
  }
  lab.routes_changed();
  for (int i = 0; i < 10; ++i) {
    lab.pass(7min);
    lab.write_some(id, 1);
  }
  EXPECT_FALSE(lab.is_closed(id));
}

TEST(PeerTimer, BacksOffFromASecondToHalfAMinuteWhileDialsFail) {
  Lab lab;
  lab.start();
  std::vector<Duration> gaps;
  for (int i = 0; i < 8; ++i) {
    lab.tell(ConnectFailed{.why = "connection refused"});
    const TimePoint failed = lab.now;
    const unsigned dials = lab.dials;
    while (lab.dials == dials && lab.now < failed + 1min) {
      lab.pass(10ms);
    }
    gaps.push_back(lab.now - failed);
  }
  std::chrono::seconds expected{1};
  for (const Duration gap : gaps) {
    EXPECT_GE(gap, expected * 3 / 4);
    EXPECT_LE(gap, expected + 10ms);
    expected = std::min<std::chrono::seconds>(expected * 2, 30s);
  }
  EXPECT_EQ(lab.peer.status().last_error, "cannot connect: connection refused");
}

TEST(PeerTimer, GivesADialTenSeconds) {
  Lab lab;
  lab.start();
  lab.pass(10s);
  EXPECT_EQ(lab.aborts, 1U);
  EXPECT_FALSE(lab.dialing);
  EXPECT_EQ(lab.peer.state(), State::Active);
  lab.pass(1s);
  EXPECT_EQ(lab.dials, 2U);
}

TEST(PeerTimer, AcceptsAPeerDuringItsOwnBackOff) {
  Lab lab;
  lab.start();
  for (int i = 0; i < 8; ++i) {
    lab.tell(ConnectFailed{.why = "no route to host"});
    lab.pass(31s);
  }
  lab.tell(ConnectFailed{.why = "no route to host"});
  (void)lab.establish();
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(PeerTimer, NeverDialsAtOnceAfterASessionEnded) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  lab.pass(45s);
  lab.receive(id, lab::keepalive());
  const unsigned dials = lab.dials;
  lab.lose(id);
  EXPECT_EQ(lab.dials, dials);
  lab.pass(749ms);
  EXPECT_EQ(lab.dials, dials);
  lab.pass(251ms);  // the session had lasted: the back-off begins anew
  EXPECT_EQ(lab.dials, dials + 1);
}

TEST(PeerTimer, BacksOffFromAPeerThatTurnsEachConnectionDown) {
  Lab lab;
  lab.start();
  for (int i = 0; i < 200; ++i) {
    if (lab.dialing) lab.lose(lab.connect(Direction::Outbound));
    lab.pass(1s);
  }
  EXPECT_LE(lab.dials, 14U);  // 1, 2, 4, 8, 16, 30, 30, ... seconds apart, or up to a quarter less
  EXPECT_GE(lab.dials, 9U);
}

TEST(PeerTimer, APeerThatDialsAndHangsUpDoesNotKeepUsFromDialing) {
  Lab lab;
  lab.start();
  lab.tell(ConnectFailed{.why = "connection refused"});
  for (int i = 0; i < 20; ++i) {
    lab.lose(lab.connect());
    lab.pass(100ms);
  }
  EXPECT_GE(lab.dials, 2U);
}

TEST(PeerTimer, ConnectRetrySetsTheFirstStepOfTheBackOff) {
  PeerConfig config = lab::config();
  config.connect_retry = 8;
  Lab lab{config};
  lab.start();
  lab.tell(ConnectFailed{.why = "connection refused"});
  lab.pass(5999ms);
  EXPECT_EQ(lab.dials, 1U);
  lab.pass(2001ms);
  EXPECT_EQ(lab.dials, 2U);
}

TEST(PeerTimer, ConnectRetryBoundsTheBackOffToo) {
  PeerConfig config = lab::config();
  config.connect_retry = 2;
  Lab lab{config};
  lab.start();
  for (int i = 0; i < 200; ++i) {
    if (lab.dialing) lab.lose(lab.connect(Direction::Outbound));
    lab.pass(1s);
  }
  EXPECT_GE(lab.dials, 14U);  // 2, 4, 8, 16, 16, ... seconds apart, or up to a quarter less
  EXPECT_LE(lab.dials, 19U);
}

TEST(Backoff, SurvivesTheLargestConfiguredInterval) {
  PeerConfig config = lab::config();
  config.connect_retry = UINT32_MAX;
  Lab lab{config};
  lab.start();
  lab.tell(ConnectFailed{.why = "connection refused"});
  EXPECT_GT(lab.peer.deadline(), lab.now + 10h);
}

TEST(Jitter, TakesOffAQuarterAtMostAndIsRepeatable) {
  Jitter one{42};
  Jitter same{42};
  for (int i = 0; i < 1000; ++i) {
    const Duration shortened = one(100s);
    EXPECT_GE(shortened, 75s);
    EXPECT_LE(shortened, 100s);
    EXPECT_EQ(shortened, same(100s));
  }
}

}  // namespace
}  // namespace porter::bgp
