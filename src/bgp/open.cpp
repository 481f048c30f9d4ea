// SPDX-License-Identifier: Apache-2.0
#include "bgp/open.hpp"

#include <algorithm>

#include "bgp/message.hpp"

namespace porter::bgp {
namespace {

// Subcodes of the OPEN Message Error (RFC 4271 §6.2, 5492 §5).
constexpr std::uint8_t kBadPeerAs = 2;
constexpr std::uint8_t kBadIdentifier = 3;
constexpr std::uint8_t kUnacceptableHoldTime = 6;
constexpr std::uint8_t kUnsupportedCapability = 7;
constexpr std::uint8_t kRoleMismatch = 11;  // RFC 9234 §4.2

constexpr std::uint8_t kMultiprotocolCode = 1;
constexpr std::uint16_t kMaxRestartTime = 4095;  // 12 bits
constexpr std::uint16_t kLeastHoldTime = 3;

constexpr std::array kBothFamilies{Family::V4, Family::V6};

Failure<Notification> refuse(std::uint8_t subcode, Bytes data = Bytes()) {
  return Failure<Notification>{notification(ErrorCode::OpenMessage, subcode, data)};
}

// Nothing: the OPEN does not say, or says it in a way nobody may (RFC 7607 §2, 6793 §4.2.1). With
// the four-octet capability the two-octet field is for those who do not know it, and may hold
// anything else.
std::optional<Asn> real_as(const Open& open) {
  if (open.as == 0) return std::nullopt;
  if (open.capabilities.as4) {
    return open.capabilities.as4->number == 0 ? std::nullopt : open.capabilities.as4;
  }
  if (open.as == kAsTrans) return std::nullopt;
  return Asn{open.as};
}

// RFC 4760 §8: who speaks of no family at all means IPv4 unicast.
Families families_of(const Capabilities& capabilities) {
  Families found;
  for (const AfiSafi& each : capabilities.families) {
    if (const std::optional<Family> family = family_of(each)) found.set(*family);
  }
  if (capabilities.families.empty()) found.set(Family::V4);
  return found;
}

// RFC 5492 §5: the data is the capabilities that were wanted.
std::vector<std::uint8_t> wanted(const Families& families) {
  std::vector<std::uint8_t> data;
  ByteWriter to{data};
  for (const Family family : kBothFamilies) {
    if (!families.has(family)) continue;
    to.put(kMultiprotocolCode);
    to.put(std::uint8_t{4});
    to.put(unicast(family).afi);
    to.put(std::uint8_t{0});
    to.put(unicast(family).safi);
  }
  return data;
}

// RFC 7911 §4: path identifiers in one direction need "send" here and "receive" there.
void negotiate_add_path(const OpenConfig& ours, const Open& theirs, Negotiated& out) {
  for (const AddPathFamily& entry : theirs.capabilities.add_path) {
    const std::optional<Family> family = family_of(entry.family);
    if (!family || !out.families.has(*family)) continue;
    if (entry.receive && ours.add_path_send.has(*family)) out.add_path_send.set(*family);
    if (entry.send && ours.add_path_receive.has(*family)) out.add_path_receive.set(*family);
  }
}

void negotiate_restart(const OpenConfig& ours, const Open& theirs, Negotiated& out) {
  if (!theirs.capabilities.restart) return;
  const RestartCapability& restart = *theirs.capabilities.restart;
  out.restart = ours.restart_time.has_value();
  out.restart_notification = out.restart && ours.restart_notification && restart.notification;
  out.peer_restarting = restart.restarting;
  out.peer_restart_time = restart.time;
  for (const RestartFamily& entry : restart.families) {
    const std::optional<Family> family = family_of(entry.family);
    if (!family) continue;
    out.peer_restart_families.set(*family);
    out.peer_forwarding.set(*family, entry.forwarding_kept);
  }
}

// RFC 9494 §4.1: means nothing without the other capability.
void negotiate_long_lived(const OpenConfig& ours, const Open& theirs, Negotiated& out) {
  if (!out.restart || !ours.long_lived_time || !theirs.capabilities.long_lived) return;
  for (const LongLivedFamily& entry : *theirs.capabilities.long_lived) {
    const std::optional<Family> family = family_of(entry.family);
    if (!family || !out.families.has(*family)) continue;
    (*family == Family::V4 ? out.peer_long_lived_v4 : out.peer_long_lived_v6) = entry.time;
    out.peer_long_lived_forwarding.set(*family, entry.forwarding_kept);
  }
}

// What the other end has to be (RFC 9234 §4.2, table 2).
Role counterpart(Role role) {
  switch (role) {
    case Role::Provider: return Role::Customer;
    case Role::Customer: return Role::Provider;
    case Role::RouteServer: return Role::RouteServerClient;
    case Role::RouteServerClient: return Role::RouteServer;
    case Role::Peer: break;
  }
  return Role::Peer;
}

// A peer without a role is any. One that has two knows none.
bool is_fitting(const std::optional<Role>& ours, const std::vector<std::uint8_t>& theirs) {
  if (theirs.size() > 1) return false;
  return !ours || theirs.empty() || theirs.front() == static_cast<std::uint8_t>(counterpart(*ours));
}

}  // namespace

Open make_open(const OpenConfig& config, Restarting restarting) {
  Open open;
  const bool fits = config.local_as.number <= 0xffff;
  open.as = fits ? static_cast<std::uint16_t>(config.local_as.number) : kAsTrans;
  open.hold_time = config.hold_time;
  open.id = config.id;

  Capabilities& out = open.capabilities;
  out.route_refresh = true;
  out.enhanced_route_refresh = true;
  out.extended_message = true;
  out.as4 = config.local_as;
  if (config.role && kind_of(config) == PeerKind::External)
    out.roles.push_back(static_cast<std::uint8_t>(*config.role));
  if (config.extended_next_hop && config.families.v4) out.extended_next_hop.push_back(kV4OverV6);
  const bool is_restarting = restarting == Restarting::Yes;
  if (config.restart_time) {
    out.restart = RestartCapability{.restarting = is_restarting,
                                    .notification = config.restart_notification,
                                    .time = std::min(*config.restart_time, kMaxRestartTime),
                                    .families = {}};
    if (config.long_lived_time) out.long_lived.emplace();
  }
  for (const Family family : kBothFamilies) {
    if (!config.families.has(family)) continue;
    out.families.push_back(unicast(family));
    const AddPathFamily add_path{.family = unicast(family),
                                 .receive = config.add_path_receive.has(family),
                                 .send = config.add_path_send.has(family)};
    if (add_path.receive || add_path.send) out.add_path.push_back(add_path);
    // F: the data path of services does not depend on this process (RFC 4724 §4.1).
    if (out.restart && config.restart_families.has(family)) {
      out.restart->families.push_back(
          {.family = unicast(family), .forwarding_kept = is_restarting});
      if (out.long_lived) {
        out.long_lived->push_back({.family = unicast(family),
                                   .forwarding_kept = is_restarting,
                                   .time = config.long_lived_time.value_or(0)});
      }
    }
  }
  return open;
}

Result<Negotiated, Notification> negotiate(const OpenConfig& ours, const Open& theirs) {
  const std::optional<Asn> as = real_as(theirs);
  if (!as || *as != ours.remote_as) return refuse(kBadPeerAs);

  Negotiated out;
  out.kind = kind_of(ours);
  // RFC 6286 §2.2: inside an AS identifiers differ; any but zero is fine otherwise.
  const bool is_ours = out.kind == PeerKind::Internal && theirs.id == ours.id;
  if (theirs.id.bits == 0 || is_ours) return refuse(kBadIdentifier);
  if (theirs.hold_time != 0 && theirs.hold_time < kLeastHoldTime) {
    return refuse(kUnacceptableHoldTime);
  }

  const Families families = families_of(theirs.capabilities);
  for (const Family family : kBothFamilies) {
    out.families.set(family, ours.families.has(family) && families.has(family));
  }
  if (out.families.none()) return refuse(kUnsupportedCapability, wanted(ours.families));

  const bool has_roles = out.kind == PeerKind::External;
  if (has_roles && !is_fitting(ours.role, theirs.capabilities.roles)) return refuse(kRoleMismatch);

  out.peer_id = theirs.id;
  out.hold_time = std::min(ours.hold_time, theirs.hold_time);
  out.as_width = theirs.capabilities.as4 ? AsWidth::Four : AsWidth::Two;
  out.route_refresh = theirs.capabilities.route_refresh;
  out.enhanced_route_refresh = theirs.capabilities.enhanced_route_refresh;
  // We always offer it, so what the peer offers decides both directions (RFC 8654 §4).
  if (theirs.capabilities.extended_message) out.message_size = kMaxExtendedMessage;
  const auto& next_hops = theirs.capabilities.extended_next_hop;
  out.extended_next_hop = ours.extended_next_hop && out.families.v4 &&
                          std::ranges::find(next_hops, kV4OverV6) != next_hops.end();
  negotiate_add_path(ours, theirs, out);
  negotiate_restart(ours, theirs, out);
  negotiate_long_lived(ours, theirs, out);
  return out;
}

}  // namespace porter::bgp
