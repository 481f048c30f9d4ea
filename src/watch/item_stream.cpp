// SPDX-License-Identifier: Apache-2.0
#include "watch/item_stream.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/basic_parser_impl.hpp>
#include <fmt/format.h>

#include "watch/item_reader.hpp"

namespace porter::watch {
namespace {

namespace json = boost::json;

// Of the input that is parsed in one go: items that end within it wait for next().
constexpr std::size_t kSlice = 4096;
constexpr std::size_t kAround = 3;  // levels around an object: list, items; event

// What basic_parser calls. The signatures are Boost.JSON's; the work is ItemReader's.
struct Handler {
  // The limits are ItemReader's.
  // NOLINTBEGIN(readability-identifier-naming): names that basic_parser looks for
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  // NOLINTEND(readability-identifier-naming)

  explicit Handler(ItemReader::Shape shape, ItemStream::Config config)
      : reader{shape, std::move(config)} {}

  // Any code will do: the reader knows the words.
  static bool go_on(bool accepted, json::error_code& error) {
    if (!accepted) error = json::error::exception;
    return accepted;
  }

  static bool on_document_begin(json::error_code& /*error*/) { return true; }
  static bool on_document_end(json::error_code& /*error*/) { return true; }
  bool on_object_begin(json::error_code& error) { return go_on(reader.open(Tree::map()), error); }
  bool on_object_end(std::size_t /*n*/, json::error_code& error) {
    return go_on(reader.close(), error);
  }
  bool on_array_begin(json::error_code& error) { return go_on(reader.open(Tree::list()), error); }
  bool on_array_end(std::size_t /*n*/, json::error_code& error) {
    return go_on(reader.close(), error);
  }
  bool on_key_part(json::string_view text, std::size_t /*n*/, json::error_code& error) {
    return go_on(reader.key_part({text.data(), text.size()}), error);
  }
  bool on_key(json::string_view text, std::size_t /*n*/, json::error_code& error) {
    return go_on(reader.key_part({text.data(), text.size()}) && reader.key(), error);
  }
  bool on_string_part(json::string_view text, std::size_t /*n*/, json::error_code& error) {
    return go_on(reader.part({text.data(), text.size()}), error);
  }
  bool on_string(json::string_view text, std::size_t /*n*/, json::error_code& error) {
    return go_on(reader.part({text.data(), text.size()}) && reader.string(), error);
  }
  bool on_number_part(json::string_view text, json::error_code& error) {
    return go_on(reader.part({text.data(), text.size()}), error);
  }
  bool on_int64(std::int64_t /*value*/, json::string_view text, json::error_code& error) {
    return go_on(reader.part({text.data(), text.size()}) && reader.number(), error);
  }
  bool on_uint64(std::uint64_t /*value*/, json::string_view text, json::error_code& error) {
    return go_on(reader.part({text.data(), text.size()}) && reader.number(), error);
  }
  bool on_double(double /*value*/, json::string_view text, json::error_code& error) {
    return go_on(reader.part({text.data(), text.size()}) && reader.number(), error);
  }
  bool on_bool(bool value, json::error_code& error) {
    return go_on(reader.literal(Tree{value}), error);
  }
  bool on_null(json::error_code& error) { return go_on(reader.literal(Tree{}), error); }
  static bool on_comment_part(json::string_view /*text*/, json::error_code& /*error*/) {
    return true;
  }
  static bool on_comment(json::string_view /*text*/, json::error_code& /*error*/) { return true; }

  ItemReader reader;
};

using Parser = json::basic_parser<Handler>;

json::parse_options options(const Limits& limits) {
  json::parse_options options;
  options.max_depth = limits.depth + kAround;  // the builder's own limit is hit first
  return options;
}

Error error_of(const ItemReader& reader, const json::error_code& code, const Limits& limits) {
  if (!reader.error().message.empty()) return reader.error();
  if (code == json::error::too_deep) {
    return Error{.code = Errc::Exhausted,
                 .message = fmt::format("nested deeper than {} levels", limits.depth)};
  }
  return Error{.code = Errc::Invalid, .message = fmt::format("not JSON: {}", code.message())};
}

}  // namespace

struct ItemStream::State {
  explicit State(const Config& config)
      : body{config.body},
        limits{config.limits},
        parser{options(config.limits),
               config.body == Body::List ? ItemReader::Shape::List : ItemReader::Shape::Watch,
               config} {}

  void parse_slice();
  [[nodiscard]] ItemReader& reader() { return parser.handler().reader; }

  Body body;
  Limits limits;
  Parser parser;
  std::string_view bytes;
  std::optional<Error> error;
};

// Parses up to the end of the slice, or of a document within it.
void ItemStream::State::parse_slice() {
  const std::size_t size = std::min(bytes.size(), kSlice);
  json::error_code code;
  const std::size_t used = parser.write_some(true, bytes.data(), size, code);
  bytes.remove_prefix(used);
  if (code) {
    error = error_of(reader(), code, limits);
  } else if (used < size && body == Body::List) {
    error = Error{.code = Errc::Invalid, .message = "more text behind the end of the list"};
  } else if (used < size) {
    parser.reset();
  }
}

ItemStream::ItemStream(const Config& config) : state_{std::make_unique<State>(config)} {}
ItemStream::ItemStream(ItemStream&&) noexcept = default;
ItemStream& ItemStream::operator=(ItemStream&&) noexcept = default;
ItemStream::~ItemStream() = default;

void ItemStream::offer(std::string_view bytes) {
  PORTER_ASSERT(state_->bytes.empty() || state_->error);
  state_->bytes = bytes;
}

Result<std::optional<Item>> ItemStream::next() {
  std::deque<Item>& items = state_->reader().items();
  while (items.empty() && !state_->error && !state_->bytes.empty())
    state_->parse_slice();
  if (!items.empty()) {
    std::optional<Item> item{std::move(items.front())};
    items.pop_front();
    return item;
  }
  if (const auto& error = state_->error) return Failure<>{*error};
  return std::optional<Item>{};
}

Result<void> ItemStream::finish() {
  if (const auto& error = state_->error) return Failure<>{*error};
  if (state_->body == Body::List && !state_->reader().has_ended())
    return fail(Errc::Unavailable, "the list ended in the middle");
  if (!state_->reader().is_complete())
    return fail(Errc::Unavailable, "the watch ended in the middle of an event");
  return {};
}

Result<Tree> parse_json(std::string_view text) {
  return parse_json(text, Limits{});
}

Result<Tree> parse_json(std::string_view text, const Limits& limits) {
  ItemStream::Config config;
  config.limits = limits;
  Parser parser{options(limits), ItemReader::Shape::Document, config};
  json::error_code code;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), code);
  ItemReader& reader = parser.handler().reader;
  if (code) return Failure<>{error_of(reader, code, limits)};
  if (used < text.size()) return fail(Errc::Invalid, "not JSON: more text behind its end");
  return reader.take_document();
}

}  // namespace porter::watch
