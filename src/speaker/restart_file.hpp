// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/task_group.hpp"
#include "speaker/restart_state.hpp"

// What we told the routers last, and in which sessions, so that a restart of the process is none
// for the traffic (RFC 4724, api.md 8), also while the API server is away. One file: the boot it
// was written in, peers, routes, a checksum. It is believed only within the same boot of the
// kernel, since after another the forwarding state it speaks of is gone; that is also why it needs
// no fsync. Written beside itself and renamed, so that it is whole or the one before. It may hold
// passwords (docs/adr/0008-restart-file.md): its mode is 0600.
namespace porter::speaker {

// Of the running kernel. The error: /proc is not there.
[[nodiscard]] Result<std::string> boot_id();

// Would a file in `folder` stay in memory (tmpfs, as /run is)? Then a secret may be in it.
[[nodiscard]] bool is_in_memory(const std::filesystem::path& folder);

// NotFound: there is none (a first start); Conflict: of another boot; Invalid: harmed.
[[nodiscard]] Result<RestartState> load_restart_file(const std::filesystem::path& path,
                                                     std::string_view boot_id);

// Keeps the file in step with routes and peers. A change is on disk within 200 ms, written in
// slices so that no turn of the loop is long; a write that fails is said once and tried again each
// second.
class RestartFile {
 public:
  using Say = std::function<void(const std::string& warning)>;
  struct Sources {
    // In order, behind `after` where given, at most `limit` of them.
    std::function<std::vector<plan::Route>(std::size_t limit, const std::optional<Prefix>& after)>
        routes;
    std::function<RestartPeers()> peers;
  };

  RestartFile(io::asio::any_io_executor executor, std::filesystem::path path, std::string boot_id,
              Sources sources, Say say);

  void start(io::TaskGroup& tasks) { tasks.spawn(keep_up()); }
  void changed();  // routes or peers did
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
  Sources sources_;
  Say say_;
  io::asio::any_io_executor executor_;
  io::asio::steady_timer timer_;
  bool dirty_ = false;
  Duration took_{};  // the work of the last file
  bool forgotten_ = false;
  std::string error_;
};

}  // namespace porter::speaker
