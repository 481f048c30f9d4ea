// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "bgp/message.hpp"

// Octets for tests, right and wrong ones: every length and flag can be chosen. Independent of the
// encoders under test.
namespace porter::bgp::wire {

using Octets = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kWellKnown = 0x40;
inline constexpr std::uint8_t kOptionalTransitive = 0xc0;
inline constexpr std::uint8_t kOptionalOnly = 0x80;

[[nodiscard]] inline Octets join(std::initializer_list<Octets> parts) {
  Octets out;
  for (const Octets& part : parts)
    out.insert(out.end(), part.begin(), part.end());
  return out;
}
[[nodiscard]] inline Octets repeat(const Octets& part, std::size_t times) {
  Octets out;
  for (std::size_t i = 0; i < times; ++i)
    out.insert(out.end(), part.begin(), part.end());
  return out;
}
[[nodiscard]] inline Octets zeros(std::size_t count) {
  return Octets(count, 0);
}
[[nodiscard]] inline Octets text(std::string_view characters) {
  return {characters.begin(), characters.end()};
}
[[nodiscard]] inline Octets u16(std::size_t value) {
  return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
}
[[nodiscard]] inline Octets u32(std::uint32_t value) {
  return join({u16(value >> 16U), u16(value & 0xffffU)});
}
[[nodiscard]] inline Octets address(std::string_view written) {
  const Result<Address> parsed = Address::parse(written);
  PORTER_ASSERT(parsed.has_value());
  return {parsed->octets().begin(), parsed->octets().end()};
}
// "192.0.2.0/24" as NLRI.
[[nodiscard]] inline Octets prefix(std::string_view written) {
  const Result<Prefix> parsed = Prefix::parse(written);
  PORTER_ASSERT(parsed.has_value());
  Octets out{static_cast<std::uint8_t>(parsed->length())};
  const Bytes octets = parsed->address().octets().first((parsed->length() + 7) / 8);
  out.insert(out.end(), octets.begin(), octets.end());
  return out;
}
[[nodiscard]] inline Octets prefix(std::string_view written, PathId id) {
  return join({u32(id), prefix(written)});
}

// A whole message; `length` in its header where it shall be wrong.
[[nodiscard]] inline Octets message(std::uint8_t type, const Octets& body,
                                    std::optional<std::size_t> length = std::nullopt) {
  return join({Octets(16, 0xff), u16(length.value_or(kHeaderSize + body.size())), {type}, body});
}

// One attribute; an extended length where 255 octets do not do.
[[nodiscard]] inline Octets attribute(std::uint8_t flags, std::uint8_t type, const Octets& value) {
  if (value.size() <= 255) {
    return join({{flags, type, static_cast<std::uint8_t>(value.size())}, value});
  }
  return join({{static_cast<std::uint8_t>(flags | 0x10U), type}, u16(value.size()), value});
}
[[nodiscard]] inline Octets segment(std::uint8_t type, const std::vector<std::uint32_t>& numbers,
                                    AsWidth width = AsWidth::Four) {
  Octets out{type, static_cast<std::uint8_t>(numbers.size())};
  for (const std::uint32_t number : numbers) {
    const Octets octets = width == AsWidth::Four ? u32(number) : u16(number);
    out.insert(out.end(), octets.begin(), octets.end());
  }
  return out;
}

// The body of an UPDATE; the two lengths where they shall be wrong.
struct UpdateParts {
  Octets withdrawn = {};
  Octets attributes = {};
  Octets nlri = {};
  std::optional<std::size_t> withdrawn_length = std::nullopt;
  std::optional<std::size_t> attributes_length = std::nullopt;
};
[[nodiscard]] inline Octets update(const UpdateParts& parts) {
  return join({u16(parts.withdrawn_length.value_or(parts.withdrawn.size())), parts.withdrawn,
               u16(parts.attributes_length.value_or(parts.attributes.size())), parts.attributes,
               parts.nlri});
}

struct Reach {
  AfiSafi family{.afi = 2, .safi = 1};
  Octets next_hop = {};
  Octets nlri = {};
  std::uint8_t flags = kOptionalOnly;
  std::uint8_t reserved = 0;
  std::optional<std::uint8_t> next_hop_length = std::nullopt;
};
[[nodiscard]] inline Octets mp_reach(const Reach& reach) {
  const auto length =
      reach.next_hop_length.value_or(static_cast<std::uint8_t>(reach.next_hop.size()));
  return attribute(reach.flags, 14,
                   join({u16(reach.family.afi),
                         {reach.family.safi, length},
                         reach.next_hop,
                         {reach.reserved},
                         reach.nlri}));
}
[[nodiscard]] inline Octets mp_unreach(AfiSafi family, const Octets& nlri,
                                       std::uint8_t flags = kOptionalOnly) {
  return attribute(flags, 15, join({u16(family.afi), {family.safi}, nlri}));
}

[[nodiscard]] inline Octets capability(std::uint8_t code, const Octets& value) {
  return join({{code, static_cast<std::uint8_t>(value.size())}, value});
}
[[nodiscard]] inline Octets multiprotocol(AfiSafi family) {
  return capability(1, join({u16(family.afi), {0, family.safi}}));
}
[[nodiscard]] inline Octets four_octet_as(std::uint32_t number) {
  return capability(65, u32(number));
}
[[nodiscard]] inline Octets parameter(std::uint8_t type, const Octets& value) {
  return join({{type, static_cast<std::uint8_t>(value.size())}, value});
}

// The body of an OPEN.
struct OpenParts {
  std::uint8_t version = 4;
  std::uint16_t as = 65001;
  std::uint16_t hold_time = 90;
  std::string_view id = "192.0.2.1";
  Octets parameters = {};
  std::optional<std::uint8_t> length = std::nullopt;  // Opt Parm Len
};
[[nodiscard]] inline Octets open(const OpenParts& parts) {
  const auto length = parts.length.value_or(static_cast<std::uint8_t>(parts.parameters.size()));
  return join({{parts.version},
               u16(parts.as),
               u16(parts.hold_time),
               address(parts.id),
               {length},
               parts.parameters});
}
// RFC 9072: all capabilities in one parameter.
[[nodiscard]] inline Octets extended(const Octets& capabilities) {
  return join({{255}, u16(3 + capabilities.size()), {2}, u16(capabilities.size()), capabilities});
}

// A test's name from a row's: "ORIGIN length 2" -> "OriginLength2" would hide the id, so ids come
// first and everything that is no letter or digit goes.
[[nodiscard]] inline std::string test_name(std::string_view id, std::string_view title) {
  std::string name;
  for (const char c : id)
    name += c == '-' ? '_' : c;
  name += '_';
  bool starts_word = true;
  for (const char c : title) {
    const bool is_lower = c >= 'a' && c <= 'z';
    const bool is_word = is_lower || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_word) name += starts_word && is_lower ? static_cast<char>(c - 'a' + 'A') : c;
    starts_word = !is_word;
  }
  return name;
}

}  // namespace porter::bgp::wire
