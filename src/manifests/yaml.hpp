// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/tree.hpp"

// YAML as Kubernetes reads it, on top of libyaml's events. JSON is YAML.
//
// Plain scalars are resolved as by the YAML 1.1 reader that kubectl and the API server use: y, yes,
// on, true (and n, no, off, false) are booleans, ~ and null and nothing are null, integers may be
// 0x, 0o, 0b, begin with 0 (octal) and contain '_'. Numbers come out in decimal, as JSON would
// write them; dates stay text. Keys of maps are text whatever they look like. Merge keys (<<) are
// applied: what a map says itself wins.
//
// Limits, each refused in words: a document of 1 MiB, a depth of 64, aliases expanded to 10,000
// nodes in a document, a key twice in one map.
namespace porter::manifests {

inline constexpr std::size_t kLongestDocument = 1U << 20U;
inline constexpr std::size_t kDeepest = 64;
inline constexpr std::size_t kMostExpandedNodes = 10'000;

struct YamlError {
  unsigned line = 0;  // 1-based, of the file
  unsigned column = 0;
  std::string message;  // "did not find expected key"
  friend bool operator==(const YamlError&, const YamlError&) = default;
};
[[nodiscard]] std::string to_string(const YamlError& error);  // "line 3, column 7: …"

// Walks the documents of a file on its text alone: a line that begins with "---" starts one, "..."
// ends one. YAML forbids both inside scalars, so this is exact.
class DocumentSplitter {
 public:
  struct Document {
    std::string_view text;
    unsigned line = 1;  // of its first line
  };

  explicit DocumentSplitter(std::string_view file);  // borrowed
  // Documents of nothing but blanks and comments are passed over. None: the end.
  [[nodiscard]] std::optional<Document> next();

 private:
  std::string_view rest_;
  unsigned line_ = 1;
};

// One document -> Tree, in steps: a large one does not hold up the loop. An empty document is null.
class DocumentParser {
 public:
  DocumentParser(std::string_view text, unsigned first_line);  // borrowed
  DocumentParser(const DocumentParser&) = delete;
  DocumentParser& operator=(const DocumentParser&) = delete;
  ~DocumentParser();

  // Handles at most `events` events; true: done.
  [[nodiscard]] bool step(std::size_t events);
  [[nodiscard]] Result<Tree, YamlError> take();  // once, when step() said true

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Result<Tree, YamlError> parse_document(std::string_view text,
                                                     unsigned first_line = 1);

// What a plain scalar means.
[[nodiscard]] Tree resolve_plain(std::string_view text);

}  // namespace porter::manifests
