// SPDX-License-Identifier: Apache-2.0
#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bgp/peer_lab.hpp"

// What holds whatever happens in whatever order.
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;
using lab::Octets;

// A driver that checks everything it is told, and does to the Peer whatever it likes.
class Tormentor {
 public:
  Tormentor()
      : peer_{some_config(), source_, *rc::gen::element(Restarting::No, Restarting::Yes), now_} {}

  void step() {
    now_ += some_time();
    switch (*rc::gen::weightedElement<int>(
        {{3, 0}, {6, 1}, {12, 2}, {4, 3}, {4, 4}, {2, 5}, {4, 6}, {6, 7}})) {
      case 0: tell(some_command()); break;
      case 1: connect(); break;
      case 2: receive(); break;
      case 3: lose(); break;
      case 4: tick_at_deadline(); break;
      case 5:
        source_.add(lab::announce(lab::host(++routes_)));
        perform(peer_.routes_changed());
        break;
      default: write();
    }
    check();
  }

  // Whoever is handed in is handed back.
  void finish() {
    tell(Stop{});
    RC_ASSERT(alive_.empty());
    RC_ASSERT(peer_.state() == State::Idle);
    RC_ASSERT(source_.opened_count == source_.closed_count);
  }

 private:
  static PeerConfig some_config() {
    PeerConfig config = lab::config();
    config.open.hold_time = *rc::gen::element<std::uint16_t>(0, 3, 90);
    config.open.restart_notification = *rc::gen::arbitrary<bool>();
    config.helper = *rc::gen::arbitrary<bool>();
    config.admin_down = *rc::gen::weightedElement<bool>({{9, false}, {1, true}});
    config.dial = *rc::gen::element(PeerConfig::Dial::Active, PeerConfig::Dial::Passive);
    config.encoding.graceful_shutdown = *rc::gen::arbitrary<bool>();
    config.received.max_v4 = *rc::gen::element(2U, 100U);
    config.received.when_full =
        *rc::gen::element(AdjRibIn::WhenFull::Cease, AdjRibIn::WhenFull::Ignore);
    return config;
  }
  static Duration some_time() {
    return *rc::gen::element<Duration>(0s, 1ns, 10ms, 900ms, 5s, 31s, 5min);
  }
  static Event some_command() {
    switch (*rc::gen::inRange(0, 4)) {
      case 0: return Stop{.communication = {}, .silent = *rc::gen::arbitrary<bool>()};
      case 1: return ConfigChanged{.config = some_config()};
      case 2: return RibSynced{};
      default: return Start{};
    }
  }
  static Octets some_message() {
    OpenConfig open = *rc::gen::arbitrary<bool>() ? lab::theirs() : lab::theirs_with_restart(3);
    open.restart_notification = *rc::gen::arbitrary<bool>();
    open.id = RouterId{*rc::gen::element(0xC00002FFU, 0x0A000001U)};
    open.hold_time = *rc::gen::element<std::uint16_t>(0, 3, 90);
    switch (
        *rc::gen::weightedElement<int>({{6, 0}, {8, 1}, {4, 2}, {2, 3}, {1, 4}, {1, 5}, {2, 6}})) {
      case 0: return lab::wire(make_open(open, *rc::gen::element(Restarting::No, Restarting::Yes)));
      case 1: return lab::keepalive();
      case 2: return lab::announce(lab::host(*rc::gen::inRange(0U, 5U)));
      case 3:
        return lab::wire(RouteRefresh{.family = unicast(Family::V4),
                                      .subtype = *rc::gen::inRange<std::uint8_t>(0, 4)});
      case 4:
        return lab::wire(cease(*rc::gen::element(Cease::AdministrativeReset, Cease::HardReset)));
      case 5: return *rc::gen::container<Octets>(rc::gen::arbitrary<std::uint8_t>());
      default: return lab::end_of_rib(Family::V4);
    }
  }

  void tell(const Event& event) {
    perform(peer_.handle(event, now_));
    RC_ASSERT(peer_.deadline() > now_);
  }
  void tick_at_deadline() {
    if (peer_.deadline() == kNever) return;
    now_ = std::max(now_, peer_.deadline());
    perform(peer_.tick(now_));
    RC_ASSERT(peer_.deadline() > now_);
  }
  void connect() {
    const bool outbound = dialing_ && *rc::gen::arbitrary<bool>();
    if (dialing_ && !outbound && *rc::gen::arbitrary<bool>()) {
      dialing_ = false;
      tell(ConnectFailed{.why = "connection refused"});
      return;
    }
    if (outbound) dialing_ = false;
    const ConnId id = next_++;
    alive_.insert(id);
    tell(Connected{.conn = id,
                   .direction = outbound ? Direction::Outbound : Direction::Inbound,
                   .ends = lab::ends()});
  }
  // Several messages at once, cut anywhere.
  void receive() {
    if (alive_.empty()) return;
    Octets octets;
    for (int count = *rc::gen::inRange(1, 4); count > 0; --count) {
      const Octets next = some_message();
      octets.insert(octets.end(), next.begin(), next.end());
    }
    const ConnId id = some_connection();
    const auto cut = *rc::gen::inRange<std::size_t>(0, octets.size() + 1);
    const Bytes all = octets;
    tell(Received{.conn = id, .bytes = all.first(cut)});
    if (alive_.contains(id)) tell(Received{.conn = id, .bytes = all.subspan(cut)});
  }
  void lose() {
    if (alive_.empty()) return;
    const ConnId id = some_connection();
    alive_.erase(id);
    tell(Closed{.conn = id, .why = "reset"});
  }
  void write() {
    if (alive_.empty()) return;
    const ConnId id = some_connection();
    std::size_t offered = 0;
    for (const Bytes part : peer_.writable(id, *rc::gen::inRange<std::size_t>(1, 5000))) {
      offered += part.size();
    }
    perform(peer_.written(id, *rc::gen::inRange<std::size_t>(0, offered + 1), now_));
  }
  ConnId some_connection() {
    return *rc::gen::elementOf(std::vector<ConnId>(alive_.begin(), alive_.end()));
  }

  void perform(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* close = std::get_if<Close>(&action)) {
        RC_ASSERT(alive_.erase(close->conn) == 1U);
      } else if (const auto* wants = std::get_if<WantsToWrite>(&action)) {
        RC_ASSERT(alive_.contains(wants->conn));
      } else if (const auto* change = std::get_if<StateChanged>(&action)) {
        RC_ASSERT(change->from == state_);
        RC_ASSERT(change->to != state_);
        RC_ASSERT(!change->why.empty());
        state_ = change->to;
      } else if (std::holds_alternative<AbortConnect>(action)) {
        RC_ASSERT(dialing_);
        dialing_ = false;
      } else {
        RC_ASSERT(!dialing_);
        RC_ASSERT(dials_ == 0 || now_ >= last_dial_ + 750ms);
        dialing_ = true;
        last_dial_ = now_;
        ++dials_;
      }
    }
  }
  void check() {
    RC_ASSERT(alive_.size() <= 2U);
    RC_ASSERT(state_ == peer_.state());
    RC_ASSERT(source_.opened_count - source_.closed_count ==
              (state_ == State::Established ? 1U : 0U));
    RC_ASSERT((state_ == State::Established) <= (alive_.size() == 1U));
  }

  TimePoint now_{1h};
  lab::ScriptedSource source_;
  Peer peer_;
  State state_ = State::Idle;
  std::set<ConnId> alive_;
  ConnId next_ = 1;
  bool dialing_ = false;
  unsigned dials_ = 0;
  TimePoint last_dial_{};
  std::uint32_t routes_ = 0;
};

RC_GTEST_PROP(Peer, KeepsItsPromisesWhateverHappens, ()) {
  Tormentor tormentor;
  for (int step = *rc::gen::inRange(0, 80); step > 0; --step) {
    tormentor.step();
  }
  tormentor.finish();
}

}  // namespace
}  // namespace porter::bgp
