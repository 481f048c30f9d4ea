// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "base/result.hpp"
#include "io/http_server.hpp"
#include "io/task_group.hpp"
#include "kube/link.hpp"

namespace porter::kube {

struct WebhookRequest {
  std::string method;
  std::string path;  // without the query
  std::shared_ptr<const std::string> body;
};

struct WebhookLimits {
  std::size_t connections = 128;    // a further one is closed at once
  std::size_t head = 16U << 10U;    // else 431
  std::size_t body = 8U << 20U;     // else 413
  std::size_t bodies = 32U << 20U;  // of all requests together; else 503
  std::chrono::milliseconds handshake{5'000};
  std::chrono::milliseconds idle{120'000};    // until a request begins
  std::chrono::milliseconds request{10'000};  // until it is whole
  std::chrono::milliseconds response{10'000};
};

struct WebhookCounters {
  std::uint64_t connections = 0;  // accepted
  std::uint64_t refused = 0;      // too many of them
  std::uint64_t handshakes_failed = 0;
  std::uint64_t requests = 0;
  std::uint64_t bad_requests = 0;  // no HTTP, or over a limit
};

// HTTP/1.1 over TLS (1.2 or later) for the API server's questions. Answers from its start on; until
// use() was called with a certificate nobody's handshake is taken to its end. Owned by app; on the
// one loop.
class WebhookServer {
 public:
  // What it is given lives until it is done.
  using Handler = std::function<io::Task<io::HttpResponse>(WebhookRequest)>;

  WebhookServer(io::asio::any_io_executor executor, WebhookLimits limits, Handler handler);
  WebhookServer(const WebhookServer&) = delete;
  WebhookServer& operator=(const WebhookServer&) = delete;
  ~WebhookServer();

  // The port bound.
  [[nodiscard]] Result<std::uint16_t> listen(const Tcp::endpoint& endpoint);
  io::Task<> stop();  // awaited before it is destroyed

  // For connections to come; those that are there go on.
  [[nodiscard]] Result<void> use(const std::string& certificate, const std::string& key);

  [[nodiscard]] const WebhookCounters& counters() const { return counters_; }

 private:
  class Settings;
  class ServerLink;
  class Question;

  io::Task<> accept();
  io::Task<> serve(Tcp::socket socket);
  io::Task<bool> exchange(Link& link, std::string& pending);
  io::Task<bool> receive(Link& link, std::string& pending, Question& question);
  io::Task<bool> answer(Link& link, io::HttpResponse response, io::Connection connection) const;

  io::asio::any_io_executor executor_;
  WebhookLimits limits_;
  Handler handler_;
  std::shared_ptr<Settings> settings_;
  std::unique_ptr<Tcp::acceptor> acceptor_;
  std::size_t open_ = 0;
  std::size_t reserved_ = 0;  // octets, for bodies
  WebhookCounters counters_;
  io::TaskGroup tasks_;
};

}  // namespace porter::kube
