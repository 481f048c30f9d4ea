// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kube/client.hpp"

namespace porter::cluster {

// Where the API server finds the webhooks.
struct WebhookPlace {
  std::string ns;
  std::string service;
  std::string url;  // "https://127.0.0.1:9443": instead of the Service; empty: the Service
};
// The name on the certificate: "porter-webhook.porter-system.svc", or the URL's host.
[[nodiscard]] std::string webhook_host(const WebhookPlace& place);

// What has to change in a ValidatingWebhookConfiguration or a CustomResourceDefinition so that the
// API server asks there and trusts `bundle` (PEM): a JSON patch (RFC 6902), on condition of the
// resourceVersion; empty: nothing. Nothing but the caBundle is touched, but for a `place` with a
// URL. Where cert-manager injects, the bundle is its. An Error: it asks somebody else.
[[nodiscard]] Result<Tree> bundle_patch(const Tree& configuration, const WebhookPlace& place,
                                        const std::string& bundle);

// Keeps the bundle in the ValidatingWebhookConfiguration and in the CRDs of two versions. Done by
// every replica: conversion is needed before there is a leader, and all of them write the same.
class WebhookBundle {
 public:
  WebhookBundle(kube::Client& client, WebhookPlace place);

  // True: the API server has it wherever it needs it.
  io::Task<bool> publish(std::string bundle);
  // "may not patch validatingwebhookconfigurations porter: …"
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  io::Task<std::string> publish_in(std::string path, std::string bundle);
  io::Task<std::string> attempt(std::string path, std::string bundle, bool& is_overtaken);
  void say(const std::string& path, std::string trouble);

  kube::Client& client_;
  WebhookPlace place_;
  std::map<std::string, std::string> troubles_;  // by path
};

}  // namespace porter::cluster
