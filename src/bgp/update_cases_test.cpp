// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bgp/test_update.hpp"

// The structure of UPDATEs, NLRI and the attributes that hold it. One row, one way to be wrong (or
// right).
namespace porter::bgp {
namespace {

using namespace wire;  // NOLINT(google-build-using-namespace): the rows are written in its words

class UpdateStructure : public testing::TestWithParam<UpdateCase> {};

TEST_P(UpdateStructure, HasItsOutcome) {
  for (const PeerKind kind : {PeerKind::External, PeerKind::Internal}) {
    if (GetParam().kind.value_or(kind) == kind) {
      EXPECT_EQ(judge(GetParam(), kind), "") << (kind == PeerKind::Internal ? "iBGP" : "eBGP");
    }
  }
}

Octets every_type_once() {
  Octets out;
  for (std::uint8_t type = 150; type < 210; ++type) {
    out = join({out, attribute(kOptionalTransitive, type, {'v'})});
  }
  return out;
}

std::vector<UpdateCase> structure_cases() {
  const Octets unknown_well_known = attribute(kWellKnown, 200, {1, 2});
  return {
      {"UPD-01", "withdrawn length exceeds", update({.withdrawn_length = 500}), reset(1, Octets{})},
      {"UPD-02", "withdrawn length 0xffff", update({.withdrawn_length = 0xffff}), reset(1)},
      {"UPD-03", "attribute length exceeds",
       update({.attributes = base(), .nlri = prefix(kPrefix), .attributes_length = 2000}),
       reset(1)},
      {"UPD-04", "attribute length one too long",
       update({.attributes = base(), .attributes_length = base().size() + 1}), reset(1)},
      {"UPD-04a", "body of two octets", {0, 0}, reset(1)},
      {"UPD-06", "withdrawn prefix length 33", update({.withdrawn = {33, 10, 0, 0, 0, 0}}),
       reset(10)},
      {"UPD-07", "withdrawn prefix truncated", update({.withdrawn = {24, 10}}), reset(10)},
      {"UPD-08", "prefix length 33", update({.attributes = base(), .nlri = {33, 10, 1, 2, 3, 4}}),
       reset(10)},
      {"UPD-09", "prefix length 255",
       update({.attributes = base(), .nlri = join({{255}, Octets(32, 10)})}), reset(10)},
      {"UPD-10", "prefix truncated", update({.attributes = base(), .nlri = {24, 10, 1}}),
       reset(10)},
      {"UPD-11", "prefix length alone", update({.attributes = base(), .nlri = {8}}), reset(10)},
      {"UPD-12", "second prefix truncated",
       update({.attributes = base(), .nlri = join({prefix(kPrefix), {32, 10}})}), reset(10)},
      {"UPD-13", "host bits beyond the prefix",
       update({.attributes = base(), .nlri = {20, 10, 1, 0x2f}}), kAccepted},
      {"UPD-14", "attribute header of one octet", announce(join({base(), {0x40}})), kWithdrawn},
      {"UPD-15", "attribute header of two octets", announce(join({base(), {0xc0, 8}})), kWithdrawn},
      {"UPD-16", "extended header of three octets", announce(join({base(), {0xd0, 8, 0}})),
       kWithdrawn},
      {"UPD-18", "attribute overruns", announce(join({base(), {0xd0, 8, 0xff, 0xff, 0, 0}})),
       kWithdrawn},
      {"UPD-18a", "MP_REACH_NLRI overruns", announce(join({base(), {0x80, 14, 200, 0, 2}})),
       reset(1)},
      {"UPD-19", "ORIGIN repeated", announce(join({base(), origin(2)})), kDiscarded},
      {"UPD-19a", "ORIGIN repeated and malformed",
       announce(join({base(), attribute(0, 1, {9, 9})})), kDiscarded},
      {"UPD-20", "NEXT_HOP repeated", announce(join({base(), next_hop("192.0.2.99")})), kDiscarded},
      {"UPD-21", "unknown attribute repeated",
       announce(join({base(), attribute(kOptionalTransitive, 230, {'a'}),
                      attribute(kOptionalTransitive, 230, {'b'})})),
       kDiscarded},
      {"UPD-22", "MP_REACH_NLRI twice", only(join({reach6(), reach6(), base6()})), reset(1)},
      {"UPD-23", "MP_UNREACH_NLRI twice", only(repeat(mp_unreach(kV6, prefix(kPrefix6)), 2)),
       reset(1)},
      {"UPD-24", "unknown well-known attribute", announce(join({base(), unknown_well_known})),
       reset(2, unknown_well_known)},
      {"UPD-25", "unknown optional transitive attribute",
       announce(join({base(), attribute(kOptionalTransitive, 231, {0xde, 0xad})})), kAccepted},
      {"UPD-26", "unknown optional non-transitive attribute",
       announce(join({base(), attribute(kOptionalOnly, 232, {0xde, 0xad})})), kAccepted},
      {"UPD-27", "unused flag bits", announce(join({attribute(0x4f, 1, {0}), base_without(1)})),
       kAccepted},
      {"UPD-27a", "unused flag bits and an extended length",
       announce(join({{0x5f, 1, 0, 1, 0}, base_without(1)})), kAccepted},
      {"UPD-28", "extended length of a small attribute",
       announce(join({{0x50, 1, 0, 1, 0}, base_without(1)})), kAccepted},
      {"UPD-29", "ORIGIN missing", announce(base_without(1)), kWithdrawn},
      {"UPD-30", "AS_PATH missing", announce(base_without(2)), kWithdrawn},
      {"UPD-31", "NEXT_HOP missing", announce(base_without(3)), kWithdrawn},
      {"UPD-32", "no attributes and a route", announce({}), kWithdrawn},
      {"UPD-35", "descending order", announce(join({next_hop(), good_path(), origin()})),
       kAccepted},
      {"UPD-37", "withdrawal of what was never there",
       update({.withdrawn = prefix("10.255.77.0/24")}), kIgnored},
      {"UPD-40", "default route", update({.attributes = base(), .nlri = {0}}), kAccepted},
      {"UPD-41", "multicast prefix", update({.attributes = base(), .nlri = prefix("224.0.0.0/4")}),
       kIgnored},
      {"UPD-42", "default route 300 times", update({.attributes = base(), .nlri = zeros(300)}),
       kAccepted},
      {"UPD-43", "end of RIB", update({}), kIgnored},
      {"UPD-45", "end of RIB of another family", only(mp_unreach({.afi = 25, .safi = 70}, {})),
       kIgnored},
      {"UPD-47", "malformed attribute without a route",
       only(join({attribute(kWellKnown, 1, {0, 0}), base_without(1)})),
       reset(5, attribute(kWellKnown, 1, {0, 0}))},
      {"UPD-47a", "malformed attribute and a withdrawal",
       update({.withdrawn = prefix("10.9.0.0/16"), .attributes = origin(9)}), reset(6, origin(9))},
      {"UPD-47b", "discarded attribute without a route",
       only(join({attribute(kOptionalTransitive, 7, {1}), base()})), kDiscarded},
      {"UPD-48", "attribute type 0",
       announce(join({base(), attribute(kOptionalTransitive, 0, {0})})), kAccepted},
      {"UPD-49", "60 unknown attributes", announce(join({base(), every_type_once()})), kAccepted},
      {"UPD-50", "unknown attribute of 3900 octets",
       announce(join({base(), attribute(kOptionalTransitive, 233, Octets(3900, 'L'))})), kAccepted},
      {"UPD-51", "200 zero octets of attributes", announce(zeros(200)), reset(2, Octets{0, 0, 0})},
      {"XMG-05", "attribute of 60000 octets",
       announce(join({base(), attribute(kOptionalTransitive, 234, Octets(60'000, 'X'))})),
       kAccepted},
  };
}

INSTANTIATE_TEST_SUITE_P(Rfc7606, UpdateStructure, testing::ValuesIn(structure_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

// MP_REACH_NLRI with kPrefix6 and this next hop.
Octets via(std::string_view next_hop) {
  return only(join({mp_reach({.next_hop = address(next_hop), .nlri = prefix(kPrefix6)}), base6()}));
}

std::vector<UpdateCase> multiprotocol_cases() {
  const Octets nh6 = address(kNextHop6);
  const Octets p6 = prefix(kPrefix6);
  const auto wrong = [](std::string_view id, std::string_view title, const Octets& broken) {
    return UpdateCase{.id = id,
                      .title = title,
                      .body = only(join({broken, base6()})),
                      .expect = reset(9, broken),
                      .route = kPrefix6};
  };
  const auto other = [](std::string_view id, std::string_view title, AfiSafi family,
                        const Octets& next_hop, const Octets& nlri) {
    return UpdateCase{
        .id = id,
        .title = title,
        .body =
            only(join({mp_reach({.family = family, .next_hop = next_hop, .nlri = nlri}), base6()})),
        .expect = kIgnored,
        .route = kPrefix6};
  };
  const auto row = [](std::string_view id, std::string_view title, const Octets& body,
                      const Expect& expect) {
    return UpdateCase{.id = id, .title = title, .body = body, .expect = expect, .route = kPrefix6};
  };
  return {
      wrong("MPR-03", "next hop length overruns",
            mp_reach({.next_hop = nh6, .nlri = p6, .next_hop_length = std::uint8_t{255}})),
      wrong("MPR-04", "next hop length 17", mp_reach({.next_hop = join({nh6, {0}}), .nlri = p6})),
      wrong("MPR-04a", "next hop length 0", mp_reach({.nlri = p6})),
      wrong("MPR-05", "length 4", attribute(kOptionalOnly, 14, {0, 2, 1, 0})),
      wrong("MPR-06", "length 0", attribute(kOptionalOnly, 14, {})),
      wrong("MPR-07", "next hop cut",
            attribute(kOptionalOnly, 14, join({{0, 2, 1, 16}, Octets(8, 0x20)}))),
      wrong("MPR-09", "prefix truncated", mp_reach({.next_hop = nh6, .nlri = {128, 0x20, 1}})),
      wrong("MPR-09a", "prefix length 129",
            mp_reach({.next_hop = nh6, .nlri = join({{129}, Octets(17, 0x20)})})),
      wrong("MPR-11", "well-known flags",
            mp_reach({.next_hop = nh6, .nlri = p6, .flags = kWellKnown})),
      wrong("MPR-11a", "transitive flag",
            mp_reach({.next_hop = nh6, .nlri = p6, .flags = kOptionalTransitive})),
      wrong("MPR-29", "IPv4 with an IPv6 next hop",
            mp_reach({.family = kV4, .next_hop = nh6, .nlri = prefix(kPrefix)})),
      wrong("MPU-02", "MP_UNREACH_NLRI of length 0", attribute(kOptionalOnly, 15, {})),
      wrong("MPU-02a", "MP_UNREACH_NLRI of length 2", attribute(kOptionalOnly, 15, {0, 2})),
      wrong("MPU-04", "MP_UNREACH_NLRI truncated", mp_unreach(kV6, {64, 0x20, 1, 0x0d, 0xb8})),
      wrong("MPU-05", "MP_UNREACH_NLRI flags", mp_unreach(kV6, p6, kOptionalTransitive)),
      other("MPR-13", "family not negotiated", {.afi = 25, .safi = 65}, address(kNextHop),
            {0, 1, 2}),
      other("MPR-14", "flowspec truncated", {.afi = 1, .safi = 133}, {}, {5, 1, 24, 10}),
      other("MPR-15", "labelled unicast without bottom of stack", {.afi = 1, .safi = 4},
            address(kNextHop), join({{48}, zeros(6)})),
      other("MPR-16", "EVPN length underflow", {.afi = 25, .safi = 70}, address(kNextHop),
            {5, 255, 0, 0}),
      other("MPR-17", "BGP-LS garbage", {.afi = 16388, .safi = 71}, address(kNextHop),
            {0, 2, 255, 255, 1}),
      row("MPR-12", "reserved octet",
          only(join({mp_reach({.next_hop = nh6, .nlri = p6, .reserved = 255}), base6()})),
          kAccepted),
      {"MPR-12a", "IPv4 with its own next hop",
       only(join({mp_reach({.family = kV4, .next_hop = address(kNextHop), .nlri = prefix(kPrefix)}),
                  base6()})),
       kAccepted},
      row("MPR-19", "multicast next hop", via("ff02::1"), kRefused),
      row("MPR-20", "mapped loopback next hop", via("::ffff:127.0.0.1"), kRefused),
      row("MPR-20a", "loopback next hop", via("::1"), kRefused),
      row("MPR-20b", "unspecified next hop", via("::"), kRefused),
      row("MPR-21", "next hop of 32 octets",
          only(
              join({mp_reach({.next_hop = join({nh6, address("fe80::1")}), .nlri = p6}), base6()})),
          kAccepted),
      row("MPR-21a", "link-local next hop", via("fe80::1"), kAccepted),
      row("MPR-24", "not first", only(join({base6(), reach6()})), kAccepted),
      row("MPR-25", "without ORIGIN and AS_PATH", only(reach6()), kWithdrawn),
      row("MPR-26", "with ORIGIN 7", only(join({reach6(), origin(7), good_path()})), kWithdrawn),
      row("MPR-27", "without a route", only(join({mp_reach({.next_hop = nh6}), base6()})),
          kIgnored),
      row("MPU-06", "MP_UNREACH_NLRI with attributes", only(join({mp_unreach(kV6, p6), base6()})),
          kRefused),
      row("MPU-07", "MP_UNREACH_NLRI of another family",
          only(mp_unreach({.afi = 1, .safi = 128}, {8, 10})), kIgnored),
      row("MPU-08", "MP_UNREACH_NLRI of another family and attribute 31",
          only(join(
              {mp_unreach({.afi = 9, .safi = 9}, {1}), attribute(kOptionalTransitive, 31, {'x'})})),
          kIgnored),
  };
}

INSTANTIATE_TEST_SUITE_P(Rfc4760, UpdateStructure, testing::ValuesIn(multiprotocol_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

std::vector<UpdateCase> add_path_cases() {
  const Families both{.v4 = true, .v6 = true};
  const auto row = [both](std::string_view id, std::string_view title, const Octets& body,
                          const Expect& expect) {
    return UpdateCase{.id = id, .title = title, .body = body, .expect = expect, .add_path = both};
  };
  const auto nlri = [](const Octets& octets) {
    return update({.attributes = base(), .nlri = octets});
  };
  return {
      row("ADP-02", "withdrawal of another path", update({.withdrawn = prefix(kPrefix, 1)}),
          kIgnored),
      row("ADP-02a", "withdrawal of the path", update({.withdrawn = prefix(kPrefix, 0)}), kRefused),
      row("ADP-04", "path identifier truncated", nlri({0, 0, 1}), reset(10)),
      row("ADP-05", "path identifier alone", nlri({0, 0, 0, 1}), reset(10)),
      row("ADP-06", "prefix length 33", nlri({0, 0, 0, 1, 33, 10, 0, 0, 0, 0}), reset(10)),
      row("ADP-07", "first and last path identifier",
          nlri(join({prefix(kPrefix, 0), prefix(kPrefix, 0xffff'ffff)})), kAccepted),
      row("ADP-10", "path identifier truncated in MP_UNREACH_NLRI",
          only(mp_unreach(kV6, {0, 0, 1})), reset(9)),
      {"ADP-08", "path identifier that was not negotiated", nlri(prefix(kPrefix, 1)), kIgnored},
  };
}

INSTANTIATE_TEST_SUITE_P(Rfc7911, UpdateStructure, testing::ValuesIn(add_path_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

// ----- what a verdict alone does not show

TEST(DecodeUpdate, FindsRoutesInAllFourPlaces) {
  const auto decoded = decode_update(
      update({.withdrawn = prefix("10.9.0.0/16"),
              .attributes = join({mp_unreach(kV6, prefix("2001:db8:9::/48")), reach6(), base()}),
              .nlri = join({prefix(kPrefix), prefix("0.0.0.0/0")})}),
      context(PeerKind::External));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->withdrawn,
            (std::vector<Nlri>{{.id = 0, .prefix = *Prefix::parse("10.9.0.0/16")},
                               {.id = 0, .prefix = *Prefix::parse("2001:db8:9::/48")}}));
  EXPECT_EQ(decoded->announced, (std::vector<Nlri>{{.id = 0, .prefix = *Prefix::parse(kPrefix)},
                                                   {.id = 0, .prefix = Prefix{}}}));
  EXPECT_EQ(decoded->mp_announced,
            (std::vector<Nlri>{{.id = 0, .prefix = *Prefix::parse(kPrefix6)}}));
  EXPECT_EQ(decoded->attributes.next_hop, *Address::parse(kNextHop));
  EXPECT_EQ(decoded->mp_attributes.next_hop, *Address::parse(kNextHop6));
  EXPECT_EQ(decoded->mp_attributes.as_path, decoded->attributes.as_path);
  EXPECT_EQ(decoded->end_of_rib, std::nullopt);
}

TEST(DecodeUpdate, ReadsPathIdentifiersOfTheFamiliesThatHaveThem) {
  UpdateContext with = context(PeerKind::External);
  with.add_path_receive.v6 = true;
  const auto decoded = decode_update(
      update(
          {.attributes = join(
               {mp_reach({.next_hop = address(kNextHop6), .nlri = prefix(kPrefix6, 7)}), base()}),
           .nlri = prefix(kPrefix)}),
      with);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->announced.at(0).id, 0U);
  EXPECT_EQ(decoded->mp_announced.at(0).id, 7U);
}

TEST(DecodeUpdate, KeepsBothNextHopsOfRfc2545) {
  const Octets next_hops = join({address(kNextHop6), address("fe80::1")});
  const auto decoded = decode_update(
      only(join({mp_reach({.next_hop = next_hops, .nlri = prefix(kPrefix6)}), base6()})),
      context(PeerKind::External));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->mp_attributes.next_hop, *Address::parse(kNextHop6));
  EXPECT_EQ(decoded->mp_attributes.link_local_next_hop, *Address::parse("fe80::1"));
  EXPECT_EQ(decoded->attributes.next_hop, std::nullopt);
}

TEST(DecodeUpdate, IgnoresRoutesOfAFamilyThatWasNotNegotiated) {
  UpdateContext with = context(PeerKind::External);
  with.families = {.v4 = false, .v6 = true};
  const auto v4 = decode_update(announce(base_without(1)), with);
  ASSERT_TRUE(v4.has_value());
  EXPECT_TRUE(v4->announced.empty());
  with.families = {.v4 = true, .v6 = false};
  const auto v6 = decode_update(only(join({reach6(), base6()})), with);
  ASSERT_TRUE(v6.has_value());
  EXPECT_TRUE(v6->mp_announced.empty());
}

TEST(DecodeUpdate, DoesNotResetForAnAttributeOfRoutesItDidNotLookAt) {
  const Octets reach = mp_reach({.family = {.afi = 25, .safi = 70}, .next_hop = {1}});
  const auto decoded = decode_update(only(join({reach, origin(9)})), context(PeerKind::External));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->verdict, Verdict::TreatAsWithdraw);
}

TEST(DecodeUpdate, RecognizesTheEndOfARib) {
  const auto end_in = [](const Octets& body) -> std::optional<AfiSafi> {
    const auto decoded = decode_update(body, context(PeerKind::External));
    return decoded ? decoded->end_of_rib : std::nullopt;
  };
  const AfiSafi evpn{.afi = 25, .safi = 70};
  EXPECT_EQ(end_in(update({})), kV4);
  EXPECT_EQ(end_in(only(mp_unreach(kV6, {}))), kV6);
  EXPECT_EQ(end_in(only(mp_unreach(kV4, {}))), kV4);
  EXPECT_EQ(end_in(only(mp_unreach(evpn, {}))), evpn);
  EXPECT_EQ(end_in(only(mp_unreach(kV6, prefix(kPrefix6)))), std::nullopt);
  EXPECT_EQ(end_in(only(join({mp_unreach(kV6, {}), base6()}))), std::nullopt);
  EXPECT_EQ(end_in(update({.withdrawn = prefix(kPrefix), .attributes = mp_unreach(kV6, {})})),
            std::nullopt);
  EXPECT_EQ(end_in(announce(base())), std::nullopt);
}

TEST(DecodeUpdate, CountsMoreErrorsThanItPutsIntoWords) {
  const auto decoded = decode_update(
      announce(join({repeat(origin(), 500), base_without(1), attribute(kWellKnown, 3, {})})),
      context(PeerKind::External));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->verdict, Verdict::AttributeDiscard);
  EXPECT_EQ(decoded->errors.size(), 16U);
  EXPECT_EQ(decoded->errors.front().what, "ORIGIN: repeated");
}

TEST(DecodeUpdate, TakesAMessageFullOfRoutes) {  // UPD-38, XMG-01, XMG-02
  for (const std::size_t size : {kMaxMessage, kMaxExtendedMessage}) {
    const std::size_t count = (size - kHeaderSize - 4 - base().size()) / 4;
    Octets nlri;
    for (std::size_t i = 0; i < count; ++i) {
      nlri.insert(nlri.end(),
                  {24, 10, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)});
    }
    const auto decoded =
        decode_update(update({.attributes = base(), .nlri = nlri}), context(PeerKind::External));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->announced.size(), count);
    EXPECT_EQ(decoded->verdict, Verdict::Accept);
  }
}

}  // namespace
}  // namespace porter::bgp
