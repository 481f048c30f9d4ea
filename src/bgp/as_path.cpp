// SPDX-License-Identifier: Apache-2.0
#include "bgp/as_path.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace porter::bgp {
namespace {

constexpr std::size_t kMaxSegment = 255;
constexpr std::uint8_t kConfederationSequence = 3;  // RFC 5065 §3
constexpr std::uint8_t kConfederationSet = 4;

std::uint32_t take_number(ByteReader& in, AsWidth width) {
  return width == AsWidth::Four ? in.take<std::uint32_t>() : in.take<std::uint16_t>();
}

// How many hops a segment counts for (RFC 4271 §9.1.2.2).
std::size_t length_of(const AsSegment& segment) {
  return segment.type == AsSegment::Type::Set ? 1 : segment.numbers.size();
}

std::size_t length_of(const AsPath& path) {
  std::size_t length = 0;
  for (const AsSegment& segment : path)
    length += length_of(segment);
  return length;
}

// Puts `tail` behind `path`; where sequences meet and have room they become one segment, since
// whoever wrote the path had no seam there.
void join(const AsPath& tail, AsPath& path) {
  auto rest = tail.begin();
  const bool meets = !path.empty() && rest != tail.end() &&
                     path.back().type == AsSegment::Type::Sequence &&
                     rest->type == AsSegment::Type::Sequence &&
                     path.back().numbers.size() + rest->numbers.size() <= kMaxSegment;
  if (meets) {
    std::vector<Asn>& numbers = path.back().numbers;
    numbers.insert(numbers.end(), rest->numbers.begin(), rest->numbers.end());
    ++rest;
  }
  path.insert(path.end(), rest, tail.end());
}

}  // namespace

std::string to_string(const AsPath& path) {
  std::string text;
  for (const AsSegment& segment : path) {
    const bool is_set = segment.type == AsSegment::Type::Set;
    if (!text.empty()) text += ' ';
    if (is_set) text += '{';
    std::string_view separator;
    for (const Asn number : segment.numbers) {
      fmt::format_to(std::back_inserter(text), "{}{}", separator, number.number);
      separator = is_set ? "," : " ";
    }
    if (is_set) text += '}';
  }
  return text;
}

Result<DecodedPath, std::string> decode_as_path(Bytes value, AsWidth width) {
  DecodedPath decoded;
  ByteReader in{value};
  while (in.remaining() > 0) {
    const auto type = in.take<std::uint8_t>();
    const std::size_t count = in.take<std::uint8_t>();
    AsSegment segment;
    const std::size_t octets = count * (width == AsWidth::Four ? 4 : 2);
    if (!in.ok() || in.remaining() < octets) return Failure<std::string>{"ends inside a segment"};
    if (type == 0 || type > kConfederationSet) {
      return Failure<std::string>{fmt::format("segment type {}", type)};
    }
    if (count == 0) return Failure<std::string>{"a segment without AS numbers"};
    segment.numbers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      segment.numbers.push_back(Asn{take_number(in, width)});
      if (segment.numbers.back().number == 0) return Failure<std::string>{"AS 0"};  // RFC 7607 §2
    }
    const bool is_confederation = type >= kConfederationSequence;
    decoded.has_confederation = decoded.has_confederation || is_confederation;
    decoded.has_set = decoded.has_set || type == kConfederationSet ||
                      type == static_cast<std::uint8_t>(AsSegment::Type::Set);
    if (is_confederation) continue;
    segment.type = static_cast<AsSegment::Type>(type);
    decoded.path.push_back(std::move(segment));
  }
  return decoded;
}

AsPath merge_as4_path(const AsPath& path, const AsPath& as4_path) {
  const std::size_t length = length_of(path);
  const std::size_t as4_length = length_of(as4_path);
  if (length < as4_length) return path;
  AsPath merged;
  std::size_t missing = length - as4_length;
  for (const AsSegment& segment : path) {
    if (missing == 0) break;
    AsSegment front = segment;
    if (front.type == AsSegment::Type::Sequence && front.numbers.size() > missing) {
      front.numbers.resize(missing);
    }
    missing -= length_of(front);
    merged.push_back(std::move(front));
  }
  join(as4_path, merged);
  return merged;
}

bool needs_four_octets(const AsPath& path) {
  return std::ranges::any_of(path, [](const AsSegment& segment) {
    return std::ranges::any_of(segment.numbers, [](Asn as) { return as.number > 0xffff; });
  });
}

void encode_as_path(const AsPath& path, AsWidth width, std::vector<std::uint8_t>& out) {
  ByteWriter to{out};
  for (const AsSegment& segment : path) {
    std::span<const Asn> rest{segment.numbers};
    while (!rest.empty()) {
      const std::span<const Asn> part = rest.first(std::min(rest.size(), kMaxSegment));
      rest = rest.subspan(part.size());
      to.put(static_cast<std::uint8_t>(segment.type));
      to.put(static_cast<std::uint8_t>(part.size()));
      for (const Asn as : part) {
        if (width == AsWidth::Four) {
          to.put(as.number);
        } else {
          to.put(as.number > 0xffff ? kAsTrans : static_cast<std::uint16_t>(as.number));
        }
      }
    }
  }
}

}  // namespace porter::bgp
