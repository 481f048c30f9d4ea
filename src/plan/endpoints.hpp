// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

#include "plan/view.hpp"

namespace porter::plan {

// The endpoints of one Service in one family, unique by address (api.md 6): the same Pod may stand
// in two slices while they are being rewritten.
struct Endpoints {
  bool any_slice = false;            // there is an EndpointSlice of this family at all
  unsigned ready = 0;                // with or without a node
  unsigned serving = 0;              // not ready, but serving still
  std::set<std::string> ready_on;    // nodes with a ready endpoint
  std::set<std::string> serving_on;  // nodes with a serving one that is not ready
  friend bool operator==(const Endpoints&, const Endpoints&) = default;
};
[[nodiscard]] Endpoints endpoints_of(const View& view, const model::NamespacedName& service,
                                     Family family);

// How many endpoints are ready on each node that has one.
[[nodiscard]] std::map<std::string, unsigned> ready_by_node(const View& view,
                                                            const model::NamespacedName& service,
                                                            Family family);

// The nodes that the endpoints of a Service allow as next hops.
struct Reach {
  bool everywhere = false;
  std::set<std::string> nodes;  // unless everywhere
  [[nodiscard]] bool covers(const std::string& node) const {
    return everywhere || nodes.contains(node);
  }
  [[nodiscard]] bool is_empty() const { return !everywhere && nodes.empty(); }
  // Services that share an address: the union (api.md 5).
  void add(const Reach& other);
  friend bool operator==(const Reach&, const Reach&) = default;
};

// Cluster: every node while any endpoint is ready, or serving when none is ready. Local: nodes with
// a ready endpoint; only if no node has one, those with a serving one.
[[nodiscard]] Reach reach_of(model::TrafficPolicy policy, const Endpoints& endpoints);

}  // namespace porter::plan
