// SPDX-License-Identifier: Apache-2.0
#include "io/http_server.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace porter::io {
namespace {

namespace http = boost::beast::http;
using Unix = asio::local::stream_protocol;

constexpr unsigned kMaxConnections = 64;
constexpr std::uint32_t kMaxHeader = 8192;
constexpr auto kPatience = std::chrono::seconds{10};
constexpr auto kAfterAcceptError = std::chrono::milliseconds{100};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

HttpRequest request_of(std::string_view method, std::string_view target) {
  HttpRequest request{.method = std::string{method}, .path = {}, .query = {}};
  const std::size_t mark = target.find('?');
  request.path = percent_decoded(target.substr(0, mark));
  if (mark == std::string_view::npos) return request;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    request.query[percent_decoded(pair.substr(0, equals))] = percent_decoded(value);
  }
  return request;
}

// True when a server answers on that socket file.
bool somebody_listens(const std::string& path) {
  asio::io_context context{1};
  Unix::socket probe{context};
  boost::system::error_code error;
  probe.connect(Unix::endpoint{path}, error);
  return !error;
}

// Closes the socket when time is up: that ends whatever waits on it.
template <class Socket>
class Deadline {
 public:
  explicit Deadline(Socket& socket) : timer_{socket.get_executor()}, socket_{socket} {}

  void within(std::chrono::seconds patience) {
    timer_.expires_after(patience);
    timer_.async_wait([this](boost::system::error_code cancelled) {
      boost::system::error_code ignored;
      if (!cancelled) socket_.close(ignored);
    });
  }

 private:
  asio::steady_timer timer_;
  Socket& socket_;
};

}  // namespace

std::string response_head(const HttpResponse& response, Connection connection) {
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  out += std::string_view{http::obsolete_reason(http::int_to_status(response.status))};
  out += "\r\nContent-Type: " + response.content_type;
  out += "\r\nContent-Length: " + std::to_string(response.body.size());
  out += connection == Connection::Kept ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  return out;
}

HttpServer::HttpServer(asio::any_io_executor executor, TaskGroup& tasks, Handler handler)
    : executor_{std::move(executor)}, tasks_{tasks}, handler_{std::move(handler)} {}

HttpServer::~HttpServer() {
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

Result<void> HttpServer::listen_unix(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(Errc::Invalid, path + ": longer than a Unix socket's path may be (107 octets)");
  }
  if (somebody_listens(path)) {
    return fail(Errc::Conflict, path + ": another porter answers here; stop it, or use --socket");
  }
  ::unlink(path.c_str());
  auto acceptor = std::make_unique<Unix::acceptor>(executor_);
  boost::system::error_code error;
  acceptor->open(Unix{}, error);
  if (!error) acceptor->bind(Unix::endpoint{path}, error);
  if (!error && ::chmod(path.c_str(), 0660) != 0) {
    error.assign(errno, boost::system::system_category());
  }
  if (!error) acceptor->listen(16, error);
  if (error) return fail(Errc::Unavailable, path + ": " + error.message());
  unix_ = std::move(acceptor);
  unix_path_ = path;
  tasks_.spawn(accept(*unix_));
  return {};
}

Result<std::uint16_t> HttpServer::listen_tcp(const asio::ip::tcp::endpoint& endpoint) {
  auto acceptor = std::make_unique<asio::ip::tcp::acceptor>(executor_);
  boost::system::error_code error;
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address{true}, error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(16, error);
  if (error) {
    return fail(Errc::Unavailable, endpoint.address().to_string() + " port " +
                                       std::to_string(endpoint.port()) + ": " + error.message());
  }
  tcp_ = std::move(acceptor);
  tasks_.spawn(accept(*tcp_));
  return tcp_->local_endpoint().port();
}

template <class Acceptor>
Task<> HttpServer::accept(Acceptor& acceptor) {
  asio::steady_timer pause{executor_};
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // out of descriptors, say: an error that lasts must not spin
      pause.expires_after(kAfterAcceptError);
      [[maybe_unused]] const auto woken = co_await pause.async_wait(kAwait);
      continue;
    }
    if (connections_ >= kMaxConnections) {
      ++refused_;
      continue;  // closed by its destructor
    }
    tasks_.spawn(serve(std::move(socket)));
  }
}

template <class Socket>
Task<> HttpServer::serve(Socket socket) {
  ++connections_;
  Deadline<Socket> deadline{socket};
  std::array<char, 4096> buffer{};
  std::string pending;
  for (bool keep_alive = true; keep_alive;) {
    deadline.within(kPatience);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMaxHeader);
    boost::system::error_code error;
    while (!parser.is_done() && !error) {
      const std::size_t used = parser.put(asio::buffer(pending), error);
      pending.erase(0, used);
      if (error == http::error::need_more) error = {};
      if (parser.is_done() || error) break;
      const auto [read_error, size] = co_await socket.async_read_some(asio::buffer(buffer), kAwait);
      error = read_error;
      pending.append(buffer.data(), size);
    }
    const bool ended =
        error && error.category() != http::make_error_code(http::error::bad_method).category();
    if (ended) break;  // the client went away, or was too slow
    HttpResponse response;
    if (error) {
      response = {.status = 400,
                  .content_type = "text/plain",
                  .body = "bad request: " + error.message() + '\n'};
      keep_alive = false;
    } else {
      const auto& request = parser.get();
      keep_alive = request.keep_alive();
      const std::string_view method{request.method_string().data(), request.method_string().size()};
      const std::string_view target{request.target().data(), request.target().size()};
      response = handler_(request_of(method, target));
    }
    const bool head = !error && parser.get().method() == http::verb::head;
    std::string wire = response_head(response, keep_alive ? Connection::Kept : Connection::Closed);
    if (!head) wire += response.body;
    deadline.within(kPatience);
    const auto [write_error, written] =
        co_await asio::async_write(socket, asio::buffer(wire), kAwait);
    if (write_error) break;
  }
  --connections_;
}

}  // namespace porter::io
