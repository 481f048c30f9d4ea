// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bgp/backoff.hpp"

namespace porter::bgp {

// When we may dial (ConnectRetryTimer and IdleHoldTimer of RFC 4271 §8 in one). A spin is
// impossible: at most one dial is under way, each is bounded in time, and whatever becomes of it,
// the next one waits at least three quarters of a second. Two back-offs, because a peer that is
// away and a peer that turns us down are two things: any sign of life ends the first, only a
// session that lasted ends the second.
class Dialer {
 public:
  // The kernel sends SYNs at 0, 1, 3 and 7 s; a peer that is there has answered one of them.
  static constexpr Duration kDialTimeout = std::chrono::seconds{10};
  // A session that held this long was healthy: whatever ended it starts the back-off anew.
  static constexpr Duration kLasted = std::chrono::seconds{30};

  Dialer(Duration base, TimePoint now) : away_{base}, turned_down_{base}, not_before_{now} {}

  [[nodiscard]] bool under_way() const { return timeout_ != kNever; }
  [[nodiscard]] TimePoint timeout() const { return timeout_; }        // of the dial under way
  [[nodiscard]] TimePoint not_before() const { return not_before_; }  // of the next one

  void set_base(Duration base) {
    away_.set_base(base);
    turned_down_.set_base(base);
  }

  void dialed(TimePoint now, Jitter& jitter) {
    timeout_ = now + kDialTimeout;
    not_before_ = now + turned_down_.current(jitter);
  }
  void connected() {
    timeout_ = kNever;
    away_.reset();
  }
  void failed(TimePoint now, Jitter& jitter) {
    timeout_ = kNever;
    not_before_ = now + away_.next(jitter);
  }
  // The dial was called off for no fault of the peer's.
  void aborted() { timeout_ = kNever; }
  void heard_from_peer() { away_.reset(); }

  // The connection we dialed, or a session, ended.
  void lost(TimePoint now, Duration established_for, Jitter& jitter) {
    if (established_for >= kLasted) turned_down_.reset();
    not_before_ = now + turned_down_.next(jitter);
  }
  // An attempt of the peer's ended: a reason to wait now, but neither longer the next time, nor
  // longer than we would have: else a peer that dials and hangs up would keep us from dialing.
  void inbound_ended(TimePoint now, Jitter& jitter) {
    const TimePoint soon = now + turned_down_.current(jitter);
    not_before_ = not_before_ <= now ? soon : std::min(not_before_, soon);
  }
  // An operator's change deserves a fresh start, one base interval from now.
  void start_over(TimePoint now, Jitter& jitter) {
    away_.reset();
    turned_down_.reset();
    not_before_ = std::min(not_before_, now + turned_down_.current(jitter));
  }

 private:
  Backoff away_;
  Backoff turned_down_;
  TimePoint timeout_ = kNever;
  TimePoint not_before_;
};

}  // namespace porter::bgp
