// SPDX-License-Identifier: Apache-2.0
#include "io/heap.hpp"

#include <chrono>
#include <cstddef>
#include <malloc.h>

#include <boost/asio/steady_timer.hpp>

namespace porter::io {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirst = 5s;  // the lists of a start have been read
constexpr auto kEvery = 60s;
constexpr std::size_t kLeast = std::size_t{8} << 20U;  // octets that lie free

}  // namespace

bool give_back_memory_now() {
  return ::mallinfo2().fordblks >= kLeast && ::malloc_trim(0) == 1;
}

Task<> give_back_memory(asio::any_io_executor executor) {
  asio::steady_timer timer{std::move(executor), kFirst};
  for (;;) {
    [[maybe_unused]] const auto woken = co_await timer.async_wait(kAwait);
    (void)give_back_memory_now();
    timer.expires_after(kEvery);
  }
}

}  // namespace porter::io
