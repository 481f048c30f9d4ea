// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bgp/adj_rib_in.hpp"
#include "bgp/test_wire.hpp"

// UPDATEs for tests as rows: the octets, and what has to become of the session and of the routes.
namespace porter::bgp::wire {

inline constexpr AfiSafi kV4{.afi = 1, .safi = 1};
inline constexpr AfiSafi kV6{.afi = 2, .safi = 1};
inline constexpr std::uint32_t kOwnAs = 65000;
inline constexpr std::uint32_t kPeerAs = 65001;
inline constexpr std::string_view kPrefix = "10.1.2.0/24";
inline constexpr std::string_view kPrefix6 = "2001:db8:1::/48";
inline constexpr std::string_view kNextHop = "192.0.2.1";
inline constexpr std::string_view kNextHop6 = "2001:db8::1";

[[nodiscard]] inline Octets origin(std::uint8_t value = 0) {
  return attribute(kWellKnown, 1, {value});
}
[[nodiscard]] inline Octets path(const Octets& segments) {
  return attribute(kWellKnown, 2, segments);
}
[[nodiscard]] inline Octets good_path(AsWidth width = AsWidth::Four) {
  return path(segment(2, {kPeerAs}, width));
}
[[nodiscard]] inline Octets next_hop(std::string_view written = kNextHop) {
  return attribute(kWellKnown, 3, address(written));
}
[[nodiscard]] inline Octets local_pref() {
  return attribute(kWellKnown, 5, u32(100));
}
// ORIGIN, AS_PATH and NEXT_HOP; without one of them where it is replaced.
[[nodiscard]] inline Octets base() {
  return join({origin(), good_path(), next_hop()});
}
[[nodiscard]] inline Octets base_without(std::uint8_t type) {
  return join({type == 1 ? Octets{} : origin(), type == 2 ? Octets{} : good_path(),
               type == 3 ? Octets{} : next_hop()});
}
[[nodiscard]] inline Octets base6() {
  return base_without(3);
}
[[nodiscard]] inline Octets reach6() {
  return mp_reach({.next_hop = address(kNextHop6), .nlri = prefix(kPrefix6)});
}

[[nodiscard]] inline Octets announce(const Octets& attributes) {
  return update({.attributes = attributes, .nlri = prefix(kPrefix)});
}
[[nodiscard]] inline Octets only(const Octets& attributes) {
  return update({.attributes = attributes});
}

[[nodiscard]] inline UpdateContext context(PeerKind kind) {
  return {.kind = kind,
          .as_width = AsWidth::Four,
          .families = {.v4 = true, .v6 = true},
          .add_path_receive = {}};
}

// What has to happen. The routes are kPrefix and kPrefix6, which the peer announced before.
struct Expect {
  enum class Outcome : std::uint8_t {
    Accepted,   // no error; the route is there
    Discarded,  // an attribute is; the route is there
    Refused,    // no error; the route is there and not accepted
    Withdrawn,  // treat-as-withdraw; the route is gone
    Ignored,    // no error, nothing changed
    Reset,
  } outcome{};
  std::uint8_t subcode = 0;
  std::optional<Octets> data = std::nullopt;  // of the NOTIFICATION, where the RFC says
};
inline const Expect kAccepted{.outcome = Expect::Outcome::Accepted};
inline const Expect kDiscarded{.outcome = Expect::Outcome::Discarded};
inline const Expect kRefused{.outcome = Expect::Outcome::Refused};
inline const Expect kWithdrawn{.outcome = Expect::Outcome::Withdrawn};
inline const Expect kIgnored{.outcome = Expect::Outcome::Ignored};
[[nodiscard]] inline Expect reset(std::uint8_t subcode, std::optional<Octets> data = std::nullopt) {
  return {.outcome = Expect::Outcome::Reset, .subcode = subcode, .data = std::move(data)};
}

struct UpdateCase {
  std::string_view id;
  std::string_view title;
  Octets body;
  Expect expect;
  std::optional<PeerKind> kind = std::nullopt;  // both where nothing is said
  std::string_view route = kPrefix;             // the one that is looked at
  AsWidth as_width = AsWidth::Four;
  Families add_path = {};
};

// Empty: as expected. Otherwise what was different.
[[nodiscard]] inline std::string judge(const UpdateCase& c, PeerKind kind) {
  using Outcome = Expect::Outcome;
  UpdateContext with = context(kind);
  with.as_width = c.as_width;
  AdjRibIn routes{{.local_as = Asn{kOwnAs}, .own_addresses = {*Address::parse("192.0.2.2")}}};
  const auto before = decode_update(
      update({.attributes = join({reach6(), base()}), .nlri = prefix(kPrefix)}), context(kind));
  if (!before || routes.apply(*before) || !routes.holds(*Prefix::parse(c.route))) {
    return "the good route was not taken";
  }
  with.add_path_receive = c.add_path;
  const auto decoded = decode_update(c.body, with);
  if (!decoded) {
    if (c.expect.outcome != Outcome::Reset) return "reset: " + describe(decoded.error());
    if (decoded.error().code != 3 || decoded.error().subcode != c.expect.subcode) {
      return "reset with another code: " + describe(decoded.error());
    }
    return !c.expect.data || decoded.error().data == *c.expect.data ? "" : "reset with other data";
  }
  if (routes.apply(*decoded)) return "over the limit";
  std::string first;
  if (!decoded->errors.empty()) first = " (" + decoded->errors.front().what + ")";
  const bool holds = routes.holds(*Prefix::parse(c.route));
  const auto says = [&](Verdict verdict, bool is_there) {
    if (decoded->verdict != verdict) return "another verdict" + first;
    return holds == is_there ? std::string{} : "route there or gone" + first;
  };
  switch (c.expect.outcome) {
    case Outcome::Accepted:
    case Outcome::Ignored: return says(Verdict::Accept, true);
    case Outcome::Discarded: return says(Verdict::AttributeDiscard, true);
    case Outcome::Refused: return says(Verdict::Accept, false);
    case Outcome::Withdrawn: return says(Verdict::TreatAsWithdraw, false);
    case Outcome::Reset: break;
  }
  return "no reset" + first;
}

}  // namespace porter::bgp::wire
