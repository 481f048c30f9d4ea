// SPDX-License-Identifier: Apache-2.0
#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bgp/test_update.hpp"

namespace porter::bgp {
namespace {

using wire::Octets;

template <class Make>
auto some(int least, int most, Make make) {
  std::vector<decltype(make())> out;
  for (int count = *rc::gen::inRange(least, most + 1); count > 0; --count)
    out.push_back(make());
  return out;
}

std::uint32_t arbitrary_word() {
  return *rc::gen::arbitrary<std::uint32_t>();
}

std::uint8_t arbitrary_octet() {
  return *rc::gen::arbitrary<std::uint8_t>();
}

// Small numbers and large ones, never 0 (RFC 7607).
Asn arbitrary_asn() {
  return Asn{*rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(1, 70'000),
                             rc::gen::inRange<std::uint32_t>(65'536, 0xffff'ffff))};
}

AsSegment arbitrary_segment() {
  return {.type = AsSegment::Type::Sequence, .numbers = some(1, 255, arbitrary_asn)};
}

UnknownAttribute arbitrary_other(std::uint8_t type) {
  return {.flags = 0xe0, .type = type, .value = some(0, 300, arbitrary_octet)};
}

void add_lists(Attributes& attributes, PeerKind kind) {
  attributes.communities = some(0, 70, arbitrary_word);
  attributes.large_communities = some(0, 5, [] {
    return LargeCommunity{
        .global = arbitrary_word(), .local1 = arbitrary_word(), .local2 = arbitrary_word()};
  });
  attributes.extended_communities = some(0, 5, [] {
    return *rc::gen::container<std::array<std::uint8_t, 8>>(rc::gen::arbitrary<std::uint8_t>());
  });
  if (kind == PeerKind::Internal) attributes.cluster_list = some(0, 5, arbitrary_word);
  for (const std::uint8_t type : Octets{0, 22, 23, 36, 40, 128, 200, 255}) {
    if (*rc::gen::arbitrary<bool>()) attributes.others.push_back(arbitrary_other(type));
  }
}

// What decode_update() may give for a good UPDATE of such a peer.
Attributes arbitrary_attributes(PeerKind kind) {
  const auto maybe = [] { return *rc::gen::arbitrary<bool>(); };
  Attributes attributes;
  attributes.origin = static_cast<Origin>(*rc::gen::inRange(0, 3));
  attributes.as_path = some(0, 3, arbitrary_segment);
  attributes.next_hop = Address::v4(arbitrary_word());
  if (maybe()) attributes.med = arbitrary_word();
  attributes.atomic_aggregate = maybe();
  if (maybe()) {
    attributes.aggregator = Aggregator{.as = arbitrary_asn(), .id = RouterId{arbitrary_word()}};
  }
  if (kind == PeerKind::Internal && maybe()) attributes.local_pref = arbitrary_word();
  if (kind == PeerKind::Internal && maybe()) attributes.originator = RouterId{arbitrary_word()};
  if (maybe()) attributes.only_to_customer = arbitrary_asn();
  add_lists(attributes, kind);
  return attributes;
}

RC_GTEST_PROP(EncodeAttributes, AreDecodedAgainInBothWidths, ()) {
  UpdateContext context = wire::context(*rc::gen::element(PeerKind::Internal, PeerKind::External));
  context.as_width = *rc::gen::element(AsWidth::Two, AsWidth::Four);
  const Attributes attributes = arbitrary_attributes(context.kind);
  Octets encoded;
  encode_attributes(attributes, context.as_width, NextHopAttribute::Write, encoded);
  const auto decoded = decode_update(wire::announce(encoded), context);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(decoded->verdict == Verdict::Accept);
  RC_ASSERT(decoded->attributes == attributes);
}

RC_GTEST_PROP(EncodeAttributes, StandInAscendingOrderOfType, ()) {
  Octets encoded;
  encode_attributes(arbitrary_attributes(PeerKind::Internal), AsWidth::Two, NextHopAttribute::Write,
                    encoded);
  int last = -1;
  for (Bytes rest{encoded}; !rest.empty();) {
    const bool is_long = (rest[0] & 0x10U) != 0;
    RC_ASSERT(int{rest[1]} > last);
    last = rest[1];
    const std::size_t length = is_long ? rest[2] * std::size_t{256} + rest[3] : rest[2];
    RC_ASSERT(is_long == (length > 255));
    rest = rest.subspan((is_long ? 4 : 3) + length);
  }
}

Prefix arbitrary_prefix() {
  if (*rc::gen::arbitrary<bool>()) {
    return {Address::v4(arbitrary_word()), *rc::gen::inRange(0U, 33U)};
  }
  const Address::Octets octets =
      *rc::gen::container<Address::Octets>(rc::gen::arbitrary<std::uint8_t>());
  return {Address::v6(octets), *rc::gen::inRange(0U, 129U)};
}

RC_GTEST_PROP(EncodeNlri, IsDecodedAgainWithAndWithoutPathIdentifier, ()) {
  const bool has_ids = *rc::gen::arbitrary<bool>();
  std::vector<Nlri> v4;
  std::vector<Nlri> v6;
  Octets encoded_v4;
  Octets encoded_v6;
  for (int count = *rc::gen::inRange(0, 20); count > 0; --count) {
    const Nlri nlri{.id = has_ids ? arbitrary_word() : 0, .prefix = arbitrary_prefix()};
    const bool is_v4 = nlri.prefix.family() == Family::V4;
    (is_v4 ? v4 : v6).push_back(nlri);
    encode_nlri(nlri.prefix, has_ids ? std::optional{nlri.id} : std::nullopt,
                is_v4 ? encoded_v4 : encoded_v6);
  }
  UpdateContext context = wire::context(PeerKind::External);
  context.add_path_receive = {.v4 = has_ids, .v6 = has_ids};
  const Octets reach =
      wire::mp_reach({.next_hop = wire::address(wire::kNextHop6), .nlri = encoded_v6});
  const auto decoded = decode_update(
      wire::update({.attributes = wire::join({reach, wire::base()}), .nlri = encoded_v4}), context);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(decoded->announced == v4);
  RC_ASSERT(decoded->mp_announced == v6);
}

TEST(DecodeUpdate, TakesAnIpv6NextHopForIpv4WhereItWasNegotiated) {  // RFC 8950 §4
  const Octets global = wire::address(wire::kNextHop6);
  for (const Octets& next_hop : {global, wire::join({global, wire::address("fe80::1")})}) {
    const Octets body =
        wire::only(wire::join({wire::mp_reach({.family = unicast(Family::V4),
                                               .next_hop = next_hop,
                                               .nlri = wire::prefix("10.1.0.0/16")}),
                               wire::base()}));
    UpdateContext context = wire::context(PeerKind::External);
    EXPECT_FALSE(decode_update(body, context).has_value());
    context.extended_next_hop = true;
    const auto decoded = decode_update(body, context);
    ASSERT_TRUE(decoded.has_value());
    ASSERT_EQ(decoded->mp_announced.size(), 1U);
    EXPECT_EQ(decoded->mp_attributes.next_hop, Address::parse(wire::kNextHop6).value());
    EXPECT_EQ(decoded->mp_attributes.link_local_next_hop.has_value(), next_hop.size() == 32);
  }
}

RC_GTEST_PROP(DecodeUpdate, GivesAVerdictOnAnyOctets, (Octets body)) {
  const auto decoded = decode_update(body, wire::context(PeerKind::External));
  if (decoded) {
    RC_ASSERT(decoded->verdict != Verdict::Reset);
  } else {
    RC_ASSERT(decoded.error().code == 3);
  }
}

// ----- AS_PATH

TEST(EncodeAttributes, SplitALongSegment) {
  Attributes attributes;
  attributes.as_path =
      AsPath{{.type = AsSegment::Type::Sequence, .numbers = std::vector<Asn>(300, Asn{64512})}};
  Octets encoded;
  encode_attributes(attributes, AsWidth::Four, NextHopAttribute::Omit, encoded);
  const auto decoded = decode_update(wire::announce(wire::join({encoded, wire::base_without(2)})),
                                     wire::context(PeerKind::External));
  ASSERT_TRUE(decoded.has_value());
  ASSERT_EQ(decoded->attributes.as_path->size(), 2U);
  EXPECT_EQ(decoded->attributes.as_path->at(0).numbers.size(), 255U);
  EXPECT_EQ(decoded->attributes.as_path->at(1).numbers.size(), 45U);
}

TEST(EncodeAttributes, SayNothingTwiceThatTwoOctetsCanSay) {
  Attributes attributes;
  attributes.as_path = AsPath{{.type = AsSegment::Type::Sequence, .numbers = {Asn{64512}}}};
  Octets encoded;
  encode_attributes(attributes, AsWidth::Two, NextHopAttribute::Omit, encoded);
  EXPECT_EQ(encoded, (Octets{0x40, 2, 4, 2, 1, 0xfc, 0x00}));
  attributes.as_path->front().numbers.push_back(Asn{196618});
  encoded.clear();
  encode_attributes(attributes, AsWidth::Two, NextHopAttribute::Omit, encoded);
  EXPECT_EQ(encoded, (Octets{0x40, 2,    6,   2, 2, 0xfc, 0x00, 0x5b, 0xa0,     // AS_TRANS
                             0xc0, 17,   10,  2, 2, 0,    0,    0xfc, 0,    0,  // AS4_PATH
                             3,    0x00, 0x0a}));
}

TEST(EncodeAttributes, WriteNextHopOnlyWhereItIsAskedForAndIpv4) {
  Attributes attributes;
  attributes.next_hop = *Address::parse("192.0.2.1");
  Octets encoded;
  encode_attributes(attributes, AsWidth::Four, NextHopAttribute::Omit, encoded);
  EXPECT_TRUE(encoded.empty());
  encode_attributes(attributes, AsWidth::Four, NextHopAttribute::Write, encoded);
  EXPECT_EQ(encoded, wire::next_hop("192.0.2.1"));
  attributes.next_hop = *Address::parse("2001:db8::1");
  encoded.clear();
  encode_attributes(attributes, AsWidth::Four, NextHopAttribute::Write, encoded);
  EXPECT_TRUE(encoded.empty());
}

TEST(EncodeAttributes, SortOthersAmongTheKnownOnes) {
  Attributes attributes;
  attributes.origin = Origin::Igp;
  attributes.med = 1;
  attributes.others = {{.flags = 0xe0, .type = 200, .value = {2}},
                       {.flags = 0xe0, .type = 3, .value = {1}}};
  Octets encoded;
  encode_attributes(attributes, AsWidth::Four, NextHopAttribute::Omit, encoded);
  EXPECT_EQ(encoded,
            (Octets{0x40, 1, 1, 0, 0xe0, 3, 1, 1, 0x80, 4, 4, 0, 0, 0, 1, 0xe0, 200, 1, 2}));
}

std::string merged(const Octets& path, const Octets& more) {
  UpdateContext context = wire::context(PeerKind::External);
  context.as_width = AsWidth::Two;
  const auto decoded = decode_update(
      wire::announce(wire::join({wire::origin(), wire::next_hop(), wire::path(path), more})),
      context);
  return decoded ? to_string(*decoded->attributes.as_path) : "reset";
}

TEST(As4Path, ReplacesTheEndOfThePath) {
  const auto as4 = [](const Octets& segments) {
    return wire::attribute(wire::kOptionalTransitive, 17, segments);
  };
  const auto two = [](const std::vector<std::uint32_t>& numbers) {
    return wire::segment(2, numbers, AsWidth::Two);
  };
  const Octets path = two({65001, kAsTrans, kAsTrans});
  EXPECT_EQ(merged(path, as4(wire::segment(2, {196618, 196619}))), "65001 196618 196619");
  EXPECT_EQ(merged(path, as4(wire::segment(2, {65001, 196618, 196619}))), "65001 196618 196619");
  EXPECT_EQ(merged(path, as4(wire::segment(2, {1, 2, 3, 4}))), "65001 23456 23456");
  EXPECT_EQ(merged(path, as4(wire::segment(3, {196618}))), "65001 23456 23456");  // AS4-04
  EXPECT_EQ(
      merged(wire::join({two({65001}), two({65002, kAsTrans})}), as4(wire::segment(2, {196618}))),
      "65001 65002 196618");
}

TEST(As4Path, IsOutOfDateWhereAnAggregatorWithoutItWrote) {
  const Octets as4_path =
      wire::attribute(wire::kOptionalTransitive, 17, wire::segment(2, {196618}));
  const Octets as4_aggregator =
      wire::attribute(wire::kOptionalTransitive, 18, wire::join({wire::u32(196618), wire::u32(1)}));
  const auto aggregator = [](std::size_t as) {
    return wire::attribute(wire::kOptionalTransitive, 7, wire::join({wire::u16(as), wire::u32(2)}));
  };
  const Octets path = wire::segment(2, {65001, kAsTrans}, AsWidth::Two);
  EXPECT_EQ(merged(path, wire::join({as4_path, as4_aggregator, aggregator(65009)})), "65001 23456");
  EXPECT_EQ(merged(path, wire::join({as4_path, as4_aggregator, aggregator(kAsTrans)})),
            "65001 196618");
  EXPECT_EQ(merged(path, wire::join({as4_path, aggregator(65009)})), "65001 196618");
}

TEST(AsPathText, ShowsSetsInBraces) {
  EXPECT_EQ(to_string(AsPath{}), "");
  EXPECT_EQ(to_string(AsPath{{.type = AsSegment::Type::Sequence, .numbers = {Asn{1}, Asn{2}}},
                             {.type = AsSegment::Type::Set, .numbers = {Asn{3}, Asn{4}}}}),
            "1 2 {3,4}");
}

TEST(UnknownAttributes, AreKeptSortedWithThePartialBit) {
  const Octets attributes =
      wire::join({wire::base(), wire::attribute(0xc0, 231, {1}), wire::attribute(0xcf, 230, {2}),
                  wire::attribute(0x80, 229, {3}), wire::attribute(0xc0, 25, Octets(20, 4))});
  const auto decoded = decode_update(wire::announce(attributes), wire::context(PeerKind::External));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->attributes.others,
            (std::vector<UnknownAttribute>{{.flags = 0xc0, .type = 25, .value = Octets(20, 4)},
                                           {.flags = 0xe0, .type = 230, .value = {2}},
                                           {.flags = 0xe0, .type = 231, .value = {1}}}));
}

}  // namespace
}  // namespace porter::bgp
