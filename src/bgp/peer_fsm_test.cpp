// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bgp/peer_lab.hpp"

// States, messages and their errors (RFC 4271 §6, §8.2.2; RFC 6608).
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;
using lab::Lab;
using lab::Octets;

constexpr std::uint8_t type_of(MessageType type) {
  return static_cast<std::uint8_t>(type);
}

TEST(PeerFsm, DialsWhenStarted) {
  Lab lab;
  EXPECT_EQ(lab.peer.state(), State::Idle);
  lab.start();
  EXPECT_EQ(lab.peer.state(), State::Connect);
  EXPECT_EQ(lab.dials, 1U);
  EXPECT_EQ(lab.states, std::vector<State>{State::Connect});
}

TEST(PeerFsm, NeverDialsWhenPassive) {
  PeerConfig config = lab::config();
  config.dial = PeerConfig::Dial::Passive;
  Lab lab{config};
  lab.start();
  lab.pass(1h);
  EXPECT_EQ(lab.peer.state(), State::Active);
  EXPECT_EQ(lab.dials, 0U);
  (void)lab.establish();
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(PeerFsm, SaysOpenAtOnceAndPassesThroughTheStates) {
  Lab lab;
  lab.start();
  const ConnId id = lab.connect(Direction::Outbound);
  ASSERT_EQ(lab.sent(id).size(), 1U);
  EXPECT_TRUE(lab.sent(id)[0].is(MessageType::Open));
  lab.open(id);
  EXPECT_EQ(lab.sent(id).back().type, type_of(MessageType::Keepalive));
  lab.receive(id, lab::keepalive());
  EXPECT_EQ(lab.states,
            (std::vector{State::Connect, State::OpenSent, State::OpenConfirm, State::Established}));
  EXPECT_EQ(lab.source.opened_count, 1U);
  EXPECT_EQ(lab.peer.status().direction, Direction::Outbound);
  EXPECT_EQ(lab.peer.status().sent.open, 1U);
  EXPECT_EQ(lab.peer.status().sent.keepalive, 1U);
}

TEST(PeerFsm, TakesOpenAndKeepaliveInOneSegment) {
  Lab lab;
  lab.start();
  const ConnId id = lab.connect();
  Octets both = lab::wire(make_open(lab::theirs(), Restarting::No));
  const Octets keepalive = lab::keepalive();
  both.insert(both.end(), keepalive.begin(), keepalive.end());
  lab.receive(id, both);
  EXPECT_EQ(lab.states.back(), State::Established);
  EXPECT_EQ(lab.states[lab.states.size() - 2], State::OpenConfirm);
}

TEST(PeerFsm, PutsMessagesTogetherFromSingleOctets) {
  Lab lab;
  lab.start();
  const ConnId id = lab.connect();
  Octets all = lab::wire(make_open(lab::theirs(), Restarting::No));
  for (const Octets& next : {lab::keepalive(), lab::announce(lab::host(7)), lab::keepalive()}) {
    all.insert(all.end(), next.begin(), next.end());
  }
  for (const std::uint8_t octet : all) {
    lab.receive(id, {octet});
  }
  EXPECT_EQ(lab.peer.state(), State::Established);
  EXPECT_TRUE(lab.peer.received().holds(lab::host(7)));
}

TEST(PeerFsm, TakesManyMessagesInOneSegment) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  Octets all;
  for (std::uint32_t i = 0; i < 50; ++i) {
    for (const Octets& next : {lab::announce(lab::host(i)), lab::keepalive()}) {
      all.insert(all.end(), next.begin(), next.end());
    }
  }
  lab.receive(id, all);
  EXPECT_EQ(lab.peer.received().received(Family::V4), 50U);
  EXPECT_EQ(lab.peer.status().received.update, 50U);
  EXPECT_EQ(lab.peer.status().received.keepalive, 51U);
}

struct Unexpected {
  State state;
  MessageType type;
};
class UnexpectedMessage : public testing::TestWithParam<Unexpected> {};

TEST_P(UnexpectedMessage, IsAnsweredWithTheStateAndTheTypeOfTheMessage) {
  Lab lab;
  lab.start();
  const ConnId id = lab.connect();
  if (GetParam().state >= State::OpenConfirm) lab.open(id);
  if (GetParam().state == State::Established) lab.receive(id, lab::keepalive());
  ASSERT_EQ(lab.peer.state(), GetParam().state);
  switch (GetParam().type) {
    case MessageType::Open: lab.open(id); break;
    case MessageType::Update: lab.receive(id, lab::announce(lab::host(1))); break;
    case MessageType::Keepalive: lab.receive(id, lab::keepalive()); break;
    default: lab.receive(id, lab::wire(RouteRefresh{.family = unicast(Family::V4)}));
  }
  const auto subcode = static_cast<std::uint8_t>(static_cast<int>(GetParam().state) - 2);
  EXPECT_EQ(lab.notification(id), (Octets{5, subcode, type_of(GetParam().type)}));
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_LT(lab.peer.state(), State::OpenSent);
}

INSTANTIATE_TEST_SUITE_P(PeerFsm, UnexpectedMessage,
                         testing::Values(Unexpected{State::OpenSent, MessageType::Update},
                                         Unexpected{State::OpenSent, MessageType::Keepalive},
                                         Unexpected{State::OpenSent, MessageType::RouteRefresh},
                                         Unexpected{State::OpenConfirm, MessageType::Open},
                                         Unexpected{State::OpenConfirm, MessageType::Update},
                                         Unexpected{State::OpenConfirm, MessageType::RouteRefresh},
                                         Unexpected{State::Established, MessageType::Open}));

class NotificationReceived : public testing::TestWithParam<State> {};

TEST_P(NotificationReceived, ClosesWithoutAnAnswerAndIsRemembered) {
  Lab lab;
  lab.start();
  const ConnId id = lab.connect();
  if (GetParam() >= State::OpenConfirm) lab.open(id);
  if (GetParam() == State::Established) lab.receive(id, lab::keepalive());
  ASSERT_EQ(lab.peer.state(), GetParam());
  lab.receive(id, lab::message(MessageType::Notification, {99, 98, 1, 2}));
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_EQ(lab.notification(id), Octets{});
  const PeerStatus status = lab.peer.status();
  ASSERT_TRUE(status.last_received);
  EXPECT_EQ(*status.last_received, (Notification{.code = 99, .subcode = 98, .data = {1, 2}}));
  EXPECT_EQ(status.received.notification, 1U);
  EXPECT_FALSE(status.last_error.empty());
}

INSTANTIATE_TEST_SUITE_P(PeerFsm, NotificationReceived,
                         testing::Values(State::OpenSent, State::OpenConfirm, State::Established));

TEST(PeerFsm, SurvivesEveryShutdownCommunication) {
  for (const Octets& body : {Octets{6, 2, 255, 'a', 'b', 'c'}, Octets{6, 4, 0}, Octets{6, 9},
                             Octets{6, 9, 6}, Octets{6, 2, 2, 0xff, 0xfe}}) {
    Lab lab;
    lab.start();
    const ConnId id = lab.establish();
    lab.receive(id, lab::message(MessageType::Notification, body));
    EXPECT_TRUE(lab.is_closed(id));
    EXPECT_EQ(lab.notification(id), Octets{});
    (void)lab.establish();
    EXPECT_EQ(lab.peer.state(), State::Established);
  }
}

TEST(PeerFsm, AnswersABadHeaderInEveryState) {
  for (const State state : {State::OpenSent, State::OpenConfirm, State::Established}) {
    Lab lab;
    lab.start();
    const ConnId id = lab.connect();
    if (state >= State::OpenConfirm) lab.open(id);
    if (state == State::Established) lab.receive(id, lab::keepalive());
    Octets bad = lab::keepalive();
    bad[15] = 0xfe;
    lab.receive(id, bad);
    const Octets said = lab.notification(id);
    ASSERT_GE(said.size(), 2U);
    EXPECT_EQ(said[0], 1);
    EXPECT_EQ(said[1], 1);
    EXPECT_TRUE(lab.is_closed(id));
  }
}

TEST(PeerFsm, AnswersAnOpenOfTheWrongAs) {
  Lab lab;
  lab.start();
  const ConnId id = lab.connect();
  OpenConfig wrong = lab::theirs();
  wrong.local_as = Asn{65009};
  lab.open(id, wrong);
  const Octets said = lab.notification(id);
  ASSERT_GE(said.size(), 2U);
  EXPECT_EQ(said[0], 2);
  EXPECT_EQ(said[1], 2);
}

TEST(PeerFsm, KeepsTheSessionOverAMalformedUpdateAndShowsIt) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  lab.receive(id, lab::announce(lab::host(1)));
  Octets bad = lab::announce(lab::host(1));
  bad[kHeaderSize + 4 + 3] = 77;  // ORIGIN of that value is treated as withdraw (RFC 7606 §7.1)
  lab.receive(id, bad);
  lab.receive(id, bad);
  EXPECT_EQ(lab.peer.state(), State::Established);
  const PeerStatus status = lab.peer.status();
  EXPECT_EQ(status.treated_as_withdraw, 2U);
  EXPECT_NE(status.last_malformed.find("UPDATE 0000"), std::string::npos) << status.last_malformed;
  EXPECT_FALSE(lab.peer.received().holds(lab::host(1)));
}

TEST(PeerFsm, ResetsTheSessionWhenAnUpdateCannotBeRead) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  lab.receive(id, lab::message(MessageType::Update, {0xff, 0xff, 0, 0}));
  const Octets said = lab.notification(id);
  ASSERT_GE(said.size(), 2U);
  EXPECT_EQ(said[0], 3);
  EXPECT_NE(lab.peer.status().last_malformed.find("UPDATE ffff0000"), std::string::npos);
}

TEST(PeerFsm, EndsTheSessionAtTheLimitOfPrefixesWhereToldSo) {
  PeerConfig config = lab::config();
  config.received.max_v4 = 2;
  config.received.when_full = AdjRibIn::WhenFull::Cease;
  Lab lab{config};
  lab.start();
  const ConnId id = lab.establish();
  for (std::uint32_t i = 0; i < 3; ++i) {
    lab.receive(id, lab::announce(lab::host(i)));
  }
  EXPECT_EQ(lab.notification(id), (Octets{6, 1, 0, 1, 1, 0, 0, 0, 2}));  // RFC 4486 §4
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_EQ(lab.peer.received().received(Family::V4), 0U);
}

TEST(PeerFsm, TurnsConnectionsAwayWhileStopped) {
  Lab lab;
  const ConnId id = lab.connect();
  EXPECT_TRUE(lab.is_closed(id));
  EXPECT_EQ(lab.notification(id), (Octets{6, 5}));
  EXPECT_EQ(lab.peer.status().refused_connections, 1U);
}

TEST(PeerFsm, StopsWithWordsAndStartsAgain) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  lab.receive(id, lab::announce(lab::host(1)));
  lab.tell(Stop{.subcode = Cease::AdministrativeShutdown, .communication = "bye"});
  EXPECT_EQ(lab.notification(id), (Octets{6, 2, 3, 'b', 'y', 'e'}));
  EXPECT_EQ(lab.peer.state(), State::Idle);
  EXPECT_EQ(lab.peer.received().received(Family::V4), 0U);
  const unsigned dials = lab.dials;
  lab.pass(1h);
  EXPECT_EQ(lab.dials, dials);
  lab.start();
  lab.pass(1s);
  EXPECT_EQ(lab.dials, dials + 1);
}

TEST(PeerFsm, IgnoresWhatIsSaidOfConnectionsItDoesNotKnow) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  lab.tell(Closed{.conn = 77, .why = "reset"});
  lab.receive(77, lab::keepalive());
  lab.tell(Connected{.conn = id, .direction = Direction::Inbound, .ends = lab::ends()});
  EXPECT_TRUE(lab.peer.writable(77, 100).empty());
  EXPECT_EQ(lab.peer.state(), State::Established);
  EXPECT_TRUE(lab.closed.empty());
}

TEST(PeerFsm, ClosesADialThatIsAnsweredAfterItWasGivenUp) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();  // gives up the dial
  EXPECT_EQ(lab.aborts, 1U);
  const ConnId late = lab.connect(Direction::Outbound);
  EXPECT_TRUE(lab.is_closed(late));
  EXPECT_FALSE(lab.is_closed(id));
}

}  // namespace
}  // namespace porter::bgp
