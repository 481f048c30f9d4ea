// SPDX-License-Identifier: Apache-2.0
#include "bgp/attribute_table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "bgp/as_path.hpp"

namespace porter::bgp {
namespace {

Problem wrong_length(std::size_t found, std::string_view wanted) {
  return {.subcode = UpdateError::AttributeLength,
          .what = fmt::format("length {}, not {}", found, wanted),
          .verdict = std::nullopt};
}

// A non-empty list of values of `size` octets each.
bool is_list_of(Bytes value, std::size_t size) {
  return !value.empty() && value.size() % size == 0;
}

std::uint32_t word(Bytes value) {
  ByteReader in{value};
  return in.take<std::uint32_t>();
}

std::vector<std::uint32_t> words(Bytes value) {
  std::vector<std::uint32_t> out;
  out.reserve(value.size() / 4);
  for (ByteReader in{value}; in.remaining() > 0;)
    out.push_back(in.take<std::uint32_t>());
  return out;
}

Checked decode_origin(const RawAttribute& attribute, Decoding& into) {
  const Bytes value = attribute.value;
  if (value.size() != 1) return wrong_length(value.size(), "1");
  if (value.front() > static_cast<std::uint8_t>(Origin::Incomplete)) {
    return Problem{.subcode = UpdateError::InvalidOrigin,
                   .what = fmt::format("value {}, not 0, 1 or 2", value.front()),
                   .verdict = std::nullopt};
  }
  into.update.attributes.origin = static_cast<Origin>(value.front());
  return std::nullopt;
}

Checked decode_as_path_attribute(const RawAttribute& attribute, Decoding& into) {
  Result<DecodedPath, std::string> decoded = decode_as_path(attribute.value, into.context.as_width);
  Problem problem{.subcode = UpdateError::MalformedAsPath, .what = {}, .verdict = std::nullopt};
  if (!decoded) {
    problem.what = std::move(decoded.error());
    return problem;
  }
  if (decoded->has_confederation) {  // RFC 5065 §5.3: we are member of none
    problem.what = "confederation segment from outside a confederation";
    return problem;
  }
  into.update.attributes.as_path = std::move(decoded->path);
  if (decoded->has_set) {  // RFC 9774 §3
    problem.what = "AS_SET";
    return problem;
  }
  return std::nullopt;
}

Checked decode_as4_path(const RawAttribute& attribute, Decoding& into) {
  Problem problem{.subcode = UpdateError::OptionalAttribute, .what = {}, .verdict = std::nullopt};
  if (attribute.value.empty()) return wrong_length(0, "6 or more");
  Result<DecodedPath, std::string> decoded = decode_as_path(attribute.value, AsWidth::Four);
  if (!decoded) {
    problem.what = std::move(decoded.error());
    return problem;
  }
  into.as4_path = std::move(decoded->path);  // RFC 6793 §6: without its confederation segments
  if (decoded->has_set) {                    // RFC 9774 §3
    problem.what = "AS_SET";
    problem.verdict = Verdict::TreatAsWithdraw;
    return problem;
  }
  if (decoded->has_confederation) {
    problem.what = "confederation segments dropped";
    return problem;
  }
  return std::nullopt;
}

// Whether it is a valid host address is not a matter of syntax: AdjRibIn judges it.
Checked decode_next_hop(const RawAttribute& attribute, Decoding& into) {
  if (attribute.value.size() != 4) return wrong_length(attribute.value.size(), "4");
  into.update.attributes.next_hop = Address::v4(word(attribute.value));
  return std::nullopt;
}

Checked decode_med(const RawAttribute& attribute, Decoding& into) {
  if (attribute.value.size() != 4) return wrong_length(attribute.value.size(), "4");
  into.update.attributes.med = word(attribute.value);
  return std::nullopt;
}

Checked decode_local_pref(const RawAttribute& attribute, Decoding& into) {
  if (attribute.value.size() != 4) return wrong_length(attribute.value.size(), "4");
  into.update.attributes.local_pref = word(attribute.value);
  return std::nullopt;
}

Checked decode_atomic_aggregate(const RawAttribute& attribute, Decoding& into) {
  if (!attribute.value.empty()) return wrong_length(attribute.value.size(), "0");
  into.update.attributes.atomic_aggregate = true;
  return std::nullopt;
}

Checked decode_aggregator_value(Bytes value, AsWidth width, std::optional<Aggregator>& out) {
  const bool is_wide = width == AsWidth::Four;
  if (value.size() != (is_wide ? 8 : 6)) return wrong_length(value.size(), is_wide ? "8" : "6");
  ByteReader in{value};
  Aggregator aggregator;
  aggregator.as.number = is_wide ? in.take<std::uint32_t>() : in.take<std::uint16_t>();
  aggregator.id.bits = in.take<std::uint32_t>();
  if (aggregator.as.number == 0) {  // RFC 7607 §2
    return Problem{
        .subcode = UpdateError::OptionalAttribute, .what = "AS 0", .verdict = std::nullopt};
  }
  out = aggregator;
  return std::nullopt;
}

Checked decode_aggregator(const RawAttribute& attribute, Decoding& into) {
  return decode_aggregator_value(attribute.value, into.context.as_width,
                                 into.update.attributes.aggregator);
}

Checked decode_as4_aggregator(const RawAttribute& attribute, Decoding& into) {
  return decode_aggregator_value(attribute.value, AsWidth::Four, into.as4_aggregator);
}

Checked decode_communities(const RawAttribute& attribute, Decoding& into) {
  if (!is_list_of(attribute.value, 4)) {
    return wrong_length(attribute.value.size(), "a multiple of 4");
  }
  into.update.attributes.communities = words(attribute.value);
  return std::nullopt;
}

Checked decode_originator(const RawAttribute& attribute, Decoding& into) {
  if (attribute.value.size() != 4) return wrong_length(attribute.value.size(), "4");
  into.update.attributes.originator = RouterId{word(attribute.value)};
  return std::nullopt;
}

Checked decode_cluster_list(const RawAttribute& attribute, Decoding& into) {
  if (!is_list_of(attribute.value, 4)) {
    return wrong_length(attribute.value.size(), "a multiple of 4");
  }
  into.update.attributes.cluster_list = words(attribute.value);
  return std::nullopt;
}

Checked decode_extended_communities(const RawAttribute& attribute, Decoding& into) {
  if (!is_list_of(attribute.value, 8)) {
    return wrong_length(attribute.value.size(), "a multiple of 8");
  }
  std::vector<std::array<std::uint8_t, 8>>& out = into.update.attributes.extended_communities;
  for (Bytes rest = attribute.value; !rest.empty(); rest = rest.subspan(8)) {
    std::ranges::copy(rest.first(8), out.emplace_back().begin());
  }
  return std::nullopt;
}

// We look into none of them: checked (RFC 7606 §7.15) and kept as they are.
Checked decode_ipv6_extended_communities(const RawAttribute& attribute, Decoding& into) {
  if (!is_list_of(attribute.value, 20)) {
    return wrong_length(attribute.value.size(), "a multiple of 20");
  }
  into.update.attributes.others.push_back(
      {.flags = static_cast<std::uint8_t>(attribute.flags & (kOptional | kTransitive | kPartial)),
       .type = attribute.type,
       .value = {attribute.value.begin(), attribute.value.end()}});
  return std::nullopt;
}

Checked decode_only_to_customer(const RawAttribute& attribute, Decoding& into) {
  if (attribute.value.size() != 4) return wrong_length(attribute.value.size(), "4");
  into.update.attributes.only_to_customer = Asn{word(attribute.value)};
  return std::nullopt;
}

Checked decode_large_communities(const RawAttribute& attribute, Decoding& into) {
  if (!is_list_of(attribute.value, 12)) {
    return wrong_length(attribute.value.size(), "a multiple of 12");
  }
  std::vector<LargeCommunity>& out = into.update.attributes.large_communities;
  for (ByteReader in{attribute.value}; in.remaining() > 0;) {
    LargeCommunity& community = out.emplace_back();
    community.global = in.take<std::uint32_t>();
    community.local1 = in.take<std::uint32_t>();
    community.local2 = in.take<std::uint32_t>();
  }
  return std::nullopt;
}

constexpr std::uint8_t kWellKnown = kTransitive;
constexpr std::uint8_t kOptionalTransitive = kOptional | kTransitive;
constexpr std::uint8_t kNonTransitive = kOptional;

// RFC 7606 §7 where no other is named. The MP_* attributes hold NLRI, without which no route can be
// withdrawn: they alone reset the session (§5.3, §7.11).
constexpr std::array<AttributeRow, 18> kRows = [] {
  using enum AttributeRow::From;
  using enum Verdict;
  return std::array<AttributeRow, 18>{{
      {type_code::kOrigin, "ORIGIN", kWellKnown, Anybody, TreatAsWithdraw, decode_origin},
      {type_code::kAsPath, "AS_PATH", kWellKnown, Anybody, TreatAsWithdraw,
       decode_as_path_attribute},
      {type_code::kNextHop, "NEXT_HOP", kWellKnown, Anybody, TreatAsWithdraw, decode_next_hop},
      {type_code::kMultiExitDisc, "MULTI_EXIT_DISC", kNonTransitive, Anybody, TreatAsWithdraw,
       decode_med},
      {type_code::kLocalPref, "LOCAL_PREF", kWellKnown, Internal, TreatAsWithdraw,
       decode_local_pref},
      {type_code::kAtomicAggregate, "ATOMIC_AGGREGATE", kWellKnown, Anybody, AttributeDiscard,
       decode_atomic_aggregate},
      {type_code::kAggregator, "AGGREGATOR", kOptionalTransitive, Anybody, AttributeDiscard,
       decode_aggregator},
      {type_code::kCommunities, "COMMUNITIES", kOptionalTransitive, Anybody, TreatAsWithdraw,
       decode_communities},
      {type_code::kOriginatorId, "ORIGINATOR_ID", kNonTransitive, Internal, TreatAsWithdraw,
       decode_originator},
      {type_code::kClusterList, "CLUSTER_LIST", kNonTransitive, Internal, TreatAsWithdraw,
       decode_cluster_list},
      {type_code::kMpReachNlri, "MP_REACH_NLRI", kNonTransitive, Anybody, Reset, decode_mp_reach},
      {type_code::kMpUnreachNlri, "MP_UNREACH_NLRI", kNonTransitive, Anybody, Reset,
       decode_mp_unreach},
      {type_code::kExtendedCommunities, "EXTENDED COMMUNITIES", kOptionalTransitive, Anybody,
       TreatAsWithdraw, decode_extended_communities},
      {type_code::kAs4Path, "AS4_PATH", kOptionalTransitive, OldSpeakers, AttributeDiscard,
       decode_as4_path},
      {type_code::kAs4Aggregator, "AS4_AGGREGATOR", kOptionalTransitive, OldSpeakers,
       AttributeDiscard, decode_as4_aggregator},
      {type_code::kIpv6ExtendedCommunities, "IPV6 EXTENDED COMMUNITIES", kOptionalTransitive,
       Anybody, TreatAsWithdraw, decode_ipv6_extended_communities},
      // RFC 8092 §6.
      {type_code::kLargeCommunities, "LARGE COMMUNITIES", kOptionalTransitive, Anybody,
       TreatAsWithdraw, decode_large_communities},
      // RFC 9234 §5.
      {type_code::kOnlyToCustomer, "ONLY_TO_CUSTOMER", kOptionalTransitive, Anybody,
       TreatAsWithdraw, decode_only_to_customer},
  }};
}();

// DPA, ADVERTISER, RCID_PATH, SSA, Connector, AS_PATHLIMIT, AIGP (RFC 7311 §3.1: nobody enabled
// it), Entropy Label, and the codes that were used without being assigned.
constexpr std::array<std::uint8_t, 14> kIgnored{11, 12, 13, 19,  20,  21,  26,
                                                28, 30, 31, 129, 241, 242, 243};

}  // namespace

const AttributeRow* find_attribute(std::uint8_t type) {
  const auto* const row = std::ranges::lower_bound(kRows, type, {}, &AttributeRow::type);
  return row != kRows.end() && row->type == type ? row : nullptr;
}

bool is_ignored_attribute(std::uint8_t type) {
  return std::ranges::binary_search(kIgnored, type);
}

}  // namespace porter::bgp
