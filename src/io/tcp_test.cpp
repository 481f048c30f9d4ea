// SPDX-License-Identifier: Apache-2.0
#include "io/tcp.hpp"

#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <vector>

#include <gtest/gtest.h>

namespace porter::io {
namespace {

constexpr int kBound = 20'000;  // milliseconds, never waited for when all is well

Address address(std::string_view text) {
  const Result<Address> parsed = Address::parse(text);
  PORTER_ASSERT(parsed.has_value());
  return *parsed;
}

bool ready(int socket, short events, int milliseconds) {
  pollfd wanted{.fd = socket, .events = events, .revents = 0};
  return ::poll(&wanted, 1, milliseconds) == 1;
}

Tcp::acceptor listen_on(asio::io_context& context, const Address& on) {
  Tcp::acceptor acceptor{context, endpoint_of(on, 0, 0)};
  acceptor.non_blocking(true);
  return acceptor;
}

Tcp::socket socket_from(asio::io_context& context, const Address& from) {
  Tcp::socket socket{context, endpoint_of(from, 0, 0)};
  socket.non_blocking(true);
  return socket;
}

void begin_connect(Tcp::socket& socket, const Tcp::acceptor& to) {
  const Tcp::endpoint there = to.local_endpoint();  // Asio's own connect() would wait
  ASSERT_TRUE(
      ::connect(socket.native_handle(), there.data(), static_cast<socklen_t>(there.size())) == 0 ||
      errno == EINPROGRESS);
}

Tcp::socket accept_one(Tcp::acceptor& acceptor) {
  EXPECT_TRUE(ready(acceptor.native_handle(), POLLIN, kBound));
  Tcp::socket accepted = acceptor.accept();
  accepted.non_blocking(true);
  return accepted;
}

bool nobody_waits(Tcp::acceptor& acceptor) {
  boost::system::error_code error;
  [[maybe_unused]] const Tcp::socket none = acceptor.accept(error);
  return error == asio::error::would_block;
}

int option(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(::getsockopt(socket, level, name, &value, &size), 0);
  return value;
}

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(Tcp, AddressesTravelThroughAsioAndBack) {
  for (const auto* text : {"192.0.2.1", "2001:db8::1", "fe80::1"}) {
    const Tcp::endpoint endpoint = endpoint_of(address(text), 179, 7);
    EXPECT_EQ(address_of(endpoint.address()), address(text));
    EXPECT_EQ(endpoint.port(), 179);
  }
  EXPECT_EQ(scope_of(endpoint_of(address("fe80::1"), 179, 7)), 7U);
  EXPECT_EQ(address_of(asio::ip::make_address("::ffff:192.0.2.1")), address("192.0.2.1"));
}

TEST(Tcp, SessionsKeepLittleUnsent) {
  asio::io_context context;
  Tcp::socket socket{context, Tcp::v4()};
  const int handle = socket.native_handle();
  ASSERT_TRUE(prepare_session(handle).has_value());
  EXPECT_EQ(option(handle, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option(handle, IPPROTO_TCP, TCP_NOTSENT_LOWAT), kUnsentLimit);
}

TEST(Tcp, SetsTheTtlOfBothFamilies) {
  asio::io_context context;
  Tcp::socket v4{context, Tcp::v4()};
  Tcp::socket v6{context, Tcp::v6()};
  ASSERT_TRUE(set_ttl(v4.native_handle(), Family::V4, 1).has_value());
  ASSERT_TRUE(set_ttl(v6.native_handle(), Family::V6, 255).has_value());
  ASSERT_TRUE(set_min_ttl(v4.native_handle(), Family::V4, 254).has_value());
  ASSERT_TRUE(set_min_ttl(v6.native_handle(), Family::V6, 253).has_value());
  EXPECT_EQ(option(v4.native_handle(), IPPROTO_IP, IP_TTL), 1);
  EXPECT_EQ(option(v6.native_handle(), IPPROTO_IPV6, IPV6_UNICAST_HOPS), 255);
  EXPECT_EQ(option(v4.native_handle(), IPPROTO_IP, IP_MINTTL), 254);
  EXPECT_EQ(option(v6.native_handle(), IPPROTO_IPV6, IPV6_MINHOPCOUNT), 253);
}

TEST(Tcp, TheWrongFamilyIsAnErrorInWords) {
  asio::io_context context;
  Tcp::socket v4{context, Tcp::v4()};
  const Result<void> set =
      set_md5_key(v4.native_handle(), Prefix::host(address("2001:db8::1")), "secret");
  ASSERT_FALSE(set.has_value());
  EXPECT_TRUE(set.error().message.starts_with("TCP MD5 password for 2001:db8::1: "))
      << set.error().message;
}

TEST(Tcp, AKeyHasAtMostEightyOctets) {
  asio::io_context context;
  Tcp::socket v4{context, Tcp::v4()};
  const Prefix peer = Prefix::host(address("127.0.0.2"));
  EXPECT_TRUE(set_md5_key(v4.native_handle(), peer, std::string(80, 'k')).has_value());
  const Result<void> longer = set_md5_key(v4.native_handle(), peer, std::string(81, 'k'));
  ASSERT_FALSE(longer.has_value());
  EXPECT_EQ(longer.error().code, Errc::Invalid);
}

TEST(Tcp, RemovingAKeyThatIsNotThereIsFine) {
  asio::io_context context;
  Tcp::socket v4{context, Tcp::v4()};
  EXPECT_TRUE(set_md5_key(v4.native_handle(), Prefix::host(address("127.0.0.2")), {}).has_value());
}

struct Lan {
  const char* server;
  const char* client;
  const char* other;
  const char* prefix;
};

class TcpOfFamily : public testing::TestWithParam<Lan> {};

INSTANTIATE_TEST_SUITE_P(Both, TcpOfFamily,
                         testing::Values(Lan{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.2/31"},
                                         Lan{"::1", "::1", "::1", "::/64"}));

TEST_P(TcpOfFamily, TheRightKeyConnects) {
  asio::io_context context;
  Tcp::acceptor acceptor = listen_on(context, address(GetParam().server));
  ASSERT_TRUE(
      set_md5_key(acceptor.native_handle(), Prefix::host(address(GetParam().client)), "secret")
          .has_value());
  Tcp::socket client = socket_from(context, address(GetParam().client));
  ASSERT_TRUE(
      set_md5_key(client.native_handle(), Prefix::host(address(GetParam().server)), "secret")
          .has_value());
  begin_connect(client, acceptor);
  EXPECT_TRUE(accept_one(acceptor).is_open());
}

TEST_P(TcpOfFamily, AKeyForAPrefixServesAllInsideIt) {
  asio::io_context context;
  Tcp::acceptor acceptor = listen_on(context, address(GetParam().server));
  const Result<Prefix> prefix = Prefix::parse(GetParam().prefix);
  ASSERT_TRUE(prefix.has_value());
  ASSERT_TRUE(set_md5_key(acceptor.native_handle(), *prefix, "secret").has_value());
  Tcp::socket client = socket_from(context, address(GetParam().client));
  ASSERT_TRUE(
      set_md5_key(client.native_handle(), Prefix::host(address(GetParam().server)), "secret")
          .has_value());
  begin_connect(client, acceptor);
  EXPECT_TRUE(accept_one(acceptor).is_open());
}

TEST_P(TcpOfFamily, ABlindSegmentIsDroppedFromTheFirstMomentOn) {
  asio::io_context context;
  const Address server = address(GetParam().server);
  const Family family = server.family();
  Tcp::acceptor acceptor = listen_on(context, server);
  const TtlRule rule{.source = Prefix::host(address(GetParam().client)), .min_ttl = 255};
  ASSERT_TRUE(set_ttl_rules(acceptor.native_handle(), family, {rule}).has_value());
  Tcp::socket client = socket_from(context, address(GetParam().client));
  ASSERT_TRUE(set_ttl(client.native_handle(), family, 255).has_value());
  begin_connect(client, acceptor);
  ASSERT_TRUE(ready(client.native_handle(), POLLOUT, kBound));
  // Between the handshake and accept(): where IP_MINTTL alone would let it in.
  ASSERT_TRUE(set_ttl(client.native_handle(), family, 64).has_value());
  client.send(asio::buffer("from afar", 9));
  Tcp::socket accepted = accept_one(acceptor);
  std::array<std::uint8_t, 64> buffer{};
  EXPECT_EQ(receive_some(accepted.native_handle(), buffer).octets, 0U);
  // The same octets, sent again by the kernel with a TTL that is enough, are taken.
  ASSERT_TRUE(set_min_ttl(accepted.native_handle(), family, 255).has_value());
  clear_ttl_rules(accepted.native_handle());
  ASSERT_TRUE(set_ttl(client.native_handle(), family, 255).has_value());
  ASSERT_TRUE(ready(accepted.native_handle(), POLLIN, kBound));
  EXPECT_EQ(receive_some(accepted.native_handle(), buffer).octets, 9U);
}

TEST(Tcp, ATtlRuleConcernsItsNeighbourAlone) {
  asio::io_context context;
  Tcp::acceptor acceptor = listen_on(context, address("127.0.0.1"));
  const Result<Prefix> prefix = Prefix::parse("127.0.0.8/29");
  ASSERT_TRUE(prefix.has_value());
  const std::vector<TtlRule> rules{{.source = Prefix::host(address("127.0.0.2")), .min_ttl = 255},
                                   {.source = *prefix, .min_ttl = 255},
                                   {.source = Prefix::host(address("127.0.0.9")), .min_ttl = 10}};
  ASSERT_TRUE(set_ttl_rules(acceptor.native_handle(), Family::V4, rules).has_value());
  std::vector<Tcp::socket> clients;
  for (const auto* from : {"127.0.0.2", "127.0.0.10", "127.0.0.9", "127.0.0.3"}) {
    clients.push_back(socket_from(context, address(from)));  // all with the TTL of 64
    begin_connect(clients.back(), acceptor);
  }
  EXPECT_EQ(address_of(accept_one(acceptor).remote_endpoint().address()), address("127.0.0.9"));
  EXPECT_EQ(address_of(accept_one(acceptor).remote_endpoint().address()), address("127.0.0.3"));
  EXPECT_TRUE(nobody_waits(acceptor));
}

TEST(Tcp, MoreTtlRulesThanAFilterHoldsAreRefused) {
  asio::io_context context;
  Tcp::acceptor acceptor = listen_on(context, address("127.0.0.1"));
  std::vector<TtlRule> rules;
  rules.reserve(1000);
  for (std::uint32_t i = 0; i < 1000; ++i)
    rules.push_back({.source = Prefix::host(Address::v4(i)), .min_ttl = 255});
  const Result<void> set = set_ttl_rules(acceptor.native_handle(), Family::V4, rules);
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code, Errc::Exhausted);
}

TEST(Tcp, SendsWhatManySpansHoldAndNoMoreThanTheBudget) {
  asio::io_context context;
  Tcp::acceptor acceptor = listen_on(context, address("127.0.0.1"));
  Tcp::socket client = socket_from(context, address("127.0.0.1"));
  begin_connect(client, acceptor);
  Tcp::socket accepted = accept_one(acceptor);
  const std::array<Bytes, 3> spans{bytes("one "), bytes("two "), bytes("three")};
  EXPECT_EQ(send_some(client.native_handle(), spans, 6).octets, 6U);
  ASSERT_TRUE(ready(accepted.native_handle(), POLLIN, kBound));
  std::array<std::uint8_t, 64> buffer{};
  const Got got = receive_some(accepted.native_handle(), buffer);
  ASSERT_EQ(got.octets, 6U);
  EXPECT_EQ(std::string(buffer.begin(), buffer.begin() + 6), "one tw");
}

TEST(Tcp, TellsTheEndFromNothing) {
  asio::io_context context;
  Tcp::acceptor acceptor = listen_on(context, address("127.0.0.1"));
  Tcp::socket client = socket_from(context, address("127.0.0.1"));
  begin_connect(client, acceptor);
  Tcp::socket accepted = accept_one(acceptor);
  std::array<std::uint8_t, 8> buffer{};
  const Got nothing = receive_some(accepted.native_handle(), buffer);
  EXPECT_TRUE(nothing.octets == 0 && !nothing.end && !nothing.error);
  client.shutdown(Tcp::socket::shutdown_send);
  ASSERT_TRUE(ready(accepted.native_handle(), POLLIN, kBound));
  EXPECT_TRUE(receive_some(accepted.native_handle(), buffer).end);
}

TEST(Tcp, AResetIsAnErrorInWords) {
  asio::io_context context;
  Tcp::acceptor acceptor = listen_on(context, address("127.0.0.1"));
  Tcp::socket client = socket_from(context, address("127.0.0.1"));
  begin_connect(client, acceptor);
  Tcp::socket accepted = accept_one(acceptor);
  std::array<std::uint8_t, 8> buffer{};
  client.set_option(asio::socket_base::linger{true, 0});
  client.close();  // RST
  ASSERT_TRUE(ready(accepted.native_handle(), POLLERR, kBound));
  EXPECT_EQ(words(receive_some(accepted.native_handle(), buffer).error),
            "connection reset by peer");
}

TEST(Tcp, ReadsTheKernelsSignatureCounters) {
  const Md5Counters counters = parse_md5_counters(
      "TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure\n"
      "TcpExt: 1 2 3 4\n"
      "IpExt: InNoRoutes TCPMD5Failure\n"
      "IpExt: 9 9\n");
  EXPECT_EQ(counters, (Md5Counters{.not_found = 2, .unexpected = 3, .failure = 4}));
  EXPECT_EQ(parse_md5_counters(""), Md5Counters{});
  EXPECT_EQ(parse_md5_counters("TcpExt: TCPMD5Failure\nTcpExt:\n"), Md5Counters{});
}

TEST(Tcp, SaysWhichSideSignsDifferently) {
  const Md5Counters before{.not_found = 1, .unexpected = 1, .failure = 1};
  Md5Counters after = before;
  EXPECT_EQ(md5_hint(before, after), "");
  after.failure = 2;
  EXPECT_EQ(md5_hint(before, after), "the router signs with another password (TCPMD5Failure)");
}

TEST(ListenEndpoint, IsAnAddressAndAPort) {
  EXPECT_EQ(listen_endpoint(":9443")->address(), asio::ip::address_v6::any());
  EXPECT_EQ(listen_endpoint("127.0.0.1:1")->port(), 1);
  EXPECT_EQ(listen_endpoint("[::1]:9443")->address(), asio::ip::address_v6::loopback());
  for (const char* const text : {"9443", "127.0.0.1", "host:1", ":", ":70000", ":1x"})
    EXPECT_FALSE(listen_endpoint(text).has_value()) << text;
}

}  // namespace
}  // namespace porter::io
