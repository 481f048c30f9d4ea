// SPDX-License-Identifier: Apache-2.0
#include "cluster/webhooks.hpp"

#include <array>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"
#include "kube/tls.hpp"
#include "model/base64.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

using namespace std::chrono_literals;
using kube::TestServer;
using manifests::Bench;

const std::string kSecrets = "/api/v1/namespaces/porter-system/secrets";

// An API server that has a Secret once it was created, and nothing else.
struct Scene {
  explicit Scene(unsigned status = 200)
      : refusal{status},
        server{bench, [this](const TestServer::Seen& seen) { return answer(seen); }} {
    client = kube::open_client(bench, worker,
                               kube::access_to(fmt::format("http://127.0.0.1:{}", server.port())),
                               kube::quick_options());
    Webhooks::Options options;
    options.listen = "127.0.0.1:0";
    options.certificate.place = {.ns = "porter-system", .service = "porter-webhook", .url = {}};
    webhooks.emplace(bench.context.get_executor(), *client, std::move(options));
    webhooks->start();
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { kube::finish(bench, webhooks->stop()); }

  TestServer::Answer answer(const TestServer::Seen& seen) {
    const auto says = [](unsigned status, const std::string& body) {
      return TestServer::Answer{.bytes = kube::http_answer(status, body)};
    };
    if (refusal != 200) return says(refusal, R"({"kind":"Status","message":"not allowed"})");
    if (seen.method == "POST" && seen.target == kSecrets) {
      secret = seen.body;
      return says(201, secret);
    }
    if (seen.target == kSecrets + "/porter-webhook" && !secret.empty()) return says(200, secret);
    return says(404, R"({"kind":"Status","message":"not found"})");
  }

  [[nodiscard]] std::string value(const std::string& key) const {
    const Result<Tree> tree = watch::parse_json(secret);
    return tree ? model::decode_base64((*tree)["data"][key].text()).value_or("") : "";
  }

  // The answer to one request, by somebody who trusts the Secret's authority; or why there is none.
  std::string ask(const std::string& path, const std::string& body) {
    std::string heard;
    kube::finish(bench, converse(path, body, heard));
    return heard;
  }
  io::Task<> converse(std::string path, std::string body, std::string& heard) {
    kube::TlsMaterial material;
    material.authority = value("ca.crt");
    const auto context = kube::TlsContext::open(material);
    kube::Tcp::socket socket{bench.context.get_executor()};
    const kube::Tcp::endpoint endpoint{io::asio::ip::address_v4::loopback(), webhooks->port()};
    [[maybe_unused]] const auto connected = co_await socket.async_connect(endpoint, io::kAwait);
    auto link = co_await kube::TlsContext::handshake(*context, std::move(socket),
                                                     "porter-webhook.porter-system.svc", 5000ms);
    if (!link) {
      heard = link.error().message;
      co_return;
    }
    const std::string text =
        fmt::format("POST {} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}", path,
                    body.size(), body);
    const std::string trouble = co_await (*link)->write(text);
    std::array<char, 4096> buffer{};
    for (bool is_over = !trouble.empty(); !is_over;) {
      const kube::Link::Read read = co_await (*link)->read_some(buffer);
      is_over = read.is_end || !read.error.empty();
      heard.append(buffer.data(), read.octets);
    }
  }

  Bench bench;
  unsigned refusal;
  std::string secret;
  TestServer server;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<kube::Client> client;
  std::optional<Webhooks> webhooks;
};

TEST(Webhooks, TheFirstMakesTheCertificateAndAnswersWithIt) {
  Scene scene;
  EXPECT_TRUE(scene.bench.run_until([&] {
    return !scene.secret.empty() && scene.ask("/readyz", "").starts_with("HTTP/1.1 200");
  }));
  const std::string converted = scene.ask(
      "/convert?timeout=30s",
      R"({"request":{"uid":"1","desiredAPIVersion":"network.kubesphere.io/v1alpha2","objects":[)"
      R"({"apiVersion":"network.kubesphere.io/v1alpha1","kind":"Eip","metadata":{"name":"lan"},)"
      R"("spec":{"address":"10.0.0.0/24"}}]}})");
  EXPECT_NE(converted.find(R"("status":"Success")"), std::string::npos) << converted;
  const std::string judged = scene.ask(
      "/validate",
      R"({"request":{"uid":"1","operation":"CREATE","object":{"apiVersion":)"
      R"("network.kubesphere.io/v1alpha2","kind":"Eip","metadata":{"name":"lan"},"spec":{"address":"x"}}}})");
  EXPECT_NE(judged.find(R"("allowed":false)"), std::string::npos) << judged;
}

TEST(Webhooks, WhatIsNoReviewIsAnsweredAndHarmsNobody) {
  Scene scene;
  EXPECT_TRUE(scene.bench.run_until([&] { return !scene.secret.empty(); }));
  EXPECT_TRUE(
      scene.bench.run_until([&] { return scene.ask("/healthz", "").starts_with("HTTP/1.1 200"); }));
  EXPECT_TRUE(scene.ask("/convert", "garbage").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(scene.ask("/validate", "{").starts_with("HTTP/1.1 400"));
  EXPECT_NE(scene.ask("/validate", "{}").find(R"("allowed":false)"), std::string::npos);
  EXPECT_NE(scene.ask("/convert", "{}").find(R"("status":"Failure")"), std::string::npos);
  EXPECT_TRUE(scene.ask("/other", "{}").starts_with("HTTP/1.1 404"));
}

TEST(Webhooks, WhatIsNotAllowedIsNamed) {
  Scene scene{403};
  EXPECT_TRUE(scene.bench.run_until([&] {
    return fmt::format("{}", fmt::join(scene.webhooks->troubles(), "\n"))
               .find("cannot get secrets porter-system/porter-webhook: not allowed") !=
           std::string::npos;
  }));
}

}  // namespace
}  // namespace porter::cluster
