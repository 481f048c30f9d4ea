// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "bgp/export_policy.hpp"

// The far end of a session, for tests: takes octets as they come, keeps a table, and complains
// about every message that is not as we promise to write it. Shares no code with what it tests.
namespace porter::bgp::testing {

struct ReceivedPath {
  Address next_hop;
  std::vector<std::uint8_t> attributes;  // as on the wire, without MP_REACH_NLRI
  friend bool operator==(const ReceivedPath&, const ReceivedPath&) = default;
};
using ReceivedTable = std::map<std::pair<Prefix, PathId>, ReceivedPath>;

class Receiver {
 public:
  explicit Receiver(const Encoding& encoding) : encoding_{encoding} {}

  void feed(Bytes octets) {
    stream_.insert(stream_.end(), octets.begin(), octets.end());
    while (stream_.size() >= kHeaderSize) {
      const std::size_t size = static_cast<std::size_t>(stream_[16]) << 8U | stream_[17];
      if (size < kHeaderSize + 4 || size > encoding_.message_size) return complain("message size");
      if (stream_.size() < size) return;
      const std::vector<std::uint8_t> message(stream_.begin(),
                                              stream_.begin() + static_cast<std::ptrdiff_t>(size));
      stream_.erase(stream_.begin(), stream_.begin() + static_cast<std::ptrdiff_t>(size));
      take(message);
    }
  }

  [[nodiscard]] const ReceivedTable& table() const { return table_; }
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }
  [[nodiscard]] bool is_inside_message() const { return !stream_.empty(); }
  [[nodiscard]] std::size_t messages() const { return messages_; }
  [[nodiscard]] std::size_t announcements() const { return announcements_; }
  [[nodiscard]] std::size_t withdrawals() const { return withdrawals_; }
  [[nodiscard]] std::size_t repeats() const {
    return repeats_;
  }  // announced as it was held already

 private:
  void complain(std::string what) { complaints_.push_back(std::move(what)); }

  void take(Bytes message) {
    ++messages_;
    if (std::ranges::count(message.first(16), 0xff) != 16 || message[18] != 2) complain("header");
    ByteReader in{message.subspan(kHeaderSize)};
    const Bytes withdrawn = in.take_bytes(in.take<std::uint16_t>());
    const Bytes attributes = in.take_bytes(in.take<std::uint16_t>());
    const Bytes nlri = in.take_bytes(in.remaining());
    if (!in.ok()) return complain("lengths");
    withdraw(Family::V4, withdrawn);
    const std::size_t mp = take_attributes(attributes, nlri);
    const std::size_t kinds = (withdrawn.empty() ? 0U : 1U) + (nlri.empty() ? 0U : 1U) + mp;
    if (kinds != 1) complain("not one kind of NLRI");
    if (!withdrawn.empty() && !attributes.empty()) complain("attributes beside withdrawals");
  }

  struct Attribute {
    std::uint8_t type = 0;
    Bytes value;
    Bytes whole;  // with its header
    [[nodiscard]] bool is_multiprotocol() const { return type == 14 || type == 15; }
  };

  Attribute take_attribute(ByteReader& in, Bytes attributes) {
    const std::size_t begin = attributes.size() - in.remaining();
    const auto flags = in.take<std::uint8_t>();
    Attribute attribute;
    attribute.type = in.take<std::uint8_t>();
    const bool extended = (flags & 0x10U) != 0;
    const std::size_t size = extended ? in.take<std::uint16_t>() : in.take<std::uint8_t>();
    attribute.value = in.take_bytes(size);
    if (!in.ok()) complain("attribute length");
    if (extended && size < 256) complain("needless extended length");
    attribute.whole = attributes.subspan(begin, attributes.size() - in.remaining() - begin);
    return attribute;
  }

  // The number of multiprotocol attributes.
  std::size_t take_attributes(Bytes attributes, Bytes nlri) {
    ByteReader in{attributes};
    std::optional<Bytes> reach;
    std::optional<Bytes> unreach;
    ReceivedPath path;
    std::uint8_t last = 0;
    bool first = true;
    while (in.remaining() > 0) {
      const Attribute attribute = take_attribute(in, attributes);
      if (attribute.is_multiprotocol()) {
        if (!first) complain("multiprotocol attribute not first");
        (attribute.type == 14 ? reach : unreach) = attribute.value;
      } else {
        if (attribute.type <= last) complain("order of attributes");
        last = attribute.type;
        path.attributes.insert(path.attributes.end(), attribute.whole.begin(),
                               attribute.whole.end());
        if (attribute.type == 3 && attribute.value.size() == 4)
          path.next_hop = Address::v4(attribute.value.first<4>());
      }
      first = false;
    }
    if (!nlri.empty()) announce(Family::V4, nlri, path);
    if (reach) take_reach(*reach, path);
    if (unreach) take_unreach(*unreach);
    return (reach ? 1U : 0U) + (unreach ? 1U : 0U);
  }

  void take_unreach(Bytes unreach) {
    ByteReader value{unreach};
    if (value.take<std::uint16_t>() != 2 || value.take<std::uint8_t>() != 1) complain("AFI/SAFI");
    withdraw(Family::V6, value.take_bytes(value.remaining()));
  }

  void take_reach(Bytes reach, ReceivedPath& path) {
    ByteReader value{reach};
    const auto afi = value.take<std::uint16_t>();
    const bool is_expected = afi == 2 || (afi == 1 && encoding_.extended_next_hop);
    if (!is_expected || value.take<std::uint8_t>() != 1) complain("AFI/SAFI");
    if (value.take<std::uint8_t>() != 16) complain("next hop length");
    Address::Octets octets{};
    std::ranges::copy(value.take_bytes(16), octets.begin());
    path.next_hop = Address::v6(octets);
    if (value.take<std::uint8_t>() != 0 || !value.ok()) complain("MP_REACH_NLRI");
    announce(afi == 1 ? Family::V4 : Family::V6, value.take_bytes(value.remaining()), path);
  }

  std::vector<std::pair<Prefix, PathId>> entries(Family family, Bytes nlri) {
    std::vector<std::pair<Prefix, PathId>> found;
    ByteReader in{nlri};
    while (in.remaining() > 0) {
      const PathId id = encoding_.add_path.has(family) ? in.take<PathId>() : 0;
      const unsigned length = in.take<std::uint8_t>();
      Address::Octets octets{};
      std::ranges::copy(in.take_bytes((length + 7) / 8), octets.begin());
      if (!in.ok()) complain("NLRI");
      const Address address =
          family == Family::V4 ? Address::v4(std::span{octets}.first<4>()) : Address::v6(octets);
      found.emplace_back(Prefix{address, length}, id);
    }
    return found;
  }

  void withdraw(Family family, Bytes nlri) {
    for (const auto& key : entries(family, nlri)) {
      ++withdrawals_;
      if (table_.erase(key) == 0)
        complain("withdrawal of what was never told: " + to_string(key.first));
    }
  }

  void announce(Family family, Bytes nlri, const ReceivedPath& path) {
    for (const auto& key : entries(family, nlri)) {
      ++announcements_;
      const auto [place, created] = table_.try_emplace(key, path);
      if (!created && place->second == path) ++repeats_;
      place->second = path;
    }
  }

  Encoding encoding_;
  std::vector<std::uint8_t> stream_;
  ReceivedTable table_;
  std::vector<std::string> complaints_;
  std::size_t messages_ = 0;
  std::size_t announcements_ = 0;
  std::size_t withdrawals_ = 0;
  std::size_t repeats_ = 0;
};

// What the far end is to have in the end.
inline ReceivedTable expected_table(const Rib& rib, const Encoding& encoding) {
  ReceivedTable table;
  for (const Prefix& prefix : rib.prefixes(rib.size())) {
    for (const Exported& path : exported(rib, encoding, prefix)) {
      ReceivedPath& entry = table[{prefix, path.id}];
      entry.next_hop = path.next_hop;
      encode_attributes(attributes_of(encoding, rib.attributes(path.attributes), path.next_hop),
                        encoding.as_width,
                        path.next_hop.is_v4() ? NextHopAttribute::Write : NextHopAttribute::Omit,
                        entry.attributes);
    }
  }
  return table;
}

}  // namespace porter::bgp::testing
