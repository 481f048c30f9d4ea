// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "bgp/peer_machine.hpp"

// Connections of a Peer: who is let in, who survives a collision, how one ends, and the next dial.
namespace porter::bgp {

Connection* Peer::Machine::find(ConnId id) {
  for (const auto& connection : connections_) {
    if (connection->id() == id) return connection.get();
  }
  return nullptr;
}

// The one that got furthest is what people mean by "the session".
const Connection* Peer::Machine::leading() const {
  const Connection* best = nullptr;
  for (const auto& connection : connections_) {
    if (best == nullptr || connection->state() > best->state()) best = connection.get();
  }
  return best;
}

Connection* Peer::Machine::established() {
  for (const auto& connection : connections_) {
    if (connection->state() == State::Established) return connection.get();
  }
  return nullptr;
}

void Peer::Machine::accept_outbound(const Connected& connected, Actions& out) {
  // Not asked for, or given up meanwhile. Nothing was said on it, so nothing needs to be.
  if (!dialer_.under_way() || established() != nullptr || connections_.size() >= kMaxConnections) {
    out.emplace_back(Close{connected.conn});
    return;
  }
  dialer_.connected();
  add(connected, out);
}

// A peer that dials us is let in at once, whatever our own back-off says.
void Peer::Machine::accept_inbound(const Connected& connected, Actions& out) {
  if (!may_run()) {
    const bool down = started_ && config_.admin_down;
    refuse(connected.conn,
           down ? cease(Cease::AdministrativeShutdown, config_.shutdown_text)
                : cease(Cease::ConnectionRejected),
           out);
    return;
  }
  dialer_.heard_from_peer();
  if (Connection* session = established()) {
    const Negotiated& negotiated = *session->negotiated();
    if (!negotiated.restart || negotiated.peer_restart_families.none()) {
      refuse(connected.conn, cease(Cease::ConnectionCollision), out);  // RFC 4271 §6.8
      return;
    }
    // RFC 4724 §4.2, §5: the peer has restarted and the old connection is dead.
    close(*session, std::nullopt, Routes::Keep, "the peer restarted: it opened a new connection",
          out);
  }
  if (!make_room(out)) {
    refuse(connected.conn, cease(Cease::ConnectionCollision), out);
    return;
  }
  add(connected, out);
}

// A connection without OPEN must not keep others out: the newest inbound one replaces an older one
// still without OPEN, and of two connections one without OPEN yields.
bool Peer::Machine::make_room(Actions& out) {
  const auto silent = [this](Direction direction) -> Connection* {
    for (const auto& connection : connections_) {
      if (connection->state() == State::OpenSent && connection->direction() == direction)
        return connection.get();
    }
    return nullptr;
  };
  Connection* yields = silent(Direction::Inbound);
  if (yields == nullptr && connections_.size() >= kMaxConnections)
    yields = silent(Direction::Outbound);
  if (yields != nullptr) {
    close(*yields, cease(Cease::ConnectionCollision), Routes::Drop,
          "replaced by a newer connection", out);
  }
  return connections_.size() < kMaxConnections;
}

void Peer::Machine::add(const Connected& connected, Actions& out) {
  const Connection::Terms terms{
      .open = config_.open, .keepalive = config_.keepalive, .restarting = restarting_};
  connections_.push_back(std::make_unique<Connection>(
      Connection::Identity{
          .id = connected.conn, .direction = connected.direction, .ends = connected.ends},
      terms, now_));
  report(connected.direction == Direction::Outbound ? "connected" : "the peer connected", out);
}

void Peer::Machine::refuse(ConnId id, const Notification& tell, Actions& out) {
  ++record_.refused_connections;
  std::vector<std::uint8_t> octets;
  encode(tell, octets);
  ++record_.sent.notification;
  keep_farewell(id, std::move(octets));
  out.emplace_back(Close{id});
}

// RFC 4271 §6.8. Against a connection still in OpenSent it is decided only where `opened` wins: the
// other one has not shown yet that anybody is there.
void Peer::Machine::collide(Connection& opened, Actions& out) {
  for (const auto& other : connections_) {
    if (other.get() == &opened) continue;
    const bool wins = survives(opened, *other);
    if (!wins && other->state() == State::OpenSent) return;
    close(wins ? *other : opened, cease(Cease::ConnectionCollision), Routes::Drop,
          "connection collision", out);
    return;
  }
}

bool Peer::Machine::survives(const Connection& opened, const Connection& other) const {
  // Two from the same side: the peer has given up the older one.
  if (opened.direction() == other.direction()) return connections_.back().get() == &opened;
  // Equal identifiers: the larger AS number (RFC 6286 §2.3).
  const OpenConfig& ours = opened.terms().open;
  const bool we_are_higher =
      std::pair{ours.id, ours.local_as} > std::pair{opened.negotiated()->peer_id, ours.remote_as};
  return (opened.direction() == Direction::Outbound) == we_are_higher;
}

void Peer::Machine::close(Connection& connection, const std::optional<Notification>& tell,
                          Routes routes, std::string why, Actions& out) {
  if (tell) {
    if (connection.state() == State::Established) connection.outbox().detach(routes_);
    connection.tell(*tell);
    note_sent(*tell);
    keep_farewell(connection.id(), connection.outbox().take_rest());
  }
  out.emplace_back(Close{connection.id()});
  forget(connection, routes, std::move(why), out);
}

void Peer::Machine::close_all(Cease subcode, std::string_view text, const std::string& why,
                              Actions& out) {
  while (!connections_.empty()) {
    Connection& connection = *connections_.back();
    const Notification tell = goodbye(connection, subcode, text);
    close(connection, tell, after(connection, tell), why, out);
  }
}

void Peer::Machine::forget(Connection& connection, Routes routes, std::string why, Actions& out) {
  const bool was_established = connection.state() == State::Established;
  count_in(record_.sent, connection.sent());
  if (was_established) {
    ++record_.flaps;
    routes_.closed();
    marks_ = {};
    if (routes == Routes::Keep && config_.helper) {
      stale_.lost(*connection.negotiated(), now_);
    } else {
      stale_.drop_all();
    }
  }
  const bool dialed = connection.direction() == Direction::Outbound;
  const Duration held = was_established ? now_ - connection.established_at() : Duration::zero();
  std::erase_if(connections_, [&](const auto& other) { return other.get() == &connection; });
  if (connections_.empty()) {  // the loser of a collision ends nothing
    if (dialed || was_established) {
      dialer_.lost(now_, held, jitter_);
    } else {
      dialer_.inbound_ended(now_, jitter_);
    }
    note_error(why);
  }
  report(std::move(why), out);
}

void Peer::Machine::keep_farewell(ConnId id, std::vector<std::uint8_t> octets) {
  if (farewells_.size() >= kMaxFarewells) farewells_.erase(farewells_.begin());
  farewells_.push_back({.id = id, .octets = std::move(octets), .until = now_ + kLinger});
}

// Not while the peer is already talking to us on a connection of its own. One of its connections
// that has not said OPEN is no reason to wait: nobody may be there.
bool Peer::Machine::wants_to_dial() const {
  if (!may_run() || config_.dial == PeerConfig::Dial::Passive || dialer_.under_way()) return false;
  return std::ranges::all_of(connections_, [](const auto& connection) {
    return connection->state() == State::OpenSent && connection->direction() == Direction::Inbound;
  });
}

void Peer::Machine::dial_if_due(Actions& out) {
  if (!wants_to_dial() || now_ < dialer_.not_before()) return;
  dialer_.dialed(now_, jitter_);
  out.emplace_back(Connect{});
  report("connecting", out);
}

void Peer::Machine::abort_dial(Actions& out) {
  if (!dialer_.under_way()) return;
  dialer_.aborted();
  out.emplace_back(AbortConnect{});
  report("stopped connecting", out);
}

void Peer::Machine::note_error(std::string why) {
  record_.last_error = std::move(why);
  record_.last_error_at = now_;
}

void Peer::Machine::note_sent(const Notification& notification) {
  record_.last_sent = notification;
  record_.last_sent_at = now_;
}

}  // namespace porter::bgp
