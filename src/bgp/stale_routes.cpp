// SPDX-License-Identifier: Apache-2.0
#include "bgp/stale_routes.hpp"

#include <algorithm>

namespace porter::bgp {
namespace {

constexpr std::array kFamilies{Family::V4, Family::V6};

}  // namespace

void StaleRoutes::lost(const Negotiated& negotiated, TimePoint now) {
  const std::chrono::seconds time{negotiated.peer_restart_time};
  for (const Family family : kFamilies) {
    const bool kept = negotiated.restart && time.count() > 0 && negotiated.families.has(family) &&
                      negotiated.peer_restart_families.has(family);
    rib_.drop_stale(family);
    fate(family) = {};
    if (!kept) {
      rib_.clear(family);
      continue;
    }
    rib_.mark_stale(family);
    fate(family) = {.why = Why::Restart, .until = now + time};
  }
}

void StaleRoutes::drop_all() {
  rib_.clear();
  fates_ = {};
}

void StaleRoutes::established(const Negotiated& negotiated, TimePoint now) {
  for (const Family family : kFamilies) {
    Fate& its = fate(family);
    const bool promised = negotiated.restart && negotiated.families.has(family) &&
                          negotiated.peer_restart_families.has(family);
    if (its.why == Why::Restart) {
      if (promised && negotiated.peer_forwarding.has(family)) {
        its.until = now + kLongest;
      } else {
        drop(family);
      }
    }
    its.awaits_end_of_rib = promised;
  }
}

void StaleRoutes::end_of_rib(Family family) {
  if (fate(family).why == Why::Restart) drop(family);
  fate(family).awaits_end_of_rib = false;
}

void StaleRoutes::begin_refresh(Family family, TimePoint now) {
  if (fate(family).awaits_end_of_rib || fate(family).why == Why::Restart) return;  // RFC 7313 §4
  rib_.mark_stale(family);
  fate(family) = {.why = Why::Refresh, .until = now + kLongest};
}

void StaleRoutes::end_refresh(Family family) {
  if (fate(family).why == Why::Refresh) drop(family);
}

void StaleRoutes::drop(Family family) {
  rib_.drop_stale(family);
  fate(family).why = Why::None;
  fate(family).until = kNever;
}

void StaleRoutes::tick(TimePoint now) {
  for (const Family family : kFamilies) {
    if (now >= fate(family).until) drop(family);
  }
}

TimePoint StaleRoutes::deadline() const {
  return std::min(fates_[0].until, fates_[1].until);
}

bool StaleRoutes::over_restart() const {
  return std::ranges::any_of(fates_, [](const Fate& fate) { return fate.why == Why::Restart; });
}

}  // namespace porter::bgp
