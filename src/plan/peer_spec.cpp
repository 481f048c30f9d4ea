// SPDX-License-Identifier: Apache-2.0
#include "plan/peer_spec.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "plan/advertise.hpp"

namespace porter::plan {
namespace {

constexpr std::uint8_t kMaxTtl = 255;
constexpr std::uint16_t kMaxRestartTime = 4095;  // 12 bits, RFC 4724 §3
// RFC 9494 suggests none. With all our nodes gone a router that forwards to them for an hour does
// no harm that dropping the packets would not do.
constexpr std::uint32_t kLongLivedTime = 3'600;
constexpr std::int64_t kMaxConnectRetry = 65'535;

bgp::PeerKind kind_of(const SessionGround& ground, const model::BgpPeer& peer) {
  const Asn local = peer.local_as.value_or(ground.local_as);
  return local == peer.peer_as ? bgp::PeerKind::Internal : bgp::PeerKind::External;
}

void set_restart(bgp::PeerConfig& config, const SessionGround& ground, const model::BgpPeer& peer) {
  const model::GracefulRestart restart = peer.graceful_restart.value_or(
      ground.conf->graceful_restart.value_or(model::GracefulRestart{}));
  config.helper = restart.enabled;
  if (!restart.enabled) return;
  // 0 is "as long as the hold time", as GoBGP read it.
  const std::uint16_t time = restart.restart_time == 0 ? peer.hold_time : restart.restart_time;
  config.open.restart_time = std::min(time, kMaxRestartTime);
  config.open.restart_notification = restart.notification_enabled;
  if (restart.long_lived) config.open.long_lived_time = kLongLivedTime;
  if (restart.helper_only) return;  // the capability without families (RFC 4724 §3)
  for (const model::PeerFamily& family : peer.families) {
    if (family.graceful_restart) config.open.restart_families.set(family.family);
  }
}

bgp::OpenConfig open_of(const SessionGround& ground, const model::BgpPeer& peer) {
  bgp::OpenConfig open;
  open.local_as = peer.local_as.value_or(ground.local_as);
  open.remote_as = peer.peer_as;
  open.id = ground.router_id;
  open.hold_time = peer.hold_time;
  open.extended_next_hop = peer.extended_next_hop;
  open.role = bgp::role_named(peer.role);
  for (const model::PeerFamily& family : peer.families) {
    open.families.set(family.family);
    if (family.send_max > 0) open.add_path_send.set(family.family);
    if (family.receive) open.add_path_receive.set(family.family);
  }
  return open;
}

bgp::AdjRibIn::Config received_of(const SessionGround& ground, const model::BgpPeer& peer) {
  bgp::AdjRibIn::Config received;
  received.local_as = peer.local_as.value_or(ground.local_as);
  received.allow_own_as = peer.allow_own_as;
  received.max_v4 = peer.max_prefixes_v4;
  received.max_v6 = peer.max_prefixes_v6;
  if (peer.max_prefixes_cease) received.when_full = bgp::AdjRibIn::WhenFull::Cease;
  received.own_id = ground.router_id;
  received.remote_as = peer.peer_as;
  if (kind_of(ground, peer) == bgp::PeerKind::External) received.role = bgp::role_named(peer.role);
  if (ground.node != nullptr) received.own_addresses = ground.node->internal_ips;
  const auto& listening = ground.conf->listen_addresses;
  received.own_addresses.insert(received.own_addresses.end(), listening.begin(), listening.end());
  std::erase_if(received.own_addresses,
                [](const Address& address) { return address.is_unspecified(); });
  std::ranges::sort(received.own_addresses);
  const auto repeated = std::ranges::unique(received.own_addresses);
  received.own_addresses.erase(repeated.begin(), repeated.end());
  return received;
}

bgp::Encoding encoding_of(const View& view, const SessionGround& ground,
                          const model::BgpPeer& peer) {
  bgp::Encoding encoding;
  encoding.kind = kind_of(ground, peer);
  encoding.local_as = peer.local_as.value_or(ground.local_as);
  encoding.mode = mode_of(view, ground.conf, peer) == model::NextHopMode::Self
                      ? bgp::Encoding::Mode::Self
                      : bgp::Encoding::Mode::Nodes;
  for (const model::PeerFamily& family : peer.families) {
    const std::uint32_t most = std::max(1U, family.send_max);
    (family.family == Family::V4 ? encoding.send_max_v4 : encoding.send_max_v6) = most;
  }
  const std::string& node = view.identity.node;
  encoding.speaker = hash_of(node.empty() ? to_string(ground.router_id) : node);
  const std::string& name = peer.meta.name.name;
  encoding.audience = audience_of(ground.named.contains(name) ? name : "");
  const bool is_strict =
      peer.prefix_budget && peer.prefix_budget->action == model::BgpPeer::Budget::Action::Refuse;
  encoding.budget = is_strict ? peer.prefix_budget->max : 0;
  encoding.graceful_shutdown = peer.graceful_shutdown || ground.conf->graceful_shutdown;
  return encoding;
}

// RFC 4271 leaves the TTL open. 1 towards a neighbour on our subnet is what routers expect; RFC
// 5082 §3: 255 is sent, and what arrives has crossed at most so many hops.
void set_ttl(PeerSpec& spec, const model::BgpPeer& peer, bgp::PeerKind kind) {
  const std::uint8_t hops = peer.multihop_ttl == 0 ? kMaxTtl : peer.multihop_ttl;
  spec.ttl = kMaxTtl;
  if (kind == bgp::PeerKind::External) spec.ttl = peer.ebgp_multihop ? hops : 1;
  if (!peer.ttl_security) return;
  spec.ttl = kMaxTtl;
  spec.min_ttl = static_cast<std::uint8_t>(kMaxTtl - (peer.ebgp_multihop ? hops : 1) + 1);
}

}  // namespace

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  }
  return hash;
}

PeerSpec peer_spec(const View& view, const SessionGround& ground, const model::BgpPeer& peer,
                   std::string password) {
  const bgp::PeerKind kind = kind_of(ground, peer);
  PeerSpec spec;
  bgp::PeerConfig& config = spec.config;
  config.open = open_of(ground, peer);
  config.dial = peer.passive || peer.neighbor_prefix ? bgp::PeerConfig::Dial::Passive
                                                     : bgp::PeerConfig::Dial::Active;
  config.connect_retry =
      static_cast<std::uint32_t>(std::clamp<std::int64_t>(peer.connect_retry, 0, kMaxConnectRetry));
  config.keepalive = peer.keepalive_interval;
  config.admin_down = peer.admin_down;
  if (peer.admin_down)
    config.shutdown_text = fmt::format("adminDown of BgpPeer {}", peer.meta.name.name);
  config.received = received_of(ground, peer);
  set_restart(config, ground, peer);
  config.encoding = encoding_of(view, ground, peer);
  config.single_hop = kind == bgp::PeerKind::External && !peer.ebgp_multihop;
  config.jitter_seed = hash_of(view.identity.node + "/" + peer.meta.name.name);

  if (peer.neighbor) spec.neighbor = *peer.neighbor;
  spec.zone = peer.neighbor_zone;
  spec.neighbor_prefix = peer.neighbor_prefix;
  if (peer.neighbor_prefix) spec.neighbor_limit = peer.neighbor_limit;
  spec.remote_port = peer.remote_port;
  spec.local_address = peer.local_address;
  spec.password = std::move(password);
  spec.port_forward = peer.port_forward;
  set_ttl(spec, peer, kind);
  return spec;
}

}  // namespace porter::plan
