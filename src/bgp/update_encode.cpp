// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bgp/as_path.hpp"
#include "bgp/attribute_table.hpp"

namespace porter::bgp {
namespace {

void put_attribute(std::uint8_t flags, std::uint8_t type, Bytes value,
                   std::vector<std::uint8_t>& out) {
  PORTER_ASSERT(value.size() <= 0xffff);
  ByteWriter to{out};
  const bool is_long = value.size() > 0xff;
  to.put(static_cast<std::uint8_t>(flags | (is_long ? kExtended : 0U)));
  to.put(type);
  if (is_long) {
    to.put(static_cast<std::uint16_t>(value.size()));
  } else {
    to.put(static_cast<std::uint8_t>(value.size()));
  }
  out.insert(out.end(), value.begin(), value.end());
}

// Writes the attributes one asks for, and before each what `others` has with a lower type code.
class Writer {
 public:
  Writer(const std::vector<UnknownAttribute>& others, std::vector<std::uint8_t>& out) : out_{out} {
    for (const UnknownAttribute& other : others)
      others_.push_back(&other);
    std::ranges::sort(others_, {}, [](const auto* other) { return other->type; });
  }

  void put(std::uint8_t type, Bytes value) {
    put_others_below(type);
    put_attribute(find_attribute(type)->flags, type, value, out_);
  }

  void put_words(std::uint8_t type, std::span<const std::uint32_t> words) {
    if (words.empty()) return;
    value_.clear();
    ByteWriter to{value_};
    for (const std::uint32_t word : words)
      to.put(word);
    put(type, value_);
  }

  void put_word(std::uint8_t type, std::optional<std::uint32_t> word) {
    if (word) put_words(type, std::span{&*word, 1});
  }

  void put_others_below(unsigned code) {
    while (next_ < others_.size() && others_[next_]->type < code) {
      const UnknownAttribute& other = *others_[next_++];
      put_attribute(other.flags, other.type, other.value, out_);
    }
  }

 private:
  std::vector<std::uint8_t>& out_;
  std::vector<const UnknownAttribute*> others_;
  std::size_t next_ = 0;
  std::vector<std::uint8_t> value_;
};

void put_path(std::uint8_t type, const AsPath& path, AsWidth width, Writer& to) {
  std::vector<std::uint8_t> value;
  encode_as_path(path, width, value);
  to.put(type, value);
}

void put_aggregator(std::uint8_t type, const Aggregator& aggregator, AsWidth width, Writer& to) {
  std::vector<std::uint8_t> value;
  ByteWriter octets{value};
  const std::uint32_t number = aggregator.as.number;
  if (width == AsWidth::Four) {
    octets.put(number);
  } else {
    octets.put(number > 0xffff ? kAsTrans : static_cast<std::uint16_t>(number));
  }
  octets.put(aggregator.id.bits);
  to.put(type, value);
}

void put_large_communities(const std::vector<LargeCommunity>& communities, Writer& to) {
  std::vector<std::uint32_t> words;
  words.reserve(communities.size() * 3);
  for (const LargeCommunity& community : communities) {
    words.insert(words.end(), {community.global, community.local1, community.local2});
  }
  to.put_words(type_code::kLargeCommunities, words);
}

void put_extended_communities(const Attributes& attributes, Writer& to) {
  if (attributes.extended_communities.empty()) return;
  std::vector<std::uint8_t> value;
  for (const auto& community : attributes.extended_communities) {
    value.insert(value.end(), community.begin(), community.end());
  }
  to.put(type_code::kExtendedCommunities, value);
}

// RFC 6793 §4.2.2: only what two octets cannot say is said twice.
void put_as4(const Attributes& attributes, AsWidth width, Writer& to) {
  if (width == AsWidth::Four) return;
  if (attributes.as_path && needs_four_octets(*attributes.as_path)) {
    put_path(type_code::kAs4Path, *attributes.as_path, AsWidth::Four, to);
  }
  if (attributes.aggregator && attributes.aggregator->as.number > 0xffff) {
    put_aggregator(type_code::kAs4Aggregator, *attributes.aggregator, AsWidth::Four, to);
  }
}

}  // namespace

void encode_attributes(const Attributes& attributes, AsWidth width, NextHopAttribute next_hop,
                       std::vector<std::uint8_t>& out) {
  Writer to{attributes.others, out};
  if (attributes.origin)
    to.put(type_code::kOrigin, std::array{static_cast<std::uint8_t>(*attributes.origin)});
  if (attributes.as_path) put_path(type_code::kAsPath, *attributes.as_path, width, to);
  const bool has_next_hop =
      next_hop == NextHopAttribute::Write && attributes.next_hop && attributes.next_hop->is_v4();
  if (has_next_hop) to.put(type_code::kNextHop, attributes.next_hop->octets());
  to.put_word(type_code::kMultiExitDisc, attributes.med);
  to.put_word(type_code::kLocalPref, attributes.local_pref);
  if (attributes.atomic_aggregate) to.put(type_code::kAtomicAggregate, {});
  if (attributes.aggregator)
    put_aggregator(type_code::kAggregator, *attributes.aggregator, width, to);
  to.put_words(type_code::kCommunities, attributes.communities);
  if (attributes.originator) to.put_word(type_code::kOriginatorId, attributes.originator->bits);
  to.put_words(type_code::kClusterList, attributes.cluster_list);
  put_extended_communities(attributes, to);
  put_as4(attributes, width, to);
  put_large_communities(attributes.large_communities, to);
  if (attributes.only_to_customer)
    to.put_word(type_code::kOnlyToCustomer, attributes.only_to_customer->number);
  to.put_others_below(256);
}

void encode_nlri(const Prefix& prefix, std::optional<PathId> id, std::vector<std::uint8_t>& out) {
  ByteWriter to{out};
  if (id) to.put(*id);
  to.put(static_cast<std::uint8_t>(prefix.length()));
  const Bytes octets = prefix.address().octets().first((prefix.length() + 7) / 8);
  out.insert(out.end(), octets.begin(), octets.end());
}

}  // namespace porter::bgp
