// SPDX-License-Identifier: Apache-2.0
#include "model/json.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace porter::model {
namespace {

constexpr unsigned kDeepest = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void append_utf8(std::uint32_t point, std::string& out) {
  const auto add = [&](std::uint32_t octet) { out += static_cast<char>(octet); };
  if (point < 0x80U) return add(point);
  if (point < 0x800U) {
    add(0xc0U | (point >> 6U));
  } else if (point < 0x10000U) {
    add(0xe0U | (point >> 12U));
    add(0x80U | ((point >> 6U) & 0x3fU));
  } else {
    add(0xf0U | (point >> 18U));
    add(0x80U | ((point >> 12U) & 0x3fU));
    add(0x80U | ((point >> 6U) & 0x3fU));
  }
  add(0x80U | (point & 0x3fU));
}

// Every reader gives none where the text is wrong, and then nobody reads on.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_{text} {}

  std::optional<Tree> document() {
    std::optional<Tree> tree = value(0);
    skip();
    if (!rest_.empty()) return std::nullopt;
    return tree;
  }

 private:
  void skip() {
    while (!rest_.empty() && is_blank(rest_.front()))
      rest_.remove_prefix(1);
  }

  bool take(std::string_view mark) {
    if (!rest_.starts_with(mark)) return false;
    rest_.remove_prefix(mark.size());
    return true;
  }

  std::optional<Tree> value(unsigned depth) {
    skip();
    if (depth > kDeepest) return std::nullopt;
    if (take("{")) return map(depth);
    if (take("[")) return list(depth);
    if (take("\"")) {
      std::optional<std::string> text = string();
      if (!text) return std::nullopt;
      return Tree{std::move(*text)};
    }
    if (take("null")) return Tree{};
    if (take("true")) return Tree{true};
    if (take("false")) return Tree{false};
    return number();
  }

  std::optional<Tree> map(unsigned depth) {
    Tree tree = Tree::map();
    std::set<std::string> seen;
    skip();
    if (take("}")) return tree;
    for (;;) {
      skip();
      if (!take("\"")) return std::nullopt;
      std::optional<std::string> key = string();
      skip();
      if (!key || !take(":")) return std::nullopt;
      std::optional<Tree> inner = value(depth + 1);
      if (!inner) return std::nullopt;
      if (seen.insert(*key).second) {
        tree.add_entry(std::move(*key), std::move(*inner), 0);
      } else {
        tree.set(std::move(*key), std::move(*inner));
      }
      skip();
      if (take("}")) return tree;
      if (!take(",")) return std::nullopt;
    }
  }

  std::optional<Tree> list(unsigned depth) {
    Tree tree = Tree::list();
    skip();
    if (take("]")) return tree;
    for (;;) {
      std::optional<Tree> item = value(depth + 1);
      if (!item) return std::nullopt;
      tree.push(std::move(*item));
      skip();
      if (take("]")) return tree;
      if (!take(",")) return std::nullopt;
    }
  }

  std::size_t digits() {
    const std::size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count;
  }

  std::optional<Tree> number() {
    const std::string_view all = rest_;
    (void)take("-");
    const bool is_zero = !rest_.empty() && rest_.front() == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (is_zero && whole > 1)) return std::nullopt;
    if (take(".") && digits() == 0) return std::nullopt;
    if (take("e") || take("E")) {
      if (!take("+")) (void)take("-");
      if (digits() == 0) return std::nullopt;
    }
    return Tree::number(std::string{all.substr(0, all.size() - rest_.size())});
  }

  // Behind the opening quote, to behind the closing one.
  std::optional<std::string> string() {
    std::string text;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return text;
      if (static_cast<unsigned char>(c) < 0x20U) return std::nullopt;
      if (c != '\\') {
        text += c;
      } else if (!escape(text)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  bool escape(std::string& text) {
    static constexpr std::string_view kMarks = "\"\\/bfnrt";
    static constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c == 'u') return code_point(text);
    const std::size_t which = kMarks.find(c);
    if (which == std::string_view::npos) return false;
    text += kMeant[which];
    return true;
  }

  // RFC 8259 §7: beyond the basic plane two escapes make one character; half of a pair is none.
  bool code_point(std::string& text) {
    const std::optional<std::uint32_t> first = four_digits();
    if (!first) return false;
    std::uint32_t point = *first;
    if (point >= 0xdc00U && point <= 0xdfffU) return false;
    if (point >= 0xd800U && point <= 0xdbffU) {
      if (!take("\\u")) return false;
      const std::optional<std::uint32_t> second = four_digits();
      if (!second || *second < 0xdc00U || *second > 0xdfffU) return false;
      point = 0x10000U + ((point - 0xd800U) << 10U) + (*second - 0xdc00U);
    }
    append_utf8(point, text);
    return true;
  }

  std::optional<std::uint32_t> four_digits() {
    if (rest_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (const char c : rest_.substr(0, 4)) {
      const char low = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
      if (!is_digit(low) && (low < 'a' || low > 'f')) return std::nullopt;
      value = value * 16U + static_cast<std::uint32_t>(is_digit(low) ? low - '0' : low - 'a' + 10);
    }
    rest_.remove_prefix(4);
    return value;
  }

  std::string_view rest_;
};

}  // namespace

Result<Tree> parse_json(std::string_view text) {
  std::optional<Tree> tree = JsonReader{text}.document();
  if (tree) return std::move(*tree);
  return fail(Errc::Invalid, "not JSON");
}

}  // namespace porter::model
