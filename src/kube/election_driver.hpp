// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "io/task_group.hpp"
#include "kube/client.hpp"
#include "kube/one_task.hpp"
#include "watch/election.hpp"

namespace porter::kube {

// Drives one watch::Election over its Lease (coordination.k8s.io/v1). One coroutine keeps time, one
// per request talks; a request that was given up is cut off.
class ElectionDriver {
 public:
  struct Config {
    std::string ns;
    std::string name;
    watch::election::Config election;
  };
  struct Told {
    std::function<void()> acquired;
    std::function<void(const std::string& why)> lost;  // stop acting before anything else is done
    std::function<void(const std::string& holder)> leader;  // who leads now; empty: nobody
    std::function<void()> trouble;                          // began or ended: see trouble()
  };

  ElectionDriver(io::asio::any_io_executor executor, Client& client, Config config, Told told);
  ElectionDriver(const ElectionDriver&) = delete;
  ElectionDriver& operator=(const ElectionDriver&) = delete;
  ~ElectionDriver();

  void start();
  // Releases what is held, within `limit`, so that the next one need not wait; then stop().
  io::Task<> resign(std::chrono::milliseconds limit);
  io::Task<> stop();  // awaited before it is destroyed

  // To be asked before every act that only the leader may do.
  [[nodiscard]] bool may_act() const { return machine_.may_act(Clock::now()); }
  [[nodiscard]] const std::string& leader() const { return machine_.leader(); }
  // Why the Lease cannot be read or written; empty: all is well.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  io::Task<> keep_time();
  io::Task<> ask(watch::RequestId id, Request request);
  void tell(const watch::election::Event& event);
  void perform(const watch::election::Actions& actions);
  void perform(const watch::election::Action& action);
  [[nodiscard]] Request write_request(Verb verb, const watch::election::Record& record) const;

  io::asio::any_io_executor executor_;
  Client& client_;
  Config config_;
  Told told_;
  watch::Election machine_;
  io::asio::steady_timer timer_;
  io::asio::steady_timer released_;
  std::string trouble_;
  bool is_released_ = false;
  bool is_stopped_ = false;
  OneTask asking_;
  io::TaskGroup tasks_;
};

}  // namespace porter::kube
