// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/address.hpp"

namespace porter::bgp {

// A hash that is part of the protocol between our speakers: all of them must choose the same next
// hops, whatever their version, architecture or standard library. Never change what it yields.
class Mix {
 public:
  constexpr Mix& add(std::uint64_t word) {
    state_ = (state_ ^ word) *
             0x9e3779b97f4a7c15U;  // 2^64 / golden ratio, then two xorshift-multiply rounds
    state_ = (state_ ^ (state_ >> 32U)) * 0xd6e8feb86659fd93U;
    state_ ^= state_ >> 29U;
    return *this;
  }
  Mix& add(const Address& address) {
    const auto octets = address.octets();
    if (address.is_v4()) return add(4U).add(number(octets));
    return add(6U ^ number(octets.first(8))).add(number(octets.subspan(8)));
  }
  Mix& add(const Prefix& prefix) { return add(prefix.address()).add(prefix.length()); }

  [[nodiscard]] constexpr std::uint64_t value() const { return state_; }

 private:
  static std::uint64_t number(std::span<const std::uint8_t> octets) {
    std::uint64_t value = 0;
    for (const std::uint8_t octet : octets)
      value = (value << 8U) | octet;
    return value;
  }

  std::uint64_t state_ = 0x706f727465722e31U;  // "porter.1"
};

}  // namespace porter::bgp
