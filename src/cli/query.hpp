// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/arguments.hpp"

namespace porter::cli {

// Asks the porter behind the socket and prints; the exit status of api.md 9.
[[nodiscard]] int run_query(const QueryOptions& options);
// Says about manifests what admission would say; 0 if nothing is refused.
[[nodiscard]] int run_validate(const ValidateOptions& options);
// Prints the translation on standard output, and what people have to know on standard error.
[[nodiscard]] int run_migrate(const MigrateOptions& options);

}  // namespace porter::cli
