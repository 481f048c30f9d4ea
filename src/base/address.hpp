// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

// IP addresses, prefixes and ranges as values: 16 octets in network order, totally ordered (IPv4
// before IPv6, then numerically). Text is RFC 5952 for IPv6. Parsing is strict: no leading zeros,
// no blanks.
namespace porter {

enum class Family : std::uint8_t { V4, V6 };

[[nodiscard]] constexpr unsigned bits_of(Family family) {
  return family == Family::V4 ? 32U : 128U;
}

// "IPv4", "IPv6": the words of Kubernetes (spec.ipFamilies, EndpointSlice.addressType).
[[nodiscard]] std::string_view to_string(Family family);

// An unsigned integer of 128 bits, for the size of pools and offsets inside them.
__extension__ using Uint128 = unsigned __int128;
[[nodiscard]] std::string to_string(Uint128 number);

class Address {
 public:
  using Octets = std::array<std::uint8_t, 16>;

  Address() = default;  // 0.0.0.0
  [[nodiscard]] static Address v4(std::uint32_t bits);
  [[nodiscard]] static Address v4(std::span<const std::uint8_t, 4> octets);
  [[nodiscard]] static Address v6(const Octets& octets);
  [[nodiscard]] static Address from_number(Family family, Uint128 number);
  [[nodiscard]] static Result<Address> parse(std::string_view text);

  [[nodiscard]] Family family() const { return family_; }
  [[nodiscard]] bool is_v4() const { return family_ == Family::V4; }
  [[nodiscard]] bool is_v6() const { return family_ == Family::V6; }
  // The 4 or 16 octets, network order.
  [[nodiscard]] std::span<const std::uint8_t> octets() const {
    return std::span{octets_}.first(is_v4() ? 4 : 16);
  }
  [[nodiscard]] std::uint32_t v4_bits() const;  // of an IPv4 address
  [[nodiscard]] Uint128 number() const;
  [[nodiscard]] bool is_unspecified() const;
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_multicast() const;
  [[nodiscard]] bool is_link_local() const;  // 169.254.0.0/16, fe80::/10

  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  Family family_ = Family::V4;
  Octets octets_{};  // IPv4 lies in the first four
};

[[nodiscard]] std::string to_string(const Address& address);

// A prefix has no bits set beyond its length.
class Prefix {
 public:
  Prefix() = default;  // 0.0.0.0/0
  Prefix(const Address& address,
         unsigned length);  // clears the host bits; length <= bits_of(family)
  [[nodiscard]] static Prefix host(const Address& address) {
    return {address, bits_of(address.family())};
  }
  // "192.0.2.0/24". Host bits set are an error unless `Mask` says otherwise; no length: a host
  // prefix.
  enum class HostBits : std::uint8_t { Refuse, Clear };
  [[nodiscard]] static Result<Prefix> parse(std::string_view text,
                                            HostBits bits = HostBits::Refuse);

  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] unsigned length() const { return length_; }
  [[nodiscard]] Family family() const { return address_.family(); }
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] bool is_host() const { return length_ == bits_of(family()); }

  friend auto operator<=>(const Prefix&, const Prefix&) = default;

 private:
  Address address_;
  std::uint8_t length_ = 0;
};

[[nodiscard]] std::string to_string(const Prefix& prefix);

// first..last, both included, of one family, first <= last.
class Range {
 public:
  Range() = default;
  explicit Range(const Prefix& prefix);
  explicit Range(const Address& single) : first_{single}, last_{single} {}
  [[nodiscard]] static Result<Range> make(const Address& first, const Address& last);
  // "192.0.2.1", "192.0.2.0/24" (host bits are cleared: "192.0.2.7/24" is the /24),
  // "192.0.2.1-192.0.2.9". Blanks around '-' are accepted, as OpenELB did.
  [[nodiscard]] static Result<Range> parse(std::string_view text);

  [[nodiscard]] const Address& first() const { return first_; }
  [[nodiscard]] const Address& last() const { return last_; }
  [[nodiscard]] Family family() const { return first_.family(); }
  [[nodiscard]] bool contains(const Address& address) const;
  [[nodiscard]] bool overlaps(const Range& other) const;
  // Number of addresses less one: ::/0 has 2^128, which a Uint128 cannot hold.
  [[nodiscard]] Uint128 span() const { return last_.number() - first_.number(); }

  friend auto operator<=>(const Range&, const Range&) = default;

 private:
  Address first_;
  Address last_;
};

[[nodiscard]] std::string to_string(const Range& range);

// A 4-octet AS number (RFC 6793). Text is asplain.
struct Asn {
  std::uint32_t number = 0;
  friend auto operator<=>(const Asn&, const Asn&) = default;
};
[[nodiscard]] std::string to_string(Asn asn);

// A BGP Identifier (RFC 6286): any 32 bits but zero; written as a dotted quad.
struct RouterId {
  std::uint32_t bits = 0;
  friend auto operator<=>(const RouterId&, const RouterId&) = default;
};
[[nodiscard]] std::string to_string(RouterId id);

}  // namespace porter

template <>
struct std::hash<porter::Address> {
  std::size_t operator()(const porter::Address& address) const noexcept;
};
template <>
struct std::hash<porter::Prefix> {
  std::size_t operator()(const porter::Prefix& prefix) const noexcept;
};
