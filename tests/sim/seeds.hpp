// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

namespace porter {

// How many histories a simulation goes through.
inline unsigned seeds() {
  const char* wanted =
      std::getenv("PORTER_SIM_SEEDS");  // NOLINT(concurrency-mt-unsafe): no threads here
  return wanted == nullptr ? 200 : static_cast<unsigned>(std::strtoul(wanted, nullptr, 10));
}

}  // namespace porter
