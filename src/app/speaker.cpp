// SPDX-License-Identifier: Apache-2.0
#include "app/speaker.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/cluster_access.hpp"
#include "app/node_process.hpp"
#include "app/traffic.hpp"
#include "cluster/node_state.hpp"
#include "cluster/rights.hpp"
#include "cluster/secrets.hpp"
#include "cluster/source.hpp"
#include "io/wall_clock.hpp"

namespace porter::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using model::Kind;

// What a speaker follows: eight watches, and Secrets by name. Namespaces only while it matters what
// their labels are: a BgpAdvertisement has namespaceSelector.
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kAll{Kind::Service, Kind::EndpointSlice,   Kind::Node,
                                      Kind::Eip,     Kind::EipAddress,      Kind::BgpConf,
                                      Kind::BgpPeer, Kind::BgpAdvertisement};
  return kAll;
}

// How long the lists are waited for before the last run's routes are told in their place: a quarter
// of what the routers wait for us, and not so short that a busy API server brings it about.
constexpr std::chrono::seconds kShortestPatience = 1s;
constexpr std::chrono::seconds kLongestPatience = 5s;

// Passwords go into the restart file only where it is no disk: see docs/adr/0008-restart-file.md.
KeepPeers keep_peers_in(const std::string& state) {
  if (speaker::is_in_memory(state)) return KeepPeers::All;
  log::info("speaker",
            "the state folder is not in memory (tmpfs): sessions with a password will wait for the "
            "API server after a restart",
            {{"state", state}});
  return KeepPeers::Unsigned;
}

// A change of state of a session is told at once, counters at most so often.
constexpr auto kTellAtLeast = 10s;
constexpr auto kTellAtMost = 1s;

plan::Identity identity_of(const cli::SpeakerOptions& options) {
  plan::Identity identity;
  identity.role = plan::Role::Speaker;
  identity.node = options.node;
  identity.load_balancer_class = options.cluster.load_balancer_class;
  identity.ignore_exclude_label = options.cluster.ignore_exclude_label;
  identity.default_mode = model::NextHopMode::Self;
  identity.secret_namespace = options.cluster.ns;
  return identity;
}

// The API server tells, the routers hear: read top to bottom, this is `porter speaker`.
class Speaker {
 public:
  Speaker(const io::asio::any_io_executor& executor, const cli::SpeakerOptions& options,
          kube::Client& client, const log::Output& output)
      : options_{options},
        executor_{executor},
        node_{executor,
              identity_of(options),
              {.role = "speaker",
               .metrics_per_service = options.metrics_per_service,
               .speaker = speaker_options(options.state, keep_peers_in(options.state))},
              output,
              {.record = [](const plan::Changes&) { return std::vector<plan::Fact>{}; },
               .troubles = [this] { return troubles(); },
               .session_moved = [this] { tell_soon(); },
               .traffic = [this, &client] { return traffic_of(client, &writer_, &source_); },
               .unready = [this] { return unready(); }}},
        writer_{executor, client, {}, {}},
        node_state_{writer_, options.node},
        secrets_{executor, client, options.cluster.ns,
                 [this](plan::Fact fact) { take(std::move(fact)); }},
        rights_{executor, client, options.cluster.ns,
                cluster::rights_of(cluster::delivered_roles(), "porter-speaker")},
        source_{executor,      client,
                kinds(),       cluster::Source::Statuses::LeftOut,
                jitter_seed(), [this](plan::Fact fact) { take(std::move(fact)); }},
        tell_{executor, Clock::now() + kTellAtMost} {}

  [[nodiscard]] Result<void> open() {
    return node_.open(
        {.socket = options_.socket.empty() ? options_.state + "/porter.sock" : options_.socket,
         .listen = options_.listen,
         .metrics_listen = options_.metrics_listen});
  }

  io::Task<> serve(asio::signal_set& signals) {
    writer_.start();
    node_.start();
    node_.tasks().spawn(secrets_.follow());
    node_.tasks().spawn(rights_.follow());
    node_.tasks().spawn(tell_state());
    node_.tasks().spawn(replay_if_nobody_answers());
    source_.start();
    const auto [error, number] = co_await signals.async_wait(io::kAwait);
    log::info("porter", "stopping", {{"signal", number}});
    co_await node_.stop(speaker::BgpRunner::Farewell::Restart);
    co_await source_.stop();
    co_await writer_.stop();
  }

 private:
  // Synced is held back until the Secrets that BgpPeers name were asked for: else the first
  // sessions would be refused for want of a password.
  void take(plan::Fact fact) {
    if (std::holds_alternative<plan::Synced>(fact)) {
      is_synced_ = true;
    } else {
      const auto* const seen = std::get_if<plan::ObjectSeen>(&fact);
      const bool is_peer = seen != nullptr && seen->key.kind == Kind::BgpPeer;
      if (seen != nullptr && seen->key.kind == Kind::BgpAdvertisement && seen->object) {
        const auto& advertisement = std::get<model::BgpAdvertisement>(*seen->object);
        if (advertisement.namespace_selector) source_.follow(Kind::Namespace);
      }
      node_.take(std::move(fact));
      if (is_peer) secrets_.want(secret_names());
    }
    if (is_synced_ && !node_.engine().view().synced && secrets_.is_settled())
      node_.take(plan::Synced{});
  }

  [[nodiscard]] std::set<std::string> secret_names() const {
    std::set<std::string> names;
    for (const auto& [name, peer] : node_.engine().view().bgp_peers) {
      if (peer.auth_secret) names.insert(peer.auth_secret->name);
    }
    return names;
  }

  // A router waits for us only so long. If the API server has not told us all by then, what the
  // last run announced is announced again; the plan takes over whenever the lists are there.
  io::Task<> replay_if_nobody_answers() {
    const auto waited_for = node_.speaker().shortest_restart_time();
    if (!waited_for) co_return;
    asio::steady_timer timer{executor_};
    timer.expires_after(std::clamp(*waited_for / 4, kShortestPatience, kLongestPatience));
    [[maybe_unused]] const auto woken = co_await timer.async_wait(io::kAwait);
    if (node_.engine().view().synced) co_return;
    replayed_ = node_.speaker().replay();
    log::warn("speaker", "the API server has not answered: announcing what the last run announced",
              {{"sessions", replayed_}, {"routes", node_.speaker().rib().size()}});
  }

  // Why less is announced than there may be.
  [[nodiscard]] std::string not_planned() const {
    if (node_.engine().view().synced) return {};
    if (replayed_ == 0)
      return "the API server has not answered since the start, so nothing is known to announce";
    return fmt::format(
        "the API server has not answered since the start: {} routes of the last run are announced "
        "in {} sessions meanwhile",
        node_.speaker().rib().size(), replayed_);
  }

  void tell_soon() {
    const TimePoint soon = std::max(told_at_ + kTellAtMost, Clock::now());
    if (soon < tell_.expiry()) tell_.expires_at(soon);
  }

  io::Task<> tell_state() {
    for (;;) {
      [[maybe_unused]] const auto woken = co_await tell_.async_wait(io::kAwait);
      if (Clock::now() < tell_.expiry()) continue;
      told_at_ = Clock::now();
      tell_.expires_at(told_at_ + kTellAtLeast);
      const plan::View& view = node_.engine().view();
      const auto& nodes = view.nodes;
      const auto node = nodes.find(options_.node);
      const std::string uid = node == nodes.end() ? std::string{} : node->second.meta.uid;
      node_state_.tell(
          cluster::node_state(view, PORTER_VERSION, node_.speaker().peers(),
                              node_.engine().announcer().peers(), told_at_, io::unix_now()),
          uid);
    }
  }

  [[nodiscard]] std::vector<local::Trouble> troubles() const {
    std::vector<local::Trouble> all;
    const auto add = [&](const std::string& object, const std::string& message) {
      if (!message.empty())
        all.push_back({.object = object, .reason = "ApiServer", .message = message});
    };
    add("speaker", not_planned());
    for (const std::string& trouble : source_.troubles())
      add("watch", trouble);
    for (const std::string& trouble : writer_.troubles())
      add("write", trouble);
    add("secrets", secrets_.trouble());
    for (const std::string& trouble : rights_.troubles())
      add("rights", trouble);
    return all;
  }

  // A right that is missing; whoever cannot list something never gets ready for another reason.
  [[nodiscard]] std::string unready() const {
    return fmt::format("{}", fmt::join(rights_.troubles(), "\n"));
  }

  const cli::SpeakerOptions& options_;
  asio::any_io_executor executor_;
  NodeProcess node_;
  kube::Writer writer_;
  cluster::NodeStateWriter node_state_;
  cluster::Secrets secrets_;
  cluster::Rights rights_;
  cluster::Source source_;
  asio::steady_timer tell_;
  TimePoint told_at_{};
  bool is_synced_ = false;
  std::size_t replayed_ = 0;  // sessions
};

// What OpenELB's speaker would do now, and what this one does.
void explain_flags_of_openelb(const cli::SpeakerOptions& options) {
  if (options.enable_layer2.value_or(false)) {
    log::warn("speaker",
              "--enable-layer2 changes nothing: Eips of protocol layer2 are not announced by this "
              "release");
  } else if (options.enable_layer2) {
    log::info("speaker", "--enable-layer2=false changes nothing: announced is by BGP only");
  }
  if (options.enable_keepalived_vip.value_or(false)) {
    log::warn("speaker",
              "--enable-keepalived-vip changes nothing: there is no keepalived, and an Eip of "
              "protocol vip is read as layer2");
  } else if (options.enable_keepalived_vip) {
    log::info("speaker", "--enable-keepalived-vip=false changes nothing: there is no keepalived");
  }
}

}  // namespace

int run_speaker(const cli::SpeakerOptions& options) {
  const log::Output output{log::level_named(options.cluster.log_level).value_or(log::Level::Info)};
  std::error_code error;
  std::filesystem::create_directories(options.state, error);
  asio::io_context context{1};
  asio::signal_set signals{context, SIGINT, SIGTERM};
  io::Worker worker{context.get_executor()};
  const auto client = open_client(context.get_executor(), worker, options.cluster);
  if (!client) {
    (void)std::fprintf(stderr, "porter: %s\n", client.error().message.c_str());
    return cli::kCannotReach;
  }
  Speaker porter{context.get_executor(), options, **client, output};
  if (const Result<void> opened = porter.open(); !opened) {
    (void)std::fprintf(stderr, "porter: %s\n", opened.error().message.c_str());
    return cli::kCannotReach;
  }
  log::info("porter", "started",
            {{"version", PORTER_VERSION},
             {"node", options.node},
             {"cluster", (*client)->access().origin},
             {"state", options.state}});
  explain_flags_of_openelb(options);
  io::run(context, porter.serve(signals));
  return cli::kGood;
}

}  // namespace porter::app
