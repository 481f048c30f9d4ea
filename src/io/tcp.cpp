// SPDX-License-Identifier: Apache-2.0
#include "io/tcp.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

#include <fmt/format.h>

#include "base/tree.hpp"

namespace porter::io {
namespace {

boost::system::error_code last_error() {
  return {errno, boost::system::system_category()};
}

Errc kind_of(int number) {
  switch (number) {
    case EPERM:
    case EACCES: return Errc::Denied;
    case ENOMEM:
    case ENOBUFS:
    case E2BIG: return Errc::Exhausted;
    case EADDRNOTAVAIL: return Errc::NotFound;
    default: return Errc::Unavailable;
  }
}

Failure<> failed(std::string_view what) {
  const boost::system::error_code error = last_error();
  return fail(kind_of(error.value()), fmt::format("{}: {}", what, words(error)));
}

Result<void> set_option(int socket, int level, int option, int value, std::string_view what) {
  if (::setsockopt(socket, level, option, &value, sizeof value) == 0) return {};
  return failed(what);
}

sockaddr_storage storage_of(const Address& address) {
  sockaddr_storage storage{};
  if (address.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    std::memcpy(&in.sin_addr, address.octets().data(), sizeof in.sin_addr);
    std::memcpy(&storage, &in, sizeof in);
  } else {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    std::memcpy(&in.sin6_addr, address.octets().data(), sizeof in.sin6_addr);
    std::memcpy(&storage, &in, sizeof in);
  }
  return storage;
}

using Program = std::vector<sock_filter>;

sock_filter instruction(unsigned code, std::uint32_t k, std::uint8_t if_true = 0,
                        std::uint8_t if_false = 0) {
  return {.code = static_cast<std::uint16_t>(code), .jt = if_true, .jf = if_false, .k = k};
}

// Offsets of a classic filter are relative to the TCP header; SKF_NET_OFF makes them relative to
// IP's.
std::uint32_t in_ip_header(unsigned offset) {
  return static_cast<std::uint32_t>(SKF_NET_OFF) + offset;
}

// "If the source lies in the prefix: pass when the TTL is enough, drop when it is not"; otherwise
// falls through to what follows.
void append_rule(const TtlRule& rule, Family family, Program& out) {
  const unsigned source_at = family == Family::V4 ? 12 : 8;
  const unsigned ttl_at = family == Family::V4 ? 8 : 7;
  const std::span<const std::uint8_t> octets = rule.source.address().octets();
  std::vector<std::size_t> comparisons;
  for (unsigned word = 0; word * 32 < rule.source.length(); ++word) {
    const unsigned bits = std::min(32U, rule.source.length() - word * 32);
    std::uint32_t wanted = 0;
    for (const std::uint8_t octet : octets.subspan(std::size_t{word} * 4, 4))
      wanted = wanted << 8U | octet;
    out.push_back(instruction(BPF_LD | BPF_W | BPF_ABS, in_ip_header(source_at + word * 4)));
    if (bits < 32)
      out.push_back(instruction(BPF_ALU | BPF_AND | BPF_K, ~std::uint32_t{0} << (32 - bits)));
    comparisons.push_back(out.size());
    out.push_back(instruction(BPF_JMP | BPF_JEQ | BPF_K, wanted));
  }
  out.push_back(instruction(BPF_LD | BPF_B | BPF_ABS, in_ip_header(ttl_at)));
  out.push_back(instruction(BPF_JMP | BPF_JGE | BPF_K, rule.min_ttl, 0, 1));
  out.push_back(instruction(BPF_RET | BPF_K, ~std::uint32_t{0}));
  out.push_back(instruction(BPF_RET | BPF_K, 0));
  for (const std::size_t at : comparisons) {
    out[at].jf = static_cast<std::uint8_t>(out.size() - at - 1);
  }
}

// "Name: word word ..." twice in /proc/net/netstat: the names, then the values.
std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> found;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) found.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return found;
}

}  // namespace

Address address_of(const asio::ip::address& address) {
  if (address.is_v4()) return Address::v4(address.to_v4().to_uint());
  const asio::ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped())
    return Address::v4(asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_uint());
  return Address::v6(v6.to_bytes());
}

Tcp::endpoint endpoint_of(const Address& address, std::uint16_t port, unsigned scope) {
  if (address.is_v4()) return {asio::ip::address_v4{address.v4_bits()}, port};
  asio::ip::address_v6::bytes_type octets{};
  std::ranges::copy(address.octets(), octets.begin());
  return {asio::ip::address_v6{octets, scope}, port};
}

unsigned scope_of(const Tcp::endpoint& endpoint) {
  return endpoint.address().is_v6() ? static_cast<unsigned>(endpoint.address().to_v6().scope_id())
                                    : 0;
}

Result<Tcp::endpoint> listen_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const auto wrong = [&] {
    return fail(Errc::Invalid,
                fmt::format("{}: not ADDRESS:PORT, such as :9443 or [::1]:9443", shown(text)));
  };
  if (colon == std::string::npos) return wrong();
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc{} || stopped != end) return wrong();
  std::string host = text.substr(0, colon);
  if (host.empty()) return Tcp::endpoint{asio::ip::address_v6::any(), port};
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code no_address;
  const auto address = asio::ip::make_address(host, no_address);
  if (no_address) return wrong();
  return Tcp::endpoint{address, port};
}

std::string words(const boost::system::error_code& error) {
  if (error == asio::error::eof) return "closed by the peer";
  std::string text = error.message();
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

Result<void> prepare_session(int socket) {
  Result<void> delay = set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  if (!delay) return delay;
  return set_option(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentLimit, "TCP_NOTSENT_LOWAT");
}

Result<void> set_md5_key(int socket, const Prefix& peer, std::string_view key) {
  static_assert(kLongestKey == TCP_MD5SIG_MAXKEYLEN);
  const std::string what = fmt::format(
      "TCP MD5 password for {}", peer.is_host() ? to_string(peer.address()) : to_string(peer));
  if (key.size() > kLongestKey) {
    return fail(Errc::Invalid, fmt::format("{}: {} octets, at most {} are possible", what,
                                           key.size(), kLongestKey));
  }
  tcp_md5sig signature{};
  signature.tcpm_addr = storage_of(peer.address());
  signature.tcpm_keylen = static_cast<std::uint16_t>(key.size());
  if (!key.empty()) std::memcpy(signature.tcpm_key, key.data(), key.size());
  if (!peer.is_host()) {
    signature.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
    signature.tcpm_prefixlen = static_cast<std::uint8_t>(peer.length());
  }
  const int option = peer.is_host() ? TCP_MD5SIG : TCP_MD5SIG_EXT;
  if (::setsockopt(socket, IPPROTO_TCP, option, &signature, sizeof signature) == 0) return {};
  if (key.empty() && (errno == ENOENT || errno == ENOPROTOOPT)) return {};  // there was none
  if (errno == ENOMEM) {
    return fail(Errc::Exhausted,
                what + ": the kernel has no room for more keys; raise net.core.optmem_max");
  }
  if (errno == ENOPROTOOPT)
    return fail(Errc::Unavailable, what + ": this kernel has no CONFIG_TCP_MD5SIG");
  return failed(what);
}

Result<void> set_ttl(int socket, Family family, std::uint8_t ttl) {
  if (family == Family::V4) return set_option(socket, IPPROTO_IP, IP_TTL, ttl, "IP_TTL");
  return set_option(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl, "IPV6_UNICAST_HOPS");
}

Result<void> set_min_ttl(int socket, Family family, std::uint8_t min_ttl) {
  if (family == Family::V4) return set_option(socket, IPPROTO_IP, IP_MINTTL, min_ttl, "IP_MINTTL");
  return set_option(socket, IPPROTO_IPV6, IPV6_MINHOPCOUNT, min_ttl, "IPV6_MINHOPCOUNT");
}

Result<void> set_ttl_rules(int socket, Family family, std::vector<TtlRule> rules) {
  std::erase_if(rules, [&](const TtlRule& rule) {
    return rule.source.family() != family || rule.min_ttl == 0;
  });
  if (rules.empty()) {
    clear_ttl_rules(socket);
    return {};
  }
  // The first rule that matches decides, so the longest prefix comes first; of equals, the mildest.
  std::ranges::sort(rules, [](const TtlRule& left, const TtlRule& right) {
    if (left.source.length() != right.source.length())
      return left.source.length() > right.source.length();
    return std::pair{left.source, left.min_ttl} < std::pair{right.source, right.min_ttl};
  });
  Program program;
  for (const TtlRule& rule : rules)
    append_rule(rule, family, program);
  program.push_back(instruction(BPF_RET | BPF_K, ~std::uint32_t{0}));
  if (program.size() > BPF_MAXINSNS) {
    return fail(
        Errc::Exhausted,
        fmt::format("ttlSecurity: {} neighbours are more than one filter can hold", rules.size()));
  }
  const sock_fprog attached{.len = static_cast<std::uint16_t>(program.size()),
                            .filter = program.data()};
  if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) == 0)
    return {};
  return failed("ttlSecurity: SO_ATTACH_FILTER");
}

void clear_ttl_rules(int socket) {
  const int unused = 0;
  [[maybe_unused]] const int none_there =
      ::setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
}

Sent send_some(int socket, std::span<const Bytes> spans, std::size_t budget) {
  std::array<iovec, 64> vectors{};
  std::size_t used = 0;
  for (const Bytes span : spans) {
    if (used == vectors.size() || budget == 0) break;
    const std::size_t size = std::min(span.size(), budget);
    // sendmsg() does not write through iov_base, its type is what it is for recvmsg()'s sake.
    vectors[used++] = {.iov_base = const_cast<std::uint8_t*>(span.data()), .iov_len = size};
    budget -= size;
  }
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = used;
  const ssize_t sent = ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return {.octets = static_cast<std::size_t>(sent), .error = {}};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {.octets = 0, .error = last_error()};
}

Got receive_some(int socket, std::span<std::uint8_t> buffer) {
  const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got > 0) return {.octets = static_cast<std::size_t>(got), .end = false, .error = {}};
  if (got == 0) return {.octets = 0, .end = true, .error = {}};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {.octets = 0, .end = false, .error = last_error()};
}

Md5Counters parse_md5_counters(std::string_view netstat) {
  Md5Counters counters;
  std::vector<std::string_view> names;
  while (!netstat.empty()) {
    const std::size_t end = std::min(netstat.find('\n'), netstat.size());
    const std::vector<std::string_view> row = split(netstat.substr(0, end));
    netstat.remove_prefix(std::min(end + 1, netstat.size()));
    if (row.empty() || row[0] != "TcpExt:") continue;
    if (names.empty()) {
      names = row;
      continue;
    }
    for (std::size_t i = 1; i < std::min(names.size(), row.size()); ++i) {
      std::uint64_t value = 0;
      if (std::from_chars(row[i].data(), row[i].data() + row[i].size(), value).ec != std::errc{})
        continue;
      if (names[i] == "TCPMD5NotFound") counters.not_found = value;
      if (names[i] == "TCPMD5Unexpected") counters.unexpected = value;
      if (names[i] == "TCPMD5Failure") counters.failure = value;
    }
  }
  return counters;
}

Md5Counters md5_counters() {
  const std::ifstream file{"/proc/net/netstat"};
  std::ostringstream text;
  text << file.rdbuf();
  return parse_md5_counters(text.str());
}

std::string md5_hint(const Md5Counters& before, const Md5Counters& after) {
  if (after.failure > before.failure)
    return "the router signs with another password (TCPMD5Failure)";
  if (after.not_found > before.not_found)
    return "the router does not sign, a password is set here (TCPMD5NotFound)";
  if (after.unexpected > before.unexpected)
    return "the router signs, no password is set here (TCPMD5Unexpected)";
  return {};
}

}  // namespace porter::io
