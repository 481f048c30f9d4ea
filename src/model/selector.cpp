// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/names.hpp"
#include "model/value.hpp"

// metav1.LabelSelector from its tree, with the checks the API server makes.
namespace porter::model {
namespace {

constexpr std::array<std::string_view, 2> kSelectorNames{"matchLabels", "matchExpressions"};
constexpr std::array<std::string_view, 3> kRequirementNames{"key", "operator", "values"};
// In the order of Requirement::Operator.
constexpr std::array<std::string_view, 4> kOperators{"In", "NotIn", "Exists", "DoesNotExist"};

void refuse(const Place& place, Complaints& complaints, std::string message) {
  complaints.error(place.path, place.tree.line(), std::move(message));
}

bool check_key(const Place& place, std::string_view key, Complaints& complaints) {
  if (is_label_key(key)) return true;
  refuse(place, complaints,
         fmt::format("{}: not a label key, like app or example.com/app", shown(key)));
  return false;
}

// A null is an empty text to Kubernetes' clients.
std::optional<std::string> read_label_value(const Place& place, Complaints& complaints) {
  if (place.tree.is_null()) return std::string{};
  if (!place.tree.is_string()) {
    refuse(place, complaints,
           fmt::format("{}: the value of a label must be a text; put it in quotes",
                       found(place.tree)));
    return std::nullopt;
  }
  if (is_label_value(place.tree.text())) return place.tree.text();
  refuse(place, complaints,
         fmt::format("{}: not the value of a label: letters, digits, '-', '_' and '.', at most 63",
                     shown(place.tree.text())));
  return std::nullopt;
}

void read_labels(const Place& place, Selector& selector, Complaints& complaints) {
  if (place.tree.is_null()) return;
  if (!place.tree.is_map())
    return refuse(place, complaints, fmt::format("{}: must be a map of labels", found(place.tree)));
  for (const Tree::Entry& entry : place.tree.entries()) {
    const Place inner{.path = join_path(place.path, entry.key), .tree = entry.value};
    std::optional<std::string> value = read_label_value(inner, complaints);
    if (!check_key(inner, entry.key, complaints) || !value) continue;
    selector.requirements.push_back(Requirement{
        .key = entry.key, .op = Requirement::Operator::In, .values = {std::move(*value)}});
  }
}

// Only a LabelSelector holds a map or a list.
bool is_plain_map(const Tree& tree) {
  return tree.is_map() &&
         std::none_of(tree.entries().begin(), tree.entries().end(), [](const Tree::Entry& entry) {
           return entry.value.is_map() || entry.value.is_list();
         });
}

void read_values(const Place& place, Requirement& requirement, Complaints& complaints) {
  const bool needs_values =
      requirement.op == Requirement::Operator::In || requirement.op == Requirement::Operator::NotIn;
  if (!place.tree.is_null() && !place.tree.is_list())
    return refuse(place, complaints,
                  fmt::format("{}: must be a list of values", found(place.tree)));
  const std::size_t count = place.tree.items().size();
  const std::string_view op = kOperators.at(static_cast<std::size_t>(requirement.op));
  if (needs_values && count == 0)
    return refuse(place, complaints, fmt::format("{} needs at least one value", op));
  if (!needs_values && count > 0)
    return refuse(place, complaints, fmt::format("{} takes no values", op));
  for (std::size_t i = 0; i < count; ++i) {
    const Place inner{.path = fmt::format("{}[{}]", place.path, i), .tree = place.tree.items()[i]};
    std::optional<std::string> value = read_label_value(inner, complaints);
    if (value) requirement.values.push_back(std::move(*value));
  }
}

void read_requirement(const Place& place, Selector& selector, Complaints& complaints) {
  if (!place.tree.is_map())
    return refuse(
        place, complaints,
        fmt::format("{}: must be a map with key, operator and values", found(place.tree)));
  for (const Tree::Entry& entry : place.tree.entries()) {
    if (std::find(kRequirementNames.begin(), kRequirementNames.end(), entry.key) ==
        kRequirementNames.end())
      complain_unknown(place.path, entry, kRequirementNames, complaints);
  }
  const Tree& key = place.tree["key"];
  const Place key_place{.path = place.path + ".key", .tree = key.is_null() ? place.tree : key};
  if (!key.is_string()) return refuse(key_place, complaints, "a label key is required");
  if (!check_key(key_place, key.text(), complaints)) return;
  const Tree& word = place.tree["operator"];
  const auto op = std::find(kOperators.begin(), kOperators.end(), word.text());
  if (!word.is_string() || op == kOperators.end()) {
    const Place op_place{.path = place.path + ".operator",
                         .tree = word.is_null() ? place.tree : word};
    return refuse(op_place, complaints,
                  fmt::format("{}: must be {}", found(word), one_of(kOperators)));
  }
  Requirement requirement{.key = key.text(),
                          .op = static_cast<Requirement::Operator>(op - kOperators.begin()),
                          .values = {}};
  const Tree& values = place.tree["values"];
  Tree none = Tree::list();
  none.set_line(word.line());
  read_values({.path = place.path + ".values", .tree = values.is_null() ? none : values},
              requirement, complaints);
  selector.requirements.push_back(std::move(requirement));
}

}  // namespace

std::optional<Selector> read_selector(const Place& place, Complaints& complaints) {
  if (!place.tree.is_map()) {
    refuse(place, complaints,
           fmt::format("{}: must be a label selector with matchLabels or matchExpressions",
                       found(place.tree)));
    return std::nullopt;
  }
  Selector selector;
  for (const Tree::Entry& entry : place.tree.entries()) {
    const Place inner{.path = join_path(place.path, entry.key), .tree = entry.value};
    if (entry.key == "matchLabels") {
      read_labels(inner, selector, complaints);
    } else if (entry.key == "matchExpressions" && entry.value.is_list()) {
      for (std::size_t i = 0; i < entry.value.items().size(); ++i) {
        const Place item{.path = fmt::format("{}[{}]", inner.path, i),
                         .tree = entry.value.items()[i]};
        read_requirement(item, selector, complaints);
      }
    } else if (entry.key == "matchExpressions") {
      if (!entry.value.is_null())
        refuse(inner, complaints, fmt::format("{}: must be a list", found(entry.value)));
    } else if (entry.value.is_string()) {
      complaints.warn("UnknownField", inner.path, entry.key_line,
                      "unknown field; labels stand below matchLabels");
    } else {
      complain_unknown(place.path, entry, kSelectorNames, complaints);
    }
  }
  return selector;
}

std::optional<Selector> read_selector_or_map(const Place& place, Complaints& complaints) {
  if (!is_plain_map(place.tree)) return read_selector(place, complaints);
  Selector selector;
  read_labels(place, selector, complaints);
  return selector;
}

}  // namespace porter::model
