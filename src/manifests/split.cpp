// SPDX-License-Identifier: Apache-2.0
#include "manifests/yaml.hpp"

namespace porter::manifests {
namespace {

struct Line {
  std::string_view text;     // without its end
  std::size_t with_end = 0;  // octets it takes up
};

// Ends in LF, CR LF or CR, as libyaml counts them.
Line line_off(std::string_view text) {
  const std::size_t end = text.find_first_of("\r\n");
  if (end == std::string_view::npos) return {.text = text, .with_end = text.size()};
  const bool is_pair = text.substr(end, 2) == "\r\n";
  return {.text = text.substr(0, end), .with_end = end + (is_pair ? 2 : 1)};
}

bool is_marker(std::string_view line, std::string_view marker) {
  if (!line.starts_with(marker)) return false;
  return line.size() == marker.size() || line[marker.size()] == ' ' || line[marker.size()] == '\t';
}

bool is_blank(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first == std::string_view::npos || line[first] == '#';
}

}  // namespace

DocumentSplitter::DocumentSplitter(std::string_view file) : rest_{file} {
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // a byte order mark
}

std::optional<DocumentSplitter::Document> DocumentSplitter::next() {
  unsigned line = line_;
  std::size_t taken = 0;
  bool has_start = false;
  bool has_content = false;
  bool has_directive = false;
  // What was taken so far belongs to no document.
  const auto begin_anew = [&] {
    rest_.remove_prefix(taken);
    taken = 0;
    line = line_;
    has_start = has_directive = false;
  };
  while (taken < rest_.size()) {
    const Line current = line_off(rest_.substr(taken));
    const bool is_start = is_marker(current.text, "---");
    const bool is_end = is_marker(current.text, "...");
    if (is_start && has_content) break;
    if (is_start && (has_start || !has_directive)) begin_anew();
    taken += current.with_end;
    ++line_;
    if (is_end && has_content) break;
    if (is_end && !has_directive) begin_anew();
    if (is_end) continue;
    const bool is_directive = current.text.starts_with('%') && !has_content && !has_start;
    has_directive |= is_directive;
    has_content |= !is_directive && !is_blank(is_start ? current.text.substr(3) : current.text);
    has_start |= is_start;
  }
  const Document document{.text = rest_.substr(0, taken), .line = line};
  rest_.remove_prefix(taken);
  if (!has_content && !has_directive) return std::nullopt;
  return document;
}

}  // namespace porter::manifests
