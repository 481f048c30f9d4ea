// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "bgp/types.hpp"

namespace porter::bgp {

// Everything that changes the bytes of our UPDATEs: peers with equal Encodings share them.
struct Encoding {
  PeerKind kind = PeerKind::External;
  Asn local_as;
  AsWidth as_width = AsWidth::Four;
  std::size_t message_size = kMaxMessage;
  Families families;
  Families add_path;               // path identifiers are sent
  bool extended_next_hop = false;  // IPv4 routes may have an IPv6 one (RFC 8950)
  std::uint32_t send_max_v4 = 1;   // paths per prefix; 1 where ADD-PATH is off
  std::uint32_t send_max_v6 = 1;
  // Which next hops the peer may be told, and how (api.md 6).
  enum class Mode : std::uint8_t { Nodes, Self } mode = Mode::Nodes;
  std::optional<Address> self_v4;  // Self: our own next hop; in both modes what a path marked `own`
  std::optional<Address> self_v6;  // without a configured next hop is announced with
  std::optional<Prefix>
      shared_v4;  // Nodes over single-hop eBGP: only next hops inside (RFC 4271 §5.1.3)
  std::optional<Prefix> shared_v6;
  std::optional<Address> exclude;  // the peer's own address: no next hop for it (RFC 4271 §5.1.3)
  std::uint64_t speaker = 0;       // hash of who we are: spreads the one path told without ADD-PATH
  bool only_to_customer = false;   // RFC 9234: the peer may pass our routes on to customers alone
  bool graceful_shutdown = false;  // RFC 8326: 65535:0, LOCAL_PREF 0 on iBGP
  std::uint64_t audience = 0;      // whose paths are told (bgp::Audience)
  std::uint32_t budget = 0;        // paths of a family that are told, at most; 0: any number
  friend auto operator<=>(const Encoding&, const Encoding&) = default;
};

// What a Peer sends once it is Established: the seam between the session and the routes. AdjRibOut
// is the one implementation; tests of the session use scripts.
class RouteSource {
 public:
  RouteSource() = default;
  RouteSource(const RouteSource&) = delete;
  RouteSource& operator=(const RouteSource&) = delete;
  virtual ~RouteSource() = default;

  virtual void opened(const Encoding& encoding) = 0;  // Established: the whole table is pending
  // What the peer is to be told follows other rules from here on. What it was told still counts:
  // the difference is pending. Only while open.
  virtual void moved(const Encoding& encoding) = 0;
  virtual void closed() = 0;                // nothing is pending any more
  virtual void refresh(Family family) = 0;  // RFC 2918: that family again
  // UPDATE messages, whole, in the order they must go out; at least one if there is any, then up to
  // `budget` octets. Valid until consumed() or closed(). Repeated calls without consumed() give the
  // same octets first.
  [[nodiscard]] virtual std::span<const Bytes> pull(std::size_t budget) = 0;
  // The first `octets` of what pull() gave were handed to the kernel (may end inside a message).
  virtual void consumed(std::size_t octets) = 0;
  [[nodiscard]] virtual bool pending() = 0;  // false: pull() gives nothing; true: it may
};

}  // namespace porter::bgp
