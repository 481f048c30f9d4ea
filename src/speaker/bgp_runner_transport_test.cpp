// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <sys/socket.h>

#include <fmt/format.h>

#include "bgp/message.hpp"
#include "speaker/bgp_runner_test.hpp"

namespace porter::speaker {
namespace {

using testing_room::prefix;
using testing_room::Room;
using testing_room::route;
using testing_room::Speaker;
using testing_room::spec;
using testing_room::Tcp;
using testing_room::v4;

using BgpTransportTest = Room;

// The other end without manners: says OPEN and KEEPALIVE, and does with its socket what a test
// wants.
class Router {
 public:
  Router(io::asio::io_context& context, const Address& on, const Speaker& to,
         const bgp::OpenConfig& open)
      : socket_{context, Tcp::v4()} {
    const int small = 4096;
    EXPECT_EQ(::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small),
              0);
    socket_.bind(io::endpoint_of(on, 0, 0));
    socket_.connect(io::endpoint_of(to.address, to.port, 0));
    socket_.non_blocking(true);
    std::vector<std::uint8_t> octets;
    bgp::encode(bgp::make_open(open, bgp::Restarting::No), octets);
    bgp::encode_keepalive(octets);
    socket_.send(io::asio::buffer(octets));
  }
  void reset() {
    socket_.set_option(io::asio::socket_base::linger{true, 0});
    socket_.close();
  }

 private:
  Tcp::socket socket_;
};

TEST_F(BgpTransportTest, ASessionThatIsResetComesBack) {
  Speaker& a = speaker(1);
  a.want("router", testing_room::passive(spec(a.address, v4(9), 179, 65001, 65009)));
  a.listen_and_run();
  ASSERT_TRUE(
      run_until([&] { return !a.runner.listeners().empty() && a.runner.listeners()[0].open; }));
  const bgp::OpenConfig open = spec(v4(9), a.address, a.port, 65009, 65001).config.open;
  Router first{context_, v4(9), a, open};
  ASSERT_TRUE(run_until([&] { return a.is_up("router"); }));
  first.reset();
  ASSERT_TRUE(run_until([&] { return !a.is_up("router"); }));
  EXPECT_NE(a.peer("router").status.last_error.find("connection reset by peer"), std::string::npos)
      << a.peer("router").status.last_error;
  const Router second{context_, v4(9), a, open};
  EXPECT_TRUE(run_until([&] { return a.is_up("router"); }));
}

TEST_F(BgpTransportTest, APeerThatNeverReadsHoldsUpNobodyAndIsHandedLittle) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  a.want("router", testing_room::passive(spec(a.address, v4(9), 179, 65001, 65009)));
  introduce(a, b);
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  const Router router{context_, v4(9), a, spec(v4(9), a.address, a.port, 65009, 65001).config.open};
  ASSERT_TRUE(run_until([&] { return a.is_up("router"); }));
  constexpr std::uint32_t kRoutes = 3'000;
  for (const bool there : {true, false, true}) {
    plan::Changes changes;
    for (std::uint32_t i = 0; i < kRoutes; ++i) {
      plan::Route each = route("0.0.0.0/0", {"10.0.0.1"});
      each.prefix = Prefix::host(Address::v4(0xC6000000U + i));
      bgp::Path path = each.paths.front();
      path.attributes.med = i;  // an UPDATE of its own
      each.paths = there ? bgp::PathList{path} : bgp::PathList{};
      changes.emplace_back(std::move(each));
    }
    a.runner.apply(changes);
    const bgp::AdjRibIn& received = *b.runner.received("a");
    ASSERT_TRUE(run_until([&] { return received.received(Family::V4) == (there ? kRoutes : 0); }));
  }
  context_.poll();  // would not return if the full socket were tried again and again
  const PeerSnapshot stuck = a.peer("router");
  EXPECT_EQ(stuck.status.state, bgp::State::Established);
  EXPECT_FALSE(stuck.status.caught_up);
  EXPECT_LT(stuck.octets_sent, std::uint64_t{3} * io::kUnsentLimit);
  EXPECT_GT(a.peer("b").octets_sent, std::uint64_t{2} * stuck.octets_sent);
}

TEST_F(BgpTransportTest, AWrongPasswordIsNoticedAndTheRightOneComesUp) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  plan::PeerSpec of_a = spec(a.address, b.address, b.port, 65001, 65002);
  plan::PeerSpec of_b = spec(b.address, a.address, a.port, 65002, 65001);
  of_a.password = "one";
  of_b.password = "another";
  a.want("b", of_a);
  b.want("a", of_b);
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] { return !a.runner.md5_hint().empty(); }));
  EXPECT_EQ(a.runner.md5_hint(), "the router signs with another password (TCPMD5Failure)");
  EXPECT_FALSE(a.is_up("b"));
  of_b.password = "one";
  b.want("a", of_b);
  EXPECT_TRUE(both_up(a, b));
}

TEST_F(BgpTransportTest, ANewPasswordOnBothSidesKeepsTheSession) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b, [](plan::PeerSpec& each) { each.password = "old"; });
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  introduce(a, b, [](plan::PeerSpec& each) { each.password = "new"; });
  a.announce(route("192.0.2.1/32", {"10.0.0.1"}));
  ASSERT_TRUE(run_until([&] { return b.runner.holds(prefix("192.0.2.1/32")); }));
  EXPECT_EQ(a.peer("b").status.flaps, 0U);
  EXPECT_EQ(b.peer("a").status.flaps, 0U);
  EXPECT_EQ(a.peer("b").transport_error, "");
}

TEST_F(BgpTransportTest, BeginningToSignResetsThatSessionAlone) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  Speaker& c = speaker(3);
  introduce(a, b);
  a.want("c", spec(a.address, c.address, c.port, 65001, 65003));
  c.want("a", spec(c.address, a.address, a.port, 65003, 65001));
  for (Speaker* each : {&a, &b, &c})
    each->listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  ASSERT_TRUE(run_until([&] { return a.is_up("c") && c.is_up("a"); }));
  introduce(a, b, [](plan::PeerSpec& each) { each.password = "secret"; });
  ASSERT_TRUE(
      run_until([&] { return a.peer("b").status.flaps == 1 && b.peer("a").status.flaps == 1; }));
  EXPECT_TRUE(both_up(a, b));
  EXPECT_EQ(a.peer("c").status.flaps, 0U);
}

TEST_F(BgpTransportTest, AnotherLocalAddressResetsTheSessionAndDialsFromThere) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  plan::PeerSpec of_a = spec(a.address, b.address, b.port, 65001, 65002);
  plan::PeerSpec of_b = testing_room::passive(spec(b.address, a.address, a.port, 65002, 65001));
  of_b.neighbor_prefix = prefix("127.0.0.0/28");
  of_b.neighbor_limit = 8;
  a.want("b", of_a);
  b.want("rack", of_b);
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] { return a.is_up("b") && b.is_up("rack/127.0.0.1"); }));
  of_a.local_address = "127.0.0.5";
  a.want("b", of_a);
  ASSERT_TRUE(run_until([&] { return a.is_up("b") && b.is_up("rack/127.0.0.5"); }));
  EXPECT_EQ(a.peer("b").status.flaps, 1U);
  EXPECT_TRUE(run_until([&] { return b.runner.peers().size() == 1; }));
}

TEST_F(BgpTransportTest, ALocalAddressThatIsNotHereIsAReason) {
  Speaker& a = speaker(1);
  plan::PeerSpec of_a = spec(a.address, v4(9), 179, 65001, 65009);
  of_a.local_address = "198.51.100.0/24";
  a.want("cidr", of_a);
  of_a.local_address = "198.51.100.7";
  of_a.neighbor = v4(8);
  a.want("address", of_a);
  a.listen_and_run();
  const auto error = [&](const char* peer) { return a.peer(peer).status.last_error; };
  ASSERT_TRUE(run_until([&] { return !error("cidr").empty() && !error("address").empty(); }));
  EXPECT_NE(
      error("cidr").find("NoLocalAddress: no IPv4 address of this node lies in 198.51.100.0/24"),
      std::string::npos)
      << error("cidr");
  EXPECT_NE(error("address").find("NoLocalAddress: 198.51.100.7 is not on this node"),
            std::string::npos)
      << error("address");
}

TEST_F(BgpTransportTest, AStrangerIsRefusedAndCounted) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  a.listen_and_run();
  b.want("a", spec(b.address, a.address, a.port, 65002, 65001));
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] {
    return a.runner.gate().strangers > 0 && b.peer("a").status.last_received.has_value();
  }));
  EXPECT_EQ(b.peer("a").status.last_received->code, 6);
  EXPECT_EQ(b.peer("a").status.last_received->subcode, 5);
  EXPECT_TRUE(a.runner.peers().empty());
  EXPECT_EQ(a.warnings.front(), "refused a connection from 127.0.0.2: no such neighbour");
}

TEST_F(BgpTransportTest, ANeighbourThatMovesAwayIsNoLongerHeard) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  const auto secure = [](plan::PeerSpec& each) {
    each.ttl = 255;
    each.min_ttl = 255;
    each.config.open.hold_time = 3;
  };
  introduce(a, b, secure);
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  plan::PeerSpec far = spec(b.address, a.address, a.port, 65002, 65001);
  secure(far);
  far.ttl = 254;
  b.want("a", far);
  EXPECT_TRUE(b.is_up("a"));  // the edit itself resets nothing
  ASSERT_TRUE(run_until([&] { return !a.is_up("b"); }));
  EXPECT_EQ(a.peer("b").status.last_sent->code, 4);  // hold timer expired
}

TEST_F(BgpTransportTest, SessionsLiveOnWhenTheListenerMoves) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  introduce(a, b);
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(both_up(a, b));
  a.port = testing_room::free_port(context_, a.address);
  a.listen_and_run();
  ASSERT_TRUE(run_until([&] {
    const std::vector<ListenerStatus> all = a.runner.listeners();
    return all.size() == 1 && all[0].open && all[0].port == a.port;
  }));
  a.announce(route("192.0.2.1/32", {"10.0.0.1"}));
  ASSERT_TRUE(run_until([&] { return b.runner.holds(prefix("192.0.2.1/32")); }));
  EXPECT_EQ(a.peer("b").status.flaps, 0U);
}

TEST_F(BgpTransportTest, StopIsBoundedThoughADialIsUnderWay) {
  Speaker& a = speaker(1);
  Speaker& b = speaker(2);
  plan::PeerSpec unheard = spec(a.address, b.address, b.port, 65001, 65002);
  unheard.password = "only here";  // its SYN is dropped in silence
  a.want("b", unheard);
  b.want("a", spec(b.address, a.address, a.port, 65002, 65001));
  a.listen_and_run();
  b.listen_and_run();
  ASSERT_TRUE(run_until([&] { return a.state("b") == bgp::State::Connect; }));
  const auto before = std::chrono::steady_clock::now();
  stop(a);
  EXPECT_LT(std::chrono::steady_clock::now() - before, BgpRunner::kFarewellWithin);
}

}  // namespace
}  // namespace porter::speaker
