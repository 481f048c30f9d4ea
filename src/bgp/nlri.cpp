// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "bgp/attribute_table.hpp"

// NLRI in its three places: the fields of RFC 4271 §4.3, and the two attributes of RFC 4760.
namespace porter::bgp {
namespace {

constexpr std::size_t kLeastReach = 5;  // RFC 7606 §5.3

// RFC 4760 §7: the error of an MP_* attribute, whatever is wrong with it.
Problem incorrect(std::string what) {
  return {
      .subcode = UpdateError::OptionalAttribute, .what = std::move(what), .verdict = std::nullopt};
}

Address address_of(Family family, Bytes octets) {
  Address::Octets whole{};
  std::ranges::copy(octets, whole.begin());
  if (family == Family::V6) return Address::v6(whole);
  return Address::v4(std::span{whole}.first<4>());
}

PathIds ids_of(const UpdateContext& context, Family family) {
  return context.add_path_receive.has(family) ? PathIds::Present : PathIds::Absent;
}

// The family, if it is one we agreed on.
std::optional<Family> negotiated(AfiSafi afi_safi, const UpdateContext& context) {
  const std::optional<Family> family = family_of(afi_safi);
  return family && context.families.has(*family) ? family : std::nullopt;
}

}  // namespace

bool decode_nlri(Bytes field, Family family, PathIds ids, std::vector<Nlri>& out) {
  ByteReader in{field};
  while (in.remaining() > 0) {
    const PathId id = ids == PathIds::Present ? in.take<PathId>() : 0;
    const unsigned length = in.take<std::uint8_t>();
    if (!in.ok() || length > bits_of(family)) return false;
    const Bytes octets = in.take_bytes((length + 7) / 8);
    if (!in.ok()) return false;
    // RFC 4271 §4.3: what follows the last bit of the prefix is irrelevant. Prefix clears it.
    out.push_back({.id = id, .prefix = Prefix{address_of(family, octets), length}});
  }
  return true;
}

Checked decode_mp_reach(const RawAttribute& attribute, Decoding& into) {
  ByteReader in{attribute.value};
  AfiSafi afi_safi;
  afi_safi.afi = in.take<std::uint16_t>();
  afi_safi.safi = in.take<std::uint8_t>();
  const auto next_hop_length = in.take<std::uint8_t>();
  if (attribute.value.size() < kLeastReach) {
    return incorrect(fmt::format("length {}, less than 5", attribute.value.size()));
  }
  // RFC 4760 §8: nobody agreed on it, so nobody looks at it. Its own length keeps it apart.
  const std::optional<Family> family = negotiated(afi_safi, into.context);
  if (!family) {
    into.reaches = true;
    return std::nullopt;
  }
  // 4 or 16; 32 with the link-local address of RFC 2545 §3.
  const bool is_v6 = next_hop_length == 16 || next_hop_length == 32;
  const bool may_be_v6 = *family == Family::V6 || into.context.extended_next_hop;
  const bool is_expected = (*family == Family::V4 && next_hop_length == 4) || (is_v6 && may_be_v6);
  if (!is_expected) return incorrect(fmt::format("next hop of {} octets", next_hop_length));
  const Bytes next_hop = in.take_bytes(next_hop_length);
  [[maybe_unused]] const auto reserved = in.take<std::uint8_t>();  // RFC 4760 §3: ignored
  if (!in.ok()) return incorrect("ends inside the next hop");
  const Bytes nlri = in.take_bytes(in.remaining());
  if (!decode_nlri(nlri, *family, ids_of(into.context, *family), into.update.mp_announced)) {
    return incorrect("malformed NLRI");
  }
  into.mp_next_hop =
      is_v6 ? address_of(Family::V6, next_hop.first(16)) : address_of(Family::V4, next_hop);
  if (next_hop_length == 32) into.mp_link_local = address_of(Family::V6, next_hop.subspan(16));
  into.reaches = into.reaches || !nlri.empty();
  return std::nullopt;
}

Checked decode_mp_unreach(const RawAttribute& attribute, Decoding& into) {
  ByteReader in{attribute.value};
  AfiSafi afi_safi;
  afi_safi.afi = in.take<std::uint16_t>();
  afi_safi.safi = in.take<std::uint8_t>();
  if (!in.ok()) return incorrect(fmt::format("length {}, less than 3", attribute.value.size()));
  const Bytes nlri = in.take_bytes(in.remaining());
  if (nlri.empty()) into.emptied = afi_safi;
  const std::optional<Family> family = negotiated(afi_safi, into.context);
  if (!family) return std::nullopt;
  if (!decode_nlri(nlri, *family, ids_of(into.context, *family), into.update.withdrawn)) {
    return incorrect("malformed NLRI");
  }
  return std::nullopt;
}

}  // namespace porter::bgp
