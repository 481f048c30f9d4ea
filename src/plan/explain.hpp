// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "plan/announce.hpp"

namespace porter::plan {

// The whole chain from a Service to what each peer is told, link by link; the first broken one is
// named with its fix. Answers "why does my Service not work" in one screen.
struct Explanation {
  enum class Verdict : std::uint8_t {
    Ok,
    Warn,  // works, but not as well as it could
    Fail,
    NotReached,  // an earlier link is broken
  };
  struct Link {
    Verdict verdict = Verdict::Ok;
    std::string name;  // "ours", "wants", "address", "endpoints", "nodes", "announcement", "peer
                       // 172.30.0.1"
    std::string text;
    std::string fix;  // where it is broken
    friend bool operator==(const Link&, const Link&) = default;
  };
  model::NamespacedName service;
  bool is_known = false;      // there is such a Service
  bool is_announced = false;  // all of it works, to every peer
  std::string headline;
  std::vector<Link> links;
  std::string fix;                 // of the first link that fails, else of the first that warns
  std::int64_t waiting_since = 0;  // Unix seconds; of a Service that waits for an address
  std::string waiting;             // "waiting since 14 minutes; tried again on every change, …"
  friend bool operator==(const Explanation&, const Explanation&) = default;
};

// `unix_now`: the wall clock; 0: times are told as dates. What peers are told comes from the same
// function that tells them (ADR 3).
[[nodiscard]] Explanation explain(const View& view, const Assigner& assigner,
                                  const Announcer& announcer, const model::NamespacedName& service,
                                  std::int64_t unix_now = 0);

[[nodiscard]] std::string to_text(const Explanation& explanation);
[[nodiscard]] Tree to_tree(const Explanation& explanation);

}  // namespace porter::plan
