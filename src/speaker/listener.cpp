// SPDX-License-Identifier: Apache-2.0
#include "speaker/listener.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/ip/v6_only.hpp>
#include <fmt/format.h>

#include "io/interfaces.hpp"

namespace porter::speaker {
namespace {

namespace asio = boost::asio;
using io::kAwait;

constexpr std::uint8_t kListenTtl = 255;

Failure<> failed(const Address& address, std::uint16_t port,
                 const boost::system::error_code& error) {
  std::string why = io::words(error);
  if (error == asio::error::access_denied && port < 1024) {
    why += "; ports below 1024 need CAP_NET_BIND_SERVICE, or set listenPort";
  } else if (error == asio::error::address_in_use) {
    why = "another program listens there";
  } else if (error == boost::system::errc::address_not_available) {
    why = "that address is not on this node";
  }
  const std::string where =
      address.is_v4() ? to_string(address) : fmt::format("[{}]", to_string(address));
  return fail(Errc::Unavailable, fmt::format("cannot listen on {}:{}: {}", where, port, why));
}

// A link-local address is one only together with its interface.
unsigned scope_for(const Address& address) {
  if (!address.is_v6() || !address.is_link_local()) return 0;
  const Result<std::vector<io::InterfaceAddress>> interfaces = io::interface_addresses();
  const io::InterfaceAddress* holder =
      interfaces ? io::holder_of(*interfaces, address, 0) : nullptr;
  return holder == nullptr ? 0 : holder->index;
}

}  // namespace

struct Listener::Socket {
  Socket(const asio::any_io_executor& executor, const Address& on, std::uint16_t at)
      : address{on}, port{at}, acceptor{executor}, timer{executor} {}

  Address address;
  std::uint16_t port;
  io::Tcp::acceptor acceptor;
  asio::steady_timer timer;
  Duration next_pause = kFirstPause;
  std::map<Prefix, std::string> keys;  // as the kernel has them
  std::string error;
  std::string rule_error;
  std::uint64_t accepted = 0;
  bool retired = false;
};

class Listener::Hold {
 public:
  Hold(Listener& listener, Socket& socket) : listener_{listener}, socket_{socket} {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { listener_.release(socket_); }

 private:
  Listener& listener_;
  Socket& socket_;
};

Listener::Listener(asio::any_io_executor executor, Admit admit, Say say)
    : executor_{std::move(executor)},
      admit_{std::move(admit)},
      say_{std::move(say)},
      tasks_{executor_} {}

Listener::~Listener() = default;

void Listener::listen(const std::vector<Address>& addresses, std::uint16_t port) {
  std::vector<Address> wanted = addresses;
  if (wanted.empty()) wanted = {Address::v4(0), Address::v6(Address::Octets{})};
  for (const auto& socket : sockets_) {
    if (socket->retired) continue;
    if (socket->port != port || !std::erase(wanted, socket->address)) retire(*socket);
  }
  std::ranges::sort(wanted);
  wanted.erase(std::ranges::unique(wanted).begin(), wanted.end());
  for (const Address& address : wanted) {
    sockets_.push_back(std::make_unique<Socket>(executor_, address, port));
    tasks_.spawn(serve(*sockets_.back()));
  }
}

void Listener::close() {
  for (const auto& socket : sockets_)
    retire(*socket);
}

void Listener::set_rules(ListenRules rules) {
  rules_ = std::move(rules);
  for (const auto& socket : sockets_) {
    if (socket->acceptor.is_open()) apply_rules(*socket);
  }
}

io::Task<> Listener::stop() {
  close();
  co_await tasks_.stop();
}

std::vector<ListenerStatus> Listener::status() const {
  std::vector<ListenerStatus> all;
  for (const auto& socket : sockets_) {
    if (socket->retired) continue;
    ListenerStatus status;
    status.address = socket->address;
    status.port = socket->port;
    status.open = socket->acceptor.is_open();
    boost::system::error_code error;
    const io::Tcp::endpoint local = socket->acceptor.local_endpoint(error);
    if (!error) status.port = local.port();
    status.error = socket->error.empty() ? socket->rule_error : socket->error;
    status.accepted = socket->accepted;
    all.push_back(std::move(status));
  }
  return all;
}

io::Task<> Listener::serve(Socket& socket) {
  const Hold hold{*this, socket};
  while (!socket.retired) {
    if (socket.timer.expiry() > Clock::now()) {  // pause() was called
      [[maybe_unused]] const auto woken = co_await socket.timer.async_wait(kAwait);
      continue;
    }
    if (!socket.acceptor.is_open()) {
      const Result<void> opened = open(socket);
      if (!opened) pause(socket, opened.error().message);
      continue;
    }
    io::Tcp::socket connection{executor_};
    const auto [error] = co_await socket.acceptor.async_accept(connection, kAwait);
    if (!socket.retired) accepted(socket, error, std::move(connection));
  }
}

// A lasting error (EMFILE, ENFILE, ENOBUFS, ENOMEM) comes back at once, for ever: so every error
// pauses, but for a connection its peer gave up.
void Listener::accepted(Socket& socket, const boost::system::error_code& error,
                        io::Tcp::socket connection) {
  if (error == asio::error::operation_aborted || error == asio::error::connection_aborted) return;
  if (error) {
    pause(socket, fmt::format("cannot accept connections: {}", io::words(error)));
    return;
  }
  say(socket, {});
  ++socket.accepted;
  socket.next_pause = kFirstPause;
  admit_(std::move(connection));
}

Result<void> Listener::open(Socket& socket) {
  const bool v4 = socket.address.is_v4();
  boost::system::error_code error;
  const auto give_up = [&] {
    boost::system::error_code ignored;  // the first error is the one to tell
    socket.acceptor.close(ignored);
    return failed(socket.address, socket.port, error);
  };
  socket.acceptor.open(v4 ? io::Tcp::v4() : io::Tcp::v6(), error);
  if (error) return give_up();
  socket.acceptor.set_option(io::Tcp::acceptor::reuse_address{true}, error);
  if (!error && !v4) socket.acceptor.set_option(asio::ip::v6_only{true}, error);
  if (error) return give_up();
  Result<void> limited =
      io::set_ttl(socket.acceptor.native_handle(), socket.address.family(), kListenTtl);
  if (!limited) {
    socket.acceptor.close(error);
    return limited;
  }
  socket.keys.clear();
  apply_rules(socket);
  socket.acceptor.bind(io::endpoint_of(socket.address, socket.port, scope_for(socket.address)),
                       error);
  if (!error) socket.acceptor.listen(kBacklog, error);
  if (error) return give_up();
  socket.next_pause = kFirstPause;
  say(socket, {});
  return {};
}

void Listener::apply_rules(Socket& socket) {
  std::string error = apply_keys(socket);
  const Result<void> filtered =
      io::set_ttl_rules(socket.acceptor.native_handle(), socket.address.family(), rules_.ttl);
  if (!filtered) error = filtered.error().message;
  if (!error.empty() && error != socket.rule_error && say_) say_(error);
  socket.rule_error = std::move(error);
}

// Removes before it adds: the kernel's room for keys is small.
std::string Listener::apply_keys(Socket& socket) {
  std::map<Prefix, std::string> wanted;
  for (const Md5Key& key : rules_.keys) {
    if (key.peer.family() == socket.address.family()) wanted[key.peer] = key.password;
  }
  const int handle = socket.acceptor.native_handle();
  std::string error;
  std::erase_if(socket.keys, [&](const auto& installed) {
    if (wanted.contains(installed.first)) return false;
    const Result<void> removed = io::set_md5_key(handle, installed.first, {});
    if (!removed) error = removed.error().message;
    return true;
  });
  for (const auto& [peer, password] : wanted) {
    const auto installed = socket.keys.find(peer);
    if (installed != socket.keys.end() && installed->second == password) continue;
    const Result<void> set = io::set_md5_key(handle, peer, password);
    if (set) {
      socket.keys[peer] = password;
    } else {
      error = set.error().message;
    }
  }
  return error;
}

void Listener::pause(Socket& socket, const std::string& why) {
  say(socket, why);
  socket.timer.expires_after(socket.next_pause);
  socket.next_pause = std::min<Duration>(socket.next_pause * 2, kLongestPause);
}

void Listener::say(Socket& socket, const std::string& error) {
  if (error == socket.error) return;
  socket.error = error;
  if (!error.empty() && say_) say_(error);
}

void Listener::retire(Socket& socket) {
  socket.retired = true;
  boost::system::error_code ignored;  // serve() is woken by it
  socket.acceptor.close(ignored);
  socket.timer.cancel();
}

void Listener::release(const Socket& socket) {
  std::erase_if(sockets_, [&](const auto& each) { return each.get() == &socket; });
}

}  // namespace porter::speaker
