// SPDX-License-Identifier: Apache-2.0
#include "base/address.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "base/tree.hpp"

namespace porter {
namespace {

Failure<> not_an_address(std::string_view text) {
  return fail(Errc::Invalid, fmt::format("{}: not an IPv4 or IPv6 address", shown(text)));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A decimal number of at most three digits without leading zeros.
std::optional<unsigned> small_decimal(std::string_view text) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

std::optional<std::uint32_t> parse_v4(std::string_view text) {
  std::uint32_t bits = 0;
  for (int octet = 0; octet < 4; ++octet) {
    const std::size_t dot = octet < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos) return std::nullopt;
    const std::optional<unsigned> value = small_decimal(text.substr(0, dot));
    if (!value || *value > 255) return std::nullopt;
    bits = (bits << 8U) | *value;
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return bits;
}

std::optional<std::uint16_t> hex_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  std::uint16_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value, 16);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

struct Groups {
  std::array<std::uint16_t, 8> values{};
  std::size_t count = 0;
};

// "a:b:c" into groups; the last may be a dotted quad where `may_end_in_v4`. False: malformed.
bool add_groups(std::string_view text, bool may_end_in_v4, Groups& out) {
  if (text.empty()) return true;
  for (;;) {
    const std::size_t colon = text.find(':');
    const std::string_view word = text.substr(0, colon);
    const bool is_last = colon == std::string_view::npos;
    if (is_last && may_end_in_v4 && word.find('.') != std::string_view::npos) {
      const std::optional<std::uint32_t> quad = parse_v4(word);
      if (!quad || out.count > 6) return false;
      out.values.at(out.count++) = static_cast<std::uint16_t>(*quad >> 16U);
      out.values.at(out.count++) = static_cast<std::uint16_t>(*quad);
      return true;
    }
    const std::optional<std::uint16_t> group = hex_group(word);
    if (!group || out.count == out.values.size()) return false;
    out.values.at(out.count++) = *group;
    if (is_last) return true;
    text.remove_prefix(colon + 1);
  }
}

// RFC 4291 section 2.2, all three forms.
std::optional<Address::Octets> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  Groups head;
  Groups tail;
  if (gap == std::string_view::npos) {
    if (!add_groups(text, true, head) || head.count != 8) return std::nullopt;
  } else {
    // "::" stands for one group at least; a second one fails as an empty group of the tail.
    if (!add_groups(text.substr(0, gap), false, head)) return std::nullopt;
    if (!add_groups(text.substr(gap + 2), true, tail)) return std::nullopt;
    if (head.count + tail.count > 7) return std::nullopt;
  }
  std::array<std::uint16_t, 8> groups{};
  std::copy_n(head.values.begin(), head.count, groups.begin());
  std::copy_n(tail.values.begin(), tail.count,
              groups.end() - static_cast<std::ptrdiff_t>(tail.count));
  Address::Octets octets{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    octets.at(2 * i) = static_cast<std::uint8_t>(groups.at(i) >> 8U);
    octets.at(2 * i + 1) = static_cast<std::uint8_t>(groups.at(i));
  }
  return octets;
}

std::string v4_text(std::uint32_t bits) {
  return fmt::format("{}.{}.{}.{}", bits >> 24U, (bits >> 16U) & 0xffU, (bits >> 8U) & 0xffU,
                     bits & 0xffU);
}

// RFC 5952 section 4.2.3: the longest run of zero groups, the first of equals, never one group
// alone.
struct Run {
  std::size_t begin = 8;
  std::size_t length = 0;
};
Run longest_zero_run(const std::array<unsigned, 8>& groups) {
  Run best;
  for (std::size_t i = 0; i < groups.size();) {
    std::size_t end = i;
    while (end < groups.size() && groups.at(end) == 0)
      ++end;
    if (end - i > std::max<std::size_t>(best.length, 1)) best = Run{.begin = i, .length = end - i};
    i = end + 1;
  }
  return best;
}

std::string v6_text(std::span<const std::uint8_t> octets) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups.at(i) = static_cast<unsigned>(octets[2 * i] << 8U) | octets[2 * i + 1];
  }
  const Run run = longest_zero_run(groups);
  // RFC 5952 section 5: IPv4-mapped addresses end in a dotted quad.
  if (run.begin == 0 && run.length == 5 && groups[5] == 0xffffU)
    return "::ffff:" + v4_text((groups[6] << 16U) | groups[7]);
  std::string text;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i == run.begin) {
      text += "::";
      i += run.length - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    fmt::format_to(std::back_inserter(text), "{:x}", groups.at(i));
  }
  return text;
}

// The bits beyond a prefix length.
Uint128 host_mask(Family family, unsigned length) {
  PORTER_ASSERT(length <= bits_of(family));
  const unsigned host_bits = bits_of(family) - length;
  if (host_bits == 0) return 0;
  if (host_bits == 128) return ~Uint128{0};
  return (Uint128{1} << host_bits) - 1;
}

struct Split {
  Address address;
  unsigned length = 0;
};

// "address/length", or an address alone, which is a host prefix.
Result<Split> parse_split(std::string_view text) {
  const std::size_t slash = text.find('/');
  const Result<Address> address = Address::parse(text.substr(0, slash));
  if (!address) return Failure<>{address.error()};
  const unsigned bits = bits_of(address->family());
  if (slash == std::string_view::npos) return Split{.address = *address, .length = bits};
  const std::string_view digits = text.substr(slash + 1);
  const std::optional<unsigned> length = small_decimal(digits);
  if (!length || *length > bits) {
    return fail(Errc::Invalid, fmt::format("{}: prefix length must be 0 to {}", shown(text), bits));
  }
  return Split{.address = *address, .length = *length};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

// splitmix64's finisher: every input bit reaches every output bit.
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

}  // namespace

std::string_view to_string(Family family) {
  return family == Family::V4 ? "IPv4" : "IPv6";
}

std::string to_string(Uint128 number) {
  std::string digits;
  do {
    digits += static_cast<char>('0' + static_cast<int>(number % 10));
    number /= 10;
  } while (number != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

Address Address::v4(std::uint32_t bits) {
  Address address;
  for (std::size_t i = 0; i < 4; ++i) {
    address.octets_.at(i) = static_cast<std::uint8_t>(bits >> (24 - 8 * i));
  }
  return address;
}

Address Address::v4(std::span<const std::uint8_t, 4> octets) {
  Address address;
  std::copy(octets.begin(), octets.end(), address.octets_.begin());
  return address;
}

Address Address::v6(const Octets& octets) {
  Address address;
  address.family_ = Family::V6;
  address.octets_ = octets;
  return address;
}

Address Address::from_number(Family family, Uint128 number) {
  if (family == Family::V4) return v4(static_cast<std::uint32_t>(number));
  Octets octets{};
  for (std::size_t i = octets.size(); i > 0; --i) {
    octets.at(i - 1) = static_cast<std::uint8_t>(number);
    number >>= 8U;
  }
  return v6(octets);
}

Result<Address> Address::parse(std::string_view text) {
  if (text.find(':') != std::string_view::npos) {
    const std::optional<Octets> octets = parse_v6(text);
    if (octets) return v6(*octets);
  } else if (const std::optional<std::uint32_t> bits = parse_v4(text)) {
    return v4(*bits);
  }
  return not_an_address(text);
}

std::uint32_t Address::v4_bits() const {
  PORTER_ASSERT(is_v4());
  return static_cast<std::uint32_t>(number());
}

Uint128 Address::number() const {
  Uint128 number = 0;
  for (const std::uint8_t octet : octets())
    number = (number << 8U) | octet;
  return number;
}

bool Address::is_unspecified() const {
  return number() == 0;
}

bool Address::is_loopback() const {
  return is_v4() ? octets_[0] == 127 : number() == 1;
}

bool Address::is_multicast() const {
  return is_v4() ? (octets_[0] & 0xf0U) == 0xe0U : octets_[0] == 0xffU;
}

bool Address::is_link_local() const {
  if (is_v4()) return octets_[0] == 169 && octets_[1] == 254;
  return octets_[0] == 0xfeU && (octets_[1] & 0xc0U) == 0x80U;
}

std::string to_string(const Address& address) {
  return address.is_v4() ? v4_text(address.v4_bits()) : v6_text(address.octets());
}

Prefix::Prefix(const Address& address, unsigned length)
    : address_{Address::from_number(address.family(),
                                    address.number() & ~host_mask(address.family(), length))},
      length_{static_cast<std::uint8_t>(length)} {}

Result<Prefix> Prefix::parse(std::string_view text, HostBits bits) {
  const Result<Split> split = parse_split(text);
  if (!split) return Failure<>{split.error()};
  const Prefix prefix{split->address, split->length};
  if (bits == HostBits::Refuse && prefix.address() != split->address) {
    return fail(Errc::Invalid, fmt::format("{}: bits are set beyond the prefix length; meant {}?",
                                           shown(text), to_string(prefix)));
  }
  return prefix;
}

bool Prefix::contains(const Address& address) const {
  return address.family() == family() &&
         (address.number() & ~host_mask(family(), length_)) == address_.number();
}

std::string to_string(const Prefix& prefix) {
  return fmt::format("{}/{}", to_string(prefix.address()), prefix.length());
}

Range::Range(const Prefix& prefix)
    : first_{prefix.address()},
      last_{Address::from_number(
          prefix.family(),
          prefix.address().number() | host_mask(prefix.family(), prefix.length()))} {}

Result<Range> Range::make(const Address& first, const Address& last) {
  if (first.family() != last.family()) {
    return fail(Errc::Invalid, fmt::format("{}-{}: both ends must be of one family",
                                           to_string(first), to_string(last)));
  }
  if (last < first) {
    return fail(Errc::Invalid, fmt::format("{}-{}: the end lies before the beginning",
                                           to_string(first), to_string(last)));
  }
  Range range;
  range.first_ = first;
  range.last_ = last;
  return range;
}

Result<Range> Range::parse(std::string_view text) {
  text = trimmed(text);
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) {
    const Result<Split> split = parse_split(text);
    if (!split) return Failure<>{split.error()};
    return Range{Prefix{split->address, split->length}};
  }
  const Result<Address> first = Address::parse(trimmed(text.substr(0, dash)));
  if (!first) return Failure<>{first.error()};
  const Result<Address> last = Address::parse(trimmed(text.substr(dash + 1)));
  if (!last) return Failure<>{last.error()};
  return make(*first, *last);
}

bool Range::contains(const Address& address) const {
  return address.family() == family() && first_ <= address && address <= last_;
}

bool Range::overlaps(const Range& other) const {
  return family() == other.family() && first_ <= other.last_ && other.first_ <= last_;
}

// A single address as itself, a range that is a prefix as the prefix, any other as "first-last".
std::string to_string(const Range& range) {
  if (range.first() == range.last()) return to_string(range.first());
  for (unsigned length = 0; length < bits_of(range.family()); ++length) {
    if (host_mask(range.family(), length) != range.span()) continue;
    const Prefix prefix{range.first(), length};
    if (prefix.address() == range.first()) return to_string(prefix);
  }
  return fmt::format("{}-{}", to_string(range.first()), to_string(range.last()));
}

std::string to_string(Asn asn) {
  return std::to_string(asn.number);
}

std::string to_string(RouterId id) {
  return v4_text(id.bits);
}

}  // namespace porter

std::size_t std::hash<porter::Address>::operator()(const porter::Address& address) const noexcept {
  const porter::Uint128 number = address.number();
  const std::uint64_t high = porter::mixed(static_cast<std::uint64_t>(number >> 64U) +
                                           (address.is_v4() ? 0U : 0x9e3779b97f4a7c15U));
  return porter::mixed(high + static_cast<std::uint64_t>(number));
}

std::size_t std::hash<porter::Prefix>::operator()(const porter::Prefix& prefix) const noexcept {
  return porter::mixed(std::hash<porter::Address>{}(prefix.address()) + prefix.length());
}
