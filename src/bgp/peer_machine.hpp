// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bgp/connection.hpp"
#include "bgp/dialer.hpp"
#include "bgp/peer.hpp"
#include "bgp/stale_routes.hpp"

namespace porter::bgp {

// The inside of Peer. peer.cpp: events and time; peer_connections.cpp: connections coming,
// colliding and going; peer_session.cpp: messages and what is sent while Established;
// peer_config.cpp: edits.
class Peer::Machine {
 public:
  Machine(PeerConfig config, RouteSource& routes, Restarting restarting, TimePoint now);

  void apply(const Event& event, TimePoint now, Actions& out);
  void tick(TimePoint now, Actions& out);
  [[nodiscard]] TimePoint deadline() const;

  [[nodiscard]] std::span<const Bytes> writable(ConnId id, std::size_t budget);
  void written(ConnId id, std::size_t octets, TimePoint now);
  void routes_changed(Actions& out);

  [[nodiscard]] PeerStatus status() const;
  [[nodiscard]] State state() const;
  [[nodiscard]] const AdjRibIn& received() const { return rib_; }
  [[nodiscard]] const PeerConfig& config() const { return config_; }

 private:
  // What becomes of the peer's routes when its session ends.
  enum class Routes : std::uint8_t { Drop, Keep };
  // A connection closed by us whose last octets the driver may still write.
  struct Farewell {
    ConnId id = 0;
    std::vector<std::uint8_t> octets;
    std::size_t gone = 0;
    TimePoint until;
  };
  static constexpr std::size_t kMaxFarewells = 8;
  static constexpr std::size_t kMaxConnections = 2;
  enum class Refresh : std::uint8_t { None, Running, Again };
  // What a session owes its peer behind the UPDATEs (RFC 4724 §2, RFC 7313 §4).
  struct Marks {
    Families end_of_rib_sent;
    Refresh refresh_v4 = Refresh::None;
    Refresh refresh_v6 = Refresh::None;
    Families bounded;  // BoRR was sent, EoRR is to follow
    [[nodiscard]] Refresh& refresh(Family family) {
      return family == Family::V4 ? refresh_v4 : refresh_v6;
    }
  };

  // Events (peer.cpp).
  void on(const Start& start, Actions& out);
  void on(const Stop& stop, Actions& out);
  void on(const ConfigChanged& change, Actions& out);
  void on(const Connected& connected, Actions& out);
  void on(const ConnectFailed& failed, Actions& out);
  void on(const Received& received, Actions& out);
  void on(const Closed& closed, Actions& out);
  void on(const RibSynced& synced, Actions& out);
  void run_timers(Actions& out);
  void tick_connections(Actions& out);
  void finish(Actions& out);
  void report(std::string why, Actions& out);

  // Connections (peer_connections.cpp).
  [[nodiscard]] bool may_run() const { return started_ && !config_.admin_down; }
  [[nodiscard]] Connection* find(ConnId id);
  [[nodiscard]] const Connection* leading() const;
  [[nodiscard]] Connection* established();
  void accept_inbound(const Connected& connected, Actions& out);
  void accept_outbound(const Connected& connected, Actions& out);
  [[nodiscard]] bool make_room(Actions& out);
  void add(const Connected& connected, Actions& out);
  void refuse(ConnId id, const Notification& tell, Actions& out);
  void collide(Connection& opened, Actions& out);
  [[nodiscard]] bool survives(const Connection& opened, const Connection& other) const;
  // Says `tell`, if anything, and closes.
  void close(Connection& connection, const std::optional<Notification>& tell, Routes routes,
             std::string why, Actions& out);
  void close_all(Cease subcode, std::string_view text, const std::string& why, Actions& out);
  // The connection is gone: forgets it, with what that means for routes and for the next dial.
  void forget(Connection& connection, Routes routes, std::string why, Actions& out);
  void keep_farewell(ConnId id, std::vector<std::uint8_t> octets);
  [[nodiscard]] bool wants_to_dial() const;
  void dial_if_due(Actions& out);
  void abort_dial(Actions& out);
  void note_error(std::string why);
  void note_sent(const Notification& notification);

  // The session (peer_session.cpp).
  void take(Connection& connection, const Frame& frame, Actions& out);
  void failed(Connection& connection, const Connection::Failed& failed, Actions& out);
  void told(Connection& connection, const Connection::Told& told, Actions& out);
  void came_up(Connection& connection, Actions& out);
  void learned(Connection& connection, const Connection::Learned& learned, Bytes body,
               Actions& out);
  void asked(Connection& connection, const RouteRefresh& refresh);
  void start_refresh(Connection& connection, Family family);
  void over_limit(Connection& connection, const Update& update, Actions& out);
  void send_marks(Connection& connection);
  [[nodiscard]] bool owes_marks(const Connection& connection) const;
  [[nodiscard]] bool pending(const Connection& connection) const;
  void note_malformed(std::string_view what, Bytes body);
  [[nodiscard]] static Routes after(const Connection& connection, const Notification& notification);
  [[nodiscard]] static Notification goodbye(const Connection& connection, Cease subcode,
                                            std::string_view text);
  void count(MessageCounts& counts, std::uint8_t type);

  PeerConfig config_;
  RouteSource& routes_;
  Restarting restarting_;
  Jitter jitter_;
  Dialer dialer_;
  AdjRibIn rib_;
  StaleRoutes stale_;

  bool started_ = false;
  bool synced_ = false;
  TimePoint now_;  // never goes back
  // At most two, in the order they came. Boxed: references survive the other one's end.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Farewell> farewells_;  // oldest first
  std::vector<Bytes> farewell_offer_;

  Marks marks_;  // of the Established session
  bool malformed_noted_ = false;
  PeerStatus record_;  // what outlives a session; status() adds the rest
};

}  // namespace porter::bgp
