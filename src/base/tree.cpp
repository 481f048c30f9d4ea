// SPDX-License-Identifier: Apache-2.0
#include "base/tree.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

namespace porter {
namespace {

const Tree& absent() {
  static const Tree kAbsent;
  return kAbsent;
}

// What may stand at the front of a UTF-8 sequence, and what the second octet may then be: no
// overlong forms, no surrogates, nothing above U+10FFFF. The rest are 0x80 to 0xbf.
struct Utf8Row {
  unsigned lead_low, lead_high, second_low, second_high;
  std::size_t length;
};
constexpr std::array kUtf8Rows{
    Utf8Row{0xc2, 0xdf, 0x80, 0xbf, 2}, Utf8Row{0xe0, 0xe0, 0xa0, 0xbf, 3},
    Utf8Row{0xe1, 0xec, 0x80, 0xbf, 3}, Utf8Row{0xed, 0xed, 0x80, 0x9f, 3},
    Utf8Row{0xee, 0xef, 0x80, 0xbf, 3}, Utf8Row{0xf0, 0xf0, 0x90, 0xbf, 4},
    Utf8Row{0xf1, 0xf3, 0x80, 0xbf, 4}, Utf8Row{0xf4, 0xf4, 0x80, 0x8f, 4}};

// Number of octets of the UTF-8 sequence at the front (RFC 3629 §4), 0 where it is malformed.
std::size_t utf8_length(std::string_view text) {
  const auto octet = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned lead = octet(0);
  if (lead < 0x80U) return 1;
  for (const Utf8Row& row : kUtf8Rows) {
    if (lead < row.lead_low || lead > row.lead_high) continue;
    if (octet(1) < row.second_low || octet(1) > row.second_high) return 0;
    for (std::size_t i = 2; i < row.length; ++i) {
      if (octet(i) < 0x80U || octet(i) > 0xbfU) return 0;
    }
    return row.length;
  }
  return 0;
}

// What a YAML reader refuses or takes for a line break, beyond the ASCII controls: C1, U+2028,
// U+2029, U+FEFF, U+FFFE, U+FFFF.
bool must_escape(std::string_view sequence) {
  if (sequence.size() == 2) return sequence[0] == '\xc2' && sequence[1] < '\xa0';
  return sequence == "\xe2\x80\xa8" || sequence == "\xe2\x80\xa9" || sequence == "\xef\xbb\xbf" ||
         sequence == "\xef\xbf\xbe" || sequence == "\xef\xbf\xbf";
}

// The code point of a valid sequence of two or three octets.
unsigned code_point(std::string_view sequence) {
  unsigned value = static_cast<unsigned char>(sequence[0]) & (sequence.size() == 2 ? 0x1fU : 0x0fU);
  for (const char c : sequence.substr(1)) {
    value = (value << 6U) | (static_cast<unsigned char>(c) & 0x3fU);
  }
  return value;
}

void append_escape(char c, std::string& out) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
  }
}

// A string of JSON, which is a double-quoted scalar of YAML as well. Octets that are no UTF-8
// become U+FFFD: both formats are text.
void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const std::size_t length = utf8_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      out += "\\ufffd";
    } else if (length == 1 &&
               (static_cast<unsigned char>(c) < 0x20U || c == '"' || c == '\\' || c == '\x7f')) {
      append_escape(c, out);
    } else if (length > 1 && must_escape(sequence)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code_point(sequence));
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  out += '"';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view digits_off(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  return text.substr(end);
}

// RFC 8259 section 6. What YAML calls a number and JSON does not (.5, 0x1f, 1_000, .inf) is written
// as a string, so that the output can be read back.
bool is_json_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return false;
  if (text.front() == '0' && text.size() > 1 && is_digit(text[1])) return false;
  text = digits_off(text);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (text.empty() || !is_digit(text.front())) return false;
    text = digits_off(text);
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (text.empty() || !is_digit(text.front())) return false;
    text = digits_off(text);
  }
  return text.empty();
}

void append_scalar_json(const Tree& tree, std::string& out) {
  switch (tree.kind()) {
    case Tree::Kind::Null: out += "null"; return;
    case Tree::Kind::Bool: out += tree.as_bool() ? "true" : "false"; return;
    case Tree::Kind::Number:
      if (is_json_number(tree.text())) {
        out += tree.text();
        return;
      }
      [[fallthrough]];
    default: append_quoted(tree.text(), out);
  }
}

void break_line(unsigned indent, unsigned depth, std::string& out) {
  if (indent == 0) return;
  out += '\n';
  out.append(std::size_t{indent} * depth, ' ');
}

void append_json(const Tree& tree, unsigned indent, unsigned depth, std::string& out) {
  const bool is_map = tree.is_map();
  if (!is_map && !tree.is_list()) return append_scalar_json(tree, out);
  const std::size_t size = is_map ? tree.entries().size() : tree.items().size();
  out += is_map ? '{' : '[';
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) out += ',';
    break_line(indent, depth + 1, out);
    if (is_map) {
      append_quoted(tree.entries()[i].key, out);
      out += indent == 0 ? ":" : ": ";
    }
    append_json(is_map ? tree.entries()[i].value : tree.items()[i], indent, depth + 1, out);
  }
  if (size > 0) break_line(indent, depth, out);
  out += is_map ? '}' : ']';
}

constexpr std::size_t kLongestShown = 64;
constexpr std::size_t kLongestPlain = 256;
// A key on the line of its ':' may have 1,024 characters (YAML 1.2 section 7.4.2); quoting counts
// too.
constexpr std::size_t kLongestSimpleKey = 1000;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// The words that begin with a letter and that YAML 1.1 or 1.2 resolves to something else than a
// string.
bool is_resolved_word(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kWords{"null", "true", "false", "yes", "no",
                                                          "on",   "off",  "y",     "n"};
  std::string word{text};
  std::transform(word.begin(), word.end(), word.begin(), lower);
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

// "192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9": no number, date or sexagesimal has three
// dots.
bool is_dotted_quad(std::string_view text) {
  return is_digit(text.front()) && std::count(text.begin(), text.end(), '.') >= 3 &&
         text.find_first_not_of("0123456789./-") == std::string_view::npos;
}

// May stand without quotes. Numbers, dates and sexagesimals begin with a digit, a sign or a dot,
// all of YAML's own marks with something that is no letter: so what does not begin with one is
// quoted.
bool is_plain(std::string_view text) {
  if (text.empty() || text.size() > kLongestPlain || is_resolved_word(text)) return false;
  if (is_dotted_quad(text)) return true;
  const char first = lower(text.front());
  if (first != '/' && (first < 'a' || first > 'z')) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = lower(text[i]);
    const bool is_last = i + 1 == text.size();
    if ((c >= 'a' && c <= 'z') || is_digit(c)) continue;
    if (std::string_view{"-_./+(),="}.find(c) != std::string_view::npos) continue;
    // ": " would end a key, " #" begin a comment.
    if (c == ':' && !is_last && text[i + 1] != ' ') continue;
    if (c == ' ' && !is_last && text[i + 1] != '#') continue;
    return false;
  }
  return true;
}

void append_yaml_text(std::string_view text, std::string& out) {
  if (is_plain(text)) {
    out += text;
  } else {
    append_quoted(text, out);
  }
}

void append_yaml_key(std::string_view key, std::size_t indent, std::string& out) {
  std::string text;
  append_yaml_text(key, text);
  if (text.size() > kLongestSimpleKey) {
    out += "? ";
    text += '\n';
    text.append(indent, ' ');
  }
  out += text;
  out += ':';
}

bool is_nested(const Tree& tree) {
  return (tree.is_map() && !tree.entries().empty()) || (tree.is_list() && !tree.items().empty());
}

void append_yaml_leaf(const Tree& tree, std::string& out) {
  if (tree.is_map()) {
    out += "{}";
  } else if (tree.is_list()) {
    out += "[]";
  } else if (tree.is_string()) {
    append_yaml_text(tree.text(), out);
  } else {
    append_scalar_json(tree, out);
  }
}

void append_yaml(const Tree& tree, std::size_t indent, std::string& out);

// Called with the cursor where the first line begins; `indent` is the column of that place.
void append_yaml_map(const Tree& tree, std::size_t indent, std::string& out) {
  bool is_first = true;
  for (const Tree::Entry& entry : tree.entries()) {
    if (!is_first) out.append(indent, ' ');
    is_first = false;
    append_yaml_key(entry.key, indent, out);
    if (!is_nested(entry.value)) {
      out += ' ';
      append_yaml_leaf(entry.value, out);
      out += '\n';
      continue;
    }
    // Lists stand at the column of their key, as kubectl writes them.
    const std::size_t inner = entry.value.is_map() ? indent + 2 : indent;
    out += '\n';
    out.append(inner, ' ');
    append_yaml(entry.value, inner, out);
  }
}

void append_yaml_list(const Tree& tree, std::size_t indent, std::string& out) {
  bool is_first = true;
  for (const Tree& item : tree.items()) {
    if (!is_first) out.append(indent, ' ');
    is_first = false;
    out += "- ";
    append_yaml(item, indent + 2, out);
  }
}

void append_yaml(const Tree& tree, std::size_t indent, std::string& out) {
  if (!is_nested(tree)) {
    append_yaml_leaf(tree, out);
    out += '\n';
  } else if (tree.is_map()) {
    append_yaml_map(tree, indent, out);
  } else {
    append_yaml_list(tree, indent, out);
  }
}

}  // namespace

Tree::Tree() = default;
Tree::~Tree() = default;
Tree::Tree(const Tree&) = default;
Tree::Tree(Tree&&) noexcept = default;
Tree& Tree::operator=(const Tree&) = default;
Tree& Tree::operator=(Tree&&) noexcept = default;

Tree::Tree(Kind kind, std::variant<std::string, List, Map> value)
    : kind_{kind}, value_{std::move(value)} {}

Tree::Tree(bool value) : Tree{Kind::Bool, std::string{value ? "true" : "false"}} {}
Tree::Tree(std::string value) : Tree{Kind::String, std::move(value)} {}
Tree::Tree(std::string_view value) : Tree{Kind::String, std::string{value}} {}
Tree::Tree(const char* value) : Tree{Kind::String, std::string{value}} {}
Tree::Tree(std::int64_t value) : Tree{Kind::Number, std::to_string(value)} {}
Tree::Tree(std::uint64_t value) : Tree{Kind::Number, std::to_string(value)} {}
Tree::Tree(int value) : Tree{Kind::Number, std::to_string(value)} {}
Tree::Tree(unsigned value) : Tree{Kind::Number, std::to_string(value)} {}

Tree Tree::number(std::string text) {
  return {Kind::Number, std::move(text)};
}

Tree Tree::list() {
  return {Kind::List, List{}};
}

Tree Tree::map() {
  return {Kind::Map, Map{}};
}

const std::string& Tree::text() const {
  static const std::string kNone;
  const auto* const text = std::get_if<std::string>(&value_);
  return text != nullptr ? *text : kNone;
}

const Tree::List& Tree::items() const {
  static const List kNone;
  const auto* const list = std::get_if<List>(&value_);
  return list != nullptr ? *list : kNone;
}

const Tree::Map& Tree::entries() const {
  static const Map kNone;
  const auto* const map = std::get_if<Map>(&value_);
  return map != nullptr ? *map : kNone;
}

const Tree& Tree::operator[](std::string_view key) const {
  const Tree* const found = find(key);
  return found != nullptr ? *found : absent();
}

const Tree* Tree::find(std::string_view key) const {
  for (const Entry& entry : entries()) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

const Tree& Tree::at_path(std::string_view dotted) const {
  const Tree* tree = this;
  for (;;) {
    const std::size_t dot = dotted.find('.');
    tree = &(*tree)[dotted.substr(0, dot)];
    if (dot == std::string_view::npos) return *tree;
    dotted.remove_prefix(dot + 1);
  }
}

Tree::Map& Tree::map_of() {
  PORTER_ASSERT(is_map() || is_null());
  if (is_null()) value_ = Map{};
  kind_ = Kind::Map;
  return std::get<Map>(value_);
}

Tree& Tree::set(std::string key, Tree value) {
  Map& map = map_of();
  const auto found =
      std::find_if(map.begin(), map.end(), [&](const Entry& entry) { return entry.key == key; });
  if (found != map.end()) {
    found->value = std::move(value);
  } else {
    map.push_back(Entry{.key = std::move(key), .value = std::move(value)});
  }
  return *this;
}

Tree& Tree::push(Tree value) {
  PORTER_ASSERT(is_list() || is_null());
  if (is_null()) value_ = List{};
  kind_ = Kind::List;
  std::get<List>(value_).push_back(std::move(value));
  return *this;
}

void Tree::add_entry(std::string key, Tree value, unsigned key_line) {
  map_of().push_back(Entry{.key = std::move(key), .value = std::move(value), .key_line = key_line});
}

void Tree::reserve(std::size_t size) {
  if (auto* const list = std::get_if<List>(&value_)) list->reserve(size);
  if (auto* const map = std::get_if<Map>(&value_)) map->reserve(size);
}

bool operator==(const Tree& left, const Tree& right) {
  return left.kind_ == right.kind_ && left.value_ == right.value_;
}

// Where a key stood is no part of what was said.
bool operator==(const Tree::Entry& left, const Tree::Entry& right) {
  return left.key == right.key && left.value == right.value;
}

std::string to_yaml(const Tree& tree) {
  std::string out;
  append_yaml(tree, 0, out);
  return out;
}

std::string to_json(const Tree& tree, unsigned indent) {
  std::string out;
  append_json(tree, indent, 0, out);
  return out;
}

std::string shown(std::string_view text) {
  const bool is_word = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < '\x7f' && c != '"' && c != '\'';
  });
  const std::string_view head = text.substr(0, kLongestShown);
  const std::string_view more = head.size() < text.size() ? "..." : "";
  if (is_word) return fmt::format("{}{}", head, more);
  std::string quoted;
  append_quoted(head, quoted);
  return fmt::format("{}{}", quoted, more);
}

}  // namespace porter
