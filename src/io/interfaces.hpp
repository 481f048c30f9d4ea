// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

// The addresses of this node's interfaces. Read when a session is dialled or accepted, not
// followed: what changes in between shows at the next attempt.
namespace porter::io {

struct InterfaceAddress {
  std::string interface;
  unsigned index = 0;
  Address address;
  Prefix subnet;  // address/length, host bits cleared
  bool loopback = false;
  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

[[nodiscard]] Result<std::vector<InterfaceAddress>>
interface_addresses();  // of interfaces that are up
[[nodiscard]] Result<unsigned> interface_index(const std::string& name);
[[nodiscard]] std::string interface_name(unsigned index);  // empty where there is none

// The entry of a local address; on a loopback interface every address of its subnet is local. Null:
// not on this node. `index` 0: any interface, else that one (a link-local address stands on many).
[[nodiscard]] const InterfaceAddress* holder_of(std::span<const InterfaceAddress> all,
                                                const Address& address, unsigned index);
// A global address of `family` on that interface.
[[nodiscard]] const InterfaceAddress* global_on(std::span<const InterfaceAddress> all,
                                                unsigned index, Family family);

// From where to dial `neighbor` when the user said `local`: an address (whether it is on this node,
// bind() says), a CIDR (our first address inside it) or the name of an interface (its first address
// of the neighbour's family, link-local for a link-local neighbour). The error begins with
// "NoLocalAddress: ".
[[nodiscard]] Result<Address> resolve_local(std::span<const InterfaceAddress> all,
                                            std::string_view local, const Address& neighbor);

}  // namespace porter::io
