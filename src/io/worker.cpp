// SPDX-License-Identifier: Apache-2.0
#include "io/worker.hpp"

namespace porter::io {

Worker::Worker(asio::any_io_executor loop) : loop_{std::move(loop)}, thread_{[this] { work(); }} {}

Worker::~Worker() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Worker::submit(std::function<void()> job) {
  {
    const std::lock_guard lock{mutex_};
    if (jobs_.size() >= kQueue) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void Worker::work() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock{mutex_};
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace porter::io
