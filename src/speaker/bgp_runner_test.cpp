// SPDX-License-Identifier: Apache-2.0
#include "speaker/bgp_runner_test.hpp"

namespace porter::speaker {
namespace {

using testing_room::prefix;
using testing_room::Room;
using testing_room::route;
using testing_room::Speaker;
using testing_room::spec;
using testing_room::v4;

using BgpRunnerTest = Room;

TEST_F(BgpRunnerTest, TwoSpeakersDialEachOtherAndOneSessionIsLeft) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b);
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  EXPECT_EQ(a.peer("b").status.ends->remote, b.address);
  EXPECT_EQ(b.peer("a").status.ends->remote, a.address);
  EXPECT_NE(a.peer("b").status.direction, b.peer("a").status.direction);
}

TEST_F(BgpRunnerTest, RoutesOfBothFamiliesArriveWithTheirPaths) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b);
  a.announce(route("192.0.2.1/32", {"10.0.0.1", "10.0.0.2", "10.0.0.3"}));
  a.announce(route("2001:db8::1/128", {"2001:db8:1::1", "2001:db8:1::2"}));
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] {
    const PeerSnapshot seen = b.peer("a");
    return seen.received_v4 == 3 && seen.received_v6 == 2;
  }));
  EXPECT_TRUE(b.runner.holds(prefix("192.0.2.1/32")));
  EXPECT_TRUE(b.runner.holds(prefix("2001:db8::1/128")));
  const PeerSnapshot told = a.peer("b");
  EXPECT_EQ(told.sent_v4.prefixes, 1U);
  EXPECT_EQ(told.sent_v4.paths, 3U);
  EXPECT_EQ(told.sent_v6.paths, 2U);
  EXPECT_TRUE(run_until([&] {
    const bgp::PeerStatus status = a.peer("b").status;
    return status.end_of_rib_sent_v4 && status.end_of_rib_sent_v6;
  }));

  a.announce(route("192.0.2.1/32", {}));
  EXPECT_TRUE(run_until([&] { return !b.runner.holds(prefix("192.0.2.1/32")); }));
  EXPECT_TRUE(b.runner.holds(prefix("2001:db8::1/128")));
}

TEST_F(BgpRunnerTest, ASnapshotSpellsOutWhatAPeerIsTold) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b);
  for (int i = 0; i < 5; ++i)
    a.announce(route("192.0.2." + std::to_string(i) + "/32", {"10.0.0.1", "10.0.0.2"}));
  EXPECT_TRUE(a.runner.told("b", 100, std::nullopt).empty());
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  const std::vector<ToldRoute> first = a.runner.told("b", 3, std::nullopt);
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(first[0].prefix, prefix("192.0.2.0/32"));
  ASSERT_EQ(first[0].paths.size(), 2U);
  EXPECT_EQ(first[0].paths[1].id, 2U);
  EXPECT_EQ(to_string(*first[0].paths[1].attributes.as_path), "65001");
  EXPECT_EQ(a.runner.told("b", 3, first[2].prefix).size(), 2U);
  EXPECT_TRUE(a.runner.told("b", prefix("192.0.2.9/32"))->empty());
  EXPECT_FALSE(a.runner.told("nobody", prefix("192.0.2.1/32")).has_value());
}

TEST_F(BgpRunnerTest, NobodyIsDialledOrLetInBeforeTheFirstPlan) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b);
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] { return !b.peer("a").status.last_error.empty(); }));
  EXPECT_EQ(b.peer("a").status.last_error, "cannot connect: connection refused");
  EXPECT_EQ(a.state("b"), bgp::State::Idle);
  EXPECT_TRUE(a.runner.listeners().empty());
  a.listen_and_run();
  EXPECT_TRUE(both_up(a, b));
}

TEST_F(BgpRunnerTest, APassivePeerWaits) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  a.want("b", testing_room::passive(spec(a.address, b.address, b.port, 65001, 65002)));
  b.want("a", spec(b.address, a.address, a.port, 65002, 65001));
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  EXPECT_EQ(a.peer("b").status.direction, bgp::Direction::Inbound);
}

TEST_F(BgpRunnerTest, IPv6IsATransportToo) {
  const Address loopback = testing_room::v6_loopback();
  Speaker& a =
      speaker_on(loopback, testing_room::free_port(context_, loopback), BgpRunner::Options());
  Speaker& b =
      speaker_on(loopback, testing_room::free_port(context_, loopback), BgpRunner::Options());
  introduce(a, b, [](plan::PeerSpec& each) { each.password = "secret"; });
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  EXPECT_EQ(a.peer("b").status.ends->subnet, prefix("::1/128"));
}

TEST_F(BgpRunnerTest, StateIsToldAtOnceAndCountersFollow) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b);
  a.announce(route("192.0.2.1/32", {"10.0.0.1"}));
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  EXPECT_EQ(a.history.front().state, bgp::State::Idle);
  EXPECT_TRUE(std::ranges::any_of(a.history, [](const plan::SessionSeen& seen) {
    return seen.state == bgp::State::Established && seen.negotiated && seen.ends &&
           seen.since > 1'600'000'000;
  }));
  ASSERT_TRUE(
      run_until([&] { return a.history.back().sent_v4 == 1 && a.history.back().caught_up; }));
  ASSERT_TRUE(run_until([&] { return b.history.back().received_v4 == 1; }));
  b.want("a", std::nullopt);
  EXPECT_TRUE(b.history.back().gone);
}

TEST_F(BgpRunnerTest, ARemovedPeerIsToldWhyAndTheRestStays) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b);
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  a.want("b", std::nullopt);
  EXPECT_TRUE(a.runner.peers().empty());
  ASSERT_TRUE(run_until([&] { return b.peer("a").status.last_received.has_value(); }));
  EXPECT_EQ(b.peer("a").status.last_received->code, 6);
  EXPECT_EQ(b.peer("a").status.last_received->subcode, 3);
  a.want("b", spec(a.address, b.address, b.port, 65001, 65002));
  EXPECT_TRUE(both_up(a, b));
}

TEST_F(BgpRunnerTest, AShutdownSaysSo) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b, [](plan::PeerSpec& each) { each.config.open.restart_time = 20; });
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  stop(a, BgpRunner::Farewell::Shutdown);
  ASSERT_TRUE(run_until([&] { return b.peer("a").status.last_received.has_value(); }));
  EXPECT_EQ(b.peer("a").status.last_received->code, 6);
  EXPECT_EQ(b.peer("a").status.last_received->subcode, 2);
}

TEST_F(BgpRunnerTest, ARestartIsSilentWhereItWasNegotiatedAndKeepsTheRoutes) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b, [](plan::PeerSpec& each) {
    each.config.open.restart_time = 20;
    each.config.open.restart_families = {.v4 = true, .v6 = true};
  });
  a.announce(route("192.0.2.1/32", {"10.0.0.1"}));
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] { return b.runner.holds(prefix("192.0.2.1/32")); }));
  const std::uint16_t port = a.port;
  stop(a, BgpRunner::Farewell::Restart);
  ASSERT_TRUE(run_until([&] { return !b.is_up("a"); }));
  EXPECT_FALSE(b.peer("a").status.last_received.has_value());
  EXPECT_TRUE(b.runner.holds(prefix("192.0.2.1/32")));

  BgpRunner::Options options;
  options.restarting = bgp::Restarting::Yes;
  Speaker& again = speaker_on(v4(1), port, options);
  plan::PeerSpec of_a = spec(again.address, b.address, b.port, 65001, 65002);
  of_a.config.open.restart_time = 20;
  of_a.config.open.restart_families = {.v4 = true, .v6 = true};
  again.want("b", of_a);
  again.listen_and_run();  // planned, and the route is no longer
  ASSERT_TRUE(run_until([&] { return b.is_up("a") && again.is_up("b"); }));
  EXPECT_TRUE(again.peer("b").status.open_sent->capabilities.restart->restarting);
  EXPECT_TRUE(run_until(
      [&] { return !b.runner.holds(prefix("192.0.2.1/32")); }));  // End-of-RIB ends what is stale
}

TEST_F(BgpRunnerTest, WhatIsReplayedGoesOutAndWhatAPlanDoesNotConfirmIsWithdrawn) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b);
  RouteTable routes;
  routes[prefix("192.0.2.1/32")] = route("192.0.2.1/32", {"10.0.0.1"}).paths;
  routes[prefix("192.0.2.2/32")] = route("192.0.2.2/32", {"10.0.0.1"}).paths;
  a.runner.replay(routes);
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] { return b.peer("a").received_v4 == 2; }));
  a.announce(route("192.0.2.2/32", {"10.0.0.1"}));
  a.listen_and_run();
  EXPECT_TRUE(run_until([&] { return !b.runner.holds(prefix("192.0.2.1/32")); }));
  EXPECT_TRUE(b.runner.holds(prefix("192.0.2.2/32")));
}

TEST_F(BgpRunnerTest, APeerOutOfAPrefixGetsASessionOfItsOwnAndLeavesNothing) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  Speaker& c = speaker(3);
  plan::PeerSpec rack = spec(a.address, a.address, 179, 65001, 65002);
  rack.local_address.clear();
  rack.neighbor_prefix = prefix("127.0.0.2/31");
  rack.neighbor_limit = 1;
  rack.password = "secret";
  a.want("rack", rack);
  a.listen_and_run();
  plan::PeerSpec of_b = spec(b.address, a.address, a.port, 65002, 65001);
  of_b.password = "secret";
  b.want("a", of_b);
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] { return b.is_up("a") && a.is_up("rack/127.0.0.2"); }));
  EXPECT_EQ(a.history.back().peer, "rack");

  plan::PeerSpec of_c = spec(c.address, a.address, a.port, 65002, 65001);
  of_c.password = "secret";
  c.want("a", of_c);
  c.listen_and_run();
  ASSERT_TRUE(run_until([&] { return a.runner.gate().too_many_sessions > 0; }));
  b.want("a", std::nullopt);
  ASSERT_TRUE(run_until([&] { return c.is_up("a"); }));
  ASSERT_EQ(a.runner.peers().size(), 1U);
  EXPECT_EQ(a.runner.peers()[0].session, "rack/127.0.0.3");
  a.want("rack", std::nullopt);
  EXPECT_TRUE(a.runner.peers().empty());
  EXPECT_TRUE(run_until([&] { return !c.is_up("a"); }));
}

}  // namespace
}  // namespace porter::speaker
