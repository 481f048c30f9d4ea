// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.hpp"
#include "model/object.hpp"
#include "plan/view.hpp"

namespace porter::plan {

// When the status of what is written: a burst of changes becomes one write. In `porter run` at most
// one flush in 200 ms. In a cluster the status of a Service is how speakers hear of its address and
// hardly waits; that of a pool or a peer sums up thousands of things for people: once a second, and
// each peer's once in 10 s (api.md 4, 7).
//
// What is marked while a flush is under way waits for the next one: the status of a pool names
// thousands of addresses, and is not to be written for each of them.
class StatusPace {
 public:
  static constexpr Duration kPeerRest = std::chrono::seconds{10};

  explicit StatusPace(Role role);

  void mark(const model::ObjectKey& key);
  // Marks it again at `until`, or when somebody else does.
  void put_off(const model::ObjectKey& key, TimePoint until);
  void wrote(const model::ObjectKey& key, TimePoint now);

  // What was marked begins to wait; what has waited long enough can be taken.
  void settle(TimePoint now);
  [[nodiscard]] std::optional<model::ObjectKey> take(TimePoint now);  // none: nothing is due
  [[nodiscard]] TimePoint deadline() const;  // of the next settle(); min(): take() has more

 private:
  [[nodiscard]] bool rests(const model::ObjectKey& key, TimePoint now);

  Role role_;
  Pacer pacer_;
  Pacer summary_pacer_;
  std::set<model::ObjectKey> dirty_;
  std::set<model::ObjectKey> summaries_;
  std::set<model::ObjectKey> flushing_;
  std::map<model::ObjectKey, TimePoint> resting_;  // peers written less than kPeerRest ago
  std::set<std::pair<TimePoint, model::ObjectKey>> put_off_;
};

}  // namespace porter::plan
