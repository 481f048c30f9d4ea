// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"

// What YAML and JSON become before anything else looks at them: scalars, lists and maps in source
// order, each with the line it began on. Decoders know Tree and neither format. Also what goes out:
// status and
// `-o json|yaml` are built as Trees and printed by to_yaml() or to_json().
namespace porter {

class Tree {
 public:
  enum class Kind : std::uint8_t { Null, Bool, Number, String, List, Map };

  struct Entry;  // {std::string key; Tree value; unsigned key_line}
  using List = std::vector<Tree>;
  using Map = std::vector<Entry>;

  Tree();  // null
  ~Tree();
  Tree(const Tree&);
  Tree(Tree&&) noexcept;
  Tree& operator=(const Tree&);
  Tree& operator=(Tree&&) noexcept;
  // For building output.
  Tree(bool value);                                    // NOLINT(google-explicit-constructor)
  Tree(std::string value);                             // NOLINT(google-explicit-constructor)
  Tree(std::string_view value);                        // NOLINT(google-explicit-constructor)
  Tree(const char* value);                             // NOLINT(google-explicit-constructor)
  Tree(std::int64_t value);                            // NOLINT(google-explicit-constructor)
  Tree(std::uint64_t value);                           // NOLINT(google-explicit-constructor)
  Tree(int value);                                     // NOLINT(google-explicit-constructor)
  Tree(unsigned value);                                // NOLINT(google-explicit-constructor)
  [[nodiscard]] static Tree number(std::string text);  // as it stood in the source: "1e3", "0.5"
  [[nodiscard]] static Tree list();
  [[nodiscard]] static Tree map();

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_null() const { return kind_ == Kind::Null; }
  [[nodiscard]] bool is_map() const { return kind_ == Kind::Map; }
  [[nodiscard]] bool is_list() const { return kind_ == Kind::List; }
  [[nodiscard]] bool is_string() const { return kind_ == Kind::String; }
  [[nodiscard]] unsigned line() const { return line_; }  // 1-based; 0: not from a source
  void set_line(unsigned line) { line_ = line; }

  // Bool: "true"/"false"; Number and String: the text. Empty for the others.
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] bool as_bool() const { return kind_ == Kind::Bool && text() == "true"; }

  [[nodiscard]] const List& items() const;   // of a list; else empty
  [[nodiscard]] const Map& entries() const;  // of a map; else empty
  // The value at a key of a map; null-kind static when absent or when this is no map.
  [[nodiscard]] const Tree& operator[](std::string_view key) const;
  [[nodiscard]] const Tree* find(std::string_view key) const;  // nullptr when absent
  // "a.b.c" through maps.
  [[nodiscard]] const Tree& at_path(std::string_view dotted) const;

  // Building: keep order, replace a key that is there. `set` returns *this for chaining.
  Tree& set(std::string key, Tree value);
  Tree& push(Tree value);
  void add_entry(std::string key, Tree value, unsigned key_line);  // parsers: no duplicate check
  void reserve(std::size_t size);                                  // of a list or a map

  // Same kinds, texts, items, and entries in the same order; lines do not count.
  friend bool operator==(const Tree& left, const Tree& right);

 private:
  Tree(Kind kind, std::variant<std::string, List, Map> value);
  [[nodiscard]] Map& map_of();  // makes a map of null

  Kind kind_ = Kind::Null;
  unsigned line_ = 0;
  std::variant<std::string, List, Map> value_;
};

struct Tree::Entry {
  std::string key;
  Tree value;
  unsigned key_line = 0;
  friend bool operator==(const Entry& left, const Entry& right);
};

// Block-style YAML that any YAML 1.1 or 1.2 reader takes the same way; ends with a newline.
[[nodiscard]] std::string to_yaml(const Tree& tree);
// JSON; indent 0: on one line.
[[nodiscard]] std::string to_json(const Tree& tree, unsigned indent = 2);

// A text for a message: one printable word as it stands, anything else in quotes; never longer than
// a line.
[[nodiscard]] std::string shown(std::string_view text);

}  // namespace porter
