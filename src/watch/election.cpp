// SPDX-License-Identifier: Apache-2.0
#include "watch/election.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace porter::watch {
namespace {

// What a record may ask us to wait for at most: nobody writes that by intention.
constexpr std::chrono::hours kLongestLease{1};

// The same record: nobody has renewed it. resourceVersion does not count; labels may change.
bool is_same_record(const LeaseState& left, const LeaseState& right) {
  return left.holder == right.holder && left.duration_seconds == right.duration_seconds &&
         left.transitions == right.transitions && left.acquire_time == right.acquire_time &&
         left.renew_time == right.renew_time;
}

}  // namespace

Election::Election(election::Config config)
    : config_{std::move(config)}, jitter_{config_.jitter_seed} {
  PORTER_ASSERT(election::check(config_).has_value());
}

election::Actions Election::handle(const election::Event& event, TimePoint now) {
  std::visit([&](const auto& what) { take(what, now); }, event);
  return tick(now);
}

election::Actions Election::tick(TimePoint now) {
  // Three turns at most: the right ends, a request is given up, the next one is sent.
  while (next_deadline() <= now)
    due(now);
  deadline_ = next_deadline();
  return std::exchange(actions_, {});
}

TimePoint Election::next_deadline() const {
  if (step_ == Step::Stopped) return kNever;
  const TimePoint next = request_.id != 0 ? request_.sent_at + config_.renew / 2 : next_at_;
  return step_ == Step::Leading ? std::min(next, right_ends_) : next;
}

void Election::due(TimePoint now) {
  if (step_ == Step::Leading && now >= right_ends_) {
    lose(fmt::format("the Lease could not be renewed within {} ms{}{}", config_.renew.count(),
                     trouble_.empty() ? "" : ": ", trouble_),
         now);
  } else if (request_.id == 0) {
    attempt(now);
  } else if (step_ == Step::Releasing) {
    stopped();  // the Lease runs out by itself
  } else {
    must_get_ = true;  // a write may still arrive
    request_ = {};
    failed("the API server does not answer", now);
  }
}

void Election::take(const election::Start& /*event*/, TimePoint now) {
  if (step_ != Step::Stopped) return;
  step_ = Step::Waiting;
  must_get_ = true;
  attempt(now);
}

void Election::take(const election::Stop& /*event*/, TimePoint now) {
  if (step_ == Step::Stopped || step_ == Step::Releasing) return;
  const bool held = step_ == Step::Leading;
  if (held) lose("stopping", now);
  step_ = Step::Releasing;
  if (is_writing()) return;  // its answer says whether there is something to release
  if (!held || !seen_ || must_get_ || is_absent_) return stopped();
  send_release(now);
}

// What was under way is given up; the id stays used.
void Election::stopped() {
  step_ = Step::Stopped;
  request_ = {};
  actions_.emplace_back(election::Stopped{});
}

bool Election::take_request(RequestId id) {
  if (id == 0 || id != request_.id) return false;
  last_ = std::exchange(request_, Request{});
  return true;
}

void Election::take(const election::Seen& event, TimePoint now) {
  if (!take_request(event.id)) return;
  answered();
  if (step_ == Step::Releasing) return stopped();
  must_get_ = false;
  is_absent_ = false;
  observe(event.lease, now);
  if (step_ == Step::Leading && event.lease.holder != config_.identity) {
    lose(event.lease.holder.empty() ? "the Lease was taken from us"
                                    : fmt::format("{} holds the Lease", event.lease.holder),
         now);
    return;
  }
  if (step_ == Step::Leading || may_take(now)) return send(Ask::Update, now);
  next_at_ = std::min(now + poll(), std::max(free_at(), now + std::chrono::milliseconds{1}));
}

void Election::take(const election::NotFound& event, TimePoint now) {
  if (!take_request(event.id)) return;
  answered();
  if (step_ == Step::Releasing) return stopped();
  must_get_ = false;
  is_absent_ = true;
  // Who held it before it was deleted may not know yet.
  if (step_ == Step::Leading || may_take(now)) return send(Ask::Create, now);
  must_get_ = true;
  next_at_ = now + poll();
}

void Election::take(const election::Written& event, TimePoint now) {
  if (!take_request(event.id)) return;
  answered();
  const bool is_new =
      !seen_ || is_absent_ || event.lease.resource_version != seen_->resource_version;
  const bool is_ours = event.lease.holder == config_.identity;
  must_get_ = false;
  is_absent_ = false;
  observe(event.lease, now);
  if (step_ == Step::Releasing) return is_ours ? send_release(now) : stopped();
  if (is_ours && is_new) return written(last_, now);
  // Nothing was written (the very same content), or not what we asked for.
  must_get_ = true;
  next_at_ = now + poll();
}

// Our write is in the store: our right counts from when it was sent.
void Election::written(const Request& request, TimePoint now) {
  const TimePoint right_ends = request.sent_at + config_.renew;
  conflicts_in_row_ = 0;
  next_at_ = std::max(request.sent_at + config_.retry, now + std::chrono::milliseconds{1});
  if (right_ends <= now) return;  // it was under way for too long
  right_ends_ = right_ends;
  if (is_leading_) return;
  is_leading_ = true;
  step_ = Step::Leading;
  actions_.emplace_back(election::Acquired{});
}

void Election::take(const election::Conflict& event, TimePoint now) {
  if (!take_request(event.id)) return;
  answered();
  must_get_ = true;
  if (step_ == Step::Releasing) return stopped();
  // Somebody was faster: look at once. If that goes on, at leisure.
  if (++conflicts_in_row_ == 1) return send(Ask::Get, now);
  next_at_ = now + poll();
}

void Election::take(const election::Failed& event, TimePoint now) {
  if (!take_request(event.id)) return;
  if (step_ == Step::Releasing) return stopped();
  must_get_ = true;
  failed(event.why, now);
}

void Election::failed(const std::string& why, TimePoint now) {
  next_at_ = now + poll();
  if (trouble_ == why) return;
  trouble_ = why;
  actions_.emplace_back(election::Trouble{.text = why});
}

void Election::answered() {
  if (trouble_.empty()) return;
  trouble_.clear();
  actions_.emplace_back(election::Recovered{});
}

void Election::lose(std::string why, TimePoint now) {
  is_leading_ = false;
  right_ends_ = TimePoint::min();
  step_ = Step::Waiting;
  next_at_ = now + poll();
  actions_.emplace_back(election::Lost{.why = std::move(why)});
}

void Election::observe(const LeaseState& lease, TimePoint now) {
  if (!seen_ || !is_same_record(*seen_, lease)) seen_at_ = now;
  seen_ = lease;
  if (leader_ == lease.holder) return;
  leader_ = lease.holder;
  actions_.emplace_back(election::LeaderSeen{.holder = leader_});
}

// When the record we know has run out for us.
TimePoint Election::free_at() const {
  if (!seen_ || seen_->holder.empty() || seen_->holder == config_.identity) return TimePoint::min();
  const std::int64_t seconds = seen_->duration_seconds;
  if (seconds <= 0) return seen_at_ + config_.lease;
  return seen_at_ + (seconds < std::chrono::seconds{kLongestLease}.count()
                         ? std::chrono::seconds{seconds}
                         : std::chrono::seconds{kLongestLease});
}

bool Election::may_take(TimePoint now) const {
  return (seen_ || is_absent_) && now >= free_at();
}

void Election::attempt(TimePoint now) {
  if (must_get_ || (step_ != Step::Leading && !may_take(now))) return send(Ask::Get, now);
  send(is_absent_ ? Ask::Create : Ask::Update, now);
}

void Election::send(Ask ask, TimePoint now) {
  request_ = {.id = ++last_id_, .ask = ask, .sent_at = now};
  if (ask == Ask::Get) {
    actions_.emplace_back(election::Get{.id = request_.id});
    return;
  }
  const LeaseState seen = seen_.value_or(LeaseState{});
  const bool is_ours = seen.holder == config_.identity;
  election::Record record;
  record.holder = config_.identity;
  record.duration_seconds = std::chrono::duration_cast<std::chrono::seconds>(config_.lease).count();
  record.transitions = seen.transitions + (seen_ && !is_ours ? 1 : 0);
  if (is_ours) record.acquire_time = seen.acquire_time;
  if (ask == Ask::Create) {
    actions_.emplace_back(election::Create{.id = request_.id, .record = std::move(record)});
  } else {
    record.resource_version = seen.resource_version;
    actions_.emplace_back(election::Update{.id = request_.id, .record = std::move(record)});
  }
}

// So that the next one need not wait. As client-go: nobody's, for one second.
void Election::send_release(TimePoint now) {
  if (!seen_ || seen_->holder != config_.identity) return stopped();
  request_ = {.id = ++last_id_, .ask = Ask::Update, .sent_at = now};
  election::Record record;
  record.duration_seconds = 1;
  record.transitions = seen_->transitions;
  record.acquire_time = seen_->acquire_time;
  record.resource_version = seen_->resource_version;
  actions_.emplace_back(election::Update{.id = request_.id, .record = std::move(record)});
}

// Half of `retry`, and a little less at random: two candidates do not step on each other's toes.
Duration Election::poll() {
  return jitter_.between(config_.retry * 9 / 20, config_.retry / 2);
}

}  // namespace porter::watch
