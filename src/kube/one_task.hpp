// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <optional>

#include "io/task_group.hpp"

namespace porter::kube {

// A task that is begun anew again and again: one that starts cuts off the one before it, also when
// called from inside that one.
class OneTask {
 public:
  explicit OneTask(const io::asio::any_io_executor& executor);
  OneTask(const OneTask&) = delete;
  OneTask& operator=(const OneTask&) = delete;
  ~OneTask();

  void start(io::Task<> task);
  void cancel();
  io::Task<> stop();  // awaited, from outside the task, before it is destroyed

 private:
  using Groups = std::list<io::TaskGroup>;
  io::Task<> end(Groups::iterator group);

  io::asio::any_io_executor executor_;
  Groups groups_;  // those of tasks that end, and the current one
  std::optional<Groups::iterator> current_;
  bool is_stopped_ = false;
  io::TaskGroup ending_;
};

}  // namespace porter::kube
