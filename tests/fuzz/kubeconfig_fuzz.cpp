// SPDX-License-Identifier: Apache-2.0
// A kubeconfig is whatever a file holds: any text gives an Access or an Error, and an Access that
// was given names a server that can be parsed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.hpp"
#include "kube/dial.hpp"
#include "kube/exec_plugin.hpp"
#include "kube/kubeconfig.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (auto config = porter::kube::decode_kubeconfig(text, "/home/me/.kube/config")) {
    porter::kube::merge(*config, *config);
    for (const auto& [name, context] : config->contexts) {
      const auto access = porter::kube::choose(*config, name, "the file");
      if (!access) continue;
      PORTER_ASSERT(porter::kube::parse_server(access->cluster.server).has_value());
      PORTER_ASSERT(access->user.certificate.is_empty() == access->user.key.is_empty());
      static_cast<void>(porter::kube::route_to(access->cluster, {}).has_value());
    }
  }
  const auto credential = porter::kube::decode_exec_credential({}, text);
  PORTER_ASSERT(!credential || !credential->token.empty() || !credential->key.empty());
  return 0;
}
