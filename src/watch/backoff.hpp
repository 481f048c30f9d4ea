// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "base/time.hpp"

namespace porter::watch {

// Seeded, so that a run can be repeated and two hundred speakers do not march in step.
class Jitter {
 public:
  // minstd_rand begins alike for seeds that lie close together: they are spread first.
  explicit Jitter(std::uint64_t seed)
      : random_{
            static_cast<std::minstd_rand::result_type>((seed + 1) * 0x9e3779b97f4a7c15U >> 33U)} {}

  // Evenly between both, in milliseconds.
  [[nodiscard]] Duration between(std::chrono::milliseconds least, std::chrono::milliseconds most) {
    using Ticks = std::chrono::milliseconds::rep;
    return std::chrono::milliseconds{
        std::uniform_int_distribution<Ticks>{least.count(), most.count()}(random_)};
  }

 private:
  std::minstd_rand random_;
};

// How long to wait before the next attempt: 0.1 s, then twice as long each time up to 30 s; of that
// a random half to all. Never zero, so an attempt never follows another at once.
class Backoff {
 public:
  static constexpr std::chrono::milliseconds kShortest{100};
  static constexpr std::chrono::milliseconds kLongest{30'000};

  void reset() { wait_ = kShortest; }

  // The wait after this failure, and a longer one after the next.
  [[nodiscard]] Duration next(Jitter& jitter) {
    const Duration wait = jitter.between(wait_ / 2, wait_);
    wait_ = std::min(wait_ * 2, kLongest);
    return wait;
  }

 private:
  std::chrono::milliseconds wait_ = kShortest;
};

}  // namespace porter::watch
