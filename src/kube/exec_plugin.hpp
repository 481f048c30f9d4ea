// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kube/kubeconfig.hpp"

namespace porter::kube {

// What a credential plugin gave. Secret: never to be printed.
struct ExecCredential {
  std::string token;
  std::string certificate, key;         // PEM, both or none
  std::optional<std::int64_t> expires;  // Unix seconds
  friend bool operator==(const ExecCredential&, const ExecCredential&) = default;
};

// Whether somebody sits before us whom a plugin may ask.
enum class Terminal : std::uint8_t { None, Here };

// The text of KUBERNETES_EXEC_INFO. `authority`: the CA as read, PEM.
[[nodiscard]] std::string exec_info(const ExecPlugin& plugin, const Cluster& cluster,
                                    const std::string& authority, Terminal terminal);
// What a plugin printed. Errors never repeat it.
[[nodiscard]] Result<ExecCredential> decode_exec_credential(const ExecPlugin& plugin,
                                                            std::string_view output);

struct ExecRun {
  ExecPlugin plugin;
  std::string info;
  Environment environment;
  Terminal terminal{};
  std::chrono::milliseconds limit{};
};
// Runs it to its end; for the Worker. A plugin that takes longer is killed, with its children.
[[nodiscard]] Result<ExecCredential> run_exec_plugin(const ExecRun& run);

}  // namespace porter::kube
