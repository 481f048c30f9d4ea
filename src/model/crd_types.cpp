// SPDX-License-Identifier: Apache-2.0
#include "model/crd_types.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace porter::model {
namespace {

constexpr int kMostLabels = 64;
constexpr int kLongestKey = 317;  // "prefix/name"
constexpr int kLongestLabel = 63;
constexpr std::string_view kName =
    R"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)";
constexpr std::string_view kNumber = "(0|[1-9][0-9]{0,9})";

// The default as a value. None: the table describes it in words, or there is none. Where a text of
// digits would do as well, the clients of OpenELB expect the text, and nobody needs the default.
std::optional<Tree> default_of(const Field& field) {
  if (field.support != Support::Full || field.required) return std::nullopt;
  const std::string_view text = field.fallback;
  if (field.type == FieldType::Bool && (text == "true" || text == "false"))
    return Tree{text == "true"};
  if (field.type == FieldType::Choice &&
      std::find(field.words.begin(), field.words.end(), text) != field.words.end())
    return Tree{text};
  if (field.type != FieldType::Integer) return std::nullopt;
  std::int64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (text.empty() || error != std::errc{} || end != last) return std::nullopt;
  return Tree{number};
}

void bounds_into(const Bounds& bounds, Tree& tree) {
  static constexpr Bounds kAny;
  if (bounds.least != kAny.least) tree.set("minimum", bounds.least);
  if (bounds.most != kAny.most) tree.set("maximum", bounds.most);
}

void integer_into(const Bounds& bounds, Tree& tree) {
  tree.set("type", "integer").set("format", "int64");
  bounds_into(bounds, tree);
}

struct TextRule {
  int longest = 4096;
  std::string pattern;  // of the whole text; empty: any
};

TextRule text_rule(FieldType type) {
  switch (type) {
    case FieldType::Password: return {.longest = 80, .pattern = ""};  // as TCP-MD5 takes them
    case FieldType::Name: return {.longest = 253, .pattern = std::string{kName}};
    case FieldType::PoolInterface: return {.longest = 64, .pattern = ""};
    case FieldType::Address: return {.longest = 45, .pattern = "[0-9A-Fa-f.:]+"};
    case FieldType::ZonedAddress:
      return {.longest = 61, .pattern = "[0-9A-Fa-f.:]+(%[!-~]{1,15})?"};
    case FieldType::LocalAddress: return {.longest = 64, .pattern = ""};
    case FieldType::RouterId: return {.longest = 15, .pattern = R"(([0-9]{1,3}\.){3}[0-9]{1,3})"};
    case FieldType::Prefix: return {.longest = 64, .pattern = "[ 0-9A-Fa-f.:/]+"};
    case FieldType::Range: return {.longest = 128, .pattern = R"([\s0-9A-Fa-f.:/-]+)"};
    case FieldType::BgpCommunity:
      return {.longest = 40, .pattern = fmt::format("[a-z-]+|{0}:{0}(:{0})?", kNumber)};
    case FieldType::CommunityPattern:
      return {.longest = 40,
              .pattern = fmt::format(R"(\*|[a-z-]+|({0}|\*):({0}|\*)(:({0}|\*))?)", kNumber)};
    default: return {};
  }
}

// An empty text is what clients write for "not set": decode() takes it, except in lists.
void text_into(const Field& field, Tree& tree) {
  const TextRule rule = text_rule(field.type);
  const bool may_be_empty = !field.required && !field.path.ends_with("[]");
  tree.set("type", "string").set("maxLength", rule.longest);
  if (!may_be_empty) tree.set("minLength", 1);
  if (rule.pattern.empty()) return;
  tree.set("pattern", fmt::format("^({}){}$", rule.pattern, may_be_empty ? "?" : ""));
}

void digits_into(const Field& field, Tree& tree) {
  tree.set("x-kubernetes-int-or-string", true);
  bounds_into(field.bounds, tree);
  tree.set("maxLength", 10).set("pattern", "^[0-9]*$");
}

Tree text_tree(std::string_view doc, int longest) {
  return Tree::map().set("description", doc).set("type", "string").set("maxLength", longest);
}

Tree requirement() {
  Tree values = Tree::map();
  values.set("description", "Of the label; for `In` and `NotIn` at least one, else none.")
      .set("type", "array")
      .set("maxItems", kMostLabels)
      .set("items", Tree::map().set("type", "string").set("maxLength", kLongestLabel));
  Tree properties = Tree::map();
  properties.set("key", text_tree("The key of the label.", kLongestKey))
      .set("operator", Tree::map()
                           .set("description", "What is asked of the label.")
                           .set("type", "string")
                           .set("enum", Tree::list().push("In").push("NotIn").push("Exists").push(
                                            "DoesNotExist")))
      .set("values", std::move(values));
  return Tree::map()
      .set("description", "One requirement.")
      .set("type", "object")
      .set("properties", std::move(properties))
      .set("required", Tree::list().push("key").push("operator"));
}

// metav1.LabelSelector. `SelectorOrMap` also takes OpenELB's plain map of labels, whose keys are
// anything.
void selector_into(FieldType type, Tree& tree) {
  Tree labels = Tree::map();
  labels.set("description", "Labels that must be there with these values.")
      .set("type", "object")
      .set("maxProperties", kMostLabels)
      .set("additionalProperties",
           Tree::map().set("type", "string").set("maxLength", kLongestLabel));
  Tree expressions = Tree::map();
  expressions.set("description", "Requirements that must all hold.")
      .set("type", "array")
      .set("maxItems", kMostLabels)
      .set("items", requirement());
  tree.set("type", "object");
  tree.set("properties", Tree::map()
                             .set("matchLabels", std::move(labels))
                             .set("matchExpressions", std::move(expressions)));
  whole_into(tree);
  if (type == FieldType::SelectorOrMap) {
    tree.set("maxProperties", kMostLabels);
    tree.set("x-kubernetes-preserve-unknown-fields", true);
  }
}

// metav1.Condition, one of each type: server-side apply merges them by it.
void conditions_into(Tree& tree) {
  Tree properties = Tree::map();
  Tree status = text_tree("Whether it is so.", 7);
  status.set("enum", Tree::list().push("True").push("False").push("Unknown"));
  properties.set("type", text_tree("What is claimed.", 316))
      .set("status", std::move(status))
      .set("reason", text_tree("Why, in one word; docs/reasons.md explains each.", 1024))
      .set("message", text_tree("Why, for people.", 32'768))
      .set("lastTransitionTime", Tree::map()
                                     .set("description", "Since when `status` is what it is.")
                                     .set("type", "string")
                                     .set("format", "date-time"))
      .set("observedGeneration", Tree::map()
                                     .set("description", "The generation this is said of.")
                                     .set("type", "integer")
                                     .set("format", "int64")
                                     .set("minimum", 0));
  tree.set("type", "array").set("maxItems", 32);
  tree.set("items", Tree::map()
                        .set("description", "One condition.")
                        .set("type", "object")
                        .set("properties", std::move(properties))
                        .set("required", Tree::list().push("type").push("status")));
  tree.set("x-kubernetes-list-type", "map");
  tree.set("x-kubernetes-list-map-keys", Tree::list().push("type"));
}

void map_into(Tree value, int longest, Tree& tree) {
  tree.set("type", "object").set("maxProperties", longest);
  tree.set("additionalProperties", std::move(value));
}

}  // namespace

std::string description_of(const Field& field) {
  std::string text{field.doc};
  if (field.support == Support::Later) text += " This release does not have it.";
  if (field.support == Support::Ignored) text = "Has no effect. " + text;
  if (!field.fallback.empty() && !default_of(field) && !field.required)
    text += fmt::format(" Default: {}.", field.fallback);
  const bool disturbs = field.edit == Edit::Session || field.edit == Edit::EverySession ||
                        field.edit == Edit::ListenSockets;
  if (disturbs) text += fmt::format(" An edit resets {}.", to_string(field.edit));
  return text;
}

void whole_into(Tree& tree) {
  tree.set("x-kubernetes-map-type", "atomic");
}

void type_into(const Field& field, Tree& tree) {
  switch (field.type) {
    case FieldType::Bool: tree.set("type", "boolean"); break;
    case FieldType::Integer: integer_into(field.bounds, tree); break;
    case FieldType::Digits: digits_into(field, tree); break;
    case FieldType::Choice: {
      Tree words = Tree::list();
      for (const std::string_view word : field.words)
        words.push(word);
      tree.set("type", "string").set("enum", std::move(words));
      break;
    }
    case FieldType::Time: tree.set("type", "string").set("format", "date-time"); break;
    case FieldType::Selector:
    case FieldType::SelectorOrMap: selector_into(field.type, tree); break;
    case FieldType::AsnMap: {
      Tree number = Tree::map();
      integer_into(field.bounds, number);
      map_into(std::move(number), kLongestList, tree);
      break;
    }
    case FieldType::TextMap: {
      Tree text = Tree::map();
      text.set("type", "string").set("maxLength", 4096);
      map_into(std::move(text), kLongestList, tree);
      whole_into(tree);
      break;
    }
    case FieldType::Conditions: conditions_into(tree); break;
    default: text_into(field, tree);
  }
  if (std::optional<Tree> value = default_of(field)) tree.set("default", std::move(*value));
}

}  // namespace porter::model
