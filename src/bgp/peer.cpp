// SPDX-License-Identifier: Apache-2.0
#include "bgp/peer.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bgp/peer_machine.hpp"

namespace porter::bgp {
namespace {

Duration retry_base(const PeerConfig& config) {
  return std::chrono::seconds{std::min<std::uint32_t>(config.connect_retry, 65535)};
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::Idle: return "Idle";
    case State::Connect: return "Connect";
    case State::Active: return "Active";
    case State::OpenSent: return "OpenSent";
    case State::OpenConfirm: return "OpenConfirm";
    case State::Established: return "Established";
  }
  return "Idle";
}

Peer::Machine::Machine(PeerConfig config, RouteSource& routes, Restarting restarting, TimePoint now)
    : config_{std::move(config)},
      routes_{routes},
      restarting_{restarting},
      jitter_{config_.jitter_seed},
      dialer_{retry_base(config_), now},
      rib_{config_.received},
      stale_{rib_},
      now_{now} {
  record_.since = now;
}

void Peer::Machine::apply(const Event& event, TimePoint now, Actions& out) {
  now_ = std::max(now_, now);
  std::visit([&](const auto& what) { on(what, out); }, event);
  run_timers(out);
  finish(out);
}

void Peer::Machine::tick(TimePoint now, Actions& out) {
  now_ = std::max(now_, now);
  run_timers(out);
  finish(out);
}

void Peer::Machine::on(const Start& /*start*/, Actions& out) {
  if (started_) return;
  started_ = true;
  dialer_.start_over(now_, jitter_);
  dial_if_due(out);
  report("started", out);
}

void Peer::Machine::on(const Stop& stop, Actions& out) {
  started_ = false;
  const std::string why = stop.silent ? "stopped for a restart" : "stopped";
  if (stop.silent) {
    // RFC 4724 §4: only a session that ends without NOTIFICATION is one that may be resumed.
    for (std::size_t i = connections_.size(); i > 0; --i) {
      Connection& connection = *connections_[i - 1];
      const Negotiated* agreed = connection.negotiated();
      const bool resumable = agreed != nullptr && agreed->restart;
      if (resumable) close(connection, std::nullopt, Routes::Drop, why, out);
    }
  }
  close_all(stop.subcode, stop.communication, why, out);
  abort_dial(out);
  stale_.drop_all();
  report(why, out);
}

void Peer::Machine::on(const ConfigChanged& change, Actions& out) {
  const PeerConfig before = std::exchange(config_, change.config);
  const EditEffect effect = effect_of(before, config_);
  if (effect == EditEffect::None) return;
  rib_.configure(config_.received);
  if (before.connect_retry != config_.connect_retry) {
    dialer_.set_base(retry_base(config_));
    dialer_.start_over(now_, jitter_);
  }
  if (config_.admin_down) {
    if (before.admin_down) return;
    close_all(Cease::AdministrativeShutdown, config_.shutdown_text, "administratively down", out);
    stale_.drop_all();
  } else if (effect == EditEffect::ResetsSession) {
    close_all(Cease::ConfigurationChange, {}, "the configuration changed", out);
    dialer_.start_over(now_, jitter_);
  } else if (Connection* session = established();
             session != nullptr && has_other_rules(before.encoding, config_.encoding)) {
    routes_.moved(encoding_of(config_, *session->negotiated(), session->ends()));
  }
  if (!may_run() || effect == EditEffect::ResetsSession ||
      config_.dial == PeerConfig::Dial::Passive) {
    abort_dial(out);
  }
  report(config_.admin_down ? "administratively down" : "the configuration changed", out);
}

void Peer::Machine::on(const Connected& connected, Actions& out) {
  if (find(connected.conn) != nullptr) return;  // the same one twice
  std::erase_if(farewells_,
                [&](const Farewell& farewell) { return farewell.id == connected.conn; });
  if (connected.direction == Direction::Outbound) {
    accept_outbound(connected, out);
  } else {
    accept_inbound(connected, out);
  }
}

void Peer::Machine::on(const ConnectFailed& failed, Actions& out) {
  if (!dialer_.under_way()) return;  // one that was given up
  dialer_.failed(now_, jitter_);
  std::string why = "cannot connect: " + failed.why;
  note_error(why);
  report(std::move(why), out);
}

void Peer::Machine::on(const Received& received, Actions& out) {
  Connection* connection = find(received.conn);
  if (connection == nullptr) return;
  record_.last_message_at = now_;
  std::vector<std::uint8_t> held = std::exchange(connection->input(), {});
  Bytes stream = received.bytes;
  if (!held.empty()) {
    held.insert(held.end(), stream.begin(), stream.end());
    stream = held;
  }
  // Any message may end this connection or the other one, so it is looked up each time.
  for (; connection != nullptr; connection = find(received.conn)) {
    const auto next = frame(stream, connection->message_size());
    if (std::holds_alternative<NeedMore>(next)) break;
    if (const auto* error = std::get_if<Notification>(&next)) {
      failed(*connection, {.tell = *error, .why = "bad header: we sent " + describe(*error)}, out);
      return;
    }
    const auto& message = std::get<Frame>(next);
    count(record_.received, message.type);
    take(*connection, message, out);
    stream = stream.subspan(message.size);
  }
  if (connection != nullptr) connection->input().assign(stream.begin(), stream.end());
}

void Peer::Machine::on(const Closed& closed, Actions& out) {
  std::erase_if(farewells_, [&](const Farewell& farewell) { return farewell.id == closed.conn; });
  Connection* connection = find(closed.conn);
  if (connection == nullptr) return;
  forget(*connection, Routes::Keep, "connection closed: " + closed.why, out);
}

void Peer::Machine::on(const RibSynced& /*synced*/, Actions& /*out*/) {
  synced_ = true;
}

void Peer::Machine::run_timers(Actions& out) {
  tick_connections(out);
  stale_.tick(now_);
  std::erase_if(farewells_, [&](const Farewell& farewell) { return now_ >= farewell.until; });
  if (dialer_.under_way() && now_ >= dialer_.timeout()) {
    out.emplace_back(AbortConnect{});
    dialer_.failed(now_, jitter_);
    std::string why =
        fmt::format("cannot connect: no answer within {} s",
                    std::chrono::duration_cast<std::chrono::seconds>(Dialer::kDialTimeout).count());
    note_error(why);
    report(std::move(why), out);
  }
}

void Peer::Machine::tick_connections(Actions& out) {
  for (std::size_t i = connections_.size(); i > 0; --i) {
    Connection& connection = *connections_[i - 1];
    const auto over = connection.tick(pending(connection), jitter_, now_);
    if (over) failed(connection, *over, out);
  }
}

// What every turn ends with: a dial that is due, and who wants to write.
void Peer::Machine::finish(Actions& out) {
  dial_if_due(out);
  for (const auto& connection : connections_) {
    if (connection->outbox().has_control() || pending(*connection) || owes_marks(*connection)) {
      out.emplace_back(WantsToWrite{connection->id()});
    }
  }
}

TimePoint Peer::Machine::deadline() const {
  TimePoint next = std::min(stale_.deadline(), dialer_.timeout());
  if (wants_to_dial()) next = std::min(next, dialer_.not_before());
  for (const auto& connection : connections_) {
    next = std::min(next, connection->deadline());
  }
  for (const Farewell& farewell : farewells_) {
    next = std::min(next, farewell.until);
  }
  return next;
}

void Peer::Machine::report(std::string why, Actions& out) {
  const State now = state();
  if (now == record_.state) return;
  out.emplace_back(StateChanged{.from = record_.state, .to = now, .why = std::move(why)});
  record_.state = now;
  record_.since = now_;
}

State Peer::Machine::state() const {
  if (const Connection* connection = leading()) return connection->state();
  if (!may_run()) return State::Idle;
  return dialer_.under_way() ? State::Connect : State::Active;
}

PeerStatus Peer::Machine::status() const {
  PeerStatus status = record_;
  for (const auto& each : connections_)
    count_in(status.sent, each->sent());
  status.end_of_rib_sent_v4 = marks_.end_of_rib_sent.v4;
  status.end_of_rib_sent_v6 = marks_.end_of_rib_sent.v6;
  status.peer_restarting = stale_.over_restart();
  const Connection* connection = leading();
  if (connection == nullptr) return status;
  if (const Negotiated* agreed = connection->negotiated()) status.negotiated = *agreed;
  status.open_sent = connection->open_sent();
  status.open_received = connection->open_received();
  status.ends = connection->ends();
  status.direction = connection->direction();
  if (connection->state() == State::Established) {
    status.caught_up = !pending(*connection) && !connection->outbox().has_control();
    const Connection::Terms& terms = connection->terms();
    status.pending_reset = terms.open != config_.open || terms.keepalive != config_.keepalive;
  }
  return status;
}

Peer::Peer(PeerConfig config, RouteSource& routes, Restarting restarting, TimePoint now)
    : machine_{std::make_unique<Machine>(std::move(config), routes, restarting, now)} {}

Peer::~Peer() = default;

Actions Peer::handle(const Event& event, TimePoint now) {
  Actions out;
  machine_->apply(event, now, out);
  return out;
}

Actions Peer::tick(TimePoint now) {
  Actions out;
  machine_->tick(now, out);
  return out;
}

TimePoint Peer::deadline() const {
  return machine_->deadline();
}

std::span<const Bytes> Peer::writable(ConnId conn, std::size_t budget) {
  return machine_->writable(conn, budget);
}

Actions Peer::written(ConnId conn, std::size_t octets, TimePoint now) {
  machine_->written(conn, octets, now);
  return {};
}

Actions Peer::routes_changed() {
  Actions out;
  machine_->routes_changed(out);
  return out;
}

PeerStatus Peer::status() const {
  return machine_->status();
}
State Peer::state() const {
  return machine_->state();
}
const AdjRibIn& Peer::received() const {
  return machine_->received();
}
const PeerConfig& Peer::config() const {
  return machine_->config();
}

}  // namespace porter::bgp
