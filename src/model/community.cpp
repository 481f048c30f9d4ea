// SPDX-License-Identifier: Apache-2.0
#include "model/community.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/tree.hpp"

namespace porter::model {
namespace {

using Named = std::pair<std::string_view, std::uint32_t>;

// IANA, "BGP Well-known Communities".
constexpr std::array<Named, 9> kWellKnown{{
    {"no-export", 0xffffff01U},            // RFC 1997
    {"no-advertise", 0xffffff02U},         // RFC 1997
    {"no-export-subconfed", 0xffffff03U},  // RFC 1997
    {"no-peer", 0xffffff04U},              // RFC 3765
    {"graceful-shutdown", 0xffff0000U},    // RFC 8326
    {"accept-own", 0xffff0001U},           // RFC 7611
    {"llgr-stale", 0xffff0006U},           // RFC 9494
    {"no-llgr", 0xffff0007U},              // RFC 9494
    {"blackhole", 0xffff029aU},            // RFC 7999
}};
constexpr std::uint32_t kHalf = 65'535;
constexpr std::uint32_t kWhole = 4'294'967'295;
constexpr std::uint32_t kFirstReserved = 0xffff0000U;  // RFC 1997: 65535:* is IANA's

Failure<> refuse(std::string_view text, std::string_view more) {
  return fail(Errc::Invalid,
              fmt::format("{}: must be a community like 65000:100, a large community like "
                          "65000:1:2, or a name like no-export{}",
                          shown(text), more));
}

// "a:b:c" in pieces; more than three are one too many already.
std::vector<std::string_view> pieces_of(std::string_view text) {
  std::vector<std::string_view> pieces;
  while (pieces.size() < 4) {
    const std::size_t colon = text.find(':');
    pieces.push_back(text.substr(0, colon));
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  return pieces;
}

// RFC 8092 §5: decimal digits, and no leading zeros.
std::optional<std::uint32_t> number_of(std::string_view text, std::uint32_t most) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::uint32_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || end != last || number > most) return std::nullopt;
  return number;
}

const Named* named(std::string_view name) {
  const auto found = std::find_if(kWellKnown.begin(), kWellKnown.end(),
                                  [&](const Named& one) { return one.first == name; });
  return found != kWellKnown.end() ? &*found : nullptr;
}

struct Parts {
  bool is_valid = true;
  std::array<std::optional<std::uint32_t>, 3> numbers;
};

Parts parts_of(const std::vector<std::string_view>& pieces, bool may_be_star) {
  Parts parts;
  const std::uint32_t most = pieces.size() == 2 ? kHalf : kWhole;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (may_be_star && pieces[i] == "*") continue;
    parts.numbers.at(i) = number_of(pieces[i], most);
    parts.is_valid = parts.is_valid && parts.numbers.at(i).has_value();
  }
  return parts;
}

bool fits(const std::optional<std::uint32_t>& wanted, std::uint32_t number) {
  return !wanted || *wanted == number;
}

std::string part_text(const std::optional<std::uint32_t>& part) {
  return part ? std::to_string(*part) : "*";
}

}  // namespace

Result<Community> parse_community(std::string_view text) {
  if (const Named* const known = named(text)) return Community{known->second};
  const std::vector<std::string_view> pieces = pieces_of(text);
  if (pieces.size() != 2 && pieces.size() != 3) return refuse(text, "");
  const Parts parts = parts_of(pieces, false);
  if (!parts.is_valid) return refuse(text, "");
  const std::uint32_t first = parts.numbers[0].value_or(0);
  const std::uint32_t second = parts.numbers[1].value_or(0);
  if (pieces.size() == 2) return Community{(first << 16U) | second};
  return Community{
      LargeCommunity{.global = first, .local1 = second, .local2 = parts.numbers[2].value_or(0)}};
}

std::string to_string(const Community& community) {
  if (const auto* const large = std::get_if<LargeCommunity>(&community))
    return fmt::format("{}:{}:{}", large->global, large->local1, large->local2);
  const std::uint32_t number = std::get<std::uint32_t>(community);
  const auto known = std::find_if(kWellKnown.begin(), kWellKnown.end(),
                                  [&](const Named& one) { return one.second == number; });
  if (known != kWellKnown.end()) return std::string{known->first};
  return fmt::format("{}:{}", number >> 16U, number & kHalf);
}

Result<CommunityPattern> parse_community_pattern(std::string_view text) {
  using Form = CommunityPattern::Form;
  if (text == "*") return CommunityPattern{};
  if (const Named* const known = named(text)) {
    return CommunityPattern{.form = Form::Standard,
                            .first = known->second >> 16U,
                            .second = known->second & kHalf,
                            .third = std::nullopt};
  }
  const std::vector<std::string_view> pieces = pieces_of(text);
  if (pieces.size() != 2 && pieces.size() != 3) return refuse(text, "; * stands for any number");
  const Parts parts = parts_of(pieces, true);
  if (!parts.is_valid) return refuse(text, "; * stands for any number");
  return CommunityPattern{.form = pieces.size() == 3 ? Form::Large : Form::Standard,
                          .first = parts.numbers[0],
                          .second = parts.numbers[1],
                          .third = parts.numbers[2]};
}

std::string to_string(const CommunityPattern& pattern) {
  using Form = CommunityPattern::Form;
  if (pattern.form == Form::Any) return "*";
  if (pattern.form == Form::Standard && pattern.first && pattern.second)
    return to_string(Community{(*pattern.first << 16U) | *pattern.second});
  std::string text = part_text(pattern.first) + ":" + part_text(pattern.second);
  if (pattern.form == Form::Large) text += ":" + part_text(pattern.third);
  return text;
}

bool CommunityPattern::matches(const Community& community) const {
  if (const auto* const large = std::get_if<LargeCommunity>(&community)) {
    return form == Form::Any || (form == Form::Large && fits(first, large->global) &&
                                 fits(second, large->local1) && fits(third, large->local2));
  }
  const std::uint32_t number = std::get<std::uint32_t>(community);
  const bool is_reserved = number >= kFirstReserved;
  if (form == Form::Any) return !is_reserved;
  if (form != Form::Standard || !fits(first, number >> 16U) || !fits(second, number & kHalf))
    return false;
  return !is_reserved || (first && second);
}

}  // namespace porter::model
