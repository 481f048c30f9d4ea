// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "bgp/peer.hpp"
#include "io/task_group.hpp"
#include "io/tcp.hpp"
#include "plan/fact.hpp"

namespace porter::speaker {

// The most that is read or written for one connection before everybody else has had a turn.
inline constexpr std::size_t kTurn = 65'536;

// Drives one bgp::Peer: dials, reads, writes, keeps time, closes. Holds no protocol knowledge;
// every decision is the Peer's. Owned by BgpRunner, on its one thread.
//
// One coroutine reads and one writes per connection, one keeps all times: the Peer's deadline, and
// the bounds of a dial and of a close. A connection that is to be closed is flushed, shut down, and
// read until the neighbour's FIN or one second has passed: closed with unread data in it, the
// kernel would send RST, and RST destroys the NOTIFICATION the neighbour has not read yet.
class PeerRunner {
 public:
  struct Watch {
    std::function<void(const bgp::StateChanged&)> state_changed;
    std::function<void()> moved;   // octets went in or out: counters may differ
    std::function<void()> closed;  // the last connection is gone
  };

  // `routes` and `scratch` (kTurn octets, for the length of one turn) outlive the runner.
  PeerRunner(io::asio::any_io_executor executor, plan::PeerSpec spec, bgp::RouteSource& routes,
             bgp::Restarting restarting, std::span<std::uint8_t> scratch, Watch watch);
  PeerRunner(const PeerRunner&) = delete;
  PeerRunner& operator=(const PeerRunner&) = delete;
  ~PeerRunner();

  void start();       // the Peer may dial from now on
  void rib_synced();  // End-of-RIB may go out
  void routes_changed();
  // An inbound connection the Gate admitted.
  void accept(io::Tcp::socket socket);
  // What changed decides what happens: a new key or TTL is set on what is connected, other ends or
  // the step between signed and unsigned reset this session, the rest is the Peer's.
  void configure(plan::PeerSpec spec);
  // Ends the session as told; connections() is none soon after, at most kCloseWithin later.
  void halt(const bgp::Stop& how);
  // Ends what runs, at once. Awaited before the runner is destroyed.
  io::Task<> stop();

  [[nodiscard]] const bgp::Peer& peer() const { return peer_; }
  [[nodiscard]] const plan::PeerSpec& spec() const { return spec_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  [[nodiscard]] const std::string& transport_error() const { return transport_error_; }
  [[nodiscard]] std::uint64_t octets_sent() const { return octets_sent_; }  // handed to the kernel
  [[nodiscard]] std::uint64_t octets_received() const { return octets_received_; }

  static constexpr std::chrono::seconds kCloseWithin{1};
  // SYNs go out at 0, 1, 3 and 7 s. Shorter than the Peer's own bound, so that its words are ours.
  static constexpr std::chrono::seconds kDialWithin{9};
  static constexpr std::size_t kMostConnections = 8;  // a Peer keeps two; the rest are being closed

 private:
  struct Connection;
  class Hold;
  struct Dial {
    explicit Dial(io::Tcp::socket unconnected) : socket{std::move(unconnected)} {}
    io::Tcp::socket socket;
    TimePoint give_up = kNever;
    bool timed_out = false;
    io::Md5Counters before;
  };

  io::Task<> keep_time();
  io::Task<> dial(std::uint64_t attempt);
  io::Task<> read(Connection& connection);
  io::Task<> write(Connection& connection);

  void perform(const bgp::Actions& actions);
  void perform(const bgp::Connect& action);
  void perform(const bgp::AbortConnect& action);
  void perform(const bgp::Close& action);
  void perform(const bgp::WantsToWrite& action);
  void perform(const bgp::StateChanged& action);

  [[nodiscard]] Result<io::Tcp::endpoint> prepare(io::Tcp::socket& socket);
  [[nodiscard]] Result<void> sign_and_limit(io::Tcp::socket& socket);
  void dialled(Dial& dial, const boost::system::error_code& error);
  void adopt(io::Tcp::socket socket, bgp::Direction direction);
  void read_turn(Connection& connection);
  void write_turn(Connection& connection);
  void lose(Connection& connection, const std::string& why);
  void cut(Connection& connection);
  void release(const Connection& connection);
  void retime();
  void enforce_bounds(TimePoint now);
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] Connection* find(bgp::ConnId id);

  io::asio::any_io_executor executor_;
  plan::PeerSpec spec_;
  std::span<std::uint8_t> scratch_;
  Watch watch_;
  bgp::Peer peer_;
  io::asio::steady_timer timer_;
  std::map<bgp::ConnId, std::unique_ptr<Connection>> connections_;
  bgp::ConnId next_connection_ = 1;
  Dial* dial_ = nullptr;         // lives in the frame of dial()
  std::uint64_t attempt_ = 0;    // of the dial that counts; an aborted one finds another number
  std::string transport_error_;  // of options on a live socket; empty: none
  std::uint64_t octets_sent_ = 0;
  std::uint64_t octets_received_ = 0;
  bool started_ = false;
  bool stopped_ = false;
  io::TaskGroup tasks_;
};

// Both ends of a connected socket, and what stands around the local one.
[[nodiscard]] Result<bgp::Ends> ends_of(const io::Tcp::socket& socket);

}  // namespace porter::speaker
