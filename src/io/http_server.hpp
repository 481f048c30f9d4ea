// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include "base/result.hpp"
#include "io/task_group.hpp"

namespace porter::io {

struct HttpRequest {
  std::string method;
  std::string path;                          // decoded, without the query
  std::map<std::string, std::string> query;  // decoded; the last of equal keys wins
};
struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
};
// Status line and header (RFC 9112), to be followed by the body.
enum class Connection : std::uint8_t { Kept, Closed };
[[nodiscard]] std::string response_head(const HttpResponse& response, Connection connection);

// A small HTTP/1.1 server for the local API: GET and HEAD, no bodies, keep-alive. Bounded: 64
// connections (a further one is closed at once), 8 KiB of header, 10 s for a request to arrive or a
// response to leave. The handler runs on the loop and must not block.
class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  HttpServer(asio::any_io_executor executor, TaskGroup& tasks, Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // Replaces a socket file nobody listens on any more; one that answers is somebody else's:
  // Conflict.
  [[nodiscard]] Result<void> listen_unix(const std::string& path);
  [[nodiscard]] Result<std::uint16_t> listen_tcp(
      const asio::ip::tcp::endpoint& endpoint);  // the port bound

  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  template <class Acceptor>
  Task<> accept(Acceptor& acceptor);
  template <class Socket>
  Task<> serve(Socket socket);

  asio::any_io_executor executor_;
  TaskGroup& tasks_;
  Handler handler_;
  std::unique_ptr<asio::local::stream_protocol::acceptor> unix_;
  std::unique_ptr<asio::ip::tcp::acceptor> tcp_;
  std::string unix_path_;
  unsigned connections_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace porter::io
