// SPDX-License-Identifier: Apache-2.0
#include "bgp/update_packer.hpp"

#include <algorithm>

#include "bgp/mix.hpp"

namespace porter::bgp {
namespace {

constexpr std::size_t kFixed = kHeaderSize + 4;  // and both length fields of an UPDATE
constexpr std::uint8_t kOptional = 0x80;
constexpr std::uint8_t kExtendedLength = 0x10;  // only above 255 octets (RFC 4271 §4.3)
constexpr std::size_t kExtendedHeader = 4;
constexpr std::uint8_t kMpReach = 14;
constexpr std::uint8_t kMpUnreach = 15;
constexpr std::size_t kReachFixed =
    2 + 1 + 1 + 16 + 1;  // AFI, SAFI, next hop with length, reserved
constexpr std::size_t kUnreachFixed = 2 + 1;

void put16(std::size_t value, std::vector<std::uint8_t>& out) {
  ByteWriter{out}.put(static_cast<std::uint16_t>(value));
}

void put(Bytes octets, std::vector<std::uint8_t>& out) {
  out.insert(out.end(), octets.begin(), octets.end());
}

void put_header(std::size_t size, std::vector<std::uint8_t>& out) {
  out.insert(out.end(), 16, 0xff);
  put16(size, out);
  out.push_back(static_cast<std::uint8_t>(MessageType::Update));
}

std::size_t attribute_header(std::size_t size) {
  return size > 255 ? kExtendedHeader : 3;
}

void put_attribute_header(std::uint8_t type, std::size_t size, std::vector<std::uint8_t>& out) {
  const bool extended = size > 255;
  out.push_back(extended ? kOptional | kExtendedLength : kOptional);
  out.push_back(type);
  if (extended) {
    put16(size, out);
  } else {
    out.push_back(static_cast<std::uint8_t>(size));
  }
}

void put_unicast(Family family, std::vector<std::uint8_t>& out) {
  const AfiSafi afi_safi = unicast(family);
  put16(afi_safi.afi, out);
  out.push_back(afi_safi.safi);
}

}  // namespace

UpdatePacker::UpdatePacker(const Rib& rib, const Encoding& encoding)
    : rib_{rib}, encoding_{encoding}, message_size_{message_size(encoding)} {}

std::size_t UpdatePacker::HashKey::operator()(const Key& key) const {
  return static_cast<std::size_t>(Mix{}
                                      .add(key.next_hop)
                                      .add(static_cast<std::uint32_t>(key.family))
                                      .add(static_cast<std::uint32_t>(key.attributes))
                                      .value());
}

void UpdatePacker::withdraw(const Prefix& prefix, PathId id) {
  put_nlri(prefix, id, prefix.family() == Family::V4 ? withdrawn_v4_ : withdrawn_v6_);
}

void UpdatePacker::announce(const Prefix& prefix, const Exported& path) {
  put_nlri(
      prefix, path.id,
      bucket({.family = prefix.family(), .next_hop = path.next_hop, .attributes = path.attributes})
          .nlri);
}

void UpdatePacker::announce_alike(const Prefix& prefix, PathId id) {
  put_nlri(prefix, id, buckets_[last_].nlri);
}

void UpdatePacker::tell(const Prefix& prefix, std::span<const Exported> before,
                        std::span<const Exported> after) {
  auto old = before.begin();
  for (const Exported& path : after) {
    for (; old != before.end() && old->id < path.id; ++old)
      withdraw(prefix, old->id);
    const bool known = old != before.end() && old->id == path.id;
    if (!known || *old != path) announce(prefix, path);
    if (known) ++old;
  }
  for (; old != before.end(); ++old)
    withdraw(prefix, old->id);
}

UpdatePacker::Bucket& UpdatePacker::bucket(const Key& key) {
  if (last_ < buckets_.size() && buckets_[last_].key == key) return buckets_[last_];
  const auto [place, created] = index_.try_emplace(key, buckets_.size());
  last_ = place->second;
  if (!created) return buckets_[last_];

  Bucket& made = buckets_.emplace_back();
  made.key = key;
  const Attributes attributes =
      attributes_of(encoding_, rib_.attributes(key.attributes), key.next_hop);
  encode_attributes(attributes, encoding_.as_width,
                    made.is_plain() ? NextHopAttribute::Write : NextHopAttribute::Omit,
                    made.attributes);
  octets_ +=
      kFixed + made.attributes.size() + (made.is_plain() ? 0 : kExtendedHeader + kReachFixed);
  return made;
}

// Like encode_nlri(), but a table of 100,000 prefixes passes here while a peer waits: one growth
// each.
void UpdatePacker::put_nlri(const Prefix& prefix, PathId id, std::vector<std::uint8_t>& out) {
  const Bytes address = prefix.address().octets().first((prefix.length() + 7U) / 8U);
  const bool with_id = encoding_.add_path.has(prefix.family());  // RFC 7911 §3
  const std::size_t size = (with_id ? sizeof(PathId) : 0) + 1 + address.size();
  octets_ += size;
  out.resize(out.size() + size);
  std::uint8_t* place = &out.back() + 1 - size;
  if (with_id) {
    *place++ = static_cast<std::uint8_t>(id >> 24U);
    *place++ = static_cast<std::uint8_t>(id >> 16U);
    *place++ = static_cast<std::uint8_t>(id >> 8U);
    *place++ = static_cast<std::uint8_t>(id);
  }
  *place++ = static_cast<std::uint8_t>(prefix.length());
  std::ranges::copy(address, place);
}

Chunk UpdatePacker::finish() {
  Chunk chunk;
  chunk.octets.reserve(octets_ + octets_ / 16);
  withdraw_all(Family::V4, withdrawn_v4_, chunk.octets);
  withdraw_all(Family::V6, withdrawn_v6_, chunk.octets);
  for (const Bucket& bucket : buckets_)
    announce_all(bucket, chunk.octets);

  withdrawn_v4_.clear();
  withdrawn_v6_.clear();
  buckets_.clear();
  index_.clear();
  last_ = 0;
  octets_ = 0;
  return chunk;
}

void UpdatePacker::withdraw_all(Family family, Bytes nlri, std::vector<std::uint8_t>& out) const {
  const bool v4 = family == Family::V4;
  const std::size_t overhead = v4 ? kFixed : kFixed + kExtendedHeader + kUnreachFixed;
  while (!nlri.empty()) {
    const Bytes part = take_nlri(family, nlri, message_size_ - overhead);
    if (v4) {
      put_header(kFixed + part.size(), out);
      put16(part.size(), out);
      put(part, out);
      put16(0, out);
      continue;
    }
    const std::size_t value = kUnreachFixed + part.size();
    const std::size_t attribute = attribute_header(value) + value;
    put_header(kFixed + attribute, out);
    put16(0, out);
    put16(attribute, out);
    put_attribute_header(kMpUnreach, value, out);
    put_unicast(family, out);
    put(part, out);
  }
}

void UpdatePacker::announce_all(const Bucket& bucket, std::vector<std::uint8_t>& out) const {
  const Family family = bucket.key.family;
  const std::size_t overhead =
      kFixed + bucket.attributes.size() + (bucket.is_plain() ? 0 : kExtendedHeader + kReachFixed);
  PORTER_ASSERT(overhead < message_size_);  // ExportPolicy lets nothing larger out
  Bytes nlri = bucket.nlri;
  while (!nlri.empty()) {
    const Bytes part = take_nlri(family, nlri, message_size_ - overhead);
    if (bucket.is_plain()) {
      put_header(overhead + part.size(), out);
      put16(0, out);
      put16(bucket.attributes.size(), out);
      put(bucket.attributes, out);
      put(part, out);
      continue;
    }
    const std::size_t value = kReachFixed + part.size();
    const std::size_t attributes = attribute_header(value) + value + bucket.attributes.size();
    put_header(kFixed + attributes, out);
    put16(0, out);
    put16(attributes, out);
    put_attribute_header(kMpReach, value, out);
    put_unicast(family, out);
    out.push_back(16);
    put(bucket.key.next_hop.octets(), out);
    out.push_back(0);  // reserved
    put(part, out);
    put(bucket.attributes, out);
  }
}

// As many whole entries as there is room for, off the front.
Bytes UpdatePacker::take_nlri(Family family, Bytes& nlri, std::size_t room) const {
  const std::size_t id = encoding_.add_path.has(family) ? sizeof(PathId) : 0;
  std::size_t taken = 0;
  while (taken < nlri.size()) {
    const std::size_t entry = id + 1 + (nlri[taken + id] + 7U) / 8U;
    if (taken + entry > room) break;
    taken += entry;
  }
  PORTER_ASSERT(taken > 0);
  const Bytes part = nlri.first(taken);
  nlri = nlri.subspan(taken);
  return part;
}

}  // namespace porter::bgp
