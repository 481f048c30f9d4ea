// SPDX-License-Identifier: Apache-2.0
#include "app/uninstall.hpp"

#include <cstdio>

#include <boost/asio/io_context.hpp>

#include "app/cluster_access.hpp"
#include "cluster/uninstall.hpp"
#include "io/worker.hpp"

namespace porter::app {

int run_uninstall(const cli::UninstallOptions& options) {
  if (!options.dry_run && !options.yes) {
    (void)std::fputs(
        "porter uninstall: this deletes every Eip, BgpConf, BgpPeer and BgpAdvertisement, and "
        "every route is withdrawn.\nSee what with --dry-run, do it with --yes.\n",
        stderr);
    return cli::kUsage;
  }
  io::asio::io_context context{1};
  io::Worker worker{context.get_executor()};
  const auto client = open_client(context.get_executor(), worker, options.cluster);
  if (!client) {
    (void)std::fprintf(stderr, "porter: %s\n", client.error().message.c_str());
    return cli::kCannotReach;
  }
  cluster::Uninstall::Options how;
  how.ns = options.cluster.ns;
  if (options.dry_run) how.mode = cluster::Uninstall::Mode::DryRun;
  cluster::Uninstall uninstall{context.get_executor(), **client, std::move(how),
                               [](const std::string& line) {
                                 (void)std::puts(line.c_str());
                                 (void)std::fflush(stdout);
                               }};
  io::run(context, uninstall.run());
  for (const std::string& failure : uninstall.failures())
    (void)std::fprintf(stderr, "porter: %s\n", failure.c_str());
  if (!uninstall.is_reached()) return cli::kCannotReach;
  return uninstall.failures().empty() ? cli::kGood : cli::kNo;
}

}  // namespace porter::app
