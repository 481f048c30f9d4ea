// SPDX-License-Identifier: Apache-2.0
#include "watch/item_reader.hpp"

#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace porter::watch {
namespace {

constexpr std::size_t kLongestWord = 64U << 10U;  // around the objects; a continue token is short
// In the order of WatchEvent::Type.
constexpr std::array<std::string_view, 5> kTypes{"ADDED", "MODIFIED", "DELETED", "BOOKMARK",
                                                 "ERROR"};

std::string_view named(Tree::Kind kind) {
  switch (kind) {
    case Tree::Kind::Null: return "null";
    case Tree::Kind::Bool: return "a boolean";
    case Tree::Kind::Number: return "a number";
    case Tree::Kind::String: return "a text";
    case Tree::Kind::List: return "a list";
    case Tree::Kind::Map: return "a map";
  }
  return "something else";
}

}  // namespace

ItemReader::ItemReader(Shape shape, ItemStream::Config config)
    : shape_{shape}, config_{std::move(config)}, builder_{config_.limits} {
  if (shape_ == Shape::Document) role_ = Role::Build;
}

bool ItemReader::key_part(std::string_view text) {
  return skipped_depth_ > 0 || append(text, is_building_);
}

bool ItemReader::part(std::string_view text) {
  return is_skipping() || append(text, is_building_ || role_ == Role::Build);
}

bool ItemReader::append(std::string_view text, bool is_of_object) {
  if (is_of_object) {
    if (!builder_.spend(text.size())) return refuse(builder_.error());
  } else if (text_.size() + text.size() > kLongestWord) {
    return refuse(Error{.code = Errc::Exhausted,
                        .message = fmt::format("a word of more than {} octets", kLongestWord)});
  }
  text_ += text;
  return true;
}

bool ItemReader::open(Tree container) {
  if (is_skipping()) {
    ++skipped_depth_;
    return true;
  }
  const bool is_map = container.is_map();
  if (is_building_) return builder_.open(std::move(container)) || refuse(builder_.error());
  switch (role_) {
    case Role::Root: is_complete_ = false; return enter(Place::Top, is_map, "a map");
    case Role::Metadata: return enter(Place::Metadata, is_map, "a map as metadata");
    case Role::Items: return enter(Place::Items, !is_map, "a list as items");
    case Role::Build:
      if (!is_map && shape_ != Shape::Document) return refuse("a list where an object should be");
      is_building_ = true;
      return builder_.open(std::move(container)) || refuse(builder_.error());
    default: return refuse(fmt::format("{} where a word should be", named(container.kind())));
  }
}

bool ItemReader::enter(Place place, bool fits, std::string_view expected) {
  if (!fits) return refuse(fmt::format("{} was expected", expected));
  places_.push_back(place);
  role_ = place == Place::Items ? Role::Build : Role::Skip;
  return true;
}

bool ItemReader::close() {
  if (skipped_depth_ > 0) {
    if (--skipped_depth_ == 0) skips_next_ = false;
    return true;
  }
  if (is_building_) {
    builder_.close();
    return !builder_.is_done() || built();
  }
  places_.pop_back();
  if (places_.empty()) return end_document();
  role_ = Role::Skip;  // until the next key says better
  return true;
}

bool ItemReader::key() {
  if (skipped_depth_ > 0) return true;
  std::string key = std::exchange(text_, {});
  if (!is_building_) {
    choose_role(key);
    return true;
  }
  if (!builder_.key(std::move(key))) return refuse(builder_.error());
  if (config_.managed_fields == ManagedFields::Drop && shape_ != Shape::Document &&
      builder_.is_at("metadata", "managedFields")) {
    builder_.drop_key();
    skips_next_ = true;
  }
  return true;
}

void ItemReader::choose_role(std::string_view key) {
  role_ = Role::Skip;
  const auto text_into = [&](std::string& target) {
    role_ = Role::Text;
    target_ = &target;
  };
  if (places_.back() == Place::Metadata) {
    if (key == "resourceVersion") text_into(end_.resource_version);
    if (key == "continue") text_into(end_.continue_token);
    if (key == "remainingItemCount") role_ = Role::Count;
  } else if (shape_ == Shape::List) {
    if (key == "apiVersion") text_into(api_version_);
    if (key == "kind") text_into(kind_);
    if (key == "metadata") role_ = Role::Metadata;
    if (key == "items") role_ = Role::Items;
  } else {
    if (key == "type") text_into(type_);
    if (key == "object") role_ = Role::Build;
  }
}

bool ItemReader::string() {
  return scalar(is_skipping() ? Tree{} : Tree{std::exchange(text_, {})});
}

bool ItemReader::number() {
  return scalar(is_skipping() ? Tree{} : Tree::number(std::exchange(text_, {})));
}

bool ItemReader::literal(Tree value) {
  return scalar(std::move(value));
}

bool ItemReader::scalar(Tree value) {
  if (skipped_depth_ > 0) return true;
  if (skips_next_) {
    skips_next_ = false;
    return true;
  }
  if (is_building_) return builder_.scalar(std::move(value)) || refuse(builder_.error());
  return keep(std::move(value));
}

// A scalar among what stands around the objects.
bool ItemReader::keep(Tree value) {
  switch (role_) {
    case Role::Skip: return true;
    case Role::Build:
      if (shape_ != Shape::Document)
        return refuse(fmt::format("{} where an object should be", named(value.kind())));
      if (!builder_.scalar(std::move(value))) return refuse(builder_.error());
      is_complete_ = true;
      return true;
    case Role::Text:
      if (value.is_null()) return true;
      if (!value.is_string())
        return refuse(fmt::format("{} where a text should be", named(value.kind())));
      *target_ = value.text();
      return true;
    case Role::Count: {
      std::uint64_t count = 0;
      const std::string& text = value.text();
      const char* const last = text.data() + text.size();
      const auto [end, error] = std::from_chars(text.data(), last, count);
      if (error == std::errc{} && end == last) end_.remaining = count;
      return true;  // of use to people only
    }
    default:  // Go writes null for a list or map that was never made
      if (value.is_null() && role_ != Role::Root) return true;
      return refuse(fmt::format("{} where a map or list should be", named(value.kind())));
  }
}

// The object under construction is whole.
bool ItemReader::built() {
  is_building_ = false;
  if (shape_ == Shape::Document) {
    is_complete_ = true;
    return true;
  }
  ++objects_;
  Tree object = builder_.take();
  if (shape_ == Shape::Watch) {
    object_ = std::move(object);
    role_ = Role::Skip;
    return true;
  }
  name_type(object);
  items_.emplace_back(Listed{.object = std::move(object)});
  return true;
}

void ItemReader::name_type(Tree& object) const {
  if (object.find("apiVersion") == nullptr)
    object.set("apiVersion", api_version_.empty() ? config_.type.api_version : api_version_);
  if (object.find("kind") != nullptr) return;
  std::string_view kind = kind_;
  if (!kind.ends_with("List")) return void(object.set("kind", config_.type.kind));
  kind.remove_suffix(4);
  object.set("kind", kind);
}

bool ItemReader::end_document() {
  is_complete_ = true;
  role_ = Role::Root;
  if (shape_ == Shape::Watch) return end_event();
  const std::string expected = config_.type.kind + "List";
  if (!kind_.empty() && !config_.type.kind.empty() && kind_ != expected)
    return refuse(fmt::format("a {} where a {} should be", shown(kind_), expected));
  has_ended_ = true;
  items_.emplace_back(std::move(end_));
  return true;
}

bool ItemReader::end_event() {
  std::size_t type = 0;
  while (type < kTypes.size() && kTypes.at(type) != type_)
    ++type;
  if (type == kTypes.size())
    return refuse(
        fmt::format("an event of type {}; ADDED, MODIFIED, DELETED, BOOKMARK and ERROR "
                    "are known",
                    shown(type_)));
  if (!object_) return refuse(fmt::format("an event {} without object", type_));
  items_.emplace_back(WatchEvent{.type = static_cast<WatchEvent::Type>(type),
                                 .object = *std::exchange(object_, std::nullopt)});
  type_.clear();
  return true;
}

bool ItemReader::refuse(std::string message) {
  return refuse(Error{.code = Errc::Invalid, .message = std::move(message)});
}

bool ItemReader::refuse(Error error) {
  if (shape_ == Shape::Document) {
    error_ = std::move(error);
    return false;
  }
  const std::string_view noun = shape_ == Shape::List ? "list" : "watch";
  const std::uint64_t number = objects_ + (is_building_ ? 1 : 0);
  error_ = std::move(error).within(number == 0 ? fmt::format("in the {}", noun)
                                               : fmt::format("in the {}, object {}", noun, number));
  return false;
}

}  // namespace porter::watch
