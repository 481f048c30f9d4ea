// SPDX-License-Identifier: Apache-2.0
#include "model/time_text.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace porter::model {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr std::int64_t kSecondsOfDay = 86'400;

// Reads `count` digits off the front.
std::optional<unsigned> take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// "2024-05-01" to the seconds at its beginning.
std::optional<std::int64_t> take_date(std::string_view& text) {
  const std::optional<unsigned> year = take_number(text, 4);
  if (!year || !take(text, "-")) return std::nullopt;
  const std::optional<unsigned> month = take_number(text, 2);
  if (!month || !take(text, "-")) return std::nullopt;
  const std::optional<unsigned> day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                         std::chrono::month{*month}, std::chrono::day{*day}};
  if (!date.ok() || *year == 0) return std::nullopt;
  return std::chrono::duration_cast<seconds>(sys_days{date}.time_since_epoch()).count();
}

// "10:00:00" with a fraction of any length. 60 is a leap second and counts as the next minute's
// first.
std::optional<std::int64_t> take_clock(std::string_view& text) {
  const std::optional<unsigned> hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const std::optional<unsigned> minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take(text, ":")) return std::nullopt;
  const std::optional<unsigned> second = take_number(text, 2);
  if (!second || *second > 60) return std::nullopt;
  if (take(text, ".")) {
    if (!take_number(text, 1)) return std::nullopt;
    text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
  }
  return std::int64_t{*hour} * 3600 + std::int64_t{*minute} * 60 + *second;
}

// "Z" or "+02:00".
std::optional<std::int64_t> take_offset(std::string_view& text) {
  if (take(text, "Zz")) return 0;
  const std::int64_t sign = text.starts_with('-') ? -1 : 1;
  if (!take(text, "+-")) return std::nullopt;
  const std::optional<unsigned> hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
  const std::optional<unsigned> minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return sign * (std::int64_t{*hour} * 3600 + std::int64_t{*minute} * 60);
}

}  // namespace

std::optional<std::int64_t> parse_time(std::string_view text) {
  const std::optional<std::int64_t> date = take_date(text);
  if (!date || !take(text, "Tt ")) return std::nullopt;
  const std::optional<std::int64_t> clock = take_clock(text);
  if (!clock) return std::nullopt;
  const std::optional<std::int64_t> offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return *date + *clock - *offset;
}

std::string format_time(std::int64_t unix_seconds) {
  static constexpr std::int64_t kFirst = -62'135'596'800;  // 0001-01-01T00:00:00Z
  static constexpr std::int64_t kLast = 253'402'300'799;   // 9999-12-31T23:59:59Z
  unix_seconds = std::clamp(unix_seconds, kFirst, kLast);
  std::int64_t day = unix_seconds / kSecondsOfDay;
  std::int64_t second = unix_seconds % kSecondsOfDay;
  if (second < 0) {
    --day;
    second += kSecondsOfDay;
  }
  const std::chrono::year_month_day date{sys_days{days{static_cast<days::rep>(day)}}};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     second / 3600, second / 60 % 60, second % 60);
}

}  // namespace porter::model
