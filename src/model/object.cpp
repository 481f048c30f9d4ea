// SPDX-License-Identifier: Apache-2.0
#include "model/object.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

#include <fmt/format.h>

namespace porter::model {
namespace {

// In the order of Kind.
constexpr std::array<std::string_view, 11> kKinds{
    "Service", "EndpointSlice", "Node",       "Namespace",        "Secret",      "Eip",
    "BgpConf", "BgpPeer",       "EipAddress", "BgpAdvertisement", "BgpNodeState"};

// In the order of precedence: where both spellings are there, porter wins (api.md 3).
constexpr std::array<std::string_view, 2> kProjects{"porter", "openelb"};

const std::string* value_at(const StringMap& map, std::string_view key) {
  const auto found = map.find(std::string{key});
  return found != map.end() ? &found->second : nullptr;
}

Spelled spelled(const StringMap& map, std::string_view prefix, std::string_view suffix) {
  for (const std::string_view project : kProjects) {
    std::string key =
        fmt::format("{}{}{}.kubesphere.io{}", prefix, prefix.empty() ? "" : ".", project, suffix);
    if (const std::string* const value = value_at(map, key))
      return Spelled{.key = std::move(key), .value = value};
  }
  return {};
}

// Objects without a creationTimestamp are younger than all that have one: a file added by hand does
// not beat what came from a cluster.
std::int64_t birth(const Meta& meta) {
  return meta.created != 0 ? meta.created : std::numeric_limits<std::int64_t>::max();
}

bool holds(const Requirement& requirement, const StringMap& labels) {
  const std::string* const value = value_at(labels, requirement.key);
  const auto is_listed = [&] {
    const std::vector<std::string>& values = requirement.values;
    return value != nullptr && std::find(values.begin(), values.end(), *value) != values.end();
  };
  switch (requirement.op) {
    case Requirement::Operator::In: return is_listed();
    case Requirement::Operator::NotIn: return !is_listed();  // also where the label is absent
    case Requirement::Operator::Exists: return value != nullptr;
    case Requirement::Operator::DoesNotExist: return value == nullptr;
  }
  return false;
}

std::string to_string(const Requirement& requirement) {
  const std::string& key = requirement.key;
  switch (requirement.op) {
    case Requirement::Operator::In:
      if (requirement.values.size() == 1) return fmt::format("{}={}", key, requirement.values[0]);
      return fmt::format("{} in ({})", key, fmt::join(requirement.values, ","));
    case Requirement::Operator::NotIn:
      return fmt::format("{} notin ({})", key, fmt::join(requirement.values, ","));
    case Requirement::Operator::Exists: return key;
    case Requirement::Operator::DoesNotExist: return "!" + key;
  }
  return key;
}

}  // namespace

std::string_view to_string(Kind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}

std::optional<Kind> kind_named(std::string_view name) {
  const auto found = std::find(kKinds.begin(), kKinds.end(), name);
  if (found == kKinds.end()) return std::nullopt;
  return static_cast<Kind>(found - kKinds.begin());
}

bool is_namespaced(Kind kind) {
  return kind == Kind::Service || kind == Kind::EndpointSlice || kind == Kind::Secret;
}

std::string to_string(const NamespacedName& name) {
  return name.ns.empty() ? name.name : name.ns + "/" + name.name;
}

std::string to_string(const ObjectKey& key) {
  return fmt::format("{} {}", to_string(key.kind), to_string(key.name));
}

const std::string* Meta::label(std::string_view key) const {
  return value_at(labels, key);
}

const std::string* Meta::annotation(std::string_view key) const {
  return value_at(annotations, key);
}

bool is_from_v1alpha1(const Meta& meta) {
  return meta.written_as == ApiVersion::V1alpha1 || meta.annotation(kV1alpha1Annotation) != nullptr;
}

bool is_older(const Meta& left, const Meta& right) {
  return std::tuple{birth(left), left.order, left.name} <
         std::tuple{birth(right), right.order, right.name};
}

Spelled spelled_annotation(const Meta& meta, std::string_view prefix, std::string_view suffix) {
  return spelled(meta.annotations, prefix, suffix);
}

const std::string* annotation_of(const Meta& meta, std::string_view prefix,
                                 std::string_view suffix) {
  return spelled(meta.annotations, prefix, suffix).value;
}

const std::string* label_of(const Meta& meta, std::string_view prefix, std::string_view suffix) {
  return spelled(meta.labels, prefix, suffix).value;
}

bool Selector::matches(const StringMap& labels) const {
  return std::all_of(requirements.begin(), requirements.end(),
                     [&](const Requirement& requirement) { return holds(requirement, labels); });
}

std::string to_string(const Selector& selector) {
  std::string text;
  for (const Requirement& requirement : selector.requirements) {
    if (!text.empty()) text += ',';
    text += to_string(requirement);
  }
  return text;
}

}  // namespace porter::model
