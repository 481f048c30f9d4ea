// SPDX-License-Identifier: Apache-2.0
#include "kube/one_task.hpp"

#include <utility>

namespace porter::kube {

OneTask::OneTask(const io::asio::any_io_executor& executor)
    : executor_{executor}, ending_{executor} {}

OneTask::~OneTask() = default;

void OneTask::start(io::Task<> task) {
  cancel();
  if (is_stopped_) return;
  current_ = groups_.emplace(groups_.end(), executor_);
  (*current_)->spawn(std::move(task));
}

void OneTask::cancel() {
  if (!current_ || is_stopped_) return;
  ending_.spawn(end(*current_));
  current_.reset();
}

io::Task<> OneTask::end(Groups::iterator group) {
  co_await group->stop();
  groups_.erase(group);
}

io::Task<> OneTask::stop() {
  co_await io::asio::this_coro::reset_cancellation_state(io::asio::disable_cancellation());
  is_stopped_ = true;
  current_.reset();
  // Afterwards nobody erases; an end() that never began has left its group to us.
  co_await ending_.stop();
  for (io::TaskGroup& group : groups_)
    co_await group.stop();
  groups_.clear();
}

}  // namespace porter::kube
