// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bgp/rib.hpp"
#include "bgp/route_source.hpp"
#include "bgp/update.hpp"

namespace porter::bgp {

// One path as a peer is told it. Attributes are named as in the Rib; attributes_of() spells them
// out.
struct Exported {
  PathId id = 0;  // 0 where the family has no ADD-PATH
  Address next_hop;
  AttrId attributes{};
  friend auto operator<=>(const Exported&, const Exported&) = default;
};

// Of a prefix's paths some are for other peers; of a Path, or of what the Rib stores of one.
[[nodiscard]] bool is_for(const auto& path, const Encoding& encoding) {
  return path.audience == 0 || path.audience == encoding.audience;
}
// Such a path is told unless it is held back; in Self mode only our own is.
[[nodiscard]] bool may_be_told(const auto& path, const Encoding& encoding) {
  return is_for(path, encoding) && !path.withheld &&
         (path.own || encoding.mode == Encoding::Mode::Nodes);
}

// Whether other prefixes with the same set of paths are told alike.
enum class Choice : std::uint8_t { AnyPrefix, ThisPrefix };

// Which paths of a prefix an Encoding lets out, and with which next hop (api.md 6). Nodes: each
// path, or beyond the number of paths the peer takes those of the highest rendezvous hash, so that
// speakers agree where they tell many and spread where they can tell but one. Self: only our own.
class ExportPolicy {
 public:
  explicit ExportPolicy(const Encoding& encoding) : encoding_{encoding} {}

  // Replaces `out`, in order of path identifier. Until forget() the Rib stands still.
  Choice choose(const Rib& rib, const Prefix& prefix, PathSet set, std::vector<Exported>& out);
  void forget() { gathered_.reset(); }

 private:
  struct Candidate {
    Exported told;
    Address node;  // the next hop as planned: that of all speakers
  };

  void gather(const Rib& rib, Family family, PathSet set);
  [[nodiscard]] std::optional<Exported> told(const Rib& rib, Family family,
                                             const StoredPath& path) const;
  [[nodiscard]] std::optional<Address> self(Family family) const;

  Encoding encoding_;
  std::vector<Candidate> candidates_;  // of what was gathered last: neighbours tend to be alike
  std::optional<std::pair<Family, PathSet>> gathered_;
  std::vector<std::pair<std::uint64_t, std::size_t>> ranked_;  // scratch
};

// What a peer with this Encoding is told of the prefix, once it has caught up.
[[nodiscard]] std::vector<Exported> exported(const Rib& rib, const Encoding& encoding,
                                             const Prefix& prefix);

// The attributes towards such a peer: AS_PATH, LOCAL_PREF and graceful shutdown follow from the
// session.
[[nodiscard]] Attributes attributes_of(const Encoding& encoding, const PathAttributes& path,
                                       const Address& next_hop);

// The size of our UPDATEs: what the Encoding says, within RFC 4271 §4.1 and RFC 8654.
[[nodiscard]] std::size_t message_size(const Encoding& encoding);

}  // namespace porter::bgp
