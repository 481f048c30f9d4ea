// SPDX-License-Identifier: Apache-2.0
#include "speaker/unreachable_routes.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <optional>
#include <sys/socket.h>
#include <sys/time.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <variant>

namespace porter::speaker {
namespace {

constexpr std::size_t kAnswer = std::size_t{32} << 10U;
constexpr timeval kPatience{.tv_sec = 1, .tv_usec = 0};  // the kernel answers at once
constexpr int kMostParts = 10'000;                       // of one dump

// A request as the kernel reads it: header, rtmsg, attributes.
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags, const rtmsg& route) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
    append(&header, sizeof header);
    append(&route, sizeof route);
  }
  void attribute(std::uint16_t type, const void* value, std::size_t size) {
    rtattr header{};
    header.rta_type = type;
    header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    append(&header, sizeof header);
    append(value, size);
  }
  // False: errno says why.
  [[nodiscard]] bool send(int socket) {
    const auto size = static_cast<std::uint32_t>(octets_.size());
    std::memcpy(octets_.data(), &size, sizeof size);
    return ::send(socket, octets_.data(), octets_.size(), 0) == static_cast<ssize_t>(size);
  }

 private:
  void append(const void* from, std::size_t size) {
    const std::size_t at = octets_.size();
    octets_.resize(NLMSG_ALIGN(at + size));
    std::memcpy(octets_.data() + at, from, size);
  }
  std::vector<unsigned char> octets_;
};

rtmsg route_of(const Prefix& prefix) {
  rtmsg route{};
  route.rtm_family = prefix.family() == Family::V4 ? AF_INET : AF_INET6;
  route.rtm_dst_len = static_cast<unsigned char>(prefix.length());
  route.rtm_table = RT_TABLE_MAIN;
  route.rtm_protocol = UnreachableRoutes::kProtocol;
  route.rtm_scope = RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_UNREACHABLE;
  return route;
}

// The answer to one request; 0: done.
int answer_of(int socket) {
  std::array<unsigned char, kAnswer> buffer{};
  const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
  if (got < 0) return errno;
  nlmsghdr header{};
  nlmsgerr error{};
  if (static_cast<std::size_t>(got) < NLMSG_HDRLEN + sizeof error) return EBADMSG;
  std::memcpy(&header, buffer.data(), sizeof header);
  if (header.nlmsg_type != NLMSG_ERROR) return EBADMSG;
  std::memcpy(&error, buffer.data() + NLMSG_HDRLEN, sizeof error);
  return -error.error;
}

int ask(int socket, std::uint16_t type, std::uint16_t flags, const Prefix& prefix) {
  Message message{type, static_cast<std::uint16_t>(flags | NLM_F_ACK), route_of(prefix)};
  const Bytes octets = prefix.address().octets();
  message.attribute(RTA_DST, octets.data(), octets.size());
  message.attribute(RTA_PRIORITY, &UnreachableRoutes::kMetric, sizeof UnreachableRoutes::kMetric);
  if (!message.send(socket)) return errno;
  return answer_of(socket);
}

std::optional<Prefix> prefix_in(const rtmsg& route, const unsigned char* attributes,
                                std::size_t size) {
  const std::size_t width = route.rtm_family == AF_INET ? 4 : 16;
  for (std::size_t at = 0; at + sizeof(rtattr) <= size;) {
    rtattr header{};
    std::memcpy(&header, attributes + at, sizeof header);
    if (header.rta_len < sizeof header || at + header.rta_len > size) break;
    if (header.rta_type == RTA_DST && header.rta_len == RTA_LENGTH(width)) {
      Address::Octets octets{};
      std::memcpy(octets.data(), attributes + at + RTA_LENGTH(0), width);
      const Address address =
          width == 16 ? Address::v6(octets) : Address::v4(Bytes{octets}.first<4>());
      if (route.rtm_dst_len > width * 8) break;
      return Prefix{address, route.rtm_dst_len};
    }
    at += RTA_ALIGN(header.rta_len);
  }
  return std::nullopt;
}

// False: that was the last part.
bool take_part(const unsigned char* part, std::size_t size, std::set<Prefix>& found) {
  for (std::size_t at = 0; at + NLMSG_HDRLEN <= size;) {
    nlmsghdr header{};
    std::memcpy(&header, part + at, sizeof header);
    if (header.nlmsg_len < NLMSG_HDRLEN || at + header.nlmsg_len > size) return false;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return false;
    rtmsg route{};
    if (header.nlmsg_type == RTM_NEWROUTE && header.nlmsg_len >= NLMSG_LENGTH(sizeof route)) {
      std::memcpy(&route, part + at + NLMSG_HDRLEN, sizeof route);
      const bool is_ours = route.rtm_protocol == UnreachableRoutes::kProtocol &&
                           route.rtm_type == RTN_UNREACHABLE &&
                           (route.rtm_family == AF_INET || route.rtm_family == AF_INET6);
      const std::size_t begin = NLMSG_LENGTH(NLMSG_ALIGN(sizeof route));
      if (is_ours && header.nlmsg_len >= begin) {
        const auto prefix = prefix_in(route, part + at + begin, header.nlmsg_len - begin);
        if (prefix) found.insert(*prefix);
      }
    }
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return true;
}

void list_ours(int socket, Family family, std::set<Prefix>& found) {
  rtmsg wanted{};
  wanted.rtm_family = family == Family::V4 ? AF_INET : AF_INET6;
  wanted.rtm_table = RT_TABLE_MAIN;
  wanted.rtm_protocol = UnreachableRoutes::kProtocol;
  wanted.rtm_type = RTN_UNREACHABLE;
  Message message{RTM_GETROUTE, NLM_F_DUMP, wanted};
  if (!message.send(socket)) return;
  std::vector<unsigned char> buffer(kAnswer);
  for (int parts = 0; parts < kMostParts; ++parts) {
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got <= 0 || !take_part(buffer.data(), static_cast<std::size_t>(got), found)) return;
  }
}

}  // namespace

UnreachableRoutes::UnreachableRoutes()
    : socket_{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)} {
  if (socket_ < 0) {
    broken_ = "no netlink socket: " + std::generic_category().message(errno);
    return;
  }
  (void)::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  // The kernel leaves out what is not asked for; one that cannot tells all, and we look.
  const int strict = 1;
  (void)::setsockopt(socket_, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict, sizeof strict);
  for (const Family family : {Family::V4, Family::V6})
    list_ours(socket_, family, left_over_);
}

UnreachableRoutes::~UnreachableRoutes() {
  if (socket_ >= 0) ::close(socket_);
}

std::vector<plan::Fact> UnreachableRoutes::apply(std::span<const plan::Change> changes) {
  std::vector<plan::Fact> answers;
  for (const plan::Change& change : changes) {
    if (std::holds_alternative<plan::Planned>(change)) {
      for (const Prefix& prefix : std::exchange(left_over_, {}))
        release(prefix);
    }
    const auto* const wanted = std::get_if<plan::AggregateWanted>(&change);
    if (wanted == nullptr) continue;
    if (wanted->is_wanted) {
      answers.emplace_back(
          plan::AggregateSeen{.prefix = wanted->prefix, .error = hold(wanted->prefix)});
    } else {
      release(wanted->prefix);
    }
  }
  return answers;
}

void UnreachableRoutes::release_all() {
  for (const Prefix& prefix : std::set<Prefix>{held_})
    release(prefix);
}

std::string UnreachableRoutes::hold(const Prefix& prefix) {
  if (socket_ < 0) return broken_;
  if (left_over_.erase(prefix) == 0 && !held_.contains(prefix)) {
    const int error = ask(socket_, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, prefix);
    if (error != 0) return std::generic_category().message(error);
  }
  held_.insert(prefix);
  return {};
}

void UnreachableRoutes::release(const Prefix& prefix) {
  held_.erase(prefix);
  if (socket_ >= 0) (void)ask(socket_, RTM_DELROUTE, 0, prefix);
}

}  // namespace porter::speaker
