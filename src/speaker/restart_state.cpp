// SPDX-License-Identifier: Apache-2.0
#include "speaker/restart_state.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <boost/crc.hpp>
#include <fmt/format.h>

#include "speaker/restart_peer.hpp"

namespace porter::speaker {
namespace {

constexpr std::string_view kMagic = "PORTERR2";
constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kRoute = 1;
constexpr std::uint8_t kListen = 2;
constexpr std::uint8_t kPeer = 3;
constexpr std::uint8_t kPaths = 4;
constexpr std::size_t kTrailer = 9;  // kEnd, count, checksum

enum Flag : std::uint8_t {
  Own = 1,
  OwnAddress = 2,
  NextHopV6 = 4,
  HasMed = 8,
  Withheld = 16,
  HasMore = 32,  // audience, weight, large communities
};
constexpr std::uint8_t kKnownFlags = Own | OwnAddress | NextHopV6 | HasMed | Withheld | HasMore;

void put_octets(Bytes octets, std::vector<std::uint8_t>& out) {
  out.insert(out.end(), octets.begin(), octets.end());
}

template <class T, class Range>
T counted(const Range& range) {
  return static_cast<T>(std::min<std::size_t>(range.size(), std::numeric_limits<T>::max()));
}

void encode_more(const bgp::Path& path, ByteWriter& writer) {
  writer.put(static_cast<std::uint32_t>(path.audience >> 32U));
  writer.put(static_cast<std::uint32_t>(path.audience));
  writer.put(path.attributes.weight);
  const auto count = counted<std::uint16_t>(path.attributes.large_communities);
  writer.put(count);
  for (std::size_t i = 0; i < count; ++i) {
    const bgp::LargeCommunity& community = path.attributes.large_communities[i];
    writer.put(community.global);
    writer.put(community.local1);
    writer.put(community.local2);
  }
}

void encode_path(const bgp::Path& path, std::vector<std::uint8_t>& out) {
  ByteWriter writer{out};
  unsigned flags = 0;
  if (path.own) flags |= Own;
  if (path.own_address) flags |= OwnAddress;
  if (path.next_hop.is_v6()) flags |= NextHopV6;
  if (path.attributes.med) flags |= HasMed;
  if (path.withheld) flags |= Withheld;
  const bool has_more = path.audience != 0 || path.attributes.weight != 0 ||
                        !path.attributes.large_communities.empty();
  if (has_more) flags |= HasMore;
  writer.put(static_cast<std::uint8_t>(flags));
  writer.put(path.id);
  put_octets(path.next_hop.octets(), out);
  if (path.attributes.med) writer.put(*path.attributes.med);
  writer.put(path.attributes.local_pref);
  writer.put(path.attributes.prepend);
  const auto communities = counted<std::uint16_t>(path.attributes.communities);
  writer.put(communities);
  for (std::size_t i = 0; i < communities; ++i)
    writer.put(path.attributes.communities[i]);
  if (has_more) encode_more(path, writer);
}

std::optional<Address> take_address(ByteReader& in, bool v6) {
  const Bytes octets = in.take_bytes(v6 ? 16 : 4);
  if (octets.empty()) return std::nullopt;
  if (!v6) return Address::v4(octets.first<4>());
  Address::Octets whole{};
  std::ranges::copy(octets, whole.begin());
  return Address::v6(whole);
}

void decode_more(ByteReader& in, bgp::Path& path) {
  const std::uint64_t high = in.take<std::uint32_t>();
  path.audience = (high << 32U) | in.take<std::uint32_t>();
  path.attributes.weight = in.take<std::uint32_t>();
  const auto count = in.take<std::uint16_t>();
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    bgp::LargeCommunity& community = path.attributes.large_communities.emplace_back();
    community.global = in.take<std::uint32_t>();
    community.local1 = in.take<std::uint32_t>();
    community.local2 = in.take<std::uint32_t>();
  }
}

std::optional<bgp::Path> decode_path(ByteReader& in) {
  const auto flags = in.take<std::uint8_t>();
  if ((flags & ~kKnownFlags) != 0) return std::nullopt;
  bgp::Path path;
  path.id = in.take<std::uint32_t>();
  const std::optional<Address> next_hop = take_address(in, (flags & NextHopV6) != 0);
  if (!next_hop) return std::nullopt;
  path.next_hop = *next_hop;
  path.own = (flags & Own) != 0;
  path.own_address = (flags & OwnAddress) != 0;
  if ((flags & HasMed) != 0) path.attributes.med = in.take<std::uint32_t>();
  path.attributes.local_pref = in.take<std::uint32_t>();
  path.attributes.prepend = in.take<std::uint8_t>();
  const auto communities = in.take<std::uint16_t>();
  for (std::size_t i = 0; i < communities && in.ok(); ++i) {
    path.attributes.communities.push_back(in.take<std::uint32_t>());
  }
  path.withheld = (flags & Withheld) != 0;
  if ((flags & HasMore) != 0) decode_more(in, path);
  if (!in.ok()) return std::nullopt;
  return path;
}

bool decode_paths(ByteReader& in, std::vector<bgp::PathList>& lists) {
  std::vector<bgp::Path> paths;
  const auto count = in.take<std::uint16_t>();
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<bgp::Path> path = decode_path(in);
    if (!path) return false;
    paths.push_back(std::move(*path));
  }
  lists.emplace_back(std::move(paths));
  return in.ok();
}

bool decode_route(ByteReader& in, const std::vector<bgp::PathList>& lists,
                  bgp::RouteTable& routes) {
  const auto family = in.take<std::uint8_t>();
  const auto length = in.take<std::uint8_t>();
  if (family != 4 && family != 6) return false;
  const std::optional<Address> address = take_address(in, family == 6);
  if (!address || length > bits_of(address->family())) return false;
  const Prefix prefix{*address, length};
  const auto list = in.take<std::uint32_t>();
  return in.ok() && list < lists.size() && prefix.address() == *address &&
         routes.emplace(prefix, lists[list]).second;
}

Failure<> harmed(std::string_view how) {
  return fail(Errc::Invalid, fmt::format("not a whole restart file: {}", how));
}

// A record says how long it is, and in which layout.
void put_record(std::uint8_t tag, Bytes fields, std::vector<std::uint8_t>& out) {
  ByteWriter writer{out};
  writer.put(tag);
  writer.put(kPeerLayout);
  writer.put(static_cast<std::uint32_t>(fields.size()));
  put_octets(fields, out);
}

bool decode_record(std::uint8_t tag, ByteReader& in, RestartPeers& peers) {
  const auto layout = in.take<std::uint8_t>();
  const Bytes fields = in.take_bytes(in.take<std::uint32_t>());
  if (!in.ok()) return false;
  if (layout != kPeerLayout) return true;  // of another release: passed over
  if (tag == kListen) {
    if (peers.listen) return false;
    peers.listen = take_listen(fields);
    return peers.listen.has_value();
  }
  std::optional<NamedPeer> peer = take_peer(fields);
  return peer && peers.peers.emplace(std::move(peer->name), std::move(peer->spec)).second;
}

}  // namespace

void put_restart_header(std::string_view boot_id, std::vector<std::uint8_t>& out) {
  out.insert(out.end(), kMagic.begin(), kMagic.end());
  const std::string_view id = boot_id.substr(0, std::numeric_limits<std::uint8_t>::max());
  out.push_back(static_cast<std::uint8_t>(id.size()));
  out.insert(out.end(), id.begin(), id.end());
}

void put_restart_peers(const RestartPeers& peers, std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> fields;
  if (peers.listen) {
    put_listen(*peers.listen, fields);
    put_record(kListen, fields, out);
  }
  for (const auto& [name, spec] : peers.peers) {
    fields.clear();
    put_peer(name, spec, fields);
    put_record(kPeer, fields, out);
  }
}

void RestartRoutes::put(const Prefix& prefix, const bgp::PathList& paths,
                        std::vector<std::uint8_t>& out) {
  ByteWriter writer{out};
  const auto [list, is_new] = lists_.try_emplace(paths, static_cast<std::uint32_t>(lists_.size()));
  if (is_new) {
    writer.put(kPaths);
    const auto count = counted<std::uint16_t>(paths);
    writer.put(count);
    for (std::size_t i = 0; i < count; ++i)
      encode_path(paths[i], out);
  }
  writer.put(kRoute);
  writer.put(static_cast<std::uint8_t>(prefix.family() == Family::V4 ? 4 : 6));
  writer.put(static_cast<std::uint8_t>(prefix.length()));
  put_octets(prefix.address().octets(), out);
  writer.put(list->second);
  ++count_;
}

void RestartRoutes::put_end(std::vector<std::uint8_t>& out) const {
  ByteWriter writer{out};
  writer.put(kEnd);
  writer.put(count_);
}

std::vector<std::uint8_t> encode_restart_file(const RestartState& state, std::string_view boot_id) {
  std::vector<std::uint8_t> out;
  put_restart_header(boot_id, out);
  put_restart_peers(state.peers, out);
  RestartRoutes routes;
  for (const auto& [prefix, paths] : state.routes)
    routes.put(prefix, paths, out);
  routes.put_end(out);
  boost::crc_32_type checksum;
  checksum.process_bytes(out.data(), out.size());
  ByteWriter{out}.put(static_cast<std::uint32_t>(checksum.checksum()));
  return out;
}

Result<RestartState> decode_restart_file(Bytes file, std::string_view boot_id) {
  ByteReader in{file};
  const Bytes magic = in.take_bytes(kMagic.size());
  const Bytes id = in.take_bytes(in.take<std::uint8_t>());
  if (!in.ok() || in.remaining() < kTrailer || !std::ranges::equal(magic, kMagic))
    return harmed("no header");
  boost::crc_32_type checksum;
  checksum.process_bytes(file.data(), file.size() - 4);
  ByteReader trailer{file.last(4)};
  if (checksum.checksum() != trailer.take<std::uint32_t>())
    return harmed("checksum does not match");
  if (!std::ranges::equal(id, boot_id))
    return fail(Errc::Conflict, "written before the last boot of this node");
  RestartState state;
  std::vector<bgp::PathList> lists;
  for (;;) {
    const auto tag = in.take<std::uint8_t>();
    if (tag == kEnd) break;
    const bool is_whole = tag == kRoute                    ? decode_route(in, lists, state.routes)
                          : tag == kPaths                  ? decode_paths(in, lists)
                          : tag == kListen || tag == kPeer ? decode_record(tag, in, state.peers)
                                                           : false;
    if (!is_whole)
      return harmed(fmt::format("behind {} peers and {} routes", state.peers.peers.size(),
                                state.routes.size()));
  }
  if (in.take<std::uint32_t>() != state.routes.size() || in.remaining() != 4)
    return harmed("count does not match");
  return state;
}

}  // namespace porter::speaker
