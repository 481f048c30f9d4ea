// SPDX-License-Identifier: Apache-2.0
#include "kube/webhook_server.hpp"

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/certificate.hpp"
#include "kube/test_server.hpp"
#include "kube/tls.hpp"

namespace porter::kube {
namespace {

using namespace std::chrono_literals;
namespace asio = io::asio;
using manifests::Bench;

const std::string kName = "porter-webhook.porter-system.svc";

Leaf leaf_for(const std::string& name) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  return *make_leaf(LeafRequest{.names = {name}, .not_before = now - 60, .not_after = now + 3600});
}

io::Task<io::HttpResponse> echo(WebhookRequest request) {
  io::HttpResponse response;
  response.body = fmt::format("{} {} {}", request.method, request.path, request.body->size());
  co_return response;
}

// A server and what a client sees of it.
struct Scene {
  explicit Scene(WebhookLimits limits = {}) : server{bench.context.get_executor(), limits, &echo} {
    const auto bound = server.listen(Tcp::endpoint{asio::ip::address_v4::loopback(), 0});
    EXPECT_TRUE(bound.has_value());
    port = *bound;
    EXPECT_TRUE(server.use(leaf.certificate, leaf.key).has_value());
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { finish(bench, server.stop()); }

  io::Task<std::unique_ptr<Tcp::socket>> connect() {
    auto socket = std::make_unique<Tcp::socket>(bench.context.get_executor());
    const Tcp::endpoint endpoint{asio::ip::address_v4::loopback(), port};
    [[maybe_unused]] const auto connected = co_await socket->async_connect(endpoint, io::kAwait);
    co_return socket;
  }
  // A link that trusts `authority`; none: the error is in `trouble`.
  io::Task<std::unique_ptr<Link>> dial(std::string authority) {
    TlsMaterial material;
    material.authority = std::move(authority);
    const auto context = TlsContext::open(material);
    std::unique_ptr<Tcp::socket> socket = co_await connect();
    auto link = co_await TlsContext::handshake(*context, std::move(*socket), kName, 5000ms);
    if (!link) trouble = link.error().message;
    std::unique_ptr<Link> dialled = link ? std::move(*link) : nullptr;
    co_return dialled;
  }
  // Says it, and reads until the server closes or said `until`.
  io::Task<> say(Link& link, std::string text, std::string until) {
    const std::string words = co_await link.write(text);
    heard.clear();
    std::array<char, 4096> buffer{};
    while (words.empty() && (until.empty() || heard.find(until) == std::string::npos)) {
      const Link::Read read = co_await link.read_some(buffer);
      if (read.is_end || !read.error.empty()) break;
      heard.append(buffer.data(), read.octets);
    }
  }
  io::Task<> converse(std::string text, std::string until) {
    const std::unique_ptr<Link> link = co_await dial(leaf.authority);
    if (link != nullptr) co_await say(*link, std::move(text), std::move(until));
  }
  std::string answer(std::string text, std::string until = {}) {
    finish(bench, converse(std::move(text), std::move(until)));
    return heard;
  }

  Bench bench;
  Leaf leaf = leaf_for(kName);
  WebhookServer server;
  std::uint16_t port = 0;
  std::string trouble;
  std::string heard;
};

std::string post(const std::string& body, const std::string& more = {}) {
  return fmt::format(
      "POST /convert?timeout=5s HTTP/1.1\r\nHost: p\r\nContent-Length: {}\r\n{}\r\n{}", body.size(),
      more, body);
}
const std::string kClose = "Connection: close\r\n";

TEST(WebhookServer, AnswersOverTlsWithThePathAndTheBody) {
  Scene scene;
  const std::string heard = scene.answer(post("hello", kClose));
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 200 OK\r\n")) << heard << scene.trouble;
  EXPECT_TRUE(heard.ends_with("\r\n\r\nPOST /convert 5")) << heard;
}

TEST(WebhookServer, AChunkedBodyAndAnExpectationAreUnderstood) {
  Scene scene;
  EXPECT_TRUE(scene
                  .answer("POST /validate HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n" +
                          kClose + "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
                  .ends_with("POST /validate 5"));
  const std::string heard = scene.answer(
      "POST /convert HTTP/1.1\r\nHost: p\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
      "\r\n\r\n");
  EXPECT_EQ(heard, "HTTP/1.1 100 Continue\r\n\r\n");
}

io::Task<> two_on_one(Scene& scene, std::vector<std::string>& answers) {
  const std::unique_ptr<Link> link = co_await scene.dial(scene.leaf.authority);
  for (int i = 0; i < 2 && link != nullptr; ++i) {
    co_await scene.say(*link, post("hello"), "convert 5");
    answers.push_back(scene.heard);
  }
}

TEST(WebhookServer, AConnectionIsKept) {
  Scene scene;
  std::vector<std::string> answers;
  finish(scene.bench, two_on_one(scene, answers));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_EQ(scene.server.counters().connections, 1U);
  EXPECT_EQ(scene.server.counters().requests, 2U);
}

io::Task<> replace_under_way(Scene& scene, Leaf next, std::vector<std::string>& seen) {
  const std::unique_ptr<Link> old = co_await scene.dial(scene.leaf.authority);
  const Result<void> used = scene.server.use(next.certificate, next.key);
  seen.push_back(used ? "used" : used.error().message);
  co_await scene.say(*old, post("old"), "convert 3");
  seen.push_back(scene.heard.substr(0, 15));
  const std::unique_ptr<Link> refused = co_await scene.dial(scene.leaf.authority);
  seen.emplace_back(refused == nullptr ? "refused" : "trusted");
  const std::unique_ptr<Link> fresh = co_await scene.dial(next.authority);
  seen.emplace_back(fresh == nullptr ? "refused" : "trusted");
}

TEST(WebhookServer, AnotherCertificateIsShownToTheNextAndConnectionsGoOn) {
  Scene scene;
  std::vector<std::string> seen;
  finish(scene.bench, replace_under_way(scene, leaf_for(kName), seen));
  EXPECT_EQ(seen, (std::vector<std::string>{"used", "HTTP/1.1 200 OK", "refused", "trusted"}));
}

TEST(WebhookServer, ABrokenCertificateIsNotTaken) {
  Scene scene;
  EXPECT_FALSE(scene.server.use("garbage", scene.leaf.key).has_value());
  EXPECT_FALSE(scene.server.use(scene.leaf.certificate, leaf_for(kName).key).has_value());
  EXPECT_TRUE(scene.answer(post("x", kClose)).starts_with("HTTP/1.1 200"));
}

TEST(WebhookServer, WhatIsTooLongIsRefusedInWords) {
  WebhookLimits limits;
  limits.head = 4096;
  limits.body = 1000;
  Scene scene{limits};
  EXPECT_TRUE(scene.answer(post(std::string(1001, 'x'))).starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(
      scene.answer("GET / HTTP/1.1\r\nX: " + std::string(5000, 'x')).starts_with("HTTP/1.1 431 "));
  EXPECT_TRUE(scene
                  .answer("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                          std::string(1001, 'x'))
                  .starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(scene.answer("garbage\r\n\r\n").starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(scene.server.counters().bad_requests, 4U);
  EXPECT_TRUE(scene.answer(post(std::string(1000, 'x'), kClose)).starts_with("HTTP/1.1 200 "));
}

TEST(WebhookServer, AllBodiesTogetherAreLimited) {
  WebhookLimits limits;
  limits.bodies = 1000;
  Scene scene{limits};
  EXPECT_TRUE(scene.answer(post(std::string(1001, 'x'))).starts_with("HTTP/1.1 503 "));
  for (int i = 0; i < 3; ++i)  // what is reserved is given back
    EXPECT_TRUE(scene.answer(post(std::string(900, 'x'), kClose)).starts_with("HTTP/1.1 200 "));
}

TEST(WebhookServer, WhoIsSlowIsCutOff) {
  WebhookLimits limits;
  limits.idle = 50ms;
  limits.request = 50ms;
  Scene scene{limits};
  EXPECT_EQ(scene.answer(""), "");
  EXPECT_EQ(scene.answer("POST /convert HTTP/1.1\r\nContent-Le"), "");
  EXPECT_EQ(scene.answer("POST /convert HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc"), "");
}

io::Task<> talk_plainly(Scene& scene, std::string text, bool& closed) {
  const std::unique_ptr<Tcp::socket> socket = co_await scene.connect();
  [[maybe_unused]] const auto written =
      co_await asio::async_write(*socket, asio::buffer(text), io::kAwait);
  std::array<char, 256> buffer{};
  for (;;) {
    const auto [error, size] = co_await socket->async_read_some(asio::buffer(buffer), io::kAwait);
    if (error) break;
  }
  closed = true;
}

TEST(WebhookServer, WhatIsNoTlsEndsAtTheHandshake) {
  WebhookLimits limits;
  limits.handshake = 100ms;
  Scene scene{limits};
  for (const char* const text : {"GET / HTTP/1.1\r\n\r\n", "", "\x16\x03\x01\x02"}) {
    bool closed = false;
    finish(scene.bench, talk_plainly(scene, text, closed));
    EXPECT_TRUE(closed);
  }
  EXPECT_EQ(scene.server.counters().handshakes_failed, 3U);
  EXPECT_TRUE(scene.answer(post("x", kClose)).starts_with("HTTP/1.1 200 "));
}

io::Task<> crowd(Scene& scene, std::size_t count, std::size_t& served) {
  std::vector<std::unique_ptr<Link>> links;
  for (std::size_t i = 0; i < count; ++i) {
    std::unique_ptr<Link> link = co_await scene.dial(scene.leaf.authority);
    if (link != nullptr) links.push_back(std::move(link));
  }
  served = links.size();
}

TEST(WebhookServer, MoreConnectionsThanAllowedAreClosedAtOnce) {
  WebhookLimits limits;
  limits.connections = 3;
  Scene scene{limits};
  std::size_t served = 0;
  finish(scene.bench, crowd(scene, 5, served));
  EXPECT_EQ(served, 3U);
  EXPECT_EQ(scene.server.counters().refused, 2U);
}

}  // namespace
}  // namespace porter::kube
