// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "bgp/adj_rib_in.hpp"
#include "bgp/open.hpp"

namespace porter::bgp {

// Which of a peer's routes are kept though nothing vouches for them: after its session was lost
// (RFC 4724 §4.2 and RFC 9494 §4.2, we are the helper), and while it says its routes again (RFC
// 7313 §4). Each family has its own fate and its own bound in time. Owned by the Peer, beside the
// AdjRibIn whose marks it steers.
class StaleRoutes {
 public:
  // Longest time from the new session to its End-of-RIB, and from BoRR to EoRR (RFC 4724 §4.2 and
  // RFC 7313 §4 leave it to us).
  static constexpr Duration kLongest = std::chrono::minutes{6};

  explicit StaleRoutes(AdjRibIn& rib) : rib_{rib} {}

  // The session is gone and the peer may come back: what its OPEN promised to keep is marked, what
  // was already marked before goes (consecutive restarts; with a long-lived time it stays, and a
  // time that runs is not begun anew), the rest is dropped.
  void lost(const Negotiated& negotiated, TimePoint now);
  // The session is gone for good, or nobody may help: all routes are dropped.
  void drop_all();
  // A session is up. What the peer did not keep forwarding for, is dropped; the rest waits for
  // End-of-RIB.
  void established(const Negotiated& negotiated, TimePoint now);
  void end_of_rib(Family family);
  void begin_refresh(Family family, TimePoint now);  // BoRR
  void end_refresh(Family family);                   // EoRR

  void tick(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;
  // Routes are kept over a restart of the peer.
  [[nodiscard]] bool over_restart() const;

 private:
  enum class Why : std::uint8_t { None, Restart, LongLived, Refresh };
  struct Fate {
    Why why = Why::None;
    TimePoint until = kNever;
    std::chrono::seconds then_long_lived{};  // behind `until`, while the session is down
    bool awaits_end_of_rib = false;  // of a peer with graceful restart: BoRR before it is ignored
  };
  [[nodiscard]] static bool is_over_restart(const Fate& fate) {
    return fate.why == Why::Restart || fate.why == Why::LongLived;
  }
  [[nodiscard]] Fate& fate(Family family) { return fates_[family == Family::V4 ? 0 : 1]; }
  void lose(Family family, const Negotiated& negotiated, TimePoint now);
  void begin_long_lived(Family family, std::chrono::seconds time, TimePoint now);
  void drop(Family family);

  AdjRibIn& rib_;
  std::array<Fate, 2> fates_;
};

}  // namespace porter::bgp
