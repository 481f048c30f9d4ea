// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <utility>

#include "base/time.hpp"
#include "io/task_group.hpp"

// For tests: a folder of its own that goes with it, and a loop that is run until something is so.
namespace porter::manifests {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "porter-test-XXXXXX").string();
    PORTER_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;  // the test is over
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::filesystem::path path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const {
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline void put(const std::filesystem::path& path, const std::string& text) {
  std::ofstream{path, std::ios::binary | std::ios::trunc} << text;
}

inline std::string content(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream{path, std::ios::binary}.rdbuf();
  return text.str();
}

// A loop with a group of tasks on it, which it stops at the end.
class Bench {
 public:
  Bench() = default;
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() { stop(); }

  // False: not within 20 s.
  [[nodiscard]] bool run_until(const std::function<bool()>& condition) {
    const TimePoint bound = Clock::now() + std::chrono::seconds{20};
    while (!condition()) {
      if (Clock::now() > bound) return false;
      context.restart();
      context.run_one_for(std::chrono::milliseconds{20});
    }
    return true;
  }
  void run_for(Duration time) {
    const TimePoint end = Clock::now() + time;
    static_cast<void>(run_until([&] { return Clock::now() >= end; }));
  }
  void stop() {
    context.restart();
    io::run(context, tasks.stop());
  }

  io::asio::io_context context{1};
  io::TaskGroup tasks{context.get_executor()};
};

}  // namespace porter::manifests
