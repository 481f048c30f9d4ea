// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>

#include "base/tree.hpp"
#include "model/decode.hpp"

// For tests: documents as text. The flow style of YAML with one rule for everything: "{key: value,
// …}",
// "[value, …]"; a bare word ends at ',', '}', ']' or the end of its line, and is a number, a
// boolean or null where it looks like one; "in quotes" it is a text. Lines count from 1.
namespace porter::model {

class FlowReader {
 public:
  explicit FlowReader(std::string_view text) : rest_{text} {}

  Tree read() {
    Tree tree = value();
    skip();
    PORTER_ASSERT(rest_.empty());
    return tree;
  }

 private:
  void skip() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) {
      if (rest_.front() == '\n') ++line_;
      rest_.remove_prefix(1);
    }
  }

  bool take(char c) {
    skip();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string cut(std::size_t size) {
    PORTER_ASSERT(size <= rest_.size());
    std::string head{rest_.substr(0, size)};
    rest_.remove_prefix(size);
    return head;
  }

  std::string quoted() {
    std::string text = cut(rest_.find('"'));
    rest_.remove_prefix(1);
    return text;
  }

  Tree value() {
    skip();
    const unsigned line = line_;
    Tree tree;
    if (take('{')) {
      tree = map();
    } else if (take('[')) {
      tree = list();
    } else if (take('"')) {
      tree = Tree{quoted()};
    } else {
      tree = scalar(cut(std::min(rest_.find_first_of(",}]\n"), rest_.size())));
    }
    tree.set_line(line);
    return tree;
  }

  Tree map() {
    Tree tree = Tree::map();
    while (!take('}')) {
      skip();
      const unsigned line = line_;
      std::string key = take('"') ? quoted() : cut(rest_.find(": "));
      PORTER_ASSERT(take(':'));
      tree.add_entry(std::move(key), value(), line);
      (void)take(',');
    }
    return tree;
  }

  Tree list() {
    Tree tree = Tree::list();
    while (!take(']')) {
      tree.push(value());
      (void)take(',');
    }
    return tree;
  }

  static Tree scalar(std::string text) {
    while (!text.empty() && text.back() == ' ')
      text.pop_back();
    if (text == "null") return Tree{};
    if (text == "true" || text == "false") return Tree{text == "true"};
    double number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (error == std::errc{} && end == last) return Tree::number(std::move(text));
    return Tree{std::move(text)};
  }

  std::string_view rest_;
  unsigned line_ = 1;
};

inline Tree flow(std::string_view text) {
  return FlowReader{text}.read();
}

// "Error Invalid spec.address:1: …", one per line: what a failing test shows.
inline std::string text_of(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    if (!text.empty()) text += '\n';
    text += problem.severity == Problem::Severity::Error ? "Error " : "Warning ";
    text += problem.reason + " " + problem.field + ":" + std::to_string(problem.line) + ": " +
            problem.message;
  }
  return text;
}

}  // namespace porter::model
