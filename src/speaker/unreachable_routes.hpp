// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "plan/fact.hpp"

namespace porter::speaker {

// The `unreachable` kernel routes of aggregates (rtnetlink(7)), told from everybody else's by their
// protocol number, and weaker than any other route to the same prefix. What an earlier run left
// behind is taken over where it is wanted, and removed with Planned where it is not. Requests to
// the kernel are answered at once, so nothing here waits. Owned by the process that announces.
class UnreachableRoutes {
 public:
  UnreachableRoutes();
  UnreachableRoutes(const UnreachableRoutes&) = delete;
  UnreachableRoutes& operator=(const UnreachableRoutes&) = delete;
  ~UnreachableRoutes();  // the routes stay: see release_all()

  // The answers to AggregateWanted among the Changes; others are passed over.
  [[nodiscard]] std::vector<plan::Fact> apply(std::span<const plan::Change> changes);
  void release_all();

  [[nodiscard]] const std::set<Prefix>& held() const { return held_; }

  static constexpr unsigned char kProtocol = 113;  // `proto` in ip-route(8)
  static constexpr std::uint32_t kMetric = 4'278'198'272;

 private:
  [[nodiscard]] std::string hold(const Prefix& prefix);  // why it cannot be; empty: it is
  void release(const Prefix& prefix);

  int socket_ = -1;
  std::string broken_;  // why there is no socket
  std::set<Prefix> held_;
  std::set<Prefix> left_over_;  // of an earlier run
};

}  // namespace porter::speaker
