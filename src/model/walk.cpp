// SPDX-License-Identifier: Apache-2.0
#include "model/walk.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "model/names.hpp"
#include "model/value.hpp"

namespace porter::model {
namespace {

constexpr std::size_t kLongestList = 10'000;

class Walker {
 public:
  Walker(const Schema& schema, ApiVersion version, Object& object, Complaints& complaints)
      : schema_{schema}, version_{version}, object_{object}, complaints_{complaints} {}

  // The children of a map: `path` in the table, `place` as its author sees it.
  void read_group(std::string_view path, const Place& place) {
    std::set<std::string_view> seen;
    for (const Tree::Entry& entry : place.tree.entries()) {
      if (path.empty() && is_common(entry.key)) continue;
      const Place inner{.path = join_path(place.path, entry.key), .tree = entry.value};
      const Field* const field = find_field(schema_, child_path(path, entry.key), version_);
      if (field == nullptr) {
        complain_about(path, place, entry);
      } else if (!seen.insert(entry.key).second) {
        complaints_.error(inner.path, entry.key_line, "is there twice");
      } else if (!entry.value.is_null()) {
        read_field(*field, inner);
      }
    }
    demand_required(path, place);
  }

 private:
  static bool is_common(std::string_view key) {
    return key == "apiVersion" || key == "kind" || key == "metadata";
  }

  static std::string child_path(std::string_view path, std::string_view key) {
    return path.empty() ? std::string{key} : fmt::format("{}.{}", path, key);
  }

  void read_field(const Field& field, const Place& place) {
    switch (field.type) {
      case FieldType::Opaque: return;
      case FieldType::Group: return enter_group(field, place);
      case FieldType::List: return read_list(field, place);
      default: break;
    }
    std::optional<Value> value = read_value(place, field, complaints_);
    if (!value) return;
    if (field.support != Support::Full) return explain_ignored(field, place);
    set(field, std::move(*value));
  }

  void set(const Field& field, Value&& value) {
    if (field.set != nullptr) field.set(object_, std::move(value));
  }

  void enter_group(const Field& field, const Place& place) {
    if (!place.tree.is_map()) {
      return complaints_.error(place.path, place.tree.line(),
                               fmt::format("{}: must be a map", found(place.tree)));
    }
    set(field, Value{});
    read_group(field.path, place);
  }

  void read_list(const Field& field, const Place& place) {
    if (!place.tree.is_list()) {
      return complaints_.error(place.path, place.tree.line(),
                               fmt::format("{}: must be a list", found(place.tree)));
    }
    const Tree::List& items = place.tree.items();
    if (items.size() > kLongestList) {
      return complaints_.error(place.path, place.tree.line(),
                               fmt::format("{} elements: at most {}", items.size(), kLongestList));
    }
    if (field.support != Support::Full) return explain_ignored(field, place);
    const Field* const element = find_field(schema_, fmt::format("{}[]", field.path), version_);
    PORTER_ASSERT(element != nullptr);
    for (std::size_t i = 0; i < items.size(); ++i) {
      read_field(*element, {.path = fmt::format("{}[{}]", place.path, i), .tree = items[i]});
    }
  }

  // Said only where the author expects something: a value that asks for nothing gets what it asks
  // for.
  void explain_ignored(const Field& field, const Place& place) {
    const Tree& tree = place.tree;
    const bool asks_for_nothing = tree.text() == "false" || tree.text() == "0" ||
                                  (tree.is_list() && tree.items().empty()) ||
                                  (tree.is_string() && tree.text().empty());
    if (asks_for_nothing) return;
    const std::string message = field.support == Support::Later
                                    ? "has no effect yet: this release does not have it"
                                    : fmt::format("has no effect: {}", field.doc);
    complaints_.warn("FieldIgnored", place.path, tree.line(), message);
  }

  void complain_about(std::string_view path, const Place& place, const Tree::Entry& entry) {
    const ApiVersion other =
        version_ == ApiVersion::V1alpha1 ? ApiVersion::V1alpha2 : ApiVersion::V1alpha1;
    const std::string written = child_path(path, entry.key);
    if (find_field(schema_, written, other) != nullptr)
      return explain_version(twin_of(schema_.kind, written, other), place, entry);
    std::vector<std::string_view> names = names_below(schema_, path, version_);
    if (path.empty()) names.insert(names.end(), {"apiVersion", "kind", "metadata"});
    // A slip in a field of the other version: `addAaths` for its `addPaths`.
    if (nearest(entry.key, names).empty()) {
      const std::string_view meant = nearest(entry.key, names_below(schema_, path, other));
      const std::string_view twin = twin_of(schema_.kind, child_path(path, meant), other);
      if (!meant.empty() && !twin.empty()) {
        return complaints_.warn("UnknownField", join_path(place.path, entry.key), entry.key_line,
                                fmt::format("unknown field, did you mean {}?", twin));
      }
    }
    complain_unknown(place.path, entry, names, complaints_);
  }

  void explain_version(std::string_view twin, const Place& place, const Tree::Entry& entry) {
    const bool is_old = version_ == ApiVersion::V1alpha1;
    const std::string_view ours = is_old ? "v1alpha1" : "v1alpha2";
    const std::string_view theirs = is_old ? "v1alpha2" : "v1alpha1";
    complaints_.warn("UnknownField", join_path(place.path, entry.key), entry.key_line,
                     twin.empty()
                         ? fmt::format("unknown field in {}; it is one of {}", ours, theirs)
                         : fmt::format("unknown field in {}, did you mean {}?", ours, twin));
  }

  void demand_required(std::string_view path, const Place& place) {
    for (const Field& field : schema_.fields) {
      if (!field.required || !is_in(field.versions, version_) || !is_child(field.path, path))
        continue;
      const std::string_view name = last_name(field.path);
      if (!place.tree[name].is_null()) continue;
      complaints_.error(join_path(place.path, name), place.tree.line(), "is required");
    }
  }

  const Schema& schema_;
  ApiVersion version_;
  Object& object_;
  Complaints& complaints_;
};

}  // namespace

void walk(const Tree& document, const Schema& schema, ApiVersion version, Object& object,
          Complaints& complaints) {
  Walker{schema, version, object, complaints}.read_group("", {.path = "", .tree = document});
}

}  // namespace porter::model
