// SPDX-License-Identifier: Apache-2.0
#include "model/eip.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/bgp.hpp"

namespace porter::model {

std::string_view to_string(Protocol protocol) {
  return protocol == Protocol::Bgp ? "bgp" : "layer2";
}

std::string_view to_string(NextHopMode mode) {
  return mode == NextHopMode::Self ? "Self" : "Nodes";
}

bool Eip::contains(const Address& address) const {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const Range& range) { return range.contains(address); });
}

std::string eip_address_name(const Address& address) {
  if (address.is_v4()) return porter::to_string(address);
  const std::span<const std::uint8_t> octets = address.octets();
  std::string name;
  for (std::size_t i = 0; i < octets.size(); i += 2) {
    if (i > 0) name += '-';
    fmt::format_to(std::back_inserter(name), "{:02x}{:02x}", octets[i], octets[i + 1]);
  }
  return name;
}

// Only the one name an address has is taken: two names for one address would be two allocations.
Result<Address> address_of_name(std::string_view name) {
  std::string text{name};
  std::replace(text.begin(), text.end(), '-', ':');
  Result<Address> address = Address::parse(text);
  if (address && eip_address_name(*address) == name) return address;
  std::string expected = "192.0.2.17 or 2001-0db8-0000-0000-0000-0000-0000-0017";
  if (address) expected = eip_address_name(*address);
  return fail(Errc::Invalid, fmt::format("{}: not the name of an EipAddress, which is the address "
                                         "like {}",
                                         name.substr(0, 64), expected));
}

}  // namespace porter::model
