// SPDX-License-Identifier: Apache-2.0
#include "base/address.hpp"

#include <rapidcheck.h>
#include <unordered_set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter {
namespace {

Address addr(std::string_view text) {
  return Address::parse(text).value();
}

Address arbitrary_address() {
  if (*rc::gen::arbitrary<bool>()) return Address::v4(*rc::gen::arbitrary<std::uint32_t>());
  Address::Octets octets{};
  // Many zeros, so that every shape of "::" appears.
  for (std::uint8_t& octet : octets) {
    octet = *rc::gen::weightedOneOf<std::uint8_t>(
        {{3, rc::gen::just<std::uint8_t>(0)}, {1, rc::gen::arbitrary<std::uint8_t>()}});
  }
  return Address::v6(octets);
}

TEST(Address, ReadsAndWritesIpv4) {
  EXPECT_EQ(addr("192.0.2.17"), Address::v4(0xc0000211U));
  EXPECT_EQ(to_string(Address::v4(0xc0000211U)), "192.0.2.17");
  EXPECT_EQ(to_string(addr("0.0.0.0")), "0.0.0.0");
  EXPECT_EQ(to_string(addr("255.255.255.255")), "255.255.255.255");
  EXPECT_EQ(addr("1.2.3.4").v4_bits(), 0x01020304U);
  EXPECT_EQ(addr("1.2.3.4").octets().size(), 4U);
  const std::array<std::uint8_t, 4> octets{1, 2, 3, 4};
  EXPECT_EQ(Address::v4(octets), addr("1.2.3.4"));
}

TEST(Address, WritesIpv6AsRfc5952) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::0:1", "2001:db8::1"},
      {"2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // one group alone is not shortened
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},           // the longest run
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},     // the first of equals
      {"0:0:0:1:0:0:0:0", "0:0:0:1::"},
      {"fe80:0:0:0:1:2:3:4", "fe80::1:2:3:4"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"::ffff:c000:201", "::ffff:192.0.2.1"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
  };
  for (const auto& [text, expected] : cases) {
    const Result<Address> address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), expected);
  }
}

TEST(Address, RefusesWhatIsAlmostAnAddress) {
  for (const std::string_view text : {"",
                                      " ",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.256",
                                      "01.2.3.4",
                                      "1.2.3.04",
                                      "1..3.4",
                                      "1.2.3.",
                                      ".1.2.3",
                                      "1.2.3.4 ",
                                      " 1.2.3.4",
                                      "1.2.3.0x4",
                                      "+1.2.3.4",
                                      "1.2.3.-4",
                                      "1.2.3.4/24",
                                      "a.b.c.d",
                                      ":",
                                      ":::",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1::2::3",
                                      "12345::",
                                      "g::",
                                      "::1%eth0",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "1:2:3:4::5:6:7:8",
                                      ":1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:",
                                      "::1.2.3",
                                      "::1.2.3.4:5",
                                      "1.2.3.4::",
                                      "::01.2.3.4",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "::+1",
                                      "::-1",
                                      "[::1]",
                                      "0x1::"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_EQ(Address::parse("192.0.2.300").error().message,
            "192.0.2.300: not an IPv4 or IPv6 address");
  EXPECT_LT(Address::parse(std::string(100'000, '1')).error().message.size(), 200U);
}

TEST(Address, KnowsWhatKindItIs) {
  EXPECT_TRUE(addr("::").is_unspecified());
  EXPECT_TRUE(addr("0.0.0.0").is_unspecified());
  EXPECT_FALSE(addr("0.0.0.1").is_unspecified());
  EXPECT_TRUE(addr("127.9.9.9").is_loopback());
  EXPECT_TRUE(addr("::1").is_loopback());
  EXPECT_FALSE(addr("::2").is_loopback());
  EXPECT_TRUE(addr("224.0.0.5").is_multicast());
  EXPECT_TRUE(addr("239.255.255.255").is_multicast());
  EXPECT_FALSE(addr("240.0.0.0").is_multicast());
  EXPECT_TRUE(addr("ff02::1").is_multicast());
  EXPECT_TRUE(addr("169.254.1.1").is_link_local());
  EXPECT_TRUE(addr("fe80::1").is_link_local());
  EXPECT_TRUE(addr("febf::1").is_link_local());
  EXPECT_FALSE(addr("fec0::1").is_link_local());
}

TEST(Address, OrdersIpv4BeforeIpv6ThenByNumber) {
  EXPECT_LT(addr("255.255.255.255"), addr("::"));
  EXPECT_LT(addr("9.0.0.0"), addr("10.0.0.0"));
  EXPECT_LT(addr("2001:db8::9"), addr("2001:db8::10"));
}

TEST(Address, HashTellsFamiliesApart) {
  EXPECT_NE(std::hash<Address>{}(addr("0.0.0.1")), std::hash<Address>{}(addr("::1")));
  std::unordered_set<std::size_t> hashes;
  for (std::uint32_t i = 0; i < 4096; ++i) {
    hashes.insert(std::hash<Address>{}(Address::v4(0x0a000000U + i)) % 65536);
  }
  EXPECT_GT(hashes.size(), 3800U);  // 4096 keys into 65536 places leave about 3970 distinct ones
}

RC_GTEST_PROP(Address, ParseUndoesToString, ()) {
  const Address address = arbitrary_address();
  RC_ASSERT(Address::parse(to_string(address)).value() == address);
}

RC_GTEST_PROP(Address, FromNumberUndoesNumber, ()) {
  const Address address = arbitrary_address();
  RC_ASSERT(Address::from_number(address.family(), address.number()) == address);
}

RC_GTEST_PROP(Address, ParsesAnyTextWithoutHarm, (const std::string& text)) {
  const Result<Address> address = Address::parse(text);
  if (address) RC_ASSERT(Address::parse(to_string(*address)).value() == *address);
}

TEST(Prefix, ClearsHostBitsAndKnowsWhatItContains) {
  const Prefix prefix{addr("192.0.2.77"), 24};
  EXPECT_EQ(to_string(prefix), "192.0.2.0/24");
  EXPECT_TRUE(prefix.contains(addr("192.0.2.255")));
  EXPECT_FALSE(prefix.contains(addr("192.0.3.0")));
  EXPECT_FALSE(prefix.contains(addr("::")));
  EXPECT_TRUE(Prefix::host(addr("::1")).is_host());
  EXPECT_EQ(to_string(Prefix::host(addr("::1"))), "::1/128");
  EXPECT_FALSE(prefix.is_host());
}

TEST(Prefix, OfLengthZeroContainsItsWholeFamily) {
  const Prefix all_v4;
  EXPECT_EQ(to_string(all_v4), "0.0.0.0/0");
  EXPECT_TRUE(all_v4.contains(addr("255.255.255.255")));
  EXPECT_FALSE(all_v4.contains(addr("::1")));
  const Prefix all_v6 = Prefix::parse("::/0").value();
  EXPECT_TRUE(all_v6.contains(addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
  EXPECT_FALSE(all_v6.contains(addr("1.1.1.1")));
}

TEST(Prefix, ParsesStrictly) {
  EXPECT_EQ(Prefix::parse("192.0.2.1").value(), Prefix::host(addr("192.0.2.1")));
  EXPECT_EQ(Prefix::parse("192.0.2.1/24").error().message,
            "192.0.2.1/24: bits are set beyond the prefix length; meant 192.0.2.0/24?");
  EXPECT_EQ(to_string(Prefix::parse("192.0.2.1/24", Prefix::HostBits::Clear).value()),
            "192.0.2.0/24");
  EXPECT_EQ(Prefix::parse("192.0.2.0/33").error().message,
            "192.0.2.0/33: prefix length must be 0 to 32");
  for (const std::string_view text :
       {"::/129", "::/", "::/-1", "::/01", "/24", "1.2.3.4/255.255.255.0", "::/1/2"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

TEST(PrefixDeathTest, RefusesALengthItsFamilyDoesNotHave) {
  EXPECT_DEATH((Prefix{Address{}, 33}), "does not hold");
}

RC_GTEST_PROP(Prefix, ParseUndoesToString, ()) {
  const Address address = arbitrary_address();
  const unsigned length = *rc::gen::inRange(0U, bits_of(address.family()) + 1);
  const Prefix prefix{address, length};
  RC_ASSERT(Prefix::parse(to_string(prefix)).value() == prefix);
  RC_ASSERT(prefix.contains(address));
  RC_ASSERT(Range{prefix}.contains(address));
}

TEST(Range, ReadsSinglePrefixAndInterval) {
  const Range prefix = Range::parse("192.0.2.7/24").value();
  EXPECT_EQ(prefix.first(), addr("192.0.2.0"));
  EXPECT_EQ(prefix.last(), addr("192.0.2.255"));
  EXPECT_EQ(Range::parse("192.0.2.9").value(), Range{addr("192.0.2.9")});
  const Range interval = Range::make(addr("192.0.2.1"), addr("192.0.2.9")).value();
  EXPECT_EQ(Range::parse("192.0.2.1-192.0.2.9").value(), interval);
  EXPECT_EQ(Range::parse(" 192.0.2.1 - 192.0.2.9 ").value(), interval);
  EXPECT_EQ(Range::parse("2001:db8::1-2001:db8::ff").value().span(), Uint128{0xfe});
}

TEST(Range, SaysWhatIsWrong) {
  EXPECT_EQ(Range::parse("192.0.2.9-192.0.2.1").error().message,
            "192.0.2.9-192.0.2.1: the end lies before the beginning");
  EXPECT_EQ(Range::parse("192.0.2.9-::1").error().message,
            "192.0.2.9-::1: both ends must be of one family");
  for (const std::string_view text : {"", "-", "1.2.3.4-", "-1.2.3.4", "1.2.3.4-5",
                                      "1.2.3.4/24-1.2.3.9", "1.2.3.4--1.2.3.5", "lan"}) {
    EXPECT_FALSE(Range::parse(text)) << text;
  }
}

TEST(Range, OfTheWholeSpaceIsBounded) {
  const Range all = Range::parse("::/0").value();
  EXPECT_EQ(all.span(), ~Uint128{0});
  EXPECT_EQ(to_string(all.span()), "340282366920938463463374607431768211455");
  EXPECT_TRUE(all.contains(addr("ffff::")));
  EXPECT_EQ(Range::parse("0.0.0.0/0").value().span(), Uint128{0xffffffffU});
  EXPECT_EQ(to_string(all), "::/0");
  EXPECT_EQ(to_string(Range::parse("0.0.0.0/0").value()), "0.0.0.0/0");
}

TEST(Range, KnowsWhatItOverlaps) {
  const Range range = Range::parse("10.0.0.10-10.0.0.20").value();
  EXPECT_TRUE(range.overlaps(Range::parse("10.0.0.20-10.0.0.30").value()));
  EXPECT_TRUE(range.overlaps(Range::parse("10.0.0.0/24").value()));
  EXPECT_TRUE(Range::parse("10.0.0.0/24").value().overlaps(range));
  EXPECT_FALSE(range.overlaps(Range::parse("10.0.0.21").value()));
  EXPECT_FALSE(range.overlaps(Range::parse("::/0").value()));
}

TEST(Range, IsWrittenInItsShortestForm) {
  EXPECT_EQ(to_string(Range::parse("10.0.0.0-10.0.0.255").value()), "10.0.0.0/24");
  EXPECT_EQ(to_string(Range::parse("10.0.0.1-10.0.1.0").value()), "10.0.0.1-10.0.1.0");
  EXPECT_EQ(to_string(Range::parse("10.0.0.7/32").value()), "10.0.0.7");
}

RC_GTEST_PROP(Range, ParseUndoesToString, ()) {
  const Address one = arbitrary_address();
  const Address other = arbitrary_address();
  RC_PRE(one.family() == other.family());
  const Range range = Range::make(std::min(one, other), std::max(one, other)).value();
  RC_ASSERT(Range::parse(to_string(range)).value() == range);
}

TEST(Uint128, IsWrittenInDecimal) {
  EXPECT_EQ(to_string(Uint128{0}), "0");
  EXPECT_EQ(to_string(Uint128{1} << 64U), "18446744073709551616");
}

TEST(AsnAndRouterId, AreWrittenAsAsplainAndDottedQuad) {
  EXPECT_EQ(to_string(Asn{4'294'967'295U}), "4294967295");
  EXPECT_EQ(to_string(RouterId{0x0a000001U}), "10.0.0.1");
  EXPECT_EQ(to_string(Family::V4), "IPv4");
  EXPECT_EQ(to_string(Family::V6), "IPv6");
}

}  // namespace
}  // namespace porter
