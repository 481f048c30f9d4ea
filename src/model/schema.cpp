// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"

#include <algorithm>

namespace porter::model {

namespace {

// The table of api.md 7, for fields that are not called alike.
struct Twin {
  Kind kind{};
  std::string_view v1alpha1;
  std::string_view v1alpha2;
};
constexpr std::array<Twin, 8> kTwins{{
    {.kind = Kind::BgpConf, .v1alpha1 = "spec.routerID", .v1alpha2 = "spec.routerId"},
    {.kind = Kind::BgpConf, .v1alpha1 = "spec.port", .v1alpha2 = "spec.listenPort"},
    {.kind = Kind::BgpPeer, .v1alpha1 = "spec.config", .v1alpha2 = "spec.conf"},
    {.kind = Kind::BgpPeer, .v1alpha1 = "spec.config.peerAs", .v1alpha2 = "spec.conf.peerAs"},
    {.kind = Kind::BgpPeer,
     .v1alpha1 = "spec.config.neighborAddress",
     .v1alpha2 = "spec.conf.neighborAddress"},
    {.kind = Kind::BgpPeer, .v1alpha1 = "spec.addPaths", .v1alpha2 = "spec.afiSafis[].addPaths"},
    {.kind = Kind::BgpPeer,
     .v1alpha1 = "spec.addPaths.sendMax",
     .v1alpha2 = "spec.afiSafis[].addPaths.config.sendMax"},
    {.kind = Kind::BgpPeer,
     .v1alpha1 = "spec.usingPortForward",
     .v1alpha2 = "spec.transport.portForward"},
}};

}  // namespace

std::string_view twin_of(Kind kind, std::string_view path, ApiVersion version) {
  const bool is_old = version == ApiVersion::V1alpha1;
  for (const Twin& twin : kTwins) {
    if (twin.kind == kind && (is_old ? twin.v1alpha1 : twin.v1alpha2) == path)
      return is_old ? twin.v1alpha2 : twin.v1alpha1;
  }
  return {};
}

std::string_view to_string(Edit edit) {
  switch (edit) {
    case Edit::Nothing: return "nothing";
    case Edit::NewAddresses: return "nothing; governs new addresses";
    case Edit::KeepsUsed: return "nothing; refused while it leaves out an address in use";
    case Edit::Session: return "this session";
    case Edit::EverySession: return "every session";
    case Edit::NextSession: return "nothing; waits for the next session";
    case Edit::ListenSockets: return "the listening sockets";
    case Edit::NoEffect: return "nothing";
  }
  return "";
}

std::span<const Schema* const> schemas() {
  static const std::array<const Schema*, 6> kSchemas{
      &eip_schema(),         &bgp_conf_schema(),          &bgp_peer_schema(),
      &eip_address_schema(), &bgp_advertisement_schema(), &bgp_node_state_schema()};
  return kSchemas;
}

const Schema* schema_of(Kind kind) {
  const std::span<const Schema* const> all = schemas();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Schema* one) { return one->kind == kind; });
  return found != all.end() ? *found : nullptr;
}

const Field* find_field(const Schema& schema, std::string_view path, ApiVersion version) {
  const auto found = std::find_if(
      schema.fields.begin(), schema.fields.end(),
      [&](const Field& field) { return field.path == path && is_in(field.versions, version); });
  return found != schema.fields.end() ? &*found : nullptr;
}

bool is_child(std::string_view path, std::string_view parent) {
  if (!path.starts_with(parent)) return false;
  path.remove_prefix(parent.size());
  if (!parent.empty() && (path == "[]" || path == "{}")) return true;
  if (!parent.empty()) {
    if (!path.starts_with('.')) return false;
    path.remove_prefix(1);
  }
  return !path.empty() && path.find_first_of(".[{") == std::string_view::npos;
}

std::string_view last_name(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::vector<std::string_view> names_below(const Schema& schema, std::string_view parent,
                                          ApiVersion version) {
  std::vector<std::string_view> names;
  for (const Field& field : schema.fields) {
    if (is_in(field.versions, version) && is_child(field.path, parent))
      names.push_back(last_name(field.path));
  }
  return names;
}

}  // namespace porter::model
