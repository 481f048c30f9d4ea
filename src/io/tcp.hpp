// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "base/address.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"
#include "io/task_group.hpp"

// What a TCP socket of a routing protocol needs beyond Asio: signatures (RFC 2385), the TTL rules
// of RFC 5082, a bounded send queue, and errors in words. All on the native handle, all of Linux.
namespace porter::io {

using Tcp = asio::ip::tcp;

[[nodiscard]] Address address_of(const asio::ip::address& address);  // IPv4-mapped becomes IPv4
[[nodiscard]] Tcp::endpoint endpoint_of(const Address& address, std::uint16_t port, unsigned scope);
// Where to listen, "ADDRESS:PORT"; no address: all of them, as the IPv6 wildcard.
[[nodiscard]] Result<Tcp::endpoint> listen_endpoint(const std::string& text);
// "eth0" of a link-local peer; 0 where the endpoint has no scope.
[[nodiscard]] unsigned scope_of(const Tcp::endpoint& endpoint);

// "connection refused", "no route to host": the kernel's words, as part of a sentence.
[[nodiscard]] std::string words(const boost::system::error_code& error);

// A session's socket: no delay, and at most 64 KiB unsent in the kernel. Without TCP_NOTSENT_LOWAT
// it takes megabytes for a peer that never reads, and what a route was is what that peer would
// hear.
inline constexpr int kUnsentLimit = 64 * 1024;
[[nodiscard]] Result<void> prepare_session(int socket);

// RFC 2385. An empty key removes the one that is there. On a listener before the peer's SYN, on a
// dialling socket before connect(), on a connection at any time: it survives once both ends have
// changed. A prefix shorter than a host needs a listener. The address family is that of the socket:
// IPv4 keys on a dual-stack socket are refused by the kernel.
inline constexpr std::size_t kLongestKey = 80;  // TCP_MD5SIG_MAXKEYLEN
[[nodiscard]] Result<void> set_md5_key(int socket, const Prefix& peer, std::string_view key);

// Of what we send.
[[nodiscard]] Result<void> set_ttl(int socket, Family family, std::uint8_t ttl);
// RFC 5082 §3: the kernel drops segments that came with less. 0: takes all.
[[nodiscard]] Result<void> set_min_ttl(int socket, Family family, std::uint8_t min_ttl);

// RFC 5082 for a listener with many neighbours. IP_MINTTL is one number per socket, and set after
// accept() it leaves a window in which a stranger's bytes are already queued. So the listener
// carries a packet filter: segments from `source` below `min_ttl` are dropped, all others pass. A
// connection inherits it from its first moment, SYN and handshake included; once IP_MINTTL is set
// on the connection, clear_ttl_rules() takes it off again. No rules: no filter. Limited by
// BPF_MAXINSNS: 682 IPv4 or 341 IPv6 neighbours.
struct TtlRule {
  Prefix source;
  std::uint8_t min_ttl = 0;
  friend bool operator==(const TtlRule&, const TtlRule&) = default;
};
[[nodiscard]] Result<void> set_ttl_rules(int socket, Family family, std::vector<TtlRule> rules);
void clear_ttl_rules(int socket);

// One sendmsg() that never blocks and raises no signal. 0 with no error: the kernel can take none
// now.
struct Sent {
  std::size_t octets = 0;
  boost::system::error_code error;
};
[[nodiscard]] Sent send_some(int socket, std::span<const Bytes> spans, std::size_t budget);

// One recv() that never blocks. `end`: the peer sent FIN.
struct Got {
  std::size_t octets = 0;
  bool end = false;
  boost::system::error_code error;
};
[[nodiscard]] Got receive_some(int socket, std::span<std::uint8_t> buffer);

// The kernel drops segments with a wrong signature in silence and counts them here, for all sockets
// of the network namespace together.
struct Md5Counters {
  std::uint64_t not_found = 0;   // we expect a signature, none came
  std::uint64_t unexpected = 0;  // a signature came, we expect none
  std::uint64_t failure = 0;     // signed with another key
  friend bool operator==(const Md5Counters&, const Md5Counters&) = default;
};
[[nodiscard]] Md5Counters parse_md5_counters(
    std::string_view netstat);             // the text of /proc/net/netstat
[[nodiscard]] Md5Counters md5_counters();  // zeros where it cannot be read
// "the router signs with another password"; empty when nothing was dropped in between.
[[nodiscard]] std::string md5_hint(const Md5Counters& before, const Md5Counters& after);

}  // namespace porter::io
