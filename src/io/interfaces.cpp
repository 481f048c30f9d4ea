// SPDX-License-Identifier: Apache-2.0
#include "io/interfaces.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace porter::io {
namespace {

std::optional<Address> address_in(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    return Address::v4(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    Address::Octets octets{};
    std::memcpy(octets.data(), &in.sin6_addr, octets.size());
    return Address::v6(octets);
  }
  return std::nullopt;
}

unsigned length_of(const std::optional<Address>& mask, Family family) {
  if (!mask) return bits_of(family);
  unsigned length = 0;
  for (const std::uint8_t octet : mask->octets())
    length += static_cast<unsigned>(std::popcount(octet));
  return length;
}

Failure<> no_local_address(std::string why) {
  return fail(Errc::NotFound, "NoLocalAddress: " + std::move(why));
}

}  // namespace

Result<std::vector<InterfaceAddress>> interface_addresses() {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) {
    return fail(Errc::Unavailable,
                fmt::format("getifaddrs: {}", std::generic_category().message(errno)));
  }
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list{raw, &::freeifaddrs};
  std::vector<InterfaceAddress> found;
  for (const ifaddrs* entry = raw; entry != nullptr; entry = entry->ifa_next) {
    const std::optional<Address> address = address_in(entry->ifa_addr);
    if (!address || (entry->ifa_flags & IFF_UP) == 0) continue;
    const unsigned length = length_of(address_in(entry->ifa_netmask), address->family());
    found.push_back({.interface = entry->ifa_name,
                     .index = ::if_nametoindex(entry->ifa_name),
                     .address = *address,
                     .subnet = Prefix{*address, length},
                     .loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0});
  }
  return found;
}

Result<unsigned> interface_index(const std::string& name) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index != 0) return index;
  return fail(Errc::NotFound, fmt::format("no interface '{}' on this node", name));
}

std::string interface_name(unsigned index) {
  std::array<char, IF_NAMESIZE> name{};
  const char* found = ::if_indextoname(index, name.data());
  return found == nullptr ? std::string{} : std::string{found};
}

const InterfaceAddress* holder_of(std::span<const InterfaceAddress> all, const Address& address,
                                  unsigned index) {
  const auto exact = std::ranges::find_if(all, [&](const InterfaceAddress& entry) {
    return entry.address == address && (index == 0 || entry.index == index);
  });
  if (exact != all.end()) return &*exact;
  const auto around = std::ranges::find_if(all, [&](const InterfaceAddress& entry) {
    return entry.loopback && entry.subnet.contains(address);
  });
  return around == all.end() ? nullptr : &*around;
}

const InterfaceAddress* global_on(std::span<const InterfaceAddress> all, unsigned index,
                                  Family family) {
  const auto found = std::ranges::find_if(all, [&](const InterfaceAddress& entry) {
    return entry.index == index && entry.address.family() == family &&
           !entry.address.is_link_local();
  });
  return found == all.end() ? nullptr : &*found;
}

Result<Address> resolve_local(std::span<const InterfaceAddress> all, std::string_view local,
                              const Address& neighbor) {
  const Family family = neighbor.family();
  const auto first_where = [&](auto&& matches) -> const InterfaceAddress* {
    const auto found = std::ranges::find_if(all, [&](const InterfaceAddress& entry) {
      return entry.address.family() == family && matches(entry);
    });
    return found == all.end() ? nullptr : &*found;
  };
  if (const Result<Address> address = Address::parse(local)) {
    if (address->family() == family) return *address;
    return no_local_address(
        fmt::format("{} is not an {} address, as the neighbour's is", local, to_string(family)));
  }
  if (const Result<Prefix> prefix = Prefix::parse(local, Prefix::HostBits::Clear)) {
    const auto* entry =
        first_where([&](const InterfaceAddress& it) { return prefix->contains(it.address); });
    if (entry != nullptr) return entry->address;
    return no_local_address(
        fmt::format("no {} address of this node lies in {}", to_string(family), local));
  }
  const auto* entry = first_where([&](const InterfaceAddress& it) {
    return it.interface == local && it.address.is_link_local() == neighbor.is_link_local();
  });
  if (entry != nullptr) return entry->address;
  const bool known =
      std::ranges::any_of(all, [&](const InterfaceAddress& it) { return it.interface == local; });
  return no_local_address(
      known ? fmt::format("interface '{}' has no {} address", local, to_string(family))
            : fmt::format("no interface '{}' with an address on this node", local));
}

}  // namespace porter::io
