// SPDX-License-Identifier: Apache-2.0
#include "speaker/listener.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <list>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <vector>

#include <gtest/gtest.h>

namespace porter::speaker {
namespace {

namespace asio = boost::asio;
using io::Tcp;

const Address kLocal = Address::v4(0x7F000001);
const Address kClient = Address::v4(0x7F000002);

io::Task<> stop(Listener& listener) {
  co_await listener.stop();
}

// A Listener, and everyone it let in.
class Fixture : public testing::Test {
 protected:
  ~Fixture() override { io::run(context_, stop(listener_)); }

  template <class Condition>
  bool run_until(const Condition& holds) {
    const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!holds()) {
      if (context_.run_one_until(bound) == 0) return false;
    }
    return true;
  }

  void listen_and_wait(const std::vector<Address>& addresses) {
    listener_.listen(addresses, 0);
    ASSERT_TRUE(run_until([&] {
      const std::vector<ListenerStatus> all = listener_.status();
      return std::ranges::all_of(all, &ListenerStatus::open);
    }));
  }

  [[nodiscard]] std::uint16_t port() const { return listener_.status().front().port; }

  // A client that begins to connect; it keeps trying as long as it lives.
  Tcp::socket& dial(const Address& from, const Address& to, std::uint16_t to_port,
                    std::string_view key = std::string_view()) {
    Tcp::socket& socket = clients_.emplace_back(context_, io::endpoint_of(from, 0, 0));
    socket.non_blocking(true);
    if (!key.empty()) {
      EXPECT_TRUE(io::set_md5_key(socket.native_handle(), Prefix::host(to), key).has_value());
    }
    const Tcp::endpoint there = io::endpoint_of(to, to_port, 0);  // Asio's own connect() would wait
    EXPECT_TRUE(::connect(socket.native_handle(), there.data(),
                          static_cast<socklen_t>(there.size())) == 0 ||
                errno == EINPROGRESS);
    return socket;
  }

  asio::io_context context_{1};
  std::vector<Tcp::socket> admitted_;
  std::vector<std::string> said_;
  std::list<Tcp::socket> clients_;
  Listener listener_{context_.get_executor(),
                     [this](Tcp::socket socket) { admitted_.push_back(std::move(socket)); },
                     [this](const std::string& what) { said_.push_back(what); }};
};

using ListenerTest = Fixture;

TEST_F(ListenerTest, WithoutAddressesItListensOnAllOfBothFamilies) {
  listen_and_wait({});
  const std::vector<ListenerStatus> all = listener_.status();
  ASSERT_EQ(all.size(), 2U);
  for (const ListenerStatus& each : all) {
    const Address to = each.address.is_v4() ? kLocal : Address::from_number(Family::V6, 1);
    dial(to, to, each.port);
  }
  EXPECT_TRUE(run_until([&] { return admitted_.size() == 2; }));
  EXPECT_TRUE(said_.empty());
}

TEST_F(ListenerTest, TheSynAckCarriesTtl255) {
  listen_and_wait({kLocal});
  const Tcp::socket& client = dial(kClient, kLocal, port());
  ASSERT_TRUE(run_until([&] { return !admitted_.empty(); }));
  EXPECT_TRUE(client.is_open());
  int ttl = 0;
  socklen_t size = sizeof ttl;
  ASSERT_EQ(::getsockopt(admitted_[0].native_handle(), IPPROTO_IP, IP_TTL, &ttl, &size), 0);
  EXPECT_EQ(ttl, 255);
}

TEST_F(ListenerTest, AKeySetBeforeOrWhileItListensIsDemanded) {
  listener_.set_rules({.keys = {{.peer = Prefix::host(kClient), .password = "right"}}, .ttl = {}});
  listen_and_wait({kLocal});
  dial(kClient, kLocal, port(), "wrong");
  dial(kClient, kLocal, port());
  const Tcp::socket& right = dial(kClient, kLocal, port(), "right");
  ASSERT_TRUE(run_until([&] { return !admitted_.empty(); }));
  EXPECT_EQ(admitted_[0].remote_endpoint(), right.local_endpoint());
  listener_.set_rules({.keys = {{.peer = Prefix::host(kClient), .password = "newer"}}, .ttl = {}});
  dial(kClient, kLocal, port(), "right");
  const Tcp::socket& newer = dial(kClient, kLocal, port(), "newer");
  ASSERT_TRUE(run_until([&] { return admitted_.size() > 1; }));
  EXPECT_EQ(admitted_[1].remote_endpoint(), newer.local_endpoint());
  listener_.set_rules({});
  const Tcp::socket& unsigned_one = dial(kClient, kLocal, port());
  ASSERT_TRUE(run_until([&] { return admitted_.size() > 2; }));
  EXPECT_EQ(admitted_[2].remote_endpoint(), unsigned_one.local_endpoint());
}

TEST_F(ListenerTest, ANeighbourTooFarAwayDoesNotGetThrough) {
  listener_.set_rules({.keys = {}, .ttl = {{.source = Prefix::host(kClient), .min_ttl = 255}}});
  listen_and_wait({kLocal});
  dial(kClient, kLocal, port());
  const Address other = Address::v4(0x7F000003);
  dial(other, kLocal, port());
  ASSERT_TRUE(run_until([&] { return !admitted_.empty(); }));
  EXPECT_EQ(io::address_of(admitted_[0].remote_endpoint().address()), other);
}

TEST_F(ListenerTest, AnAddressThatIsNotHereIsSaidOnceAndTriedAgain) {
  const Address far = Address::v4(0xC0000201);
  listener_.listen({far, kLocal}, 0);
  ASSERT_TRUE(run_until([&] { return listener_.status().size() == 2 && !said_.empty(); }));
  // Three attempts later it still has been said once, and the other address serves.
  const auto later = std::chrono::steady_clock::now() + Listener::kFirstPause * 7;
  asio::steady_timer timer{context_, later};
  bool passed = false;
  timer.async_wait([&](const boost::system::error_code&) { passed = true; });
  ASSERT_TRUE(run_until([&] { return passed; }));
  ASSERT_EQ(said_.size(), 1U);
  EXPECT_EQ(said_[0], "cannot listen on 192.0.2.1:0: that address is not on this node");
  const std::vector<ListenerStatus> all = listener_.status();
  EXPECT_TRUE(all[0].open);
  EXPECT_FALSE(all[1].open);
  EXPECT_EQ(all[1].error, said_[0]);
}

TEST_F(ListenerTest, OnlyWhatChangedIsReopenedAndConnectionsLiveOn) {
  const Address other = Address::v4(0x7F000004);
  listen_and_wait({kLocal, other});
  const std::uint16_t kept = port();
  Tcp::socket& client = dial(kClient, kLocal, kept);
  ASSERT_TRUE(run_until([&] { return !admitted_.empty(); }));
  const Address third = Address::v4(0x7F000005);
  listen_and_wait({kLocal, third});
  const std::vector<ListenerStatus> all = listener_.status();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].address, kLocal);
  EXPECT_EQ(all[0].port, kept);
  EXPECT_EQ(all[0].accepted, 1U);
  listener_.close();
  ASSERT_TRUE(run_until([&] { return listener_.status().empty(); }));
  client.send(asio::buffer("hello", 5));
  std::array<char, 8> buffer{};
  EXPECT_EQ(admitted_[0].receive(asio::buffer(buffer)), 5U);
}

TEST_F(ListenerTest, APortThatIsTakenIsServedOnceItIsFree) {
  std::optional<Tcp::acceptor> other{std::in_place, context_, io::endpoint_of(kLocal, 0, 0)};
  const std::uint16_t taken = other->local_endpoint().port();
  listener_.listen({kLocal}, taken);
  ASSERT_TRUE(run_until([&] { return !said_.empty(); }));
  EXPECT_EQ(said_[0], "cannot listen on 127.0.0.1:" + std::to_string(taken) +
                          ": another program listens there");
  other.reset();
  EXPECT_TRUE(run_until([&] { return listener_.status()[0].open; }));
  EXPECT_EQ(listener_.status()[0].error, "");
}

// The number of descriptors this process may have, cut to what it has, until the end of the scope.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    PORTER_ASSERT(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit now = before_;
    now.rlim_cur = 0;
    PORTER_ASSERT(::setrlimit(RLIMIT_NOFILE, &now) == 0);
  }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
  ~NoMoreDescriptors() { PORTER_ASSERT(::setrlimit(RLIMIT_NOFILE, &before_) == 0); }

 private:
  rlimit before_{};
};

TEST_F(ListenerTest, WithoutDescriptorsItPausesAndGoesOnLater) {
  listen_and_wait({kLocal});
  dial(kClient, kLocal, port());
  {
    const NoMoreDescriptors none;
    ASSERT_TRUE(run_until([&] { return !said_.empty(); }));
    context_.poll();  // would not return if it tried again and again
    EXPECT_EQ(said_.size(), 1U);
  }
  EXPECT_TRUE(run_until([&] { return admitted_.size() == 1; }));
}

}  // namespace
}  // namespace porter::speaker
