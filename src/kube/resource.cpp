// SPDX-License-Identifier: Apache-2.0
#include "kube/resource.hpp"

#include <fmt/format.h>

namespace porter::kube {
namespace {

constexpr std::string_view kGroup = "network.kubesphere.io";

Resource core(std::string_view plural, std::string_view kind) {
  return Resource{
      .group = {}, .version = "v1", .plural = std::string{plural}, .kind = std::string{kind}};
}

Resource ours(std::string_view plural, std::string_view kind) {
  return Resource{.group = std::string{kGroup},
                  .version = "v1alpha2",
                  .plural = std::string{plural},
                  .kind = std::string{kind}};
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

Resource resource_of(model::Kind kind) {
  // Every kind we have, or will have, is called by its name in lower case and an s; but one.
  const std::string name{to_string(kind)};
  std::string plural;
  for (const char c : name)
    plural.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
  plural += plural.ends_with('s') ? "es" : "s";
  Resource resource = ours(plural, name);
  switch (kind) {
    case model::Kind::Service:
    case model::Kind::Node:
    case model::Kind::Namespace:
    case model::Kind::Secret: resource = core(plural, name); break;
    case model::Kind::EndpointSlice:
      resource.group = "discovery.k8s.io";
      resource.version = "v1";
      break;
    default: break;
  }
  resource.is_namespaced = is_namespaced(kind);
  return resource;
}

const Resource& lease_resource() {
  static const Resource kLease{.group = "coordination.k8s.io",
                               .version = "v1",
                               .plural = "leases",
                               .kind = "Lease",
                               .is_namespaced = true};
  return kLease;
}

const Resource& event_resource() {
  static const Resource kEvent{.group = "events.k8s.io",
                               .version = "v1",
                               .plural = "events",
                               .kind = "Event",
                               .is_namespaced = true};
  return kEvent;
}

std::string api_version(const Resource& resource) {
  return resource.group.empty() ? resource.version
                                : fmt::format("{}/{}", resource.group, resource.version);
}

std::string words(const Resource& resource) {
  return resource.group.empty() ? resource.plural
                                : fmt::format("{}.{}", resource.plural, resource.group);
}

std::string collection_path(const Resource& resource, std::string_view ns) {
  std::string path = resource.group.empty()
                         ? fmt::format("/api/{}", resource.version)
                         : fmt::format("/apis/{}/{}", resource.group, resource.version);
  if (resource.is_namespaced && !ns.empty())
    path += fmt::format("/namespaces/{}", percent_encoded(ns));
  return path + "/" + resource.plural;
}

std::string object_path(const Resource& resource, const model::NamespacedName& name,
                        std::string_view subresource) {
  std::string path =
      fmt::format("{}/{}", collection_path(resource, name.ns), percent_encoded(name.name));
  if (!subresource.empty()) path += fmt::format("/{}", subresource);
  return path;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace porter::kube
