// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/result.hpp"
#include "io/task_group.hpp"

namespace porter::io {

// inotify(7) on the loop. Folders are watched, never single files: an editor's rename-over takes a
// file's watch away.
class Inotify {
 public:
  struct Event {
    int watch = -1;          // -1: of none, the kernel's queue overflowed
    std::uint32_t mask = 0;  // IN_*
    std::string name;        // inside the watched folder; empty: the folder itself
  };

  [[nodiscard]] static Result<std::unique_ptr<Inotify>> open(const asio::any_io_executor& executor);
  Inotify(const asio::any_io_executor& executor, int file);
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;
  ~Inotify() = default;

  // The watch of this folder; asked twice, the same one.
  [[nodiscard]] Result<int> watch(const std::string& folder);
  void unwatch(int watch);

  // At least one event, and all the kernel had ready up to 64 KiB.
  Task<Result<std::vector<Event>>> next();

 private:
  [[nodiscard]] Result<std::vector<Event>> read_some();

  asio::posix::stream_descriptor file_;
  std::array<char, 65'536> buffer_{};
};

}  // namespace porter::io
