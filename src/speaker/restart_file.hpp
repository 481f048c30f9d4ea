// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "io/task_group.hpp"
#include "plan/fact.hpp"

// What we told the routers last, so that a restart of the process is none for the traffic (RFC
// 4724, api.md 8). One file: the boot it was written in, the routes, a checksum. It is believed
// only within the same boot of the kernel, since after another the forwarding state it speaks of is
// gone; that is also why it needs no fsync. Written beside itself and renamed, so that it is whole
// or the one before.
//
//   "PORTERR1" boot_id  { 1 prefix paths }*  0 count crc32      integers are big-endian
namespace porter::speaker {

using RouteTable = std::map<Prefix, std::vector<bgp::Path>>;

// Of the running kernel. The error: /proc is not there.
[[nodiscard]] Result<std::string> boot_id();

// The inverse of what RestartFile writes. Anything but a whole, unharmed file of that boot is
// refused.
[[nodiscard]] Result<RouteTable> decode_restart_file(Bytes file, std::string_view boot_id);
[[nodiscard]] std::vector<std::uint8_t> encode_restart_file(const RouteTable& routes,
                                                            std::string_view boot_id);

// NotFound: there is none (a first start); Conflict: of another boot; Invalid: harmed.
[[nodiscard]] Result<RouteTable> load_restart_file(const std::filesystem::path& path,
                                                   std::string_view boot_id);

// Keeps the file in step with the routes. A change is on disk within 200 ms, written in slices so
// that no turn of the loop is long; a write that fails is said once and tried again each second.
class RestartFile {
 public:
  using Say = std::function<void(const std::string& warning)>;
  // The routes in order, behind `after` where given, at most `limit` of them.
  using Source = std::function<std::vector<plan::Route>(std::size_t limit,
                                                        const std::optional<Prefix>& after)>;

  RestartFile(io::asio::any_io_executor executor, std::filesystem::path path, std::string boot_id,
              Source routes, Say say);

  void start(io::TaskGroup& tasks) { tasks.spawn(keep_up()); }
  void changed();  // the routes did
  // At once and whole, if there is anything new: the last act before a restart.
  [[nodiscard]] Result<void> save();
  // The routes are withdrawn for good: a later start is no restart.
  void forget();

  [[nodiscard]] const std::string& error() const {
    return error_;
  }  // of the last write; empty: fine

 private:
  io::Task<> keep_up();
  io::Task<Result<void>> write_in_slices();
  void note(const Result<void>& written);

  std::filesystem::path path_;
  std::string boot_id_;
  Source routes_;
  Say say_;
  io::asio::any_io_executor executor_;
  io::asio::steady_timer timer_;
  bool dirty_ = false;
  bool forgotten_ = false;
  std::string error_;
};

}  // namespace porter::speaker
