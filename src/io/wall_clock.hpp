// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace porter::io {

// The wall clock, which may be stepped: for what people and other machines read, never for waiting.
[[nodiscard]] std::int64_t unix_now();     // seconds
[[nodiscard]] std::int64_t unix_micros();  // microseconds

}  // namespace porter::io
