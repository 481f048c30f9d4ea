// SPDX-License-Identifier: Apache-2.0
#include "app/node_process.hpp"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "io/heap.hpp"
#include "io/wall_clock.hpp"

namespace porter::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t kBudget = 256;  // keys planned in one turn of the loop: two milliseconds
constexpr auto kWireCheck = 250us;    // how often it is asked whether a change is on the wire
constexpr auto kWirePatience = 5s;    // a peer that does not read is not waited for
constexpr auto kLagCheck = 1s;

}  // namespace

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

speaker::BgpRunner::Options speaker_options(const std::string& state, KeepPeers keep) {
  speaker::BgpRunner::Options options;
  options.restart_file = std::filesystem::path{state} / "restart";
  options.redirects = "porter";
  options.keep_peers = keep;
  const Result<std::string> boot = speaker::boot_id();
  if (!boot) {
    log::warn("speaker", boot.error().message);
    return options;
  }
  options.boot_id = *boot;
  if (Result<speaker::RestartState> last =
          speaker::load_restart_file(options.restart_file, *boot)) {
    options.restarting = bgp::Restarting::Yes;
    options.last = std::move(*last);
  } else if (last.error().code != Errc::NotFound) {
    log::warn("speaker", "no graceful restart this time", {{"why", last.error().message}});
  }
  return options;
}

NodeProcess::NodeProcess(asio::any_io_executor executor, plan::Identity identity, Options options,
                         const log::Output& output, Hooks hooks)
    : output_{output},
      hooks_{std::move(hooks)},
      executor_{std::move(executor)},
      tasks_{executor_},
      timer_{executor_, TimePoint::max()},
      wire_{executor_, TimePoint::max()},
      started_{Clock::now()},
      engine_{std::move(identity), started_, io::unix_now()},
      speaker_{executor_,
               std::move(options.speaker),
               {.session_seen = [this](plan::SessionSeen seen) { session_seen(std::move(seen)); },
                .warn = [](const std::string& warning) { log::warn("speaker", warning); }}},
      api_{{engine_, speaker_, PORTER_VERSION, options.role, started_, last_change_,
            [this] { return hooks_.troubles(); }, hooks_.traffic},
           counters_,
           options.metrics_per_service ? local::PerService::Yes : local::PerService::No,
           io::unix_now()},
      http_{executor_, tasks_, [this](const io::HttpRequest& request) { return answer(request); }},
      public_{executor_, tasks_,
              [this](const io::HttpRequest& request) { return answer(request); }} {}

Result<void> NodeProcess::open(const Places& places) {
  if (Result<void> listening = http_.listen_unix(places.socket); !listening) return listening;
  if (Result<void> listening = public_.open(places.metrics_listen); !listening) return listening;
  if (places.listen.empty()) return {};
  const Result<asio::ip::tcp::endpoint> endpoint = loopback_endpoint(places.listen);
  if (!endpoint) return Failure<>{endpoint.error()};
  const Result<std::uint16_t> port = http_.listen_tcp(*endpoint);
  if (!port) return Failure<>{port.error()};
  log::info("api", "also on loopback TCP", {{"port", *port}});
  return {};
}

void NodeProcess::start() {
  tasks_.spawn(keep_time());
  tasks_.spawn(watch_the_wire());
  tasks_.spawn(watch_the_loop());
  tasks_.spawn(io::give_back_memory(executor_));
}

io::Task<> NodeProcess::stop(speaker::BgpRunner::Farewell farewell) {
  co_await tasks_.stop();  // nothing is planned any more: what is taken away stays away
  co_await speaker_.stop(farewell);
  unreachable_.release_all();
}

void NodeProcess::take(plan::Fact fact) {
  ++counters_.facts;
  const TimePoint now = Clock::now();
  if (std::holds_alternative<plan::ObjectSeen>(fact) && !first_fact_) first_fact_ = now;
  engine_.apply(std::move(fact), now);
  if (engine_.deadline() < timer_.expiry()) timer_.cancel();
}

void NodeProcess::session_seen(plan::SessionSeen seen) {
  const auto known = engine_.view().sessions.find(seen.peer);
  const bool moved = known == engine_.view().sessions.end() || known->second.state != seen.state;
  if (moved && !seen.gone) {
    log::info("peer", seen.why.empty() ? std::string{to_string(seen.state)} : seen.why,
              {{"peer", seen.peer}, {"state", to_string(seen.state)}});
  }
  take(std::move(seen));
  if (hooks_.session_moved) hooks_.session_moved();
}

// The one timer of the Engine. Work that is left over comes again after the loop has served
// everybody else.
io::Task<> NodeProcess::keep_time() {
  for (;;) {
    timer_.expires_at(engine_.deadline());
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    if (engine_.deadline() <= Clock::now()) perform(engine_.step(Clock::now(), kBudget));
  }
}

// What has to be durable is, before a router hears of it.
void NodeProcess::perform(const plan::Changes& changes) {
  if (changes.empty()) return;
  std::vector<plan::Fact> recorded = hooks_.record(changes);
  speaker_.apply(changes);
  leaves(changes);
  for (plan::Fact& fact : recorded)
    take(std::move(fact));
  hold_aggregates(changes);
  for (const plan::Change& change : changes) {
    if (const auto* said = std::get_if<plan::Notice>(&change)) notice(*said);
  }
}

void NodeProcess::hold_aggregates(const plan::Changes& changes) {
  for (plan::Fact& answer : unreachable_.apply(changes)) {
    const auto& seen = std::get<plan::AggregateSeen>(answer);
    if (!seen.error.empty() && unreachable_error_ != seen.error) {
      log::warn("speaker", "aggregates are not announced: no unreachable route can be set",
                {{"aggregate", to_string(seen.prefix)}, {"why", seen.error}});
    }
    unreachable_error_ = seen.error;
    take(std::move(answer));
  }
}

void NodeProcess::notice(const plan::Notice& said) {
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
void NodeProcess::leaves(const plan::Changes& changes) {
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

io::Task<> NodeProcess::watch_the_wire() {
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
io::Task<> NodeProcess::watch_the_loop() {
  asio::steady_timer timer{executor_};
  for (;;) {
    const TimePoint due = Clock::now() + kLagCheck;
    timer.expires_at(due);
    [[maybe_unused]] const auto woken = co_await timer.async_wait(io::kAwait);
    counters_.loop_lag.observe(Clock::now() - due);
    engine_.wall_clock_is(Clock::now(), io::unix_now());
  }
}

io::HttpResponse NodeProcess::answer(const io::HttpRequest& request) {
  counters_.http_refused = http_.refused();
  counters_.log_lines_dropped = output_.dropped();
  if (request.path == "/readyz" && hooks_.unready) {
    const std::string why = hooks_.unready();
    if (!why.empty()) return {.status = 503, .body = why + '\n'};
  }
  return api_.answer(request);
}

}  // namespace porter::app
