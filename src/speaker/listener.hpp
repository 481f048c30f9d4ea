// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/task_group.hpp"
#include "io/tcp.hpp"
#include "plan/fact.hpp"

namespace porter::speaker {

struct Md5Key {
  Prefix peer;
  std::string password;
};

// What the kernel is to check before a connection reaches us: RFC 2385 and RFC 5082, by neighbour.
struct ListenRules {
  std::vector<Md5Key> keys;
  std::vector<io::TtlRule> ttl;
};

// What people ask about one listening socket.
struct ListenerStatus {
  Address address;
  std::uint16_t port = 0;  // the one it got, where 0 was asked for
  bool open = false;
  std::string error;  // why it is not open, why it could not accept, or what rule it could not take
  std::uint64_t accepted = 0;
};

// The listening sockets of the process: one per wanted address, or one per family for all
// addresses. Two families are two sockets, since an IPv4 key on a dual-stack socket is EINVAL. They
// send TTL 255 always: the SYN-ACK takes the listener's, and an RFC 5082 neighbour would drop
// anything less.
//
// Rules are on the socket before it listens and follow while it does. An address that is not on
// this node yet, a port that is taken, descriptors that ran out: said once, tried again with a
// growing pause, never spun on. Whoever is accepted goes to `admit`, which decides and owns.
// Connections live on when a listener goes.
class Listener {
 public:
  using Admit = std::function<void(io::Tcp::socket)>;
  using Say = std::function<void(const std::string& warning)>;

  Listener(io::asio::any_io_executor executor, Admit admit, Say say);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  // What is wanted from now on; sockets that stay the same stay open. No addresses: all of both
  // families.
  void listen(const std::vector<Address>& addresses, std::uint16_t port);
  void close();
  void set_rules(ListenRules rules);
  // Ends what runs. Awaited before the Listener is destroyed.
  io::Task<> stop();

  [[nodiscard]] std::vector<ListenerStatus> status() const;

  static constexpr int kBacklog = 128;
  static constexpr std::chrono::milliseconds kFirstPause{100};
  static constexpr std::chrono::milliseconds kLongestPause{10'000};

 private:
  struct Socket;
  class Hold;

  io::Task<> serve(Socket& socket);
  [[nodiscard]] Result<void> open(Socket& socket);
  void apply_rules(Socket& socket);
  [[nodiscard]] std::string apply_keys(Socket& socket);
  void accepted(Socket& socket, const boost::system::error_code& error, io::Tcp::socket connection);
  void pause(Socket& socket, const std::string& why);
  void say(Socket& socket, const std::string& error);
  void retire(Socket& socket);
  void release(const Socket& socket);

  io::asio::any_io_executor executor_;
  Admit admit_;
  Say say_;
  ListenRules rules_;
  std::list<std::unique_ptr<Socket>> sockets_;  // those that are on their way out too
  io::TaskGroup tasks_;
};

}  // namespace porter::speaker
