// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <utility>

#include "plan/assign_wish.hpp"

namespace porter::plan {

using PoolFamily = std::pair<std::string, Family>;

// What could help a Service that waits. A change of pools, of its namespace or of the Service
// itself helps every one and is not told here.
struct Needs {
  std::set<Address> addresses;  // that it asked for
  std::set<PoolFamily> pools;   // that are full
  std::string share_key;        // an address with this key, that it may join
};

// The Services that wait for an address, by what could help them, oldest first. So one freed
// address finds the one Service to try, whatever the number that waits.
class Waiting {
 public:
  using Line = std::set<Age>;

  void wait(const Age& age, Needs needs);
  void forget(const model::NamespacedName& service);

  [[nodiscard]] const Line& all() const { return all_; }
  [[nodiscard]] const Line& for_address(const Address& address) const;
  [[nodiscard]] const Line& for_pool(const PoolFamily& pool) const;
  [[nodiscard]] const Line& for_share_key(const std::string& key) const;

 private:
  struct Waiter {
    Age age;
    Needs needs;
  };
  Line all_;
  std::map<model::NamespacedName, Waiter> waiters_;
  std::map<Address, Line> by_address_;
  std::map<PoolFamily, Line> by_pool_;
  std::map<std::string, Line> by_share_key_;
};

}  // namespace porter::plan
