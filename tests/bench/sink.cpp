// SPDX-License-Identifier: Apache-2.0
#include <cinttypes>

#include "wire.hpp"

// sink ROUTES PEERS HOLD KICK_MS FILE: so many receivers in one thread. They dial the daemon under
// test, and note when which of its routes came: the clock is read once for each read().
//
// Prints "established" when all sessions are, and "done" when each peer has all routes. A line on
// stdin asks for a report, one line of JSON; FILE then gets of each route when it came to the first
// peer and in which UPDATE, two 64-bit numbers. Ends when stdin does.
//
// KICK_MS: so often the first peer sends a KEEPALIVE while routes are outstanding, for a daemon
// that sleeps with work unfinished (BIRD 2.0.12 does, for up to 3 s); 0: not at all.
namespace rig {
namespace {

constexpr std::uint32_t kAs = 65001;
constexpr std::uint64_t kRetryNs = 20'000'000;
// So many are dialled before the first has answered: BIRD's queue holds eight, and who finds it
// full is left to TCP's timer of a second.
constexpr std::size_t kDials = 8;

struct Arrival {
  std::uint64_t at = 0;
  std::uint64_t update = 0;  // which it was
};

struct Peer {
  enum class State : std::uint8_t { Waiting, Connecting, OpenSent, OpenConfirm, Established };
  State state = State::Waiting;
  int fd = -1;
  std::uint32_t address = 0;
  std::uint64_t retry_at = 0;
  std::uint64_t keepalive_at = 0;
  Inbox inbox;
  std::uint64_t established_at = 0;
  std::uint64_t first_at = 0;
  std::uint64_t done_at = 0;
  std::uint32_t updates = 0;
  std::uint32_t held = 0;
  std::uint32_t faults = 0;  // sessions lost, UPDATEs malformed, routes that are none of the rig's
  std::vector<bool> has;
};

class Sink {
 public:
  Sink(std::uint32_t routes, std::uint32_t peers, std::uint32_t hold, std::uint32_t kick_ms,
       std::string file)
      : routes_{routes},
        hold_{hold},
        kick_ns_{std::uint64_t{kick_ms} * 1'000'000},
        file_{std::move(file)},
        arrived_(routes),
        peers_(peers) {
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      peers_[i].address = kFirstPeer + static_cast<std::uint32_t>(i);
      peers_[i].has.resize(routes);
    }
  }
  int run();

 private:
  void dial_some();
  void dial(Peer& peer, std::size_t id);
  void ready(Peer& peer, std::size_t id);
  bool take(Peer& peer, const std::uint8_t* begin, std::size_t length, std::uint64_t at);
  bool take_update(Peer& peer, const std::uint8_t* begin, std::size_t length, std::uint64_t at);
  bool take_prefixes(Peer& peer, const std::uint8_t* begin, const std::uint8_t* end,
                     std::uint64_t at);
  void came(Peer& peer, std::uint32_t route, std::uint64_t at);
  void send(Peer& peer, const Octets& octets);
  void lose(Peer& peer, const char* why);
  void keep_time();
  void report();
  [[nodiscard]] std::uint64_t pause(const Peer& peer) const {
    const bool kicks = kick_ns_ > 0 && &peer == peers_.data() && done_ < peers_.size();
    return kicks ? kick_ns_ : std::uint64_t{hold_} * 1'000'000'000 / 3;
  }

  std::uint32_t routes_;
  std::uint32_t hold_;
  std::uint64_t kick_ns_;
  std::string file_;
  std::vector<Arrival> arrived_;  // at the first peer
  std::vector<Peer> peers_;
  Octets keepalive_ = message(kKeepalive, {});
  std::size_t dialled_ = 0;  // and no OPEN has come
  std::size_t established_ = 0;
  std::size_t done_ = 0;
  std::uint64_t connected_at_ = 0;  // the first TCP connection
  std::uint64_t scan_at_ = 0;
  int poll_ = epoll_create1(EPOLL_CLOEXEC);
};

void say(const char* word) {
  (void)std::puts(word);
  (void)std::fflush(stdout);
}

void Sink::dial_some() {
  for (std::size_t i = 0; i < peers_.size() && dialled_ < kDials; ++i) {
    if (peers_[i].state == Peer::State::Waiting && now_ns() >= peers_[i].retry_at)
      dial(peers_[i], i);
  }
}

void Sink::dial(Peer& peer, std::size_t id) {
  peer.fd = tcp_socket();
  if (with_address(bind, peer.fd, peer.address, 0) < 0) die("bind");
  if (with_address(connect, peer.fd, kDaemon, kPort) < 0 && errno != EINPROGRESS) {
    close(peer.fd);
    peer.retry_at = now_ns() + kRetryNs;
    return;
  }
  peer.state = Peer::State::Connecting;
  ++dialled_;
  watch(poll_, EPOLL_CTL_ADD, peer.fd, EPOLLOUT, id);
}

void Sink::lose(Peer& peer, const char* why) {
  close(peer.fd);
  if (peer.state < Peer::State::OpenConfirm) --dialled_;
  if (peer.state == Peer::State::Established) {
    (void)std::fprintf(stderr, "peer %u lost: %s\n", peer.address - kFirstPeer, why);
    ++peer.faults;
    --established_;
  }
  peer.state = Peer::State::Waiting;
  peer.inbox.clear();
  peer.retry_at = now_ns() + kRetryNs;
}

void Sink::send(Peer& peer, const Octets& octets) {
  if (write(peer.fd, octets.data(), octets.size()) != static_cast<ssize_t>(octets.size()))
    lose(peer, "write");
}

void Sink::ready(Peer& peer, std::size_t id) {
  if (peer.state == Peer::State::Waiting) return;
  if (peer.state == Peer::State::Connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(peer.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      lose(peer, std::strerror(error));
      return;
    }
    if (connected_at_ == 0) connected_at_ = now_ns();
    watch(poll_, EPOLL_CTL_MOD, peer.fd, EPOLLIN, id);
    peer.state = Peer::State::OpenSent;
    send(peer, open_message(kAs, peer.address, hold_));
    return;
  }
  std::uint64_t at = 0;
  const bool goes_on =
      peer.inbox.read_from(peer.fd, [&](const std::uint8_t* begin, std::size_t length) {
        if (at == 0) at = now_ns();
        return take(peer, begin, length, at);
      });
  if (!goes_on && peer.state != Peer::State::Waiting) lose(peer, "the other end");
}

bool Sink::take(Peer& peer, const std::uint8_t* begin, std::size_t length, std::uint64_t at) {
  switch (begin[18]) {
    case kOpen:
      if (peer.state != Peer::State::OpenSent) return false;
      peer.state = Peer::State::OpenConfirm;
      --dialled_;
      send(peer, keepalive_);
      return peer.state != Peer::State::Waiting;
    case kKeepalive:
      if (peer.state != Peer::State::OpenConfirm) return true;
      peer.state = Peer::State::Established;
      peer.established_at = at;
      peer.keepalive_at = at + pause(peer);
      if (++established_ == peers_.size()) say("established");
      return true;
    case kUpdate:
      ++peer.updates;
      if (!take_update(peer, begin, length, at)) ++peer.faults;
      return true;
    default:
      if (length > kHeader + 1)
        (void)std::fprintf(stderr, "NOTIFICATION %d/%d\n", begin[kHeader], begin[kHeader + 1]);
      return false;
  }
}

// RFC 4271 §4.3; IPv4 may come in MP_REACH_NLRI too (RFC 4760). Nothing is ever withdrawn here.
bool Sink::take_update(Peer& peer, const std::uint8_t* begin, std::size_t length,
                       std::uint64_t at) {
  const std::uint8_t* end = begin + length;
  const std::uint8_t* field = begin + kHeader;
  if (length < kHeader + 4 || read16(field) != 0) return length == kHeader + 4;
  const std::size_t attributes = read16(field + 2);
  field += 4;
  if (attributes > static_cast<std::size_t>(end - field)) return false;
  const std::uint8_t* nlri = field + attributes;
  while (nlri - field >= 4) {
    const bool is_extended = (field[0] & 0x10U) != 0;
    const std::uint8_t type = field[1];
    const std::size_t size = is_extended ? read16(field + 2) : field[2];
    field += is_extended ? 4 : 3;
    if (size > static_cast<std::size_t>(nlri - field)) return false;
    if (type == 14 && size >= 5 && read16(field) == 1 && field[3] + std::size_t{5} <= size &&
        !take_prefixes(peer, field + 5 + field[3], field + size, at))
      return false;
    field += size;
  }
  return take_prefixes(peer, nlri, end, at);
}

bool Sink::take_prefixes(Peer& peer, const std::uint8_t* begin, const std::uint8_t* end,
                         std::uint64_t at) {
  for (; begin < end; begin += 5) {
    if (begin[0] != 32 || end - begin < 5 || read32(begin + 1) - kFirstRoute >= routes_)
      return false;
    came(peer, read32(begin + 1) - kFirstRoute, at);
  }
  return true;
}

void Sink::came(Peer& peer, std::uint32_t route, std::uint64_t at) {
  if (peer.has[route]) return;
  peer.has[route] = true;
  if (&peer == peers_.data()) arrived_[route] = {.at = at, .update = peer.updates};
  if (peer.held == 0) peer.first_at = at;
  if (++peer.held < routes_) return;
  peer.done_at = at;
  if (++done_ == peers_.size()) say("done");
}

void Sink::keep_time() {
  if (established_ < peers_.size()) dial_some();
  const std::uint64_t now = now_ns();
  if (now < scan_at_) return;
  scan_at_ = now + 1'000'000;
  for (Peer& peer : peers_) {
    if (peer.state == Peer::State::Established && now >= peer.keepalive_at) {
      peer.keepalive_at = now + pause(peer);
      send(peer, keepalive_);
    }
  }
}

void Sink::report() {
  std::FILE* file = std::fopen(file_.c_str(), "wb");
  if (file == nullptr) die(file_.c_str());
  (void)std::fwrite(arrived_.data(), sizeof arrived_[0], arrived_.size(), file);
  (void)std::fclose(file);
  std::printf("{\"connected\":%" PRIu64 ",\"peers\":[", connected_at_);
  const char* between = "";
  for (const Peer& peer : peers_) {
    std::printf("%s{\"established\":%" PRIu64 ",\"first\":%" PRIu64 ",\"done\":%" PRIu64
                ",\"updates\":%u,\"held\":%u,\"faults\":%u}",
                between, peer.established_at, peer.first_at, peer.done_at, peer.updates, peer.held,
                peer.faults);
    between = ",";
  }
  say("]}");
}

int Sink::run() {
  watch(poll_, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, peers_.size());
  std::vector<epoll_event> events(1024);
  for (;;) {
    keep_time();
    const int count =
        epoll_wait(poll_, events.data(), static_cast<int>(events.size()), kick_ns_ > 0 ? 1 : 5);
    for (int i = 0; i < count; ++i) {
      const std::size_t id = events[static_cast<std::size_t>(i)].data.u64;
      if (id < peers_.size()) {
        ready(peers_[id], id);
        continue;
      }
      char line = 0;
      if (read(STDIN_FILENO, &line, 1) <= 0) return 0;
      report();
    }
  }
}

}  // namespace
}  // namespace rig

int main(int count, char** arguments) {
  if (count != 6) {
    (void)std::fprintf(stderr, "usage: sink ROUTES PEERS HOLD KICK_MS FILE\n");
    return 2;
  }
  const auto number = [&](int i) { return rig::number(arguments[i]); };
  return rig::Sink{number(1), number(2), number(3), number(4), arguments[5]}.run();
}
