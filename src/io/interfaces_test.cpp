// SPDX-License-Identifier: Apache-2.0
#include "io/interfaces.hpp"

#include <algorithm>

#include <gtest/gtest.h>

namespace porter::io {
namespace {

Address address(std::string_view text) {
  const Result<Address> parsed = Address::parse(text);
  PORTER_ASSERT(parsed.has_value());
  return *parsed;
}

InterfaceAddress entry(std::string name, unsigned index, std::string_view on, unsigned length) {
  const Address there = address(on);
  return {.interface = std::move(name),
          .index = index,
          .address = there,
          .subnet = Prefix{there, length},
          .loopback = index == 1};
}

std::vector<InterfaceAddress> node() {
  return {entry("lo", 1, "127.0.0.1", 8),       entry("lo", 1, "::1", 128),
          entry("eth0", 2, "192.0.2.10", 24),   entry("eth0", 2, "fe80::10", 64),
          entry("eth0", 2, "2001:db8::10", 64), entry("eth1", 3, "198.51.100.10", 24),
          entry("eth1", 3, "fe80::10", 64)};
}

TEST(Interfaces, TheLoopbackIsThere) {
  const Result<std::vector<InterfaceAddress>> all = interface_addresses();
  ASSERT_TRUE(all.has_value());
  const InterfaceAddress* holder = holder_of(*all, address("127.0.0.1"), 0);
  ASSERT_NE(holder, nullptr);
  EXPECT_EQ(to_string(holder->subnet), "127.0.0.0/8");
  EXPECT_TRUE(holder->loopback);
  const Result<unsigned> index = interface_index(holder->interface);
  ASSERT_TRUE(index.has_value());
  EXPECT_EQ(*index, holder->index);
  EXPECT_EQ(interface_name(*index), holder->interface);
  EXPECT_EQ(interface_name(0), "");
  EXPECT_FALSE(interface_index("no-such-one").has_value());
}

TEST(Interfaces, EveryLoopbackAddressIsLocal) {
  const auto all = node();
  EXPECT_EQ(holder_of(all, address("127.9.9.9"), 0), &all[0]);
  EXPECT_EQ(holder_of(all, address("192.0.2.11"), 0), nullptr);
}

TEST(Interfaces, ALinkLocalAddressIsTheOneOfItsInterface) {
  const auto all = node();
  EXPECT_EQ(holder_of(all, address("fe80::10"), 3), &all[6]);
  EXPECT_EQ(holder_of(all, address("fe80::10"), 2), &all[3]);
}

TEST(Interfaces, TheOtherFamilyOfAnInterfaceIsItsGlobalAddress) {
  const auto all = node();
  EXPECT_EQ(global_on(all, 2, Family::V6), &all[4]);
  EXPECT_EQ(global_on(all, 3, Family::V6), nullptr);
}

TEST(Interfaces, ResolvesAddressPrefixAndName) {
  const auto all = node();
  const Address neighbor = address("192.0.2.1");
  EXPECT_EQ(resolve_local(all, "203.0.113.9", neighbor), address("203.0.113.9"));
  EXPECT_EQ(resolve_local(all, "198.51.100.0/24", neighbor), address("198.51.100.10"));
  EXPECT_EQ(resolve_local(all, "198.51.100.7/24", neighbor), address("198.51.100.10"));
  EXPECT_EQ(resolve_local(all, "eth1", neighbor), address("198.51.100.10"));
  EXPECT_EQ(resolve_local(all, "eth0", address("2001:db8::1")), address("2001:db8::10"));
  EXPECT_EQ(resolve_local(all, "eth0", address("fe80::1")), address("fe80::10"));
}

TEST(Interfaces, SaysWhyThereIsNoLocalAddress) {
  const auto all = node();
  const Address v4 = address("192.0.2.1");
  const auto why = [&](std::string_view local, const Address& neighbor) {
    const Result<Address> resolved = resolve_local(all, local, neighbor);
    return resolved ? "resolved" : resolved.error().message;
  };
  EXPECT_EQ(why("2001:db8::10", v4),
            "NoLocalAddress: 2001:db8::10 is not an IPv4 address, as the neighbour's is");
  EXPECT_EQ(why("10.0.0.0/8", v4),
            "NoLocalAddress: no IPv4 address of this node lies in 10.0.0.0/8");
  EXPECT_EQ(why("eth9", v4), "NoLocalAddress: no interface 'eth9' with an address on this node");
  EXPECT_EQ(why("eth1", address("2001:db8::1")),
            "NoLocalAddress: interface 'eth1' has no IPv6 address");
}

}  // namespace
}  // namespace porter::io
