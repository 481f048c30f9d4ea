// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>

#include "io/task_group.hpp"

namespace porter::io {

// The one thread for calls that block (fdatasync, many small files). It exchanges values with the
// loop and shares nothing: a job owns what it works on and returns what it found. Jobs run one at a
// time, in order. Owned by app; destroyed after every TaskGroup that uses it and before the
// io_context. The destructor waits for the job that runs and drops those that have not begun.
class Worker {
 public:
  static constexpr std::size_t kQueue = 64;

  explicit Worker(asio::any_io_executor loop);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // The answer of `job`; none: the queue is full, try again later. When the caller is cancelled the
  // job still runs, and its answer is dropped.
  template <class Answer>
  Task<std::optional<Answer>> run(std::function<Answer()> job);

  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  // Where a job leaves its answer. Both sides hold it: either may go first.
  template <class Answer>
  struct Slot {
    explicit Slot(const asio::any_io_executor& loop)
        : ready{loop, asio::steady_timer::time_point::max()} {}
    std::optional<Answer> answer;
    asio::steady_timer ready;  // touched by the loop alone
  };

  [[nodiscard]] bool submit(std::function<void()> job);
  void work();

  asio::any_io_executor loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::uint64_t refused_ = 0;  // the loop's
  std::thread thread_;         // the last member: it begins when all else is there
};

template <class Answer>
Task<std::optional<Answer>> Worker::run(std::function<Answer()> job) {
  auto slot = std::make_shared<Slot<Answer>>(loop_);
  std::function<void()> work = [loop = loop_, job = std::move(job), slot]() mutable {
    auto deliver = [answer = job(), slot = std::move(slot)]() mutable {
      slot->answer = std::move(answer);
      slot->ready.cancel();
    };
    asio::post(loop, std::move(deliver));
  };
  if (!submit(std::move(work))) {
    ++refused_;
    co_return std::nullopt;
  }
  while (!slot->answer) {
    [[maybe_unused]] const auto woken = co_await slot->ready.async_wait(kAwait);
  }
  co_return std::move(slot->answer);
}

}  // namespace porter::io
