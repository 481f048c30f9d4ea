// SPDX-License-Identifier: Apache-2.0
#include "model/decode.hpp"

#include <array>

#include <fmt/format.h>

#include "model/convert.hpp"
#include "model/kube_decode.hpp"
#include "model/meta.hpp"
#include "model/names.hpp"
#include "model/rules.hpp"
#include "model/value.hpp"
#include "model/walk.hpp"

namespace porter::model {
namespace {

constexpr std::string_view kGroup = "network.kubesphere.io";
constexpr std::array<std::string_view, 1> kGroups{kGroup};
constexpr std::array<std::string_view, 6> kOurKinds{
    "Eip", "BgpConf", "BgpPeer", "BgpAdvertisement", "EipAddress", "BgpNodeState"};

struct Group {
  std::string_view group;  // empty: core
  std::string_view version;
};

Group group_of(std::string_view api_version) {
  const std::size_t slash = api_version.find('/');
  if (slash == std::string_view::npos) return {.group = "", .version = api_version};
  return {.group = api_version.substr(0, slash), .version = api_version.substr(slash + 1)};
}

bool is_ours(Kind kind) {
  return schema_of(kind) != nullptr;
}

std::string_view right_group(Kind kind) {
  if (is_ours(kind)) return kGroup;
  return kind == Kind::EndpointSlice ? "discovery.k8s.io" : "";
}

// The apiVersions a kind may be written as, the best first.
std::vector<std::string_view> right_versions(Kind kind) {
  if (!is_ours(kind)) {
    if (kind == Kind::EndpointSlice) return {"discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"};
    return {"v1"};
  }
  if (schema_of(kind)->versions == Versions::V1alpha2) return {"network.kubesphere.io/v1alpha2"};
  return {"network.kubesphere.io/v1alpha2", "network.kubesphere.io/v1alpha1"};
}

std::optional<ApiVersion> version_of(Kind kind, std::string_view api_version) {
  for (const std::string_view right : right_versions(kind)) {
    if (api_version != right) continue;
    if (!is_ours(kind)) return ApiVersion::V1;
    return right.ends_with("v1alpha1") ? ApiVersion::V1alpha1 : ApiVersion::V1alpha2;
  }
  return std::nullopt;
}

// Somebody else's kind of the same name ("Service" of serving.knative.dev): another group, written
// out. For our kinds a group that is nearly ours is a mistake.
bool is_foreign(Kind kind, const Tree& api_version) {
  if (!api_version.is_string()) return false;
  const std::string_view group = group_of(api_version.text()).group;
  if (group == right_group(kind) || group.empty()) return false;
  return !is_ours(kind) || nearest(group, kGroups).empty();
}

Decoded not_ours() {
  Decoded decoded;
  decoded.known_kind = false;
  return decoded;
}

Decoded refused(Decoded decoded, std::string reason, std::string field, unsigned line,
                std::string message) {
  decoded.problems.push_back(Problem{.severity = Problem::Severity::Error,
                                     .reason = std::move(reason),
                                     .field = std::move(field),
                                     .message = std::move(message),
                                     .line = line});
  return decoded;
}

// A kind that is not in the table of kinds. Ours are told, other people's are passed over.
Decoded decode_other(const Tree& document) {
  const Tree& kind = document["kind"];
  const bool is_our_group = group_of(document["apiVersion"].text()).group == kGroup;
  if (!is_our_group || kind.text().ends_with("List")) return not_ours();
  const std::string_view meant = nearest(kind.text(), kOurKinds);
  return refused(
      {}, "UnknownKind", "kind", kind.line(),
      meant.empty() ? fmt::format("{}: must be {}", shown(kind.text()), one_of(kOurKinds))
                    : fmt::format("{}: unknown kind, did you mean {}?", shown(kind.text()), meant));
}

Object decode_ours(const Tree& document, Kind kind, ApiVersion version, Complaints& complaints) {
  Object object = defaults_of(kind, version);
  meta_of(object) = read_meta(document, kind, version, complaints);
  walk(document, *schema_of(kind), version, object, complaints);
  std::visit(
      [&](auto& own) {
        if constexpr (requires { apply_rules(document, own, complaints); })
          apply_rules(document, own, complaints);
      },
      object);
  return object;
}

Object decode_kubernetes(const Tree& document, Kind kind, Complaints& complaints) {
  Meta meta = read_meta(document, kind, ApiVersion::V1, complaints);
  if (kind == Kind::EndpointSlice) return read_slice(document, std::move(meta), complaints);
  Object object = Namespace{};
  if (kind == Kind::Service) object = read_service(document, complaints);
  if (kind == Kind::Node) object = read_node(document, complaints);
  if (kind == Kind::Secret) object = read_secret(document, complaints);
  meta_of(object) = std::move(meta);
  return object;
}

}  // namespace

Kind kind_of(const Object& object) {
  return static_cast<Kind>(object.index());  // the alternatives stand in the order of Kind
}

const Meta& meta_of(const Object& object) {
  return std::visit([](const auto& one) -> const Meta& { return one.meta; }, object);
}

Meta& meta_of(Object& object) {
  return std::visit([](auto& one) -> Meta& { return one.meta; }, object);
}

ObjectKey key_of(const Object& object) {
  return ObjectKey{.kind = kind_of(object), .name = meta_of(object).name};
}

Decoded decode(const Tree& document) {
  if (document.is_null()) return not_ours();  // "---" and nothing behind it
  if (!document.is_map())
    return refused({}, "Invalid", "", document.line(),
                   found(document) + ": not a Kubernetes object");
  const Tree& word = document["kind"];
  if (!word.is_string() || word.text().empty())
    return refused({}, "Invalid", "kind", word.is_null() ? document.line() : word.line(),
                   "is required");
  const std::optional<Kind> kind = kind_named(word.text());
  if (!kind) return decode_other(document);
  const Tree& api_version = document["apiVersion"];
  if (is_foreign(*kind, api_version)) return not_ours();

  Decoded decoded;
  decoded.key = key_from(document, *kind);
  const std::optional<ApiVersion> version =
      api_version.is_string() ? version_of(*kind, api_version.text()) : std::nullopt;
  if (!version) {
    const bool is_missing = api_version.is_null();
    return refused(
        std::move(decoded), "Invalid", "apiVersion",
        is_missing ? document.line() : api_version.line(),
        fmt::format("{}: {} is written as {}", is_missing ? "is required" : found(api_version),
                    word.text(), one_of(right_versions(*kind))));
  }
  Complaints complaints;
  Object object = is_ours(*kind) ? decode_ours(document, *kind, *version, complaints)
                                 : decode_kubernetes(document, *kind, complaints);
  if (complaints.has_error()) {
    decoded.refused = std::move(meta_of(object));
  } else {
    decoded.object = std::move(object);
  }
  decoded.problems = complaints.take();
  return decoded;
}

}  // namespace porter::model
