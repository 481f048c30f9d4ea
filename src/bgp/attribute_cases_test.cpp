// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bgp/test_update.hpp"

// Every attribute with every way of being wrong that RFC 7606 §7 and its successors name.
namespace porter::bgp {
namespace {

using namespace wire;  // NOLINT(google-build-using-namespace): the rows are written in its words

class PathAttribute : public testing::TestWithParam<UpdateCase> {};

TEST_P(PathAttribute, HasItsOutcome) {
  for (const PeerKind kind : {PeerKind::External, PeerKind::Internal}) {
    if (GetParam().kind.value_or(kind) == kind) {
      EXPECT_EQ(judge(GetParam(), kind), "") << (kind == PeerKind::Internal ? "iBGP" : "eBGP");
    }
  }
}

// The good set with one more attribute, or with one replaced.
UpdateCase more(std::string_view id, std::string_view title, const Octets& attribute,
                const Expect& expect, std::optional<PeerKind> kind = std::nullopt) {
  return {.id = id,
          .title = title,
          .body = announce(join({base(), attribute})),
          .expect = expect,
          .kind = kind};
}
UpdateCase instead(std::string_view id, std::string_view title, std::uint8_t type,
                   const Octets& attribute, const Expect& expect) {
  return {.id = id,
          .title = title,
          .body = announce(join({base_without(type), attribute})),
          .expect = expect};
}

std::vector<std::uint32_t> peer_and(std::size_t count, std::uint32_t number) {
  std::vector<std::uint32_t> numbers(count, number);
  numbers.insert(numbers.begin(), kPeerAs);
  return numbers;
}

std::vector<UpdateCase> well_known_cases() {
  const auto origin_as = [](std::string_view id, std::string_view title, std::uint8_t flags,
                            const Octets& value) {
    return instead(id, title, 1, attribute(flags, 1, value), kWithdrawn);
  };
  const auto path_of = [](std::string_view id, std::string_view title, const Octets& segments,
                          const Expect& expect) {
    return instead(id, title, 2, path(segments), expect);
  };
  const auto hop = [](std::string_view id, std::string_view title, const Octets& attribute,
                      const Expect& expect) { return instead(id, title, 3, attribute, expect); };
  const Octets good = segment(2, {kPeerAs});
  return {
      origin_as("ATT-01", "ORIGIN length 0", kWellKnown, {}),
      origin_as("ATT-02", "ORIGIN length 2", kWellKnown, {0, 0}),
      origin_as("ATT-03", "ORIGIN 3", kWellKnown, {3}),
      origin_as("ATT-04", "ORIGIN 255", kWellKnown, {255}),
      origin_as("ATT-05", "ORIGIN optional transitive", kOptionalTransitive, {0}),
      origin_as("ATT-06", "ORIGIN without flags", 0, {0}),
      origin_as("ATT-07", "ORIGIN optional", kOptionalOnly, {0}),
      path_of("ATT-10", "AS_PATH segment type 0", segment(0, {kPeerAs}), kWithdrawn),
      path_of("ATT-11", "AS_PATH segment type 5", segment(5, {kPeerAs}), kWithdrawn),
      path_of("ATT-12", "AS_PATH segment type 255", segment(255, {kPeerAs}), kWithdrawn),
      path_of("ATT-13", "AS_PATH segment overruns", {2, 5, 0, 0, 0, 1}, kWithdrawn),
      path_of("ATT-14", "AS_PATH empty segment", join({good, {2, 0}}), kWithdrawn),
      path_of("ATT-16", "AS_PATH stray octet", join({good, {2}}), kWithdrawn),
      path_of("ATT-18", "AS_PATH of two octet numbers", segment(2, {kPeerAs}, AsWidth::Two),
              kWithdrawn),
      instead("ATT-19", "AS_PATH flags", 2, attribute(kOptionalTransitive, 2, good), kWithdrawn),
      path_of("ATT-21", "AS_PATH with AS 0", segment(2, {kPeerAs, 0, 65000}), kWithdrawn),
      path_of("ATT-22", "AS_PATH empty", {}, kAccepted),
      path_of("ATT-24", "AS_SET", join({good, segment(1, {64512, 64513})}), kWithdrawn),
      path_of("ATT-25", "AS_CONFED_SEQUENCE", segment(3, {kPeerAs}), kWithdrawn),
      path_of("ATT-26", "AS_CONFED_SET", join({good, segment(4, {64512})}), kWithdrawn),
      path_of("ATT-28", "AS_PATH with 255 numbers", segment(2, peer_and(254, 64600)), kAccepted),
      path_of("ATT-29", "AS_PATH with 1000 numbers", repeat(segment(2, peer_and(249, 64601)), 4),
              kAccepted),
      path_of("ATT-30", "AS_CONFED_SEQUENCE with 255 numbers", segment(3, peer_and(254, 64600)),
              kWithdrawn),
      path_of("ATT-31", "AS_PATH with AS_TRANS and the last AS",
              segment(2, {kPeerAs, kAsTrans, 0xffff'ffff}), kAccepted),
      path_of("XMG-04", "AS_PATH with 12000 numbers", repeat(segment(2, peer_and(254, 64700)), 47),
              kAccepted),
      path_of("LOOP-1", "AS_PATH with our AS", segment(2, {kPeerAs, kOwnAs}), kRefused),
      hop("ATT-33", "NEXT_HOP length 0", attribute(kWellKnown, 3, {}), kWithdrawn),
      hop("ATT-34", "NEXT_HOP length 3", attribute(kWellKnown, 3, {192, 0, 2}), kWithdrawn),
      hop("ATT-35", "NEXT_HOP length 5", attribute(kWellKnown, 3, {192, 0, 2, 1, 0}), kWithdrawn),
      hop("ATT-36", "NEXT_HOP length 16", attribute(kWellKnown, 3, address(kNextHop6)), kWithdrawn),
      hop("ATT-37", "NEXT_HOP flags", attribute(kOptionalTransitive, 3, address(kNextHop)),
          kWithdrawn),
      hop("ATT-38", "NEXT_HOP 0.0.0.0", next_hop("0.0.0.0"), kRefused),
      hop("ATT-39", "NEXT_HOP 127.0.0.1", next_hop("127.0.0.1"), kRefused),
      hop("ATT-40", "NEXT_HOP 224.0.0.1", next_hop("224.0.0.1"), kRefused),
      hop("ATT-41", "NEXT_HOP 255.255.255.255", next_hop("255.255.255.255"), kRefused),
      hop("ATT-42", "NEXT_HOP is our own", next_hop("192.0.2.2"), kRefused),
      hop("ATT-43", "NEXT_HOP off the subnet", next_hop("198.51.100.77"), kAccepted),
  };
}

INSTANTIATE_TEST_SUITE_P(WellKnown, PathAttribute, testing::ValuesIn(well_known_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

std::vector<UpdateCase> optional_cases() {
  static constexpr auto kExternal = PeerKind::External;
  static constexpr auto kInternal = PeerKind::Internal;
  const auto wrong = [](std::string_view id, std::string_view title, std::uint8_t flags,
                        std::uint8_t type, const Octets& value) {
    return more(id, title, attribute(flags, type, value), kWithdrawn);
  };
  const auto dropped = [](std::string_view id, std::string_view title, std::uint8_t flags,
                          std::uint8_t type, const Octets& value) {
    return more(id, title, attribute(flags, type, value), kDiscarded);
  };
  return {
      wrong("ATT-45", "MED length 3", kOptionalOnly, 4, {0, 0, 1}),
      wrong("ATT-47", "MED transitive", kOptionalTransitive, 4, u32(1)),
      wrong("ATT-48", "MED well-known", kWellKnown, 4, u32(1)),
      more("ATT-49", "LOCAL_PREF from outside", local_pref(), kDiscarded, kExternal),
      more("ATT-50", "LOCAL_PREF length 3 from outside", attribute(kWellKnown, 5, {0, 0, 1}),
           kDiscarded, kExternal),
      more("ATT-51", "LOCAL_PREF length 3 from inside", attribute(kWellKnown, 5, {0, 0, 1}),
           kWithdrawn, kInternal),
      more("ATT-52", "LOCAL_PREF from inside", local_pref(), kAccepted, kInternal),
      more("ATT-53", "LOCAL_PREF missing from inside", {}, kAccepted, kInternal),
      dropped("ATT-54", "ATOMIC_AGGREGATE length 1", kWellKnown, 6, {0}),
      dropped("ATT-56", "ATOMIC_AGGREGATE flags", kOptionalTransitive, 6, {}),
      dropped("ATT-57", "AGGREGATOR length 6", kOptionalTransitive, 7, {253, 231, 192, 0, 2, 1}),
      dropped("ATT-58", "AGGREGATOR length 0", kOptionalTransitive, 7, {}),
      dropped("ATT-59", "AGGREGATOR length 5", kOptionalTransitive, 7, {0, 0, 0, 100, 0}),
      dropped("ATT-60", "AGGREGATOR flags", kWellKnown, 7, join({u32(64999), u32(1)})),
      dropped("ATT-61", "AGGREGATOR AS 0", kOptionalTransitive, 7, join({u32(0), u32(1)})),
      wrong("ATT-63", "COMMUNITIES length 0", kOptionalTransitive, 8, {}),
      wrong("ATT-64", "COMMUNITIES length 3", kOptionalTransitive, 8, {255, 255, 0}),
      wrong("ATT-65", "COMMUNITIES length 5", kOptionalTransitive, 8, {255, 255, 0, 1, 0}),
      wrong("ATT-66", "COMMUNITIES flags", kOptionalOnly, 8, u32(0x10001)),
      more("ATT-67", "900 communities",
           attribute(kOptionalTransitive, 8, repeat(u32(0xfc000000), 900)), kAccepted),
      more("ATT-68", "ORIGINATOR_ID from outside", attribute(kOptionalOnly, 9, {10, 0, 0, 9}),
           kDiscarded, kExternal),
      more("ATT-69", "ORIGINATOR_ID length 3 from outside", attribute(kOptionalOnly, 9, {10, 0, 0}),
           kDiscarded, kExternal),
      more("ATT-70", "ORIGINATOR_ID length 3 from inside", attribute(kOptionalOnly, 9, {10, 0, 0}),
           kWithdrawn, kInternal),
      more("ATT-71", "CLUSTER_LIST from outside", attribute(kOptionalOnly, 10, {10, 0}), kDiscarded,
           kExternal),
      more("ATT-72", "CLUSTER_LIST length 5 from inside",
           attribute(kOptionalOnly, 10, {10, 0, 0, 1, 0}), kWithdrawn, kInternal),
      more("ATT-73", "CLUSTER_LIST length 0 from inside", attribute(kOptionalOnly, 10, {}),
           kWithdrawn, kInternal),
      more("ATT-74", "CLUSTER_LIST of 500 entries from inside",
           attribute(kOptionalOnly, 10, repeat({10, 0, 0, 2}, 500)), kAccepted, kInternal),
      wrong("ATT-75", "EXTENDED COMMUNITIES length 0", kOptionalTransitive, 16, {}),
      wrong("ATT-76", "EXTENDED COMMUNITIES length 7", kOptionalTransitive, 16, Octets(7, 0)),
      wrong("ATT-78", "EXTENDED COMMUNITIES flags", kOptionalOnly, 16, Octets(8, 0)),
      more("ATT-79", "EXTENDED COMMUNITY of unknown type",
           attribute(kOptionalTransitive, 16, {0x7f, 0x7f, 0, 1, 0, 0, 0, 1}), kAccepted),
      dropped("ATT-82", "AS4_PATH between new speakers", kOptionalTransitive, 17,
              {2, 5, 0, 1, 0, 1}),
      {"ATT-83", "AS4_PATH before AS_PATH",
       announce(join({attribute(kOptionalTransitive, 17, {2, 5, 0, 1, 0, 1}), base()})),
       kDiscarded},
      dropped("ATT-84", "AS4_PATH length 0", kOptionalTransitive, 17, {}),
      dropped("ATT-86", "AS4_AGGREGATOR between new speakers", kOptionalTransitive, 18,
              join({u32(65537), u32(1)})),
      wrong("ATT-92", "IPv6 EXTENDED COMMUNITIES length 21", kOptionalTransitive, 25,
            Octets(21, 32)),
      wrong("ATT-93", "IPv6 EXTENDED COMMUNITIES length 0", kOptionalTransitive, 25, {}),
      more("ATT-94", "IPv6 EXTENDED COMMUNITIES",
           attribute(kOptionalTransitive, 25, Octets(40, 32)), kAccepted),
      wrong("ATT-101", "LARGE COMMUNITIES length 0", kOptionalTransitive, 32, {}),
      wrong("ATT-102", "LARGE COMMUNITIES length 13", kOptionalTransitive, 32, Octets(13, 1)),
      more("ATT-104", "OTC", attribute(kOptionalTransitive, 35, u32(kPeerAs)), kAccepted),
      wrong("ATT-105", "OTC length 3", kOptionalTransitive, 35, {0, 0, 1}),
      wrong("ATT-106", "OTC length 1024", kOptionalTransitive, 35, Octets(1024, 0)),
      {"ATT-119", "ORIGIN 9 and AGGREGATOR length 1",
       announce(join({base_without(1), origin(9), attribute(kOptionalTransitive, 7, {1})})),
       kWithdrawn},
  };
}

INSTANTIATE_TEST_SUITE_P(Optional, PathAttribute, testing::ValuesIn(optional_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

// Attributes that mean nothing to us, most of them once the end of somebody's sessions.
std::vector<UpdateCase> foreign_cases() {
  const auto row = [](std::string_view id, std::string_view title, std::uint8_t flags,
                      std::uint8_t type, const Octets& value) {
    return more(id, title, attribute(flags, type, value), kAccepted);
  };
  Octets deprecated;
  for (const std::uint8_t type : Octets{11, 12, 13, 19, 20, 21}) {
    deprecated = join({deprecated, attribute(kOptionalTransitive, type, {255, 255, 255})});
  }
  static constexpr std::uint8_t kOt = kOptionalTransitive;
  return {
      row("ATT-87", "PMSI_TUNNEL length 4", kOt, 22, {0, 6, 0, 0}),
      row("ATT-88", "PMSI_TUNNEL type 255", kOt, 22, {0, 255, 0, 0, 0, 10, 0, 0, 1}),
      row("ATT-89", "TUNNEL_ENCAPSULATION overruns", kOt, 23, {0, 7, 0, 4, 1}),
      row("ATT-90", "TUNNEL_ENCAPSULATION inner overruns", kOt, 23, {0, 7, 0, 4, 1, 255, 0, 0}),
      row("ATT-91", "TUNNEL_ENCAPSULATION length 3", kOt, 23, {0, 7, 0}),
      row("ATT-95", "AIGP length 0", kOptionalOnly, 26, {}),
      row("ATT-96", "AIGP TLV length 2", kOptionalOnly, 26, {1, 0, 2}),
      row("ATT-98", "AIGP flags", kOt, 26, join({{1, 0, 11}, zeros(7), {10}})),
      row("ATT-99", "entropy label", kOt, 28, {0x90, 2, 0x42, 0x42}),
      row("ATT-100", "BGP-LS overruns", kOptionalOnly, 29, {4, 0, 0, 255, 0}),
      row("ATT-107", "BGPsec_PATH", kOptionalOnly, 33, {0, 1}),
      row("ATT-108", "Prefix-SID all zero", kOt, 40, zeros(20)),
      row("ATT-109", "Prefix-SID overruns", kOt, 40, {1, 0, 255, 0, 0, 0}),
      row("ATT-112", "ATTR_SET length 3", kOt, 128, {0, 0, 1}),
      row("ATT-114", "attribute 39 underflow", kOt, 39, {0, 1, 1, 4, 192, 0, 2, 1, 0, 1, 255}),
      row("ATT-115", "D-PATH truncated", kOt, 36, {5}),
      row("ATT-116", "BFD Discriminator truncated", kOt, 38, {1, 0}),
      more("ATT-117", "deprecated attributes", deprecated, kAccepted),
  };
}

INSTANTIATE_TEST_SUITE_P(Foreign, PathAttribute, testing::ValuesIn(foreign_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

std::vector<UpdateCase> old_speaker_cases() {
  const auto row = [](std::string_view id, std::string_view title, const Octets& attributes,
                      const Expect& expect) {
    return UpdateCase{.id = id,
                      .title = title,
                      .body = announce(join({origin(), next_hop(), attributes})),
                      .expect = expect,
                      .as_width = AsWidth::Two};
  };
  const Octets path2 = path(segment(2, {kPeerAs, kAsTrans}, AsWidth::Two));
  const auto as4 = [](const Octets& segments) {
    return attribute(kOptionalTransitive, 17, segments);
  };
  const Octets broken = as4({2, 5, 0, 1, 0, 1});
  return {
      row("AS4-01", "AS4_PATH is merged", join({path2, as4(segment(2, {kPeerAs, 196618}))}),
          kAccepted),
      row("AS4-02", "AS4_PATH is longer", join({path2, as4(segment(2, {kPeerAs, 196618, 196619}))}),
          kAccepted),
      row("AS4-04", "AS4_PATH with AS_CONFED_SEQUENCE", join({path2, as4(segment(3, {kPeerAs}))}),
          kDiscarded),
      row("AS4-04a", "AS4_PATH with AS_SET", join({path2, as4(segment(1, {kPeerAs}))}), kWithdrawn),
      row("AS4-05", "AS4_PATH of length 0", join({path2, as4({})}), kDiscarded),
      row("AS4-05a", "AS4_PATH flags", join({path2, attribute(kWellKnown, 17, segment(2, {1}))}),
          kDiscarded),
      row("AS4-05b", "AS4_PATH with AS 0", join({path2, as4(segment(2, {0}))}), kDiscarded),
      row("AS4-06", "AS4_AGGREGATOR of length 7",
          join({path2, attribute(kOptionalTransitive, 18, zeros(7))}), kDiscarded),
      row("AS4-07", "AS4_PATH malformed and first", join({broken, path2}), kDiscarded),
      row("AS4-08", "AS_PATH of four octet numbers", good_path(), kWithdrawn),
      row("AS4-09", "AGGREGATOR of length 8",
          join({path2, attribute(kOptionalTransitive, 7, zeros(8))}), kDiscarded),
  };
}

INSTANTIATE_TEST_SUITE_P(Rfc6793, PathAttribute, testing::ValuesIn(old_speaker_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

}  // namespace
}  // namespace porter::bgp
