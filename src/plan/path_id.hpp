// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>

#include "bgp/types.hpp"

namespace porter::plan {

// One next hop, one path identifier (RFC 7911 §2: an identifier is only a name between us and the
// peer), stable across restarts, so that a restart announces the same paths and not new ones beside
// the stale old ones. An IPv4 next hop is its own number. An IPv6 one is a 32-bit hash; of two that
// collide the later takes the next free number, which has to be remembered.
class PathIds {
 public:
  // Remembered from an earlier run. What contradicts an earlier one is passed over.
  void load(const Address& next_hop, bgp::PathId id);

  struct Given {
    bgp::PathId id = 0;
    bool is_new = false;  // to be remembered before it is used
  };
  [[nodiscard]] Given give(const Address& next_hop);
  [[nodiscard]] std::optional<bgp::PathId> find(const Address& next_hop) const;

  // Nodes come and go for years: beyond kMax names, those of next hops that are not in use are
  // given up.
  static constexpr std::size_t kMax = 8'192;
  void trim(const std::set<Address>& in_use);
  [[nodiscard]] std::size_t size() const { return by_next_hop_.size(); }

 private:
  std::map<Address, bgp::PathId> by_next_hop_;  // IPv6 alone
  std::map<bgp::PathId, Address> taken_;
};

}  // namespace porter::plan
