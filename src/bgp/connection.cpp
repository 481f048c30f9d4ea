// SPDX-License-Identifier: Apache-2.0
#include "bgp/connection.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace porter::bgp {
namespace {

std::string_view message_name(std::uint8_t type) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::Open: return "OPEN";
    case MessageType::Update: return "UPDATE";
    case MessageType::Notification: return "NOTIFICATION";
    case MessageType::Keepalive: return "KEEPALIVE";
    case MessageType::RouteRefresh: return "ROUTE-REFRESH";
  }
  return "message of unknown type";
}

// RFC 6608 §4: subcode 1, 2, 3 for OpenSent, OpenConfirm, Established; the type of the message as
// data.
Connection::Failed unexpected(State state, std::uint8_t type) {
  const auto subcode =
      static_cast<std::uint8_t>(static_cast<int>(state) - static_cast<int>(State::OpenSent) + 1);
  return {.tell = notification(ErrorCode::FiniteStateMachine, subcode, Bytes{&type, 1}),
          .why = fmt::format("unexpected {} in {} (we sent 5/{})", message_name(type),
                             to_string(state), subcode)};
}

Connection::Failed refused(Notification error) {
  std::string why = "bad message from the peer: we sent " + describe(error);
  return {.tell = std::move(error), .why = std::move(why)};
}

Connection::Told told(Bytes body) {
  Result<Notification, Notification> notification = decode_notification(body);
  // RFC 4271 §6.4: an error in a NOTIFICATION is not answered.
  if (!notification) return {};
  return {std::move(*notification)};
}

}  // namespace

void count_in(MessageCounts& to, const MessageCounts& more) {
  to.open += more.open;
  to.update += more.update;
  to.notification += more.notification;
  to.keepalive += more.keepalive;
  to.refresh += more.refresh;
}

Connection::Connection(Identity identity, Terms terms, TimePoint now)
    : identity_{identity},
      terms_{terms},
      open_sent_{make_open(terms_.open, terms_.restarting)},
      hold_at_{now + kLargeHold},
      stalled_since_{now} {
  encode(open_sent_, outbox_.control());
  ++sent_.open;
}

Connection::Outcome Connection::handle(const Frame& frame, Jitter& jitter, TimePoint now) {
  // The one message every state understands.
  if (frame.type == static_cast<std::uint8_t>(MessageType::Notification)) return told(frame.body);
  if (state_ == State::OpenSent) return in_open_sent(frame, jitter, now);
  return state_ == State::OpenConfirm ? in_open_confirm(frame, now) : in_established(frame, now);
}

Connection::Outcome Connection::in_open_sent(const Frame& frame, Jitter& jitter, TimePoint now) {
  if (frame.type != static_cast<std::uint8_t>(MessageType::Open))
    return unexpected(state_, frame.type);
  return opened(frame.body, jitter, now);
}

Connection::Outcome Connection::opened(Bytes body, Jitter& jitter, TimePoint now) {
  Result<Open, Notification> open = decode_open(body);
  if (!open) return refused(std::move(open.error()));
  Result<Negotiated, Notification> negotiated = negotiate(terms_.open, *open);
  open_received_ = std::move(*open);
  if (!negotiated) return refused(std::move(negotiated.error()));
  negotiated_ = *negotiated;
  context_ = {.kind = negotiated_.kind,
              .as_width = negotiated_.as_width,
              .families = negotiated_.families,
              .add_path_receive = negotiated_.add_path_receive,
              .extended_next_hop = negotiated_.extended_next_hop};
  state_ = State::OpenConfirm;
  restart_hold(now);
  send_keepalive(jitter, now);
  return Opened{};
}

Connection::Outcome Connection::in_open_confirm(const Frame& frame, TimePoint now) {
  if (frame.type != static_cast<std::uint8_t>(MessageType::Keepalive))
    return unexpected(state_, frame.type);
  state_ = State::Established;
  established_at_ = now;
  restart_hold(now);
  return Established{};
}

Connection::Outcome Connection::in_established(const Frame& frame, TimePoint now) {
  switch (static_cast<MessageType>(frame.type)) {
    case MessageType::Keepalive: restart_hold(now); return {};
    case MessageType::Update: {
      restart_hold(now);
      Result<Update, Notification> update = decode_update(frame.body, context_);
      if (!update) return refused(std::move(update.error()));
      return Learned{std::move(*update)};
    }
    case MessageType::RouteRefresh: {
      Result<RouteRefresh, Notification> refresh = decode_route_refresh(frame.body);
      if (!refresh) return refused(std::move(refresh.error()));
      return Asked{*refresh};
    }
    case MessageType::Open:
    case MessageType::Notification: break;
  }
  return unexpected(state_, frame.type);
}

std::optional<Connection::Failed> Connection::tick(bool pending, Jitter& jitter, TimePoint now) {
  look_again_ = false;
  if (now >= hold_at_) {
    return Failed{.tell = notification(ErrorCode::HoldTimerExpired, 0),
                  .why = "hold timer expired (we sent 4/0)",
                  .timed_out = true};
  }
  pending = pending || outbox_.has_control();
  if (!pending) {
    stalled_since_ = kNever;
  } else if (stalled_since_ == kNever) {
    stalled_since_ = now;
  } else if (now >= stalled_since_ + send_hold()) {
    return Failed{.tell = notification(ErrorCode::SendHoldTimerExpired, 0),
                  .why = "send hold timer expired: the peer reads nothing (we sent 8/0)",
                  .timed_out = true};
  }
  if (now >= keepalive_at_) send_keepalive(jitter, now);
  return std::nullopt;
}

TimePoint Connection::deadline() const {
  // Any time in the past will do: the next tick clears it.
  if (look_again_) return TimePoint::min();
  const TimePoint stalled_at = stalled_since_ == kNever ? kNever : stalled_since_ + send_hold();
  return std::min({hold_at_, keepalive_at_, stalled_at});
}

// RFC 4271 §4.4: a third of the hold time, jittered (§10), and never more than one a second.
void Connection::send_keepalive(Jitter& jitter, TimePoint now) {
  // One that the kernel did not take yet says all that another would.
  if (outbox_.gone() >= keepalive_end_) {
    encode_keepalive(outbox_.control());
    keepalive_end_ = outbox_.put();
    ++sent_.keepalive;
  }
  if (negotiated_.hold_time == 0) return;
  std::chrono::seconds interval{negotiated_.hold_time / 3};
  if (const unsigned wanted = terms_.keepalive.value_or(0); wanted > 0)
    interval = std::min(interval, std::chrono::seconds{wanted});
  keepalive_at_ = now + std::max<Duration>(jitter(interval), std::chrono::seconds{1});
}

// The negotiated hold time counts from OpenConfirm on, and is never shortened (RFC 4271 §6.5, §10).
void Connection::restart_hold(TimePoint now) {
  hold_at_ =
      negotiated_.hold_time == 0 ? kNever : now + std::chrono::seconds{negotiated_.hold_time};
}

Duration Connection::send_hold() const {
  return std::max<Duration>(kSendHold,
                            std::chrono::seconds{2 * std::int64_t{negotiated_.hold_time}});
}

void Connection::tell(const Notification& notification) {
  encode(notification, outbox_.control());
  ++sent_.notification;
}

void Connection::send_refresh(const RouteRefresh& refresh) {
  encode(refresh, outbox_.control());
  ++sent_.refresh;
}

void Connection::send_end_of_rib(Family family) {
  encode_end_of_rib(family, outbox_.control());
  ++sent_.update;
}

}  // namespace porter::bgp
