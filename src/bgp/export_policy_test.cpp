// SPDX-License-Identifier: Apache-2.0
#include "bgp/export_policy.hpp"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "bgp/mix.hpp"

namespace porter::bgp {
namespace {

const Prefix kV4 = *Prefix::parse("198.51.100.7/32");
const Prefix kV6 = *Prefix::parse("2001:db8::7/128");
const Address kSelf = *Address::parse("192.0.2.250");

Path via(PathId id, std::string_view next_hop) {
  Path path;
  path.id = id;
  path.next_hop = *Address::parse(next_hop);
  return path;
}

std::vector<Path> nodes(PathId count) {
  std::vector<Path> paths;
  for (PathId id = 1; id <= count; ++id)
    paths.push_back(via(id, "192.0.2." + std::to_string(id)));
  return paths;
}

class ExportPolicyTest : public ::testing::Test {
 protected:
  ExportPolicyTest() {
    encoding.local_as = Asn{65000};
    encoding.families = {.v4 = true, .v6 = true};
    encoding.add_path = {.v4 = true, .v6 = true};
    encoding.send_max_v4 = encoding.send_max_v6 = 64;
  }
  std::vector<Exported> told(const std::vector<Path>& paths, const Prefix& prefix = kV4) {
    rib.set(prefix, paths);
    return exported(rib, encoding, prefix);
  }
  std::vector<PathId> ids(const std::vector<Path>& paths) {
    std::vector<PathId> found;
    for (const Exported& path : told(paths))
      found.push_back(path.id);
    return found;
  }

  Rib rib;
  Encoding encoding;
};

TEST_F(ExportPolicyTest, NodesTellsOnePathPerNextHopWithAddPath) {
  EXPECT_EQ(ids(nodes(3)), (std::vector<PathId>{1, 2, 3}));
}

TEST_F(ExportPolicyTest, AFamilyThatWasNotNegotiatedIsNotTold) {
  encoding.families.v4 = false;
  EXPECT_TRUE(told(nodes(3)).empty());
}

TEST_F(ExportPolicyTest, ANextHopOfTheOtherFamilyIsNotTold) {
  EXPECT_TRUE(told({via(1, "2001:db8::1")}).empty());
  EXPECT_TRUE(told({via(1, "192.0.2.1")}, kV6).empty());
  EXPECT_EQ(told({via(1, "2001:db8::1")}, kV6).size(), 1U);
}

TEST_F(ExportPolicyTest, ThePeersOwnAddressIsNotTold) {
  encoding.exclude = *Address::parse("192.0.2.2");
  EXPECT_EQ(ids(nodes(3)), (std::vector<PathId>{1, 3}));
}

TEST_F(ExportPolicyTest, OnlyNextHopsOfTheSharedSubnetAreTold) {
  encoding.shared_v4 = *Prefix::parse("192.0.2.2/31");
  EXPECT_EQ(ids(nodes(4)), (std::vector<PathId>{2, 3}));
}

TEST_F(ExportPolicyTest, SelfTellsOnlyItsOwnPath) {
  encoding.mode = Encoding::Mode::Self;
  encoding.self_v4 = kSelf;
  std::vector<Path> paths = nodes(3);
  EXPECT_TRUE(told(paths).empty());
  paths[1].own = true;
  ASSERT_EQ(told(paths).size(), 1U);
  EXPECT_EQ(told(paths)[0].id, 2U);
  EXPECT_EQ(told(paths)[0].next_hop, paths[1].next_hop);
  paths[1].own_address = true;
  EXPECT_EQ(told(paths)[0].next_hop, kSelf);
  encoding.add_path = {};
  EXPECT_EQ(told(paths)[0].id, 0U);
  encoding.self_v4.reset();
  EXPECT_TRUE(told(paths).empty());
}

TEST_F(ExportPolicyTest, NodesAnnouncesItsOwnPathWithTheSessionsAddressToo) {
  encoding.self_v4 = kSelf;
  std::vector<Path> paths = nodes(2);
  paths[0].own = paths[0].own_address = true;
  EXPECT_EQ(told(paths)[0].next_hop, kSelf);
  EXPECT_EQ(told(paths)[1].next_hop, paths[1].next_hop);
}

TEST_F(ExportPolicyTest, BeyondSendMaxAllSpeakersChooseTheHighestRanksOfTheirNextHops) {
  encoding.send_max_v4 = 3;
  std::vector<std::pair<std::uint64_t, PathId>> ranks;
  for (const Path& path : nodes(20))
    ranks.emplace_back(Mix{}.add(kV4).add(path.next_hop).value(), path.id);
  std::ranges::sort(ranks, std::greater{});
  std::vector<PathId> best{ranks[0].second, ranks[1].second, ranks[2].second};
  std::ranges::sort(best);
  EXPECT_EQ(ids(nodes(20)), best);
  encoding.speaker = 99;
  EXPECT_EQ(ids(nodes(20)), best);
}

TEST_F(ExportPolicyTest, ALostNextHopMovesOnlyThePrefixesThatUsedIt) {
  encoding.add_path = {};
  std::vector<Path> fewer = nodes(8);
  fewer.erase(fewer.begin() + 2);
  for (std::uint32_t i = 0; i < 200; ++i) {
    const Prefix prefix = Prefix::host(Address::v4(0x0a000000U + i));
    const Exported before = told(nodes(8), prefix).at(0);
    const Exported after = told(fewer, prefix).at(0);
    if (before.next_hop != nodes(8)[2].next_hop) {
      EXPECT_EQ(before, after);
    }
  }
}

TEST_F(ExportPolicyTest, WithoutAddPathSpeakersAndPrefixesSpread) {
  encoding.add_path = {};
  std::map<Address, int> uses;
  for (std::uint64_t speaker = 1; speaker <= 4; ++speaker) {
    encoding.speaker = speaker;
    for (std::uint32_t i = 0; i < 100; ++i) {
      const auto paths = told(nodes(4), Prefix::host(Address::v4(0x0a000000U + i)));
      ASSERT_EQ(paths.size(), 1U);
      EXPECT_EQ(paths[0].id, 0U);
      ++uses[paths[0].next_hop];
    }
  }
  ASSERT_EQ(uses.size(), 4U);
  for (const auto& [next_hop, count] : uses)
    EXPECT_NEAR(count, 100, 40) << to_string(next_hop);
}

// Speakers of different versions must agree: these values are part of the protocol between them.
TEST(Mix, NeverChangesItsValues) {
  EXPECT_EQ(Mix{}.add(kV4).add(kSelf).value(), 0x7ea6289f7d081234U);
  EXPECT_EQ(Mix{}.add(kV6).add(*Address::parse("2001:db8::1")).value(), 0x893208cbea114cf1U);
}

TEST_F(ExportPolicyTest, APathWhoseAttributesFillAMessageIsNotTold) {
  std::vector<Path> paths = nodes(1);
  paths[0].attributes.communities.resize(1100);
  for (std::uint32_t i = 0; i < 1100; ++i)
    paths[0].attributes.communities[i] = i;
  EXPECT_TRUE(told(paths).empty());
  encoding.message_size = kMaxExtendedMessage;
  EXPECT_EQ(told(paths).size(), 1U);
}

TEST(AttributesOf, ExternalPeersGetOurAsAndNoLocalPref) {
  Encoding encoding;
  encoding.local_as = Asn{65000};
  PathAttributes path;
  path.prepend = 2;
  path.med = 7;
  const Attributes attributes = attributes_of(encoding, path, kSelf);
  EXPECT_EQ(attributes.as_path, (AsPath{{.numbers = {Asn{65000}, Asn{65000}, Asn{65000}}}}));
  EXPECT_EQ(attributes.med, 7U);
  EXPECT_EQ(attributes.origin, Origin::Igp);
  EXPECT_EQ(attributes.next_hop, kSelf);
  EXPECT_FALSE(attributes.local_pref);
}

TEST(AttributesOf, AnAsPathOf256NumbersHasTwoSegments) {
  Encoding encoding;
  encoding.local_as = Asn{65000};
  PathAttributes path;
  path.prepend = 255;
  const AsPath as_path = attributes_of(encoding, path, kSelf).as_path.value();
  ASSERT_EQ(as_path.size(), 2U);
  EXPECT_EQ(as_path[0].numbers.size() + as_path[1].numbers.size(), 256U);
}

TEST(AttributesOf, InternalPeersGetAnEmptyAsPathAndLocalPref) {
  Encoding encoding;
  encoding.kind = PeerKind::Internal;
  PathAttributes path;
  path.local_pref = 150;
  const Attributes attributes = attributes_of(encoding, path, kSelf);
  EXPECT_EQ(attributes.as_path, AsPath{});
  EXPECT_EQ(attributes.local_pref, 150U);
}

TEST(AttributesOf, GracefulShutdownAddsItsCommunityOnceAndZeroesLocalPref) {
  Encoding encoding;
  encoding.kind = PeerKind::Internal;
  encoding.graceful_shutdown = true;
  PathAttributes path;
  path.communities = {1, 0xffff0000U, 0xffffff01U};
  const Attributes attributes = attributes_of(encoding, path, kSelf);
  EXPECT_EQ(attributes.communities, (std::vector<std::uint32_t>{1, 0xffff0000U, 0xffffff01U}));
  EXPECT_EQ(attributes.local_pref, 0U);
  encoding.kind = PeerKind::External;
  EXPECT_FALSE(attributes_of(encoding, path, kSelf).local_pref);
}

TEST_F(ExportPolicyTest, AnIpv6NextHopForIpv4IsToldOnlyToWhomTakesIt) {  // RFC 8950 §4
  const std::vector<Path> paths{via(1, "192.0.2.1"), via(2, "2001:db8::2")};
  EXPECT_EQ(ids(paths), std::vector<PathId>{1});
  encoding.extended_next_hop = true;
  EXPECT_EQ(ids(paths), (std::vector<PathId>{1, 2}));
  encoding.shared_v6 = Prefix::parse("2001:db8:1::/64").value();
  EXPECT_EQ(ids(paths), std::vector<PathId>{1});
  EXPECT_TRUE(told({via(1, "192.0.2.1")}, kV6).empty());
}

TEST_F(ExportPolicyTest, WithoutAnIpv4AddressOfItsOwnTheSessionTellsTheIpv6One) {
  Path own = via(1, "0.0.0.0");
  own.own = own.own_address = true;
  encoding.mode = Encoding::Mode::Self;
  encoding.self_v6 = Address::parse("fe80::1").value();
  EXPECT_TRUE(told({own}).empty());
  encoding.extended_next_hop = true;
  ASSERT_EQ(told({own}).size(), 1U);
  EXPECT_EQ(told({own}).front().next_hop, *encoding.self_v6);
  encoding.self_v4 = kSelf;
  EXPECT_EQ(told({own}).front().next_hop, kSelf);
}

TEST(ExportPolicy, WhomWeAreProviderOfMayPassRoutesOnToCustomersAlone) {  // RFC 9234 §5
  Encoding encoding;
  encoding.local_as = Asn{65'000};
  EXPECT_FALSE(attributes_of(encoding, {}, kSelf).only_to_customer);
  encoding.only_to_customer = true;
  EXPECT_EQ(attributes_of(encoding, {}, kSelf).only_to_customer, Asn{65'000});
}

TEST(ExportPolicy, TheWeightIsALinkBandwidthOfSoManyMegabits) {
  PathAttributes path;
  path.weight = 2;
  path.large_communities = {{.global = 1, .local1 = 2, .local2 = 3}};
  Encoding encoding;
  encoding.local_as = Asn{65'000};
  using Octets = std::array<std::uint8_t, 8>;
  // 250,000 octets a second, IEEE 754: 0x48742400.
  Attributes told = attributes_of(encoding, path, Address::v4(1));
  EXPECT_EQ(told.extended_communities,
            (std::vector<Octets>{{0x00, 0x04, 0xfd, 0xe8, 0x48, 0x74, 0x24, 0x00}}));
  EXPECT_EQ(told.large_communities, path.large_communities);
  encoding.kind = PeerKind::Internal;
  encoding.local_as = Asn{4'200'000'000};
  told = attributes_of(encoding, path, Address::v4(1));
  EXPECT_EQ(told.extended_communities,
            (std::vector<Octets>{{0x40, 0x04, 0x5b, 0xa0, 0x48, 0x74, 0x24, 0x00}}));
  path.weight = 0;
  EXPECT_TRUE(attributes_of(encoding, path, Address::v4(1)).extended_communities.empty());
}

}  // namespace
}  // namespace porter::bgp
