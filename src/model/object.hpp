// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"

// The Kubernetes objects Porter reads, as domain values: decoded, checked, defaults applied,
// v1alpha1 already converted. The API form (names, schema, versions) lives in schema.hpp and
// decode.hpp; run-time state lives in plan. Every object carries its Meta; all kinds together are
// `Object` (decode.hpp).
namespace porter::model {

enum class Kind : std::uint8_t {
  Service,
  EndpointSlice,
  Node,
  Namespace,
  Secret,
  Eip,
  BgpConf,
  BgpPeer,
  EipAddress,
  BgpAdvertisement,
  BgpNodeState,
};
[[nodiscard]] std::string_view to_string(Kind kind);                  // "EndpointSlice"
[[nodiscard]] std::optional<Kind> kind_named(std::string_view name);  // the inverse
[[nodiscard]] bool is_namespaced(Kind kind);

struct NamespacedName {
  std::string ns;  // empty for cluster-scoped kinds
  std::string name;
  friend auto operator<=>(const NamespacedName&, const NamespacedName&) = default;
};
[[nodiscard]] std::string to_string(const NamespacedName& name);  // "shop/web", or "lan"

struct ObjectKey {
  Kind kind{};
  NamespacedName name;
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};
[[nodiscard]] std::string to_string(const ObjectKey& key);  // "Service shop/web"

using StringMap = std::map<std::string, std::string>;

enum class ApiVersion : std::uint8_t {
  V1,
  V1alpha1,
  V1alpha2
};  // as written; V1: core and discovery

struct Meta {
  NamespacedName name;
  std::string uid;  // from a folder: metadata.uid if written, else "ns/name"
  StringMap labels;
  StringMap annotations;
  std::int64_t created = 0;     // Unix seconds of metadata.creationTimestamp; 0: not told
  std::int64_t generation = 0;  // 0: not told
  std::uint64_t order =
      0;  // files: position in path order, then in the file; breaks ties of `created`
  bool deleting = false;                // metadata.deletionTimestamp is set
  std::vector<std::string> finalizers;  // as they stand, in order
  ApiVersion written_as = ApiVersion::V1;
  friend bool operator==(const Meta&, const Meta&) = default;

  [[nodiscard]] const std::string* label(std::string_view key) const;
  [[nodiscard]] const std::string* annotation(std::string_view key) const;
};

// Whether its author wrote v1alpha1. The API server hands out what it converted, and conversion
// leaves annotation network.kubesphere.io/v1alpha1-fields on an object that came as v1alpha1.
[[nodiscard]] bool is_from_v1alpha1(const Meta& meta);
inline constexpr std::string_view kV1alpha1Annotation = "network.kubesphere.io/v1alpha1-fields";
inline constexpr std::string_view kV1alpha2Annotation = "network.kubesphere.io/v1alpha2-fields";

// Who is older when two objects want the same thing (api.md 11): created earlier, then earlier in
// path order, then by name. Who does not tell its creation is younger than all who do.
[[nodiscard]] bool is_older(const Meta& left, const Meta& right);

// Reads `<prefix>.porter.kubesphere.io<suffix>` and the openelb spelling; porter wins (api.md 3).
// annotation_of(meta, "eip", "/v1alpha2"), label_of(meta, "", "/rack"): an empty prefix has no dot.
[[nodiscard]] const std::string* annotation_of(const Meta& meta, std::string_view prefix,
                                               std::string_view suffix);
[[nodiscard]] const std::string* label_of(const Meta& meta, std::string_view prefix,
                                          std::string_view suffix);
// The same with the key as it was spelled, for messages. `value` is null where neither spelling is
// there.
struct Spelled {
  std::string key;
  const std::string* value = nullptr;
};
[[nodiscard]] Spelled spelled_annotation(const Meta& meta, std::string_view prefix,
                                         std::string_view suffix);

// metav1.LabelSelector. An empty one matches everything.
struct Requirement {
  enum class Operator : std::uint8_t { In, NotIn, Exists, DoesNotExist };
  std::string key;
  Operator op{};
  std::vector<std::string> values;
  friend bool operator==(const Requirement&, const Requirement&) = default;
};
struct Selector {
  std::vector<Requirement> requirements;  // matchLabels become In with one value
  [[nodiscard]] bool matches(const StringMap& labels) const;
  [[nodiscard]] bool is_empty() const { return requirements.empty(); }
  friend bool operator==(const Selector&, const Selector&) = default;
};
[[nodiscard]] std::string to_string(const Selector& selector);  // "app in (a,b),!old"

}  // namespace porter::model
