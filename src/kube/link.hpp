// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "base/result.hpp"
#include "io/task_group.hpp"

namespace porter::kube {

using Tcp = io::asio::ip::tcp;

// Closes a socket when its time is over, unless it is destroyed or set anew before.
class TimeLimit {
 public:
  explicit TimeLimit(Tcp::socket& socket);
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
  ~TimeLimit();

  void within(std::chrono::milliseconds limit);
  void off();
  [[nodiscard]] bool is_over() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  // the timer's handler may already be on its way
};

// One connection, over which bytes go: TCP, or TLS above it.
class Link {
 public:
  struct Read {
    std::size_t octets = 0;
    bool is_end = false;  // closed as it should be
    std::string error;    // in words; empty: none
  };

  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  virtual ~Link() = default;

  virtual io::Task<Read> read_some(std::span<char> buffer) = 0;
  // What went wrong, in words; empty: all of it is with the kernel. `text` outlives the call.
  virtual io::Task<std::string> write(std::string_view text) = 0;
  [[nodiscard]] virtual Tcp::socket& socket() = 0;
  // Nothing waits to be read: an idle connection that says something is no use any more.
  [[nodiscard]] bool is_quiet();
};
[[nodiscard]] std::unique_ptr<Link> plain_link(Tcp::socket socket);

}  // namespace porter::kube
