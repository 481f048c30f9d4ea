// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "manifests/yaml.hpp"

namespace porter::manifests {
namespace {

using Words = std::array<std::string_view, 3>;

bool is_one_of(std::string_view text, const Words& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// YAML 1.1's words, in the three spellings it allows: lower, Capitalized, UPPER.
std::optional<Tree> resolve_word(std::string_view text) {
  if (text.size() > 5 || std::string_view{"~nNyYtTfFoO"}.find(text[0]) == std::string_view::npos)
    return std::nullopt;
  if (text == "~" || is_one_of(text, {"null", "Null", "NULL"})) return Tree{};
  if (text == "y" || text == "Y" || is_one_of(text, {"yes", "Yes", "YES"}) ||
      is_one_of(text, {"true", "True", "TRUE"}) || is_one_of(text, {"on", "On", "ON"}))
    return Tree{true};
  if (text == "n" || text == "N" || is_one_of(text, {"no", "No", "NO"}) ||
      is_one_of(text, {"false", "False", "FALSE"}) || is_one_of(text, {"off", "Off", "OFF"}))
    return Tree{false};
  return std::nullopt;
}

// JSON has no way to write these; they stay numbers, which no field accepts.
std::optional<Tree> resolve_no_number(std::string_view text) {
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return Tree::number(".nan");
  const bool is_negative = text.starts_with('-');
  if (text.starts_with('+') || is_negative) text.remove_prefix(1);
  if (is_one_of(text, {".inf", ".Inf", ".INF"}))
    return Tree::number(is_negative ? "-.inf" : ".inf");
  return std::nullopt;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Base and digits of "0x1f", "0o17", "017", "0b1", "12"; the sign is off already.
std::pair<int, std::string_view> base_of(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return {10, text};
  switch (text[1]) {
    case 'x':
    case 'X': return {16, text.substr(2)};
    case 'o':
    case 'O': return {8, text.substr(2)};
    case 'b':
    case 'B': return {2, text.substr(2)};
    default: return {8, text.substr(1)};
  }
}

// In decimal. Beyond 64 bits only what is decimal already stays an integer.
std::optional<Tree> resolve_integer(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  const auto [base, digits] = base_of(text);
  if (digits.empty()) return std::nullopt;
  std::uint64_t number = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, number, base);
  if (end != last || error == std::errc::invalid_argument) return std::nullopt;
  const std::string_view sign = is_negative && number != 0 ? "-" : "";
  if (error == std::errc{}) return Tree::number(fmt::format("{}{}", sign, number));
  if (base == 10) return Tree::number(fmt::format("{}{}", is_negative ? "-" : "", digits));
  return std::nullopt;
}

std::string_view digits_off(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of("0123456789"), text.size()));
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool is_decimal(std::string_view text) {
  const std::string_view after_whole = digits_off(text);
  const bool has_whole = after_whole.size() < text.size();
  text = after_whole;
  if (text.starts_with('.')) {
    const std::string_view after_fraction = digits_off(text.substr(1));
    if (!has_whole && after_fraction.size() + 1 == text.size()) return false;
    text = after_fraction;
  } else if (!has_whole) {
    return false;
  }
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && digits_off(text).empty();
}

// As written where JSON would write it so: "0.5", "1e3"; ".5" becomes "0.5", "1." becomes "1".
std::optional<Tree> resolve_decimal(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (!is_decimal(text)) return std::nullopt;
  while (text.size() > 1 && text[0] == '0' && is_digit(text[1]))
    text.remove_prefix(1);
  const std::size_t exponent = std::min(text.find_first_of("eE"), text.size());
  std::string_view mantissa = text.substr(0, exponent);
  if (mantissa.ends_with('.')) mantissa.remove_suffix(1);
  return Tree::number(fmt::format("{}{}{}{}", is_negative ? "-" : "",
                                  mantissa.starts_with('.') ? "0" : "", mantissa,
                                  text.substr(exponent)));
}

}  // namespace

Tree resolve_plain(std::string_view text) {
  if (text.empty()) return {};
  if (auto word = resolve_word(text)) return *std::move(word);
  const char first = text[0];
  const bool is_numeric = is_digit(first) || first == '-' || first == '+' || first == '.';
  if (!is_numeric || text.size() > 200) return text;
  if (auto number = resolve_no_number(text)) return *std::move(number);
  std::string plain{text};
  if (first != '.') plain.erase(std::remove(plain.begin(), plain.end(), '_'), plain.end());
  if (auto number = resolve_integer(plain)) return *std::move(number);
  if (auto number = resolve_decimal(plain)) return *std::move(number);
  return text;
}

}  // namespace porter::manifests
