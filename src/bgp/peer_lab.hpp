// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bgp/message.hpp"
#include "bgp/peer.hpp"
#include "bgp/update.hpp"

// What the tests of the Peer share: a RouteSource that follows a script, a driver without sockets,
// and messages as the other side would send them. Part of no program.
namespace porter::bgp::lab {

using Octets = std::vector<std::uint8_t>;

// What a socket with room for `most` octets takes of what it is offered.
inline Octets taken_of(std::span<const Bytes> offer, std::size_t most) {
  Octets taken;
  for (const Bytes part : offer) {
    const Bytes fits = part.first(std::min(part.size(), most - taken.size()));
    taken.insert(taken.end(), fits.begin(), fits.end());
  }
  return taken;
}

inline void put_header(Octets& out, MessageType type, std::size_t body) {
  const std::size_t length = kHeaderSize + body;
  out.insert(out.end(), 16, 0xff);
  out.push_back(static_cast<std::uint8_t>(length >> 8U));
  out.push_back(static_cast<std::uint8_t>(length));
  out.push_back(static_cast<std::uint8_t>(type));
}

inline Octets message(MessageType type, const Octets& body) {
  Octets out;
  put_header(out, type, body.size());
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

inline Octets keepalive() {
  Octets out;
  encode_keepalive(out);
  return out;
}

template <class Message>
Octets wire(const Message& what) {
  Octets out;
  encode(what, out);
  return out;
}

inline Octets end_of_rib(Family family) {
  Octets out;
  encode_end_of_rib(family, out);
  return out;
}

// An IPv4 route from an external peer of AS 65002.
inline Octets announce(const Prefix& prefix, const std::vector<std::uint32_t>& communities = {}) {
  Attributes attributes;
  attributes.communities = communities;
  attributes.origin = Origin::Igp;
  attributes.as_path = AsPath{{.type = AsSegment::Type::Sequence, .numbers = {Asn{65002}}}};
  attributes.next_hop = Address::v4(0xC0000201U);
  Octets path;
  encode_attributes(attributes, AsWidth::Four, NextHopAttribute::Write, path);
  Octets body{0, 0, static_cast<std::uint8_t>(path.size() >> 8U),
              static_cast<std::uint8_t>(path.size())};
  body.insert(body.end(), path.begin(), path.end());
  encode_nlri(prefix, std::nullopt, body);
  return message(MessageType::Update, body);
}

inline Prefix host(std::uint32_t number) {
  return Prefix::host(Address::v4(0x0A000000U + number));
}

// Keeps its table for every session, like AdjRibOut does, but as finished messages.
class ScriptedSource final : public RouteSource {
 public:
  void opened(const Encoding& encoding) override {
    ++opened_count;
    last_encoding = encoding;
    open_ = true;
    queue_.assign(table.begin(), table.end());
    offset_ = 0;
  }
  void moved(const Encoding& encoding) override {
    ++moved_count;
    last_encoding = encoding;
  }
  void closed() override {
    ++closed_count;
    open_ = false;
    queue_.clear();
    offset_ = 0;
  }
  void refresh(Family family) override {
    refreshed.push_back(family);
    queue_.insert(queue_.end(), table.begin(), table.end());
  }
  [[nodiscard]] std::span<const Bytes> pull(std::size_t budget) override {
    offer_.clear();
    comes_to_nothing = false;
    std::size_t offered = 0;
    for (std::size_t i = 0; i < queue_.size() && (i == 0 || offered + queue_[i].size() <= budget);
         ++i) {
      offer_.push_back(Bytes{queue_[i]}.subspan(i == 0 ? offset_ : 0));
      offered += offer_.back().size();
    }
    return offer_;
  }
  void consumed(std::size_t octets) override {
    while (octets > 0 && !queue_.empty()) {
      const std::size_t step = std::min(octets, queue_.front().size() - offset_);
      octets -= step;
      offset_ += step;
      if (offset_ < queue_.front().size()) return;
      queue_.pop_front();
      offset_ = 0;
    }
  }
  [[nodiscard]] bool pending() override { return !queue_.empty() || comes_to_nothing; }

  void add(Octets update) {
    table.push_back(update);
    if (open_) queue_.push_back(std::move(update));
  }

  bool comes_to_nothing = false;  // a change that turns out to be none when it is pulled
  std::vector<Octets> table;
  std::vector<Family> refreshed;
  std::optional<Encoding> last_encoding;
  unsigned opened_count = 0;
  unsigned moved_count = 0;
  unsigned closed_count = 0;

 private:
  bool open_ = false;
  std::deque<Octets> queue_;
  std::size_t offset_ = 0;
  std::vector<Bytes> offer_;
};

// We are AS 65001, 192.0.2.2; the peer is AS 65002, 192.0.2.1.
inline PeerConfig config() {
  PeerConfig config;
  config.open = {.local_as = Asn{65001},
                 .remote_as = Asn{65002},
                 .id = RouterId{0xC0000202U},
                 .hold_time = 90,
                 .families = {.v4 = true, .v6 = true},
                 .add_path_send = {},
                 .add_path_receive = {},
                 .restart_families = {.v4 = true, .v6 = true},
                 .restart_time = 20};
  config.received.local_as = Asn{65001};
  return config;
}

inline Ends ends() {
  return {.local = Address::v4(0xC0000202U),
          .local_port = 179,
          .remote = Address::v4(0xC0000201U),
          .remote_port = 30000,
          .subnet = Prefix{Address::v4(0xC0000200U), 24},
          .other_local = std::nullopt,
          .other_subnet = std::nullopt};
}

// The peer's side, as an OpenConfig: hold time 90, both families, no graceful restart.
inline OpenConfig theirs() {
  return {.local_as = Asn{65002},
          .remote_as = Asn{65001},
          .id = RouterId{0xC0000201U},
          .hold_time = 90,
          .families = {.v4 = true, .v6 = true},
          .add_path_send = {},
          .add_path_receive = {},
          .restart_families = {},
          .restart_time = std::nullopt};
}
inline OpenConfig theirs_with_restart(std::uint16_t seconds = 30) {
  OpenConfig open = theirs();
  open.restart_families = {.v4 = true, .v6 = true};
  open.restart_time = seconds;
  return open;
}

struct Sent {
  std::uint8_t type = 0;
  Octets body;
  [[nodiscard]] bool is(MessageType of) const { return type == static_cast<std::uint8_t>(of); }
};

// One Peer under a driver without sockets: time moves only when told to, and what the Peer wants to
// write is written at once unless `writes` is off.
class Lab {
 public:
  explicit Lab(PeerConfig with = config(), Restarting restarting = Restarting::No)
      : peer{std::move(with), source, restarting, now} {}

  void start() { tell(Start{}); }
  void tell(const Event& event) { perform(peer.handle(event, now)); }
  void routes_changed() { perform(peer.routes_changed()); }

  // Runs every timer that is due until then.
  void pass(Duration span) {
    const TimePoint end = now + span;
    while (peer.deadline() <= end) {
      now = std::max(now, peer.deadline());
      perform(peer.tick(now));
    }
    now = end;
  }

  ConnId connect(Direction direction = Direction::Inbound) {
    const ConnId id = next_id_++;
    if (direction == Direction::Outbound) dialing = false;
    tell(Connected{.conn = id, .direction = direction, .ends = ends()});
    return id;
  }
  void receive(ConnId id, const Octets& octets) { tell(Received{.conn = id, .bytes = octets}); }
  void open(ConnId id, const OpenConfig& with = theirs(), Restarting restarting = Restarting::No) {
    receive(id, wire(make_open(with, restarting)));
  }
  ConnId establish(const OpenConfig& with = theirs(), Restarting restarting = Restarting::No) {
    const ConnId id = connect();
    open(id, with, restarting);
    receive(id, keepalive());
    return id;
  }
  void lose(ConnId id) { tell(Closed{.conn = id, .why = "connection reset by peer"}); }

  void write(ConnId id, std::size_t budget = 65536) {
    for (;;) {
      const std::span<const Bytes> offer = peer.writable(id, budget);
      std::size_t octets = 0;
      for (const Bytes part : offer) {
        stream[id].insert(stream[id].end(), part.begin(), part.end());
        octets += part.size();
      }
      if (octets == 0) return;
      perform(peer.written(id, octets, now));
    }
  }
  // As a socket would that takes `octets` and no more.
  void write_some(ConnId id, std::size_t octets) {
    const Octets taken = taken_of(peer.writable(id, 65536), octets);
    stream[id].insert(stream[id].end(), taken.begin(), taken.end());
    perform(peer.written(id, taken.size(), now));
  }

  [[nodiscard]] std::vector<Sent> sent(ConnId id) const {
    std::vector<Sent> messages;
    const auto found = stream.find(id);
    if (found == stream.end()) return messages;
    Bytes rest = found->second;
    while (rest.size() >= kHeaderSize) {
      const std::size_t length = (std::size_t{rest[16]} << 8U) | rest[17];
      if (length < kHeaderSize || length > rest.size()) break;
      const Bytes body = rest.subspan(kHeaderSize, length - kHeaderSize);
      messages.push_back({.type = rest[18], .body = Octets(body.begin(), body.end())});
      rest = rest.subspan(length);
    }
    return messages;
  }
  [[nodiscard]] std::size_t count(ConnId id, MessageType type) const {
    const std::vector<Sent> messages = sent(id);
    return static_cast<std::size_t>(
        std::ranges::count_if(messages, [&](const Sent& one) { return one.is(type); }));
  }
  // The NOTIFICATION sent last, as code, subcode, data; empty: none.
  [[nodiscard]] Octets notification(ConnId id) const {
    Octets last;
    for (const Sent& one : sent(id)) {
      if (one.is(MessageType::Notification)) last = one.body;
    }
    return last;
  }
  [[nodiscard]] bool is_closed(ConnId id) const { return closed.contains(id); }

  TimePoint now{std::chrono::hours{1}};
  ScriptedSource source;
  Peer peer;
  bool writes = true;
  bool dialing = false;
  unsigned dials = 0;
  unsigned aborts = 0;
  std::map<ConnId, Octets> stream;
  std::set<ConnId> closed;
  std::vector<State> states;  // every one entered, in order

 private:
  void perform(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* close = std::get_if<Close>(&action)) {
        write(close->conn);
        closed.insert(close->conn);
      } else if (const auto* wants = std::get_if<WantsToWrite>(&action)) {
        if (writes) write(wants->conn);
      } else if (const auto* change = std::get_if<StateChanged>(&action)) {
        states.push_back(change->to);
      } else {
        dialing = std::holds_alternative<Connect>(action);
        ++(dialing ? dials : aborts);
      }
    }
  }

  ConnId next_id_ = 1;
};

}  // namespace porter::bgp::lab
