// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

// What both ends of the rig share: the clock, sockets, and as much of BGP as they need (RFC 4271,
// IPv4 unicast, 4-octet AS numbers). Nothing of Porter's is in it: what measures it must not share
// its faults.
namespace rig {

using Octets = std::vector<std::uint8_t>;

constexpr std::uint32_t kDaemon = 0x0a000001U;      // 10.0.0.1, AS 65000
constexpr std::uint32_t kFirstPeer = 0x0a000101U;   // 10.0.1.1 and those that follow, AS 65001
constexpr std::uint32_t kFirstRoute = 0x64400000U;  // route i is 100.64.0.0 + i, a /32
constexpr std::uint16_t kPort = 179;
constexpr std::size_t kHeader = 19;
constexpr std::size_t kLongest = 4096;
enum MessageType : std::uint8_t { kOpen = 1, kUpdate = 2, kNotification = 3, kKeepalive = 4 };

[[noreturn]] inline void die(const char* what) {
  (void)std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(2);
}

// Nanoseconds of CLOCK_MONOTONIC, which all processes of the rig share.
inline std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

inline std::uint32_t number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  if (error != std::errc{} || end != text.end()) die(std::string{text}.c_str());
  return value;
}

inline int tcp_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // accepted sockets inherit it
  return fd;
}

// Calls bind() or connect().
template <class Call>
int with_address(const Call& call, int fd, std::uint32_t address, std::uint16_t port) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(address);
  in.sin_port = htons(port);
  sockaddr generic{};
  std::memcpy(&generic, &in, sizeof in);
  return call(fd, &generic, sizeof in);
}

inline void watch(int poll, int operation, int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(poll, operation, fd, &event) < 0) die("epoll_ctl");
}

inline std::uint16_t read16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8U | at[1]);
}
inline std::uint32_t read32(const std::uint8_t* at) {
  return std::uint32_t{read16(at)} << 16U | read16(at + 2);
}
inline void put8(Octets& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value));
}
inline void put16(Octets& out, std::size_t value) {
  put8(out, value >> 8U);
  put8(out, value);
}
inline void put32(Octets& out, std::size_t value) {
  put16(out, value >> 16U);
  put16(out, value);
}
inline void put(Octets& out, const Octets& more) {
  out.insert(out.end(), more.begin(), more.end());
}

inline Octets message(MessageType type, const Octets& body) {
  Octets out(16, 0xff);
  put16(out, kHeader + body.size());
  put8(out, type);
  put(out, body);
  return out;
}

// IPv4 unicast, route refresh, graceful restart (who hears of it sends End-of-RIB), 4-octet ASes.
inline Octets open_message(std::uint32_t asn, std::uint32_t id, std::uint32_t hold) {
  Octets capabilities = {1, 4, 0, 1, 0, 1, 2, 0, 64, 6, 0, 120, 0, 1, 1, 0, 65, 4};
  put32(capabilities, asn);
  Octets body = {4};
  put16(body, asn);
  put16(body, hold);
  put32(body, id);
  put8(body, capabilities.size() + 2);
  put8(body, 2);
  put8(body, capabilities.size());
  put(body, capabilities);
  return message(kOpen, body);
}

// What arrived of a stream of messages.
class Inbox {
 public:
  // Reads once and hands every whole message to take(message, its length), until that returns
  // false. False: the stream has ended, or is none of BGP.
  template <class Take>
  bool read_from(int fd, const Take& take) {
    const ssize_t got = read(fd, octets_.data() + size_, octets_.size() - size_);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    size_ += static_cast<std::size_t>(got);
    std::size_t at = 0;
    while (size_ - at >= kHeader) {
      const std::uint8_t* begin = octets_.data() + at;
      const std::size_t length = read16(begin + 16);
      if (length < kHeader || length > kLongest) return false;
      if (size_ - at < length) break;
      if (!take(begin, length)) return false;
      at += length;
    }
    std::copy(octets_.begin() + static_cast<std::ptrdiff_t>(at),
              octets_.begin() + static_cast<std::ptrdiff_t>(size_), octets_.begin());
    size_ -= at;
    return true;
  }
  void clear() { size_ = 0; }

 private:
  Octets octets_ = Octets(std::size_t{256} << 10U);
  std::size_t size_ = 0;
};

}  // namespace rig
