// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "io/nftables.hpp"
#include "io/task_group.hpp"

namespace porter::speaker {

// transport.portForward (api.md 7): neighbours that can dial nothing but port 179 reach us on the
// port we listen on. Keeps the kernel's table in step with what is wanted: at start it takes away
// what an earlier run left, and at the end its own. A refusal is said once, shown with the peers it
// concerns, and tried again. Owned by BgpRunner.
class PortForward {
 public:
  using Say = std::function<void(const std::string& warning)>;
  using Set = std::function<Result<void>(const std::vector<io::Redirect>&)>;

  PortForward(const io::asio::any_io_executor& executor, Set set, Say say);
  void start(io::TaskGroup& tasks) { tasks.spawn(try_again()); }

  void want(std::vector<io::Redirect> redirects);
  [[nodiscard]] const std::string& error() const { return error_; }  // empty: it is as wanted

  static constexpr std::uint16_t kBgp = 179;
  static constexpr std::chrono::seconds kRetry{10};

 private:
  void set();
  io::Task<> try_again();

  Set set_;
  Say say_;
  io::asio::steady_timer timer_;
  std::vector<io::Redirect> wanted_;
  std::string error_;
};

}  // namespace porter::speaker
