// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kube/reflector.hpp"
#include "model/review.hpp"

namespace porter::cluster {

// The addresses in use, by Eip: what admission has to know, on every replica alike. Until the first
// list it knows of none.
class WebhookAddresses {
 public:
  WebhookAddresses(io::asio::any_io_executor executor, kube::Client& client,
                   std::uint64_t jitter_seed);
  WebhookAddresses(const WebhookAddresses&) = delete;
  WebhookAddresses& operator=(const WebhookAddresses&) = delete;
  ~WebhookAddresses() = default;

  void start() { reflector_.start(); }
  io::Task<> stop();  // awaited before it is destroyed

  [[nodiscard]] std::vector<model::AddressUse> in_use(const std::string& eip) const;
  [[nodiscard]] std::string trouble() const { return reflector_.trouble(); }

 private:
  void take(const plan::Fact& fact);

  std::map<std::string, std::string> eips_;  // of the EipAddress of that name
  std::map<std::string, std::map<std::string, model::AddressUse>> uses_;  // by Eip, then by name
  kube::Reflector reflector_;
};

}  // namespace porter::cluster
