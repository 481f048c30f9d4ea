// SPDX-License-Identifier: Apache-2.0
#include "watch/list_watch.hpp"

#include <algorithm>
#include <utility>

#include "watch/list_watch_words.hpp"

namespace porter::watch {
namespace {

// WatchLists that ended early before a list in pages is used for good.
constexpr unsigned kMostBrokenStreams = 2;

}  // namespace

ListWatch::ListWatch(ListWatchConfig config)
    : config_{std::move(config)},
      initial_{config_.initial},
      jitter_{config_.jitter_seed},
      known_{config_.most_objects} {}

Actions ListWatch::handle(Event event, TimePoint now) {
  std::visit([&](auto& what) { take(what, now); }, event);
  if (deadline_ <= now) due(now);
  return std::exchange(actions_, {});
}

Actions ListWatch::tick(TimePoint now) {
  if (deadline_ <= now) due(now);
  return std::exchange(actions_, {});
}

void ListWatch::due(TimePoint now) {
  if (request_ == 0) {
    issue(now);
  } else if (phase_ == Phase::Watching && is_open_ && !is_proven_ && now < watch_ends_) {
    prove();
    deadline_ = watch_ends_;
  } else {
    const bool is_watch = phase_ == Phase::Watching && is_open_;
    cancel();
    failed(Trouble::Cause::Unreachable,
           is_watch ? "the connection is dead: the watch outlived its time"
                    : "the API server has fallen silent",
           std::nullopt, now);
  }
}

void ListWatch::take(const Start& /*event*/, TimePoint now) {
  if (phase_ != Phase::Stopped) return;
  phase_ = must_list_ ? first_phase() : Phase::Checking;
  issue(now);
}

void ListWatch::take(const Stop& /*event*/, TimePoint /*now*/) {
  if (request_ != 0) cancel();
  phase_ = Phase::Stopped;
  continue_token_.clear();
  deadline_ = kNever;
}

void ListWatch::take(const Answered& event, TimePoint now) {
  if (!is_under_way(event.id) || is_open_) return;
  if (event.status.is_ok()) return opened(now);
  request_ = 0;
  refused(event.status, now);
}

void ListWatch::take(Received& event, TimePoint now) {
  if (!is_under_way(event.id)) return;
  if (!is_open_) opened(now);
  if (auto* listed = std::get_if<Listed>(&event.item)) return take_listed(*listed, now);
  if (auto* end = std::get_if<ListEnd>(&event.item)) return take_list_end(*end, now);
  take_event(std::get<WatchEvent>(event.item), now);
}

void ListWatch::take(const Ended& event, TimePoint now) {
  if (!is_under_way(event.id)) return;
  request_ = 0;
  switch (phase_) {
    case Phase::Listing: return page_done(now);
    case Phase::Checking: return check_done(now);
    case Phase::Watching:
      if (!is_open_ || now < opened_at_ + kShortLived)
        return failed(Trouble::Cause::Unreachable, "the watch ended at once", std::nullopt, now);
      prove();
      return issue(now);
    default:
      failed(Trouble::Cause::Unreachable, "the watch ended before it had begun with all objects",
             std::nullopt, now);
  }
}

void ListWatch::take(const Failed& event, TimePoint now) {
  if (!is_under_way(event.id)) return;
  request_ = 0;
  const bool is_garbled = event.error.code == Errc::Invalid || event.error.code == Errc::Exhausted;
  if (is_garbled) ++counters_.garbled;
  failed(is_garbled ? Trouble::Cause::Garbled : Trouble::Cause::Unreachable, event.error.message,
         std::nullopt, now);
}

ListWatch::Phase ListWatch::first_phase() const {
  return uses_watch_list() ? Phase::Streaming : Phase::Listing;
}

// Sends the request of the phase.
void ListWatch::issue(TimePoint now) {
  request_ = ++last_request_;
  is_open_ = false;
  is_proven_ = false;
  page_end_.reset();
  deadline_ = now + kPatience;
  switch (phase_) {
    case Phase::Streaming:
    case Phase::Watching:
      return issue_watch(
          phase_ == Phase::Watching ? Watch::Begin::HereOn : Watch::Begin::WithAllObjects, now);
    case Phase::Checking: return issue_list({}, 1);
    default: break;
  }
  if (continue_token_.empty()) {
    known_.begin_round();
    passed_over_in_round_ = 0;
    list_version_.clear();
  }
  issue_list(continue_token_, limit_);
}

void ListWatch::issue_watch(Watch::Begin begin, TimePoint now) {
  ++counters_.watches;
  const auto timeout = std::chrono::duration_cast<std::chrono::seconds>(
      jitter_.between(kShortestWatch, kLongestWatch));
  watch_ends_ = now + timeout + kGrace;
  const bool is_first = begin == Watch::Begin::WithAllObjects;
  if (is_first) {
    known_.begin_round();
    passed_over_in_round_ = 0;
  }
  actions_.emplace_back(Watch{.id = request_,
                              .resource_version = is_first ? std::string{} : resource_version_,
                              .timeout = timeout,
                              .begin = begin});
}

void ListWatch::issue_list(std::string continue_token, unsigned limit) {
  ++counters_.lists;
  actions_.emplace_back(
      List{.id = request_, .continue_token = std::move(continue_token), .limit = limit});
}

void ListWatch::opened(TimePoint now) {
  is_open_ = true;
  opened_at_ = now;
  deadline_ = phase_ == Phase::Watching ? now + kShortLived : now + kPatience;
}

// A watch that has lived a while: the API server serves us.
void ListWatch::prove() {
  is_proven_ = true;
  backoff_.reset();
  failures_in_row_ = 0;
  if (!trouble_ || trouble_->cause == Trouble::Cause::TooMany) return;
  trouble_.reset();
  actions_.emplace_back(Recovered{});
}

void ListWatch::page_done(TimePoint now) {
  if (!page_end_) return garbled("a list without end", now);
  const ListEnd end = *page_end_;
  page_end_.reset();
  if (end.resource_version.empty()) return garbled("a list without resourceVersion", now);
  if (!end.continue_token.empty() && end.continue_token == continue_token_)
    return garbled("a page that continues with itself", now);
  // All pages show one moment. Should they not, events from the first on miss nothing.
  if (list_version_.empty()) list_version_ = end.resource_version;
  continue_token_ = end.continue_token;
  if (continue_token_.empty()) synced(list_version_);
  issue(now);
}

void ListWatch::check_done(TimePoint now) {
  if (!page_end_) return garbled("a list without end", now);
  if (is_older_version(page_end_->resource_version, resource_version_)) {
    storage_went_back();
  } else {
    phase_ = Phase::Watching;
  }
  issue(now);
}

// The round is over: what was not seen in it is gone.
void ListWatch::synced(const std::string& resource_version) {
  for (model::NamespacedName& name : known_.end_round()) {
    ++counters_.deleted;
    actions_.emplace_back(Deleted{.name = std::move(name)});
  }
  if (passed_over_in_round_ == 0 && trouble_ && trouble_->cause == Trouble::Cause::TooMany) {
    trouble_.reset();
    actions_.emplace_back(Recovered{});
  }
  resource_version_ = resource_version;
  must_list_ = false;
  is_synced_ = true;
  broken_streams_ = 0;
  limit_ = kPageSize;
  phase_ = Phase::Watching;
  actions_.emplace_back(Synced{});
}

void ListWatch::relist() {
  if (!must_list_) ++counters_.relists;
  must_list_ = true;
  continue_token_.clear();
  phase_ = first_phase();
}

// The same resourceVersions will come again with other contents.
void ListWatch::storage_went_back() {
  known_.forget_versions();
  resource_version_.clear();
  actions_.emplace_back(WentBack{});
  relist();
}

void ListWatch::retry(std::optional<Duration> retry_after, TimePoint now) {
  Duration wait = backoff_.next(jitter_);
  // On top of it: all who were told so would come back in one moment.
  if (retry_after) wait += std::min<Duration>(*retry_after, kLongestRetryAfter);
  request_ = 0;
  deadline_ = now + wait;
}

void ListWatch::failed(Trouble::Cause cause, std::string_view why,
                       std::optional<Duration> retry_after, TimePoint now) {
  ++counters_.failures;
  ++failures_in_row_;
  Trouble trouble = trouble_of(cause, verb(), config_.resource, why);
  // A hiccup is none: connections end when an API server restarts.
  const bool is_hiccup = cause == Trouble::Cause::Unreachable || cause == Trouble::Cause::Refused;
  if (!is_hiccup || failures_in_row_ > 1) say(std::move(trouble));
  if (phase_ == Phase::Watching) {
    phase_ = Phase::Checking;
  } else if (phase_ == Phase::Streaming && is_open_ && ++broken_streams_ >= kMostBrokenStreams) {
    initial_ = ListWatchConfig::Initial::List;
    phase_ = Phase::Listing;
  }
  retry(retry_after, now);
}

void ListWatch::refused(const ApiStatus& status, TimePoint now) {
  if (phase_ == Phase::Streaming && refuses_watch_list(status)) {
    initial_ = ListWatchConfig::Initial::List;
    phase_ = Phase::Listing;
    return issue(now);
  }
  if (status.is_expired()) {
    // A list that is too slow for its token comes in one piece next time.
    if (phase_ == Phase::Listing && !continue_token_.empty()) limit_ = 0;
    ++counters_.failures;
    relist();
    return retry(status.retry_after, now);
  }
  failed(cause_of(status), words_of(status), status.retry_after, now);
}

void ListWatch::garbled(std::string_view what, TimePoint now) {
  if (request_ != 0) cancel();
  ++counters_.garbled;
  failed(Trouble::Cause::Garbled, what, std::nullopt, now);
}

void ListWatch::cancel() {
  actions_.emplace_back(Cancel{.id = std::exchange(request_, 0)});
}

void ListWatch::say(Trouble trouble) {
  if (trouble_ == trouble) return;
  trouble_ = trouble;
  actions_.emplace_back(std::move(trouble));
}

std::string_view ListWatch::verb() const {
  return phase_ == Phase::Listing || phase_ == Phase::Checking ? "list" : "watch";
}

ListWatchStatus ListWatch::status() const {
  return {.is_synced = is_synced_,
          .is_watching = phase_ == Phase::Watching && request_ != 0 && is_open_,
          .objects = known_.size(),
          .resource_version = resource_version_,
          .trouble = trouble_,
          .counters = counters_};
}

}  // namespace porter::watch
