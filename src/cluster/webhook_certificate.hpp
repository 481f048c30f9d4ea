// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cluster/webhook_bundle.hpp"
#include "kube/certificate_plan.hpp"
#include "kube/one_task.hpp"

namespace porter::cluster {

// Drives the CertificatePlan: reads the Secret, shows what it says, publishes whom to trust, writes
// the next step. One coroutine.
class WebhookCertificate {
 public:
  struct Options {
    WebhookPlace place;
    std::string secret = "porter-webhook";
    kube::CertificateTimes times;
  };
  // The certificate to show changed.
  using OnLeaf = std::function<void(const kube::Leaf&)>;

  WebhookCertificate(const io::asio::any_io_executor& executor, kube::Client& client,
                     Options options, OnLeaf on_leaf);
  WebhookCertificate(const WebhookCertificate&) = delete;
  WebhookCertificate& operator=(const WebhookCertificate&) = delete;
  ~WebhookCertificate() = default;

  io::Task<> follow();  // to be spawned
  // Of the Secret, and of where the bundle goes.
  [[nodiscard]] std::vector<std::string> troubles() const;
  // There is one, the Secret's.
  [[nodiscard]] bool is_shown() const { return shown_.has_value(); }

 private:
  enum class Next : std::uint8_t { Soon, Later, AfterTrouble };
  io::Task<Next> look();
  io::Task<Result<Tree>> read();
  io::Task<Result<void>> write(kube::CertificateStep step, kube::CertificateSeen seen);
  io::Task<> publish(std::vector<std::string> trust);
  [[nodiscard]] kube::Request write_request(const kube::CertificatePlan::Data& data,
                                            const kube::CertificateSeen& seen) const;
  void show(const kube::CertificateAdvice& advice);
  void say(std::string trouble);

  kube::Client& client_;
  Options options_;
  OnLeaf on_leaf_;
  kube::CertificatePlan plan_;
  WebhookBundle bundle_;
  io::asio::steady_timer timer_;
  std::optional<kube::Leaf> shown_;
  std::string published_;   // in all configurations, when we looked last
  TimePoint next_check_{};  // of the configurations
  std::string trouble_;
};

}  // namespace porter::cluster
