// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/tree.hpp"
#include "watch/item_stream.hpp"
#include "watch/tree_builder.hpp"

namespace porter::watch {

// From the events of a JSON parser to items: knows which values of the body are built, which few
// around them are kept, and skips the rest. Every event says whether to go on; if not, error() says
// why.
class ItemReader {
 public:
  enum class Shape : std::uint8_t { Document, List, Watch };

  ItemReader(Shape shape, ItemStream::Config config);
  ItemReader(const ItemReader&) = delete;
  ItemReader& operator=(const ItemReader&) = delete;
  ~ItemReader() = default;

  // A part of a key, or of a text or number, before the event that ends it.
  [[nodiscard]] bool key_part(std::string_view text);
  [[nodiscard]] bool part(std::string_view text);
  [[nodiscard]] bool open(Tree container);
  [[nodiscard]] bool close();
  [[nodiscard]] bool key();
  [[nodiscard]] bool string();
  [[nodiscard]] bool number();
  [[nodiscard]] bool literal(Tree value);  // a boolean or null

  [[nodiscard]] std::deque<Item>& items() { return items_; }
  [[nodiscard]] Tree take_document() { return builder_.take(); }
  [[nodiscard]] const Error& error() const { return error_; }
  [[nodiscard]] bool is_complete() const { return is_complete_; }  // between two documents
  [[nodiscard]] bool has_ended() const { return has_ended_; }  // of a list: its ListEnd was made

 private:
  // What is to be done with the next value.
  enum class Role : std::uint8_t { Root, Build, Skip, Text, Count, Metadata, Items };
  enum class Place : std::uint8_t { Top, Metadata, Items };

  [[nodiscard]] bool is_skipping() const {
    return skipped_depth_ > 0 || (!is_building_ && role_ == Role::Skip) || skips_next_;
  }
  [[nodiscard]] bool append(std::string_view text, bool is_of_object);
  [[nodiscard]] bool scalar(Tree value);
  [[nodiscard]] bool enter(Place place, bool fits, std::string_view expected);
  [[nodiscard]] bool keep(Tree value);
  [[nodiscard]] bool built();
  [[nodiscard]] bool end_document();
  [[nodiscard]] bool end_event();
  [[nodiscard]] bool refuse(Error error);
  [[nodiscard]] bool refuse(std::string message);
  void choose_role(std::string_view key);
  void name_type(Tree& object) const;

  Shape shape_;
  ItemStream::Config config_;
  TreeBuilder builder_;
  std::deque<Item> items_;

  Role role_ = Role::Root;
  bool is_building_ = false;
  bool skips_next_ = false;  // of what is built
  std::size_t skipped_depth_ = 0;
  std::vector<Place> places_;      // three at most
  std::string text_;               // parts so far
  std::string* target_ = nullptr;  // where Role::Text goes

  bool is_complete_ = true;
  bool has_ended_ = false;
  std::uint64_t objects_ = 0;
  std::string api_version_, kind_, type_;
  ListEnd end_;
  std::optional<Tree> object_;
  Error error_;
};

}  // namespace porter::watch
