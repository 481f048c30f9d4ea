// SPDX-License-Identifier: Apache-2.0
#include "bgp/stale_routes.hpp"

#include <algorithm>

namespace porter::bgp {
namespace {

constexpr std::array kFamilies{Family::V4, Family::V6};
constexpr std::uint32_t kNoLongLived = 0xffff'0007U;  // NO_LLGR, RFC 9494 §3.3

std::chrono::seconds long_lived_time(const Negotiated& negotiated, Family family) {
  return std::chrono::seconds{family == Family::V4 ? negotiated.peer_long_lived_v4
                                                   : negotiated.peer_long_lived_v6};
}

}  // namespace

void StaleRoutes::lost(const Negotiated& negotiated, TimePoint now) {
  for (const Family family : kFamilies)
    lose(family, negotiated, now);
}

void StaleRoutes::lose(Family family, const Negotiated& negotiated, TimePoint now) {
  Fate& its = fate(family);
  if (its.why == Why::LongLived && now < its.until) {  // it was not synchronized yet
    rib_.mark_stale(family, AdjRibIn::Earlier::Keep);
    return;
  }
  const bool promised = negotiated.restart && negotiated.families.has(family) &&
                        negotiated.peer_restart_families.has(family);
  const std::chrono::seconds time{promised ? negotiated.peer_restart_time : 0};
  const std::chrono::seconds long_lived = long_lived_time(negotiated, family);
  its = {};
  if (time.count() == 0 && long_lived.count() == 0) return rib_.clear(family);
  rib_.mark_stale(family,
                  long_lived.count() > 0 ? AdjRibIn::Earlier::Keep : AdjRibIn::Earlier::Drop);
  if (time.count() == 0) return begin_long_lived(family, long_lived, now);
  its = {.why = Why::Restart, .until = now + time, .then_long_lived = long_lived};
}

// RFC 9494 §4.2. The routes are passed on to nobody, so nobody needs to see LLGR_STALE on them.
void StaleRoutes::begin_long_lived(Family family, std::chrono::seconds time, TimePoint now) {
  rib_.drop_stale_with(family, kNoLongLived);
  fate(family) = {.why = Why::LongLived, .until = now + time};
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
    its.then_long_lived = {};
    if (its.why == Why::Restart) {
      if (promised && negotiated.peer_forwarding.has(family)) {
        its.until = now + kLongest;
      } else {
        drop(family);
      }
    } else if (its.why == Why::LongLived &&  // its time goes on
               !negotiated.peer_long_lived_forwarding.has(family)) {
      drop(family);
    }
    its.awaits_end_of_rib = promised;
  }
}

void StaleRoutes::end_of_rib(Family family) {
  if (is_over_restart(fate(family))) drop(family);
  fate(family).awaits_end_of_rib = false;
}

void StaleRoutes::begin_refresh(Family family, TimePoint now) {
  if (fate(family).awaits_end_of_rib || is_over_restart(fate(family))) return;  // RFC 7313 §4
  rib_.mark_stale(family, AdjRibIn::Earlier::Drop);
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
    const Fate its = fate(family);
    if (now < its.until) continue;
    if (its.then_long_lived.count() > 0) {
      begin_long_lived(family, its.then_long_lived, now);
    } else {
      drop(family);
    }
  }
}

TimePoint StaleRoutes::deadline() const {
  return std::min(fates_[0].until, fates_[1].until);
}

bool StaleRoutes::over_restart() const {
  return std::ranges::any_of(fates_, is_over_restart);
}

}  // namespace porter::bgp
