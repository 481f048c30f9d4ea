// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cluster/webhook_addresses.hpp"
#include "cluster/webhook_certificate.hpp"
#include "io/worker.hpp"
#include "kube/webhook_server.hpp"

namespace porter::cluster {

// The webhooks of one replica, leader or not:
//
//   API server ─► kube::WebhookServer ─┬─ /convert   model::answer_conversion, in the worker
//                      ▲               ├─ /validate  model::answer_admission ◄─ WebhookAddresses
//                      │ certificate   └─ /healthz, /readyz
//   Secret ◄─► WebhookCertificate ─► WebhookBundle ─► caBundle in the CRDs and the configuration
//
// It waits for no list and no Lease: objects stored as v1alpha1 can be listed once it answers. What
// goes wrong here is a trouble, and holds up nothing else.
class Webhooks {
 public:
  struct Options {
    std::string listen;  // ":9443", "127.0.0.1:9443", "[::1]:9443"
    WebhookCertificate::Options certificate;
    kube::WebhookLimits limits;
    std::uint64_t jitter_seed = 1;
  };

  Webhooks(const io::asio::any_io_executor& executor, kube::Client& client, Options options);
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;
  ~Webhooks() = default;

  void start();
  io::Task<> stop();  // awaited before it is destroyed

  [[nodiscard]] std::vector<std::string> troubles() const;
  [[nodiscard]] const kube::WebhookCounters& counters() const { return server_.counters(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }  // 0: does not listen

 private:
  io::Task<io::HttpResponse> answer(kube::WebhookRequest request);
  io::Task<io::HttpResponse> convert(std::shared_ptr<const std::string> body);
  [[nodiscard]] io::HttpResponse validate(const std::string& body) const;
  [[nodiscard]] io::HttpResponse readiness() const;
  io::Task<> keep_listening();
  [[nodiscard]] Result<void> listen();
  void show(const kube::Leaf& leaf);

  Options options_;
  io::Worker worker_;
  WebhookAddresses addresses_;
  kube::WebhookServer server_;
  WebhookCertificate certificate_;
  io::asio::steady_timer timer_;
  std::uint16_t port_ = 0;
  std::string trouble_;
  io::TaskGroup tasks_;
};

}  // namespace porter::cluster
