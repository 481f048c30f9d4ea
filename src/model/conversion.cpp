// SPDX-License-Identifier: Apache-2.0
#include "model/conversion.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "model/conversion_leaves.hpp"
#include "model/json.hpp"
#include "model/schema.hpp"

namespace porter::model {
namespace {

constexpr std::string_view kOld = "network.kubesphere.io/v1alpha1";
constexpr std::string_view kNew = "network.kubesphere.io/v1alpha2";

// --- whole specs ---

Tree up(Kind kind, const Tree& old_spec) {
  Tree spec = Tree::map();
  for (const Leaf& leaf : leaves()) {
    if (leaf.kind != kind) continue;
    if (const Wish wish = leaf.up(leaf, old_spec)) spec = leaf.put_new(leaf, spec, wish);
  }
  return spec;
}

Tree down(Kind kind, const Tree& new_spec) {
  Tree spec = Tree::map();
  for (const Leaf& leaf : leaves()) {
    if (leaf.kind != kind) continue;
    if (const Wish wish = leaf.down(leaf, new_spec)) spec = placed(spec, leaf.old_path, wish);
  }
  return spec;
}

bool is_same(const Wish& left, const Wish& right) {
  if (!left || !right) return left.has_value() == right.has_value();
  return model::is_same(*left, *right);
}

// The API server writes the defaults of the v1alpha1 schema into what passes through it as
// v1alpha1: that is nobody's edit.
bool is_filled_in(const Leaf& leaf, const Wish& before, const Wish& now) {
  if (before || !now) return false;
  const Field* const field = find_field(
      *schema_of(leaf.kind), fmt::format("spec.{}", leaf.old_path), ApiVersion::V1alpha1);
  return field != nullptr && !field->fallback.empty() && now->text() == field->fallback;
}

// What v1alpha2 wrote, with what was edited as v1alpha1 since.
Tree edited_new(Kind kind, Tree written, const Tree& old_spec) {
  const Tree before = down(kind, written);
  for (const Leaf& leaf : leaves()) {
    if (leaf.kind != kind) continue;
    const Wish then = leaf.up(leaf, before);
    const Wish now = leaf.up(leaf, old_spec);
    if (is_same(then, now) || is_filled_in(leaf, then, now)) continue;
    written = leaf.put_new(leaf, written, now);
  }
  return written;
}

// What v1alpha1 wrote, with what was edited as v1alpha2 since.
Tree edited_old(Kind kind, Tree written, const Tree& new_spec) {
  const Tree before = up(kind, written);
  for (const Leaf& leaf : leaves()) {
    if (leaf.kind != kind || leaf.old_path.empty()) continue;
    const Wish now = leaf.down(leaf, new_spec);
    if (!is_same(leaf.down(leaf, before), now)) written = placed(written, leaf.old_path, now);
  }
  return written;
}

// --- documents ---

std::optional<Tree> spec_in(const Tree& document, std::string_view annotation) {
  const Tree& text = document["metadata"]["annotations"][annotation];
  if (!text.is_string()) return std::nullopt;
  Result<Tree> spec = parse_json(text.text());
  if (!spec || !spec->is_map()) return std::nullopt;
  return std::move(*spec);
}

Tree with_annotation(const Tree& metadata, std::string_view key, const Wish& value) {
  Tree annotations = Tree::map();
  bool is_there = false;
  for (const Tree::Entry& entry : metadata["annotations"].entries()) {
    if (entry.key != key) {
      annotations.add_entry(entry.key, entry.value, 0);
    } else if (value) {
      annotations.add_entry(entry.key, *value, 0);
      is_there = true;
    }
  }
  if (value && !is_there) annotations.add_entry(std::string{key}, *value, 0);
  const bool is_empty = annotations.entries().empty();
  return placed(metadata, "annotations", is_empty ? std::nullopt : Wish{std::move(annotations)});
}

struct Answer {
  Tree spec;
  bool keeps_old = false;  // the annotation of v1alpha1 stays as it is
  Wish old_fields;         // what the annotations say; none: there is none
  Wish new_fields;
};

Answer to_new(Kind kind, const Tree& document) {
  const Tree& spec = document["spec"];
  const std::optional<Tree> written = spec_in(document, kV1alpha2Annotation);
  const bool was_old = document["metadata"]["annotations"].find(kV1alpha1Annotation) != nullptr;
  Answer answer{.spec = written ? edited_new(kind, *written, spec) : up(kind, spec),
                .old_fields = std::nullopt,
                .new_fields = std::nullopt};
  if (!written || was_old || !model::is_same(down(kind, answer.spec), spec))
    answer.old_fields = to_json(spec, 0);
  return answer;
}

Answer to_old(Kind kind, const Tree& document) {
  const Tree& spec = document["spec"];
  const std::optional<Tree> written = spec_in(document, kV1alpha1Annotation);
  Answer answer{.spec = written ? edited_old(kind, *written, spec) : down(kind, spec),
                .old_fields = std::nullopt,
                .new_fields = std::nullopt};
  if (written && model::is_same(up(kind, answer.spec), spec)) return answer;
  answer.new_fields = to_json(spec, 0);
  answer.keeps_old = written.has_value();
  return answer;
}

Tree answered(const Tree& document, std::string_view api_version, Answer answer) {
  Tree metadata = document["metadata"];
  if (!answer.keeps_old)
    metadata = with_annotation(metadata, kV1alpha1Annotation, answer.old_fields);
  metadata = with_annotation(metadata, kV1alpha2Annotation, answer.new_fields);
  Tree result = document;
  result.set("apiVersion", api_version).set("metadata", std::move(metadata));
  return result.set("spec", std::move(answer.spec));
}

// Of those that have both versions.
std::optional<Kind> kind_of_two(const std::string& name) {
  const std::optional<Kind> kind = kind_named(name);
  if (kind == Kind::Eip || kind == Kind::BgpConf || kind == Kind::BgpPeer) return kind;
  return std::nullopt;
}

}  // namespace

bool is_same(const Tree& left, const Tree& right) {
  if (left.kind() != right.kind() || left.text() != right.text()) return false;
  if (left.is_list()) {
    return std::equal(left.items().begin(), left.items().end(), right.items().begin(),
                      right.items().end(),
                      [](const Tree& one, const Tree& other) { return is_same(one, other); });
  }
  const auto sorted = [](const Tree::Map& map) {
    std::vector<const Tree::Entry*> entries;
    entries.reserve(map.size());
    for (const Tree::Entry& entry : map)
      entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(), [](const Tree::Entry* one, const Tree::Entry* other) {
      return one->key < other->key;
    });
    return entries;
  };
  const std::vector<const Tree::Entry*> ours = sorted(left.entries());
  const std::vector<const Tree::Entry*> theirs = sorted(right.entries());
  return std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                    [](const Tree::Entry* one, const Tree::Entry* other) {
                      return one->key == other->key && is_same(one->value, other->value);
                    });
}

Result<Tree> convert(const Tree& document, std::string_view api_version) {
  const std::string& name = document["kind"].text();
  const std::string& written_as = document["apiVersion"].text();
  const std::optional<Kind> kind = kind_of_two(name);
  if (!kind) return fail(Errc::Invalid, fmt::format("{}: not a kind of two versions", shown(name)));
  for (const std::string_view version : {std::string_view{written_as}, api_version}) {
    if (version == kOld || version == kNew) continue;
    return fail(Errc::Invalid, fmt::format("{}: must be {} or {}", shown(version), kOld, kNew));
  }
  if (written_as == api_version) return document;
  if (!document["spec"].is_map() || !document["metadata"].is_map()) {
    Tree result = document;  // nothing that the versions could say differently
    result.set("apiVersion", api_version);
    return result;
  }
  return answered(document, api_version,
                  api_version == kNew ? to_new(*kind, document) : to_old(*kind, document));
}

}  // namespace porter::model
