// SPDX-License-Identifier: Apache-2.0
#include "plan/engine.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "plan/finalizers.hpp"

namespace porter::plan {
namespace {

using namespace std::chrono_literals;
using model::Kind;

constexpr Pacer::Spacing kPlanSpacing{.first = 4ms, .next = 8ms};
// After this long, End-of-RIB no longer waits for records that the store cannot write.
constexpr Duration kRecordPatience = 1s;
// A Service whose record is on its way needs no status that says so, unless it takes this long.
constexpr Duration kStatusPatience = 5s;
// Nor is a session that flaps or a node that comes back worth a write to each of 10,000 Services.
constexpr Duration kSharedPatience = 10s;
// Services and EndpointSlices come by watches of their own: the first slice may be just behind.
constexpr Duration kSlicePatience = 50ms;
// How long what was said anew of all Services waits for more of the kind.
constexpr Duration kSweepAfter = 100ms;
// Of a step's budget this part is for status, which asks what every peer is told.
constexpr std::size_t kStatusShare = 8;

}  // namespace

Engine::Engine(Identity identity, TimePoint now, std::int64_t unix_now)
    : assigner_{view_},
      announcer_{view_, assigner_},
      status_{view_, assigner_, announcer_},
      pacer_{kPlanSpacing},
      pace_{identity.role},
      epoch_{now},
      unix_epoch_{unix_now} {
  view_.identity = std::move(identity);
}

void Engine::wall_clock_is(TimePoint now, std::int64_t unix_now) {
  epoch_ = now;
  unix_epoch_ = unix_now;
}

std::int64_t Engine::unix_at(TimePoint now) const {
  return unix_epoch_ + std::chrono::duration_cast<std::chrono::seconds>(now - epoch_).count();
}

void Engine::apply(Fact fact, TimePoint now) {
  const bool news = std::visit([this](auto& latest) { return remember(latest); }, fact);
  if (news || (!flushing_ && has_work())) pacer_.mark(now);
  if (view_.synced && synced_at_ == kNever) synced_at_ = now;
  pace_.settle(now);
}

bool Engine::has_work() const {
  return assigner_.has_work() || has_work_behind_assigner();
}

bool Engine::has_work_behind_assigner() const {
  return announcer_.has_work() || !finalizers_dirty_.empty() ||
         (view_.synced && assigner_.has_news());
}

TimePoint Engine::deadline() const {
  if (!view_.synced) return kNever;
  if (sweep_on_ || (flushing_ && has_work())) return TimePoint::min();
  TimePoint next =
      std::min({pacer_.deadline(), sweep_at_, assigner_.deadline(), announcer_.deadline()});
  if (settled_ || !has_work()) next = std::min(next, pace_.deadline());
  if (!planned_)
    next = std::min(next, has_work() ? pacer_.deadline() : synced_at_ + kRecordPatience);
  return next;
}

Changes Engine::step(TimePoint now, std::size_t budget) {
  PORTER_ASSERT(budget > 0);
  Changes out;
  if (!view_.synced) return out;
  if (now >= pacer_.deadline()) {
    flushing_ = true;
    pacer_.flushed(now);
  }
  if (flushing_ || now >= assigner_.deadline() || now >= announcer_.deadline())
    plan(now, budget, out);
  sweep(now, budget);
  pace_.settle(now);
  // Before everything was planned once, a Service that is not planned yet would look like one
  // without an address, and lose what its status shows.
  settled_ = settled_ || !has_work();
  if (settled_) write_status(now, std::max<std::size_t>(budget / kStatusShare, 1), out);
  say_planned(now, out);
  return out;
}

void Engine::plan(TimePoint now, std::size_t budget, Changes& out) {
  // What came while this flush went on is assigned in the next one: else a flush whose Records are
  // answered at once would take it along and announce in driblets as long as facts keep coming.
  const bool is_next_due = pacer_.deadline() != kNever;
  if (!is_next_due || now >= assigner_.deadline()) {
    const std::size_t before = out.size();
    assigner_.step(now, unix_at(now), budget, out);
    note_outstanding(out, before, now);
  }
  hand_over();
  announcer_.step(now, unix_at(now), budget, out);
  hand_over();
  hold(budget, out);
  if (is_next_due ? !has_work_behind_assigner() : !has_work()) flushing_ = false;
}

// What stage 1 decided is what stage 2 works on; both mark status.
void Engine::hand_over() {
  for (const Address& address : assigner_.take_changed_addresses())
    announcer_.address_changed(address);
  // Also where only what is said of it changed: a record of an earlier run counts once its Service
  // is settled.
  for (const auto& service : assigner_.take_changed_services()) {
    announcer_.service_changed(service);
    mark_status({.kind = Kind::Service, .name = service});
  }
  for (const auto& eip : assigner_.take_changed_eips()) {
    mark_status({.kind = Kind::Eip, .name = {.ns = {}, .name = eip}});
    mark_finalizers({.kind = Kind::Eip, .name = {.ns = {}, .name = eip}});
  }
  for (const auto& service : announcer_.take_changed_services())
    mark_status({.kind = Kind::Service, .name = service});
  all_services_changed_ = announcer_.take_all_services_changed() || all_services_changed_;
  for (const auto& peer : announcer_.take_changed_peers())
    mark_status({.kind = Kind::BgpPeer, .name = {.ns = {}, .name = peer}});
}

void Engine::note_outstanding(const Changes& out, std::size_t from, TimePoint now) {
  for (std::size_t i = from; i < out.size(); ++i) {
    const auto* const record = std::get_if<Record>(&out[i]);
    if (record == nullptr) continue;
    const auto [known, is_new] = outstanding_.try_emplace(record->address);
    known->second.revision = record->revision;
    if (is_new) known->second.since = now;
  }
}

// End-of-RIB may follow once everything known was planned and the records among it are durable.
void Engine::say_planned(TimePoint now, Changes& out) {
  if (planned_ || flushing_ || has_work() || pacer_.deadline() != kNever) return;
  if (!outstanding_.empty() && now < synced_at_ + kRecordPatience) return;
  planned_ = true;
  out.emplace_back(Planned{});
}

// Sessions come up by the dozen, and each says something new of thousands of Services: their turn
// is after the routes, together, and in pieces.
void Engine::sweep(TimePoint now, std::size_t budget) {
  if (std::exchange(all_services_changed_, false) && view_.identity.role != Role::Speaker)
    sweep_at_ = std::min(sweep_at_, now + kSweepAfter);
  if (now >= sweep_at_) {
    sweep_at_ = kNever;
    sweep_on_.emplace();
  }
  if (!sweep_on_) return;
  auto service = view_.services.lower_bound(*sweep_on_);
  for (; budget > 0 && service != view_.services.end(); --budget, ++service) {
    if (assigner_.of(service->first) != nullptr)
      mark_status({.kind = Kind::Service, .name = service->first});
  }
  if (service == view_.services.end()) {
    sweep_on_.reset();
  } else {
    sweep_on_ = service->first;
  }
}

void Engine::write_status(TimePoint now, std::size_t budget, Changes& out) {
  for (; budget > 0; --budget) {
    const std::optional<model::ObjectKey> key = pace_.take(now);
    if (!key) break;
    if (const auto until = patience_for(*key, now); until && now < *until) {
      pace_.put_off(*key, *until);
      continue;
    }
    passing_.erase(*key);
    auto change = status_.write(*key, unix_at(now));
    if (!change) continue;
    pace_.wrote(*key, now);
    out.emplace_back(std::move(*change));
  }
  pace_.settle(now);
}

// In a cluster a status is a write: one that says "not recorded yet" or "no endpoints yet", or what
// a session or a node does to every Service, is worth it only if it stays true for a while.
std::optional<TimePoint> Engine::patience_for(const model::ObjectKey& key, TimePoint now) {
  if (view_.identity.role != Role::Controller || key.kind != Kind::Service) return std::nullopt;
  if (status_.may_pass(key)) return passing_.try_emplace(key, now + kSharedPatience).first->second;
  if (!view_.slices_of.contains(key.name) && !status_.has_said(key)) {
    const TimePoint until = passing_.try_emplace(key, now + kSlicePatience).first->second;
    if (now < until) return until;
  }
  std::optional<TimePoint> until;
  for (const Address& address : assigner_.allocator().held_by(key.name)) {
    const auto waiting = outstanding_.find(address);
    if (waiting != outstanding_.end()) until = waiting->second.since + kStatusPatience;
  }
  return until;
}

// What was decided is on its way before an Eip is let go.
void Engine::hold(std::size_t budget, Changes& out) {
  for (; budget > 0 && !finalizers_dirty_.empty(); --budget) {
    const model::ObjectKey key = finalizers_dirty_.extract(finalizers_dirty_.begin()).value();
    if (auto change = finalizers_wanted(view_, assigner_, key))
      out.emplace_back(*std::move(change));
  }
}

void Engine::mark_finalizers(const model::ObjectKey& key) {
  if (view_.identity.role == Role::Controller && has_our_status(key.kind))
    finalizers_dirty_.insert(key);
}

}  // namespace porter::plan
