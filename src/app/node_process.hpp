// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "io/log.hpp"
#include "io/worker.hpp"
#include "local/api.hpp"
#include "local/public_pages.hpp"
#include "speaker/bgp_runner.hpp"
#include "speaker/unreachable_routes.hpp"

namespace porter::app {

// "127.0.0.1:7471", "[::1]:7471": the local API must not be served to strangers.
[[nodiscard]] Result<io::asio::ip::tcp::endpoint> loopback_endpoint(const std::string& text);

// Routes of the last run, if the kernel has not booted since: then this is a restart, and says so.
using KeepPeers = speaker::BgpRunner::KeepPeers;
[[nodiscard]] speaker::BgpRunner::Options speaker_options(const std::string& state, KeepPeers keep);

// A process that announces: `porter run` and `porter speaker`. The Engine, its one timer, the
// BgpRunner behind it and the local API; whoever owns it brings the facts, and takes the Changes
// that are not the speaker's.
class NodeProcess {
 public:
  struct Options {
    std::string role;  // "run"
    bool metrics_per_service = false;
    speaker::BgpRunner::Options speaker;
  };
  struct Hooks {
    // Before a router hears of them; what it answers are facts (a journal's Recorded).
    std::function<std::vector<plan::Fact>(const plan::Changes&)> record;
    std::function<std::vector<local::Trouble>()> troubles;
    std::function<void()> session_moved{};      // a session changed; may be empty
    std::function<local::Traffic()> traffic{};  // empty: there is no API server
    std::function<std::string()> unready{};     // what else /readyz waits for; may be empty
  };

  NodeProcess(io::asio::any_io_executor executor, plan::Identity identity, Options options,
              const log::Output& output, Hooks hooks);
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;
  ~NodeProcess() = default;

  struct Places {
    std::string socket;          // of the local API
    std::string listen;          // the same on loopback TCP: "127.0.0.1:7471", or empty
    std::string metrics_listen;  // metrics and health alone: ":7472", or empty
  };
  [[nodiscard]] Result<void> open(const Places& places);
  void start();
  io::Task<> stop(speaker::BgpRunner::Farewell farewell);

  void take(plan::Fact fact);
  [[nodiscard]] const plan::Engine& engine() const { return engine_; }
  [[nodiscard]] speaker::BgpRunner& speaker() { return speaker_; }
  [[nodiscard]] const speaker::BgpRunner& speaker() const { return speaker_; }
  [[nodiscard]] io::TaskGroup& tasks() { return tasks_; }

 private:
  void session_seen(plan::SessionSeen seen);
  void perform(const plan::Changes& changes);
  void hold_aggregates(const plan::Changes& changes);
  void notice(const plan::Notice& notice);
  void leaves(const plan::Changes& changes);
  io::Task<> keep_time();
  io::Task<> watch_the_wire();
  io::Task<> watch_the_loop();
  [[nodiscard]] io::HttpResponse answer(const io::HttpRequest& request);

  const log::Output& output_;
  Hooks hooks_;
  io::asio::any_io_executor executor_;
  io::TaskGroup tasks_;
  io::asio::steady_timer timer_;
  io::asio::steady_timer wire_;
  TimePoint started_;
  plan::Engine engine_;
  speaker::BgpRunner speaker_;
  speaker::UnreachableRoutes unreachable_;
  std::string unreachable_error_;  // said once
  local::Counters counters_;
  std::optional<local::LastChange> last_change_;
  local::Api api_;
  io::HttpServer http_;
  local::PublicPages public_;

  std::optional<TimePoint> first_fact_;          // of those not planned yet
  std::optional<local::LastChange> on_its_way_;  // planned, and not all with the kernel yet
};

}  // namespace porter::app
