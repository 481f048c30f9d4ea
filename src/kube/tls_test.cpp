// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/client.hpp"
#include "kube/test_server.hpp"

namespace porter::kube {
namespace {

using manifests::Bench;
using manifests::put;
using manifests::TemporaryFolder;
using Seen = TestServer::Seen;
using Answer = TestServer::Answer;

constexpr auto kName = "DNS:kubernetes,IP:127.0.0.1,IP:::1";

Answer yes(const Seen& /*seen*/) {
  return Answer{.bytes = http_answer(200, "yes")};
}

struct Scene {
  Scene() = default;
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { finish(bench, bench.tasks.stop()); }

  [[nodiscard]] Access access(const TestServer& server) const {
    Access access = access_to(fmt::format("https://127.0.0.1:{}", server.port()));
    access.cluster.authority.text = authority.certificate;
    return access;
  }
  [[nodiscard]] std::string outcome(Client& client) {
    const auto answer = ask(bench, client, get("/"));
    return answer ? answer->body : answer.error().message;
  }
  [[nodiscard]] std::string outcome(Access access) {
    const auto client = open_client(bench, worker, std::move(access), quick_options());
    return outcome(*client);
  }

  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  TestIdentity authority = make_authority("lab-ca");
};

TEST(Tls, BelievesACertificateForTheAddress) {
  Scene scene;
  const TestServer server{scene.bench, yes, issue(scene.authority, kName)};
  EXPECT_EQ(scene.outcome(scene.access(server)), "yes");
}

TEST(Tls, BelievesACertificateForTheNameThatIsTold) {
  Scene scene;
  const TestServer server{scene.bench, yes, issue(scene.authority, "DNS:*.lab.example")};
  Access access = scene.access(server);
  access.cluster.tls_server_name = "api.lab.example";
  EXPECT_EQ(scene.outcome(access), "yes");
}

TEST(Tls, SaysForWhomACertificateIs) {
  Scene scene;
  const TestServer server{scene.bench, yes, issue(scene.authority, "DNS:other,IP:192.0.2.1")};
  const std::string words = scene.outcome(scene.access(server));
  EXPECT_NE(words.find("is for DNS:other, IP Address:192.0.2.1, not for 127.0.0.1"),
            std::string::npos)
      << words;
}

TEST(Tls, DoesNotTakeTheCommonNameForAName) {
  Scene scene;
  const TestServer server{scene.bench, yes, issue(scene.authority, "IP:192.0.2.1")};
  Access access = scene.access(server);
  access.cluster.tls_server_name = "test-server";  // as in the subject
  EXPECT_NE(scene.outcome(access).find("not for test-server"), std::string::npos);
}

TEST(Tls, SaysThatACertificateHasExpired) {
  Scene scene;
  const TestServer server{scene.bench, yes, issue(scene.authority, kName, Validity::Past)};
  const std::string words = scene.outcome(scene.access(server));
  EXPECT_NE(words.find("expired on"), std::string::npos) << words;
}

TEST(Tls, SaysThatTheAuthorityIsUnknown) {
  Scene scene;
  const TestServer server{scene.bench, yes, issue(make_authority("stranger"), kName)};
  const std::string words = scene.outcome(scene.access(server));
  EXPECT_NE(words.find("signed by an authority we do not know (CN = stranger)"), std::string::npos)
      << words;
  Access access = scene.access(server);
  access.cluster.authority = {};
  access.cluster.insecure_skip_tls_verify = true;
  EXPECT_EQ(scene.outcome(access), "yes");
}

TEST(Tls, SaysThatTheServerSpeaksNoTls) {
  Scene scene;
  const TestServer server{scene.bench, yes};
  const std::string words = scene.outcome(scene.access(server));
  EXPECT_NE(words.find("TLS: "), std::string::npos) << words;
}

TEST(Tls, ShowsItsCertificate) {
  Scene scene;
  TestServer server{scene.bench, yes, issue(scene.authority, kName)};
  server.demand_certificate(scene.authority.certificate);
  const TestIdentity mine = issue(scene.authority, "DNS:me");
  Access access = scene.access(server);
  EXPECT_NE(scene.outcome(access), "yes");
  access.user.certificate.text = mine.certificate;
  access.user.key.text = mine.key;
  EXPECT_EQ(scene.outcome(access), "yes");
  access.user.key.text = issue(scene.authority, "DNS:me").key;
  EXPECT_NE(scene.outcome(access).find("client-key: is no private key in PEM without a password, "
                                       "or not the one of client-certificate"),
            std::string::npos);
}

TEST(Tls, TakesAnAuthorityThatWasExchanged) {
  Scene scene;
  const TemporaryFolder folder;
  put(folder / "ca.crt", scene.authority.certificate);
  TestServer server{scene.bench, yes, issue(scene.authority, kName)};
  Access access = scene.access(server);
  access.cluster.authority = {.text = {}, .file = (folder / "ca.crt").string()};
  Client::Options options = quick_options();
  options.credentials.look_every = std::chrono::milliseconds{0};
  const auto client = open_client(scene.bench, scene.worker, access, options);
  EXPECT_EQ(scene.outcome(*client), "yes");
  const TestIdentity next = make_authority("next-ca");
  server.become(issue(next, kName));
  server.close_all();
  EXPECT_NE(scene.outcome(*client).find("next-ca"), std::string::npos);
  put(folder / "ca.crt", scene.authority.certificate + next.certificate);
  EXPECT_EQ(scene.outcome(*client), "yes");
  put(folder / "ca.crt", "");  // half written: the last good one stays
  EXPECT_EQ(scene.outcome(*client), "yes");
}

TEST(Tls, SaysWhatIsWrongWithAnAuthority) {
  Scene scene;
  const TestServer server{scene.bench, yes, issue(scene.authority, kName)};
  Access access = scene.access(server);
  access.cluster.authority.text =
      "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";
  EXPECT_EQ(scene.outcome(access), "the test: certificate-authority: holds no certificate in PEM");
  access.cluster.authority = {.text = {}, .file = "/nowhere/ca.crt"};
  EXPECT_EQ(scene.outcome(access),
            "the test: certificate-authority: /nowhere/ca.crt: no such file or directory");
}

TEST(Proxy, IsAskedToConnectAndSeesNothingElse) {
  Scene scene;
  const TestServer proxy{scene.bench,
                         [](const Seen& seen) {
                           if (seen.method == "CONNECT")
                             return Answer{.bytes = "HTTP/1.1 200 Connection established\r\n\r\n"};
                           return Answer{.bytes = http_answer(200, "yes")};
                         },
                         issue(scene.authority, "DNS:api.lab.example"),
                         TestServer::Speaks::TlsAfterConnect};
  Access access = access_to("https://api.lab.example:6443");
  access.cluster.authority.text = scene.authority.certificate;
  access.cluster.proxy_url = fmt::format("http://u:p@127.0.0.1:{}", proxy.port());
  EXPECT_EQ(scene.outcome(access), "yes");
  ASSERT_EQ(proxy.seen().size(), 2U);
  EXPECT_EQ(proxy.seen()[0].target, "api.lab.example:6443");
  EXPECT_EQ(proxy.seen()[0].headers.at("proxy-authorization"), "Basic dTpw");
  EXPECT_FALSE(proxy.seen()[1].headers.contains("proxy-authorization"));
}

TEST(Proxy, ThatRefusesIsNamed) {
  Scene scene;
  const TestServer proxy{scene.bench,
                         [](const Seen&) { return Answer{.bytes = http_answer(407, "who?")}; }};
  Access access = access_to("https://api.lab.example:6443");
  access.cluster.proxy_url = fmt::format("http://127.0.0.1:{}", proxy.port());
  const std::string words = scene.outcome(access);
  EXPECT_NE(words.find(fmt::format("proxy 127.0.0.1:{}: refuses a connection to "
                                   "api.lab.example:6443: 407",
                                   proxy.port())),
            std::string::npos)
      << words;
}

}  // namespace
}  // namespace porter::kube
