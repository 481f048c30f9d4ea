// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

#include "base/tree.hpp"
#include "model/schema.hpp"

// For tests: arbitrary documents, drawn from the tables. Every field is of its type and within its
// bounds; what fields must be together is left to chance. `draw(n)` is a number from 0 to n - 1.
namespace porter::model {

class Arbitrary {
 public:
  using Draw = std::function<std::int64_t(std::int64_t)>;

  Arbitrary(Kind kind, ApiVersion version, Draw draw)
      : schema_{*schema_of(kind)}, version_{version}, draw_{std::move(draw)} {}

  [[nodiscard]] Tree document() const {
    Tree tree = Tree::map();
    tree.set("apiVersion", version_ == ApiVersion::V1alpha1 ? "network.kubesphere.io/v1alpha1"
                                                            : "network.kubesphere.io/v1alpha2");
    tree.set("kind", to_string(schema_.kind)).set("metadata", metadata());
    tree.set("spec", group("spec"));
    if (chance(5)) tree.set("status", Tree::map().set("ready", true));
    return tree;
  }

 private:
  [[nodiscard]] bool chance(std::int64_t of_ten) const { return draw_(10) < of_ten; }

  template <std::size_t N>
  [[nodiscard]] std::string one_of(const std::array<const char*, N>& words) const {
    return words.at(static_cast<std::size_t>(draw_(N)));
  }

  [[nodiscard]] std::string word() const {
    return one_of(std::array{"a", "lan", "wan-2", "shop", "x1"});
  }

  [[nodiscard]] Tree metadata() const {
    Tree tree = Tree::map();
    tree.set("name", word()).set("uid", "6f1c").set("generation", 3);
    if (chance(3)) tree.set("labels", Tree::map().set("app", word()));
    if (chance(4)) tree.set("annotations", Tree::map().set("example.com/\"note\"", word()));
    return tree;
  }

  [[nodiscard]] Tree group(std::string_view path) const {
    Tree tree = Tree::map();
    for (const Field& field : schema_.fields) {
      if (!is_in(field.versions, version_) || !is_child(field.path, path)) continue;
      if (field.required || chance(4)) tree.set(std::string{last_name(field.path)}, value(field));
    }
    return tree;
  }

  [[nodiscard]] Tree value(const Field& field) const {
    switch (field.type) {
      case FieldType::Group: return group(field.path);
      case FieldType::List: {
        Tree list = Tree::list();
        const Field& element = *find_field(schema_, std::string{field.path} + "[]", version_);
        const std::int64_t count = draw_(4);
        for (std::int64_t i = 0; i < count; ++i)
          list.push(value(element));
        return list;
      }
      case FieldType::Bool: return Tree{chance(5)};
      case FieldType::Integer: return number(field);
      case FieldType::Digits: return chance(5) ? number(field) : Tree{number(field).text()};
      case FieldType::Choice:
        return Tree{field.words[static_cast<std::size_t>(
            draw_(static_cast<std::int64_t>(field.words.size())))]};
      case FieldType::AsnMap: return Tree::map().set(word(), number(field));
      case FieldType::Selector:
      case FieldType::SelectorOrMap:
        return Tree::map().set("matchLabels", Tree::map().set("app", word()));
      default: return Tree{text(field.type)};
    }
  }

  // Small ones and those at the ends more often than others: most of what is special is there.
  [[nodiscard]] Tree number(const Field& field) const {
    const std::int64_t least = std::max<std::int64_t>(field.bounds.least, -4'000'000'000);
    const std::int64_t most = std::min<std::int64_t>(field.bounds.most, 5'000'000'000);
    if (chance(1)) return Tree{most};
    if (chance(1)) return Tree{std::clamp<std::int64_t>(0, least, most)};
    return Tree{least + draw_(std::min<std::int64_t>(most - least, 300) + 1)};
  }

  [[nodiscard]] std::string text(FieldType type) const {
    switch (type) {
      case FieldType::Name: return word();
      case FieldType::Address: return "2001:db8::17";
      case FieldType::ZonedAddress: return one_of(std::array{"192.0.2.1", "fe80::1%eth0"});
      case FieldType::LocalAddress:
      case FieldType::PoolInterface: return "eth0";
      case FieldType::RouterId: return "192.0.2.7";
      case FieldType::Prefix: return "192.0.2.0/28";
      case FieldType::Range:
        return one_of(std::array{"192.0.2.0/24", "10.0.0.1-10.0.0.9", "2001:db8::/64"});
      case FieldType::Time: return "2024-05-01T10:00:00Z";
      case FieldType::BgpCommunity: return "65000:100";
      case FieldType::CommunityPattern: return "65000:*";
      default: return one_of(std::array{"", "text", "two words", "\"quoted\"\n\xc3\xa9"});
    }
  }

  const Schema& schema_;
  ApiVersion version_;
  Draw draw_;
};

}  // namespace porter::model
