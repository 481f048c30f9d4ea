// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <random>

#include <gtest/gtest.h>

#include "bgp/peer_lab.hpp"
#include "seeds.hpp"

// Two real Peers over a network that splits, delays, stalls and cuts, in virtual time. Hours of
// protocol run in milliseconds, and a seed reproduces the run exactly.
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;
using lab::Octets;

enum class Recovery : std::uint8_t { Plain, GracefulRestart };

struct Weather {
  Duration delay = 5ms;
  bool refuses = false;   // dials fail
  bool swallows = false;  // nothing arrives and nobody is told
  bool stalls = false;    // sockets take nothing
};

class Network {
 public:
  Network(unsigned seed, Recovery recovery) : random_{seed} {
    for (const std::size_t side : {0U, 1U}) {
      nodes_[side] = std::make_unique<Node>(config(side, seed, recovery), now_);
      for (std::uint32_t i = 0; i < kRoutes; ++i) {
        nodes_[side]->source.add(lab::announce(route(side, i)));
      }
      tell(side, Start{});
      tell(side, RibSynced{});
    }
  }

  static constexpr std::uint32_t kRoutes = 12;
  [[nodiscard]] static Prefix route(std::size_t side, std::uint32_t number) {
    return lab::host(static_cast<std::uint32_t>(side) * 1000 + number);
  }

  void run_for(Duration span) {
    const TimePoint end = now_ + span;
    for (;;) {
      TimePoint next = std::min(nodes_[0]->peer.deadline(), nodes_[1]->peer.deadline());
      if (!flights_.empty()) next = std::min(next, flights_.begin()->first);
      if (next > end) break;
      now_ = std::max(now_, next);
      while (!flights_.empty() && flights_.begin()->first <= now_) {
        const Flight flight = std::move(flights_.begin()->second);
        flights_.erase(flights_.begin());
        land(flight);
      }
      for (const std::size_t side : {0U, 1U}) {
        perform(side, nodes_[side]->peer.tick(now_));
      }
    }
    now_ = end;
  }

  // Every connection breaks, and both sides notice.
  void cut() {
    while (!cables_.empty()) {
      const ConnId cable = cables_.begin()->first;
      const Cable ends = cables_.begin()->second;
      cables_.erase(cable);
      for (const std::size_t side : {0U, 1U}) {
        if (ends.open[side]) tell(side, Closed{.conn = cable, .why = "connection reset"});
      }
    }
  }
  void flush() {
    for (const std::size_t side : {0U, 1U}) {
      for (const auto& [cable, ends] : std::map{cables_}) {
        if (ends.open[side]) write(side, cable);
      }
    }
  }
  void change(const Weather& weather) {
    weather_ = weather;
    if (!weather.stalls) flush();
  }
  void churn(std::size_t side, std::uint32_t number) {
    nodes_[side]->source.add(lab::announce(route(side, number)));
    perform(side, nodes_[side]->peer.routes_changed());
  }

  [[nodiscard]] const Peer& peer(std::size_t side) const { return nodes_[side]->peer; }
  [[nodiscard]] bool up() const {
    return peer(0).state() == State::Established && peer(1).state() == State::Established;
  }
  [[nodiscard]] std::size_t connections() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        cables_, [](const auto& one) { return one.second.open[0] && one.second.open[1]; }));
  }
  [[nodiscard]] bool has_all_routes(std::size_t side, std::uint32_t count) const {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (!peer(side).received().holds(route(1 - side, i))) return false;
    }
    return true;
  }
  [[nodiscard]] unsigned dials(std::size_t side) const { return nodes_[side]->dials; }
  [[nodiscard]] unsigned roll(unsigned below) {
    return std::uniform_int_distribution<unsigned>{0, below - 1}(random_);
  }

 private:
  struct Node {
    Node(PeerConfig with, TimePoint now) : peer{std::move(with), source, Restarting::No, now} {}
    lab::ScriptedSource source;
    Peer peer;
    bool dialing = false;
    unsigned dial = 0;  // which one is under way
    unsigned dials = 0;
  };
  struct Cable {
    std::array<bool, 2> open{};
    std::array<TimePoint, 2>
        last{};  // arrival of the latest octets per receiver: a stream keeps order
  };
  struct Flight {
    enum class What : std::uint8_t { Dial, Answer, Data, End } what{};
    std::size_t to = 0;
    ConnId cable = 0;
    unsigned dial = 0;
    bool refused = false;
    Octets octets;
  };

  // Both are AS 65002 to each other's routes, so that lab::announce() fits either side.
  static PeerConfig config(std::size_t side, unsigned seed, Recovery recovery) {
    PeerConfig config = lab::config();
    config.open.local_as = Asn{65002};
    config.open.remote_as = Asn{65002};
    config.open.id = RouterId{static_cast<std::uint32_t>(side) + 1 +
                              (seed % 3 == 0 ? 100U - 50U * static_cast<std::uint32_t>(side) : 0U)};
    config.open.hold_time = 9;
    if (recovery == Recovery::Plain) config.open.restart_time.reset();
    config.received.allow_own_as = 9;
    config.received.local_as = Asn{65002};
    config.jitter_seed = std::size_t{seed} * 2 + side;
    return config;
  }

  void tell(std::size_t side, const Event& event) {
    perform(side, nodes_[side]->peer.handle(event, now_));
  }

  void perform(std::size_t side, const Actions& actions) {
    for (const Action& action : actions) {
      if (std::holds_alternative<Connect>(action)) {
        dial(side);
      } else if (std::holds_alternative<AbortConnect>(action)) {
        nodes_[side]->dialing = false;
      } else if (const auto* close = std::get_if<Close>(&action)) {
        hang_up(side, close->conn);
      } else if (const auto* wants = std::get_if<WantsToWrite>(&action)) {
        write(side, wants->conn);
      }
    }
  }

  void dial(std::size_t side) {
    Node& node = *nodes_[side];
    ASSERT_FALSE(node.dialing);
    node.dialing = true;
    ++node.dials;
    ++node.dial;
    if (weather_.swallows) return;
    const ConnId cable = next_cable_++;
    launch({.what = Flight::What::Dial,
            .to = 1 - side,
            .cable = cable,
            .dial = node.dial,
            .refused = weather_.refuses,
            .octets = {}});
  }

  void hang_up(std::size_t side, ConnId cable) {
    const auto found = cables_.find(cable);
    if (found == cables_.end()) return;
    if (!weather_.stalls) write(side, cable);
    found->second.open[side] = false;
    launch({.what = Flight::What::End, .to = 1 - side, .cable = cable, .octets = {}});
    if (!found->second.open[1 - side]) cables_.erase(found);
  }

  // Takes as much as it likes, and cuts it into as many pieces.
  void write(std::size_t side, ConnId cable) {
    for (int turn = 0; turn < 1000 && !weather_.stalls; ++turn) {
      Peer& peer = nodes_[side]->peer;
      const std::size_t most = 1 + roll(400);
      Octets taken = lab::taken_of(peer.writable(cable, 1 + roll(600)), most);
      if (taken.empty()) return;
      const std::size_t octets = taken.size();
      launch(
          {.what = Flight::What::Data, .to = 1 - side, .cable = cable, .octets = std::move(taken)});
      perform(side, peer.written(cable, octets, now_));
    }
  }

  void launch(Flight flight) {
    if (weather_.swallows && flight.what != Flight::What::Dial) return;
    TimePoint at = now_ + weather_.delay + std::chrono::milliseconds{roll(20)};
    if (flight.what == Flight::What::Data || flight.what == Flight::What::End) {
      if (const auto found = cables_.find(flight.cable); found != cables_.end()) {
        at = std::max(at, found->second.last[flight.to]);
        found->second.last[flight.to] = at;
      }
    }
    flights_.emplace(at, std::move(flight));
  }

  void land(const Flight& flight) {
    switch (flight.what) {
      case Flight::What::Dial: land_dial(flight); break;
      case Flight::What::Answer: land_answer(flight); break;
      case Flight::What::Data:
        if (is_open(flight))
          tell(flight.to, Received{.conn = flight.cable, .bytes = flight.octets});
        break;
      case Flight::What::End:
        if (!is_open(flight)) break;
        cables_[flight.cable].open[flight.to] = false;
        tell(flight.to, Closed{.conn = flight.cable, .why = "end of stream"});
    }
  }
  void land_dial(const Flight& flight) {
    launch({.what = Flight::What::Answer,
            .to = 1 - flight.to,
            .cable = flight.cable,
            .dial = flight.dial,
            .refused = flight.refused,
            .octets = {}});
    if (flight.refused) return;
    Cable& cable = cables_[flight.cable];
    cable.open[flight.to] = true;
    // What the listener says arrives behind the handshake.
    cable.last[1 - flight.to] = now_ + weather_.delay + 25ms;
    tell(flight.to,
         Connected{.conn = flight.cable, .direction = Direction::Inbound, .ends = lab::ends()});
  }
  void land_answer(const Flight& flight) {
    Node& node = *nodes_[flight.to];
    const bool wanted = node.dialing && node.dial == flight.dial;
    const auto found = cables_.find(flight.cable);
    if (!wanted) {  // given up meanwhile
      if (found != cables_.end())
        launch(
            {.what = Flight::What::End, .to = 1 - flight.to, .cable = flight.cable, .octets = {}});
      return;
    }
    node.dialing = false;
    if (flight.refused || found == cables_.end()) {
      tell(flight.to, ConnectFailed{.why = "connection refused"});
      return;
    }
    found->second.open[flight.to] = true;
    tell(flight.to,
         Connected{.conn = flight.cable, .direction = Direction::Outbound, .ends = lab::ends()});
  }
  [[nodiscard]] bool is_open(const Flight& flight) const {
    const auto found = cables_.find(flight.cable);
    return found != cables_.end() && found->second.open[flight.to];
  }

  TimePoint now_{1h};
  std::minstd_rand random_;
  Weather weather_;
  std::array<std::unique_ptr<Node>, 2> nodes_;
  std::map<ConnId, Cable> cables_;
  std::multimap<TimePoint, Flight> flights_;
  ConnId next_cable_ = 1;
};

void expect_healthy(const Network& net, std::uint32_t routes) {
  ASSERT_TRUE(net.up());
  ASSERT_EQ(net.connections(), 1U);
  for (const std::size_t side : {0U, 1U}) {
    ASSERT_TRUE(net.has_all_routes(side, routes));
    ASSERT_TRUE(net.peer(side).status().caught_up);
    ASSERT_TRUE(net.peer(side).status().end_of_rib_sent_v4);
    ASSERT_FALSE(net.peer(side).status().peer_restarting);
  }
}

class BgpSimulation : public testing::TestWithParam<Recovery> {};

TEST_P(BgpSimulation, ComesUpOnOneConnectionWithAllRoutes) {
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    SCOPED_TRACE(seed);
    Network net{seed, GetParam()};
    net.run_for(30s);
    ASSERT_NO_FATAL_FAILURE(expect_healthy(net, Network::kRoutes));
    ASSERT_LE(net.dials(0) + net.dials(1), 12U);
  }
}

TEST_P(BgpSimulation, RecoversFromWhateverTheNetworkDoes) {
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    SCOPED_TRACE(seed);
    Network net{seed, GetParam()};
    std::uint32_t routes = Network::kRoutes;
    for (int storm = 0; storm < 4; ++storm) {
      Weather weather;
      weather.delay = std::chrono::milliseconds{1 + net.roll(300)};
      weather.refuses = net.roll(3) == 0;
      weather.swallows = net.roll(3) == 0;
      weather.stalls = net.roll(3) == 0;
      net.change(weather);
      if (net.roll(2) == 0) net.cut();
      net.run_for(std::chrono::milliseconds{net.roll(40'000)});
      for (const std::size_t side : {0U, 1U}) {
        net.churn(side, routes);
      }
      ++routes;
    }
    net.cut();  // nothing lost in a swallowing network comes back on the same connection
    net.change({});
    net.run_for(90s);
    ASSERT_NO_FATAL_FAILURE(expect_healthy(net, routes));
  }
}

TEST_P(BgpSimulation, NoticesAPeerThatFellSilentWithinTheHoldTime) {
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    SCOPED_TRACE(seed);
    Network net{seed, GetParam()};
    net.run_for(30s);
    ASSERT_TRUE(net.up());
    net.change({.swallows = true});
    net.run_for(5s);  // the last KEEPALIVE is at most 3 s old
    ASSERT_TRUE(net.up());
    net.run_for(5s);
    for (const std::size_t side : {0U, 1U}) {
      ASSERT_NE(net.peer(side).state(), State::Established);
      ASSERT_EQ(net.peer(side).status().last_sent, notification(ErrorCode::HoldTimerExpired, 0));
    }
  }
}

TEST_P(BgpSimulation, NeverSpinsWhileThePeerIsAway) {
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    SCOPED_TRACE(seed);
    Network net{seed, GetParam()};
    net.run_for(30s);
    const std::array before{net.dials(0), net.dials(1)};
    net.change({.refuses = seed % 2 == 0, .swallows = seed % 2 == 1});
    net.cut();
    net.run_for(10min);
    for (const std::size_t side : {0U, 1U}) {
      // 1, 2, 4, 8, 16, 30, 30, ... seconds apart, up to a quarter less; an unanswered dial adds
      // ten.
      ASSERT_LE(net.dials(side) - before[side], 32U);
      ASSERT_GE(net.dials(side) - before[side], 14U);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, BgpSimulation,
                         testing::Values(Recovery::Plain, Recovery::GracefulRestart),
                         [](const auto& each) {
                           return each.param == Recovery::Plain ? "Plain" : "GracefulRestart";
                         });

}  // namespace
}  // namespace porter::bgp
