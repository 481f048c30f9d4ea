// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "bgp/message.hpp"

// UPDATE: decoding with the verdicts of RFC 7606, and the attribute values both directions share.
// Decoding is separate from judging the routes' worth (loops, next hops): that is AdjRibIn's.
namespace porter::bgp {

enum class Origin : std::uint8_t { Igp = 0, Egp = 1, Incomplete = 2 };

struct AsSegment {
  enum class Type : std::uint8_t { Set = 1, Sequence = 2 };
  Type type = Type::Sequence;
  std::vector<Asn> numbers;
  friend auto operator<=>(const AsSegment&, const AsSegment&) = default;
};
using AsPath = std::vector<AsSegment>;
[[nodiscard]] std::string to_string(const AsPath& path);  // "65001 65002 {65003,65004}"

struct LargeCommunity {
  std::uint32_t global = 0;
  std::uint32_t local1 = 0;
  std::uint32_t local2 = 0;
  friend auto operator<=>(const LargeCommunity&, const LargeCommunity&) = default;
};

struct Aggregator {  // AS4_AGGREGATOR already merged in
  Asn as;
  RouterId id;
  friend auto operator<=>(const Aggregator&, const Aggregator&) = default;
};

// Optional transitive ones are kept, with the Partial bit set (RFC 4271 §5). `flags` holds the
// Optional, Transitive and Partial bits alone.
struct UnknownAttribute {
  std::uint8_t flags = 0;
  std::uint8_t type = 0;
  std::vector<std::uint8_t> value;
  friend auto operator<=>(const UnknownAttribute&, const UnknownAttribute&) = default;
};

struct Attributes {
  std::optional<Origin> origin;
  std::optional<AsPath> as_path;               // AS4_PATH already merged in
  std::optional<Address> next_hop;             // NEXT_HOP, or that of MP_REACH_NLRI
  std::optional<Address> link_local_next_hop;  // second of MP_REACH_NLRI's 32 octets
  std::optional<std::uint32_t> med;
  std::optional<std::uint32_t> local_pref;
  bool atomic_aggregate = false;
  std::optional<Aggregator> aggregator;
  std::vector<std::uint32_t> communities;
  std::vector<LargeCommunity> large_communities;
  std::vector<std::array<std::uint8_t, 8>> extended_communities;
  std::optional<RouterId> originator;
  std::vector<std::uint32_t> cluster_list;
  std::optional<Asn> only_to_customer{};  // OTC, RFC 9234 §5
  std::vector<UnknownAttribute> others;   // ascending type code
  friend auto operator<=>(const Attributes&, const Attributes&) = default;
};

struct Nlri {
  PathId id = 0;  // 0 where the family has no ADD-PATH
  Prefix prefix;
  friend auto operator<=>(const Nlri&, const Nlri&) = default;
};

// RFC 7606 §2, weakest first; the strongest of all errors in an UPDATE wins (§3 h).
enum class Verdict : std::uint8_t { Accept, AttributeDiscard, TreatAsWithdraw, Reset };

struct AttributeError {
  Verdict verdict{};
  std::uint8_t type = 0;  // attribute type code; 0: the attribute list itself
  std::string what;       // "ORIGIN: length 2, not 1"
};

// What one UPDATE says. With TreatAsWithdraw, `announced` are the routes to be withdrawn.
struct Update {
  Verdict verdict = Verdict::Accept;
  std::vector<AttributeError> errors;
  Attributes attributes;
  Attributes mp_attributes;     // with MP_REACH_NLRI: == attributes but for the next hops, its own
  std::vector<Nlri> withdrawn;  // both places and both families
  std::vector<Nlri> announced;  // IPv4 NLRI field
  std::vector<Nlri> mp_announced;  // MP_REACH_NLRI
  std::optional<AfiSafi> end_of_rib;
};

struct UpdateContext {
  PeerKind kind = PeerKind::External;
  AsWidth as_width = AsWidth::Four;
  Families families;  // negotiated; NLRI of others is ignored
  Families add_path_receive;
  bool extended_next_hop = false;  // IPv4 routes may have an IPv6 one (RFC 8950)
};

// The error is the NOTIFICATION to send (verdict Reset).
[[nodiscard]] Result<Update, Notification> decode_update(Bytes body, const UpdateContext& context);

// Attributes as the bytes of an UPDATE's path attributes field, without MP_REACH/MP_UNREACH;
// next_hop is written as NEXT_HOP when it is IPv4 and `with_next_hop`. AS_PATH in the given width,
// with AS4_PATH beside it where a 2-octet AS_PATH cannot say it (RFC 6793 §4.2.2). Order: ascending
// type code.
enum class NextHopAttribute : std::uint8_t { Write, Omit };
void encode_attributes(const Attributes& attributes, AsWidth width, NextHopAttribute next_hop,
                       std::vector<std::uint8_t>& out);
// One NLRI entry; with a path identifier where `id` is given.
void encode_nlri(const Prefix& prefix, std::optional<PathId> id, std::vector<std::uint8_t>& out);

}  // namespace porter::bgp
