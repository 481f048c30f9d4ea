// SPDX-License-Identifier: Apache-2.0
#include "bgp/outbox.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bgp/peer_lab.hpp"

// What goes out, in which order, however little the socket takes at a time.
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;
using lab::Lab;
using lab::Octets;

constexpr auto kUpdate = static_cast<std::uint8_t>(MessageType::Update);
constexpr auto kKeepalive = static_cast<std::uint8_t>(MessageType::Keepalive);

std::vector<std::uint8_t> types(const Lab& lab, ConnId id) {
  std::vector<std::uint8_t> all;
  for (const lab::Sent& one : lab.sent(id)) {
    all.push_back(one.type);
  }
  return all;
}

// Established, with two UPDATEs waiting and nothing of them written.
ConnId with_two_updates(Lab& lab) {
  lab.start();
  const ConnId id = lab.establish();
  lab.stream[id].clear();
  lab.writes = false;
  lab.source.add(lab::announce(lab::host(1)));
  lab.source.add(lab::announce(lab::host(2)));
  lab.routes_changed();
  return id;
}

TEST(Outbox, ControlMessagesGoBeforeUpdates) {
  Lab lab;
  const ConnId id = with_two_updates(lab);
  lab.pass(31s);  // a KEEPALIVE is due
  lab.write(id);
  EXPECT_EQ(types(lab, id), (std::vector{kKeepalive, kUpdate, kUpdate}));
}

TEST(Outbox, ControlMessagesNeverGoIntoAnUpdate) {
  Lab lab;
  const ConnId id = with_two_updates(lab);
  lab.write_some(id, 25);
  lab.pass(31s);
  lab.write(id);
  EXPECT_EQ(types(lab, id), (std::vector{kUpdate, kKeepalive, kUpdate}));
}

TEST(Outbox, ANotificationFollowsTheRestOfAnUpdate) {
  Lab lab;
  const ConnId id = with_two_updates(lab);
  lab.write_some(id, 25);
  lab.tell(Stop{.subcode = Cease::PeerDeconfigured, .communication = {}});
  EXPECT_EQ(types(lab, id),
            (std::vector{kUpdate, static_cast<std::uint8_t>(MessageType::Notification)}));
  EXPECT_EQ(lab.stream[id].size(), lab.source.table.front().size() + 21);
  EXPECT_TRUE(lab.is_closed(id));
}

TEST(Outbox, OneKeepaliveWaitsForAPeerThatDoesNotRead) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  lab.stream[id].clear();
  lab.writes = false;
  for (int i = 0; i < 8; ++i) {
    lab.pass(40s);
    lab.receive(id, lab::keepalive());
  }
  lab.write(id);
  EXPECT_EQ(types(lab, id), std::vector{kKeepalive});
}

TEST(Outbox, CountsWhatWasSent) {
  Lab lab;
  const ConnId id = with_two_updates(lab);
  lab.write_some(id, 25);
  lab.write(id);
  lab.lose(id);
  const MessageCounts sent = lab.peer.status().sent;
  EXPECT_EQ(sent.open, 1U);
  EXPECT_EQ(sent.update, 2U);
  EXPECT_EQ(sent.keepalive, 1U);
}

TEST(Outbox, SaysWhenThePeerHasEverything) {
  Lab lab;
  const ConnId id = with_two_updates(lab);
  EXPECT_FALSE(lab.peer.status().caught_up);
  lab.write(id);
  EXPECT_TRUE(lab.peer.status().caught_up);
}

TEST(Outbox, ALastWordIsForgottenAfterAMoment) {
  Lab lab;
  lab.start();
  const ConnId id = lab.establish();
  const Actions actions = lab.peer.handle(Stop{}, lab.now);
  EXPECT_TRUE(std::ranges::any_of(
      actions, [](const Action& one) { return std::holds_alternative<Close>(one); }));
  EXPECT_FALSE(lab.peer.writable(id, 100).empty());
  EXPECT_EQ(lab.peer.deadline(), lab.now + kLinger);
  lab.pass(kLinger);
  EXPECT_TRUE(lab.peer.writable(id, 100).empty());
}

// Whatever is queued when, and however little is taken: every message arrives whole, and the
// UPDATEs in their order.
RC_GTEST_PROP(Outbox, KeepsMessagesWholeUnderAnyPartialWrites, ()) {
  lab::ScriptedSource source;
  source.opened({});
  Outbox outbox;
  Octets stream;
  std::uint32_t updates = 0;
  std::uint64_t counted = 0;
  std::size_t controls = 0;
  const auto write = [&](std::size_t most) {
    const Octets taken =
        lab::taken_of(outbox.writable(&source, *rc::gen::inRange<std::size_t>(1, 300)), most);
    stream.insert(stream.end(), taken.begin(), taken.end());
    counted += outbox.written(&source, taken.size());
    return taken.size();
  };
  for (int step = *rc::gen::inRange(0, 60); step > 0; --step) {
    switch (*rc::gen::inRange(0, 4)) {
      case 0: source.add(lab::announce(lab::host(updates++))); break;
      case 1:
        encode_keepalive(outbox.control());
        ++controls;
        break;
      default: (void)write(*rc::gen::inRange<std::size_t>(0, 120));
    }
  }
  while (write(SIZE_MAX) > 0) {
  }
  std::uint32_t seen = 0;
  for (Bytes rest = stream; !rest.empty();) {
    const auto next = frame(rest, kMaxMessage);
    RC_ASSERT(std::holds_alternative<Frame>(next));
    const auto& one = std::get<Frame>(next);
    if (one.type == kUpdate) {
      const Octets expected = lab::announce(lab::host(seen++));
      RC_ASSERT(std::ranges::equal(rest.first(one.size), expected));
    } else {
      --controls;
    }
    rest = rest.subspan(one.size);
  }
  RC_ASSERT(seen == updates);
  RC_ASSERT(counted == updates);
  RC_ASSERT(controls == 0U);
}

}  // namespace
}  // namespace porter::bgp
