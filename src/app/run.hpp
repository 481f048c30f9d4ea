// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/arguments.hpp"

namespace porter::app {

// `porter run`: everything in one process without a cluster. Returns the exit status.
[[nodiscard]] int run(const cli::RunOptions& options);

}  // namespace porter::app
