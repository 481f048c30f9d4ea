// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "bgp/peer_machine.hpp"

// The session of a Peer: what its messages do, and what is sent while it is Established.
namespace porter::bgp {
namespace {

constexpr std::array kFamilies{Family::V4, Family::V6};
constexpr std::size_t kShownOctets = 4096;
constexpr std::uint8_t kRequest = 0;  // subtypes of ROUTE-REFRESH (RFC 7313 §3.2)
constexpr std::uint8_t kBegin = 1;
constexpr std::uint8_t kEnd = 2;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

bool is_hard_reset(const Notification& notification) {
  return notification.code == static_cast<std::uint8_t>(ErrorCode::Cease) &&
         notification.subcode == static_cast<std::uint8_t>(Cease::HardReset);
}

}  // namespace

void Peer::Machine::take(Connection& connection, const Frame& frame, Actions& out) {
  const auto outcome = connection.handle(frame, jitter_, now_);
  std::visit(
      Overloaded{
          [](std::monostate) {},
          [&](const Connection::Failed& what) {
            if (frame.type == static_cast<std::uint8_t>(MessageType::Update))
              note_malformed(what.why, frame.body);
            failed(connection, what, out);
          },
          [&](const Connection::Told& what) { told(connection, what, out); },
          [&](const Connection::Opened&) {
            report("the peer's OPEN was accepted", out);
            abort_dial(out);
            collide(connection, out);
          },
          [&](const Connection::Established&) { came_up(connection, out); },
          [&](const Connection::Learned& what) { learned(connection, what, frame.body, out); },
          [&](const Connection::Asked& what) { asked(connection, what.refresh); },
      },
      outcome);
}

void Peer::Machine::failed(Connection& connection, const Connection::Failed& failed, Actions& out) {
  const Routes routes = failed.timed_out ? Routes::Keep : after(connection, failed.tell);
  close(connection, failed.tell, routes, failed.why, out);
}

void Peer::Machine::told(Connection& connection, const Connection::Told& told, Actions& out) {
  Routes routes = Routes::Drop;
  std::string why = "the peer closed with a malformed NOTIFICATION";
  if (told.notification) {
    record_.last_received = told.notification;
    record_.last_received_at = now_;
    routes = after(connection, *told.notification);
    why = "the peer closed: " + describe(*told.notification);
  }
  close(connection, std::nullopt, routes, std::move(why), out);
}

// RFC 8538 §4: with the N bit on both sides a NOTIFICATION, sent or received, is like a broken
// connection, except for a Hard Reset. Without it, a NOTIFICATION ends graceful restart (RFC 4724
// §4).
Peer::Machine::Routes Peer::Machine::after(const Connection& connection,
                                           const Notification& notification) {
  const Negotiated* agreed = connection.negotiated();
  const bool keeps =
      agreed != nullptr && agreed->restart_notification && !is_hard_reset(notification);
  return keeps ? Routes::Keep : Routes::Drop;
}

// A shutdown is meant: where a plain NOTIFICATION would leave our routes in place, it goes inside a
// Hard Reset (RFC 8538 §3.1: code, subcode and data of the real reason).
Notification Peer::Machine::goodbye(const Connection& connection, Cease subcode,
                                    std::string_view text) {
  Notification plain = cease(subcode, text);
  const bool meant = subcode == Cease::AdministrativeShutdown || subcode == Cease::PeerDeconfigured;
  const Negotiated* agreed = connection.negotiated();
  if (!meant || agreed == nullptr || !agreed->restart_notification) return plain;
  std::vector<std::uint8_t> data{plain.code, plain.subcode};
  data.insert(data.end(), plain.data.begin(), plain.data.end());
  return notification(ErrorCode::Cease, static_cast<std::uint8_t>(Cease::HardReset), data);
}

void Peer::Machine::came_up(Connection& connection, Actions& out) {
  restarting_ = Restarting::No;  // R and F are about the first session after a restart
  const auto others = [&](const auto& other) { return other.get() != &connection; };
  for (auto it = std::ranges::find_if(connections_, others); it != connections_.end();
       it = std::ranges::find_if(connections_, others)) {
    close(**it, cease(Cease::ConnectionCollision), Routes::Drop, "connection collision", out);
  }
  abort_dial(out);
  stale_.established(*connection.negotiated(), now_);
  marks_ = {};
  malformed_noted_ = false;
  routes_.opened(encoding_of(config_, *connection.negotiated(), connection.ends()));
  report("established", out);
}

void Peer::Machine::learned(Connection& connection, const Connection::Learned& learned, Bytes body,
                            Actions& out) {
  const Update& update = learned.update;
  if (update.verdict == Verdict::TreatAsWithdraw) ++record_.treated_as_withdraw;
  if (update.verdict == Verdict::AttributeDiscard) ++record_.attributes_discarded;
  if (!update.errors.empty()) note_malformed(update.errors.front().what, body);
  const std::optional<Family> complete =
      update.end_of_rib ? family_of(*update.end_of_rib) : std::nullopt;
  if (complete) stale_.end_of_rib(*complete);
  if (rib_.apply(update)) over_limit(connection, update, out);
}

// RFC 4486 §4: which family, and the limit.
void Peer::Machine::over_limit(Connection& connection, const Update& update, Actions& out) {
  const bool v4 = !update.announced.empty() && rib_.received(Family::V4) >= config_.received.max_v4;
  const std::uint32_t limit = v4 ? config_.received.max_v4 : config_.received.max_v6;
  std::vector<std::uint8_t> data;
  ByteWriter writer{data};
  writer.put(unicast(v4 ? Family::V4 : Family::V6).afi);
  writer.put(unicast(v4 ? Family::V4 : Family::V6).safi);
  writer.put(limit);
  const Notification tell =
      notification(ErrorCode::Cease, static_cast<std::uint8_t>(Cease::MaximumPrefixes), data);
  close(connection, tell, after(connection, tell),
        fmt::format("the peer sent more than {} {} prefixes (maxPrefixes; we sent Cease/1)", limit,
                    to_string(v4 ? Family::V4 : Family::V6)),
        out);
}

void Peer::Machine::asked(Connection& connection, const RouteRefresh& refresh) {
  const std::optional<Family> family = family_of(refresh.family);
  if (!family || !connection.negotiated()->families.has(*family)) return;  // RFC 2918 §4
  const bool enhanced = connection.negotiated()->enhanced_route_refresh;
  if (refresh.subtype == kRequest) {
    // Requests during a refresh add up to one more: a flood of them costs the table twice, not each
    // time.
    if (marks_.refresh(*family) == Refresh::None) {
      start_refresh(connection, *family);
    } else {
      marks_.refresh(*family) = Refresh::Again;
    }
  } else if (refresh.subtype == kBegin && enhanced) {
    stale_.begin_refresh(*family, now_);
  } else if (refresh.subtype == kEnd && enhanced) {
    stale_.end_refresh(*family);
  }
}

void Peer::Machine::start_refresh(Connection& connection, Family family) {
  marks_.refresh(family) = Refresh::Running;
  // RFC 7313 §4: no BoRR before the End-of-RIB of that family.
  const bool bounded =
      connection.negotiated()->enhanced_route_refresh && marks_.end_of_rib_sent.has(family);
  if (bounded) connection.send_refresh({.family = unicast(family), .subtype = kBegin});
  marks_.bounded.set(family, bounded);
  routes_.refresh(family);
}

bool Peer::Machine::owes_marks(const Connection& connection) const {
  if (connection.state() != State::Established) return false;
  if (marks_.refresh_v4 != Refresh::None || marks_.refresh_v6 != Refresh::None) return true;
  return synced_ && marks_.end_of_rib_sent != connection.negotiated()->families;
}

// Behind the last UPDATE: End-of-RIB once everything we have was told (RFC 4724 §2), and EoRR.
void Peer::Machine::send_marks(Connection& connection) {
  if (!owes_marks(connection) || pending(connection)) return;
  for (const Family family : kFamilies) {
    if (synced_ && connection.negotiated()->families.has(family) &&
        !marks_.end_of_rib_sent.has(family)) {
      connection.send_end_of_rib(family);
      marks_.end_of_rib_sent.set(family);
    }
  }
  for (const Family family : kFamilies) {
    const Refresh refresh = std::exchange(marks_.refresh(family), Refresh::None);
    if (refresh == Refresh::None) continue;
    if (marks_.bounded.has(family))
      connection.send_refresh({.family = unicast(family), .subtype = kEnd});
    marks_.bounded.set(family, false);
    if (refresh == Refresh::Again) start_refresh(connection, family);
  }
}

bool Peer::Machine::pending(const Connection& connection) const {
  return connection.state() == State::Established &&
         (routes_.pending() || connection.outbox().in_update());
}

std::span<const Bytes> Peer::Machine::writable(ConnId id, std::size_t budget) {
  if (Connection* connection = find(id)) {
    RouteSource* const source = connection->state() == State::Established ? &routes_ : nullptr;
    send_marks(*connection);
    const std::span<const Bytes> offer = connection->outbox().writable(source, budget);
    if (!offer.empty() || !owes_marks(*connection)) return offer;
    // What was pending came to nothing: a route that went and came back before it was pulled.
    send_marks(*connection);
    return connection->outbox().writable(source, budget);
  }
  farewell_offer_.clear();
  for (const Farewell& farewell : farewells_) {
    if (farewell.id == id) farewell_offer_.push_back(Bytes{farewell.octets}.subspan(farewell.gone));
  }
  return farewell_offer_;
}

void Peer::Machine::written(ConnId id, std::size_t octets, TimePoint now) {
  now_ = std::max(now_, now);
  if (Connection* connection = find(id)) {
    RouteSource* const source = connection->state() == State::Established ? &routes_ : nullptr;
    connection->count_updates(connection->outbox().written(source, octets));
    if (octets > 0)
      connection->progressed(pending(*connection) || connection->outbox().has_control(), now_);
    return;
  }
  std::erase_if(farewells_, [&](Farewell& farewell) {
    if (farewell.id != id) return false;
    farewell.gone += std::min(octets, farewell.octets.size() - farewell.gone);
    return farewell.gone == farewell.octets.size();
  });
}

void Peer::Machine::routes_changed(Actions& out) {
  Connection* session = established();
  if (session == nullptr || !routes_.pending()) return;
  session->look_again();
  out.emplace_back(WantsToWrite{session->id()});
}

// RFC 7606 §6. The first of a session only: making the text costs more than the message did.
void Peer::Machine::note_malformed(std::string_view what, Bytes body) {
  if (std::exchange(malformed_noted_, true)) return;
  record_.last_malformed = fmt::format("{}: UPDATE ", what);
  for (const std::uint8_t octet : body.first(std::min(body.size(), kShownOctets))) {
    fmt::format_to(std::back_inserter(record_.last_malformed), "{:02x}", octet);
  }
  if (body.size() > kShownOctets)
    record_.last_malformed += fmt::format("... ({} octets)", body.size());
}

void Peer::Machine::count(MessageCounts& counts, std::uint8_t type) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::Open: ++counts.open; break;
    case MessageType::Update: ++counts.update; break;
    case MessageType::Notification: ++counts.notification; break;
    case MessageType::Keepalive: ++counts.keepalive; break;
    case MessageType::RouteRefresh: ++counts.refresh; break;
  }
}

}  // namespace porter::bgp
