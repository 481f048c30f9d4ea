// SPDX-License-Identifier: Apache-2.0
#include <array>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "bad_network.hpp"
#include "bgp/adj_rib_out.hpp"
#include "bgp/export_policy.hpp"
#include "seeds.hpp"

// Two whole speakers, each with its Rib, its update groups and a Peer, over a BadNetwork. Meanwhile
// routes, configuration and passwords change, and speakers are killed and start again. When all is
// calm, each has what the other one exports, no more and no less, and nobody ever found an error in
// what the other one said. A seed reproduces its run.
namespace porter::bgp::sim {
namespace {

// What a side is to say: survives the speaker, as manifests do.
using Wanted = std::map<Prefix, std::vector<Path>>;
using Table = std::map<std::pair<Prefix, PathId>, Attributes>;

Prefix prefix_of(unsigned number) {
  if (number % 3 != 0) return lab::host(number);
  Address::Octets octets{0x20, 0x01, 0x0d, 0xb8, 0, 1};
  octets[15] = static_cast<std::uint8_t>(number);
  return Prefix::host(Address::v6(octets));
}

// The two sides themselves, and nodes 10 to 15; the last one is in no subnet that both share.
std::vector<Path> some_paths(Dice& dice, Family family) {
  std::vector<Path> paths;
  for (const unsigned node : {1U, 2U, 10U, 11U, 12U, 13U, 14U, 15U}) {
    if (!dice.one_in(node < 10 ? 8 : 2)) continue;
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

// One side: what it is to say and how it is configured outlive its speaker.
class Node final : public BadNetwork::Host {
 public:
  Node(Side side, Dice& dice, PeerConfig config)
      : side_{side}, dice_{dice}, config_{std::move(config)} {}
  void plug_in(BadNetwork& network) { network_ = &network; }

  [[nodiscard]] bool is_up() const override { return speaker_ != nullptr; }
  void hear(const Event& event) override { perform(peer().handle(event, network_->now())); }
  std::span<const Bytes> writable(ConnId id, std::size_t most) override {
    return peer().writable(id, most);
  }
  void written(ConnId id, std::size_t octets) override {
    perform(peer().written(id, octets, network_->now()));
  }

  [[nodiscard]] const PeerConfig& config() const { return config_; }
  [[nodiscard]] PeerStatus status() const { return speaker_->peer.status(); }
  [[nodiscard]] TimePoint deadline() const { return is_up() ? speaker_->peer.deadline() : kNever; }
  void tick() {
    if (is_up()) perform(peer().tick(network_->now()));
  }

  void want_something() {
    const Prefix prefix = prefix_of(1 + dice_.below(60));
    std::vector<Path> paths =
        dice_.one_in(3) ? std::vector<Path>{} : some_paths(dice_, prefix.family());
    if (is_up()) {
      speaker_->rib.set(prefix, paths);
      perform(peer().routes_changed());
      if (dice_.one_in(2)) speaker_->routes.hurry();
    }
    wanted_[prefix] = std::move(paths);
  }
  void configure(PeerConfig config) {
    config_ = config;
    if (is_up()) hear(ConfigChanged{.config = std::move(config)});
  }
  // Between signed and unsigned the driver resets.
  void set_key(unsigned key) {
    const bool resets = is_up() && (key == 0) != (network_->key(side_) == 0);
    if (resets) hear(Stop{.subcode = Cease::ConfigurationChange, .communication = {}});
    network_->set_key(side_, key);
    if (resets && !stopped_) hear(Start{});
  }

  void boot(Restarting restarting) {
    auto speaker = std::make_unique<Speaker>(config_, restarting, network_->now());
    network_->boot(side_);
    synced_ = false;
    if (restarting == Restarting::Yes) {
      speaker->routes.out.told_before(std::make_shared<const RouteTable>(remembered_));
      for (const auto& [prefix, paths] : remembered_)  // told again until the plan is there
        speaker->rib.set(prefix, std::vector<Path>(paths.begin(), paths.end()));
    }
    speaker_ = std::move(speaker);
    stopped_ = false;
    hear(Start{});
    if (restarting == Restarting::No || dice_.one_in(2)) sync();
  }
  void restart() {
    if (!is_up()) return get_up();
    if (dice_.one_in(3)) hear(Stop{.communication = {}, .silent = true});
    remembered_.clear();
    for (const Prefix& prefix : speaker_->rib.prefixes(10'000))
      remembered_.emplace(prefix, PathList{speaker_->rib.paths(prefix)});
    speaker_.reset();
    network_->die(side_, dice_.any({BadNetwork::Last::Words, BadNetwork::Last::Nothing}));
  }
  void halt() {
    if (!is_up() || stopped_) return get_up();
    stopped_ = true;
    hear(Stop{.communication = "maintenance"});
  }
  void get_up() {
    if (!is_up()) boot(dice_.one_in(3) ? Restarting::No : Restarting::Yes);
    sync();
    if (std::exchange(stopped_, false)) hear(Start{});
    if (!config_.admin_down) return;
    PeerConfig config = config_;
    config.admin_down = false;
    configure(std::move(config));
  }

  [[nodiscard]] Table told() const {
    const PeerStatus now = status();
    const Encoding encoding = encoding_of(speaker_->peer.config(), *now.negotiated, *now.ends);
    Table table;
    for (const auto& [prefix, paths] : wanted_) {
      for (const Exported& path : exported(speaker_->rib, encoding, prefix))
        table.emplace(
            std::pair{prefix, path.id},
            attributes_of(encoding, speaker_->rib.attributes(path.attributes), path.next_hop));
    }
    return table;
  }
  [[nodiscard]] Table held() const {
    Table table;
    for (const AdjRibIn::Entry& entry : speaker_->peer.received().entries(10'000)) {
      EXPECT_TRUE(entry.accepted && !entry.stale) << to_string(entry.nlri.prefix);
      table.emplace(std::pair{entry.nlri.prefix, entry.nlri.id}, entry.attributes);
    }
    return table;
  }

 private:
  [[nodiscard]] Peer& peer() { return speaker_->peer; }

  // The plan is complete: what it does not have any more goes, and End-of-RIB may follow.
  void sync() {
    if (!is_up() || std::exchange(synced_, true)) return;
    for (const Prefix& prefix : speaker_->rib.prefixes(10'000))
      if (!wanted_.contains(prefix)) speaker_->rib.withdraw(prefix);
    for (const auto& [prefix, paths] : wanted_)
      speaker_->rib.set(prefix, paths);
    perform(peer().routes_changed());
    hear(RibSynced{});
  }
  void perform(const Actions& actions) {
    for (const Action& action : actions) {
      if (std::holds_alternative<Connect>(action)) {
        network_->dial(side_);
      } else if (std::holds_alternative<AbortConnect>(action)) {
        network_->stop_dialing(side_);
      } else if (const auto* close = std::get_if<Close>(&action)) {
        network_->hang_up(side_, close->conn);
      } else if (const auto* wants = std::get_if<WantsToWrite>(&action)) {
        network_->write(side_, wants->conn);
      } else {
        expect_no_accusation();
      }
    }
  }
  // Both are honest speakers: an error that one finds with the other is one of ours.
  void expect_no_accusation() const {
    const std::optional<Notification> said = status().last_sent;
    if (!said) return;
    const auto code = static_cast<ErrorCode>(said->code);
    const bool no_common_family = code == ErrorCode::OpenMessage && said->subcode == 7;
    EXPECT_TRUE(no_common_family || code == ErrorCode::HoldTimerExpired ||
                code == ErrorCode::Cease || code == ErrorCode::SendHoldTimerExpired)
        << status().last_error;
  }

  Side side_;
  Dice& dice_;
  BadNetwork* network_ = nullptr;
  PeerConfig config_;
  Wanted wanted_;
  RouteTable remembered_;  // the restart file
  std::unique_ptr<Speaker> speaker_;
  bool synced_ = false;
  bool stopped_ = false;
};

class World {
 public:
  explicit World(unsigned seed) : dice{seed}, internal_{dice.one_in(2)}, swapped_{dice.one_in(2)} {
    for (Node& node : nodes_) {
      node.plug_in(network_);
      for (int i = 0; i < 30; ++i)
        node.want_something();
      node.boot(Restarting::No);
    }
  }

  Dice dice;

  // One turn of history.
  void disturb() {
    for (Node& node : nodes_) {  // what is down is not for long
      if (dice.one_in(2)) node.get_up();
    }
    const Side side = dice.below(2);
    Node& node = nodes_[side];
    switch (dice.below(12)) {
      case 0: network_.cut(); break;
      case 1: network_.stall(side, dice.any<Duration>({500ms, 4s, 20s, 100s})); break;
      case 2: network_.lose(dice.any({0U, 0U, 3U, 8U})); break;
      case 3: network_.delay(dice.any<Duration>({1ms, 20ms, 400ms, 2s})); break;
      case 4:
      case 5:
      case 6: node.configure(edited(side)); break;
      case 7:  // the other side is told later, or in time
        node.set_key(dice.one_in(2) ? network_.key(1 - side) : dice.below(4));
        break;
      case 8:
      case 9: node.restart(); break;
      case 10: node.halt(); break;
      default:
        for (int i = 0; i < 40; ++i)
          node.want_something();
    }
    for (unsigned changes = dice.below(8); changes > 0; --changes)
      nodes_[dice.below(2)].want_something();
  }

  // The network is well, the passwords are equal, both run and may meet. What is in order is left
  // alone: a session that lasts has to make up for all that happened to it.
  void calm() {
    network_.heal();
    for (Node& node : nodes_) {
      node.get_up();
      PeerConfig config = node.config();
      config.encoding.budget = 0;  // which paths it leaves out is not asked here
      if (&node == &nodes_[1]) {
        const PeerConfig& first = nodes_[0].config();
        const Families other = first.open.families;
        if (!config.open.families.v4 || !other.v4) config.open.families.v6 = true;
        if (!config.open.families.v6 || !other.v6) config.open.families.v4 = true;
        if (first.dial == PeerConfig::Dial::Passive) config.dial = PeerConfig::Dial::Active;
      }
      node.configure(std::move(config));
    }
  }

  void run_for(Duration span) {
    const TimePoint end = network_.now() + span;
    for (std::size_t turns = 0;; ++turns) {
      ASSERT_LT(turns, 2'000'000U) << "time does not pass";
      const TimePoint next =
          std::min({network_.next_event(), nodes_[0].deadline(), nodes_[1].deadline()});
      if (next > end) break;
      network_.pass(next);
      for (Node& node : nodes_)
        node.tick();
    }
    network_.pass(end);
  }

  void expect_agreement() {
    for (const Side side : {0U, 1U}) {
      const PeerStatus status = nodes_[side].status();
      ASSERT_EQ(status.state, State::Established) << side << ": " << status.last_error;
      ASSERT_TRUE(status.caught_up);
      ASSERT_FALSE(status.peer_restarting);
      ASSERT_EQ(status.treated_as_withdraw + status.attributes_discarded, 0U)
          << status.last_malformed;
      ASSERT_EQ(status.end_of_rib_sent_v4, status.negotiated->families.v4);
      ASSERT_EQ(status.end_of_rib_sent_v6, status.negotiated->families.v6);
      const OpenConfig& ours = nodes_[side].config().open;
      const OpenConfig& theirs = nodes_[1 - side].config().open;
      ASSERT_EQ(status.negotiated->families, common(ours.families, theirs.families));
      ASSERT_EQ(
          common(status.negotiated->add_path_send, status.negotiated->families),
          common(common(ours.add_path_send, theirs.add_path_receive), status.negotiated->families));
      ASSERT_EQ(difference(nodes_[side].told(), nodes_[1 - side].held()), "") << "told by " << side;
    }
    ASSERT_EQ(network_.connections(), 1U);
  }

 private:
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
  [[nodiscard]] static Families common(const Families& one, const Families& other) {
    return {.v4 = one.v4 && other.v4, .v6 = one.v6 && other.v6};
  }

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

  // Mostly one thing at a time, as people do.
  PeerConfig edited(Side side) {
    PeerConfig config = nodes_[side].config();
    const PeerConfig other = some_config(side);
    switch (dice.below(10)) {
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
    return config;
  }

  bool internal_;
  bool swapped_;
  std::array<Node, 2> nodes_{Node{0, dice, some_config(0)}, Node{1, dice, some_config(1)}};
  BadNetwork network_{dice, nodes_[0], nodes_[1]};
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
}  // namespace porter::bgp::sim
