// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"

// BGP communities as people write them: "65000:100" (RFC 1997), "65000:1:2" (RFC 8092), and the
// well-known names of IANA's registry ("no-export", "graceful-shutdown", …).
namespace porter::model {

struct LargeCommunity {
  std::uint32_t global = 0;
  std::uint32_t local1 = 0;
  std::uint32_t local2 = 0;
  friend auto operator<=>(const LargeCommunity&, const LargeCommunity&) = default;
};

using Community = std::variant<std::uint32_t, LargeCommunity>;
[[nodiscard]] Result<Community> parse_community(std::string_view text);
[[nodiscard]] std::string to_string(const Community& community);  // well-known ones by name

// Which communities somebody may use: one as above, or with "*" for a part ("65000:*",
// "65000:1:*"), or "*" for all. Those with "*" do not include the well-known ones: these change
// what routers do with a route, so they are allowed by name.
struct CommunityPattern {
  enum class Form : std::uint8_t { Any, Standard, Large };
  Form form = Form::Any;
  std::optional<std::uint32_t> first;  // none: "*"
  std::optional<std::uint32_t> second;
  std::optional<std::uint32_t> third;  // of Large
  friend bool operator==(const CommunityPattern&, const CommunityPattern&) = default;

  [[nodiscard]] bool matches(const Community& community) const;
};
[[nodiscard]] Result<CommunityPattern> parse_community_pattern(std::string_view text);
[[nodiscard]] std::string to_string(const CommunityPattern& pattern);

}  // namespace porter::model
