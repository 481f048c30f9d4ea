// SPDX-License-Identifier: Apache-2.0
#include "plan/status_pace.hpp"

#include <algorithm>
#include <utility>

namespace porter::plan {
namespace {

using namespace std::chrono_literals;
using model::Kind;

constexpr Pacer::Spacing kServices{.first = 4ms, .next = 8ms};
constexpr Pacer::Spacing kFiles{.first = 200ms, .next = 200ms};
constexpr Pacer::Spacing kSummaries{.first = 1s, .next = 1s};

}  // namespace

StatusPace::StatusPace(Role role)
    : role_{role},
      pacer_{role == Role::Controller ? kServices : kFiles},
      summary_pacer_{kSummaries} {}

// A speaker tells of its node in other ways.
void StatusPace::mark(const model::ObjectKey& key) {
  if (role_ == Role::Speaker) return;
  const bool is_summary = role_ == Role::Controller && key.kind != Kind::Service;
  (is_summary ? summaries_ : dirty_).insert(key);
}

void StatusPace::put_off(const model::ObjectKey& key, TimePoint until) {
  put_off_.emplace(until, key);
}

void StatusPace::wrote(const model::ObjectKey& key, TimePoint now) {
  if (role_ != Role::Controller || key.kind != Kind::BgpPeer) return;
  std::erase_if(resting_, [now](const auto& each) { return each.second <= now; });
  resting_[key] = now + kPeerRest;
}

bool StatusPace::rests(const model::ObjectKey& key, TimePoint now) {
  const auto resting = resting_.find(key);
  if (resting == resting_.end() || resting->second <= now) return false;
  put_off(key, resting->second);
  return true;
}

void StatusPace::settle(TimePoint now) {
  while (!put_off_.empty() && put_off_.begin()->first <= now)
    dirty_.insert(std::move(put_off_.extract(put_off_.begin()).value().second));
  if (now >= summary_pacer_.deadline()) {
    summary_pacer_.flushed(now);
    for (const model::ObjectKey& key : std::exchange(summaries_, {}))
      if (!rests(key, now)) dirty_.insert(key);
  }
  if (!summaries_.empty()) summary_pacer_.mark(now);
  if (!dirty_.empty()) pacer_.mark(now);
}

std::optional<model::ObjectKey> StatusPace::take(TimePoint now) {
  if (flushing_.empty()) {
    if (now < pacer_.deadline()) return std::nullopt;
    flushing_ = std::exchange(dirty_, {});
    pacer_.flushed(now);
    if (flushing_.empty()) return std::nullopt;
  }
  return flushing_.extract(flushing_.begin()).value();
}

TimePoint StatusPace::deadline() const {
  if (!flushing_.empty()) return TimePoint::min();
  const TimePoint put_off = put_off_.empty() ? kNever : put_off_.begin()->first;
  return std::min({pacer_.deadline(), summary_pacer_.deadline(), put_off});
}

}  // namespace porter::plan
