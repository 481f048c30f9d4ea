// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// How numbers, times and names are put into words for people.
namespace porter::plan {

// "n1, n2 and 5 more": at most `limit` of them by name. Empty: "".
[[nodiscard]] std::string listed(const std::vector<std::string>& names, std::size_t limit = 8);
[[nodiscard]] std::string listed(const std::set<std::string>& names, std::size_t limit = 8);

// "1 next hop", "3 next hops".
[[nodiscard]] std::string count_of(std::size_t count, std::string_view noun);

// "12 s", "14 minutes", "5h12m", "3d4h".
[[nodiscard]] std::string span_of(std::int64_t seconds);

// "since 12 s" where the time of the day is known, else "since 2024-05-01T10:00:00Z"; `since` 0 is
// not known: "".
[[nodiscard]] std::string since_words(std::int64_t since, std::int64_t unix_now);
// "12 s ago", "at 2024-05-01T10:00:00Z", "".
[[nodiscard]] std::string ago_words(std::int64_t since, std::int64_t unix_now);

}  // namespace porter::plan
