// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "bgp/adj_rib_out.hpp"
#include "bgp/export_policy.hpp"
#include "bgp/peer_lab.hpp"
#include "seeds.hpp"

// Two whole speakers, each with its Rib, its update groups and a Peer, over TCP as it is on a bad
// day: segments that are lost come late and hold up what is behind them, a direction delivers
// nothing for a while or for longer than the hold time, hosts lose power, and of two connections
// either may be the faster one. Meanwhile routes, configuration and passwords change, and speakers
// are killed and start again. When all is calm, each has what the other one exports, no more and no
// less, and nobody ever found an error in what the other one said. A seed reproduces its run.
namespace porter::bgp {
namespace {

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

// What a side is to say: survives the speaker, as manifests do.
using Wanted = std::map<Prefix, std::vector<Path>>;

Address address_of(Family family, std::uint32_t number) {
  if (family == Family::V4) return Address::v4(0xC0000200U + number);
  Address::Octets octets{0x20, 0x01, 0x0d, 0xb8};
  octets[15] = static_cast<std::uint8_t>(number);
  return Address::v6(octets);
}
Prefix prefix_of(unsigned number) {
  if (number % 3 != 0) return lab::host(number);
  Address::Octets octets{0x20, 0x01, 0x0d, 0xb8, 0, 1};
  octets[15] = static_cast<std::uint8_t>(number);
  return Prefix::host(Address::v6(octets));
}

Ends ends_of(Side side) {
  return {.local = address_of(Family::V4, 2 - static_cast<std::uint32_t>(side)),
          .local_port = 179,
          .remote = address_of(Family::V4, 1 + static_cast<std::uint32_t>(side)),
          .remote_port = 30000,
          .subnet = Prefix{Address::v4(0xC0000200U), 24},
          .other_local = address_of(Family::V6, 2 - static_cast<std::uint32_t>(side)),
          .other_subnet = Prefix{address_of(Family::V6, 0), 64}};
}

// Nodes 10 to 15; the last one is in no subnet that both sides share.
std::vector<Path> some_paths(Dice& dice, Family family) {
  std::vector<Path> paths;
  for (unsigned node = 10; node < 16; ++node) {
    if (dice.one_in(2)) continue;
    Path path;
    path.id = node;
    path.next_hop = node < 15 ? address_of(family, node)
                              : (family == Family::V4 ? Address::v4(0xCB007101U)
                                                      : *Address::parse("2001:db8:9::1"));
    path.own = node == 10;
    path.own_address = path.own && dice.one_in(2);
    path.audience = dice.one_in(5) ? 7 : 0;
    path.withheld = path.audience != 0 && dice.one_in(2);
    if (dice.one_in(3)) path.attributes.med = dice.below(3);
    if (dice.one_in(4)) path.attributes.communities = {0xFDE80000U + dice.below(3)};
    if (dice.one_in(6)) path.attributes.prepend = 2;
    paths.push_back(path);
  }
  return paths;
}

// What the Peer is given to send. Beside it stands a second peer with the same Encoding that takes
// everything at once, so that one whose network stalls falls behind its group.
class Shared final : public RouteSource {
 public:
  explicit Shared(UpdateGroups& groups) : out{groups}, quick_{groups} {}

  void opened(const Encoding& encoding) override {
    out.opened(encoding);
    quick_.opened(encoding);
  }
  void moved(const Encoding& encoding) override {
    out.moved(encoding);
    quick_.moved(encoding);
  }
  void closed() override {
    out.closed();
    quick_.closed();
  }
  void refresh(Family family) override { out.refresh(family); }
  [[nodiscard]] std::span<const Bytes> pull(std::size_t budget) override {
    return out.pull(budget);
  }
  void consumed(std::size_t octets) override { out.consumed(octets); }
  [[nodiscard]] bool pending() override { return out.pending(); }

  void hurry() {
    while (quick_.pending()) {
      std::size_t octets = 0;
      for (const Bytes part : quick_.pull(65536))
        octets += part.size();
      quick_.consumed(octets);
    }
  }

  AdjRibOut out;

 private:
  AdjRibOut quick_;
};

struct Speaker {
  Speaker(PeerConfig config, Restarting restarting, TimePoint now)
      : peer{std::move(config), routes, restarting, now} {}

  Rib rib;
  // Small, so that a peer that cannot be written to falls behind, and tables come in parts.
  UpdateGroups groups{rib, GroupLimits{.behind_chunks = 3,
                                       .behind_octets = 2000,
                                       .dump_octets = 300,
                                       .chunk_octets = 200,
                                       .owed_octets = 150,
                                       .backlog = 10}};
  Shared routes{groups};
  Peer peer;
};

class World {
 public:
  explicit World(unsigned seed) : dice{seed}, internal_{dice.one_in(2)}, swapped_{dice.one_in(2)} {
    for (const Side side : {0U, 1U}) {
      configs_[side] = some_config(side);
      for (int i = 0; i < 30; ++i)
        want(side);
      boot(side, Restarting::No);
    }
  }

  Dice dice;

  // One turn of history.
  void disturb() {
    for (const Side each : {0U, 1U}) {  // what is down is not for long
      if (dice.one_in(2)) get_up(each);
    }
    const Side side = dice.below(2);
    switch (dice.below(12)) {
      case 0: cut(); break;
      case 1: stall(side); break;
      case 2: loss_ = dice.any({0U, 0U, 3U, 8U}); break;
      case 3: delay_ = dice.any<Duration>({1ms, 20ms, 400ms, 2s}); break;
      case 4:
      case 5:
      case 6: configure(side); break;
      case 7: rekey(side); break;
      case 8:
      case 9: restart(side); break;
      case 10: halt(side); break;
      default:
        for (int i = 0; i < 40; ++i)
          want(side);
    }
    for (unsigned changes = dice.below(8); changes > 0; --changes)
      want(dice.below(2));
  }

  // The network is well, the passwords are equal, both run and may meet. What is in order is left
  // alone: a session that lasts has to make up for all that happened to it.
  void calm() {
    loss_ = 0;
    delay_ = 5ms;
    deaf_until_ = {};
    keys_[0] = keys_[1];
    for (const Side side : {0U, 1U}) {
      get_up(side);
      PeerConfig config = configs_[side];
      config.encoding.budget = 0;  // which paths it leaves out is not asked here
      if (side == 1) {
        const Families other = configs_[0].open.families;
        if (!config.open.families.v4 || !other.v4) config.open.families.v6 = true;
        if (!config.open.families.v6 || !other.v6) config.open.families.v4 = true;
        if (configs_[0].dial == PeerConfig::Dial::Passive) config.dial = PeerConfig::Dial::Active;
      }
      settle(side, std::move(config));
    }
  }

  void run_for(Duration span) {
    const TimePoint end = now_ + span;
    for (std::size_t turns = 0;; ++turns) {
      ASSERT_LT(turns, 2'000'000U) << "time does not pass";
      const TimePoint next = next_event();
      if (next > end) break;
      now_ = std::max(now_, next);
      step();
    }
    now_ = end;
  }

  void expect_agreement() {
    for (const Side side : {0U, 1U}) {
      const PeerStatus status = peer(side).status();
      ASSERT_EQ(status.state, State::Established) << side << ": " << status.last_error;
      ASSERT_TRUE(status.caught_up);
      ASSERT_FALSE(status.peer_restarting);
      ASSERT_EQ(status.treated_as_withdraw + status.attributes_discarded, 0U)
          << status.last_malformed;
      ASSERT_EQ(status.end_of_rib_sent_v4, status.negotiated->families.v4);
      ASSERT_EQ(status.end_of_rib_sent_v6, status.negotiated->families.v6);
      const OpenConfig& ours = configs_[side].open;
      const OpenConfig& theirs = configs_[1 - side].open;
      ASSERT_EQ(status.negotiated->families, common(ours.families, theirs.families));
      ASSERT_EQ(
          common(status.negotiated->add_path_send, status.negotiated->families),
          common(common(ours.add_path_send, theirs.add_path_receive), status.negotiated->families));
      ASSERT_EQ(difference(told(side), held(1 - side)), "") << "told by " << side;
    }
    ASSERT_EQ(
        std::ranges::count_if(cables_, [](const auto& one) { return one.second.is_connected(); }),
        1);
  }

 private:
  using Table = std::map<std::pair<Prefix, PathId>, Attributes>;

  [[nodiscard]] static std::string difference(const Table& told, const Table& held) {
    std::string text;
    const auto missing = [&](const Table& from, const Table& in, std::string_view what) {
      for (const auto& [key, attributes] : from) {
        const auto found = in.find(key);
        if (found == in.end() || found->second != attributes)
          text += fmt::format("{} {} id {} via {}\n", what, to_string(key.first), key.second,
                              to_string(*attributes.next_hop));
      }
    };
    missing(told, held, "not as told:");
    missing(held, told, "not as held:");
    return text;
  }

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
    [[nodiscard]] bool is_connected() const {
      return ends[0].state == End::State::Open && ends[1].state == End::State::Open;
    }
  };
  struct Syn {
    Side to = 0;
    ConnId cable = 0;
    std::uint64_t dial = 0;
    unsigned boot = 0;  // of the speaker that accepts
    enum class What : std::uint8_t { Ask, Accept, Refuse, GiveUp } what = What::Ask;
  };
  static constexpr std::size_t kBuffer = 700;

  [[nodiscard]] static Families common(const Families& one, const Families& other) {
    return {.v4 = one.v4 && other.v4, .v6 = one.v6 && other.v6};
  }
  [[nodiscard]] bool is_up(Side side) const { return speakers_[side] != nullptr; }
  [[nodiscard]] Peer& peer(Side side) { return speakers_[side]->peer; }

  PeerConfig some_config(Side side) {
    PeerConfig config;
    config.open.local_as = Asn{internal_ || side == 0 ? 65001U : 65002U};
    config.open.remote_as = Asn{internal_ || side == 1 ? 65001U : 65002U};
    config.open.id = RouterId{(side == 0) == swapped_ ? 20U : 10U};
    config.open.hold_time = dice.any<std::uint16_t>({3, 9, 30, 90});
    config.open.families = dice.any<Families>({{.v4 = true, .v6 = true},
                                               {.v4 = true, .v6 = true},
                                               {.v4 = true, .v6 = true},
                                               {.v4 = true, .v6 = false},
                                               {.v4 = false, .v6 = true}});
    config.open.add_path_send = {.v4 = dice.one_in(2), .v6 = dice.one_in(2)};
    config.open.add_path_receive = {.v4 = dice.one_in(2), .v6 = dice.one_in(2)};
    if (dice.below(3) > 0) {
      config.open.restart_time = dice.any<std::uint16_t>({2, 20, 120});
      config.open.restart_families = config.open.families;
      config.open.restart_notification = dice.one_in(3);
      if (dice.one_in(3)) config.open.long_lived_time = 60;
    }
    config.open.extended_next_hop = dice.one_in(3);
    config.dial = dice.one_in(4) ? PeerConfig::Dial::Passive : PeerConfig::Dial::Active;
    config.connect_retry = dice.any({0U, 1U, 5U});
    config.admin_down = dice.one_in(8);
    config.helper = !dice.one_in(4);
    config.received.local_as = config.open.local_as;
    config.received.remote_as = config.open.remote_as;
    config.encoding.mode = dice.one_in(3) ? Encoding::Mode::Self : Encoding::Mode::Nodes;
    config.encoding.send_max_v4 = dice.any({1U, 2U, 10U});
    config.encoding.send_max_v6 = dice.any({1U, 2U, 10U});
    config.encoding.audience = dice.one_in(3) ? 7 : 0;
    config.encoding.budget = dice.one_in(4) ? 5 : 0;
    config.encoding.graceful_shutdown = dice.one_in(6);
    config.jitter_seed = side + 1;
    return config;
  }

  // Routes.
  void want(Side side) {
    const Prefix prefix = prefix_of(1 + dice.below(60));
    std::vector<Path> paths =
        dice.one_in(3) ? std::vector<Path>{} : some_paths(dice, prefix.family());
    if (is_up(side)) {
      speakers_[side]->rib.set(prefix, paths);
      perform(side, peer(side).routes_changed());
      if (dice.one_in(2)) speakers_[side]->routes.hurry();
    }
    wanted_[side][prefix] = std::move(paths);
  }

  [[nodiscard]] Table told(Side side) {
    const Speaker& speaker = *speakers_[side];
    const PeerStatus status = speaker.peer.status();
    const Encoding encoding = encoding_of(speaker.peer.config(), *status.negotiated, *status.ends);
    Table table;
    for (const auto& [prefix, paths] : wanted_[side]) {
      for (const Exported& path : exported(speaker.rib, encoding, prefix))
        table.emplace(
            std::pair{prefix, path.id},
            attributes_of(encoding, speaker.rib.attributes(path.attributes), path.next_hop));
    }
    return table;
  }
  [[nodiscard]] Table held(Side side) {
    Table table;
    for (const AdjRibIn::Entry& entry : peer(side).received().entries(10'000)) {
      EXPECT_TRUE(entry.accepted && !entry.stale) << to_string(entry.nlri.prefix);
      table.emplace(std::pair{entry.nlri.prefix, entry.nlri.id}, entry.attributes);
    }
    return table;
  }

  // Speakers come and go.
  void boot(Side side, Restarting restarting) {
    auto speaker = std::make_unique<Speaker>(configs_[side], restarting, now_);
    ++boots_[side];
    powered_[side] = true;
    synced_[side] = dialing_[side] = false;
    if (restarting == Restarting::Yes) {
      speaker->routes.out.told_before(std::make_shared<const RouteTable>(remembered_[side]));
      for (const auto& [prefix, paths] : remembered_[side])  // told again until the plan is there
        speaker->rib.set(prefix, std::vector<Path>(paths.begin(), paths.end()));
    }
    speakers_[side] = std::move(speaker);
    stopped_[side] = false;
    tell(side, Start{});
    if (restarting == Restarting::No || dice.one_in(2)) sync(side);
  }
  // The plan is complete: what it does not have any more goes, and End-of-RIB may follow.
  void sync(Side side) {
    if (!is_up(side) || std::exchange(synced_[side], true)) return;
    for (const Prefix& prefix : speakers_[side]->rib.prefixes(10'000))
      if (!wanted_[side].contains(prefix)) speakers_[side]->rib.withdraw(prefix);
    for (const auto& [prefix, paths] : wanted_[side])
      speakers_[side]->rib.set(prefix, paths);
    perform(side, peer(side).routes_changed());
    tell(side, RibSynced{});
  }
  enum class Last : std::uint8_t { Words, Nothing };  // whether its kernel still closes its sockets
  void kill(Side side, Last last) {
    remembered_[side].clear();
    for (const Prefix& prefix : speakers_[side]->rib.prefixes(10'000))
      remembered_[side].emplace(prefix, PathList{speakers_[side]->rib.paths(prefix)});
    speakers_[side].reset();
    powered_[side] = last == Last::Words;
    for (auto& [id, cable] : cables_) {
      End& end = cable.ends[side];
      if (end.is_alive() && last == Last::Words) send(cable, 1 - side, Segment::What::End);
      end.state = End::State::Gone;
    }
  }
  void restart(Side side) {
    if (!is_up(side)) return get_up(side);
    if (dice.one_in(3)) tell(side, Stop{.communication = {}, .silent = true});
    kill(side, dice.any({Last::Words, Last::Nothing}));
  }
  void halt(Side side) {
    if (!is_up(side) || stopped_[side]) return get_up(side);
    stopped_[side] = true;
    tell(side, Stop{.communication = "maintenance"});
  }
  void get_up(Side side) {
    if (!is_up(side)) boot(side, dice.one_in(3) ? Restarting::No : Restarting::Yes);
    sync(side);
    if (std::exchange(stopped_[side], false)) tell(side, Start{});
    if (!configs_[side].admin_down) return;
    PeerConfig config = configs_[side];
    config.admin_down = false;
    settle(side, std::move(config));
  }

  // Configuration.
  void configure(Side side) {
    PeerConfig config = configs_[side];
    const PeerConfig other = some_config(side);
    switch (dice.below(10)) {  // mostly one thing at a time, as people do
      case 0: config.open.hold_time = other.open.hold_time; break;
      case 1: config.open.families = config.open.restart_families = other.open.families; break;
      case 2: config.open.add_path_send = other.open.add_path_send; break;
      case 3: config.open.add_path_receive = other.open.add_path_receive; break;
      case 4: config.encoding.audience = 7 - config.encoding.audience; break;
      case 5: config.encoding.mode = other.encoding.mode; break;
      case 6: config.encoding.budget = other.encoding.budget; break;
      case 7: config.encoding.graceful_shutdown = !config.encoding.graceful_shutdown; break;
      case 8: config.encoding.send_max_v4 = other.encoding.send_max_v4; break;
      default: config = other;
    }
    settle(side, std::move(config));
  }
  void settle(Side side, PeerConfig config) {
    configs_[side] = config;
    if (is_up(side)) tell(side, ConfigChanged{.config = std::move(config)});
  }
  // The other side is told later, or in time. Between signed and unsigned the driver resets.
  void rekey(Side side) {
    const unsigned key = dice.one_in(2) ? keys_[1 - side] : dice.below(4);
    const bool resets = is_up(side) && (key == 0) != (keys_[side] == 0);
    if (resets) tell(side, Stop{.subcode = Cease::ConfigurationChange, .communication = {}});
    keys_[side] = key;
    if (resets && !stopped_[side]) tell(side, Start{});
  }

  // Faults of the network.
  void cut() {
    for (auto& [id, cable] : cables_) {
      for (const Side side : {0U, 1U})
        reset(cable, side);
    }
  }
  void stall(Side side) { deaf_until_[side] = now_ + dice.any<Duration>({500ms, 4s, 20s, 100s}); }
  // Lost segments are sent again after 200 ms, 400 ms, ...
  [[nodiscard]] Duration travel() {
    Duration time = delay_ + dice.up_to(20ms);
    for (Duration again = 200ms; loss_ > 0 && again < 30s && dice.below(10) < loss_; again *= 2)
      time += again;
    return time;
  }

  // Time.
  [[nodiscard]] TimePoint due(const Cable& cable, Side to) const {
    if (cable.towards[to].empty()) return kNever;
    return std::max(cable.towards[to].front().ready, deaf_until_[to]);
  }
  [[nodiscard]] TimePoint next_event() {
    TimePoint next = syns_.empty() ? kNever : syns_.begin()->first;
    for (const Side side : {0U, 1U}) {
      if (is_up(side)) next = std::min(next, peer(side).deadline());
      for (const auto& [id, cable] : cables_)
        next = std::min({next, due(cable, side), cable.ends[side].close_by});
    }
    return next;
  }
  void step() {
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
    for (const Side side : {0U, 1U}) {
      if (is_up(side)) perform(side, peer(side).tick(now_));
    }
  }

  // TCP.
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
    if (segment.what == Segment::What::Handshake && is_up(to) && end.boot == boots_[to]) {
      end.state = End::State::Open;
      tell(to, Connected{.conn = id, .direction = Direction::Inbound, .ends = ends_of(to)});
    } else if (!end.is_alive()) {
      if (segment.what == Segment::What::Data || segment.what == Segment::What::Handshake)
        reset(cable, 1 - to);
    } else if (segment.what == Segment::What::Data) {
      if (end.state == End::State::Open) tell(to, Received{.conn = id, .bytes = segment.octets});
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
      tell(to, Closed{.conn = id,
                      .why = what == Segment::What::End ? "end of stream" : "connection reset"});
  }

  void dial(Side side) {
    ASSERT_FALSE(dialing_[side]);
    dialing_[side] = true;
    const Syn syn{.to = 1 - side, .cable = next_cable_++, .dial = ++dials_[side]};
    for (const Duration again : {0s, 1s, 3s, 7s})
      syns_.emplace(now_ + again + delay_ + dice.up_to(20ms), syn);
    syns_.emplace(now_ + 9s,
                  Syn{.to = side, .cable = syn.cable, .dial = syn.dial, .what = Syn::What::GiveUp});
  }
  void land(const Syn& syn) {
    const bool is_lost =
        keys_[0] != keys_[1] || deaf_until_[syn.to] > now_ || (loss_ > 0 && dice.below(10) < loss_);
    const Side dialer = syn.what == Syn::What::Ask ? 1 - syn.to : syn.to;
    const bool is_awaited = is_up(dialer) && dialing_[dialer] && dials_[dialer] == syn.dial;
    if (syn.what == Syn::What::GiveUp) {
      if (!is_awaited) return;
      dialing_[dialer] = false;
      tell(dialer, ConnectFailed{.why = "no answer"});
    } else if (is_lost) {
      return;
    } else if (syn.what == Syn::What::Ask) {
      if (!is_awaited || !powered_[syn.to]) return;
      const TimePoint back = now_ + travel();
      syns_.emplace(back, Syn{.to = dialer,
                              .cable = syn.cable,
                              .dial = syn.dial,
                              .boot = boots_[syn.to],
                              .what = is_up(syn.to) ? Syn::What::Accept : Syn::What::Refuse});
    } else if (is_awaited) {
      dialing_[dialer] = false;
      if (syn.what == Syn::What::Refuse)
        return tell(dialer, ConnectFailed{.why = "connection refused"});
      Cable& cable = cables_[syn.cable];
      cable.ends[dialer].state = End::State::Open;
      cable.ends[1 - dialer].boot = syn.boot;
      send(cable, 1 - dialer, Segment::What::Handshake);
      tell(dialer,
           Connected{.conn = syn.cable, .direction = Direction::Outbound, .ends = ends_of(dialer)});
    }
  }

  // The driver of a Peer.
  void tell(Side side, const Event& event) { perform(side, peer(side).handle(event, now_)); }
  void perform(Side side, const Actions& actions) {
    for (const Action& action : actions) {
      if (std::holds_alternative<Connect>(action)) {
        dial(side);
      } else if (std::holds_alternative<AbortConnect>(action)) {
        dialing_[side] = false;
      } else if (const auto* close = std::get_if<Close>(&action)) {
        hang_up(side, close->conn);
      } else if (const auto* wants = std::get_if<WantsToWrite>(&action)) {
        write(side, wants->conn);
      } else {
        expect_no_accusation(side);
      }
    }
  }
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
          std::min<std::size_t>(1 + dice.below(600), kBuffer - cable.octets[1 - side]);
      Octets taken;
      for (const Bytes part : peer(side).writable(id, 1 + dice.below(1000))) {
        const Bytes fits = part.first(std::min(part.size(), most - taken.size()));
        taken.insert(taken.end(), fits.begin(), fits.end());
      }
      if (taken.empty()) {
        end.wants = false;
        if (end.state == End::State::Closing && !std::exchange(end.flushed, true))
          send(cable, 1 - side, Segment::What::End);
        return;
      }
      const std::size_t octets = taken.size();
      send(cable, 1 - side, Segment::What::Data, std::move(taken));
      perform(side, peer(side).written(id, octets, now_));
    }
  }
  // Both are honest speakers: an error that one finds with the other is one of ours.
  void expect_no_accusation(Side side) {
    const std::optional<Notification> said = peer(side).status().last_sent;
    if (!said) return;
    const auto code = static_cast<ErrorCode>(said->code);
    const bool no_common_family = code == ErrorCode::OpenMessage && said->subcode == 7;
    EXPECT_TRUE(no_common_family || code == ErrorCode::HoldTimerExpired ||
                code == ErrorCode::Cease || code == ErrorCode::SendHoldTimerExpired)
        << peer(side).status().last_error;
  }

  bool internal_;
  bool swapped_;
  TimePoint now_{1h};
  Duration delay_ = 5ms;
  unsigned loss_ = 0;                      // segments in ten
  std::array<TimePoint, 2> deaf_until_{};  // nothing arrives there before
  std::array<unsigned, 2> keys_{};         // 0: unsigned
  std::array<bool, 2> powered_{true, true};
  std::array<PeerConfig, 2> configs_;
  std::array<Wanted, 2> wanted_;
  std::array<RouteTable, 2> remembered_;  // the restart file
  std::array<std::unique_ptr<Speaker>, 2> speakers_;
  std::array<bool, 2> synced_{};
  std::array<bool, 2> stopped_{};
  std::array<unsigned, 2> boots_{};
  std::array<bool, 2> dialing_{};
  std::array<std::uint64_t, 2> dials_{};
  std::map<ConnId, Cable> cables_;
  std::multimap<TimePoint, Syn> syns_;
  ConnId next_cable_ = 1;
};

TEST(RibSimulation, BothSidesAgreeInTheEndWhateverTheirHistory) {
  for (unsigned seed = 0; seed < seeds(); ++seed) {
    SCOPED_TRACE(seed);
    World world{seed};
    for (int turn = 1; turn <= 36; ++turn) {
      ASSERT_NO_FATAL_FAILURE(
          world.run_for(world.dice.up_to(world.dice.any<Duration>({50ms, 2s, 15s, 60s}))));
      world.disturb();
      if (turn % 12 != 0) continue;
      world.calm();
      ASSERT_NO_FATAL_FAILURE(world.run_for(8min));
      ASSERT_NO_FATAL_FAILURE(world.expect_agreement());
    }
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

}  // namespace
}  // namespace porter::bgp
