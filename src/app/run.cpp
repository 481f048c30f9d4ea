// SPDX-License-Identifier: Apache-2.0
#include "app/run.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "app/node_process.hpp"
#include "manifests/folder.hpp"
#include "manifests/state_store.hpp"

namespace porter::app {
namespace {

namespace asio = boost::asio;

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
  Run(asio::io_context& context, const cli::RunOptions& options, const log::Output& output)
      : options_{options},
        executor_{context.get_executor()},
        worker_{executor_},
        node_{executor_,
              identity_of(options),
              {.role = "run",
               .metrics_per_service = options.metrics_per_service,
               .speaker = speaker_options(options.state, KeepPeers::No)},
              output,
              {.record = [this](const plan::Changes& changes) { return store_.apply(changes); },
               .troubles = [this] { return troubles(); },
               .session_moved = {}}},
        store_{executor_, node_.tasks(), worker_, options.state,
               [this](plan::Fact fact) { node_.take(std::move(fact)); }},
        folder_{executor_, node_.tasks(), options.manifests,
                [this](plan::Fact fact) { node_.take(std::move(fact)); }} {}

  [[nodiscard]] Result<void> open();
  io::Task<> serve(asio::signal_set& signals);

 private:
  [[nodiscard]] std::vector<local::Trouble> troubles() const;

  const cli::RunOptions& options_;
  asio::any_io_executor executor_;
  io::Worker worker_;
  NodeProcess node_;
  manifests::StateStore store_;
  manifests::Folder folder_;
};

// The store's lock comes first: a second porter on the same state must not touch a thing.
Result<void> Run::open() {
  Result<std::vector<plan::Fact>> kept = store_.open();
  if (!kept) return Failure<>{std::move(kept.error())};
  for (plan::Fact& fact : *kept)
    node_.take(std::move(fact));
  return node_.open(
      {.socket = options_.socket.empty() ? options_.state + "/porter.sock" : options_.socket,
       .listen = options_.listen,
       .metrics_listen = options_.metrics_listen});
}

io::Task<> Run::serve(asio::signal_set& signals) {
  store_.start();
  folder_.start();
  node_.start();
  const auto [error, number] = co_await signals.async_wait(io::kAwait);
  log::info("porter", "stopping", {{"signal", number}});
  co_await node_.stop(speaker::BgpRunner::Farewell::Restart);
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
  Run porter{context, options, output};
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
