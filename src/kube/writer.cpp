// SPDX-License-Identifier: Apache-2.0
#include "kube/writer.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "kube/write_request.hpp"
#include "watch/item_stream.hpp"

namespace porter::kube {
namespace {

Tree object_in(const std::string& body) {
  auto tree = watch::parse_json(body);
  return tree ? *std::move(tree) : Tree{};
}

// What stands there is what a Create wanted, so the answer to an earlier attempt was lost; or it
// makes no difference who wrote it.
bool is_what_was_wanted(const Operation& operation, const Tree& current) {
  const auto* const create = std::get_if<Create>(&operation);
  return create != nullptr && current.at_path("metadata.deletionTimestamp").is_null() &&
         says(current["spec"], create->object["spec"]);
}

bool is_final_refusal(int code) {
  return code == 400 || code == 405 || code == 406 || code == 413 || code == 415 || code == 422;
}

}  // namespace

Writer::Writer(io::asio::any_io_executor executor, Client& client, Options options,
               std::function<void()> trouble)
    : executor_{std::move(executor)},
      client_{client},
      options_{options},
      trouble_{std::move(trouble)},
      queue_{options_.queue, Clock::now()},
      timer_{executor_, TimePoint::max()},
      drained_{executor_, TimePoint::max()},
      tasks_{executor_} {}

Writer::~Writer() = default;

void Writer::start() {
  tasks_.spawn(pump());
}

io::Task<> Writer::stop() {
  co_await tasks_.stop();
}

bool Writer::put(Wish wish) {
  const bool is_taken = queue_.put(std::move(wish), Clock::now());
  wake();
  return is_taken;
}

void Writer::forget(const WriteKey& key) {
  queue_.forget(key);
  if (queue_.is_idle()) drained_.cancel();
}

io::Task<bool> Writer::drained(std::chrono::milliseconds limit) {
  const TimePoint end = Clock::now() + limit;
  while (!queue_.is_idle() && Clock::now() < end) {
    drained_.expires_at(end);
    [[maybe_unused]] const auto woken = co_await drained_.async_wait(io::kAwait);
  }
  co_return queue_.is_idle();
}

std::vector<std::string> Writer::troubles() const {
  std::vector<std::string> list;
  for (const auto& [right, words] : troubles_)
    list.push_back(words);
  return list;
}

io::Task<> Writer::pump() {
  for (;;) {
    const TimePoint now = Clock::now();
    while (auto job = queue_.next(now))
      tasks_.spawn(write(*std::move(job)));
    timer_.expires_at(queue_.deadline(now));
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
  }
}

io::Task<> Writer::write(WriteQueue::Job job) {
  Request request = request_for(job.wish);
  request.patience = options_.patience;
  const auto response = co_await client_.send(std::move(request));
  watch::ApiStatus status;
  if (!response) {
    status.message = response.error().message;
    postpone(std::move(job), status);
    co_return;
  }
  status = api_status(*response);
  if (status.code == 409) {
    co_await resolve_conflict(std::move(job), std::move(status));
  } else {
    answered(std::move(job), status, response->body);
  }
}

void Writer::answered(WriteQueue::Job job, const watch::ApiStatus& status,
                      const std::string& body) {
  const bool is_create = std::holds_alternative<Create>(job.wish.operation);
  WriteResult result{.outcome = WriteOutcome::Written, .object = {}, .status = status};
  if (status.is_ok()) {
    result.object = object_in(body);
    say(job.wish, {});
  } else if (status.code == 404 && !is_create) {
    result.outcome = WriteOutcome::Gone;
  } else if (is_final_refusal(status.code)) {
    result.outcome = WriteOutcome::Refused;
    ++queue_.counters().refused;
    log::error(
        "kube", status.message,
        {{"right", rbac_words(job.wish.key, job.wish.operation)}, {"object", words(job.wish.key)}});
  } else {  // 401, 403, 429, 5xx; and a Create before its kind is there
    return postpone(std::move(job), status);
  }
  conclude(job, result);
}

// Somebody else was there first. What is right now depends on what they did.
io::Task<> Writer::resolve_conflict(WriteQueue::Job job, watch::ApiStatus status) {
  ++queue_.counters().conflicts;
  Request request;
  request.path = object_path(job.wish.key.resource, job.wish.key.name, {});
  request.patience = options_.patience;
  request.retry = Retry::Never;
  const auto response = co_await client_.send(std::move(request));
  const bool is_create = std::holds_alternative<Create>(job.wish.operation);
  if (!response || (!response->is_ok() && (response->status != 404 || is_create))) {
    if (response) status = api_status(*response);
    if (!response) status.message = response.error().message;
    postpone(std::move(job), status);  // and once more from the start
    co_return;
  }
  WriteResult result{.outcome = WriteOutcome::Conflict, .object = {}, .status = std::move(status)};
  if (response->is_ok()) result.object = object_in(response->body);
  const std::string& uid = result.object.at_path("metadata.uid").text();
  if (!response->is_ok() || (!is_create && !job.wish.uid.empty() && uid != job.wish.uid)) {
    result.outcome = WriteOutcome::Gone;
  } else if (is_what_was_wanted(job.wish.operation, result.object)) {
    result.outcome = WriteOutcome::Written;
  } else if (job.wish.rebase) {
    if (auto again = job.wish.rebase(result.object)) {
      job.wish.operation = *std::move(again);
      queue_.failed(job.ticket, std::move(job.wish), std::nullopt, Clock::now());
      wake();
      co_return;
    }
  }
  conclude(job, result);
}

void Writer::conclude(const WriteQueue::Job& job, const WriteResult& result) {
  if (result.outcome == WriteOutcome::Written) {
    ++queue_.counters().written;
    const Operation& operation = job.wish.operation;
    std::string kind = job.wish.key.resource.plural;
    if (is_status(operation)) kind += "/status";
    ++queue_.counters().written_by[{std::string{verb_of(operation)}, std::move(kind)}];
  }
  queue_.finished(job.ticket, Clock::now());
  if (job.wish.done) job.wish.done(result);
  if (queue_.is_idle()) drained_.cancel();
  wake();
}

void Writer::postpone(WriteQueue::Job job, const watch::ApiStatus& status) {
  const bool is_denied = status.code == 401 || status.code == 403;
  std::optional<Duration> pause = status.retry_after;
  if (is_denied) pause = std::max<Duration>(pause.value_or(Duration{}), options_.denied_rest);
  say(job.wish, fmt::format("{} {}: {}", is_denied ? "may not" : "cannot",
                            rbac_words(job.wish.key, job.wish.operation), status.message));
  queue_.failed(job.ticket, std::move(job.wish), pause, Clock::now());
  wake();
}

void Writer::say(const Wish& wish, std::string trouble) {
  const std::string right = rbac_words(wish.key, wish.operation);
  const auto known = troubles_.find(right);
  if (trouble.empty()) {
    if (known == troubles_.end()) return;
    troubles_.erase(known);
    log::info("kube", "written again", {{"right", right}});
  } else {
    if (known != troubles_.end() && known->second == trouble) return;
    const bool is_new = known == troubles_.end();
    if (is_new) log::warn("kube", trouble, {{"object", words(wish.key)}});
    troubles_[right] = std::move(trouble);
  }
  if (trouble_) trouble_();
}

void Writer::wake() {
  timer_.cancel();
}

}  // namespace porter::kube
