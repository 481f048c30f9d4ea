// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bgp/peer_machine.hpp"

// Configuration of a Peer: what an edit does to a session, and what a session tells its
// RouteSource.
namespace porter::bgp {
namespace {

// What of the Encoding is configuration and cannot change under routes already told: a next hop
// that may no longer be told would have to be withdrawn first.
Encoding lasting(Encoding encoding) {
  encoding.graceful_shutdown = false;
  encoding.audience = 0;
  encoding.budget = 0;
  // The Peer fills these in.
  encoding.kind = {};
  encoding.local_as = {};
  encoding.as_width = {};
  encoding.message_size = {};
  encoding.families = {};
  encoding.add_path = {};
  encoding.extended_next_hop = {};
  encoding.only_to_customer = {};
  return encoding;
}

// Without what both sides settle in their OPENs but a session can go on without.
OpenConfig lasting(OpenConfig open) {
  const OpenConfig none;
  open.hold_time = none.hold_time;
  open.restart_families = none.restart_families;
  open.restart_time = none.restart_time;
  open.restart_notification = none.restart_notification;
  open.long_lived_time = none.long_lived_time;
  return open;
}

std::optional<Address>& self(Encoding& encoding, Family family) {
  return family == Family::V4 ? encoding.self_v4 : encoding.self_v6;
}
std::optional<Prefix>& shared(Encoding& encoding, Family family) {
  return family == Family::V4 ? encoding.shared_v4 : encoding.shared_v6;
}
Family other(Family family) {
  return family == Family::V4 ? Family::V6 : Family::V4;
}

// A prefix that holds no next hop.
Prefix nothing(Family family) {
  return Prefix::host(Address::from_number(family, 0));
}

void fill_self(Encoding& encoding, const Ends& ends, bool single_hop) {
  const Family family = ends.local.family();
  // A link-local next hop means something only to a neighbour on the link (RFC 2545 §3).
  const bool usable = !ends.local.is_unspecified() && (single_hop || !ends.local.is_link_local());
  if (usable && !self(encoding, family)) self(encoding, family) = ends.local;
  std::optional<Address>& second = self(encoding, other(family));
  if (!second && ends.other_local && ends.other_local->family() == other(family))
    second = ends.other_local;
}

// RFC 4271 §5.1.3: a third-party next hop towards a directly connected external peer lies in a
// subnet that is shared with it. Of a link-local subnet nothing can be said about other addresses
// on the link.
void fill_shared(Encoding& encoding, const Ends& ends) {
  if (!ends.subnet) return;
  const Family family = ends.subnet->family();
  if (!ends.subnet->address().is_link_local()) shared(encoding, family) = *ends.subnet;
  const bool has_other = ends.other_subnet && ends.other_subnet->family() == other(family);
  shared(encoding, other(family)) = has_other ? *ends.other_subnet : nothing(other(family));
}

// RFC 9234 §5, egress: whom we are provider, peer or route server of.
bool marks_only_to_customer(const OpenConfig& open) {
  if (kind_of(open) == PeerKind::Internal) return false;
  return open.role == Role::Provider || open.role == Role::Peer || open.role == Role::RouteServer;
}

}  // namespace

bool has_other_rules(const Encoding& from, const Encoding& to) {
  return from.audience != to.audience || from.budget != to.budget ||
         from.graceful_shutdown != to.graceful_shutdown;
}

EditEffect effect_of(const PeerConfig& from, const PeerConfig& to) {
  if (lasting(from.open) != lasting(to.open) || lasting(from.encoding) != lasting(to.encoding) ||
      from.single_hop != to.single_hop || from.admin_down != to.admin_down) {
    return EditEffect::ResetsSession;
  }
  if (from.open != to.open || from.keepalive != to.keepalive) return EditEffect::NextSession;
  const bool live = from.dial != to.dial || from.connect_retry != to.connect_retry ||
                    from.received != to.received || from.helper != to.helper ||
                    from.shutdown_text != to.shutdown_text ||
                    has_other_rules(from.encoding, to.encoding);
  return live ? EditEffect::Live : EditEffect::None;
}

Encoding encoding_of(const PeerConfig& config, const Negotiated& negotiated, const Ends& ends) {
  Encoding encoding = config.encoding;
  encoding.kind = negotiated.kind;
  encoding.local_as = config.open.local_as;
  encoding.as_width = negotiated.as_width;
  encoding.message_size = negotiated.message_size;
  encoding.families = negotiated.families;
  encoding.add_path = negotiated.add_path_send;
  encoding.extended_next_hop = negotiated.extended_next_hop;
  encoding.only_to_customer = marks_only_to_customer(config.open);
  encoding.send_max_v4 = encoding.add_path.v4 ? std::max(encoding.send_max_v4, 1U) : 1;
  encoding.send_max_v6 = encoding.add_path.v6 ? std::max(encoding.send_max_v6, 1U) : 1;
  fill_self(encoding, ends, config.single_hop);
  const bool third_party = encoding.mode == Encoding::Mode::Nodes;
  if (third_party && config.single_hop && encoding.kind == PeerKind::External)
    fill_shared(encoding, ends);
  encoding.exclude = ends.remote;
  return encoding;
}

}  // namespace porter::bgp
