// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "model/object.hpp"

namespace porter::kube {

// What the API server calls a collection of objects of one kind.
struct Resource {
  std::string group;  // empty: core
  std::string version;
  std::string plural;
  std::string kind;
  bool is_namespaced = false;
  friend bool operator==(const Resource&, const Resource&) = default;
};
// Of the kinds the model knows; ours as v1alpha2.
[[nodiscard]] Resource resource_of(model::Kind kind);
[[nodiscard]] const Resource& lease_resource();  // coordination.k8s.io/v1
[[nodiscard]] const Resource& event_resource();  // events.k8s.io/v1

[[nodiscard]] std::string api_version(const Resource& resource);  // "discovery.k8s.io/v1", "v1"
// "services", "eips.network.kubesphere.io": as RBAC and error messages call it.
[[nodiscard]] std::string words(const Resource& resource);

// "/api/v1/namespaces/shop/services"; an empty namespace: of all namespaces.
[[nodiscard]] std::string collection_path(const Resource& resource, std::string_view ns);
// "/api/v1/namespaces/shop/services/web/status". `subresource` empty: the object itself.
[[nodiscard]] std::string object_path(const Resource& resource, const model::NamespacedName& name,
                                      std::string_view subresource);

[[nodiscard]] std::string percent_encoded(std::string_view text);  // RFC 3986 §2.1

}  // namespace porter::kube
