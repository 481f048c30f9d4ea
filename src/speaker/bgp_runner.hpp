// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "bgp/gate.hpp"
#include "bgp/update_group.hpp"
#include "io/task_group.hpp"
#include "io/tcp.hpp"
#include "plan/fact.hpp"
#include "speaker/listener.hpp"
#include "speaker/port_forward.hpp"
#include "speaker/restart_file.hpp"
#include "speaker/snapshot.hpp"

// The speaker: plans become sessions and routes on the wire.
//
//   plan::Change ──> BgpRunner ──> Rib ──> UpdateGroups ──> AdjRibOut
//                    │       │                                  │
//   RestartFile <────┘       └─ PeerRunner <─── bgp::Peer <─────┘
//   (what was told)              ^    ^
//                    TCP <───────┘    └── Gate <── Listener <── who dials us
//
//   bgp::Peer ── state, counters ──> BgpRunner ──> plan::SessionSeen
//
// PeerRunner: moves bytes and time for one Peer. There is one for every neighbour, also for each
// that came out of a neighbour prefix. Listener: the listening sockets, with TCP MD5 keys (RFC
// 2385) and TTL rules (RFC 5082) by neighbour. PortForward: who dials 179
// reaches us where we listen elsewhere. RestartFile: what makes a restart of the process
// none for the traffic (RFC 4724).
//
// Everything runs on the one thread of logic and is owned by BgpRunner; decisions are bgp's.
namespace porter::speaker {

// Performs the Changes that concern sessions and routes; owned by main() of `run` and `speaker`.
// Nothing is dialled and nobody is let in before Planned: a router must not hear End-of-RIB for a
// table we have not planned yet, and with End-of-RIB held back it would keep stale routes meanwhile
// (api.md 8).
class BgpRunner {
 public:
  struct Hooks {
    // A session changed: at once when its state did, else at most once a second. Must not call
    // back.
    std::function<void(plan::SessionSeen)> session_seen;
    std::function<void(const std::string& warning)> warn;
  };
  // In the restart file, for replay(). Unsigned: but those with a password, which must not lie on a
  // disk.
  enum class KeepPeers : std::uint8_t { No, Unsigned, All };
  struct Options {
    std::filesystem::path restart_file;  // empty: none is kept
    std::string redirects;               // table of the packet filter that is ours; empty: none
    std::string boot_id;                 // goes into it
    KeepPeers keep_peers = KeepPeers::No;
    // The last run ended in this boot, and its routes were found: the first OPEN of each Peer says
    // so.
    bgp::Restarting restarting = bgp::Restarting::No;
    RestartState last;  // these routes, and the sessions they were told in
  };
  enum class Farewell : std::uint8_t {
    Restart,  // we are back in a moment: no NOTIFICATION where graceful restart was negotiated
    Shutdown  // for good: Cease, and the restart file is removed
  };

  BgpRunner(io::asio::any_io_executor executor, Options options, Hooks hooks);
  BgpRunner(const BgpRunner&) = delete;
  BgpRunner& operator=(const BgpRunner&) = delete;
  ~BgpRunner();

  // In order; Changes that are somebody else's are passed over. Peers hear of new routes once per
  // batch.
  void apply(std::span<const plan::Change> changes);
  // In place of a plan that cannot be made for now: what Options::last says is run and told, and
  // End-of-RIB sent behind it. What a later plan does not confirm is ended and withdrawn with its
  // Planned. The number of sessions; none: there is nothing to go by, and nobody is dialled.
  std::size_t replay();
  // So long the routers keep what they were told, and wait for the sessions that replay() would
  // run; none: there are none.
  [[nodiscard]] std::optional<std::chrono::seconds> shortest_restart_time() const;
  // Bounded in time: kFarewellWithin. Awaited before the BgpRunner is destroyed.
  io::Task<> stop(Farewell farewell);

  // snapshot.cpp
  [[nodiscard]] std::vector<PeerSnapshot> peers() const;
  // In order, behind `after` where given. None where the session is not Established.
  [[nodiscard]] std::vector<ToldRoute> told(const std::string& session, std::size_t limit,
                                            const std::optional<Prefix>& after) const;
  [[nodiscard]] std::optional<std::vector<ToldPath>> told(const std::string& session,
                                                          const Prefix& prefix) const;
  [[nodiscard]] const bgp::AdjRibIn* received(
      const std::string& session) const;                 // null: no such session
  [[nodiscard]] bool holds(const Prefix& prefix) const;  // some peer sent it, and it was accepted
  [[nodiscard]] std::vector<ListenerStatus> listeners() const { return listener_.status(); }
  [[nodiscard]] const bgp::Gate::Counts& gate() const { return gate_.counts(); }
  [[nodiscard]] const bgp::Rib& rib() const { return rib_; }
  // The kernel has everything that Established peers are to be told.
  [[nodiscard]] bool all_handed_over() const;
  // Segments with a signature that does not fit, since we started; and what that says, in words.
  [[nodiscard]] std::string md5_hint() const {
    return io::md5_hint(md5_before_, io::md5_counters());
  }
  [[nodiscard]] const std::string& restart_file_error() const;

  static constexpr std::chrono::seconds kFarewellWithin{2};
  static constexpr std::chrono::seconds kPace{1};

 private:
  struct Session;
  struct Wanted {
    plan::PeerSpec spec;
    plan::SessionSeen told;
  };

  void perform(const plan::Route& route);
  void perform(const plan::PeerWanted& wanted);
  void perform(const plan::ListenWanted& wanted);
  void perform(const plan::Planned& planned);
  template <class Other>
  void perform(const Other& /*of another sink*/) {}

  void want(const std::string& peer, const plan::PeerSpec& spec);
  void end_batch();
  void listen();
  void update_rules();
  void forward_ports();
  void admit(io::Tcp::socket socket);
  void refuse(io::Tcp::socket& socket, const bgp::Gate::Arrival& arrival,
              const bgp::Gate::Refused& refused);
  Session& make(const std::string& name, const std::string& peer, plan::PeerSpec spec);
  void start(Session& session);
  void end(const std::string& name, bgp::Cease why);
  void retire(Session& session);
  io::Task<> take_leave(Session& session);
  void closed(Session& session);
  [[nodiscard]] std::vector<plan::Route> routes_behind(std::size_t limit,
                                                       const std::optional<Prefix>& after) const;
  [[nodiscard]] RestartPeers peers_to_keep() const;
  void forget_last_run();

  void state_changed(Session& session, const bgp::StateChanged& change);
  void moved(Session& session);
  io::Task<> tell_at_pace();
  [[nodiscard]] plan::SessionSeen seen(const std::string& peer) const;
  void tell(const std::string& peer);

  io::asio::any_io_executor executor_;
  Options options_;
  Hooks hooks_;
  std::vector<std::uint8_t> scratch_;  // what is read, for the length of one turn
  bgp::Rib rib_;
  bgp::UpdateGroups groups_{rib_};
  bgp::Gate gate_;
  Listener listener_;
  std::optional<RestartFile> restart_file_;
  std::optional<PortForward> port_forward_;
  std::shared_ptr<const bgp::RouteTable> told_before_;  // by the last run, in this boot
  io::Md5Counters md5_before_;

  std::map<std::string, Wanted> wanted_;                      // by BgpPeer
  std::map<std::string, std::unique_ptr<Session>> sessions_;  // by name of the session
  std::list<std::unique_ptr<Session>> retired_;  // until their last NOTIFICATION is out
  std::optional<plan::ListenSpec> listen_;
  std::set<Prefix> unconfirmed_;             // replayed, and not planned yet
  std::set<std::string> unconfirmed_peers_;  // likewise
  std::uint64_t told_version_ = 0;           // of the Rib
  bool planned_ = false;
  bool running_ = false;  // planned or replayed, once
  bool rules_changed_ = false;
  bool peers_changed_ = false;  // since the restart file was told

  io::asio::steady_timer pace_;
  TimePoint last_told_{};
  bool any_moved_ = false;
  io::TaskGroup tasks_;
};

}  // namespace porter::speaker
