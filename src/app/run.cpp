// SPDX-License-Identifier: Apache-2.0
#include "app/run.hpp"

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include "io/log.hpp"
#include "io/worker.hpp"
#include "local/api.hpp"
#include "manifests/folder.hpp"
#include "manifests/state_store.hpp"
#include "speaker/bgp_runner.hpp"

namespace porter::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kBudget = 128;  // keys planned in one turn of the loop: about a millisecond
constexpr auto kWireCheck = 250us;    // how often it is asked whether a change is on the wire
constexpr auto kWirePatience = 5s;    // a peer that does not read is not waited for
constexpr auto kLagCheck = 1s;

std::int64_t unix_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

// "127.0.0.1:7471", "[::1]:7471": the local API must not be served to strangers.
Result<asio::ip::tcp::endpoint> loopback_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  boost::system::error_code error;
  const auto address =
      asio::ip::make_address(bracketed ? host.substr(1, host.size() - 2) : host, error);
  unsigned port = 0;
  const char* digits = colon == std::string::npos ? "" : text.c_str() + colon + 1;
  const char* end = text.c_str() + text.size();
  const auto [stopped, bad] = std::from_chars(digits, end, port);
  if (colon == std::string::npos || error || bad != std::errc{} || stopped != end || port > 65535) {
    return fail(Errc::Invalid,
                "--listen " + text + ": an address and port, like 127.0.0.1:7471 or [::1]:7471");
  }
  if (!address.is_loopback())
    return fail(Errc::Invalid, "--listen " + text + ": loopback addresses only");
  return asio::ip::tcp::endpoint{address, static_cast<std::uint16_t>(port)};
}

plan::Identity identity_of(const cli::RunOptions& options) {
  plan::Identity identity;
  identity.node = options.node;
  identity.load_balancer_class = options.load_balancer_class;
  identity.claim_unclassed = options.claim_unclassed;
  identity.ignore_exclude_label = options.ignore_exclude_label;
  identity.secret_namespace = options.secret_namespace;
  return identity;
}

// The folder is a cluster of its own: facts from it and from the store go into the Engine, what the
// Engine wants goes to the store first and then to the speaker. Read top to bottom, this is `porter
// run`.
class Run {
 public:
  Run(asio::io_context& context, const cli::RunOptions& options, const log::Output& output,
      speaker::BgpRunner::Options speaker_options)
      : options_{options},
        output_{output},
        executor_{context.get_executor()},
        worker_{executor_},
        tasks_{executor_},
        timer_{executor_, TimePoint::max()},
        wire_{executor_, TimePoint::max()},
        started_{Clock::now()},
        engine_{identity_of(options), started_, unix_now()},
        store_{executor_, tasks_, worker_, options.state,
               [this](plan::Fact fact) { take(std::move(fact)); }},
        speaker_{executor_,
                 std::move(speaker_options),
                 {.session_seen = [this](plan::SessionSeen seen) { session_seen(std::move(seen)); },
                  .warn = [](const std::string& warning) { log::warn("speaker", warning); }}},
        folder_{executor_, tasks_, options.manifests,
                [this](plan::Fact fact) { take(std::move(fact)); }},
        api_{{engine_, speaker_, PORTER_VERSION, "run", started_, last_change_,
              [this] { return troubles(); }},
             counters_,
             options.metrics_per_service ? local::PerService::Yes : local::PerService::No,
             unix_now()},
        http_{executor_, tasks_,
              [this](const io::HttpRequest& request) { return answer(request); }} {}

  [[nodiscard]] Result<void> open();
  io::Task<> serve(asio::signal_set& signals);

 private:
  void take(plan::Fact fact);
  void session_seen(plan::SessionSeen seen);
  void perform(const plan::Changes& changes);
  void notice(const plan::Notice& notice);
  void leaves(const plan::Changes& changes);
  io::Task<> keep_time();
  io::Task<> watch_the_wire();
  io::Task<> watch_the_loop();
  [[nodiscard]] io::HttpResponse answer(const io::HttpRequest& request);
  [[nodiscard]] std::vector<local::Trouble> troubles() const;

  const cli::RunOptions& options_;
  const log::Output& output_;
  asio::any_io_executor executor_;
  io::Worker worker_;
  io::TaskGroup tasks_;
  asio::steady_timer timer_;
  asio::steady_timer wire_;
  TimePoint started_;
  plan::Engine engine_;
  manifests::StateStore store_;
  speaker::BgpRunner speaker_;
  manifests::Folder folder_;
  local::Counters counters_;
  std::optional<local::LastChange> last_change_;
  local::Api api_;
  io::HttpServer http_;

  std::optional<TimePoint> first_fact_;          // of those not planned yet
  std::optional<local::LastChange> on_its_way_;  // planned, and not all with the kernel yet
};

// The store's lock comes first: a second porter on the same state must not touch a thing.
Result<void> Run::open() {
  Result<std::vector<plan::Fact>> kept = store_.open();
  if (!kept) return Failure<>{std::move(kept.error())};
  for (plan::Fact& fact : *kept)
    take(std::move(fact));
  const std::string socket =
      options_.socket.empty() ? options_.state + "/porter.sock" : options_.socket;
  if (Result<void> listening = http_.listen_unix(socket); !listening) return listening;
  if (options_.listen.empty()) return {};
  const Result<asio::ip::tcp::endpoint> endpoint = loopback_endpoint(options_.listen);
  if (!endpoint) return Failure<>{endpoint.error()};
  const Result<std::uint16_t> port = http_.listen_tcp(*endpoint);
  if (!port) return Failure<>{port.error()};
  log::info("api", "also on loopback TCP", {{"port", *port}});
  return {};
}

io::Task<> Run::serve(asio::signal_set& signals) {
  store_.start();
  folder_.start();
  tasks_.spawn(keep_time());
  tasks_.spawn(watch_the_wire());
  tasks_.spawn(watch_the_loop());
  const auto [error, number] = co_await signals.async_wait(io::kAwait);
  log::info("porter", "stopping", {{"signal", number}});
  co_await speaker_.stop(speaker::BgpRunner::Farewell::Restart);
  co_await tasks_.stop();
}

void Run::take(plan::Fact fact) {
  ++counters_.facts;
  const TimePoint now = Clock::now();
  if (std::holds_alternative<plan::ObjectSeen>(fact) && !first_fact_) first_fact_ = now;
  engine_.apply(std::move(fact), now);
  if (engine_.deadline() < timer_.expiry()) timer_.cancel();
}

void Run::session_seen(plan::SessionSeen seen) {
  const auto known = engine_.view().sessions.find(seen.peer);
  const bool moved = known == engine_.view().sessions.end() || known->second.state != seen.state;
  if (moved && !seen.gone) {
    log::info("peer", seen.why.empty() ? std::string{to_string(seen.state)} : seen.why,
              {{"peer", seen.peer}, {"state", to_string(seen.state)}});
  }
  take(std::move(seen));
}

// The one timer of the Engine. Work that is left over comes again after the loop has served
// everybody else.
io::Task<> Run::keep_time() {
  for (;;) {
    timer_.expires_at(engine_.deadline());
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    if (engine_.deadline() <= Clock::now()) perform(engine_.step(Clock::now(), kBudget));
  }
}

// The journal has it before a router hears of it.
void Run::perform(const plan::Changes& changes) {
  if (changes.empty()) return;
  std::vector<plan::Fact> recorded = store_.apply(changes);
  speaker_.apply(changes);
  leaves(changes);
  for (plan::Fact& fact : recorded)
    take(std::move(fact));
  for (const plan::Change& change : changes) {
    if (const auto* said = std::get_if<plan::Notice>(&change)) notice(*said);
  }
}

void Run::notice(const plan::Notice& said) {
  const bool failed = said.type == plan::Notice::Type::Warning;
  if (failed) ++counters_.assign_failures[said.reason];
  const std::string about = to_string(said.about);
  if (failed) {
    log::warn("plan", said.message, {{"object", about}, {"reason", said.reason}});
  } else {
    log::info("plan", said.message, {{"object", about}, {"reason", said.reason}});
  }
}

// Routes go out now; watch_the_wire() notes when the kernel has them all.
void Run::leaves(const plan::Changes& changes) {
  const plan::Route* route = nullptr;
  std::size_t routes = 0;
  for (const plan::Change& change : changes) {
    if (const auto* each = std::get_if<plan::Route>(&change)) {
      route = each;
      ++routes;
    }
  }
  if (route == nullptr) {
    // A Record is on its way to the store: its route follows, and belongs to the same change.
    if (!engine_.is_waiting_for_records()) first_fact_.reset();
    return;
  }
  const TimePoint now = Clock::now();
  if (!on_its_way_) {
    on_its_way_ = {.what = {}, .at = first_fact_.value_or(now), .took = {}};
    wire_.expires_at(now);
  }
  const std::string where =
      route->paths.empty() ? "withdrawn" : fmt::format("{} next hops", route->paths.size());
  on_its_way_->what =
      routes == 1 ? fmt::format("{} {}", to_string(route->prefix), where)
                  : fmt::format("{} routes, {} among them", routes, to_string(route->prefix));
  first_fact_.reset();
}

io::Task<> Run::watch_the_wire() {
  for (;;) {
    [[maybe_unused]] const auto woken = co_await wire_.async_wait(io::kAwait);
    const TimePoint now = Clock::now();
    if (!on_its_way_) {
      wire_.expires_at(TimePoint::max());
      continue;
    }
    if (!speaker_.all_handed_over() && now < on_its_way_->at + kWirePatience) {
      wire_.expires_at(now + kWireCheck);
      continue;
    }
    on_its_way_->took = now - on_its_way_->at;
    on_its_way_->at = now;
    counters_.change_to_wire.observe(on_its_way_->took);
    last_change_ = std::exchange(on_its_way_, std::nullopt);
    wire_.expires_at(TimePoint::max());
  }
}

// How late timers are, and whether the wall clock was stepped.
io::Task<> Run::watch_the_loop() {
  asio::steady_timer timer{executor_};
  for (;;) {
    const TimePoint due = Clock::now() + kLagCheck;
    timer.expires_at(due);
    [[maybe_unused]] const auto woken = co_await timer.async_wait(io::kAwait);
    counters_.loop_lag.observe(Clock::now() - due);
    engine_.wall_clock_is(Clock::now(), unix_now());
  }
}

io::HttpResponse Run::answer(const io::HttpRequest& request) {
  counters_.http_refused = http_.refused();
  counters_.log_lines_dropped = output_.dropped();
  return api_.answer(request);
}

// What is wrong with the folder and the store, for `porter status`.
std::vector<local::Trouble> Run::troubles() const {
  std::vector<local::Trouble> all;
  if (const auto& trouble = store_.trouble())
    all.push_back({.object = "state", .reason = "NotWritable", .message = *trouble});
  if (const auto& trouble = folder_.trouble())
    all.push_back({.object = "manifests", .reason = "NotReadable", .message = *trouble});
  for (const manifests::FileProblem& each : folder_.file_problems()) {
    const std::string place =
        each.problem.line == 0 ? each.file : fmt::format("{}:{}", each.file, each.problem.line);
    all.push_back(
        {.object = place, .reason = each.problem.reason, .message = each.problem.message});
  }
  return all;
}

// Routes of the last run, if the kernel has not booted since: then this is a restart, and says so.
speaker::BgpRunner::Options speaker_options(const std::string& state) {
  speaker::BgpRunner::Options options;
  options.restart_file = std::filesystem::path{state} / "restart";
  const Result<std::string> boot = speaker::boot_id();
  if (!boot) {
    log::warn("speaker", boot.error().message);
    return options;
  }
  options.boot_id = *boot;
  if (Result<speaker::RouteTable> last = speaker::load_restart_file(options.restart_file, *boot)) {
    options.restarting = bgp::Restarting::Yes;
    options.last_told = std::move(*last);
  } else if (last.error().code != Errc::NotFound) {
    log::info("speaker", "no graceful restart this time", {{"why", last.error().message}});
  }
  return options;
}

}  // namespace

int run(const cli::RunOptions& options) {
  const log::Output output{log::level_named(options.log_level).value_or(log::Level::Info)};
  std::error_code error;
  std::filesystem::create_directories(options.state, error);
  if (error) {
    (void)std::fprintf(stderr, "porter: %s: %s\n", options.state.c_str(), error.message().c_str());
    return cli::kCannotReach;
  }
  asio::io_context context{1};
  asio::signal_set signals{context, SIGINT, SIGTERM};
  Run porter{context, options, output, speaker_options(options.state)};
  if (const Result<void> opened = porter.open(); !opened) {
    (void)std::fprintf(stderr, "porter: %s\n", opened.error().message.c_str());
    return cli::kCannotReach;
  }
  log::info("porter", "started",
            {{"version", PORTER_VERSION},
             {"node", options.node},
             {"manifests", options.manifests},
             {"state", options.state}});
  io::run(context, porter.serve(signals));
  return cli::kGood;
}

}  // namespace porter::app
