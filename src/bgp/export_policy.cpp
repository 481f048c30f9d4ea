// SPDX-License-Identifier: Apache-2.0
#include "bgp/export_policy.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "bgp/mix.hpp"

namespace porter::bgp {
namespace {

constexpr std::uint32_t kGracefulShutdown = 0xffff0000U;  // 65535:0, RFC 8326
constexpr std::size_t kLongestSegment = 255;              // ASes, RFC 4271 §4.3

AsPath own_as(Asn asn, std::size_t count) {
  AsPath path;
  for (; count > 0; count -= path.back().numbers.size()) {
    path.push_back({.numbers = std::vector<Asn>(std::min(count, kLongestSegment), asn)});
  }
  return path;
}

// No more octets than this for everything but NLRI. A path whose attributes leave no room is not
// told (RFC 4271 §9.2).
std::size_t largest_overhead(const PathAttributes& path) {
  constexpr std::size_t kFixed =
      160;  // header, lengths, MP_REACH, ORIGIN, NEXT_HOP, MED, one NLRI ...
  const std::size_t numbers = 1U + path.prepend;
  return kFixed + numbers * (sizeof(std::uint16_t) + sizeof(std::uint32_t)) +
         (path.communities.size() + 1) * sizeof(std::uint32_t) +
         path.large_communities.size() * sizeof(LargeCommunity);
}

// draft-ietf-idr-link-bandwidth: octets a second, as IEEE 754 single precision. Within the AS the
// non-transitive one; an eBGP peer would have to drop that.
std::array<std::uint8_t, 8> link_bandwidth(const Encoding& encoding, std::uint32_t weight) {
  constexpr float kOctets = 125'000;  // of 1 Mbit/s
  const std::uint32_t number = encoding.local_as.number;
  const std::uint32_t asn = number > 0xffff ? kAsTrans : number;
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(weight) * kOctets);
  const auto octet = [](std::uint32_t value, unsigned shift) {
    return static_cast<std::uint8_t>(value >> shift);
  };
  const std::uint8_t type = encoding.kind == PeerKind::Internal ? 0x40 : 0x00;
  return {
      type,           0x04,          octet(asn, 8), octet(asn, 0), octet(bits, 24), octet(bits, 16),
      octet(bits, 8), octet(bits, 0)};
}

}  // namespace

std::size_t message_size(const Encoding& encoding) {
  return std::clamp(encoding.message_size, kMaxMessage, kMaxExtendedMessage);
}

Choice ExportPolicy::choose(const Rib& rib, const Prefix& prefix, PathSet set,
                            std::vector<Exported>& out) {
  out.clear();
  const Family family = prefix.family();
  if (!encoding_.families.has(family)) return Choice::AnyPrefix;
  if (gathered_ != std::pair{family, set}) gather(rib, family, set);

  const bool add_path = encoding_.add_path.has(family);
  const std::uint32_t send_max =
      family == Family::V4 ? encoding_.send_max_v4 : encoding_.send_max_v6;
  const std::size_t limit = add_path ? std::max(1U, send_max) : 1;
  if (candidates_.size() <= limit) {
    for (const Candidate& candidate : candidates_)
      out.push_back(candidate.told);
    return Choice::AnyPrefix;
  }

  const Mix seed = Mix{}.add(prefix);
  ranked_.clear();
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    Mix mix = seed;
    mix.add(candidates_[i].node);
    if (!add_path) mix.add(encoding_.speaker);
    ranked_.emplace_back(mix.value(), i);
  }
  const auto last = ranked_.begin() + static_cast<std::ptrdiff_t>(limit);
  std::ranges::nth_element(ranked_, last - 1, std::greater{});
  std::sort(ranked_.begin(), last,
            [](const auto& left, const auto& right) { return left.second < right.second; });
  for (auto best = ranked_.begin(); best != last; ++best)
    out.push_back(candidates_[best->second].told);
  return Choice::ThisPrefix;
}

void ExportPolicy::gather(const Rib& rib, Family family, PathSet set) {
  candidates_.clear();
  const std::span<const PathRef> refs = rib.paths(set);
  for (std::size_t i = 0; i < refs.size();) {
    // Everybody's comes first among those with one identifier.
    const StoredPath* chosen = nullptr;
    const PathId id = rib.path(refs[i]).id;
    for (; i < refs.size() && rib.path(refs[i]).id == id; ++i) {
      const StoredPath& path = rib.path(refs[i]);
      if (is_for(path, encoding_)) chosen = &path;
    }
    if (chosen == nullptr || !may_be_told(*chosen, encoding_)) continue;
    const std::optional<Exported> candidate = told(rib, family, *chosen);
    if (candidate) candidates_.push_back({.told = *candidate, .node = chosen->next_hop});
  }
  gathered_ = {family, set};
}

// Of an interface without an IPv4 address the IPv6 one does, where the peer takes it.
std::optional<Address> ExportPolicy::self(Family family) const {
  if (family == Family::V6) return encoding_.self_v6;
  return encoding_.self_v4 || !encoding_.extended_next_hop ? encoding_.self_v4 : encoding_.self_v6;
}

std::optional<Exported> ExportPolicy::told(const Rib& rib, Family family,
                                           const StoredPath& path) const {
  if (largest_overhead(rib.attributes(path.attributes)) > message_size(encoding_))
    return std::nullopt;

  const std::optional<Address> next_hop =
      path.own && path.own_address ? self(family) : path.next_hop;
  if (!next_hop || next_hop == encoding_.exclude) return std::nullopt;
  const bool may_be_v6 = family == Family::V6 || encoding_.extended_next_hop;
  if (next_hop->is_v6() ? !may_be_v6 : family == Family::V6) return std::nullopt;

  const std::optional<Prefix>& shared =
      next_hop->is_v4() ? encoding_.shared_v4 : encoding_.shared_v6;
  if (encoding_.mode == Encoding::Mode::Nodes && shared && !shared->contains(*next_hop))
    return std::nullopt;
  return Exported{.id = encoding_.add_path.has(family) ? path.id : 0,
                  .next_hop = *next_hop,
                  .attributes = path.attributes};
}

std::vector<Exported> exported(const Rib& rib, const Encoding& encoding, const Prefix& prefix) {
  std::vector<Exported> out;
  const std::optional<SlotId> slot = rib.find(prefix);
  if (slot) ExportPolicy{encoding}.choose(rib, prefix, rib.path_set(*slot), out);
  return out;
}

Attributes attributes_of(const Encoding& encoding, const PathAttributes& path,
                         const Address& next_hop) {
  const bool internal = encoding.kind == PeerKind::Internal;
  Attributes attributes;
  attributes.origin = Origin::Igp;
  attributes.as_path = internal ? AsPath{} : own_as(encoding.local_as, 1U + path.prepend);
  attributes.next_hop = next_hop;
  attributes.med = path.med;
  attributes.communities = path.communities;
  attributes.large_communities = path.large_communities;
  if (path.weight > 0)
    attributes.extended_communities.push_back(link_bandwidth(encoding, path.weight));
  if (encoding.only_to_customer) attributes.only_to_customer = encoding.local_as;
  if (internal) attributes.local_pref = path.local_pref;
  if (encoding.graceful_shutdown) {
    if (internal) attributes.local_pref = 0;
    attributes.communities.push_back(kGracefulShutdown);
  }
  std::ranges::sort(attributes.communities);
  const auto repeated = std::ranges::unique(attributes.communities);
  attributes.communities.erase(repeated.begin(), repeated.end());
  return attributes;
}

}  // namespace porter::bgp
