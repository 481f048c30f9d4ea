// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bgp/peer_lab.hpp"

// Graceful restart, as helper and as the one that restarts (RFC 4724, RFC 8538, RFC 7313).
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;
using lab::Lab;
using lab::Octets;

constexpr auto kYes = Restarting::Yes;

bool holds(const Lab& lab, std::uint32_t number) {
  return lab.peer.received().holds(lab::host(number));
}

// A session with graceful restart on both sides that has sent one route.
ConnId establish_with_route(Lab& lab, const OpenConfig& with = lab::theirs_with_restart()) {
  lab.start();
  const ConnId id = lab.establish(with);
  lab.receive(id, lab::announce(lab::host(1)));
  EXPECT_TRUE(holds(lab, 1));
  return id;
}

TEST(PeerRestart, KeepsTheRoutesOfALostPeerUntilItsEndOfRib) {
  Lab lab;
  const ConnId lost = establish_with_route(lab);
  lab.receive(lost, lab::announce(lab::host(2)));
  lab.lose(lost);
  EXPECT_TRUE(holds(lab, 1));
  EXPECT_TRUE(lab.peer.status().peer_restarting);
  lab.pass(10s);
  const ConnId again = lab.establish(lab::theirs_with_restart(), kYes);
  EXPECT_TRUE(holds(lab, 1));
  lab.receive(again, lab::announce(lab::host(2)));
  lab.receive(again, lab::end_of_rib(Family::V4));
  EXPECT_FALSE(holds(lab, 1));
  EXPECT_TRUE(holds(lab, 2));
  lab.receive(again, lab::end_of_rib(Family::V6));
  EXPECT_FALSE(lab.peer.status().peer_restarting);
}

TEST(PeerRestart, DropsTheRoutesOfALostPeerWithoutGracefulRestart) {
  Lab lab;
  lab.lose(establish_with_route(lab, lab::theirs()));
  EXPECT_FALSE(holds(lab, 1));
}

TEST(PeerRestart, DropsTheRoutesWhereHelpingIsOff) {
  PeerConfig config = lab::config();
  config.helper = false;
  Lab lab{config};
  lab.lose(establish_with_route(lab));
  EXPECT_FALSE(holds(lab, 1));
}

TEST(PeerRestart, DropsStaleRoutesWhenTheRestartTimeIsOver) {
  Lab lab;
  lab.lose(establish_with_route(lab, lab::theirs_with_restart(4)));
  lab.pass(4s - 1ns);
  EXPECT_TRUE(holds(lab, 1));
  lab.pass(1ns);
  EXPECT_FALSE(holds(lab, 1));
  EXPECT_FALSE(lab.peer.status().peer_restarting);
}

// ----- long-lived (RFC 9494 §4.2)

PeerConfig long_lived_config() {
  PeerConfig config = lab::config();
  config.open.restart_time = 20;
  config.open.long_lived_time = 3600;
  return config;
}

OpenConfig long_lived(std::uint16_t restart_seconds, std::uint32_t seconds) {
  OpenConfig open = lab::theirs_with_restart(restart_seconds);
  open.long_lived_time = seconds;
  return open;
}

TEST(PeerRestart, ALongLivedRouteIsKeptBehindTheRestartTimeForItsOwn) {
  Lab lab{long_lived_config()};
  lab.lose(establish_with_route(lab, long_lived(4, 60)));
  lab.pass(64s - 1ns);
  EXPECT_TRUE(holds(lab, 1));
  EXPECT_TRUE(lab.peer.status().peer_restarting);
  lab.pass(1ns);
  EXPECT_FALSE(holds(lab, 1));
  EXPECT_FALSE(lab.peer.status().peer_restarting);
}

TEST(PeerRestart, WithARestartTimeOfZeroTheLongLivedTimeBeginsAtOnce) {
  Lab lab{long_lived_config()};
  lab.lose(establish_with_route(lab, long_lived(0, 60)));
  lab.pass(60s - 1ns);
  EXPECT_TRUE(holds(lab, 1));
  lab.pass(1ns);
  EXPECT_FALSE(holds(lab, 1));
}

TEST(PeerRestart, ALongLivedRouteIsNotKeptIfWeOfferedNothing) {
  Lab lab;
  lab.lose(establish_with_route(lab, long_lived(4, 60)));
  lab.pass(4s);
  EXPECT_FALSE(holds(lab, 1));
}

TEST(PeerRestart, ARouteThatMayNotLiveLongGoesWithTheRestartTime) {
  Lab lab{long_lived_config()};
  const ConnId id = establish_with_route(lab, long_lived(4, 60));
  constexpr std::uint32_t kNoLlgr = 0xffff'0007;
  lab.receive(id, lab::announce(lab::host(2), {kNoLlgr}));
  lab.lose(id);
  lab.pass(3s);
  EXPECT_TRUE(holds(lab, 2));
  lab.pass(1s);
  EXPECT_FALSE(holds(lab, 2));
  EXPECT_TRUE(holds(lab, 1));
}

TEST(PeerRestart, TheLongLivedTimeGoesOnThroughASessionWithoutEndOfRib) {
  Lab lab{long_lived_config()};
  lab.lose(establish_with_route(lab, long_lived(4, 60)));
  lab.pass(30s);
  const ConnId again = lab.establish(long_lived(4, 60), kYes);
  lab.receive(again, lab::announce(lab::host(2)));
  EXPECT_TRUE(holds(lab, 1));
  lab.lose(again);
  EXPECT_TRUE(holds(lab, 1));
  lab.pass(34s - 1ns);
  EXPECT_TRUE(holds(lab, 1));
  EXPECT_TRUE(holds(lab, 2));
  lab.pass(1ns);
  EXPECT_FALSE(holds(lab, 1));
  EXPECT_FALSE(holds(lab, 2));
}

TEST(PeerRestart, ALongLivedRouteGoesAtEndOfRibOrWithoutTheForwardingBit) {
  for (const Restarting restarting : {Restarting::Yes, Restarting::No}) {
    Lab lab{long_lived_config()};
    lab.lose(establish_with_route(lab, long_lived(4, 60)));
    lab.pass(30s);
    const ConnId again = lab.establish(long_lived(4, 60), restarting);
    EXPECT_EQ(holds(lab, 1), restarting == Restarting::Yes);
    lab.receive(again, lab::end_of_rib(Family::V4));
    EXPECT_FALSE(holds(lab, 1));
  }
}

// ----- what the peer does when it comes back

TEST(PeerRestart, DropsStaleRoutesWhenThePeerComesBackWithoutGracefulRestart) {
  Lab lab;
  lab.lose(establish_with_route(lab));
  (void)lab.establish(lab::theirs());
  EXPECT_FALSE(holds(lab, 1));
}

TEST(PeerRestart, DropsStaleRoutesOfAFamilyWithoutForwardingBit) {
  Lab lab;
  lab.lose(establish_with_route(lab));
  (void)lab.establish(lab::theirs_with_restart(), Restarting::No);  // F bits go with a restart
  EXPECT_FALSE(holds(lab, 1));
}

TEST(PeerRestart, DropsStaleRoutesWhenEndOfRibNeverComes) {
  Lab lab;
  lab.lose(establish_with_route(lab));
  OpenConfig forever = lab::theirs_with_restart();
  forever.hold_time = 0;
  (void)lab.establish(forever, kYes);
  lab.pass(6min - 1s);
  EXPECT_TRUE(holds(lab, 1));
  lab.pass(2s);
  EXPECT_FALSE(holds(lab, 1));
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(PeerRestart, DropsWhatWasAlreadyStaleWhenThePeerIsLostAgain) {
  Lab lab;
  lab.lose(establish_with_route(lab));
  const ConnId again = lab.establish(lab::theirs_with_restart(), kYes);
  lab.receive(again, lab::announce(lab::host(2)));
  lab.lose(again);
  EXPECT_FALSE(holds(lab, 1));
  EXPECT_TRUE(holds(lab, 2));
}

TEST(PeerRestart, AFailedAttemptInBetweenChangesNothing) {
  Lab lab;
  lab.lose(establish_with_route(lab));
  lab.lose(lab.connect());
  const ConnId wrong = lab.connect();
  lab.receive(wrong, lab::keepalive());
  EXPECT_TRUE(lab.is_closed(wrong));
  EXPECT_TRUE(holds(lab, 1));
}

TEST(PeerRestart, HoldTimerExpiryKeepsTheRoutes) {
  Lab lab;
  OpenConfig quick = lab::theirs_with_restart();
  quick.hold_time = 3;
  const ConnId id = establish_with_route(lab, quick);
  lab.pass(4s);
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_TRUE(holds(lab, 1));
}

TEST(PeerRestart, ANotificationEndsItWithoutTheNBit) {
  Lab lab;
  const ConnId id = establish_with_route(lab);
  lab.receive(id, lab::wire(cease(Cease::AdministrativeShutdown)));
  EXPECT_FALSE(holds(lab, 1));
}

class WithNBit : public testing::Test {
 protected:
  static PeerConfig config() {
    PeerConfig config = lab::config();
    config.open.restart_notification = true;
    return config;
  }
  static OpenConfig theirs() {
    OpenConfig open = lab::theirs_with_restart();
    open.restart_notification = true;
    return open;
  }
  Lab lab{config()};
};

TEST_F(WithNBit, ANotificationKeepsTheRoutes) {
  const ConnId id = establish_with_route(lab, theirs());
  lab.receive(id, lab::wire(cease(Cease::AdministrativeReset)));
  EXPECT_TRUE(holds(lab, 1));
}

TEST_F(WithNBit, AHardResetDropsTheRoutes) {
  const ConnId id = establish_with_route(lab, theirs());
  lab.receive(id, lab::message(MessageType::Notification, {6, 9, 6, 2}));
  EXPECT_FALSE(holds(lab, 1));
}

TEST_F(WithNBit, AnErrorOfThePeersKeepsTheRoutes) {
  const ConnId id = establish_with_route(lab, theirs());
  lab.receive(id, lab::message(MessageType::Update, {0xff, 0xff, 0, 0}));
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_TRUE(holds(lab, 1));
}

TEST_F(WithNBit, OurOwnShutdownIsAHardResetAroundTheReason) {
  const ConnId id = establish_with_route(lab, theirs());
  lab.tell(Stop{.subcode = Cease::AdministrativeShutdown, .communication = "off"});
  EXPECT_EQ(lab.notification(id), (Octets{6, 9, 6, 2, 3, 'o', 'f', 'f'}));
}

TEST(PeerRestart, ANewConnectionReplacesAnEstablishedOneWithoutAWord) {
  Lab lab;
  const ConnId old = establish_with_route(lab);
  const ConnId fresh = lab.connect();
  EXPECT_TRUE(lab.is_closed(old));
  EXPECT_EQ(lab.notification(old), Octets{});
  EXPECT_FALSE(lab.is_closed(fresh));
  EXPECT_TRUE(holds(lab, 1));
  lab.open(fresh, lab::theirs_with_restart(), kYes);
  lab.receive(fresh, lab::keepalive());
  EXPECT_EQ(lab.peer.state(), State::Established);
  EXPECT_TRUE(holds(lab, 1));
  EXPECT_EQ(lab.source.opened_count, 2U);
  EXPECT_EQ(lab.source.closed_count, 1U);
}

// GRACEFUL RESTART of an OPEN that was sent: flags and time, then AFI, SAFI, flags.
std::optional<RestartCapability> restart_of(const Lab& lab, ConnId id) {
  const Result<Open, Notification> open = decode_open(lab.sent(id).front().body);
  EXPECT_TRUE(open);
  return open->capabilities.restart;
}

TEST(PeerRestart, SaysThatItRestartedUntilTheFirstSessionIsUp) {
  Lab lab{lab::config(), kYes};
  lab.start();
  const ConnId failed = lab.connect();
  EXPECT_TRUE(restart_of(lab, failed)->restarting);
  lab.lose(failed);
  const ConnId first = lab.establish(lab::theirs_with_restart());
  const auto said = restart_of(lab, first);
  ASSERT_TRUE(said);
  EXPECT_TRUE(said->restarting);
  EXPECT_EQ(said->time, 20);
  ASSERT_EQ(said->families.size(), 2U);
  EXPECT_TRUE(said->families[0].forwarding_kept);
  lab.lose(first);
  const ConnId second = lab.establish(lab::theirs_with_restart());
  EXPECT_FALSE(restart_of(lab, second)->restarting);
}

TEST(PeerRestart, StopsInSilenceWhereThePeerKeepsItsRoutes) {
  Lab lab;
  const ConnId id = establish_with_route(lab);
  lab.tell(Stop{.communication = {}, .silent = true});
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_EQ(lab.notification(id), Octets{});
  EXPECT_EQ(lab.peer.state(), State::Idle);
}

TEST(PeerRestart, StopsWithACeaseWhereThePeerWouldNotKeepThem) {
  Lab lab;
  const ConnId id = establish_with_route(lab, lab::theirs());
  lab.tell(Stop{.subcode = Cease::AdministrativeShutdown, .communication = {}, .silent = true});
  EXPECT_EQ(lab.notification(id), (Octets{6, 2}));
}

TEST(PeerRestart, EndOfRibFollowsTheRoutesOfEachFamilyOnce) {
  Lab lab;
  lab.source.add(lab::announce(lab::host(9)));
  lab.start();
  const ConnId id = lab.establish();
  EXPECT_EQ(lab.count(id, MessageType::Update), 1U);
  lab.pass(20s);
  EXPECT_EQ(lab.count(id, MessageType::Update), 1U);  // nobody said yet that this was all
  EXPECT_FALSE(lab.peer.status().end_of_rib_sent_v4);
  lab.tell(RibSynced{});
  EXPECT_EQ(lab.count(id, MessageType::Update), 3U);
  const Octets last = lab::end_of_rib(Family::V6);
  EXPECT_EQ(lab.sent(id).back().body, Octets(last.begin() + kHeaderSize, last.end()));
  EXPECT_TRUE(lab.peer.status().end_of_rib_sent_v4);
  EXPECT_TRUE(lab.peer.status().end_of_rib_sent_v6);
  lab.source.add(lab::announce(lab::host(10)));
  lab.routes_changed();
  EXPECT_EQ(lab.count(id, MessageType::Update), 4U);
  lab.lose(id);
  const ConnId again = lab.establish();
  EXPECT_EQ(lab.count(again, MessageType::Update), 4U);
}

TEST(PeerRestart, EndOfRibIsSentWhenWhatWasPendingComesToNothing) {
  Lab lab;
  lab.source.comes_to_nothing = true;
  lab.tell(RibSynced{});
  lab.start();
  const ConnId id = lab.establish();
  EXPECT_EQ(lab.count(id, MessageType::Update), 2U);
  EXPECT_TRUE(lab.peer.status().end_of_rib_sent_v4);
}

TEST(PeerRestart, EndOfRibIsSentEvenWhenThereIsNothingToSay) {
  Lab lab;
  lab.tell(RibSynced{});
  lab.start();
  OpenConfig only_v6 = lab::theirs();
  only_v6.families = {.v4 = false, .v6 = true};
  const ConnId id = lab.establish(only_v6);
  ASSERT_EQ(lab.count(id, MessageType::Update), 1U);
  EXPECT_TRUE(lab.peer.status().end_of_rib_sent_v6);
  EXPECT_FALSE(lab.peer.status().end_of_rib_sent_v4);
}

TEST(RouteRefreshRequest, SaysThatFamilyAgain) {
  Lab lab;
  lab.source.add(lab::announce(lab::host(9)));
  lab.start();
  const ConnId id = lab.establish();
  lab.receive(id, lab::wire(RouteRefresh{.family = unicast(Family::V6)}));
  EXPECT_EQ(lab.source.refreshed, std::vector<Family>{Family::V6});
  EXPECT_EQ(lab.count(id, MessageType::Update), 2U);
}

TEST(RouteRefreshRequest, IsIgnoredForFamiliesAndSubtypesNobodyAgreedOn) {
  Lab lab;
  lab.start();
  OpenConfig only_v4 = lab::theirs();
  only_v4.families = {.v4 = true};
  const ConnId id = lab.establish(only_v4);
  for (const RouteRefresh& refresh :
       {RouteRefresh{.family = unicast(Family::V6)}, RouteRefresh{.family = {.afi = 0, .safi = 0}},
        RouteRefresh{.family = {.afi = 1, .safi = 128}},
        RouteRefresh{.family = unicast(Family::V4), .subtype = 3}}) {
    lab.receive(id, lab::wire(refresh));
  }
  EXPECT_TRUE(lab.source.refreshed.empty());
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(RouteRefreshRequest, OfTheWrongLengthIsAnError) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  lab.receive(id, lab::message(MessageType::RouteRefresh, {0, 1, 0}));
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_GE(lab.notification(id).size(), 2U);
}

TEST(RouteRefreshRequest, AFloodOfThemCostsTheTableTwice) {
  Lab lab;
  for (std::uint32_t i = 0; i < 10; ++i) {
    lab.source.add(lab::announce(lab::host(i)));
  }
  lab.start();
  const ConnId id = lab.establish();
  Octets flood;
  for (int i = 0; i < 200; ++i) {
    const Octets one = lab::wire(RouteRefresh{.family = unicast(Family::V4)});
    flood.insert(flood.end(), one.begin(), one.end());
  }
  lab.receive(id, flood);
  EXPECT_EQ(lab.peer.state(), State::Established);
  EXPECT_EQ(lab.source.refreshed.size(), 2U);
  EXPECT_EQ(lab.count(id, MessageType::Update), 30U);
}

}  // namespace
}  // namespace porter::bgp
