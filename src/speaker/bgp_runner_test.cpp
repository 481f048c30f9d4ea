// SPDX-License-Identifier: Apache-2.0
#include "speaker/bgp_runner_test.hpp"

#include <filesystem>
#include <unistd.h>

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

// The last run of `a` towards `b`, as its restart file has it: two routes, and who else is named.
RestartState last_run(const Speaker& a, const Speaker& b) {
  RestartState last;
  last.peers.listen = plan::ListenSpec{.port = a.port, .addresses = {a.address}};
  last.peers.peers["b"] = spec(a.address, b.address, b.port, 65001, 65002);
  for (const char* to : {"192.0.2.1/32", "192.0.2.2/32"})
    last.routes[prefix(to)] = route(to, {"10.0.0.1"}).paths;
  return last;
}

TEST_F(BgpRunnerTest, WhatIsReplayedGoesOutAndWhatAPlanDoesNotConfirmIsWithdrawn) {
  Speaker& b = speaker(2);
  const Speaker& silent = speaker(1);  // its port is ours
  BgpRunner::Options options;
  options.restarting = bgp::Restarting::Yes;
  options.last = last_run(silent, b);
  options.last.peers.peers["old"] = spec(silent.address, v4(9), 179, 65001, 65009);
  Speaker& a = speaker_on(silent.address, silent.port, options);
  b.want("a", spec(b.address, a.address, a.port, 65002, 65001));
  b.listen_and_run();
  EXPECT_TRUE(a.runner.peers().empty());  // a file alone dials nobody
  EXPECT_EQ(a.runner.replay(), 2U);
  ASSERT_TRUE(run_until([&] { return b.peer("a").received_v4 == 2; }));
  ASSERT_TRUE(run_until([&] { return a.peer("b").status.end_of_rib_sent_v4; }));

  a.announce(route("192.0.2.2/32", {"10.0.0.1"}));
  a.want("b", spec(a.address, b.address, b.port, 65001, 65002));
  a.listen_and_run();
  EXPECT_TRUE(run_until([&] { return !b.runner.holds(prefix("192.0.2.1/32")); }));
  EXPECT_TRUE(b.runner.holds(prefix("192.0.2.2/32")));
  ASSERT_EQ(a.runner.peers().size(), 1U);  // "old" is not in the plan
  EXPECT_EQ(a.peer("b").status.flaps, 0U);
  EXPECT_EQ(b.peer("a").status.flaps, 0U);
}

TEST_F(BgpRunnerTest, AReplayComesTooLateBehindAPlan) {
  const Speaker& b = speaker(2);
  const Speaker& silent = speaker(1);
  BgpRunner::Options options;
  options.last = last_run(silent, b);
  Speaker& a = speaker_on(silent.address, silent.port, options);
  a.listen_and_run();
  EXPECT_EQ(a.runner.replay(), 0U);
  EXPECT_TRUE(a.runner.peers().empty());
  EXPECT_EQ(a.runner.rib().size(), 0U);
}

TEST_F(BgpRunnerTest, TheRoutersPatienceIsTheShortestRestartTime) {
  const Speaker& b = speaker(2);
  const Speaker& silent = speaker(1);
  EXPECT_EQ(silent.runner.shortest_restart_time(), std::nullopt);
  BgpRunner::Options options;
  options.last = last_run(silent, b);
  options.last.peers.peers["b"].config.open.restart_time = 60;
  options.last.peers.peers["c"] = options.last.peers.peers["b"];
  options.last.peers.peers["c"].config.open.restart_time = 20;
  EXPECT_EQ(speaker_on(silent.address, silent.port, options).runner.shortest_restart_time(),
            std::chrono::seconds{20});
}

// What the restart file of a runner says once it has stopped for a restart.
class BgpRunnerRestartFile : public Room {
 protected:
  RestartState kept_by(BgpRunner::KeepPeers keep) {
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() / ("porter-kept-" + std::to_string(::getpid()));
    BgpRunner::Options options;
    options.restart_file = file;
    options.boot_id = "boot";
    options.keep_peers = keep;
    Speaker& a = speaker(1, options);
    plan::PeerSpec open = spec(a.address, v4(2), 179, 65001, 65002);
    plan::PeerSpec sealed = spec(a.address, v4(3), 179, 65001, 65003);
    sealed.password = "secret";
    a.want("open", open);
    a.want("sealed", sealed);
    a.announce(route("192.0.2.1/32", {"10.0.0.1"}));
    a.listen_and_run();
    stop(a, BgpRunner::Farewell::Restart);
    Result<RestartState> state = load_restart_file(file, "boot");
    EXPECT_TRUE(state.has_value());
    std::filesystem::remove(file);
    return state ? *state : RestartState{};
  }
};

TEST_F(BgpRunnerRestartFile, HoldsTheSessionsAndWhereToListen) {
  const RestartState state = kept_by(BgpRunner::KeepPeers::All);
  EXPECT_EQ(state.routes.size(), 1U);
  EXPECT_TRUE(state.peers.listen.has_value());
  ASSERT_EQ(state.peers.peers.size(), 2U);
  EXPECT_EQ(state.peers.peers.at("sealed").password, "secret");
}

TEST_F(BgpRunnerRestartFile, LeavesOutWhoHasAPasswordWhereItWouldLieOnADisk) {
  const RestartState state = kept_by(BgpRunner::KeepPeers::Unsigned);
  ASSERT_EQ(state.peers.peers.size(), 1U);
  EXPECT_TRUE(state.peers.peers.contains("open"));
}

TEST_F(BgpRunnerRestartFile, HoldsRoutesAloneWhereNobodyWillReplayIt) {
  const RestartState state = kept_by(BgpRunner::KeepPeers::No);
  EXPECT_EQ(state.routes.size(), 1U);
  EXPECT_EQ(state.peers, RestartPeers{});
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
