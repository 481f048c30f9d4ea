// SPDX-License-Identifier: Apache-2.0
#include "app/controller.hpp"

#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/cluster_access.hpp"
#include "app/node_process.hpp"
#include "app/traffic.hpp"
#include "cluster/migration.hpp"
#include "cluster/recorder.hpp"
#include "cluster/rights.hpp"
#include "cluster/webhooks.hpp"
#include "io/heap.hpp"
#include "io/http_server.hpp"
#include "io/wall_clock.hpp"
#include "kube/election_driver.hpp"
#include "kube/events.hpp"
#include "local/public_pages.hpp"
#include "plan/engine.hpp"

namespace porter::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using model::Kind;

constexpr std::size_t kBudget = 128;
constexpr auto kRetry = 1s;
constexpr auto kResignWithin = 1s;

plan::Identity identity_of(const cli::ControllerOptions& options) {
  plan::Identity identity;
  identity.role = plan::Role::Controller;
  identity.load_balancer_class = options.cluster.load_balancer_class;
  identity.claim_unclassed = options.claim_unclassed;
  identity.ignore_exclude_label = options.cluster.ignore_exclude_label;
  identity.default_mode = model::NextHopMode::Self;
  identity.secret_namespace = options.cluster.ns;
  return identity;
}

cluster::Webhooks::Options webhook_options(const cli::ControllerOptions& options) {
  cluster::Webhooks::Options webhooks;
  webhooks.listen = options.webhook_listen;
  webhooks.certificate.place = {
      .ns = options.cluster.ns, .service = options.webhook_service, .url = options.webhook_url};
  webhooks.certificate.secret = options.webhook_service;
  webhooks.certificate.times.lifetime = std::chrono::seconds{options.webhook_certificate_lifetime};
  webhooks.jitter_seed = jitter_seed();
  return webhooks;
}

// One term as leader: starts from what the API server says and nothing else, and ends with the
// right to act.
class Term {
 public:
  Term(const io::asio::any_io_executor& executor, kube::Client& client,
       const cli::ControllerOptions& options, const kube::ElectionDriver& election,
       std::map<std::string, std::uint64_t>& failures)
      : client_{client},
        failures_{failures},
        tasks_{executor},
        timer_{executor, TimePoint::max()},
        engine_{identity_of(options), Clock::now(), io::unix_now()},
        writer_{executor, client, {}, {}},
        events_{executor,
                client,
                {.controller = "network.kubesphere.io/porter-controller",
                 .instance = options.identity}},
        source_{executor,
                client,
                cluster::kinds_of_a_controller(),
                cluster::Source::Statuses::Told,
                jitter_seed(),
                [this](plan::Fact fact) { take(std::move(fact)); }},
        recorder_{writer_,
                  source_,
                  {.fact = [this](plan::Fact fact) { take(std::move(fact)); },
                   .uid_of = [this](const model::ObjectKey& key) { return uid_of(key); },
                   .may_act = [&election] { return election.may_act(); }}},
        migration_{executor, client, [&election] { return election.may_act(); }} {}

  void start() {
    writer_.start();
    events_.start();
    tasks_.spawn(keep_time());
    tasks_.spawn(retry());
    tasks_.spawn(migration_.follow());
    source_.start();
  }
  void on_went_back(std::function<void()> call) { source_.on_went_back(std::move(call)); }
  io::Task<> stop() {
    co_await tasks_.stop();
    co_await source_.stop();
    co_await events_.stop();
    co_await writer_.stop();
  }

  [[nodiscard]] bool is_synced() const { return source_.is_synced(); }
  [[nodiscard]] std::vector<std::string> troubles() const {
    std::vector<std::string> all = source_.troubles();
    for (std::string& trouble : writer_.troubles())
      all.push_back(std::move(trouble));
    if (!events_.trouble().empty()) all.push_back(events_.trouble());
    for (std::string& trouble : migration_.troubles())
      all.push_back(std::move(trouble));
    return all;
  }
  [[nodiscard]] const plan::Engine& engine() const { return engine_; }
  [[nodiscard]] const kube::WriterCounters& writes() const { return writer_.counters(); }
  [[nodiscard]] local::Traffic traffic() const { return traffic_of(client_, &writer_, &source_); }

 private:
  void take(plan::Fact fact) {
    engine_.apply(std::move(fact), Clock::now());
    if (engine_.deadline() < timer_.expiry()) timer_.cancel();
  }

  io::Task<> keep_time() {
    for (;;) {
      timer_.expires_at(engine_.deadline());
      [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
      if (engine_.deadline() > Clock::now()) continue;
      const plan::Changes changes = engine_.step(Clock::now(), kBudget);
      recorder_.apply(changes);
      for (const plan::Change& change : changes) {
        if (const auto* said = std::get_if<plan::Notice>(&change)) notice(*said);
      }
    }
  }

  io::Task<> retry() {
    asio::steady_timer timer{timer_.get_executor()};
    for (;;) {
      timer.expires_after(kRetry);
      [[maybe_unused]] const auto woken = co_await timer.async_wait(io::kAwait);
      recorder_.retry();
      engine_.wall_clock_is(Clock::now(), io::unix_now());
    }
  }

  [[nodiscard]] std::string uid_of(const model::ObjectKey& key) const {
    const plan::View& view = engine_.view();
    const auto uid = [](const auto& map, const auto& name) {
      const auto found = map.find(name);
      return found == map.end() ? std::string{} : found->second.meta.uid;
    };
    if (const auto found = view.problems.find(key); found != view.problems.end()) {
      const std::optional<model::Meta>& refused = found->second.meta;
      if (refused) return refused->uid;
    }
    switch (key.kind) {
      case Kind::Service: return uid(view.services, key.name);
      case Kind::Eip: return uid(view.eips, key.name.name);
      case Kind::BgpConf: return uid(view.bgp_confs, key.name.name);
      case Kind::BgpPeer: return uid(view.bgp_peers, key.name.name);
      case Kind::BgpAdvertisement: return uid(view.bgp_advertisements, key.name.name);
      default: return {};
    }
  }

  void notice(const plan::Notice& said) {
    const bool failed = said.type == plan::Notice::Type::Warning;
    if (failed) ++failures_[said.reason];
    log::info("plan", said.message, {{"object", to_string(said.about)}, {"reason", said.reason}});
    const kube::Resource& resource = kube::resource_of(said.about.kind);
    kube::EventNote note;
    note.regarding = {.api_version = kube::api_version(resource),
                      .kind = resource.kind,
                      .name = said.about.name,
                      .uid = uid_of(said.about)};
    note.type = failed ? kube::EventNote::Type::Warning : kube::EventNote::Type::Normal;
    note.reason = said.reason;
    note.note = said.message;
    events_.note(std::move(note));
  }

  kube::Client& client_;
  std::map<std::string, std::uint64_t>& failures_;
  io::TaskGroup tasks_;
  asio::steady_timer timer_;
  plan::Engine engine_;
  kube::Writer writer_;
  kube::Events events_;
  cluster::Source source_;
  cluster::Recorder recorder_;
  cluster::Migration migration_;
};

// Stands for election, and rules while it leads. Read top to bottom, this is `porter controller`.
class Controller {
 public:
  Controller(const io::asio::any_io_executor& executor, const cli::ControllerOptions& options,
             kube::Client& client)
      : options_{options},
        executor_{executor},
        client_{client},
        tasks_{executor},
        turn_{executor, TimePoint::max()},
        over_{executor, TimePoint::max()},
        election_{executor,
                  client,
                  {.ns = options.cluster.ns,
                   .name = "porter-controller",
                   .election = {.identity = options.identity, .jitter_seed = jitter_seed()}},
                  {.acquired = [this] { leads(true); },
                   .lost = [this](const std::string&) { leads(false); },
                   .leader = {},
                   .trouble = {}}},
        rights_{executor, client, options.cluster.ns,
                cluster::rights_of(cluster::delivered_roles(), "porter-controller")},
        http_{executor, tasks_, [this](const io::HttpRequest& request) { return answer(request); }},
        public_{executor_, tasks_,
                [this](const io::HttpRequest& request) { return answer(request); }} {
    if (!options.webhook_listen.empty())
      webhooks_.emplace(executor, client, webhook_options(options));
  }

  [[nodiscard]] Result<void> open() {
    if (Result<void> listening = public_.open(options_.metrics_listen); !listening)
      return listening;
    if (options_.listen.empty()) return {};
    const auto endpoint = loopback_endpoint(options_.listen);
    if (!endpoint) return Failure<>{endpoint.error()};
    const Result<std::uint16_t> port = http_.listen_tcp(*endpoint);
    if (!port) return Failure<>{port.error()};
    return {};
  }

  io::Task<> serve(asio::signal_set& signals) {
    if (webhooks_) webhooks_->start();
    tasks_.spawn(rule());
    tasks_.spawn(rights_.follow());
    tasks_.spawn(io::give_back_memory(executor_));
    election_.start();
    const auto [error, number] = co_await signals.async_wait(io::kAwait);
    log::info("porter", "stopping", {{"signal", number}});
    // What is being written is written to its end, by the right we still have.
    ending_ = true;
    turn_.cancel();
    while (term_) {
      over_.expires_at(TimePoint::max());
      [[maybe_unused]] const auto woken = co_await over_.async_wait(io::kAwait);
    }
    co_await election_.resign(kResignWithin);
    if (webhooks_) co_await webhooks_->stop();
    co_await tasks_.stop();
  }

 private:
  void leads(bool now) {
    leading_ = now;
    turn_.cancel();
  }

  io::Task<> rule() {
    for (;;) {
      while (!leading_) {
        turn_.expires_at(TimePoint::max());
        [[maybe_unused]] const auto woken = co_await turn_.async_wait(io::kAwait);
      }
      term_.emplace(executor_, client_, options_, election_, assign_failures_);
      // Half of what a restored storage holds is no basis for a decision: all of it is read first.
      is_over_ = false;
      term_->on_went_back([this] {
        is_over_ = true;
        turn_.cancel();
      });
      term_->start();
      while (leading_ && !ending_ && !is_over_) {
        turn_.expires_at(TimePoint::max());
        [[maybe_unused]] const auto woken = co_await turn_.async_wait(io::kAwait);
      }
      co_await term_->stop();
      term_.reset();
      over_.cancel();
      if (ending_) co_return;
      // stop() made this coroutine deaf to its own cancellation, so that it runs to its end.
      co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    }
  }

  // Readiness waits for neither lists nor leadership (api.md 7): a standby is ready.
  [[nodiscard]] std::vector<std::string> troubles() const {
    std::vector<std::string> all = rights_.troubles();
    if (!election_.trouble().empty()) all.push_back(election_.trouble());
    const std::vector<std::string> of_webhooks =
        webhooks_ ? webhooks_->troubles() : std::vector<std::string>{};
    all.insert(all.end(), of_webhooks.begin(), of_webhooks.end());
    if (!term_) return all;
    for (std::string& trouble : term_->troubles())
      all.push_back(std::move(trouble));
    return all;
  }

  [[nodiscard]] io::HttpResponse answer(const io::HttpRequest& request) const {
    if (request.path == "/healthz") return {.status = 200, .body = "ok\n"};
    if (request.path == "/readyz") {
      const std::vector<std::string> all = troubles();
      if (all.empty()) return {.status = 200, .body = "ok\n"};
      return {.status = 503, .body = fmt::format("{}\n", fmt::join(all, "\n"))};
    }
    if (request.path == "/v1/status") return {.status = 200, .body = status()};
    if (request.path == "/metrics") return metrics();
    return {.status = 404, .body = "not found: /healthz, /readyz, /metrics or /v1/status\n"};
  }

  [[nodiscard]] io::HttpResponse metrics() const {
    const local::ControllerSources sources{
        .engine = term_ ? &term_->engine() : nullptr,
        .version = PORTER_VERSION,
        .unix_started = unix_started_,
        .leads = term_.has_value(),
        .assign_failures = assign_failures_,
        .traffic = term_ ? term_->traffic() : traffic_of(client_, nullptr, nullptr),
        .webhooks =
            webhooks_ ? std::optional{webhook_traffic(webhooks_->counters())} : std::nullopt};
    return {.status = 200,
            .content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = local::metrics_text(sources)};
  }

  [[nodiscard]] std::string status() const {
    Tree tree = Tree::map();
    tree.set("version", PORTER_VERSION).set("role", "controller");
    tree.set("leads", term_.has_value()).set("leader", election_.leader());
    if (term_) {
      const plan::Engine& engine = term_->engine();
      tree.set("synced", term_->is_synced());
      tree.set("services", std::uint64_t{engine.view().services.size()});
      tree.set("waiting", std::uint64_t{engine.assigner().waiting()});
      tree.set("written", term_->writes().written);
    }
    Tree list = Tree::list();
    for (const std::string& trouble : troubles())
      list.push(trouble);
    tree.set("troubles", std::move(list));
    return to_json(tree) + "\n";
  }

  const cli::ControllerOptions& options_;
  asio::any_io_executor executor_;
  kube::Client& client_;
  io::TaskGroup tasks_;
  asio::steady_timer turn_;
  asio::steady_timer over_;  // a term is
  bool leading_ = false;
  bool ending_ = false;
  bool is_over_ = false;  // what the term knows
  kube::ElectionDriver election_;
  std::optional<Term> term_;
  cluster::Rights rights_;
  std::optional<cluster::Webhooks> webhooks_;
  io::HttpServer http_;
  local::PublicPages public_;
  std::int64_t unix_started_ = io::unix_now();
  std::map<std::string, std::uint64_t> assign_failures_;  // by reason
};

}  // namespace

int run_controller(const cli::ControllerOptions& given) {
  cli::ControllerOptions options = given;
  if (options.identity.empty()) {
    boost::system::error_code unknown;
    options.identity = fmt::format("{}-{:08x}", asio::ip::host_name(unknown), jitter_seed() >> 32U);
  }
  const log::Output output{log::level_named(options.cluster.log_level).value_or(log::Level::Info)};
  asio::io_context context{1};
  asio::signal_set signals{context, SIGINT, SIGTERM};
  io::Worker worker{context.get_executor()};
  const auto client = open_client(context.get_executor(), worker, options.cluster);
  if (!client) {
    (void)std::fprintf(stderr, "porter: %s\n", client.error().message.c_str());
    return cli::kCannotReach;
  }
  Controller porter{context.get_executor(), options, **client};
  if (const Result<void> opened = porter.open(); !opened) {
    (void)std::fprintf(stderr, "porter: %s\n", opened.error().message.c_str());
    return cli::kCannotReach;
  }
  log::info("porter", "started",
            {{"version", PORTER_VERSION},
             {"identity", options.identity},
             {"cluster", (*client)->access().origin}});
  io::run(context, porter.serve(signals));
  return cli::kGood;
}

}  // namespace porter::app
