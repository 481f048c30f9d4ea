// SPDX-License-Identifier: Apache-2.0
#include "cli/client.hpp"

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

namespace porter::cli {
namespace {

namespace http = boost::beast::http;
namespace json = boost::json;

constexpr std::array kUsualSockets{"/run/porter/porter.sock", "/var/lib/porter/porter.sock"};
constexpr std::uint64_t kMaxAnswer = 256ULL << 20U;

class Socket {
 public:
  Socket() : descriptor_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

Failure<> unreachable(const std::string& socket) {
  return fail(Errc::Unavailable, socket + ": " +
                                     std::error_code{errno, std::system_category()}.message() +
                                     "; is porter running, and is this its socket (--socket)?");
}

bool send_all(int descriptor, std::string_view data) {
  while (!data.empty()) {
    const ssize_t sent = ::send(descriptor, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

Tree tree_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return {};
    case json::kind::bool_: return {value.get_bool()};
    case json::kind::int64: return {static_cast<std::int64_t>(value.get_int64())};
    case json::kind::uint64: return {static_cast<std::uint64_t>(value.get_uint64())};
    case json::kind::double_: return Tree::number(fmt::format("{}", value.get_double()));
    case json::kind::string: {
      const json::string& text = value.get_string();
      return {std::string_view{text.data(), text.size()}};
    }
    case json::kind::array: {
      Tree list = Tree::list();
      for (const json::value& item : value.get_array())
        list.push(tree_of(item));
      return list;
    }
    case json::kind::object: {
      Tree map = Tree::map();
      for (const auto& [key, item] : value.get_object())
        map.set(std::string{key.data(), key.size()}, tree_of(item));
      return map;
    }
  }
  return {};
}

}  // namespace

Result<Answer> get(const std::string& socket, const std::string& target) {
  const Socket connection;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof(address.sun_path)) {
    return fail(Errc::Invalid, socket + ": longer than a Unix socket's path may be (107 octets)");
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(connection.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(connection.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const auto* where = reinterpret_cast<const sockaddr*>(&address);  // the sockets API's own idiom
  if (::connect(connection.descriptor(), where, sizeof address) != 0) return unreachable(socket);
  const std::string request =
      "GET " + target + " HTTP/1.1\r\nHost: porter\r\nConnection: close\r\n\r\n";
  if (!send_all(connection.descriptor(), request)) return unreachable(socket);

  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxAnswer);
  parser.eager(true);
  std::string pending;
  std::array<char, 65536> buffer{};
  while (!parser.is_done()) {
    boost::system::error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(pending), error);
    pending.erase(0, used);
    if (error && error != http::error::need_more) {
      return fail(Errc::Unavailable, socket + ": not an answer of porter: " + error.message());
    }
    if (parser.is_done()) break;
    const ssize_t size = ::recv(connection.descriptor(), buffer.data(), buffer.size(), 0);
    if (size < 0) return unreachable(socket);
    if (size == 0) return fail(Errc::Unavailable, socket + ": the connection ended in the middle");
    pending.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return Answer{.status = parser.get().result_int(), .body = std::move(parser.get().body())};
}

Result<std::string> find_socket(const std::string& given) {
  if (!given.empty()) return given;
  std::string looked;
  for (const char* path : kUsualSockets) {
    std::error_code ignored;
    if (std::filesystem::is_socket(path, ignored)) return std::string{path};
    looked += looked.empty() ? path : std::string{" or "} + path;
  }
  return fail(Errc::Unavailable,
              "no porter found at " + looked +
                  "; say where with --socket STATE/porter.sock, or name a cluster with "
                  "--kubeconfig FILE");
}

Result<Tree> parse_json(const std::string& text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return fail(Errc::Invalid, "not JSON: " + error.message());
  return tree_of(value);
}

std::string percent_encoded(const std::string& text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (std::isalnum(octet) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      out += {'%', kHex[octet >> 4U], kHex[octet & 15U]};
    }
  }
  return out;
}

}  // namespace porter::cli
