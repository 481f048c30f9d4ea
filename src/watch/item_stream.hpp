// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "base/tree.hpp"

// JSON from the API server -> Trees, one object at a time, whatever the size of the whole.
//
//   bytes ── offer() ──> ItemStream ── next() ──> Item        until next() has nothing, then read
//   on
//
// Two bodies are understood: a list (`{kind, apiVersion, metadata, items: [...]}`, in any order: Go
// types write `metadata` first, custom resources write it after `items`) and a watch
// (`{type, object}` after `{type, object}`). Of everything around the objects only what ListEnd and
// WatchEvent carry is kept. What has been built is handed out before what is wrong behind it, so
// the items do not depend on how the bytes were cut.
//
// Memory: one object under construction, and those that ended within one slice of 4 KiB.
namespace porter::watch {

// Of one object. Each is refused in words when it is passed.
struct Limits {
  std::size_t octets = 2U << 20U;  // of its texts, numbers and keys; etcd takes 1.5 MiB
  std::size_t depth = 64;
  std::size_t values = 100'000;  // scalars, lists and maps: about 100 octets each in memory
};

// Half of many objects, and nobody here reads them: they are dropped without being built.
enum class ManagedFields : std::uint8_t { Drop, Keep };

// What the objects of a list are. Items of a typed list do not say it themselves.
struct TypeName {
  std::string api_version;  // "v1", "discovery.k8s.io/v1"
  std::string kind;         // "Service"
  friend bool operator==(const TypeName&, const TypeName&) = default;
};

struct Listed {
  Tree object;  // with apiVersion and kind: its own, else the list's, else those asked for
  friend bool operator==(const Listed&, const Listed&) = default;
};
// The closing brace of a list.
struct ListEnd {
  std::string resource_version;
  std::string continue_token;  // empty: this was the last page
  std::optional<std::uint64_t> remaining;
  friend bool operator==(const ListEnd&, const ListEnd&) = default;
};
struct WatchEvent {
  enum class Type : std::uint8_t { Added, Modified, Deleted, Bookmark, Error };
  Type type{};
  Tree object;  // Error: a Status
  friend bool operator==(const WatchEvent&, const WatchEvent&) = default;
};
using Item = std::variant<Listed, ListEnd, WatchEvent>;

enum class Body : std::uint8_t { List, Watch };

// One response body. Not thread-safe. After an error it gives that error for ever.
class ItemStream {
 public:
  struct Config {
    Body body{};
    TypeName type;
    ManagedFields managed_fields = ManagedFields::Drop;
    Limits limits;
  };

  explicit ItemStream(const Config& config);
  ItemStream(const ItemStream&) = delete;
  ItemStream& operator=(const ItemStream&) = delete;
  ItemStream(ItemStream&&) noexcept;
  ItemStream& operator=(ItemStream&&) noexcept;
  ~ItemStream();

  // `bytes` are borrowed until next() has nothing more.
  void offer(std::string_view bytes);
  // The next item; nothing: all that was offered is used up.
  [[nodiscard]] Result<std::optional<Item>> next();
  // The body is over. An error if that was in the middle of something.
  [[nodiscard]] Result<void> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A whole document of JSON (RFC 8259, UTF-8) of any kind. Numbers keep their text; a key that
// stands twice in one map is refused. The way back is to_json().
[[nodiscard]] Result<Tree> parse_json(std::string_view text);
[[nodiscard]] Result<Tree> parse_json(std::string_view text, const Limits& limits);

}  // namespace porter::watch
