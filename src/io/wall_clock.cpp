// SPDX-License-Identifier: Apache-2.0
#include "io/wall_clock.hpp"

#include <chrono>

namespace porter::io {

namespace chrono = std::chrono;

std::int64_t unix_now() {
  const auto now = chrono::system_clock::now().time_since_epoch();
  return chrono::duration_cast<chrono::seconds>(now).count();
}

std::int64_t unix_micros() {
  const auto now = chrono::system_clock::now().time_since_epoch();
  return chrono::duration_cast<chrono::microseconds>(now).count();
}

}  // namespace porter::io
