// SPDX-License-Identifier: Apache-2.0
#include "app/cluster_access.hpp"

#include <random>
#include <utility>

namespace porter::app {

Result<std::unique_ptr<kube::Client>> open_client(io::asio::any_io_executor executor,
                                                  io::Worker& worker,
                                                  const cli::ClusterOptions& options) {
  const kube::Environment environment = kube::Environment::of_process();
  Result<kube::Access> access = kube::load_access(
      {.kubeconfig = options.kubeconfig, .context = options.context}, environment);
  if (!access) return Failure<>{std::move(access.error())};
  kube::Client::Options client;
  client.environment = environment;
  client.credentials.environment = environment;
  return kube::Client::open(std::move(executor), worker, std::move(*access), std::move(client));
}

std::uint64_t jitter_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace porter::app
