// SPDX-License-Identifier: Apache-2.0
#include "plan/phrase.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/time_text.hpp"

namespace porter::plan {
namespace {

template <class Names>
std::string list(const Names& names, std::size_t limit) {
  std::string text;
  std::size_t told = 0;
  for (const std::string& name : names) {
    if (told == limit) return fmt::format("{} and {} more", text, names.size() - told);
    if (told++ > 0) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace

std::string listed(const std::vector<std::string>& names, std::size_t limit) {
  return list(names, limit);
}

std::string listed(const std::set<std::string>& names, std::size_t limit) {
  return list(names, limit);
}

std::string count_of(std::size_t count, std::string_view noun) {
  const bool hisses = noun.ends_with('s') || noun.ends_with('x');
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : hisses ? "es" : "s");
}

std::string span_of(std::int64_t seconds) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  seconds = std::max<std::int64_t>(seconds, 0);
  if (seconds < kMinute) return fmt::format("{} s", seconds);
  if (seconds < kHour) return count_of(static_cast<std::size_t>(seconds / kMinute), "minute");
  if (seconds < kDay) return fmt::format("{}h{}m", seconds / kHour, seconds % kHour / kMinute);
  return fmt::format("{}d{}h", seconds / kDay, seconds % kDay / kHour);
}

std::string since_words(std::int64_t since, std::int64_t unix_now) {
  if (since <= 0) return "";
  if (unix_now <= 0) return "since " + model::format_time(since);
  return "since " + span_of(unix_now - since);
}

std::string ago_words(std::int64_t since, std::int64_t unix_now) {
  if (since <= 0) return "";
  if (unix_now <= 0) return "at " + model::format_time(since);
  return span_of(unix_now - since) + " ago";
}

}  // namespace porter::plan
