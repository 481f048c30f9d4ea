// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/task_group.hpp"
#include "kube/client.hpp"
#include "kube/write_queue.hpp"

namespace porter::kube {

// Fulfils wishes: the WriteQueue says which and when, one coroutine per write on its way performs
// it. A write whose answer was lost is repeated; a Create that finds just what it wanted in place
// has been written.
class Writer {
 public:
  struct Options {
    WriteQueue::Options queue;
    std::chrono::milliseconds patience{30'000};     // for one answer
    std::chrono::milliseconds denied_rest{10'000};  // after 403, which waits for a person
  };

  // `trouble`: what troubles() says has changed.
  Writer(io::asio::any_io_executor executor, Client& client, Options options,
         std::function<void()> trouble);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer();

  void start();
  io::Task<> stop();  // awaited before it is destroyed; wishes that are left are not told

  // False: the queue is full; the caller keeps the wish and comes again.
  [[nodiscard]] bool put(Wish wish);
  void forget(const WriteKey& key);

  // Until nothing waits and nothing is on its way, or `limit` is over: then false.
  io::Task<bool> drained(std::chrono::milliseconds limit);

  // Why wishes wait, in words for /readyz: "may not patch services/status: …". One per verb and
  // resource, until such a write went well.
  [[nodiscard]] std::vector<std::string> troubles() const;
  [[nodiscard]] const WriterCounters& counters() const { return queue_.counters(); }
  [[nodiscard]] std::size_t waiting() const { return queue_.waiting(); }

 private:
  io::Task<> pump();
  io::Task<> write(WriteQueue::Job job);
  io::Task<> resolve_conflict(WriteQueue::Job job, watch::ApiStatus status);
  void answered(WriteQueue::Job job, const watch::ApiStatus& status, const std::string& body);
  void conclude(const WriteQueue::Job& job, const WriteResult& result);
  void postpone(WriteQueue::Job job, const watch::ApiStatus& status);
  void say(const Wish& wish, std::string trouble);  // empty: it is over
  void wake();

  io::asio::any_io_executor executor_;
  Client& client_;
  Options options_;
  std::function<void()> trouble_;
  WriteQueue queue_;
  io::asio::steady_timer timer_;
  io::asio::steady_timer drained_;
  std::map<std::string, std::string> troubles_;  // "patch services/status" -> words
  io::TaskGroup tasks_;
};

}  // namespace porter::kube
