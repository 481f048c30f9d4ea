// SPDX-License-Identifier: Apache-2.0
#include "model/meta.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/names.hpp"
#include "model/schema.hpp"
#include "model/time_text.hpp"
#include "model/value.hpp"

namespace porter::model {
namespace {

constexpr std::array<std::string_view, 15> kNames{"name",
                                                  "namespace",
                                                  "labels",
                                                  "annotations",
                                                  "uid",
                                                  "generation",
                                                  "finalizers",
                                                  "creationTimestamp",
                                                  "deletionTimestamp",
                                                  "generateName",
                                                  "resourceVersion",
                                                  "deletionGracePeriodSeconds",
                                                  "selfLink",
                                                  "ownerReferences",
                                                  "managedFields"};

struct NameRule {
  bool (*is_valid)(std::string_view);
  std::string_view words;
};

NameRule rule_of(Kind kind) {
  if (kind == Kind::Namespace || kind == Kind::Service)
    return {.is_valid = is_dns_label, .words = "lower-case letters, digits and '-', at most 63"};
  return {.is_valid = is_dns_subdomain,
          .words = "lower-case letters, digits, '-' and '.', at most 253"};
}

class MetaReader {
 public:
  MetaReader(const Tree& tree, Kind kind, Complaints& complaints)
      : tree_{tree}, kind_{kind}, complaints_{complaints} {}

  Meta read(ApiVersion version) {
    Meta meta;
    meta.written_as = version;
    meta.name.name = name();
    if (is_namespaced(kind_)) meta.name.ns = namespace_name();
    meta.labels = read_string_map(tree_["labels"], "metadata.labels", complaints_);
    meta.annotations = read_string_map(tree_["annotations"], "metadata.annotations", complaints_);
    meta.uid = text("uid");
    if (meta.uid.empty()) meta.uid = to_string(meta.name);
    meta.created = time("creationTimestamp").value_or(0);
    meta.deleting = time("deletionTimestamp").has_value();
    for (const Tree& finalizer : tree_["finalizers"].items())
      meta.finalizers.push_back(finalizer.text());
    const Tree& generation = tree_["generation"];
    if (!generation.is_null()) meta.generation = read_generation(generation);
    return meta;
  }

  void complain_about_unknown() {
    for (const Tree::Entry& entry : tree_.entries()) {
      if (std::find(kNames.begin(), kNames.end(), entry.key) == kNames.end())
        complain_unknown("metadata", entry, kNames, complaints_);
    }
  }

 private:
  void refuse(std::string_view name, unsigned line, std::string message) {
    complaints_.error(fmt::format("metadata.{}", name), line, std::move(message));
  }

  std::string text(std::string_view name) {
    const Tree& tree = tree_[name];
    if (tree.is_null() || tree.is_string()) return tree.text();
    refuse(name, tree.line(), fmt::format("{}: must be a text; put it in quotes", found(tree)));
    return {};
  }

  std::string name() {
    const Tree& tree = tree_["name"];
    const bool is_missing = tree.is_null() || (tree.is_string() && tree.text().empty());
    std::string name = text("name");
    const NameRule rule = rule_of(kind_);
    if (is_missing) {
      refuse("name", tree_.line(), "is required");
    } else if (tree.is_string() && !rule.is_valid(name)) {
      refuse("name", tree.line(), fmt::format("{}: must be {}", shown(name), rule.words));
    }
    return name;
  }

  std::string namespace_name() {
    std::string ns = text("namespace");
    if (ns.empty()) return "default";
    if (!is_dns_label(ns)) {
      refuse("namespace", tree_["namespace"].line(),
             fmt::format("{}: must be {}", shown(ns), rule_of(Kind::Namespace).words));
    }
    return ns;
  }

  std::optional<std::int64_t> time(std::string_view name) {
    const Tree& tree = tree_[name];
    if (tree.is_null()) return std::nullopt;
    std::optional<std::int64_t> seconds;
    if (tree.is_string()) seconds = parse_time(tree.text());
    if (!seconds) {
      refuse(name, tree.line(),
             fmt::format("{}: must be a time like 2024-05-01T10:00:00Z", found(tree)));
    }
    return seconds;
  }

  std::int64_t read_generation(const Tree& tree) {
    const std::optional<std::int64_t> number = integer_of(tree);
    if (!number) {
      refuse("generation", tree.line(), fmt::format("{}: must be a whole number", found(tree)));
    }
    return number.value_or(0);
  }

  const Tree& tree_;
  Kind kind_;
  Complaints& complaints_;
};

}  // namespace

Meta read_meta(const Tree& document, Kind kind, ApiVersion version, Complaints& complaints) {
  const Tree& tree = document["metadata"];
  if (!tree.is_map()) {
    complaints.error("metadata", tree.is_null() ? document.line() : tree.line(),
                     tree.is_null() ? "is required, with a name" : found(tree) + ": must be a map");
    return {};
  }
  MetaReader reader{tree, kind, complaints};
  if (schema_of(kind) != nullptr) reader.complain_about_unknown();
  return reader.read(version);
}

std::optional<ObjectKey> key_from(const Tree& document, Kind kind) {
  const Tree& name = document.at_path("metadata.name");
  if (!name.is_string() || name.text().empty()) return std::nullopt;
  NamespacedName full{.ns = {}, .name = name.text()};
  if (is_namespaced(kind)) {
    const Tree& ns = document.at_path("metadata.namespace");
    full.ns = ns.is_string() && !ns.text().empty() ? ns.text() : "default";
  }
  return ObjectKey{.kind = kind, .name = std::move(full)};
}

StringMap read_string_map(const Tree& tree, const std::string& path, Complaints& complaints) {
  StringMap map;
  if (tree.is_null()) return map;
  if (!tree.is_map()) {
    complaints.error(path, tree.line(),
                     fmt::format("{}: must be a map from text to text", found(tree)));
    return map;
  }
  for (const Tree::Entry& entry : tree.entries()) {
    if (!entry.value.is_null() && !entry.value.is_string()) {
      complaints.error(fmt::format("{}[{}]", path, shown(entry.key)), entry.value.line(),
                       fmt::format("{}: must be a text; put it in quotes", found(entry.value)));
      continue;
    }
    map[entry.key] = entry.value.text();
  }
  return map;
}

}  // namespace porter::model
