// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "cli/arguments.hpp"
#include "io/worker.hpp"
#include "kube/client.hpp"

namespace porter::app {

// The API server that the options, the environment or the Pod name.
[[nodiscard]] Result<std::unique_ptr<kube::Client>> open_client(io::asio::any_io_executor executor,
                                                                io::Worker& worker,
                                                                const cli::ClusterOptions& options);
// Different in every process: so that a thousand of them do not ask at the same moment.
[[nodiscard]] std::uint64_t jitter_seed();

}  // namespace porter::app
