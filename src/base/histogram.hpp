// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace porter {

// A histogram of seconds with fixed bounds.
class Histogram {
 public:
  static constexpr std::array kBounds{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
                                      0.05,   0.1,   0.2,   0.5,   1.0,  5.0};
  void observe(Duration value) {
    const double taken = std::chrono::duration<double>(value).count();
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && taken > kBounds[bucket])
      ++bucket;
    ++counts[bucket];
    sum += taken;
  }

  std::array<std::uint64_t, kBounds.size() + 1> counts{};  // the last: above all bounds
  double sum = 0;
};

}  // namespace porter
