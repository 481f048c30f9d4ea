// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bgp/backoff.hpp"
#include "bgp/message.hpp"
#include "bgp/outbox.hpp"
#include "bgp/peer.hpp"
#include "bgp/update.hpp"

namespace porter::bgp {

void count_in(MessageCounts& to, const MessageCounts& more);

// One TCP connection with the peer from the moment it is there: OpenSent, OpenConfirm, Established
// (RFC 4271 §8.2.2), its timers and what it has to send. It knows nothing of the other connection,
// of routes kept over a restart or of dialing: it says what happened, the Peer decides.
class Connection {
 public:
  // RFC 4271 §8.2.2: "a HoldTimer value of 4 minutes is suggested" for OpenSent.
  static constexpr Duration kLargeHold = std::chrono::minutes{4};
  // RFC 9687: nothing could be written for this long, or twice the hold time where that is longer.
  static constexpr Duration kSendHold = std::chrono::minutes{8};

  struct Terms {  // what it was opened with; an edit does not reach it
    OpenConfig open;
    std::optional<std::uint16_t> keepalive;
    Restarting restarting = Restarting::No;
  };
  struct Identity {
    ConnId id = 0;
    Direction direction{};
    Ends ends;
  };

  // What became of a message or a timer.
  struct Failed {  // tell the peer and close
    Notification tell;
    std::string why;
    bool timed_out = false;  // a hold timer: to graceful restart the same as a broken connection
  };
  struct Told {  // the peer closes with a NOTIFICATION; none if it was itself malformed
    std::optional<Notification> notification;
  };
  struct Opened {};       // the peer's OPEN was accepted: OpenConfirm
  struct Established {};  // KEEPALIVE in OpenConfirm
  struct Learned {
    Update update;
  };
  struct Asked {
    RouteRefresh refresh;
  };
  using Outcome = std::variant<std::monostate, Failed, Told, Opened, Established, Learned, Asked>;

  Connection(Identity identity, Terms terms, TimePoint now);

  [[nodiscard]] Outcome handle(const Frame& frame, Jitter& jitter, TimePoint now);
  // Sends the KEEPALIVE that is due; says when the session is over. `pending`: UPDATEs wait.
  [[nodiscard]] std::optional<Failed> tick(bool pending, Jitter& jitter, TimePoint now);
  [[nodiscard]] TimePoint deadline() const;

  [[nodiscard]] ConnId id() const { return identity_.id; }
  [[nodiscard]] Direction direction() const { return identity_.direction; }
  [[nodiscard]] const Ends& ends() const { return identity_.ends; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Terms& terms() const { return terms_; }
  [[nodiscard]] const Open& open_sent() const { return open_sent_; }
  [[nodiscard]] const std::optional<Open>& open_received() const { return open_received_; }
  // From OpenConfirm on; null before.
  [[nodiscard]] const Negotiated* negotiated() const {
    return state_ >= State::OpenConfirm ? &negotiated_ : nullptr;
  }
  [[nodiscard]] TimePoint established_at() const { return established_at_; }
  [[nodiscard]] std::size_t message_size() const { return negotiated_.message_size; }

  [[nodiscard]] Outbox& outbox() { return outbox_; }
  [[nodiscard]] const Outbox& outbox() const { return outbox_; }
  // Octets received that are not yet a whole message.
  [[nodiscard]] std::vector<std::uint8_t>& input() { return input_; }

  // The kernel took something: the send hold timer starts anew.
  void progressed(bool pending, TimePoint now) { stalled_since_ = pending ? now : kNever; }
  // Something may have become pending at a time nobody told: look at the next tick, which is due at
  // once.
  void look_again() { look_again_ = true; }

  [[nodiscard]] const MessageCounts& sent() const { return sent_; }
  void tell(const Notification& notification);
  void send_refresh(const RouteRefresh& refresh);
  void send_end_of_rib(Family family);
  void count_updates(std::uint64_t updates) { sent_.update += updates; }

 private:
  [[nodiscard]] Outcome in_open_sent(const Frame& frame, Jitter& jitter, TimePoint now);
  [[nodiscard]] Outcome in_open_confirm(const Frame& frame, TimePoint now);
  [[nodiscard]] Outcome in_established(const Frame& frame, TimePoint now);
  [[nodiscard]] Outcome opened(Bytes body, Jitter& jitter, TimePoint now);
  void send_keepalive(Jitter& jitter, TimePoint now);
  void restart_hold(TimePoint now);
  [[nodiscard]] Duration send_hold() const;

  Identity identity_;
  Terms terms_;
  State state_ = State::OpenSent;
  Open open_sent_;
  std::optional<Open> open_received_;
  Negotiated negotiated_;
  UpdateContext context_;
  TimePoint established_at_;

  std::vector<std::uint8_t> input_;
  Outbox outbox_;
  MessageCounts sent_;
  std::uint64_t keepalive_end_ = 0;  // Outbox::put() behind the last KEEPALIVE

  TimePoint hold_at_;
  TimePoint keepalive_at_ = kNever;
  TimePoint stalled_since_ = kNever;
  bool look_again_ = false;
};

}  // namespace porter::bgp
