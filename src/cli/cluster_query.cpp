// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_query.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cluster/source.hpp"
#include "io/wall_clock.hpp"
#include "kube/open_client.hpp"
#include "local/cluster_report.hpp"

namespace porter::cli {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using Verb = QueryOptions::Verb;

constexpr auto kPatience = 30s;  // for all lists
constexpr auto kLook = 10ms;     // at what has come

kube::AccessOptions access_of(const QueryOptions& options) {
  return {.kubeconfig = options.kubeconfig, .context = options.context};
}

plan::Identity identity_of(const QueryOptions& options) {
  plan::Identity identity;
  identity.role = plan::Role::Controller;
  identity.load_balancer_class = options.load_balancer_class;
  identity.claim_unclassed = options.claim_unclassed;
  identity.ignore_exclude_label = options.ignore_exclude_label;
  identity.default_mode = model::NextHopMode::Self;
  return identity;
}

// The objects of a cluster as they are now, and what the controller's Engine makes of them.
class Snapshot {
 public:
  Snapshot(asio::io_context& context, kube::Client& client, const QueryOptions& options)
      : timer_{context},
        engine_{identity_of(options), Clock::now(), io::unix_now()},
        source_{context.get_executor(),
                client,
                cluster::kinds_of_a_controller(),
                cluster::Source::Statuses::Told,
                static_cast<std::uint64_t>(io::unix_now()),
                [this](plan::Fact fact) { engine_.apply(std::move(fact), Clock::now()); }} {}

  io::Task<Result<void>> take() {
    source_.start();
    const TimePoint bound = Clock::now() + kPatience;
    while (!is_settled() && Clock::now() < bound) {
      timer_.expires_after(kLook);
      [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    }
    const Result<void> outcome = outcome_of_lists();
    co_await source_.stop();
    if (outcome) plan_all();
    co_return outcome;
  }

  [[nodiscard]] const plan::Engine& engine() const { return engine_; }

 private:
  // Every list is there, or has failed.
  [[nodiscard]] bool is_settled() const {
    return source_.is_synced() || source_.awaited().size() <= source_.troubles().size();
  }

  [[nodiscard]] Result<void> outcome_of_lists() const {
    if (source_.is_synced()) return {};
    const std::vector<std::string> troubles = source_.troubles();
    if (!troubles.empty()) return fail(Errc::Unavailable, troubles.front());
    return fail(Errc::Unavailable,
                fmt::format("the API server has not listed {} within {} s",
                            fmt::join(source_.awaited(), ", "), kPatience.count()));
  }

  // Nobody performs the Changes: an address that is not recorded stays so, and is explained as
  // such. The Engine's pace is not waited for, its clock is put forward.
  void plan_all() {
    TimePoint now = Clock::now();
    const TimePoint enough = now + kPlan;
    for (unsigned turn = 0; turn < kMostTurns; ++turn) {
      now = std::max(now, engine_.deadline());
      if (now > enough) return;
      [[maybe_unused]] const plan::Changes changes = engine_.step(now, kBudget);
    }
  }

  static constexpr std::size_t kBudget = 100'000;
  static constexpr unsigned kMostTurns = 10'000;
  static constexpr std::chrono::seconds kPlan{1};

  asio::steady_timer timer_;
  plan::Engine engine_;
  cluster::Source source_;
};

io::Task<> take(Snapshot& snapshot, Result<void>& outcome) {
  outcome = co_await snapshot.take();
}

constexpr std::string_view kOnlySpeakers =
    "what one neighbour was told, or sent, is known to the speaker of that node alone: kubectl -n "
    "porter-system exec POD -- porter routes";

Result<Tree> report(const QueryOptions& options, const plan::Engine& engine,
                    const std::string& cluster) {
  switch (options.verb) {
    case Verb::Status: return local::cluster_status_report(engine, cluster);
    case Verb::Peers:
      return local::cluster_peers_report(engine, cluster, options.peer, io::unix_now());
    case Verb::Pools: return local::pools_report(engine);
    case Verb::Explain:
      return local::explain_report(
          engine, options.service, io::unix_now(),
          options.output == Output::Text ? local::ExplainAs::Text : local::ExplainAs::Tree);
    case Verb::Routes: {
      Tree tree = local::planned_routes_report(engine);
      tree.set("cluster", cluster).set("note", kOnlySpeakers);
      if (options.peer.empty()) return tree;
      break;
    }
    case Verb::Received: break;
  }
  // The counts are in the status of the node.
  Result<Tree> peers = local::cluster_peers_report(engine, cluster, options.peer, io::unix_now());
  if (peers) peers->set("note", kOnlySpeakers);
  return peers;
}

}  // namespace

bool has_cluster(const QueryOptions& options) {
  if (!options.kubeconfig.empty() || !options.context.empty()) return true;
  return kube::load_access(access_of(options), kube::Environment::of_process()).has_value();
}

Result<Tree> ask_cluster(const QueryOptions& options) {
  if (options.verb == Verb::Received && !options.prefix.empty())
    return fail(Errc::Unavailable, fmt::format("{} --received {}", kOnlySpeakers, options.prefix));
  asio::io_context context{1};
  io::Worker worker{context.get_executor()};
  auto client = kube::open_client(context.get_executor(), worker, access_of(options));
  // A file that is not there is not what NotFound means here.
  if (!client) return fail(Errc::Unavailable, client.error().message);
  Snapshot snapshot{context, **client, options};
  Result<void> outcome;
  io::run(context, take(snapshot, outcome));
  if (!outcome)
    return fail(Errc::Unavailable,
                fmt::format("{} ({})", outcome.error().message, (*client)->access().origin));
  return report(options, snapshot.engine(), (*client)->access().origin);
}

}  // namespace porter::cli
