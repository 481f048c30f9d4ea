// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "kube/client.hpp"

namespace porter::kube {

// The cluster that the kubeconfig or the Pod's own account tells of.
[[nodiscard]] Result<std::unique_ptr<Client>> open_client(io::asio::any_io_executor executor,
                                                          io::Worker& worker,
                                                          const AccessOptions& options);

}  // namespace porter::kube
