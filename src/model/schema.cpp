// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"

#include <algorithm>

namespace porter::model {

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
  static const std::array<const Schema*, 4> kSchemas{&eip_schema(), &bgp_conf_schema(),
                                                     &bgp_peer_schema(), &eip_address_schema()};
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
  if (!parent.empty() && path == "[]") return true;
  if (!parent.empty()) {
    if (!path.starts_with('.')) return false;
    path.remove_prefix(1);
  }
  return !path.empty() && path.find_first_of(".[") == std::string_view::npos;
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
