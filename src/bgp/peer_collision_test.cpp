// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bgp/peer_lab.hpp"

// Two connections at once (RFC 4271 §6.8, RFC 6286 §2.3).
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;
using lab::Lab;
using lab::Octets;

const Octets kCollision{6, 7};

OpenConfig theirs(std::uint32_t id) {
  OpenConfig open = lab::theirs();
  open.id = RouterId{id};
  return open;
}
constexpr std::uint32_t kHigher = 0xC00002FFU;  // than 192.0.2.2, which is ours
constexpr std::uint32_t kLower = 0x0A000001U;

struct Collision {
  std::uint32_t peer_id;
  Direction first_open;  // on which connection the peer's OPEN arrives first
  Direction survivor;
};
class TwoConnections : public testing::TestWithParam<Collision> {};

TEST_P(TwoConnections, TheOneOfTheHigherIdentifierSurvives) {
  Lab lab;
  lab.start();
  const ConnId outbound = lab.connect(Direction::Outbound);
  const ConnId inbound = lab.connect(Direction::Inbound);
  EXPECT_TRUE(lab.closed.empty());
  const auto [first, second] = GetParam().first_open == Direction::Inbound
                                   ? std::pair{inbound, outbound}
                                   : std::pair{outbound, inbound};
  lab.open(first, theirs(GetParam().peer_id));
  if (!lab.is_closed(second)) lab.open(second, theirs(GetParam().peer_id));
  const auto [winner, loser] = GetParam().survivor == Direction::Inbound
                                   ? std::pair{inbound, outbound}
                                   : std::pair{outbound, inbound};
  EXPECT_TRUE(lab.is_closed(loser));
  EXPECT_EQ(lab.notification(loser), kCollision);
  EXPECT_FALSE(lab.is_closed(winner));
  lab.receive(winner, lab::keepalive());
  EXPECT_EQ(lab.peer.state(), State::Established);
  EXPECT_EQ(lab.peer.status().direction, GetParam().survivor);
  EXPECT_EQ(lab.peer.status().last_error, "");
}

INSTANTIATE_TEST_SUITE_P(
    PeerCollision, TwoConnections,
    testing::Values(Collision{kHigher, Direction::Inbound, Direction::Inbound},
                    Collision{kHigher, Direction::Outbound, Direction::Inbound},
                    Collision{kLower, Direction::Inbound, Direction::Outbound},
                    Collision{kLower, Direction::Outbound, Direction::Outbound},
                    // equal identifiers: the peer's AS is larger (RFC 6286)
                    Collision{0xC0000202U, Direction::Inbound, Direction::Inbound}));

TEST(PeerCollision, AConnectionWithoutOpenDoesNotWinOverOneThatWorks) {
  Lab lab;
  lab.start();
  const ConnId outbound = lab.connect(Direction::Outbound);
  const ConnId inbound = lab.connect(Direction::Inbound);
  lab.open(inbound, theirs(kLower));
  EXPECT_FALSE(lab.is_closed(inbound));
  lab.receive(inbound, lab::keepalive());
  EXPECT_EQ(lab.peer.state(), State::Established);
  EXPECT_EQ(lab.notification(outbound), kCollision);
}

TEST(PeerCollision, RefusesASecondConnectionWhileEstablished) {
  Lab lab;
  lab.start();
  const ConnId first = lab.establish();
  const ConnId second = lab.connect();
  EXPECT_TRUE(lab.is_closed(second));
  EXPECT_EQ(lab.notification(second), kCollision);
  EXPECT_EQ(lab.count(second, MessageType::Open), 0U);
  EXPECT_FALSE(lab.is_closed(first));
  lab.receive(first, lab::keepalive());
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(PeerCollision, TheNewestOfTheConnectionsWithoutOpenIsKept) {
  Lab lab;
  lab.start();
  lab.tell(ConnectFailed{.why = "connection refused"});
  ConnId last = lab.connect();
  for (int i = 0; i < 200; ++i) {
    const ConnId next = lab.connect();
    EXPECT_TRUE(lab.is_closed(last));
    last = next;
  }
  lab.open(last);
  lab.receive(last, lab::keepalive());
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(PeerCollision, AHalfOpenConnectionDoesNotKeepUsFromDialing) {
  Lab lab;
  lab.start();
  (void)lab.connect();
  lab.tell(ConnectFailed{.why = "connection refused"});
  lab.pass(1s);
  EXPECT_EQ(lab.dials, 2U);
}

TEST(PeerCollision, OfTwoConnectionsOfThePeerTheNewerOneSurvives) {
  Lab lab;
  lab.start();
  const ConnId older = lab.connect();
  lab.open(older);
  const ConnId newer = lab.connect();
  EXPECT_FALSE(lab.is_closed(older));
  lab.open(newer);
  EXPECT_EQ(lab.notification(older), kCollision);
  lab.receive(newer, lab::keepalive());
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(PeerCollision, AThirdConnectionReplacesTheOneThatSaysNothing) {
  Lab lab;
  lab.start();
  const ConnId outbound = lab.connect(Direction::Outbound);
  const ConnId inbound = lab.connect();
  lab.open(inbound, theirs(kLower));
  const ConnId third = lab.connect();
  EXPECT_TRUE(lab.is_closed(outbound));
  EXPECT_FALSE(lab.is_closed(inbound));
  EXPECT_FALSE(lab.is_closed(third));
  const ConnId fourth = lab.connect();
  EXPECT_TRUE(lab.is_closed(third));
  EXPECT_FALSE(lab.is_closed(fourth));
}

TEST(PeerCollision, ThePeerMayComeBackAfterEveryKindOfEnd) {
  Lab lab;
  lab.start();
  lab.lose(lab.establish());
  EXPECT_LT(lab.peer.state(), State::OpenSent);
  const ConnId second = lab.establish();
  EXPECT_EQ(lab.peer.state(), State::Established);
  lab.receive(second, lab::wire(cease(Cease::AdministrativeReset)));
  EXPECT_LT(lab.peer.state(), State::OpenSent);
  (void)lab.establish();
  EXPECT_EQ(lab.peer.state(), State::Established);
  EXPECT_EQ(lab.peer.status().flaps, 2U);
}

TEST(PeerCollision, GivesUpItsDialOnceThePeerSaidOpen) {
  Lab lab;
  lab.start();
  const ConnId id = lab.connect();
  EXPECT_EQ(lab.aborts, 0U);
  lab.open(id);
  EXPECT_EQ(lab.aborts, 1U);
  lab.pass(20s);
  EXPECT_EQ(lab.dials, 1U);
}

}  // namespace
}  // namespace porter::bgp
