// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include "speaker/bgp_runner.hpp"

// porter-core ROUTES PEERS HOLD: the speaker of `porter run` behind a source that is no folder, for
// more routes than Services are supported. It is 10.0.0.1, AS 65000, holds 100.64.0.0/32 and those
// that follow, and waits for peers of AS 65001 from 10.0.1.1 on. Ends on SIGTERM.
namespace porter {
namespace {

constexpr std::uint32_t kOurs = 0x0a000001U;
constexpr std::uint32_t kFirstPeer = 0x0a000101U;
constexpr std::uint32_t kFirstRoute = 0x64400000U;

// As a BgpPeer becomes one that says no more than its addresses, ASes and hold time.
plan::PeerSpec peer(std::uint32_t number, std::uint16_t hold) {
  plan::PeerSpec spec;
  bgp::OpenConfig& open = spec.config.open;
  open.local_as = Asn{65000};
  open.remote_as = Asn{65001};
  open.id = RouterId{kOurs};
  open.hold_time = hold;
  open.families = {.v4 = true, .v6 = false};
  open.restart_time = 120;
  open.restart_families = open.families;
  spec.config.dial = bgp::PeerConfig::Dial::Passive;
  spec.config.received.local_as = open.local_as;
  spec.config.received.remote_as = open.remote_as;
  spec.config.received.own_id = open.id;
  spec.config.encoding.local_as = open.local_as;
  spec.config.encoding.mode = bgp::Encoding::Mode::Self;
  spec.config.jitter_seed = number;
  spec.neighbor = Address::v4(kFirstPeer + number);
  spec.local_address = to_string(Address::v4(kOurs));
  return spec;
}

plan::Changes plan_of(std::uint32_t routes, std::uint32_t peers, std::uint16_t hold) {
  bgp::Path path;
  path.id = 1;
  path.next_hop = Address::v4(kOurs);
  path.own = true;
  const bgp::PathList paths{path};
  plan::Changes changes;
  for (std::uint32_t i = 0; i < routes; ++i) {
    const Prefix prefix = Prefix::host(Address::v4(kFirstRoute + i));
    changes.emplace_back(plan::Route{.prefix = prefix, .paths = paths});
  }
  for (std::uint32_t i = 0; i < peers; ++i)
    changes.emplace_back(
        plan::PeerWanted{.peer = fmt::format("sink-{}", i), .value = peer(i, hold)});
  changes.emplace_back(plan::ListenWanted{
      .value = plan::ListenSpec{.port = 179, .addresses = {Address::v4(kOurs)}}});
  changes.emplace_back(plan::Planned{});
  return changes;
}

io::Task<> serve(speaker::BgpRunner& runner, io::asio::signal_set& signals) {
  [[maybe_unused]] const auto signal = co_await signals.async_wait(io::kAwait);
  co_await runner.stop(speaker::BgpRunner::Farewell::Restart);
}

int run(std::uint32_t routes, std::uint32_t peers, std::uint16_t hold) {
  io::asio::io_context context{1};
  io::asio::signal_set signals{context, SIGINT, SIGTERM};
  speaker::BgpRunner::Options options;
  speaker::BgpRunner::Hooks hooks;
  hooks.session_seen = [](const plan::SessionSeen&) {};
  hooks.warn = [](const std::string& what) { (void)std::fprintf(stderr, "%s\n", what.c_str()); };
  speaker::BgpRunner runner{context.get_executor(), std::move(options), std::move(hooks)};
  runner.apply(plan_of(routes, peers, hold));
  io::run(context, serve(runner, signals));
  return 0;
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  return error == std::errc{} && end == text.end();
}

}  // namespace
}  // namespace porter

int main(int count, char** arguments) {
  std::uint32_t routes = 0;
  std::uint32_t peers = 0;
  std::uint16_t hold = 0;
  if (count == 4 && porter::read_number(arguments[1], routes) &&
      porter::read_number(arguments[2], peers) && porter::read_number(arguments[3], hold))
    return porter::run(routes, peers, hold);
  (void)std::fprintf(stderr, "usage: porter-core ROUTES PEERS HOLD\n");
  return 2;
}
