// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <initializer_list>
#include <map>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "bgp/peer_lab.hpp"

namespace porter::bgp::sim {

using namespace std::chrono_literals;
using lab::Octets;
using Side = std::size_t;

class Dice {
 public:
  explicit Dice(unsigned seed) : random_{seed * 2654435761U + 1} {}
  unsigned below(unsigned limit) {
    return std::uniform_int_distribution<unsigned>{0, limit - 1}(random_);
  }
  bool one_in(unsigned chances) { return below(chances) == 0; }
  Duration up_to(Duration most) {
    return std::chrono::milliseconds{below(
        static_cast<unsigned>(std::chrono::duration_cast<std::chrono::milliseconds>(most).count()) +
        1)};
  }
  template <class T>
  T any(std::initializer_list<T> of) {
    return *(of.begin() + below(static_cast<unsigned>(of.size())));
  }

 private:
  std::mt19937 random_;
};

inline Address address_of(Family family, std::uint32_t number) {
  if (family == Family::V4) return Address::v4(0xC0000200U + number);
  Address::Octets octets{0x20, 0x01, 0x0d, 0xb8};
  octets[15] = static_cast<std::uint8_t>(number);
  return Address::v6(octets);
}

inline Ends ends_of(Side side) {
  return {.local = address_of(Family::V4, 2 - static_cast<std::uint32_t>(side)),
          .local_port = 179,
          .remote = address_of(Family::V4, 1 + static_cast<std::uint32_t>(side)),
          .remote_port = 30000,
          .subnet = Prefix{Address::v4(0xC0000200U), 24},
          .other_local = address_of(Family::V6, 2 - static_cast<std::uint32_t>(side)),
          .other_subnet = Prefix{address_of(Family::V6, 0), 64}};
}

// TCP between two hosts as it is on a bad day, and the clock of both: segments that are lost come
// late and hold up what is behind them, a direction delivers nothing for a while or for longer than
// the hold time, hosts lose power, and of two connections either may be the faster one. Where the
// passwords differ nothing arrives. Only events take time.
class BadNetwork {
 public:
  // What runs on a host, and may be down while the host is not.
  class Host {
   public:
    Host() = default;
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    virtual ~Host() = default;
    [[nodiscard]] virtual bool is_up() const = 0;
    virtual void hear(const Event& event) = 0;  // Connected, ConnectFailed, Received, Closed
    [[nodiscard]] virtual std::span<const Bytes> writable(ConnId id, std::size_t most) = 0;
    virtual void written(ConnId id, std::size_t octets) = 0;
  };

  BadNetwork(Dice& dice, Host& left, Host& right) : dice_{dice}, hosts_{&left, &right} {}

  [[nodiscard]] TimePoint now() const { return now_; }
  [[nodiscard]] TimePoint next_event() const {
    TimePoint next = syns_.empty() ? kNever : syns_.begin()->first;
    for (const auto& [id, cable] : cables_) {
      for (const Side side : {0U, 1U})
        next = std::min({next, due(cable, side), cable.ends[side].close_by});
    }
    return next;
  }
  // What is due by then happens then.
  void pass(TimePoint until) {
    now_ = std::max(now_, until);
    while (!syns_.empty() && syns_.begin()->first <= now_) {
      const Syn syn = syns_.begin()->second;
      syns_.erase(syns_.begin());
      land(syn);
    }
    std::vector<ConnId> ids;
    for (const auto& [id, cable] : cables_)
      ids.push_back(id);
    for (const ConnId id : ids) {
      for (const Side side : {0U, 1U}) {
        if (due(cables_[id], side) <= now_) deliver(id, side);
        if (cables_[id].ends[side].close_by <= now_) bury(cables_[id], side);
      }
    }
    std::erase_if(cables_, [](const auto& one) {
      const Cable& cable = one.second;
      return !cable.ends[0].is_alive() && !cable.ends[1].is_alive() && cable.towards[0].empty() &&
             cable.towards[1].empty();
    });
  }

  // Faults.
  void cut() {
    for (auto& [id, cable] : cables_) {
      for (const Side side : {0U, 1U})
        reset(cable, side);
    }
  }
  void stall(Side side, Duration span) { deaf_until_[side] = now_ + span; }
  void lose(unsigned in_ten) { loss_ = in_ten; }
  void delay(Duration each_way) { delay_ = each_way; }
  void heal() {
    lose(0);
    delay(5ms);
    deaf_until_ = {};
    keys_[0] = keys_[1];
  }

  // 0: unsigned.
  [[nodiscard]] unsigned key(Side side) const { return keys_[side]; }
  void set_key(Side side, unsigned key) { keys_[side] = key; }

  // What runs on it is new: nobody waits for what was dialed before.
  void boot(Side side) {
    ++boots_[side];
    powered_[side] = true;
    dialing_[side] = false;
  }
  enum class Last : std::uint8_t { Words, Nothing };  // whether its kernel still closes its sockets
  void die(Side side, Last last) {
    powered_[side] = last == Last::Words;
    for (auto& [id, cable] : cables_) {
      End& end = cable.ends[side];
      if (end.is_alive() && last == Last::Words) send(cable, 1 - side, Segment::What::End);
      end.state = End::State::Gone;
    }
  }

  // What the driver of a Peer does.
  void dial(Side side) {
    ASSERT_FALSE(dialing_[side]);
    dialing_[side] = true;
    const Syn syn{.to = 1 - side, .cable = next_cable_++, .dial = ++dials_[side]};
    for (const Duration again : {0s, 1s, 3s, 7s})
      syns_.emplace(now_ + again + delay_ + dice_.up_to(20ms), syn);
    syns_.emplace(now_ + 9s,
                  Syn{.to = side, .cable = syn.cable, .dial = syn.dial, .what = Syn::What::GiveUp});
  }
  void stop_dialing(Side side) { dialing_[side] = false; }
  void hang_up(Side side, ConnId id) {
    End& end = cables_[id].ends[side];
    if (end.state != End::State::Open) return;
    end.state = End::State::Closing;
    end.close_by = now_ + 1s;
    write(side, id);
  }
  // As much as the socket takes, cut anywhere.
  void write(Side side, ConnId id) {
    Cable& cable = cables_[id];
    End& end = cable.ends[side];
    end.wants = true;
    while (end.is_alive() && !end.flushed && cable.octets[1 - side] < kBuffer) {
      const std::size_t most =
          std::min<std::size_t>(1 + dice_.below(600), kBuffer - cable.octets[1 - side]);
      Octets taken = lab::taken_of(hosts_[side]->writable(id, 1 + dice_.below(1000)), most);
      if (taken.empty()) {
        end.wants = false;
        if (end.state == End::State::Closing && !std::exchange(end.flushed, true))
          send(cable, 1 - side, Segment::What::End);
        return;
      }
      const std::size_t octets = taken.size();
      send(cable, 1 - side, Segment::What::Data, std::move(taken));
      hosts_[side]->written(id, octets);
    }
  }

  // Connections that both ends hold for open.
  [[nodiscard]] std::size_t connections() const {
    return static_cast<std::size_t>(std::ranges::count_if(cables_, [](const auto& one) {
      const auto& [left, right] = one.second.ends;
      return left.state == End::State::Open && right.state == End::State::Open;
    }));
  }

 private:
  // An end of a connection, as the driver of the Peer sees it.
  struct End {
    enum class State : std::uint8_t { Unborn, Open, Closing, Gone } state = State::Unborn;
    bool wants = false;    // the Peer has something to write
    bool flushed = false;  // our FIN is on its way
    TimePoint close_by = kNever;
    unsigned boot = 0;  // of the speaker that accepted it
    [[nodiscard]] bool is_alive() const { return state == State::Open || state == State::Closing; }
  };
  struct Segment {
    enum class What : std::uint8_t { Handshake, Data, End, Reset } what{};
    TimePoint ready;
    Octets octets{};
  };
  struct Cable {
    std::array<End, 2> ends;
    std::array<std::deque<Segment>, 2> towards;  // in order, as TCP has it
    std::array<std::size_t, 2> octets{};         // in flight: the socket buffer
  };
  struct Syn {
    Side to = 0;
    ConnId cable = 0;
    std::uint64_t dial = 0;
    unsigned boot = 0;  // of the speaker that accepts
    enum class What : std::uint8_t { Ask, Accept, Refuse, GiveUp } what = What::Ask;
  };
  static constexpr std::size_t kBuffer = 700;

  [[nodiscard]] bool is_lost() { return loss_ > 0 && dice_.below(10) < loss_; }
  // Lost segments are sent again after 200 ms, 400 ms, ...
  [[nodiscard]] Duration travel() {
    Duration time = delay_ + dice_.up_to(20ms);
    for (Duration again = 200ms; again < 30s && is_lost(); again *= 2)
      time += again;
    return time;
  }
  [[nodiscard]] TimePoint due(const Cable& cable, Side to) const {
    if (cable.towards[to].empty()) return kNever;
    return std::max(cable.towards[to].front().ready, deaf_until_[to]);
  }

  void send(Cable& cable, Side to, Segment::What what, Octets octets = {}) {
    std::deque<Segment>& queue = cable.towards[to];
    TimePoint ready = now_ + travel();
    if (!queue.empty()) ready = std::max(ready, queue.back().ready);
    cable.octets[to] += octets.size();
    queue.push_back({.what = what, .ready = ready, .octets = std::move(octets)});
  }
  // What is under way is lost with it.
  void reset(Cable& cable, Side to) {
    cable.towards[to].clear();
    cable.octets[to] = 0;
    send(cable, to, Segment::What::Reset);
  }
  // The driver is done with it.
  void bury(Cable& cable, Side side) {
    End& end = cable.ends[side];
    end.close_by = kNever;
    if (!end.is_alive()) return;
    if (!end.flushed) send(cable, 1 - side, Segment::What::End);
    end.state = End::State::Gone;
  }

  void deliver(ConnId id, Side to) {
    Cable& cable = cables_[id];
    if (!powered_[to] || keys_[0] != keys_[1]) {  // sent again until somebody takes it
      cable.towards[to].front().ready = now_ + 1s;
      return;
    }
    const Segment segment = std::move(cable.towards[to].front());
    cable.towards[to].pop_front();
    cable.octets[to] -= segment.octets.size();
    End& end = cable.ends[to];
    Host& host = *hosts_[to];
    if (segment.what == Segment::What::Handshake && host.is_up() && end.boot == boots_[to]) {
      end.state = End::State::Open;
      host.hear(Connected{.conn = id, .direction = Direction::Inbound, .ends = ends_of(to)});
    } else if (!end.is_alive()) {
      if (segment.what == Segment::What::Data || segment.what == Segment::What::Handshake)
        reset(cable, 1 - to);
    } else if (segment.what == Segment::What::Data) {
      if (end.state == End::State::Open) host.hear(Received{.conn = id, .bytes = segment.octets});
    } else {
      hear_the_end(id, to, segment.what);
    }
    if (const auto found = cables_.find(id);
        found != cables_.end() && found->second.ends[1 - to].wants)
      write(1 - to, id);
  }
  void hear_the_end(ConnId id, Side to, Segment::What what) {
    Cable& cable = cables_[id];
    End& end = cable.ends[to];
    if (end.state == End::State::Closing && !end.flushed && what == Segment::What::End)
      return;  // it may still read our words
    const bool expected = end.state == End::State::Closing;
    if (what == Segment::What::End && !end.flushed) send(cable, 1 - to, Segment::What::End);
    end.state = End::State::Gone;
    end.wants = false;
    end.close_by = kNever;
    if (!expected)
      hosts_[to]->hear(Closed{
          .conn = id, .why = what == Segment::What::End ? "end of stream" : "connection reset"});
  }

  void land(const Syn& syn) {
    const Side dialer = syn.what == Syn::What::Ask ? 1 - syn.to : syn.to;
    const bool is_awaited =
        hosts_[dialer]->is_up() && dialing_[dialer] && dials_[dialer] == syn.dial;
    if (syn.what == Syn::What::GiveUp) {
      if (!is_awaited) return;
      dialing_[dialer] = false;
      hosts_[dialer]->hear(ConnectFailed{.why = "no answer"});
    } else if (keys_[0] != keys_[1] || deaf_until_[syn.to] > now_ || is_lost()) {
      return;
    } else if (syn.what == Syn::What::Ask) {
      if (!is_awaited || !powered_[syn.to]) return;
      const TimePoint back = now_ + travel();
      const bool accepts = hosts_[syn.to]->is_up();
      syns_.emplace(back, Syn{.to = dialer,
                              .cable = syn.cable,
                              .dial = syn.dial,
                              .boot = boots_[syn.to],
                              .what = accepts ? Syn::What::Accept : Syn::What::Refuse});
    } else if (is_awaited) {
      dialing_[dialer] = false;
      if (syn.what == Syn::What::Refuse)
        return hosts_[dialer]->hear(ConnectFailed{.why = "connection refused"});
      Cable& cable = cables_[syn.cable];
      cable.ends[dialer].state = End::State::Open;
      cable.ends[1 - dialer].boot = syn.boot;
      send(cable, 1 - dialer, Segment::What::Handshake);
      hosts_[dialer]->hear(
          Connected{.conn = syn.cable, .direction = Direction::Outbound, .ends = ends_of(dialer)});
    }
  }

  Dice& dice_;
  std::array<Host*, 2> hosts_;
  TimePoint now_{1h};
  Duration delay_ = 5ms;
  unsigned loss_ = 0;                      // segments in ten
  std::array<TimePoint, 2> deaf_until_{};  // nothing arrives there before
  std::array<unsigned, 2> keys_{};
  std::array<bool, 2> powered_{true, true};
  std::array<unsigned, 2> boots_{};
  std::array<bool, 2> dialing_{};
  std::array<std::uint64_t, 2> dials_{};
  std::map<ConnId, Cable> cables_;
  std::multimap<TimePoint, Syn> syns_;
  ConnId next_cable_ = 1;
};

}  // namespace porter::bgp::sim
