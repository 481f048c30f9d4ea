// SPDX-License-Identifier: Apache-2.0
#include "kube/events.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/tree.hpp"
#include "io/log.hpp"
#include "io/wall_clock.hpp"
#include "kube/resource.hpp"
#include "model/time_text.hpp"

namespace porter::kube {
namespace {

// What the API server takes (events.k8s.io/v1).
constexpr std::size_t kLongestNote = 1024;
constexpr std::size_t kLongestWord = 128;
constexpr std::size_t kLongestName = 200;  // of the object, as part of the Event's
constexpr auto kBetweenEditions = std::chrono::seconds{1};

// metav1.MicroTime: "2024-05-01T10:00:00.000000Z"
std::string micro_time(std::int64_t micros) {
  std::string text = model::format_time(micros / 1'000'000);
  text.pop_back();
  return fmt::format("{}.{:06}Z", text, micros % 1'000'000);
}

// At most `limit` octets, never half a character of UTF-8.
std::string cut(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  text.resize(end);
  return text;
}

std::string_view words(EventNote::Type type) {
  return type == EventNote::Type::Normal ? "Normal" : "Warning";
}

Tree regarding_tree(const EventNote::Regarding& regarding) {
  Tree tree = Tree::map();
  tree.set("apiVersion", regarding.api_version).set("kind", regarding.kind);
  if (!regarding.name.ns.empty()) tree.set("namespace", regarding.name.ns);
  tree.set("name", regarding.name.name);
  if (!regarding.uid.empty()) tree.set("uid", regarding.uid);
  return tree;
}

}  // namespace

Events::Events(io::asio::any_io_executor executor, Client& client, Options options)
    : executor_{std::move(executor)},
      client_{client},
      options_{std::move(options)},
      timer_{executor_, TimePoint::max()},
      jitter_{options_.jitter_seed},
      tokens_{options_.burst},
      tokens_since_{Clock::now()},
      tasks_{executor_} {}

Events::~Events() = default;

void Events::start() {
  tasks_.spawn(pump());
}

io::Task<> Events::stop() {
  co_await tasks_.stop();
}

void Events::note(EventNote note) {
  const TimePoint now = Clock::now();
  ++counters_.noted;
  const Key key{.regarding = note.regarding, .reason = note.reason};
  auto found = series_.find(key);
  if (found == series_.end()) {
    if (!make_room(now)) {
      ++counters_.dropped;
      return;
    }
    found = series_.emplace(key, Series{}).first;
    found->second.said = std::move(note);
    found->second.first_micros = io::unix_micros();
    set_due(found, now);
  } else if (Series& series = found->second; series.said.note == note.note &&
                                             series.said.type == note.type &&
                                             now - series.last < options_.series_ends) {
    ++counters_.aggregated;
    ++series.count;
    if (series.due == kNever)
      set_due(found, std::max(now, series.last_write + options_.series_every));
  } else {
    // Something else of the same kind, or the same after a long while: an Event cannot be
    // rewritten, so it is a new one.
    if (series.written == 0) ++counters_.dropped;
    series.said = std::move(note);
    series.name.clear();
    series.first_micros = io::unix_micros();
    series.count = 1;
    series.written = 0;
    ++series.edition;
    if (series.due == kNever) set_due(found, std::max(now, series.last_write + kBetweenEditions));
  }
  found->second.last = now;
  found->second.last_micros = io::unix_micros();
  timer_.cancel();
}

bool Events::is_idle() const {
  return due_.empty();
}

void Events::set_due(All::iterator entry, TimePoint due) {
  TimePoint& now_due = entry->second.due;
  const auto [begin, end] = due_.equal_range(now_due);
  const auto known =
      std::find_if(begin, end, [&](const auto& each) { return each.second == entry; });
  if (known != end) due_.erase(known);
  now_due = due;
  if (due != kNever) due_.emplace(due, entry);
}

io::Task<> Events::pump() {
  for (;;) {
    const TimePoint now = Clock::now();
    TimePoint due = due_.empty() ? kNever : due_.begin()->first;
    if (due != kNever) due = std::max({due, rest_until_, token_at(now)});
    if (due <= now) {
      tokens_ -= 1;
      co_await write(due_.begin()->second->first);
      continue;
    }
    timer_.expires_at(due);
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
  }
}

io::Task<> Events::write(Key key) {
  const Series& before = series_.find(key)->second;
  const std::uint64_t edition = before.edition;
  const std::uint64_t count = before.count;
  const bool is_new = before.name.empty();
  const std::string name = is_new ? event_name(before) : before.name;
  const auto response = co_await client_.send(request_for(before));
  const TimePoint now = Clock::now();
  const auto entry = series_.find(key);  // only make_room() erases, and not what is due
  Series& series = entry->second;
  const bool is_same = series.edition == edition;
  watch::ApiStatus status;
  if (response) status = api_status(*response);
  if (!response) status.message = response.error().message;
  // 409: the answer to an earlier attempt was lost.
  if (status.is_ok() || (is_new && status.code == 409)) {
    if (!is_same) co_return;  // it has become something else meanwhile, which is due
    series.name = name;
    written(entry, count, now);
  } else if (status.code == 404 && !is_new) {
    if (is_same) series.name.clear();  // it has expired; a new one, then
  } else {
    refused(entry, status, now);
  }
}

void Events::written(All::iterator entry, std::uint64_t count, TimePoint now) {
  Series& series = entry->second;
  ++counters_.written;
  trouble_.clear();
  backoff_.reset();
  series.written = count;
  series.last_write = now;
  set_due(entry, series.count > count ? now + options_.series_every : kNever);
}

// No connection, 429, 5xx: later. Anything else would be refused again: it is not said.
void Events::refused(All::iterator entry, const watch::ApiStatus& status, TimePoint now) {
  const bool is_passing = status.code == 0 || status.code == 429 || status.code >= 500;
  if (trouble_.empty()) log::warn("kube", "cannot write events: " + status.message);
  trouble_ = "cannot write events: " + status.message;
  if (is_passing) {
    rest_until_ = now + std::max(backoff_.next(jitter_), status.retry_after.value_or(Duration{}));
    return;
  }
  ++counters_.dropped;
  Series& series = entry->second;
  series.written = series.count;
  series.last_write = now;
  set_due(entry, kNever);
}

bool Events::make_room(TimePoint now) {
  if (series_.size() < options_.most_series) return true;
  std::erase_if(series_, [&](const auto& entry) {
    const Series& series = entry.second;
    return series.due == kNever && now - series.last >= options_.series_ends;
  });
  return series_.size() < options_.most_series;
}

Request Events::request_for(const Series& series) const {
  const EventNote& said = series.said;
  const std::string& ns =
      said.regarding.name.ns.empty() ? options_.default_namespace : said.regarding.name.ns;
  Request request;
  request.retry = Retry::Never;
  Tree body = Tree::map();
  if (series.count > 1) {
    Tree more = Tree::map();
    more.set("count", series.count).set("lastObservedTime", micro_time(series.last_micros));
    body.set("series", std::move(more));
  }
  if (!series.name.empty()) {
    request.verb = Verb::Patch;
    request.content_type = "application/merge-patch+json";
    request.path = object_path(event_resource(), {.ns = ns, .name = series.name}, {});
    request.body = to_json(body, 0);
    return request;
  }
  Tree metadata = Tree::map();
  metadata.set("name", event_name(series)).set("namespace", ns);
  const std::string& action = said.action.empty() ? said.reason : said.action;
  body.set("apiVersion", api_version(event_resource()))
      .set("kind", "Event")
      .set("metadata", std::move(metadata))
      .set("eventTime", micro_time(series.first_micros))
      .set("reportingController", options_.controller)
      .set("reportingInstance", cut(options_.instance, kLongestWord))
      .set("action", cut(action, kLongestWord))
      .set("reason", cut(said.reason, kLongestWord))
      .set("regarding", regarding_tree(said.regarding))
      .set("note", cut(said.note, kLongestNote))
      .set("type", words(said.type));
  request.verb = Verb::Post;
  request.path = collection_path(event_resource(), ns);
  request.body = to_json(body, 0);
  return request;
}

// The same for every attempt, so that one whose answer was lost is not written twice.
std::string Events::event_name(const Series& series) {
  std::string object = cut(series.said.regarding.name.name, kLongestName);
  while (object.ends_with('.') || object.ends_with('-'))
    object.pop_back();
  return fmt::format("{}.{:x}", object, series.first_micros);
}

TimePoint Events::token_at(TimePoint now) {
  const std::chrono::duration<double> passed = now - tokens_since_;
  tokens_ = std::min(options_.burst, tokens_ + passed.count() * options_.rate);
  tokens_since_ = now;
  if (tokens_ >= 1) return now;
  const std::chrono::duration<double> wait{(1 - tokens_) / options_.rate};
  return now + std::chrono::duration_cast<Duration>(wait) + std::chrono::microseconds{10};
}

}  // namespace porter::kube
