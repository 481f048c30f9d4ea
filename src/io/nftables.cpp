// SPDX-License-Identifier: Apache-2.0
#include "io/nftables.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <optional>
#include <span>
#include <sys/socket.h>
#include <sys/time.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace porter::io {
namespace {

constexpr std::string_view kChain = "prerouting";
constexpr std::uint32_t kPriority = static_cast<std::uint32_t>(-100);  // "dstnat"
constexpr std::size_t kAlign = 4;                                      // NLMSG_ALIGNTO, NLA_ALIGNTO
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};

// Messages one behind the other in one buffer, as the kernel wants a transaction. Headers are in
// the byte order of the machine, what nf_tables reads is in that of the network.
class Batch {
 public:
  void begin(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
             std::uint16_t resource = 0) {
    message_ = octets_.size();
    const nlmsghdr header{.nlmsg_len = 0,
                          .nlmsg_type = type,
                          .nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
                          .nlmsg_seq = ++serial_,
                          .nlmsg_pid = 0};
    put(header);
    const nfgenmsg general{
        .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htobe16(resource)};
    put(general);
  }
  void end() { write_length<std::uint32_t>(message_); }

  void text(std::uint16_t type, std::string_view value) {
    const std::size_t at = open(type);
    octets_.insert(octets_.end(), value.begin(), value.end());
    octets_.push_back(0);
    close(at);
  }
  void number(std::uint16_t type, std::uint32_t value) {
    const std::size_t at = open(type);
    ByteWriter{octets_}.put(value);
    close(at);
  }
  void octets(std::uint16_t type, Bytes value) {
    const std::size_t at = open(type);
    octets_.insert(octets_.end(), value.begin(), value.end());
    close(at);
  }
  [[nodiscard]] std::size_t open(std::uint16_t type) {
    const std::size_t at = octets_.size();
    const nlattr header{.nla_len = 0, .nla_type = type};
    put(header);
    return at;
  }
  [[nodiscard]] std::size_t open_nested(std::uint16_t type) {
    return open(static_cast<std::uint16_t>(type | NLA_F_NESTED));
  }
  // The length is without the padding behind it.
  void close(std::size_t attribute) {
    write_length<std::uint16_t>(attribute);
    octets_.resize((octets_.size() + kAlign - 1) / kAlign * kAlign);
  }

  [[nodiscard]] std::uint32_t serial() const { return serial_; }  // of the last message
  [[nodiscard]] Bytes bytes() const { return octets_; }

 private:
  template <class T>
  void put(const T& value) {
    const auto raw = std::as_bytes(std::span{&value, 1});
    for (const std::byte octet : raw)
      octets_.push_back(std::to_integer<std::uint8_t>(octet));
  }
  template <class Length>
  void write_length(std::size_t at) {
    const auto length = static_cast<Length>(octets_.size() - at);
    std::memcpy(octets_.data() + at, &length, sizeof length);
  }

  std::vector<std::uint8_t> octets_;
  std::size_t message_ = 0;
  std::uint32_t serial_ = 0;
};

// One expression of a rule: a name, and what it works on. Values pass through register 1.
class Expression {
 public:
  Expression(Batch& batch, std::string_view name)
      : batch_{batch}, element_{batch.open_nested(NFTA_LIST_ELEM)} {
    batch_.text(NFTA_EXPR_NAME, name);
    data_ = batch_.open_nested(NFTA_EXPR_DATA);
  }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;
  ~Expression() {
    batch_.close(data_);
    batch_.close(element_);
  }
  Expression& number(std::uint16_t type, std::uint32_t value) {
    batch_.number(type, value);
    return *this;
  }
  Expression& value(std::uint16_t type, Bytes octets) {
    const std::size_t at = batch_.open_nested(type);
    batch_.octets(NFTA_DATA_VALUE, octets);
    batch_.close(at);
    return *this;
  }

 private:
  Batch& batch_;
  std::size_t element_;
  std::size_t data_ = 0;
};

void add_compare(Batch& batch, Bytes with) {
  Expression{batch, "cmp"}
      .number(NFTA_CMP_SREG, NFT_REG_1)
      .number(NFTA_CMP_OP, NFT_CMP_EQ)
      .value(NFTA_CMP_DATA, with);
}

void add_meta(Batch& batch, nft_meta_keys key, Bytes is) {
  Expression{batch, "meta"}.number(NFTA_META_DREG, NFT_REG_1).number(NFTA_META_KEY, key);
  add_compare(batch, is);
}

void add_payload(Batch& batch, nft_payload_bases base, std::size_t offset, std::size_t size) {
  Expression{batch, "payload"}
      .number(NFTA_PAYLOAD_DREG, NFT_REG_1)
      .number(NFTA_PAYLOAD_BASE, base)
      .number(NFTA_PAYLOAD_OFFSET, static_cast<std::uint32_t>(offset))
      .number(NFTA_PAYLOAD_LEN, static_cast<std::uint32_t>(size));
}

void add_source(Batch& batch, const Prefix& source) {
  const bool v6 = source.family() == Family::V6;
  const std::size_t size = v6 ? 16 : 4;
  constexpr std::size_t kSourceV4 = 12;  // in the IPv4 header, RFC 791 §3.1
  constexpr std::size_t kSourceV6 = 8;   // in the IPv6 header, RFC 8200 §3
  add_payload(batch, NFT_PAYLOAD_NETWORK_HEADER, v6 ? kSourceV6 : kSourceV4, size);
  if (!source.is_host()) {
    std::array<std::uint8_t, 16> mask{};
    for (unsigned bit = 0; bit < source.length(); ++bit)
      mask[bit / 8] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
    constexpr std::array<std::uint8_t, 16> kNothing{};
    Expression{batch, "bitwise"}
        .number(NFTA_BITWISE_SREG, NFT_REG_1)
        .number(NFTA_BITWISE_DREG, NFT_REG_1)
        .number(NFTA_BITWISE_LEN, static_cast<std::uint32_t>(size))
        .value(NFTA_BITWISE_MASK, Bytes{mask}.first(size))
        .value(NFTA_BITWISE_XOR, Bytes{kNothing}.first(size));
  }
  add_compare(batch, source.address().octets());
}

std::array<std::uint8_t, 2> in_network_order(std::uint16_t port) {
  return {static_cast<std::uint8_t>(port >> 8U), static_cast<std::uint8_t>(port & 0xFFU)};
}

// meta nfproto …, iifname …, ip saddr …, fib daddr type local, tcp dport …, dnat to :…
// The address stays the one that was dialled; `redirect` would make it the interface's first.
void add_rule(Batch& batch, std::string_view table, const Redirect& redirect) {
  const std::uint8_t family = redirect.source.family() == Family::V6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
  batch.begin((NFNL_SUBSYS_NFTABLES << 8U) | NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
              NFPROTO_INET);
  batch.text(NFTA_RULE_TABLE, table);
  batch.text(NFTA_RULE_CHAIN, kChain);
  const std::size_t expressions = batch.open_nested(NFTA_RULE_EXPRESSIONS);
  add_meta(batch, NFT_META_NFPROTO, std::array{family});
  if (!redirect.interface.empty()) {
    std::array<std::uint8_t, 16> name{};  // IFNAMSIZ
    std::memcpy(name.data(), redirect.interface.data(),
                std::min(redirect.interface.size(), name.size() - 1));
    add_meta(batch, NFT_META_IIFNAME, name);
  }
  add_source(batch, redirect.source);
  Expression{batch, "fib"}
      .number(NFTA_FIB_DREG, NFT_REG_1)
      .number(NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE)
      .number(NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  const std::uint32_t local = RTN_LOCAL;  // compared as the machine has it
  std::array<std::uint8_t, sizeof local> as_stored{};
  std::memcpy(as_stored.data(), &local, sizeof local);
  add_compare(batch, as_stored);
  add_meta(batch, NFT_META_L4PROTO, std::array{std::uint8_t{IPPROTO_TCP}});
  add_payload(batch, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);  // destination port, RFC 9293 §3.1
  add_compare(batch, in_network_order(redirect.from));
  Expression{batch, "immediate"}
      .number(NFTA_IMMEDIATE_DREG, NFT_REG_1)
      .value(NFTA_IMMEDIATE_DATA, in_network_order(redirect.to));
  Expression{batch, "nat"}
      .number(NFTA_NAT_TYPE, NFT_NAT_DNAT)
      .number(NFTA_NAT_FAMILY, family)
      .number(NFTA_NAT_REG_PROTO_MIN, NFT_REG_1);
  batch.close(expressions);
  batch.end();
}

void add_table(Batch& batch, std::uint16_t message, std::uint16_t flags, std::string_view table) {
  batch.begin(static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | message), flags,
              NFPROTO_INET);
  batch.text(NFTA_TABLE_NAME, table);
  batch.end();
}

void add_chain(Batch& batch, std::string_view table) {
  batch.begin((NFNL_SUBSYS_NFTABLES << 8U) | NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET);
  batch.text(NFTA_CHAIN_TABLE, table);
  batch.text(NFTA_CHAIN_NAME, kChain);
  const std::size_t hook = batch.open_nested(NFTA_CHAIN_HOOK);
  batch.number(NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
  batch.number(NFTA_HOOK_PRIORITY, kPriority);
  batch.close(hook);
  batch.number(NFTA_CHAIN_POLICY, NF_ACCEPT);
  batch.text(NFTA_CHAIN_TYPE, "nat");
  batch.end();
}

// Made if it is not there, so that it can be deleted; then made as it is to be.
Batch transaction(std::string_view table, const std::vector<Redirect>& redirects) {
  Batch batch;
  batch.begin(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  batch.end();
  add_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
  add_table(batch, NFT_MSG_DELTABLE, redirects.empty() ? NLM_F_ACK : 0, table);
  if (!redirects.empty()) {
    add_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, table);
    for (const Redirect& redirect : redirects) {
      if (&redirect == &redirects.front()) add_chain(batch, table);
      add_rule(batch, table, redirect);
    }
    // The answer to this one says that all was taken.
    add_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, table);
  }
  const std::uint32_t last = batch.serial();
  batch.begin(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  batch.end();
  PORTER_ASSERT(batch.serial() == last + 1);
  return batch;
}

Failure<> refused(std::string_view what, int error) {
  std::string_view hint;
  if (error == EPERM || error == EACCES) hint = "; it takes the capability NET_ADMIN";
  if (error == EPROTONOSUPPORT || error == EAFNOSUPPORT || error == EINVAL)
    hint = "; the kernel has no nf_tables (CONFIG_NF_TABLES)";
  if (error == ENOENT || error == EOPNOTSUPP)
    hint = "; the kernel lacks NAT or fib in nf_tables (modules nft_chain_nat, nft_fib_inet)";
  return fail(Errc::Unavailable, fmt::format("nftables: {}: {}{}", what,
                                             std::generic_category().message(error), hint));
}

class Socket {
 public:
  Socket() : handle_{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)} {
    if (handle_ >= 0) ::setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (handle_ >= 0) ::close(handle_);
  }
  [[nodiscard]] int handle() const { return handle_; }

 private:
  int handle_;
};

// What the kernel says to the transaction: the first error, or that the message `last` was taken.
Result<void> answer_to(const Socket& socket, std::uint32_t last) {
  std::array<std::uint8_t, 16384> buffer{};
  for (;;) {
    const ssize_t size = ::recv(socket.handle(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return refused("no answer", errno);
    std::size_t at = 0;
    while (at + sizeof(nlmsghdr) + sizeof(std::int32_t) <= static_cast<std::size_t>(size)) {
      nlmsghdr header{};
      std::memcpy(&header, buffer.data() + at, sizeof header);
      std::int32_t error = 0;
      std::memcpy(&error, buffer.data() + at + sizeof header, sizeof error);
      if (header.nlmsg_type == NLMSG_ERROR && error != 0) return refused("refused", -error);
      if (header.nlmsg_type == NLMSG_ERROR && header.nlmsg_seq == last) return {};
      at += std::max<std::size_t>((header.nlmsg_len + kAlign - 1) / kAlign * kAlign, kAlign);
    }
  }
}

}  // namespace

Result<void> set_redirects(std::string_view name, const std::vector<Redirect>& redirects) {
  const Socket socket;
  if (socket.handle() < 0) return refused("socket", errno);
  const Batch batch = transaction(name, redirects);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const auto* to = reinterpret_cast<const sockaddr*>(&kernel);  // the sockets API's own idiom
  const Bytes octets = batch.bytes();
  const ssize_t sent =
      ::sendto(socket.handle(), octets.data(), octets.size(), 0, to, sizeof kernel);
  if (sent < 0) return refused("send", errno);
  return answer_to(socket, batch.serial() - 1);
}

}  // namespace porter::io
