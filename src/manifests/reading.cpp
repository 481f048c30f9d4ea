// SPDX-License-Identifier: Apache-2.0
#include "manifests/reading.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <utility>

namespace porter::manifests {
namespace {

constexpr std::size_t kEventsAStep = 500;
constexpr std::size_t kItemsAStep = 4;

// The items of a List; null: the document is an object itself.
const Tree* items_of(const Tree& document) {
  const Tree& kind = document["kind"];
  const Tree* const items = document.find("items");
  const bool is_list = kind.is_string() && kind.text().ends_with("List");
  return is_list && items != nullptr && items->is_list() ? items : nullptr;
}

// Items of a ServiceList do not say what they are: that is said once, above them.
Tree completed(const Tree& item, const Tree& list) {
  Tree object = item;
  const std::string& kind = list["kind"].text();
  if (kind == "List" || !item.is_map()) return object;
  for (const std::string_view key : {"apiVersion", "kind"}) {
    if (item.find(key) != nullptr) continue;
    Tree value = key == "kind" ? Tree{kind.substr(0, kind.size() - 4)} : list[key];
    value.set_line(item.line());
    object.add_entry(std::string{key}, std::move(value), item.line());
  }
  return object;
}

ObjectRead read_object(const Tree& document) {
  return ObjectRead{.decoded = model::decode(document), .line = document.line()};
}

}  // namespace

bool is_manifest_name(std::string_view name) {
  constexpr std::array<std::string_view, 3> kEndings{".yaml", ".yml", ".json"};
  if (name.starts_with('.') || name.starts_with('#')) return false;
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return name.ends_with(ending); });
}

std::uint64_t hash_of(std::string_view text) {
  return std::max<std::uint64_t>(std::hash<std::string_view>{}(text), 1);
}

DocumentReader::DocumentReader(std::string_view text, unsigned first_line)
    : parser_{text, first_line} {}

bool DocumentReader::step() {
  if (error_) return true;
  if (!tree_) {
    if (!parser_.step(kEventsAStep)) return false;
    auto tree = parser_.take();
    if (!tree) {
      error_ = std::move(tree.error());
      return true;
    }
    tree_ = *std::move(tree);
  }
  if (tree_->is_null()) return true;
  const Tree* const items = items_of(*tree_);
  if (items == nullptr) {
    if (objects_.empty()) objects_.push_back(read_object(*tree_));
    return true;
  }
  const std::size_t end = std::min(next_ + kItemsAStep, items->items().size());
  for (; next_ < end; ++next_)
    objects_.push_back(read_object(completed(items->items()[next_], *tree_)));
  return next_ == items->items().size();
}

Result<std::vector<ObjectRead>, YamlError> DocumentReader::take() {
  if (error_) return Failure<YamlError>{*std::move(error_)};
  return std::move(objects_);
}

}  // namespace porter::manifests
