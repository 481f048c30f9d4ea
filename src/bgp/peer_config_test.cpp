// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include <gtest/gtest.h>

#include "bgp/peer.hpp"
#include "bgp/peer_lab.hpp"

// What an edit does to a session (api.md 7), and what a session tells its RouteSource (api.md 6).
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;
using lab::Lab;
using lab::Octets;

struct Edit {
  const char* what;
  EditEffect effect;
  std::function<void(PeerConfig&)> make;
};

const std::vector<Edit>& edits() {
  static const std::vector<Edit> kAll{
      {"nothing", EditEffect::None, [](PeerConfig&) {}},
      {"jitter seed", EditEffect::None, [](PeerConfig& c) { c.jitter_seed = 99; }},
      {"local AS", EditEffect::ResetsSession, [](PeerConfig& c) { c.open.local_as = Asn{65009}; }},
      {"remote AS", EditEffect::ResetsSession,
       [](PeerConfig& c) { c.open.remote_as = Asn{65009}; }},
      {"identifier", EditEffect::ResetsSession, [](PeerConfig& c) { c.open.id = RouterId{1}; }},
      {"families", EditEffect::ResetsSession, [](PeerConfig& c) { c.open.families.v6 = false; }},
      {"ADD-PATH", EditEffect::ResetsSession,
       [](PeerConfig& c) { c.open.add_path_send.v4 = true; }},
      {"paths sent", EditEffect::ResetsSession, [](PeerConfig& c) { c.encoding.send_max_v4 = 4; }},
      {"next hop mode", EditEffect::ResetsSession,
       [](PeerConfig& c) { c.encoding.mode = Encoding::Mode::Self; }},
      {"multihop", EditEffect::ResetsSession, [](PeerConfig& c) { c.single_hop = false; }},
      {"admin down", EditEffect::ResetsSession, [](PeerConfig& c) { c.admin_down = true; }},
      {"hold time", EditEffect::NextSession, [](PeerConfig& c) { c.open.hold_time = 30; }},
      {"keepalive", EditEffect::NextSession, [](PeerConfig& c) { c.keepalive = 5; }},
      {"restart time", EditEffect::NextSession, [](PeerConfig& c) { c.open.restart_time = 60; }},
      {"no restart", EditEffect::NextSession, [](PeerConfig& c) { c.open.restart_time.reset(); }},
      {"N bit", EditEffect::NextSession, [](PeerConfig& c) { c.open.restart_notification = true; }},
      {"limits", EditEffect::Live, [](PeerConfig& c) { c.received.max_v4 = 5; }},
      {"helper", EditEffect::Live, [](PeerConfig& c) { c.helper = false; }},
      {"passive", EditEffect::Live, [](PeerConfig& c) { c.dial = PeerConfig::Dial::Passive; }},
      {"connect retry", EditEffect::Live, [](PeerConfig& c) { c.connect_retry = 5; }},
      {"audience", EditEffect::Live, [](PeerConfig& c) { c.encoding.audience = 7; }},
      {"budget", EditEffect::Live, [](PeerConfig& c) { c.encoding.budget = 7; }},
      {"drain", EditEffect::Live, [](PeerConfig& c) { c.encoding.graceful_shutdown = true; }},
  };
  return kAll;
}

TEST(PeerConfig, SaysWhatAnEditDoes) {
  for (const Edit& edit : edits()) {
    PeerConfig changed = lab::config();
    edit.make(changed);
    EXPECT_EQ(effect_of(lab::config(), changed), edit.effect) << edit.what;
  }
}

TEST(PeerConfig, DoesWhatItSays) {
  for (const Edit& edit : edits()) {
    SCOPED_TRACE(edit.what);
    Lab lab;
    lab.start();
    const ConnId id = lab.establish();
    PeerConfig changed = lab::config();
    edit.make(changed);
    lab.tell(ConfigChanged{.config = changed});
    EXPECT_EQ(lab.is_closed(id), edit.effect == EditEffect::ResetsSession);
    EXPECT_EQ(lab.peer.status().pending_reset, edit.effect == EditEffect::NextSession);
    EXPECT_EQ(lab.peer.config(), changed);
    if (edit.effect == EditEffect::ResetsSession && !changed.admin_down) {
      EXPECT_EQ(lab.notification(id), (Octets{6, 6}));
      lab.pass(1s);
      EXPECT_TRUE(lab.dialing);
    }
  }
}

TEST(PeerConfig, TheNextSessionTakesUpWhatWaited) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  PeerConfig changed = lab::config();
  changed.open.hold_time = 30;
  lab.tell(ConfigChanged{.config = changed});
  EXPECT_EQ(lab.peer.status().negotiated->hold_time, 90);
  lab.lose(id);
  (void)lab.establish();
  EXPECT_EQ(lab.peer.status().negotiated->hold_time, 30);
  EXPECT_FALSE(lab.peer.status().pending_reset);
}

TEST(PeerConfig, AdminDownSaysWhyAndStaysDown) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  lab.receive(id, lab::announce(lab::host(1)));
  PeerConfig down = lab::config();
  down.admin_down = true;
  down.shutdown_text = "new fibre";
  lab.tell(ConfigChanged{.config = down});
  Octets said{6, 2, 9};
  for (const char letter : down.shutdown_text) {
    said.push_back(static_cast<std::uint8_t>(letter));
  }
  EXPECT_EQ(lab.notification(id), said);
  EXPECT_EQ(lab.peer.state(), State::Idle);
  EXPECT_EQ(lab.peer.received().received(Family::V4), 0U);
  const unsigned dials = lab.dials;
  lab.pass(1h);
  EXPECT_EQ(lab.dials, dials);
  const ConnId refused = lab.connect();
  EXPECT_EQ(lab.notification(refused), said);
  EXPECT_TRUE(lab.is_closed(refused));

  lab.tell(ConfigChanged{.config = lab::config()});
  lab.pass(1s);
  EXPECT_EQ(lab.dials, dials + 1);
}

TEST(PeerConfig, AdminDownFromTheBeginningNeverDials) {
  PeerConfig down = lab::config();
  down.admin_down = true;
  Lab lab{down};
  lab.start();
  lab.pass(1h);
  EXPECT_EQ(lab.dials, 0U);
  EXPECT_EQ(lab.peer.state(), State::Idle);
}

TEST(PeerConfig, ADrainMovesTheSessionWithoutAReset) {
  Lab lab;
  lab.source.add(lab::announce(lab::host(1)));
  lab.start();
  const ConnId id = lab.establish();
  PeerConfig drained = lab::config();
  drained.encoding.graceful_shutdown = true;
  lab.tell(ConfigChanged{.config = drained});
  EXPECT_EQ(lab.source.moved_count, 1U);
  EXPECT_EQ(lab.source.opened_count, 1U) << "what the peer was told still counts";
  EXPECT_TRUE(lab.source.last_encoding->graceful_shutdown);
  EXPECT_EQ(lab.count(id, MessageType::Update), 1U);
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(PeerConfig, AnotherAudienceOrBudgetMovesTheSessionWithoutAReset) {
  Lab lab;
  lab.source.add(lab::announce(lab::host(1)));
  lab.start();
  const ConnId id = lab.establish();
  PeerConfig named = lab::config();
  named.encoding.audience = 7;
  named.encoding.budget = 100;
  lab.tell(ConfigChanged{.config = named});
  EXPECT_EQ(lab.source.moved_count, 1U);
  EXPECT_EQ(lab.source.opened_count, 1U);
  EXPECT_EQ(lab.source.last_encoding->audience, 7U);
  EXPECT_EQ(lab.count(id, MessageType::Update), 1U);
  EXPECT_EQ(lab.peer.state(), State::Established);
}

TEST(PeerConfig, ADrainInTheMiddleOfAnUpdateKeepsTheStreamWhole) {
  Lab lab;
  lab.source.add(lab::announce(lab::host(1)));
  lab.start();
  const ConnId id = lab.connect();
  lab.open(id);
  lab.writes = false;
  lab.receive(id, lab::keepalive());
  lab.write_some(id, 30);
  PeerConfig drained = lab::config();
  drained.encoding.graceful_shutdown = true;
  lab.tell(ConfigChanged{.config = drained});
  lab.write(id);
  EXPECT_EQ(lab.count(id, MessageType::Update), 1U);
}

TEST(PeerConfig, RepeatedRestartsByHandCannotSpin) {
  Lab lab;
  for (int i = 0; i < 1000; ++i) {
    lab.start();
    lab.tell(ConnectFailed{.why = "connection refused"});
    lab.tell(Stop{});
    lab.pass(10ms);
  }
  EXPECT_LE(lab.dials, 15U);  // in ten seconds
}

// What the session is told.

Negotiated negotiated() {
  Negotiated both;
  both.kind = PeerKind::External;
  both.hold_time = 90;
  both.as_width = AsWidth::Four;
  both.families = {.v4 = true, .v6 = true};
  both.add_path_send = {.v4 = true};
  both.message_size = kMaxExtendedMessage;
  return both;
}
Ends dual_stack() {
  Ends ends = lab::ends();
  ends.other_local = Address::parse("2001:db8::2").value();
  ends.other_subnet = Prefix::parse("2001:db8::/64").value();
  return ends;
}

TEST(Encoding, TakesUpWhatWasNegotiated) {
  PeerConfig config = lab::config();
  config.encoding.send_max_v4 = 8;
  config.encoding.send_max_v6 = 8;
  const Encoding encoding = encoding_of(config, negotiated(), dual_stack());
  EXPECT_EQ(encoding.local_as, Asn{65001});
  EXPECT_EQ(encoding.message_size, kMaxExtendedMessage);
  EXPECT_TRUE(encoding.add_path.v4);
  EXPECT_EQ(encoding.send_max_v4, 8U);
  EXPECT_EQ(encoding.send_max_v6, 1U);  // no ADD-PATH for that family
  EXPECT_EQ(encoding.exclude, dual_stack().remote);
}

TEST(Encoding, OwnNextHopsAreTheAddressesOfTheSession) {
  PeerConfig config = lab::config();
  config.encoding.mode = Encoding::Mode::Self;
  const Encoding encoding = encoding_of(config, negotiated(), dual_stack());
  EXPECT_EQ(encoding.self_v4, dual_stack().local);
  EXPECT_EQ(encoding.self_v6, dual_stack().other_local);
  EXPECT_FALSE(encoding.shared_v4);
  EXPECT_FALSE(encoding.shared_v6);
}

TEST(Encoding, AConfiguredOwnNextHopWins) {
  PeerConfig config = lab::config();
  config.encoding.self_v4 = Address::v4(0xC0000263U);
  EXPECT_EQ(encoding_of(config, negotiated(), dual_stack()).self_v4, Address::v4(0xC0000263U));
}

TEST(Encoding, ALinkLocalOwnNextHopOnlyGoesToANeighborOnTheLink) {
  PeerConfig config = lab::config();
  Ends ends = dual_stack();
  ends.local = Address::parse("fe80::2").value();
  ends.other_local.reset();
  EXPECT_EQ(encoding_of(config, negotiated(), ends).self_v6, ends.local);
  config.single_hop = false;
  EXPECT_FALSE(encoding_of(config, negotiated(), ends).self_v6);
}

TEST(Encoding, ThirdPartyNextHopsTowardsASingleHopExternalPeerLieInSharedSubnets) {
  const PeerConfig config = lab::config();
  Encoding encoding = encoding_of(config, negotiated(), dual_stack());
  EXPECT_EQ(encoding.shared_v4, dual_stack().subnet);
  EXPECT_EQ(encoding.shared_v6, dual_stack().other_subnet);

  // An interface without the other family shares no next hop of it.
  encoding = encoding_of(config, negotiated(), lab::ends());
  ASSERT_TRUE(encoding.shared_v6);
  EXPECT_FALSE(encoding.shared_v6->contains(Address::parse("2001:db8::7").value()));
}

TEST(Encoding, SubnetsDoNotMatterToInternalMultihopOrUnknownOnes) {
  PeerConfig config = lab::config();
  Negotiated internal = negotiated();
  internal.kind = PeerKind::Internal;
  EXPECT_FALSE(encoding_of(config, internal, dual_stack()).shared_v4);
  Ends unknown = dual_stack();
  unknown.subnet.reset();
  EXPECT_FALSE(encoding_of(config, negotiated(), unknown).shared_v4);
  config.single_hop = false;
  EXPECT_FALSE(encoding_of(config, negotiated(), dual_stack()).shared_v4);
}

}  // namespace
}  // namespace porter::bgp
