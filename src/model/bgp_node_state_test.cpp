// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/encode.hpp"
#include "model/test_tree.hpp"

namespace porter::model {
namespace {

BgpNodeState::Session session(std::size_t number) {
  return {.peer = "tor-" + std::to_string(number),
          .neighbor = "2001:db8:ffff:ffff:ffff:ffff:ffff:" + std::to_string(number),
          .state = "Established",
          .since = 1'700'000'000,
          .peer_as = 4'200'000'000,
          .local_as = 4'200'000'001,
          .router_id = "192.0.2.255",
          .hold_time = 90,
          .capabilities = {"ipv4-unicast", "ipv6-unicast", "add-path-send ipv4",
                           "add-path-send ipv6", "graceful-restart 20 s", "route-refresh",
                           "extended-message", "four-octet-as"},
          .sent = {.ipv4 = 5'000, .ipv6 = 5'000},
          .kept_back = {.ipv4 = 5'000, .ipv6 = 5'000},
          .received = {.ipv4 = 1'000'000, .ipv6 = 200'000},
          .flaps = 3,
          .notification_sent = {{.text = std::string(100, 's'), .at = 1'700'000'000}},
          .notification_received = {{.text = std::string(100, 'r'), .at = 1'700'000'000}},
          .last_error = std::string(100, 'e'),
          .bfd = "Up"};
}

BgpNodeState::Session plain_session(std::string peer, std::string state) {
  BgpNodeState::Session session;
  session.peer = std::move(peer);
  session.neighbor = "192.0.2.9";
  session.state = std::move(state);
  return session;
}

TEST(BgpNodeState, IsReadBackAsItWasWritten) {
  BgpNodeState state;
  state.meta.name.name = "node-1";
  state.total = 2;
  state.established = 1;
  state.router_id = "192.0.2.1";
  state.version = "0.1.0";
  state.sessions = {session(1), plain_session("x", "Idle")};
  const Decoded decoded = decode(to_tree(state));
  EXPECT_EQ(text_of(decoded.problems), "");
  BgpNodeState read = std::get<BgpNodeState>(decoded.object.value());
  EXPECT_EQ(read.meta.name.name, "node-1");
  read.meta = state.meta;
  EXPECT_EQ(read, state);
}

TEST(BgpNodeState, StaysBelow100kBWith128Peers) {
  BgpNodeState state;
  for (std::size_t i = 0; i < 128; ++i)
    state.sessions.push_back(session(i));
  const Tree tree = to_tree(state);
  EXPECT_EQ(tree["status"]["sessions"].items().size(), 128U);
  EXPECT_LT(to_json(tree, 0).size(), 100'000U);
}

TEST(BgpNodeState, StaysBelow100kBWhateverItHolds) {
  BgpNodeState state;
  const std::string worst(10'000, '\x01');
  for (std::size_t i = 0; i < 500; ++i) {
    BgpNodeState::Session bad = session(i);
    bad.neighbor = bad.state = bad.router_id = bad.last_error = bad.bfd = worst;
    bad.notification_sent->text = bad.notification_received->text = worst;
    bad.capabilities.assign(100, worst);
    state.sessions.push_back(std::move(bad));
  }
  EXPECT_LT(to_json(to_tree(state), 0).size(), 100'000U);
}

TEST(BgpNodeState, ListsFirstWhatIsNotEstablished) {
  BgpNodeState state;
  for (std::size_t i = 0; i < 200; ++i)
    state.sessions.push_back(session(i));
  state.sessions.push_back(plain_session("down", "Active"));
  const Tree tree = to_tree(state);
  EXPECT_EQ(tree["status"]["sessions"].items()[0]["peer"].text(), "down");
}

}  // namespace
}  // namespace porter::model
