// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

#include "base/time.hpp"

namespace porter::bgp {

// RFC 4271 §10: timers are shortened by up to a quarter, so that peers do not march in step.
// Seeded, so that a run can be repeated.
class Jitter {
 public:
  explicit Jitter(std::uint64_t seed)
      : random_{static_cast<std::minstd_rand::result_type>(seed ^ (seed >> 32U))} {}

  [[nodiscard]] Duration operator()(Duration full) {
    // In thousandths: a Duration times a double would round, and may round up.
    return full / 1000 * std::uniform_int_distribution<Duration::rep>{750, 1000}(random_);
  }

 private:
  std::minstd_rand random_;
};

// How long to wait before the next attempt: `base`, then twice as long each time up to 30 s, or
// always `base` where that is longer. Who asks for a pace (a base of a second or more) is kept to
// it within a factor of 8. Never zero, so an attempt never follows another at once.
class Backoff {
 public:
  static constexpr Duration kLongest = std::chrono::seconds{30};
  static constexpr int kMostSteps = 8;

  explicit Backoff(Duration base) { set_base(base); }

  void set_base(Duration base) {
    base_ = std::max<Duration>(base, std::chrono::seconds{1});
    const bool asked = base > Duration::zero() && base < kLongest;
    longest_ = asked ? std::min<Duration>(kLongest, base_ * kMostSteps) : kLongest;
    reset();
  }
  void reset() { wait_ = base_; }

  // The wait after this failure, and a longer one after the next.
  [[nodiscard]] Duration next(Jitter& jitter) {
    const Duration wait = wait_;
    wait_ = std::max(base_, std::min(wait_ * 2, longest_));
    return jitter(wait);
  }
  // The same wait without counting a failure.
  [[nodiscard]] Duration current(Jitter& jitter) const { return jitter(wait_); }

 private:
  Duration base_{};
  Duration longest_{};
  Duration wait_{};
};

}  // namespace porter::bgp
