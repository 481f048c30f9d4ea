// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <variant>

#include "bgp/adj_rib_in.hpp"
#include "bgp/open.hpp"
#include "bgp/route_source.hpp"

// One neighbour: the FSM of RFC 4271 §8 with both connection directions, collision detection
// (§6.8), timers with jitter (§10), damping of reconnects, capabilities, graceful restart (RFC
// 4724) both ways.
//
//   driver ── Event, now ──> Peer ── Action ──> driver          no bytes in actions: the driver
//   asks driver ── writable(conn) ──> spans ──> writev ──> written()  writable() when a socket can
//   take some
//
// Parts: Dialer (when we may dial), up to two Connections (one TCP connection from OpenSent on,
// each with its Outbox), AdjRibIn with StaleRoutes (what is kept over a restart of the peer), and
// Peer::Machine, which decides between them: who survives a collision, what an edit resets, what
// the loss of a session means. Our own routes are not here: a RouteSource has them, and hears when
// the session opens and closes.
//
// deadline() is the one timer: tick() no later than that. Total: no input makes it throw or stall,
// and after handle()/tick() at `now` the deadline lies after `now`. A driver that was late hands
// over what its sockets have received before it ticks: the hold timer is about the peer's silence,
// not ours.
//
// Writing: after WantsToWrite, and whenever a socket can take more, the driver calls writable(),
// writes, and reports with written() before it calls anything else, until writable() gives nothing.
namespace porter::bgp {

using ConnId = std::uint32_t;
enum class Direction : std::uint8_t { Outbound, Inbound };
enum class State : std::uint8_t { Idle, Connect, Active, OpenSent, OpenConfirm, Established };
[[nodiscard]] std::string_view to_string(State state);  // "OpenSent"

struct PeerConfig {
  OpenConfig open;
  enum class Dial : std::uint8_t { Active, Passive } dial = Dial::Active;
  // Base of the reconnect back-off, seconds: doubles from here to eight times as much, and 30 s at
  // most, while attempts fail; resets after a session that lasted; jittered 0.75-1.0 (RFC 4271
  // §10). 0: from 1 s to 30 s. More than 30: always that.
  std::uint32_t connect_retry = 0;
  std::optional<std::uint16_t> keepalive;  // seconds; none: a third of the negotiated hold time
  bool admin_down = false;
  std::string shutdown_text;  // shutdown communication sent with admin_down (RFC 9003)
  AdjRibIn::Config received;
  bool helper = true;  // keep a restarting peer's routes as stale (RFC 4724 §4.2)
  // What of the Encoding is configuration; the Peer fills in what was negotiated and, in Self mode,
  // the session's local address.
  Encoding encoding;
  bool single_hop = true;  // eBGP without multihop: next hops must be shared (see Ends::subnet)
  std::uint64_t jitter_seed = 1;
  friend bool operator==(const PeerConfig&, const PeerConfig&) = default;
};

// Both ends of a connection, and the subnets of the interface it runs over where the driver knows
// it. No `subnet`: not known, so nothing is concluded. With `subnet`, no `other_subnet` means that
// the interface has no address of the other family.
struct Ends {
  Address local;
  std::uint16_t local_port = 0;
  Address remote;
  std::uint16_t remote_port = 0;
  std::optional<Prefix> subnet;        // of the local address
  std::optional<Address> other_local;  // an address of the other family on that interface
  std::optional<Prefix> other_subnet;
  friend bool operator==(const Ends&, const Ends&) = default;
};

// Events.
struct Start {};  // automatic or manual start (also after Stop)
struct Stop {     // manual stop: Cease with `subcode` and words, or, under graceful restart, in
                  // silence
  Cease subcode = Cease::AdministrativeShutdown;
  std::string communication;
  bool silent = false;  // close without NOTIFICATION: the peer keeps our routes (api.md 8)
};
struct ConfigChanged {  // decides itself what the change resets (api.md 7): see effect_of()
  PeerConfig config;
};
struct Connected {  // our dial succeeded, or an inbound connection was admitted
  ConnId conn = 0;
  Direction direction{};
  Ends ends;
};
struct ConnectFailed {
  std::string why;
};
struct Received {  // any split; framing is the Peer's
  ConnId conn = 0;
  Bytes bytes;
};
struct Closed {  // by the peer, or broken
  ConnId conn = 0;
  std::string why;
};
// Local RIB facts: `planned`: everything is in the Rib, so End-of-RIB may follow the routes.
struct RibSynced {};
using Event =
    std::variant<Start, Stop, ConfigChanged, Connected, ConnectFailed, Received, Closed, RibSynced>;

// Actions, to be performed in order.
struct Connect {};  // dial; answer with Connected or ConnectFailed. At most one dial is under way.
struct AbortConnect {};  // the dial under way is given up and is not answered any more
// The connection is over. writable() may still have a last NOTIFICATION for it: write what the
// socket takes within one second (kLinger), then shut down sending, and close. A socket closed with
// received octets unread sends RST, which may cost the peer the NOTIFICATION: read and forget what
// is there first. The connection is no longer the Peer's: what is said of it from now on is
// ignored.
struct Close {
  ConnId conn = 0;
};
inline constexpr Duration kLinger = std::chrono::seconds{1};
struct WantsToWrite {
  ConnId conn = 0;
};
struct StateChanged {
  State from{};
  State to{};
  std::string why;  // for people: "hold timer expired (we sent 4/0)"
};
using Action = std::variant<Connect, AbortConnect, Close, WantsToWrite, StateChanged>;
using Actions = std::vector<Action>;

struct MessageCounts {
  std::uint64_t open = 0, update = 0, notification = 0, keepalive = 0, refresh = 0;
};

// What people ask about a session. A value; taken whenever someone asks.
struct PeerStatus {
  State state = State::Idle;
  TimePoint since;                       // of `state`
  std::uint64_t flaps = 0;               // times Established was left
  std::optional<Negotiated> negotiated;  // while OpenConfirm or Established
  std::optional<Open> open_sent, open_received;
  std::optional<Ends> ends;
  std::optional<Direction> direction;
  MessageCounts sent, received;
  std::optional<Notification> last_sent, last_received;
  TimePoint last_sent_at, last_received_at;
  std::string last_error;  // why the last session or attempt ended; empty: none yet
  TimePoint last_error_at;
  TimePoint last_message_at;
  std::uint64_t treated_as_withdraw = 0, attributes_discarded = 0;
  // RFC 7606 §6: what, with the message in hex, cut to 4096 octets. The first one of the latest
  // session that had any: a flood of them costs no more than one.
  std::string last_malformed;
  bool caught_up = false;  // nothing pending towards the peer
  bool end_of_rib_sent_v4 = false, end_of_rib_sent_v6 = false;
  bool peer_restarting = false;  // its routes are kept as stale
  bool pending_reset = false;    // an edit waits for the next session (api.md 7, PendingReset)
  std::uint64_t refused_connections = 0;  // inbound ones turned away
};

// What an edit does to a live session (api.md 7). AS, identifier, families, ADD-PATH, next hops:
// resets it. Timers and graceful restart: wait for the next one. Limits, helper, passive, drain: at
// once.
enum class EditEffect : std::uint8_t { None, Live, NextSession, ResetsSession };
// Another audience or budget, or a drain: the session goes on, and is told the difference.
[[nodiscard]] bool has_other_rules(const Encoding& from, const Encoding& to);
[[nodiscard]] EditEffect effect_of(const PeerConfig& from, const PeerConfig& to);

// What the session is to be told once it is open: the configuration's part, what the two OPENs
// agreed on, and the addresses of this connection (api.md 6).
[[nodiscard]] Encoding encoding_of(const PeerConfig& config, const Negotiated& negotiated,
                                   const Ends& ends);

class Peer {
 public:
  // `routes` outlives the Peer. `restarting`: what R and F bits of the first OPEN say (api.md 8).
  Peer(PeerConfig config, RouteSource& routes, Restarting restarting, TimePoint now);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer();

  [[nodiscard]] Actions handle(const Event& event, TimePoint now);
  [[nodiscard]] Actions tick(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;

  // The socket can take `budget` octets: control messages first, then UPDATEs of the RouteSource,
  // then End-of-RIB. Valid until the next non-const call.
  [[nodiscard]] std::span<const Bytes> writable(ConnId conn, std::size_t budget);
  // `octets` of them were handed to the kernel.
  [[nodiscard]] Actions written(ConnId conn, std::size_t octets, TimePoint now);
  // The RouteSource has something new: Actions may say WantsToWrite.
  [[nodiscard]] Actions routes_changed();

  [[nodiscard]] PeerStatus status() const;
  [[nodiscard]] State state() const;
  [[nodiscard]] const AdjRibIn& received() const;
  [[nodiscard]] const PeerConfig& config() const;

 private:
  class Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace porter::bgp
