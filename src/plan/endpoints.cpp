// SPDX-License-Identifier: Apache-2.0
#include "plan/endpoints.hpp"

#include <map>
#include <optional>

namespace porter::plan {
namespace {

struct Pod {
  bool ready = false;
  bool serving = false;
  std::optional<std::string> node;
};

void note(std::map<Address, Pod>& pods, const model::Endpoint& endpoint, Family family) {
  for (const Address& address : endpoint.addresses) {
    if (address.family() != family) continue;
    Pod& pod = pods[address];
    pod.ready = pod.ready || endpoint.ready;
    pod.serving = pod.serving || endpoint.serving;
    if (endpoint.node) pod.node = endpoint.node;
  }
}

// True: there is a slice of this family.
bool gather(const View& view, const model::NamespacedName& service, Family family,
            std::map<Address, Pod>& pods) {
  bool any_slice = false;
  const auto slices = view.slices_of.find(service);
  if (slices == view.slices_of.end()) return false;
  for (const model::NamespacedName& name : slices->second) {
    const auto slice = view.slices.find(name);
    if (slice == view.slices.end() || slice->second.family != family) continue;
    any_slice = true;
    for (const model::Endpoint& endpoint : slice->second.endpoints)
      note(pods, endpoint, family);
  }
  return any_slice;
}

}  // namespace

Endpoints endpoints_of(const View& view, const model::NamespacedName& service, Family family) {
  Endpoints result;
  std::map<Address, Pod> pods;
  result.any_slice = gather(view, service, family, pods);
  for (const auto& [address, pod] : pods) {
    if (pod.ready) {
      ++result.ready;
      if (pod.node) result.ready_on.insert(*pod.node);
    } else if (pod.serving) {
      ++result.serving;
      if (pod.node) result.serving_on.insert(*pod.node);
    }
  }
  return result;
}

std::map<std::string, unsigned> ready_by_node(const View& view,
                                              const model::NamespacedName& service, Family family) {
  std::map<Address, Pod> pods;
  (void)gather(view, service, family, pods);
  std::map<std::string, unsigned> ready;
  for (const auto& [address, pod] : pods) {
    if (pod.ready && pod.node) ++ready[*pod.node];
  }
  return ready;
}

void Reach::add(const Reach& other) {
  everywhere = everywhere || other.everywhere;
  if (everywhere) {
    nodes.clear();
  } else {
    nodes.insert(other.nodes.begin(), other.nodes.end());
  }
}

Reach reach_of(model::TrafficPolicy policy, const Endpoints& endpoints) {
  if (policy == model::TrafficPolicy::Cluster) {
    return {.everywhere = endpoints.ready > 0 || endpoints.serving > 0, .nodes = {}};
  }
  return {.everywhere = false,
          .nodes = endpoints.ready_on.empty() ? endpoints.serving_on : endpoints.ready_on};
}

}  // namespace porter::plan
