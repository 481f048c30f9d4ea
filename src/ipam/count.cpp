// SPDX-License-Identifier: Apache-2.0
#include "ipam/count.hpp"

#include <array>
#include <limits>

#include <fmt/format.h>

namespace porter::ipam {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kChunk =
    10'000'000'000'000'000'000U;  // the largest power of ten in 64 bits

}  // namespace

Count Count::of(const Range& range) {
  Count count{range.span()};
  count += Count{1};
  return count;
}

Count& Count::operator+=(const Count& other) {
  low_ += other.low_;
  const std::uint64_t carry = low_ < other.low_ ? 1 : 0;
  high_ += other.high_ + carry;
  return *this;
}

Count& Count::operator-=(const Count& other) {
  if (*this <= other) return *this = Count{};
  const std::uint64_t borrow = low_ < other.low_ ? 1 : 0;
  low_ -= other.low_;
  high_ -= other.high_ + borrow;
  return *this;
}

std::int64_t Count::clamped() const {
  if (high_ > 0 || low_ > static_cast<Uint128>(kMost)) return kMost;
  return static_cast<std::int64_t>(low_);
}

// Schoolbook division by kChunk, limb by limb.
std::string to_string(const Count& count) {
  std::array<std::uint64_t, 3> limbs{count.high_, static_cast<std::uint64_t>(count.low_ >> 64U),
                                     static_cast<std::uint64_t>(count.low_)};
  std::string text;
  for (;;) {
    Uint128 rest = 0;
    std::uint64_t left = 0;
    for (std::uint64_t& limb : limbs) {
      rest = rest << 64U | limb;
      limb = static_cast<std::uint64_t>(rest / kChunk);
      rest %= kChunk;
      left |= limb;
    }
    const auto digits = static_cast<std::uint64_t>(rest);
    if (left == 0) return fmt::format("{}{}", digits, text);
    text.insert(0, fmt::format("{:019}", digits));
  }
}

}  // namespace porter::ipam
