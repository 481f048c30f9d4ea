// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/arguments.hpp"

namespace porter::app {

// `porter controller`: gives Services addresses while it leads; to its end. The exit status.
[[nodiscard]] int run_controller(const cli::ControllerOptions& options);

}  // namespace porter::app
