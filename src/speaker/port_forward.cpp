// SPDX-License-Identifier: Apache-2.0
#include "speaker/port_forward.hpp"

#include <algorithm>
#include <utility>

namespace porter::speaker {

// Who may not touch the packet filter has left nothing in it: with nothing wanted that is no error.
PortForward::PortForward(const io::asio::any_io_executor& executor, Set set, Say say)
    : set_{std::move(set)}, say_{std::move(say)}, timer_{executor, TimePoint::max()} {
  [[maybe_unused]] const Result<void> cleaned = set_({});
}

void PortForward::want(std::vector<io::Redirect> redirects) {
  std::ranges::sort(redirects);
  if (redirects == wanted_) return;
  wanted_ = std::move(redirects);
  set();
}

void PortForward::set() {
  const Result<void> done = set_(wanted_);
  const std::string error = done || wanted_.empty() ? std::string{} : done.error().message;
  timer_.expires_at(error.empty() ? TimePoint::max() : Clock::now() + kRetry);
  if (error == error_) return;
  error_ = error;
  if (say_) say_("portForward: " + (error.empty() ? std::string{"works again"} : error));
}

io::Task<> PortForward::try_again() {
  for (;;) {
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    if (timer_.expiry() <= Clock::now()) set();
  }
}

}  // namespace porter::speaker
