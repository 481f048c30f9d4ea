// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "kube/client.hpp"
#include "plan/fact.hpp"

namespace porter::cluster {

// Secrets that BgpPeers name, each asked for by its name: a speaker may not list them, and does not
// need to. Asked again every 10 s, since a named Secret cannot be watched without the right to
// watch all of a namespace on older servers.
class Secrets {
 public:
  static constexpr std::chrono::seconds kEvery{10};

  Secrets(const io::asio::any_io_executor& executor, kube::Client& client, std::string ns,
          std::function<void(plan::Fact)> on_fact);
  Secrets(const Secrets&) = delete;
  Secrets& operator=(const Secrets&) = delete;
  ~Secrets() = default;

  void want(std::set<std::string> names);  // all of them; asked for at once where new
  io::Task<> follow();                     // to be spawned
  // Every wanted one was asked for, and there was an answer.
  [[nodiscard]] bool is_settled() const { return settled_ == wanted_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  io::Task<> ask(std::string name);

  kube::Client& client_;
  std::string ns_;
  std::function<void(plan::Fact)> on_fact_;
  std::set<std::string> wanted_;
  std::set<std::string> settled_;
  io::asio::steady_timer timer_;
  std::string trouble_;
};

}  // namespace porter::cluster
