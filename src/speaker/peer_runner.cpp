// SPDX-License-Identifier: Apache-2.0
#include "speaker/peer_runner.hpp"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

namespace porter::speaker {
namespace {

namespace asio = boost::asio;
using io::kAwait;

// What the driver itself needs to know of a changed spec: who is at the other end, and from where.
bool same_ends(const plan::PeerSpec& left, const plan::PeerSpec& right) {
  return left.neighbor == right.neighbor && left.zone == right.zone &&
         left.remote_port == right.remote_port && left.local_address == right.local_address &&
         left.port_forward == right.port_forward;
}

}  // namespace

struct PeerRunner::Connection {
  Connection(bgp::ConnId number, io::Tcp::socket connected)
      : id{number}, socket{std::move(connected)}, wake{socket.get_executor(), TimePoint::max()} {}

  bgp::ConnId id;
  io::Tcp::socket socket;
  asio::steady_timer wake;  // the writer waits here until there is something to write
  unsigned tasks = 2;       // coroutines that hold a reference to this: read() and write()
  bool wants = false;       // the Peer has something to write
  bool is_full = false;     // the kernel took nothing more
  std::size_t turn = 0;     // octets sent since others had theirs
  bool closing = false;     // the Peer is done with it: flush, shut down, drain
  bool flushed = false;
  bool ended = false;  // the neighbour's FIN was read
  bool cut = false;    // the socket is closed; the coroutines are on their way out
  TimePoint close_by = kNever;
};

// The last coroutine of a connection takes it down, however it ends.
class PeerRunner::Hold {
 public:
  Hold(PeerRunner& runner, Connection& connection) : runner_{runner}, connection_{connection} {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    if (--connection_.tasks == 0) runner_.release(connection_);
  }

 private:
  PeerRunner& runner_;
  Connection& connection_;
};

PeerRunner::PeerRunner(asio::any_io_executor executor, plan::PeerSpec spec,
                       bgp::RouteSource& routes, bgp::Restarting restarting,
                       std::span<std::uint8_t> scratch, Watch watch)
    : executor_{std::move(executor)},
      spec_{std::move(spec)},
      scratch_{scratch},
      watch_{std::move(watch)},
      peer_{spec_.config, routes, restarting, Clock::now()},
      timer_{executor_, TimePoint::max()},
      tasks_{executor_} {
  tasks_.spawn(keep_time());
}

PeerRunner::~PeerRunner() = default;

void PeerRunner::start() {
  if (!std::exchange(started_, true)) perform(peer_.handle(bgp::Start{}, Clock::now()));
}

void PeerRunner::rib_synced() {
  perform(peer_.handle(bgp::RibSynced{}, Clock::now()));
}

void PeerRunner::routes_changed() {
  perform(peer_.routes_changed());
}

void PeerRunner::halt(const bgp::Stop& how) {
  started_ = false;
  perform(peer_.handle(how, Clock::now()));
}

io::Task<> PeerRunner::stop() {
  stopped_ = true;
  perform(bgp::AbortConnect{});
  co_await tasks_.stop();
}

void PeerRunner::configure(plan::PeerSpec spec) {
  const plan::PeerSpec old = std::exchange(spec_, std::move(spec));
  const bool resigned = old.password.empty() != spec_.password.empty();
  const bool reset = started_ && (resigned || !same_ends(old, spec_));
  if (reset) {
    bgp::Stop stop;
    stop.subcode = bgp::Cease::ConfigurationChange;
    perform(peer_.handle(stop, Clock::now()));
  }
  if (old.config != spec_.config)
    perform(peer_.handle(bgp::ConfigChanged{spec_.config}, Clock::now()));
  if (reset) {
    perform(peer_.handle(bgp::Start{}, Clock::now()));
    return;
  }
  if (old.password == spec_.password && old.ttl == spec_.ttl && old.min_ttl == spec_.min_ttl)
    return;
  const auto renew = [this](io::Tcp::socket& socket) {
    const Result<void> done = sign_and_limit(socket);
    transport_error_ = done ? std::string{} : done.error().message;
  };
  for (const auto& [id, connection] : connections_) {
    if (!connection->closing && !connection->cut) renew(connection->socket);
  }
  if (dial_ != nullptr) renew(dial_->socket);
}

void PeerRunner::perform(const bgp::Actions& actions) {
  for (const bgp::Action& action : actions) {
    std::visit([this](const auto& what) { perform(what); }, action);
  }
  retime();
}

void PeerRunner::retime() {
  if (timer_.expiry() > next_deadline()) timer_.cancel();
}

void PeerRunner::perform(const bgp::Connect& /*action*/) {
  tasks_.spawn(dial(++attempt_));
}

void PeerRunner::perform(const bgp::AbortConnect& /*action*/) {
  ++attempt_;
  if (Dial* aborted = std::exchange(dial_, nullptr)) {
    boost::system::error_code ignored;  // it is thrown away either way
    aborted->socket.close(ignored);
  }
}

void PeerRunner::perform(const bgp::Close& action) {
  Connection* connection = find(action.conn);
  if (connection == nullptr || connection->closing || connection->cut) return;
  connection->closing = true;
  connection->wants = true;
  connection->close_by = Clock::now() + kCloseWithin;
  connection->wake.cancel();
}

void PeerRunner::perform(const bgp::WantsToWrite& action) {
  Connection* connection = find(action.conn);
  if (connection == nullptr || std::exchange(connection->wants, true)) return;
  connection->wake.cancel();
}

void PeerRunner::perform(const bgp::StateChanged& action) {
  if (watch_.state_changed) watch_.state_changed(action);
}

PeerRunner::Connection* PeerRunner::find(bgp::ConnId id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

// The one timer. retime() cancels the wait when the deadline came nearer; stop() cancels it too,
// and then the next co_await ends the task. Neither means that time has come.
io::Task<> PeerRunner::keep_time() {
  for (;;) {
    timer_.expires_at(next_deadline());
    const auto [cancelled] = co_await timer_.async_wait(kAwait);
    if (cancelled) continue;
    const TimePoint now = Clock::now();
    enforce_bounds(now);
    if (peer_.deadline() <= now) perform(peer_.tick(now));
  }
}

TimePoint PeerRunner::next_deadline() const {
  TimePoint next = peer_.deadline();
  if (dial_ != nullptr) next = std::min(next, dial_->give_up);
  for (const auto& [id, connection] : connections_) {
    if (!connection->cut) next = std::min(next, connection->close_by);
  }
  return next;
}

void PeerRunner::enforce_bounds(TimePoint now) {
  if (dial_ != nullptr && dial_->give_up <= now) {
    dial_->give_up = kNever;
    dial_->timed_out = true;
    boost::system::error_code ignored;  // dial() is woken by it
    dial_->socket.close(ignored);
  }
  for (const auto& [id, connection] : connections_) {
    if (connection->close_by <= now) cut(*connection);
  }
}

void PeerRunner::accept(io::Tcp::socket socket) {
  if (stopped_) return;
  // IP_MINTTL first: until then the listener's filter, which the connection inherited, is what
  // protects it.
  const Result<void> limited = sign_and_limit(socket);
  transport_error_ = limited ? std::string{} : limited.error().message;
  if (!limited) return;
  io::clear_ttl_rules(socket.native_handle());
  adopt(std::move(socket), bgp::Direction::Inbound);
}

void PeerRunner::adopt(io::Tcp::socket socket, bgp::Direction direction) {
  const Result<bgp::Ends> ends = ends_of(socket);
  if (!ends) {  // reset between the handshake and now
    if (direction == bgp::Direction::Outbound)
      perform(peer_.handle(bgp::ConnectFailed{ends.error().message}, Clock::now()));
    return;
  }
  if (direction == bgp::Direction::Inbound && connections_.size() >= kMostConnections) return;
  const bgp::ConnId id = next_connection_++;
  Connection& connection =
      *connections_.emplace(id, std::make_unique<Connection>(id, std::move(socket))).first->second;
  tasks_.spawn(read(connection));
  tasks_.spawn(write(connection));
  const bgp::Connected event{.conn = id, .direction = direction, .ends = *ends};
  perform(peer_.handle(event, Clock::now()));
}

io::Task<> PeerRunner::read(Connection& connection) {
  const Hold hold{*this, connection};
  while (!connection.cut && !connection.ended) {
    const auto [error] = co_await connection.socket.async_wait(io::Tcp::socket::wait_read, kAwait);
    if (connection.cut || error == asio::error::operation_aborted) break;
    if (error) {
      lose(connection, io::words(error));
    } else {
      read_turn(connection);
    }
  }
}

void PeerRunner::read_turn(Connection& connection) {
  const io::Got got = io::receive_some(connection.socket.native_handle(), scratch_);
  if (got.error) {
    lose(connection, io::words(got.error));
  } else if (got.end && connection.closing && !connection.flushed) {
    connection.ended = true;  // it may still read what we have to say
  } else if (got.end) {
    lose(connection, io::words(asio::error::eof));
  } else if (got.octets > 0 && !connection.closing) {
    octets_received_ += got.octets;
    perform(peer_.handle(bgp::Received{.conn = connection.id, .bytes = scratch_.first(got.octets)},
                         Clock::now()));
    if (watch_.moved) watch_.moved();
  }
}

// Most sends are a KEEPALIVE or an UPDATE for which there is room: to ask first costs more than to
// send.
io::Task<> PeerRunner::write(Connection& connection) {
  const Hold hold{*this, connection};
  while (!connection.cut) {
    if (!connection.wants) {
      [[maybe_unused]] const auto woken = co_await connection.wake.async_wait(kAwait);
    } else if (connection.is_full) {
      const auto [error] =
          co_await connection.socket.async_wait(io::Tcp::socket::wait_write, kAwait);
      if (connection.cut || error == asio::error::operation_aborted) break;
      connection.is_full = false;
      if (error) lose(connection, io::words(error));
    } else if (connection.turn >= kTurn) {
      co_await asio::post(executor_, asio::use_awaitable);
      connection.turn = 0;
    } else {
      write_turn(connection);
    }
  }
}

void PeerRunner::write_turn(Connection& connection) {
  const std::span<const Bytes> spans = peer_.writable(connection.id, kTurn);
  if (spans.empty()) {
    connection.wants = false;
    connection.turn = 0;
    if (!connection.closing || std::exchange(connection.flushed, true)) return;
    boost::system::error_code error;
    connection.socket.shutdown(io::Tcp::socket::shutdown_send, error);
    if (error || connection.ended) cut(connection);
    return;
  }
  const io::Sent sent = io::send_some(connection.socket.native_handle(), spans, kTurn);
  connection.is_full = sent.octets == 0;
  connection.turn += sent.octets;
  if (sent.error) {
    lose(connection, io::words(sent.error));
  } else if (sent.octets > 0) {
    octets_sent_ += sent.octets;
    perform(peer_.written(connection.id, sent.octets, Clock::now()));
    if (watch_.moved) watch_.moved();
  }
}

void PeerRunner::lose(Connection& connection, const std::string& why) {
  const bool awaited = connection.closing;
  cut(connection);
  if (!awaited) perform(peer_.handle(bgp::Closed{.conn = connection.id, .why = why}, Clock::now()));
}

void PeerRunner::cut(Connection& connection) {
  if (std::exchange(connection.cut, true)) return;
  boost::system::error_code ignored;  // there is nothing more to lose
  connection.socket.close(ignored);
  connection.wake.cancel();
}

void PeerRunner::release(const Connection& connection) {
  connections_.erase(connection.id);
  if (connections_.empty() && watch_.closed) watch_.closed();
}

}  // namespace porter::speaker
