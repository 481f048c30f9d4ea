// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/arguments.hpp"

namespace porter::app {

// `porter uninstall`. Returns the exit status.
[[nodiscard]] int run_uninstall(const cli::UninstallOptions& options);

}  // namespace porter::app
