// SPDX-License-Identifier: Apache-2.0
#include "kube/open_client.hpp"

#include <utility>

#include "kube/kubeconfig.hpp"

namespace porter::kube {

Result<std::unique_ptr<Client>> open_client(io::asio::any_io_executor executor, io::Worker& worker,
                                            const AccessOptions& options) {
  const Environment environment = Environment::of_process();
  Result<Access> access = load_access(options, environment);
  if (!access) return Failure<>{std::move(access.error())};
  Client::Options client;
  client.environment = environment;
  client.credentials.environment = environment;
  return Client::open(std::move(executor), worker, std::move(*access), std::move(client));
}

}  // namespace porter::kube
