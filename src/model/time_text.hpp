// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace porter::model {

// RFC 3339 to Unix seconds and back; fractions of a second are cut off. Years 1 to 9999.
[[nodiscard]] std::optional<std::int64_t> parse_time(std::string_view text);
[[nodiscard]] std::string format_time(std::int64_t unix_seconds);  // "2024-05-01T10:00:00Z"

}  // namespace porter::model
