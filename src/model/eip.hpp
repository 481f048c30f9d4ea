// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/object.hpp"

namespace porter::model {

enum class Protocol : std::uint8_t { Bgp, Layer2 };  // `vip` is read as layer2, with a warning
[[nodiscard]] std::string_view to_string(Protocol protocol);

// A pool of addresses (api.md 7).
struct Eip {
  Meta meta;
  std::vector<Range> addresses;  // as written, in order; never empty, never overlapping
  std::vector<Range> exclude;
  Protocol protocol = Protocol::Bgp;
  std::string interface;
  bool disable = false;
  bool using_known_ips = true;  // v1alpha2's default; v1alpha1's is false: skip .0 and .255
  std::int64_t priority = 0;
  std::vector<std::string> namespaces;
  std::optional<Selector> namespace_selector;
  std::optional<Selector> service_selector;
  bool auto_assign = true;
  enum class Reclaim : std::uint8_t { Delete, Retain };
  Reclaim reclaim = Reclaim::Delete;
  std::int64_t hold_seconds = 0;  // of Retain; 0: for ever
  bool is_default = false;        // annotation eip.<p>.kubesphere.io/is-default-eip, case ignored
  bool evict = false;             // annotation network.kubesphere.io/evict
  friend bool operator==(const Eip&, const Eip&) = default;

  [[nodiscard]] bool contains(
      const Address& address) const;  // in addresses; exclude does not count
  [[nodiscard]] bool has_selectors() const {
    return !namespaces.empty() || namespace_selector || service_selector;
  }
};

// Who holds an address (api.md 4): cluster-scoped, named by the address, its creation is the
// allocation.
struct Holder {
  NamespacedName service;
  std::string uid;
  friend auto operator<=>(const Holder&, const Holder&) = default;
};
struct EipAddress {
  Meta meta;  // name: "192.0.2.17", or expanded IPv6 with '-' for ':'
  Address address;
  std::string eip;
  std::string share_key;
  std::vector<Holder> services;   // in the order they joined; none: a reservation
  std::int64_t retain_until = 0;  // Unix seconds; 0: not retained
  friend bool operator==(const EipAddress&, const EipAddress&) = default;
};
[[nodiscard]] std::string eip_address_name(const Address& address);
[[nodiscard]] Result<Address> address_of_name(std::string_view name);

}  // namespace porter::model
