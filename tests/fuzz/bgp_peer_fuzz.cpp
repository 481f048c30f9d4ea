// SPDX-License-Identifier: Apache-2.0
#include "bgp/peer_lab.hpp"

// The input is a script of bytes and time for one Peer under a driver that keeps the rules:
// whatever the peer sends and when, the deadline lies ahead, actions name known connections, dials
// are spaced, and two connections are the most.
namespace porter::bgp {
namespace {

using namespace std::chrono_literals;

void require(bool claim) {
  if (!claim) __builtin_trap();
}

class Script {
 public:
  explicit Script(Bytes input)
      : in_{input}, peer_{config(in_.take<std::uint8_t>()), source_, Restarting::Yes, now_} {
    source_.table = {lab::announce(lab::host(1)), lab::announce(lab::host(2))};
    tell(Start{});
    tell(RibSynced{});
  }

  void run() {
    while (in_.remaining() > 0) {
      step(in_.take<std::uint8_t>());
      require(alive_.size() <= 2);
    }
    tell(Stop{});
    require(alive_.empty());
  }

 private:
  static PeerConfig config(std::uint8_t bits) {
    PeerConfig config = lab::config();
    config.open.restart_notification = (bits & 1U) != 0;
    config.helper = (bits & 2U) != 0;
    config.open.hold_time = (bits & 4U) != 0 ? 3 : 90;
    config.dial = (bits & 8U) != 0 ? PeerConfig::Dial::Passive : PeerConfig::Dial::Active;
    config.received.when_full =
        (bits & 16U) != 0 ? AdjRibIn::WhenFull::Cease : AdjRibIn::WhenFull::Ignore;
    config.received.max_v4 = 2;
    config.open.add_path_receive = {.v4 = (bits & 32U) != 0, .v6 = (bits & 64U) != 0};
    return config;
  }

  // Two bits choose the connection, the rest what happens to it.
  void step(std::uint8_t what) {
    const ConnId id = what & 3U;
    switch (what >> 2U) {
      case 0: connect(Direction::Inbound); break;
      case 1:
        if (dialing_) connect(Direction::Outbound);
        break;
      case 2:
        if (std::exchange(dialing_, false)) tell(ConnectFailed{.why = "refused"});
        break;
      case 3: pass(std::chrono::milliseconds{in_.take<std::uint16_t>()}); break;
      case 4: raw(id); break;
      case 5: framed(id); break;
      case 6:
        send(id, lab::wire(make_open(open(), (what & 1U) != 0 ? Restarting::Yes : Restarting::No)));
        break;
      case 7: send(id, lab::keepalive()); break;
      case 8:
        if (const ConnId conn = nth(id); alive_.erase(conn) > 0)
          tell(Closed{.conn = conn, .why = "reset"});
        break;
      case 9: write(nth(id)); break;
      case 10:
        source_.add(lab::announce(lab::host(what)));
        perform(peer_.routes_changed());
        break;
      case 11: tell(ConfigChanged{.config = config(in_.take<std::uint8_t>())}); break;
      case 12: tell(Stop{.communication = "x", .silent = (what & 1U) != 0}); break;
      default: tell(Start{});
    }
  }

  OpenConfig open() {
    OpenConfig open = lab::theirs_with_restart(in_.take<std::uint8_t>());
    open.hold_time = 9;
    open.restart_notification = true;
    return open;
  }
  // The n-th living connection; 0, which never lives, where there is none.
  ConnId nth(ConnId n) const {
    for (const ConnId id : alive_) {
      if (n-- == 0) return id;
    }
    return alive_.empty() ? 0 : *alive_.begin();
  }
  void connect(Direction direction) {
    if (direction == Direction::Outbound) dialing_ = false;
    alive_.insert(next_);
    tell(Connected{.conn = next_++, .direction = direction, .ends = lab::ends()});
  }
  void raw(ConnId id) {
    const Bytes bytes =
        in_.take_bytes(std::min<std::size_t>(in_.take<std::uint8_t>(), in_.remaining()));
    tell(Received{.conn = nth(id), .bytes = bytes});
  }
  // A good header around the bytes: gets past framing.
  void framed(ConnId id) {
    const auto type = static_cast<MessageType>(1 + in_.take<std::uint8_t>() % 5U);
    const Bytes body =
        in_.take_bytes(std::min<std::size_t>(in_.take<std::uint8_t>(), in_.remaining()));
    send(id, lab::message(type, lab::Octets(body.begin(), body.end())));
  }
  void send(ConnId id, const lab::Octets& octets) {
    tell(Received{.conn = nth(id), .bytes = octets});
  }
  void pass(Duration span) {
    const TimePoint end = now_ + span;
    for (int turns = 0; peer_.deadline() <= end; ++turns) {
      require(turns < 10'000);
      now_ = std::max(now_, peer_.deadline());
      perform(peer_.tick(now_));
      require(peer_.deadline() > now_);
    }
    now_ = end;
  }
  void write(ConnId id) {
    std::size_t offered = 0;
    for (const Bytes part : peer_.writable(id, 1 + in_.take<std::uint8_t>())) {
      offered += part.size();
    }
    perform(peer_.written(id, std::min<std::size_t>(offered, in_.take<std::uint8_t>()), now_));
  }

  void tell(const Event& event) {
    perform(peer_.handle(event, now_));
    require(peer_.deadline() > now_);
  }
  void perform(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* close = std::get_if<Close>(&action)) {
        require(alive_.erase(close->conn) == 1);
      } else if (const auto* wants = std::get_if<WantsToWrite>(&action)) {
        require(alive_.contains(wants->conn));
      } else if (std::holds_alternative<Connect>(action)) {
        require(!dialing_ && now_ >= next_dial_);
        dialing_ = true;
        next_dial_ = now_ + 750ms;
      } else if (std::holds_alternative<AbortConnect>(action)) {
        require(dialing_);
        dialing_ = false;
      }
    }
  }

  ByteReader in_;
  TimePoint now_{1h};
  TimePoint next_dial_{};
  lab::ScriptedSource source_;
  Peer peer_;
  std::set<ConnId> alive_;
  ConnId next_ = 1;
  bool dialing_ = false;
};

}  // namespace
}  // namespace porter::bgp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  porter::bgp::Script{{data, size}}.run();
  return 0;
}
