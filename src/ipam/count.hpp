// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/address.hpp"

namespace porter::ipam {

// A number of addresses, exact. `::/0` alone has 2^128, one more than a Uint128 can hold, and a
// pool may hold all of IPv4 beside it.
class Count {
 public:
  Count() = default;
  explicit Count(Uint128 number) : low_{number} {}
  [[nodiscard]] static Count of(const Range& range);

  Count& operator+=(const Count& other);
  Count& operator-=(const Count& other);  // what is larger than the count leaves zero

  [[nodiscard]] bool is_zero() const { return high_ == 0 && low_ == 0; }
  // For the int64 fields of the API: clamped to the largest one.
  [[nodiscard]] std::int64_t clamped() const;

  friend auto operator<=>(const Count&, const Count&) = default;

 private:
  friend std::string to_string(const Count& count);

  std::uint64_t high_ = 0;  // times 2^128
  Uint128 low_ = 0;
};

[[nodiscard]] std::string to_string(
    const Count& count);  // "340282366920938463463374607431768211456"

}  // namespace porter::ipam
