// SPDX-License-Identifier: Apache-2.0
#include "manifests/yaml.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_set>
#include <utility>
#include <vector>
#include <yaml.h>

#include <fmt/format.h>

namespace porter::manifests {
namespace {

constexpr std::size_t kMostNodes = 250'000;  // of a document; up to 88 octets each
constexpr std::size_t kUsualKeys = 4;        // of a map: room is made for them at once
constexpr std::size_t kFewKeys = 16;         // up to here a walk beats a hash table
constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

std::string_view view(const yaml_char_t* text) {
  return text == nullptr ? std::string_view{} : reinterpret_cast<const char*>(text);
}

std::string_view view(const char* text) {
  return text == nullptr ? std::string_view{} : text;
}

// An anchored value that is kept for its aliases.
struct Anchored {
  std::optional<Tree> value;  // none: too large
  std::size_t nodes = 0;
};

// A value under construction.
struct Frame {
  Tree value;
  std::size_t nodes = 1;
  std::string anchor;
  // Of a map:
  std::optional<std::string> key;  // waits for its value
  unsigned key_line = 0;
  bool key_is_merge = false;
  std::unordered_set<std::string> keys;  // only when there are more than a few
  std::vector<Tree> merges;
};

}  // namespace

struct DocumentParser::State {
  State(std::string_view document, unsigned line) : text{document}, first_line{line} {}

  [[nodiscard]] bool handle(const yaml_event_t& event);
  void begin(Tree value, const yaml_char_t* anchor, const yaml_mark_t& mark);
  void end(const yaml_mark_t& mark);
  void scalar(const yaml_event_t& event);
  void alias(const yaml_event_t& event);
  void complete(Tree value, std::size_t nodes, std::string_view anchor, const yaml_mark_t& mark);
  void attach(Tree value, std::size_t nodes, const yaml_mark_t& mark);
  void take_key(const Tree& key, const yaml_mark_t& mark);
  [[nodiscard]] bool has_key(const Frame& frame, const std::string& key) const;
  void add(Frame& frame, std::string key, Tree value, unsigned key_line);
  void merge(Frame& frame);
  void merge_map(Frame& frame, const Tree& source);
  void refuse(const yaml_mark_t& mark, std::string message);
  void refuse_syntax();
  [[nodiscard]] unsigned line_of(const yaml_mark_t& mark) const {
    return first_line + static_cast<unsigned>(mark.line);
  }

  std::string_view text;
  unsigned first_line;
  yaml_parser_t parser{};
  std::vector<Frame> frames;
  std::map<std::string, Anchored, std::less<>> anchors;
  std::size_t nodes_seen = 0;
  std::size_t expanded = 0;
  std::size_t anchored = 0;
  bool plain_merge = false;  // the scalar at hand is a plain <<
  Tree root;
  unsigned documents = 0;
  std::optional<YamlError> error;
  bool done = false;
};

namespace {

// A scalar with a tag of YAML's own: !!str, !!int, …; none: it is not one of that type.
std::optional<Tree> resolve_tagged(std::string_view tag, std::string_view text) {
  if (tag == "!" || tag == "tag:yaml.org,2002:str" || tag == "tag:yaml.org,2002:timestamp")
    return Tree{text};
  if (!tag.starts_with(kTagPrefix)) return std::nullopt;
  tag.remove_prefix(kTagPrefix.size());
  Tree value = resolve_plain(text);
  const bool fits = (tag == "null" && value.is_null()) ||
                    (tag == "bool" && value.kind() == Tree::Kind::Bool) ||
                    ((tag == "int" || tag == "float") && value.kind() == Tree::Kind::Number);
  if (!fits) return std::nullopt;
  return value;
}

Tree usual_map() {
  Tree map = Tree::map();
  map.reserve(kUsualKeys);
  return map;
}

bool is_collection_tag(std::string_view tag, std::string_view own) {
  return tag.empty() || tag == "!" || (tag.starts_with(kTagPrefix) && tag.ends_with(own));
}

}  // namespace

bool DocumentParser::State::handle(const yaml_event_t& event) {
  switch (event.type) {
    case YAML_DOCUMENT_START_EVENT:
      if (++documents > 1)
        refuse(event.start_mark, "a second document where the first one should go on");
      break;
    case YAML_SCALAR_EVENT: scalar(event); break;
    case YAML_ALIAS_EVENT: alias(event); break;
    case YAML_SEQUENCE_START_EVENT:
      if (!is_collection_tag(view(event.data.sequence_start.tag), "seq")) {
        refuse(event.start_mark, fmt::format("the tag {} is not supported",
                                             shown(view(event.data.sequence_start.tag))));
      }
      begin(Tree::list(), event.data.sequence_start.anchor, event.start_mark);
      break;
    case YAML_MAPPING_START_EVENT:
      if (!is_collection_tag(view(event.data.mapping_start.tag), "map")) {
        refuse(event.start_mark, fmt::format("the tag {} is not supported",
                                             shown(view(event.data.mapping_start.tag))));
      }
      begin(usual_map(), event.data.mapping_start.anchor, event.start_mark);
      break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: end(event.end_mark); break;
    case YAML_STREAM_END_EVENT: return true;
    default: break;
  }
  return error.has_value();
}

void DocumentParser::State::begin(Tree value, const yaml_char_t* anchor, const yaml_mark_t& mark) {
  if (frames.size() >= kDeepest) {
    return refuse(mark, fmt::format("nested deeper than {} levels", kDeepest));
  }
  Frame frame;
  frame.value = std::move(value);
  frame.value.set_line(line_of(mark));
  frame.anchor = view(anchor);
  frames.push_back(std::move(frame));
}

void DocumentParser::State::end(const yaml_mark_t& mark) {
  Frame frame = std::move(frames.back());
  frames.pop_back();
  if (!frame.merges.empty()) merge(frame);
  complete(std::move(frame.value), frame.nodes, frame.anchor, mark);
}

void DocumentParser::State::scalar(const yaml_event_t& event) {
  const auto& scalar = event.data.scalar;
  const std::string_view value{reinterpret_cast<const char*>(scalar.value), scalar.length};
  const bool is_plain = scalar.style == YAML_PLAIN_SCALAR_STYLE;
  const std::string_view tag = view(scalar.tag);
  Tree tree;
  plain_merge = is_plain && tag.empty() && value == "<<";
  if (!tag.empty()) {
    auto tagged = resolve_tagged(tag, value);
    if (!tagged)
      return refuse(event.start_mark, fmt::format("{} is no {}", shown(value), shown(tag)));
    tree = *std::move(tagged);
  } else if (is_plain) {
    tree = resolve_plain(value);
  } else {
    tree = Tree{value};
  }
  tree.set_line(line_of(event.start_mark));
  complete(std::move(tree), 1, view(scalar.anchor), event.start_mark);
}

void DocumentParser::State::alias(const yaml_event_t& event) {
  const std::string_view name = view(event.data.alias.anchor);
  const auto found = anchors.find(name);
  plain_merge = false;
  if (found == anchors.end())
    return refuse(event.start_mark, fmt::format("*{}: no such anchor before it", name));
  const Anchored& anchor = found->second;
  expanded += anchor.nodes;
  if (!anchor.value || expanded > kMostExpandedNodes) {
    return refuse(event.start_mark, fmt::format("*{}: aliases expand to more than {} values", name,
                                                kMostExpandedNodes));
  }
  attach(*anchor.value, anchor.nodes, event.start_mark);
}

void DocumentParser::State::complete(Tree value, std::size_t nodes, std::string_view anchor,
                                     const yaml_mark_t& mark) {
  if (!anchor.empty()) {
    // Nested anchors keep what lies inside them more than once, so the copies share one budget.
    const bool fits = anchored + nodes <= kMostExpandedNodes;
    if (fits) anchored += nodes;
    anchors.insert_or_assign(
        std::string{anchor},
        Anchored{.value = fits ? std::optional{value} : std::nullopt, .nodes = nodes});
  }
  attach(std::move(value), nodes, mark);
}

void DocumentParser::State::attach(Tree value, std::size_t nodes, const yaml_mark_t& mark) {
  if (error) return;
  nodes_seen += nodes;
  if (nodes_seen > kMostNodes) {
    return refuse(mark, fmt::format("more than {} values in one document", kMostNodes));
  }
  if (frames.empty()) {
    root = std::move(value);
    return;
  }
  Frame& frame = frames.back();
  frame.nodes += nodes;
  if (frame.value.is_list()) {
    frame.value.push(std::move(value));
  } else if (!frame.key) {
    take_key(value, mark);
  } else if (frame.key_is_merge) {
    frame.key.reset();
    frame.merges.push_back(std::move(value));
  } else {
    std::string key = *std::exchange(frame.key, std::nullopt);
    add(frame, std::move(key), std::move(value), frame.key_line);
  }
}

void DocumentParser::State::take_key(const Tree& key, const yaml_mark_t& mark) {
  Frame& frame = frames.back();
  if (key.is_map() || key.is_list() || key.is_null())
    return refuse(mark, "the key of a map must be a text");
  if (plain_merge && frame.merges.size() == 1)
    return refuse(mark, "<< stands twice in one map; give it a list of maps");
  if (!plain_merge && has_key(frame, key.text()))
    return refuse(mark, fmt::format("{} stands twice in one map", shown(key.text())));
  frame.key = key.text();
  frame.key_line = line_of(mark);
  frame.key_is_merge = std::exchange(plain_merge, false);
}

bool DocumentParser::State::has_key(const Frame& frame, const std::string& key) const {
  if (frame.keys.empty()) return frame.value.find(key) != nullptr;
  return frame.keys.contains(key);
}

void DocumentParser::State::add(Frame& frame, std::string key, Tree value, unsigned key_line) {
  const std::size_t size = frame.value.entries().size();
  if (size == kFewKeys) {
    for (const Tree::Entry& entry : frame.value.entries())
      frame.keys.insert(entry.key);
  }
  if (size >= kFewKeys) frame.keys.insert(key);
  frame.value.add_entry(std::move(key), std::move(value), key_line);
}

// What the map says itself wins, then the earlier of the maps merged into it.
void DocumentParser::State::merge(Frame& frame) {
  const std::vector<Tree> merges = std::move(frame.merges);
  for (const Tree& source : merges) {
    if (!source.is_list()) {
      merge_map(frame, source);
      continue;
    }
    for (const Tree& item : source.items())
      merge_map(frame, item);
  }
}

void DocumentParser::State::merge_map(Frame& frame, const Tree& source) {
  if (!source.is_map()) {
    const yaml_mark_t mark{.index = 0, .line = source.line() - first_line, .column = 0};
    return refuse(mark, "<< takes a map or a list of maps");
  }
  for (const Tree::Entry& entry : source.entries()) {
    if (!has_key(frame, entry.key)) add(frame, entry.key, entry.value, entry.key_line);
  }
}

void DocumentParser::State::refuse(const yaml_mark_t& mark, std::string message) {
  if (error) return;
  error = YamlError{.line = line_of(mark),
                    .column = static_cast<unsigned>(mark.column) + 1,
                    .message = std::move(message)};
}

void DocumentParser::State::refuse_syntax() {
  if (parser.error == YAML_READER_ERROR) {
    // The reader knows the offset alone.
    const std::string_view before = text.substr(0, std::min(parser.problem_offset, text.size()));
    const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t column = before.size() - (before.rfind('\n') + 1);
    const yaml_mark_t mark{.index = 0, .line = line, .column = column};
    return refuse(mark, fmt::format("{}; the file must be UTF-8 text", view(parser.problem)));
  }
  std::string message{view(parser.problem)};
  if (parser.context != nullptr) {
    message += fmt::format(" {}", view(parser.context));
    if (parser.context_mark.line != parser.problem_mark.line)
      message += fmt::format(" that begins on line {}", line_of(parser.context_mark));
  }
  refuse(parser.problem_mark, std::move(message));
}

DocumentParser::DocumentParser(std::string_view text, unsigned first_line)
    : state_{std::make_unique<State>(text, first_line)} {
  if (text.size() > kLongestDocument) {
    state_->error =
        YamlError{.line = first_line,
                  .column = 1,
                  .message = fmt::format("a document of {} octets, at most {} are read; "
                                         "divide it with lines of ---",
                                         text.size(), kLongestDocument)};
    state_->done = true;
    return;
  }
  PORTER_ASSERT(yaml_parser_initialize(&state_->parser) == 1);
  yaml_parser_set_encoding(&state_->parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&state_->parser, reinterpret_cast<const unsigned char*>(text.data()),
                               text.size());
}

DocumentParser::~DocumentParser() {
  yaml_parser_delete(&state_->parser);  // fine for one that is all zeros
}

bool DocumentParser::step(std::size_t events) {
  for (; !state_->done && events > 0; --events) {
    yaml_event_t event{};
    if (yaml_parser_parse(&state_->parser, &event) == 0) {
      state_->refuse_syntax();
      state_->done = true;
    } else {
      state_->done = state_->handle(event);
    }
    yaml_event_delete(&event);
  }
  return state_->done;
}

Result<Tree, YamlError> DocumentParser::take() {
  PORTER_ASSERT(state_->done);
  if (state_->error) return Failure<YamlError>{*std::move(state_->error)};
  return std::move(state_->root);
}

std::string to_string(const YamlError& error) {
  return fmt::format("line {}, column {}: {}", error.line, error.column, error.message);
}

Result<Tree, YamlError> parse_document(std::string_view text, unsigned first_line) {
  DocumentParser parser{text, first_line};
  while (!parser.step(10'000)) {
  }
  return parser.take();
}

}  // namespace porter::manifests
