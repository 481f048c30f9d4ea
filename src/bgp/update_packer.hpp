// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include "bgp/export_policy.hpp"

namespace porter::bgp {

// Whole UPDATE messages, back to back. Immutable, shared by like peers.
struct Chunk {
  std::vector<std::uint8_t> octets;
};

// Gathers what has to be said, then writes it in as few UPDATEs as can be: withdrawals first, then
// announcements by equal attributes, each message of one kind only and filled up. IPv4 stands in
// the fields of RFC 4271 §4.3, IPv6 and IPv4 with an IPv6 next hop (RFC 8950) in MP_REACH_NLRI or
// MP_UNREACH_NLRI (RFC 4760), which is the first attribute (RFC 7606 §5.1). For each path at most
// one thing is said between two finish().
class UpdatePacker {
 public:
  UpdatePacker(const Rib& rib, const Encoding& encoding);

  void withdraw(const Prefix& prefix, PathId id);
  void announce(const Prefix& prefix, const Exported& path);
  // A path that differs from the one announced last in nothing but its prefix, of the same family.
  void announce_alike(const Prefix& prefix, PathId id);
  // From what was told to what is to be told, both in order of path identifier.
  void tell(const Prefix& prefix, std::span<const Exported> before,
            std::span<const Exported> after);

  [[nodiscard]] std::size_t octets() const { return octets_; }  // about what finish() will write
  [[nodiscard]] Chunk finish();

 private:
  struct Key {
    Family family = Family::V4;  // of the prefixes
    Address next_hop;
    AttrId attributes{};
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const;
  };
  // Everything that goes out with the same attributes.
  struct Bucket {
    Key key;
    [[nodiscard]] bool is_plain() const { return key.next_hop.is_v4(); }  // no MP_REACH_NLRI
    std::vector<std::uint8_t> attributes;                                 // without MP_REACH_NLRI
    std::vector<std::uint8_t> nlri;
  };

  Bucket& bucket(const Key& key);
  void put_nlri(const Prefix& prefix, PathId id, std::vector<std::uint8_t>& out);
  void withdraw_all(Family family, Bytes nlri, std::vector<std::uint8_t>& out) const;
  void announce_all(const Bucket& bucket, std::vector<std::uint8_t>& out) const;
  Bytes take_nlri(Family family, Bytes& nlri, std::size_t room) const;

  const Rib& rib_;
  Encoding encoding_;
  std::size_t message_size_;
  std::vector<std::uint8_t> withdrawn_v4_;
  std::vector<std::uint8_t> withdrawn_v6_;
  std::vector<Bucket> buckets_;
  boost::unordered_flat_map<Key, std::size_t, HashKey> index_;
  std::size_t last_ = 0;  // bucket used last: neighbours tend to be alike
  std::size_t octets_ = 0;
};

}  // namespace porter::bgp
