// SPDX-License-Identifier: Apache-2.0
#include "model/reader.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/meta.hpp"
#include "model/names.hpp"

namespace porter::model {

Reader::Reader(const Tree& tree, std::string path, Complaints& complaints)
    : tree_{tree}, path_{std::move(path)}, complaints_{complaints} {
  if (!tree_.is_map() && !tree_.is_null())
    complaints_.error(path_, tree_.line(), fmt::format("{}: must be a map", found(tree_)));
}

std::string Reader::path_of(std::string_view name) const {
  return join_path(path_, name);
}

void Reader::refuse(std::string_view name, std::string message) const {
  const Tree& tree = tree_[name];
  complaints_.error(path_of(name), tree.is_null() ? tree_.line() : tree.line(), std::move(message));
}

std::optional<std::string> Reader::text(std::string_view name) const {
  const Tree& tree = tree_[name];
  if (tree.is_null()) return std::nullopt;
  if (tree.is_string()) return tree.text();
  const bool is_scalar = tree.kind() == Tree::Kind::Number || tree.kind() == Tree::Kind::Bool;
  refuse(name,
         fmt::format("{}: must be a text{}", found(tree), is_scalar ? "; put it in quotes" : ""));
  return std::nullopt;
}

std::optional<bool> Reader::boolean(std::string_view name) const {
  const Tree& tree = tree_[name];
  if (tree.is_null()) return std::nullopt;
  if (tree.kind() == Tree::Kind::Bool) return tree.as_bool();
  refuse(name, fmt::format("{}: must be true or false", found(tree)));
  return std::nullopt;
}

std::optional<std::int64_t> Reader::integer(std::string_view name, const Bounds& bounds) const {
  const Tree& tree = tree_[name];
  if (tree.is_null()) return std::nullopt;
  const std::optional<std::int64_t> number = integer_of(tree);
  if (number && *number >= bounds.least && *number <= bounds.most) return number;
  refuse(name, fmt::format("{}: must be a whole number from {} to {}", found(tree), bounds.least,
                           bounds.most));
  return std::nullopt;
}

std::optional<std::size_t> Reader::choice(std::string_view name, Words words) const {
  const std::optional<std::string> word = text(name);
  if (!word || word->empty()) return std::nullopt;
  const auto place = std::find(words.begin(), words.end(), *word);
  if (place != words.end()) return static_cast<std::size_t>(place - words.begin());
  refuse(name, fmt::format("{}: must be {}", shown(*word), one_of(words)));
  return std::nullopt;
}

Reader Reader::group(std::string_view name) const {
  return Reader{tree_[name], path_of(name), complaints_};
}

std::vector<Reader> Reader::groups(std::string_view name) const {
  std::vector<Reader> groups;
  for (const Place& item : items(name))
    groups.emplace_back(item.tree, item.path, complaints_);
  return groups;
}

std::vector<Place> Reader::items(std::string_view name) const {
  const Tree& tree = tree_[name];
  if (!tree.is_list()) {
    if (!tree.is_null()) refuse(name, fmt::format("{}: must be a list", found(tree)));
    return {};
  }
  std::vector<Place> places;
  places.reserve(tree.items().size());
  for (std::size_t i = 0; i < tree.items().size(); ++i) {
    places.push_back(
        Place{.path = fmt::format("{}[{}]", path_of(name), i), .tree = tree.items()[i]});
  }
  return places;
}

StringMap Reader::string_map(std::string_view name) const {
  return read_string_map(tree_[name], path_of(name), complaints_);
}

}  // namespace porter::model
