// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "io/file.hpp"
#include "io/worker.hpp"
#include "kube/exec_plugin.hpp"
#include "kube/kubeconfig.hpp"
#include "kube/tls.hpp"

namespace porter::kube {

// Who we are to the API server, at this moment. Secret: never to be printed.
struct Identity {
  std::string authorization;  // "Bearer …", "Basic …"; empty: the certificate says it, or nobody
  TlsMaterial tls;
  std::uint64_t serial = 0;      // another one: something in here changed
  std::uint64_t tls_serial = 0;  // another one: `tls` changed, connections are to be made anew
};

// Keeps an Identity fresh: files are looked at once a second and read when they changed, and at
// least once a minute; a plugin runs when its credential has expired or was refused. What worked
// last stays while a file cannot be read. Used on one loop; concurrent callers wait for one
// refresh. Owned by the Client.
class Credentials {
 public:
  struct Options {
    std::chrono::milliseconds look_every{1000};  // at the files
    std::chrono::seconds read_every{60};
    std::chrono::milliseconds plugin_limit{60'000};  // for a run
    std::chrono::milliseconds plugin_rest{5000};     // between a failed run and the next
    Environment environment;                         // what plugins are given
    Terminal terminal = Terminal::None;
  };

  Credentials(io::asio::any_io_executor executor, io::Worker& worker, Access access,
              Options options);
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;
  ~Credentials();

  io::Task<Result<std::shared_ptr<const Identity>>> current();
  // The API server said 401 to this one. True: current() has, or will try for, another.
  [[nodiscard]] bool refused(const Identity& identity);

  [[nodiscard]] const Access& access() const { return access_; }

 private:
  struct Watched {  // a file, and what it said when it was read
    std::string text;
    io::FileStamp stamp;
    bool is_read = false;
    bool is_lost = false;  // it was read, and cannot be now: said once
  };
  struct Plugin {
    std::optional<ExecCredential> credential;
    std::optional<Error> error;
    TimePoint ended{};
    bool is_refused = false;
  };
  class Running;

  [[nodiscard]] Result<void> read_files(TimePoint now);
  [[nodiscard]] Result<void> read(Watched& watched, const std::string& file, std::string_view field,
                                  bool again) const;
  [[nodiscard]] bool plugin_is_due() const;
  io::Task<Result<void>> run_plugin();
  [[nodiscard]] Result<std::string> authorization() const;
  [[nodiscard]] TlsMaterial tls_material() const;
  [[nodiscard]] Result<void> renew();

  io::asio::any_io_executor executor_;
  io::Worker& worker_;
  Access access_;
  Options options_;
  std::shared_ptr<const Identity> identity_;
  Watched authority_, certificate_, key_, token_;
  TimePoint next_look_{};
  TimePoint next_read_{};
  Plugin plugin_;
  bool is_running_ = false;  // the plugin
  io::asio::steady_timer ran_;
  std::uint64_t serial_ = 0;
};

}  // namespace porter::kube
