// SPDX-License-Identifier: Apache-2.0
#include "app/cluster_access.hpp"

#include <random>
#include <utility>

#include "kube/open_client.hpp"

namespace porter::app {

Result<std::unique_ptr<kube::Client>> open_client(io::asio::any_io_executor executor,
                                                  io::Worker& worker,
                                                  const cli::ClusterOptions& options) {
  return kube::open_client(std::move(executor), worker,
                           {.kubeconfig = options.kubeconfig, .context = options.context});
}

std::uint64_t jitter_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

}  // namespace porter::app
