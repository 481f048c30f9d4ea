// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <span>
#include <sys/inotify.h>
#include <utility>

#include "wire.hpp"

// blast ROUTES FOLDER: what the machine itself can do. UPDATEs that were encoded beforehand go to
// whoever connects, as fast as the sockets take them. A file svc-N.yaml that is renamed into FOLDER
// is told as route N without a look into it: an echo over the same way that a change of Porter's
// takes. Ends when stdin does.
namespace rig {
namespace {

constexpr std::uint32_t kAs = 65000;
constexpr std::uint64_t kKeepaliveNs = 2'500'000'000;

Octets update(std::uint32_t first, std::uint32_t count) {
  Octets attributes = {0x40, 1, 1, 0, 0x40, 2, 6, 2, 1};  // ORIGIN IGP, AS_PATH of one AS
  put32(attributes, kAs);
  put(attributes, {0x40, 3, 4});
  put32(attributes, kDaemon);
  Octets body;
  put16(body, 0);
  put16(body, attributes.size());
  put(body, attributes);
  for (std::uint32_t i = first; i < first + count; ++i) {
    put8(body, 32);
    put32(body, kFirstRoute + i);
  }
  return message(kUpdate, body);
}

Octets table(std::uint32_t routes) {
  const std::uint32_t fit = static_cast<std::uint32_t>((kLongest - update(0, 0).size()) / 5);
  Octets out;
  for (std::uint32_t at = 0; at < routes; at += fit)
    put(out, update(at, std::min(fit, routes - at)));
  put(out, message(kUpdate, {0, 0, 0, 0}));  // End-of-RIB
  return out;
}

struct Peer {
  int fd = -1;
  bool is_up = false;
  std::span<const std::uint8_t> table;  // what is left to send of it; `out` follows
  Octets out;
  std::uint64_t keepalive_at = 0;
  Inbox inbox;
};

class Blast {
 public:
  Blast(std::uint32_t routes, const char* folder) : table_{table(routes)} {
    listener_ = tcp_socket();
    if (with_address(bind, listener_, kDaemon, kPort) < 0 || listen(listener_, 4096) < 0)
      die("listen");
    if (inotify_add_watch(inotify_, folder, IN_MOVED_TO) < 0) die(folder);
  }
  int run();

 private:
  void accept_all();
  void tell_renamed();
  bool take(Peer& peer, const std::uint8_t* begin);
  void send(Peer& peer, const Octets& octets);
  bool push(Peer& peer);
  void keep_time();

  Octets table_;
  Octets keepalive_ = message(kKeepalive, {});
  std::map<int, Peer> peers_;
  int listener_ = -1;
  int inotify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  int poll_ = epoll_create1(EPOLL_CLOEXEC);
};

void Blast::accept_all() {
  for (int fd = 0;
       (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
    Peer& peer = peers_[fd];
    peer.fd = fd;
    watch(poll_, EPOLL_CTL_ADD, fd, EPOLLIN, static_cast<std::uint64_t>(fd));
    send(peer, open_message(kAs, kDaemon, 90));
  }
}

// One UPDATE a file, all that one read() gives in one write().
void Blast::tell_renamed() {
  alignas(inotify_event) char buffer[64 << 10];
  const ssize_t got = read(inotify_, buffer, sizeof buffer);
  Octets out;
  for (ssize_t at = 0; at < got;) {
    inotify_event event{};
    std::memcpy(&event, buffer + at, sizeof event);
    const std::string_view name = buffer + at + sizeof event;
    const std::size_t dash = name.find('-');
    put(out, update(number(name.substr(dash + 1, name.find('.') - dash - 1)), 1));
    at += static_cast<ssize_t>(sizeof event + event.len);
  }
  for (auto& [fd, peer] : peers_)
    if (peer.is_up) send(peer, out);
}

bool Blast::take(Peer& peer, const std::uint8_t* begin) {
  if (begin[18] == kOpen) send(peer, keepalive_);
  if (begin[18] == kKeepalive && !std::exchange(peer.is_up, true)) {
    peer.keepalive_at = now_ns() + kKeepaliveNs;
    peer.table = table_;
    return push(peer);
  }
  return begin[18] != kNotification;
}

void Blast::send(Peer& peer, const Octets& octets) {
  put(peer.out, octets);
  (void)push(peer);
}

// Takes off what was sent. False: the connection is lost.
bool Blast::push(Peer& peer) {
  const auto write_some = [&](std::span<const std::uint8_t> octets) {
    return write(peer.fd, octets.data(), octets.size());
  };
  while (!peer.table.empty() || !peer.out.empty()) {
    const bool is_table = !peer.table.empty();
    const ssize_t done = write_some(is_table ? peer.table : std::span{peer.out});
    if (done < 0 && errno != EAGAIN) return false;
    if (done < 0) {
      watch(poll_, EPOLL_CTL_MOD, peer.fd, EPOLLIN | EPOLLOUT, static_cast<std::uint64_t>(peer.fd));
      return true;
    }
    if (is_table) {
      peer.table = peer.table.subspan(static_cast<std::size_t>(done));
    } else {
      peer.out.erase(peer.out.begin(), peer.out.begin() + done);
    }
  }
  return true;
}

void Blast::keep_time() {
  const std::uint64_t now = now_ns();
  for (auto& [fd, peer] : peers_) {
    if (!peer.is_up || now < peer.keepalive_at) continue;
    peer.keepalive_at = now + kKeepaliveNs;
    send(peer, keepalive_);
  }
}

int Blast::run() {
  const auto add = [this](int fd) {
    watch(poll_, EPOLL_CTL_ADD, fd, EPOLLIN, static_cast<std::uint64_t>(fd));
  };
  add(STDIN_FILENO);
  add(listener_);
  add(inotify_);
  std::vector<epoll_event> events(512);
  for (;;) {
    const int count = epoll_wait(poll_, events.data(), static_cast<int>(events.size()), 500);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const int fd = static_cast<int>(event.data.u64);
      if (fd == STDIN_FILENO) return 0;
      if (fd == listener_) accept_all();
      if (fd == inotify_) tell_renamed();
      const auto found = peers_.find(fd);
      if (found == peers_.end()) continue;
      Peer& peer = found->second;
      bool is_there = true;
      if ((event.events & EPOLLOUT) != 0U) {
        watch(poll_, EPOLL_CTL_MOD, fd, EPOLLIN, event.data.u64);
        is_there = push(peer);
      }
      if ((event.events & ~EPOLLOUT) != 0U)
        is_there = is_there &&
                   peer.inbox.read_from(fd, [&](const std::uint8_t* begin, std::size_t /*length*/) {
                     return take(peer, begin);
                   });
      if (is_there) continue;
      close(fd);
      peers_.erase(found);
    }
    keep_time();
  }
}

}  // namespace
}  // namespace rig

int main(int count, char** arguments) {
  if (count != 3) {
    (void)std::fprintf(stderr, "usage: blast ROUTES FOLDER\n");
    return 2;
  }
  return rig::Blast{rig::number(arguments[1]), arguments[2]}.run();
}
