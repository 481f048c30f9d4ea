// SPDX-License-Identifier: Apache-2.0
#include "kube/write_queue.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/format.h>

#include "base/result.hpp"

namespace porter::kube {
namespace {

void tell_superseded(const Wish& wish) {
  if (!wish.done) return;
  wish.done(WriteResult{.outcome = WriteOutcome::Superseded, .object = {}, .status = {}});
}

Duration of_seconds(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>{seconds});
}

}  // namespace

std::string_view verb_of(const Operation& operation) {
  struct Verbs {
    std::string_view operator()(const Create&) const { return "create"; }
    std::string_view operator()(const Update&) const { return "update"; }
    std::string_view operator()(const Delete&) const { return "delete"; }
    std::string_view operator()(const PatchMetadata&) const { return "patch"; }
    std::string_view operator()(const PatchStatus&) const { return "patch"; }
    std::string_view operator()(const ApplyStatus&) const { return "patch"; }
  };
  return std::visit(Verbs{}, operation);
}

bool is_status(const Operation& operation) {
  return std::holds_alternative<PatchStatus>(operation) ||
         std::holds_alternative<ApplyStatus>(operation);
}

Operation based_on(Operation operation, const Tree& current) {
  const std::string& version = current.at_path("metadata.resourceVersion").text();
  if (auto* const update = std::get_if<Update>(&operation)) {
    Tree metadata = update->object["metadata"];
    metadata.set("resourceVersion", version);
    update->object.set("metadata", std::move(metadata));
  } else if (auto* const gone = std::get_if<Delete>(&operation)) {
    gone->resource_version = version;
  } else if (auto* const metadata = std::get_if<PatchMetadata>(&operation)) {
    metadata->resource_version = version;
  } else if (auto* const patch = std::get_if<PatchStatus>(&operation)) {
    patch->resource_version = version;
  } else if (auto* const apply = std::get_if<ApplyStatus>(&operation)) {
    apply->resource_version = version;
  }
  return operation;
}

std::string rbac_words(const WriteKey& key, const Operation& operation) {
  return fmt::format("{} {}{}", verb_of(operation), words(key.resource),
                     is_status(operation) ? "/status" : "");
}

std::string words(const WriteKey& key) {
  return fmt::format("{} {}", words(key.resource), to_string(key.name));
}

bool operator<(const WriteKey& left, const WriteKey& right) {
  const auto tied = [](const WriteKey& key) {
    return std::tie(key.resource.group, key.resource.plural, key.name, key.part);
  };
  return tied(left) < tied(right);
}

WriteQueue::WriteQueue(const Options& options, TimePoint now)
    : options_{options}, jitter_{options.jitter_seed}, tokens_{options.burst}, tokens_since_{now} {}

bool WriteQueue::put(Wish wish, TimePoint now) {
  auto found = wishes_.find(wish.key);
  if (found == wishes_.end()) {
    if (wishes_.size() >= options_.most_wishes) {
      ++counters_.overflows;
      return false;
    }
    found = wishes_.emplace(wish.key, Entry{}).first;
  }
  ++counters_.wishes;
  Entry& entry = found->second;
  const std::optional<Wish> older = std::exchange(entry.wish, std::move(wish));
  // A newer wish for an object that is in trouble waits as long as the older one would have.
  if (!entry.is_running && !older) line_up(found, now);
  if (older) {
    ++counters_.superseded;
    tell_superseded(*older);
  }
  return true;
}

void WriteQueue::forget(const WriteKey& key) {
  const auto found = wishes_.find(key);
  if (found == wishes_.end()) return;
  const std::optional<Wish> older = std::exchange(found->second.wish, std::nullopt);
  if (!found->second.is_running) {
    leave_line(found);
    wishes_.erase(found);
  }
  if (older) tell_superseded(*older);
}

std::optional<WriteQueue::Job> WriteQueue::next(TimePoint now) {
  if (running_.size() >= options_.in_flight || line_.empty()) return std::nullopt;
  if (line_.begin()->first.first > now) return std::nullopt;
  const double tokens = tokens_at(now);
  if (tokens < 1) {
    if (!is_throttled_) ++counters_.throttled;
    is_throttled_ = true;
    return std::nullopt;
  }
  is_throttled_ = false;
  tokens_ = tokens - 1;
  tokens_since_ = now;
  const auto found = line_.begin()->second;
  leave_line(found);
  Entry& entry = found->second;
  entry.is_running = true;
  const Ticket ticket = next_ticket_++;
  running_.emplace(ticket, found);
  Job job{.ticket = ticket, .wish = *std::exchange(entry.wish, std::nullopt)};
  return job;
}

TimePoint WriteQueue::deadline(TimePoint now) const {
  if (running_.size() >= options_.in_flight || line_.empty()) return kNever;
  return std::max(line_.begin()->first.first, token_at(now));
}

void WriteQueue::finished(Ticket ticket, TimePoint now) {
  const auto running = running_.find(ticket);
  PORTER_ASSERT(running != running_.end());
  const auto found = running->second;
  running_.erase(running);
  Entry& entry = found->second;
  entry.is_running = false;
  entry.backoff.reset();
  if (entry.wish) {
    line_up(found, now);
  } else {
    wishes_.erase(found);
  }
}

void WriteQueue::failed(Ticket ticket, Wish wish, std::optional<Duration> retry_after,
                        TimePoint now) {
  const auto running = running_.find(ticket);
  PORTER_ASSERT(running != running_.end());
  const auto found = running->second;
  running_.erase(running);
  Entry& entry = found->second;
  entry.is_running = false;
  ++counters_.retries;
  const Duration pause = std::max(entry.backoff.next(jitter_), retry_after.value_or(Duration{}));
  line_up(found, now + pause);
  if (!entry.wish) {
    entry.wish = std::move(wish);
    return;
  }
  ++counters_.superseded;
  tell_superseded(wish);
}

void WriteQueue::line_up(Wishes::iterator entry, TimePoint due) {
  entry->second.due = due;
  entry->second.order = next_order_++;
  line_.emplace(std::pair{due, entry->second.order}, entry);
}

void WriteQueue::leave_line(Wishes::iterator entry) {
  line_.erase({entry->second.due, entry->second.order});
}

double WriteQueue::tokens_at(TimePoint now) const {
  const std::chrono::duration<double> passed = now - tokens_since_;
  return std::min(options_.burst, tokens_ + passed.count() * options_.rate);
}

TimePoint WriteQueue::token_at(TimePoint now) const {
  const double tokens = tokens_at(now);
  if (tokens >= 1) return now;
  // A moment more, lest rounding asks again just before it is there.
  return now + of_seconds((1 - tokens) / options_.rate) + std::chrono::microseconds{10};
}

}  // namespace porter::kube
