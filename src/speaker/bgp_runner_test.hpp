// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "speaker/bgp_runner.hpp"

// Speakers on loopback addresses for the tests: each 127.0.0.x is a router of its own.
namespace porter::speaker::testing_room {

using io::Tcp;

inline Address v4(std::uint8_t last) {
  return Address::v4(0x7F000000U | last);
}
inline Address v6_loopback() {
  return Address::from_number(Family::V6, 1);
}
inline Prefix prefix(std::string_view text) {
  const Result<Prefix> parsed = Prefix::parse(text);
  PORTER_ASSERT(parsed.has_value());
  return *parsed;
}

// A port nobody listens on just now; a ListenSpec says 0 for "do not listen".
inline std::uint16_t free_port(io::asio::io_context& context, const Address& on) {
  return Tcp::acceptor{context, io::endpoint_of(on, 0, 0)}.local_endpoint().port();
}

inline plan::PeerSpec spec(const Address& local, const Address& neighbor, std::uint16_t port,
                           std::uint32_t local_as, std::uint32_t remote_as) {
  plan::PeerSpec spec;
  bgp::OpenConfig& open = spec.config.open;
  open.local_as = Asn{local_as};
  open.remote_as = Asn{remote_as};
  open.id = RouterId{local_as};
  open.families = {.v4 = true, .v6 = true};
  open.add_path_send = open.families;
  open.add_path_receive = open.families;
  spec.config.received.local_as = Asn{local_as};
  spec.config.single_hop = false;
  spec.config.encoding.local_as = Asn{local_as};
  spec.config.encoding.send_max_v4 = 8;
  spec.config.encoding.send_max_v6 = 8;
  spec.config.jitter_seed = local_as;
  spec.neighbor = neighbor;
  spec.remote_port = port;
  spec.local_address = to_string(local);
  spec.ttl = 64;
  return spec;
}

inline plan::PeerSpec passive(plan::PeerSpec spec) {
  spec.config.dial = bgp::PeerConfig::Dial::Passive;
  return spec;
}

inline plan::Route route(std::string_view to, const std::vector<std::string>& next_hops) {
  plan::Route route;
  route.prefix = prefix(to);
  std::vector<bgp::Path> paths;
  for (const std::string& text : next_hops) {
    const Result<Address> next_hop = Address::parse(text);
    PORTER_ASSERT(next_hop.has_value());
    bgp::Path path;
    path.id = static_cast<bgp::PathId>(paths.size() + 1);
    path.next_hop = *next_hop;
    paths.push_back(path);
  }
  route.paths = std::move(paths);
  return route;
}

// One process of ours.
struct Speaker {
  Speaker(io::asio::io_context& context, Address on, std::uint16_t at, BgpRunner::Options options)
      : address{on},
        port{at},
        runner{
            context.get_executor(),
            std::move(options),
            {.session_seen = [this](plan::SessionSeen seen) { history.push_back(std::move(seen)); },
             .warn = [this](const std::string& what) { warnings.push_back(what); }}} {}

  void want(const std::string& peer, std::optional<plan::PeerSpec> value,
            bgp::Cease why = bgp::Cease::PeerDeconfigured) {
    const plan::Changes changes{
        plan::PeerWanted{.peer = peer, .value = std::move(value), .why = why}};
    runner.apply(changes);
  }
  void listen_and_run() {
    plan::Changes changes;
    if (port != 0)
      changes.emplace_back(
          plan::ListenWanted{.value = plan::ListenSpec{.port = port, .addresses = {address}}});
    changes.emplace_back(plan::Planned{});
    runner.apply(changes);
  }
  void announce(const plan::Route& what) {
    const plan::Changes changes{what};
    runner.apply(changes);
  }
  [[nodiscard]] bgp::State state(const std::string& session) const {
    for (const PeerSnapshot& peer : runner.peers()) {
      if (peer.session == session) return peer.status.state;
    }
    return bgp::State::Idle;
  }
  [[nodiscard]] PeerSnapshot peer(const std::string& session) const {
    for (PeerSnapshot& peer : runner.peers()) {
      if (peer.session == session) return std::move(peer);
    }
    return {};
  }
  [[nodiscard]] bool is_up(const std::string& session) const {
    return state(session) == bgp::State::Established;
  }

  Address address;
  std::uint16_t port;
  std::vector<plan::SessionSeen> history;
  std::vector<std::string> warnings;
  BgpRunner runner;
};

// Speakers are stopped before they go, whatever a test found.
class Room : public ::testing::Test {
 protected:
  ~Room() override {
    while (!speakers_.empty())
      stop(*speakers_.back());
    context_.restart();
    context_.run_until(std::chrono::steady_clock::now() + std::chrono::seconds{5});
    EXPECT_TRUE(context_.stopped()) << "something still runs or waits";
  }

  Speaker& speaker(std::uint8_t last, BgpRunner::Options options = BgpRunner::Options()) {
    const Address on = v4(last);
    return speaker_on(on, free_port(context_, on), std::move(options));
  }
  Speaker& speaker_on(const Address& on, std::uint16_t port, BgpRunner::Options options) {
    return *speakers_.emplace_back(
        std::make_unique<Speaker>(context_, on, port, std::move(options)));
  }

  void stop(Speaker& speaker, BgpRunner::Farewell farewell = BgpRunner::Farewell::Shutdown) {
    bool stopped = false;
    tasks_.spawn(stop_one(speaker, farewell, stopped));
    EXPECT_TRUE(run_until([&] { return stopped; }));
    std::erase_if(speakers_, [&](const auto& each) { return each.get() == &speaker; });
  }
  static io::Task<> stop_one(Speaker& speaker, BgpRunner::Farewell farewell, bool& stopped) {
    co_await speaker.runner.stop(farewell);
    stopped = true;
  }

  template <class Condition>
  bool run_until(const Condition& holds) {
    const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!holds()) {
      if (context_.run_one_until(bound) == 0) return false;
    }
    return true;
  }

  // Both know each other under the names "a" and "b".
  void introduce(Speaker& a, Speaker& b, const std::function<void(plan::PeerSpec&)>& edit = {}) {
    plan::PeerSpec of_a = spec(a.address, b.address, b.port, 65001, 65002);
    plan::PeerSpec of_b = spec(b.address, a.address, a.port, 65002, 65001);
    if (edit) {
      edit(of_a);
      edit(of_b);
    }
    a.want("b", of_a);
    b.want("a", of_b);
  }
  bool both_up(const Speaker& a, const Speaker& b) {
    return run_until([&] { return a.is_up("b") && b.is_up("a"); });
  }

  io::asio::io_context context_{1};
  io::TaskGroup tasks_{context_.get_executor()};
  std::vector<std::unique_ptr<Speaker>> speakers_;
};

}  // namespace porter::speaker::testing_room
