// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>

#include "bgp/update.hpp"

// What the decoder knows of each path attribute: one row, one decode function, one verdict. Inside
// the folder only.
namespace porter::bgp {

inline constexpr std::uint8_t kOptional = 0x80;
inline constexpr std::uint8_t kTransitive = 0x40;
inline constexpr std::uint8_t kPartial = 0x20;
inline constexpr std::uint8_t kExtended = 0x10;

namespace type_code {
inline constexpr std::uint8_t kOrigin = 1;
inline constexpr std::uint8_t kAsPath = 2;
inline constexpr std::uint8_t kNextHop = 3;
inline constexpr std::uint8_t kMultiExitDisc = 4;
inline constexpr std::uint8_t kLocalPref = 5;
inline constexpr std::uint8_t kAtomicAggregate = 6;
inline constexpr std::uint8_t kAggregator = 7;
inline constexpr std::uint8_t kCommunities = 8;
inline constexpr std::uint8_t kOriginatorId = 9;
inline constexpr std::uint8_t kClusterList = 10;
inline constexpr std::uint8_t kMpReachNlri = 14;
inline constexpr std::uint8_t kMpUnreachNlri = 15;
inline constexpr std::uint8_t kExtendedCommunities = 16;
inline constexpr std::uint8_t kAs4Path = 17;
inline constexpr std::uint8_t kAs4Aggregator = 18;
inline constexpr std::uint8_t kIpv6ExtendedCommunities = 25;
inline constexpr std::uint8_t kLargeCommunities = 32;
inline constexpr std::uint8_t kOnlyToCustomer = 35;
}  // namespace type_code

// Subcodes of the UPDATE Message Error (RFC 4271 §6.3).
enum class UpdateError : std::uint8_t {
  MalformedAttributeList = 1,
  UnrecognizedWellKnown = 2,
  MissingWellKnown = 3,
  AttributeFlags = 4,
  AttributeLength = 5,
  InvalidOrigin = 6,
  InvalidNextHop = 8,
  OptionalAttribute = 9,
  InvalidNetworkField = 10,
  MalformedAsPath = 11,
};

struct RawAttribute {
  std::uint8_t flags = 0;
  std::uint8_t type = 0;
  Bytes value;
  Bytes whole;  // with flags, type and length: the data of a NOTIFICATION about it
};

// What is wrong with a value. Without a verdict of its own, that of the attribute's row holds.
struct Problem {
  UpdateError subcode = UpdateError::MalformedAttributeList;
  std::string what;  // "length 2, not 1"
  std::optional<Verdict> verdict;
};
using Checked = std::optional<Problem>;  // nothing: fine

// An UPDATE while it is taken apart. What needs a second attribute waits here for the end.
struct Decoding {
  explicit Decoding(const UpdateContext& with) : context{with} {}

  const UpdateContext& context;
  Update update;
  std::bitset<256> seen;  // attribute types
  bool reaches = false;   // there is reachable NLRI, of whatever family
  std::optional<Address> mp_next_hop;
  std::optional<Address> mp_link_local;
  std::optional<AsPath> as4_path;
  std::optional<Aggregator> as4_aggregator;
  std::optional<AfiSafi> emptied;  // an MP_UNREACH_NLRI without routes
};

struct AttributeRow {
  enum class From : std::uint8_t {
    Anybody,
    Internal,     // an external peer's is discarded (RFC 7606 §7.5, 7.9, 7.10)
    OldSpeakers,  // that of a peer with four-octet AS numbers is discarded (RFC 6793 §6)
  };
  std::uint8_t type = 0;
  std::string_view name;
  std::uint8_t flags = 0;  // the Optional and Transitive bits it must have
  From from = From::Anybody;
  Verdict on_error{};
  Checked (*decode)(const RawAttribute& attribute, Decoding& into) = nullptr;
};

// Null: not one we recognize.
[[nodiscard]] const AttributeRow* find_attribute(std::uint8_t type);
// Once in the registry and withdrawn, or only for those who agreed on it: means nothing to us,
// whatever its flags and value.
[[nodiscard]] bool is_ignored_attribute(std::uint8_t type);

// Appends. False: syntactically incorrect (RFC 7606 §5.3).
enum class PathIds : std::uint8_t { Absent, Present };
[[nodiscard]] bool decode_nlri(Bytes field, Family family, PathIds ids, std::vector<Nlri>& out);

[[nodiscard]] Checked decode_mp_reach(const RawAttribute& attribute, Decoding& into);
[[nodiscard]] Checked decode_mp_unreach(const RawAttribute& attribute, Decoding& into);

}  // namespace porter::bgp
