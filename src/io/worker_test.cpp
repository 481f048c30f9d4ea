// SPDX-License-Identifier: Apache-2.0
#include "io/worker.hpp"

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace porter::io {
namespace {

Task<> ask(Worker& worker, std::string& answer) {
  std::function<std::string()> job = [] { return std::string{"from the thread"}; };
  auto got = co_await worker.run<std::string>(std::move(job));
  answer = got ? *got : "refused";
}

TEST(Worker, AnswersOnTheLoop) {
  asio::io_context context{1};
  Worker worker{context.get_executor()};
  std::string answer;
  run(context, ask(worker, answer));
  EXPECT_EQ(answer, "from the thread");
}

Task<> hold(Worker& worker, std::atomic<bool>& release) {
  std::function<int()> job = [&release] {
    while (!release)
      std::this_thread::yield();
    return 1;
  };
  [[maybe_unused]] const auto done = co_await worker.run<int>(std::move(job));
}

Task<> flood(Worker& worker, std::atomic<bool>& release, TaskGroup& tasks) {
  // One runs at most, so that one more than the queue takes is refused.
  std::string answer;
  for (std::size_t i = 0; i <= Worker::kQueue; ++i)
    tasks.spawn(hold(worker, release));
  co_await ask(worker, answer);
  release = true;
  EXPECT_EQ(answer, "refused");
  EXPECT_GE(worker.refused(), 1U);
  co_await tasks.stop();
}

TEST(Worker, RefusesWhatItsQueueDoesNotHold) {
  asio::io_context context{1};
  std::atomic<bool> release = false;
  Worker worker{context.get_executor()};
  TaskGroup tasks{context.get_executor()};
  run(context, flood(worker, release, tasks));
}

Task<> start_and_stop(Worker& worker, std::atomic<bool>& release) {
  const auto executor = co_await asio::this_coro::executor;
  TaskGroup tasks{executor};
  tasks.spawn(hold(worker, release));
  co_await tasks.stop();
  release = true;
}

TEST(Worker, TheCallerMayBeCancelledWhileItsJobRuns) {
  asio::io_context context{1};
  std::atomic<bool> release = false;
  Worker worker{context.get_executor()};
  run(context, start_and_stop(worker, release));
}

}  // namespace
}  // namespace porter::io
