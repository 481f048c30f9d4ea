// SPDX-License-Identifier: Apache-2.0
// How a PeerRunner comes to a connection: from where, to where, with what on the socket.
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "io/interfaces.hpp"
#include "speaker/peer_runner.hpp"

namespace porter::speaker {
namespace {

namespace asio = boost::asio;
using io::kAwait;

Failure<> failed(std::string_view what, const boost::system::error_code& error) {
  return fail(Errc::Unavailable, fmt::format("{}: {}", what, io::words(error)));
}

Result<unsigned> scope_towards(const plan::PeerSpec& spec) {
  if (!spec.neighbor.is_v6() || !spec.neighbor.is_link_local()) return 0U;
  if (!spec.zone.empty()) return io::interface_index(spec.zone);
  return fail(Errc::Invalid, fmt::format("{0} is link-local: name its interface, as in {0}%eth0",
                                         to_string(spec.neighbor)));
}

}  // namespace

Result<bgp::Ends> ends_of(const io::Tcp::socket& socket) {
  boost::system::error_code error;
  const io::Tcp::endpoint local = socket.local_endpoint(error);
  if (error) return failed("local end", error);
  const io::Tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return failed("remote end", error);
  bgp::Ends ends;
  ends.local = io::address_of(local.address());
  ends.local_port = local.port();
  ends.remote = io::address_of(remote.address());
  ends.remote_port = remote.port();
  const Result<std::vector<io::InterfaceAddress>> interfaces = io::interface_addresses();
  if (!interfaces) return ends;  // the session works without them; next hops are then not compared
  const io::InterfaceAddress* holder = io::holder_of(*interfaces, ends.local, io::scope_of(local));
  if (holder == nullptr) return ends;
  ends.subnet = holder->subnet;
  const Family other = ends.local.is_v4() ? Family::V6 : Family::V4;
  if (const io::InterfaceAddress* beside = io::global_on(*interfaces, holder->index, other)) {
    ends.other_local = beside->address;
    ends.other_subnet = beside->subnet;
  }
  return ends;
}

// Before connect(): the signature and the TTLs hold from the first SYN on (RFC 2385, RFC 5082 §3).
Result<io::Tcp::endpoint> PeerRunner::prepare(io::Tcp::socket& socket) {
  const Result<unsigned> scope = scope_towards(spec_);
  if (!scope) return Failure<>{scope.error()};
  boost::system::error_code error;
  socket.open(spec_.neighbor.is_v4() ? io::Tcp::v4() : io::Tcp::v6(), error);
  if (error) return failed("socket", error);
  const Result<void> limited = sign_and_limit(socket);
  if (!limited) return Failure<>{limited.error()};
  if (!spec_.local_address.empty()) {
    const Result<std::vector<io::InterfaceAddress>> interfaces = io::interface_addresses();
    if (!interfaces) return Failure<>{interfaces.error()};
    const Result<Address> local =
        io::resolve_local(*interfaces, spec_.local_address, spec_.neighbor);
    if (!local) return Failure<>{local.error()};
    socket.bind(io::endpoint_of(*local, 0, local->is_link_local() ? *scope : 0), error);
    if (error == boost::system::errc::address_not_available) {
      return fail(Errc::NotFound,
                  fmt::format("NoLocalAddress: {} is not on this node", to_string(*local)));
    }
    if (error) return failed(fmt::format("bind to {}", to_string(*local)), error);
  }
  return io::endpoint_of(spec_.neighbor, spec_.remote_port, *scope);
}

Result<void> PeerRunner::sign_and_limit(io::Tcp::socket& socket) {
  const int handle = socket.native_handle();
  const Family family = spec_.neighbor.family();
  Result<void> done = io::set_min_ttl(handle, family, spec_.min_ttl);
  if (done) done = io::set_ttl(handle, family, spec_.ttl);
  if (done) done = io::set_md5_key(handle, Prefix::host(spec_.neighbor), spec_.password);
  if (done) done = io::prepare_session(handle);
  return done;
}

io::Task<> PeerRunner::dial(std::uint64_t attempt) {
  if (attempt != attempt_) co_return;
  Dial mine{io::Tcp::socket{executor_}};
  mine.give_up = Clock::now() + kDialWithin;
  const Result<io::Tcp::endpoint> remote = prepare(mine.socket);
  if (!remote) {
    perform(peer_.handle(bgp::ConnectFailed{remote.error().message}, Clock::now()));
    co_return;
  }
  mine.before = io::md5_counters();
  dial_ = &mine;
  retime();
  const auto [error] = co_await mine.socket.async_connect(*remote, kAwait);
  if (attempt != attempt_) co_return;
  dial_ = nullptr;
  dialled(mine, error);
}

void PeerRunner::dialled(Dial& dial, const boost::system::error_code& error) {
  if (!error) {
    adopt(std::move(dial.socket), bgp::Direction::Outbound);
    return;
  }
  std::string why = io::words(error);
  if (dial.timed_out || error == asio::error::timed_out) {
    why = fmt::format("no answer from {} within {} s", to_string(spec_.neighbor),
                      kDialWithin.count());
    const std::string hint = io::md5_hint(dial.before, io::md5_counters());
    if (!hint.empty()) why += ": " + hint;
  }
  perform(peer_.handle(bgp::ConnectFailed{why}, Clock::now()));
}

}  // namespace porter::speaker
