// SPDX-License-Identifier: Apache-2.0
#include "kube/dial.hpp"

#include <array>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>

#include "io/tcp.hpp"
#include "kube/http_answer.hpp"

namespace porter::kube {
namespace {

namespace asio = io::asio;
using Endpoints = std::vector<Tcp::endpoint>;
using Milliseconds = std::chrono::milliseconds;

// Where the resolver leaves its answer: getaddrinfo() cannot be cut short, so nobody waits for it
// longer than they want to, and an answer that comes too late finds only this.
struct Resolving {
  explicit Resolving(const asio::any_io_executor& executor)
      : resolver{executor}, ready{executor, asio::steady_timer::time_point::max()} {}
  Tcp::resolver resolver;
  asio::steady_timer ready;
  bool is_done = false;
  boost::system::error_code error;
  Endpoints found;
};

void start_resolving(const std::shared_ptr<Resolving>& slot, const HostPort& at) {
  slot->resolver.async_resolve(
      at.host, std::to_string(at.port),
      [slot](const boost::system::error_code& error, const Tcp::resolver::results_type& results) {
        slot->error = error;
        for (const auto& entry : results)
          slot->found.push_back(entry.endpoint());
        slot->is_done = true;
        slot->ready.cancel();
      });
}

io::Task<Result<Endpoints>> resolve(HostPort at, Milliseconds limit) {
  boost::system::error_code error;
  const auto literal = asio::ip::make_address(at.host, error);
  if (!error) co_return Endpoints(1, Tcp::endpoint(literal, at.port));
  const auto executor = co_await asio::this_coro::executor;
  const auto slot = std::make_shared<Resolving>(executor);
  slot->ready.expires_after(limit);
  start_resolving(slot, at);
  [[maybe_unused]] const auto woken = co_await slot->ready.async_wait(io::kAwait);
  if (!slot->is_done) {
    slot->resolver.cancel();
    co_return fail(Errc::Unavailable,
                   fmt::format("{}: no answer from DNS within {} ms", at.host, limit.count()));
  }
  if (slot->error || slot->found.empty()) {
    co_return fail(
        Errc::Unavailable,
        fmt::format("{}: {}", at.host, slot->error ? io::words(slot->error) : "has no address"));
  }
  co_return std::move(slot->found);
}

// A server that is gone without a word is noticed within about a minute, also by a watch that has
// nothing to say.
void prepare(Tcp::socket& socket) {
  boost::system::error_code ignored;  // what cannot be set costs seconds, not correctness
  socket.set_option(Tcp::no_delay{true}, ignored);
  socket.set_option(asio::socket_base::keep_alive{true}, ignored);
  const auto set = [&](int option, int value) {
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, 20);
  set(TCP_KEEPINTVL, 10);
  set(TCP_KEEPCNT, 3);
  set(TCP_USER_TIMEOUT, 45'000);
}

io::Task<Result<Tcp::socket>> connect(HostPort at, Milliseconds limit, Endpoints endpoints) {
  const auto executor = co_await asio::this_coro::executor;
  std::string why;
  for (const Tcp::endpoint& endpoint : endpoints) {
    Tcp::socket socket{executor};
    boost::system::error_code error;
    socket.open(endpoint.protocol(), error);
    bool is_late = false;
    if (!error) {
      TimeLimit time{socket};
      time.within(limit);
      const auto [refused] = co_await socket.async_connect(endpoint, io::kAwait);
      error = refused;
      is_late = time.is_over();
    }
    if (!error) {
      prepare(socket);
      co_return socket;
    }
    const std::string words =
        is_late ? fmt::format("no answer within {} ms", limit.count()) : io::words(error);
    if (why.find(words) == std::string::npos) why += (why.empty() ? "" : "; ") + words;
  }
  co_return fail(Errc::Unavailable, fmt::format("{}: {}", to_string(at), why));
}

std::string connect_request(const Route& route) {
  const std::string at = to_string(route.server.at);
  std::string text = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\nUser-Agent: porter/{1}\r\n",
                                 at, PORTER_VERSION);
  if (!route.proxy->authorization.empty())
    text += fmt::format("Proxy-Authorization: {}\r\n", route.proxy->authorization);
  return text + "\r\n";
}

// RFC 9110 §9.3.6: after a 2xx answer the connection is the server's.
io::Task<Result<void>> ask_proxy(Link& link, const Route& route, Milliseconds limit) {
  TimeLimit time{link.socket()};
  time.within(limit);
  const std::string request = connect_request(route);
  std::string why = co_await link.write(request);
  HttpAnswer answer{HttpAnswer::Body::None};
  std::array<char, 1024> buffer{};
  const std::span<char> whole{buffer};
  while (why.empty() && !answer.is_done()) {
    // One octet at a time near the end would be exact; servers that speak first do not exist here.
    const Link::Read read = co_await link.read_some(whole);
    auto taken = answer.take(std::string_view(buffer.data(), read.octets));
    if (taken && read.is_end) taken = answer.end();
    if (!taken) why = taken.error().message;
    if (why.empty()) why = read.error;
  }
  if (time.is_over()) why = fmt::format("no answer within {} ms", limit.count());
  if (why.empty() && answer.status() / 100 != 2) {
    why =
        fmt::format("refuses a connection to {}: {}", to_string(route.server.at), answer.status());
    if (answer.status() == 407) why += ", it wants a user and a password in the proxy's URL";
  }
  if (why.empty()) co_return Result<void>();
  co_return fail(Errc::Unavailable, fmt::format("proxy {}: {}", to_string(route.proxy->at), why));
}

}  // namespace

io::Task<Result<std::unique_ptr<Link>>> dial(const Route& route, const DialLimits& limits,
                                             std::shared_ptr<TlsContext> tls) {
  const HostPort at = route.proxy ? route.proxy->at : route.server.at;
  auto endpoints = co_await resolve(at, limits.resolve);
  if (!endpoints) co_return Failure<>{std::move(endpoints.error())};
  auto socket = co_await connect(at, limits.connect, *std::move(endpoints));
  if (!socket) {
    Error error = std::move(socket.error());
    if (route.proxy) error = std::move(error).within("proxy");
    co_return Failure<>{std::move(error)};
  }
  std::unique_ptr<Link> link = plain_link(*std::move(socket));
  if (route.proxy) {
    const auto opened = co_await ask_proxy(*link, route, limits.proxy);
    if (!opened) co_return Failure<>{opened.error()};
  }
  if (route.server.scheme == Scheme::Http) co_return link;
  Tcp::socket raw = std::move(link->socket());
  auto secured =
      co_await TlsContext::handshake(tls, std::move(raw), route.tls_name, limits.handshake);
  if (!secured) co_return Failure<>{std::move(secured.error()).within(to_string(route.server.at))};
  co_return secured;
}

}  // namespace porter::kube
