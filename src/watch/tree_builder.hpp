// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/tree.hpp"
#include "watch/item_stream.hpp"

namespace porter::watch {

// A Tree from the events of a parser, within Limits. Refuses once: then error() says why, and what
// is told from then on is of no consequence.
class TreeBuilder {
 public:
  explicit TreeBuilder(const Limits& limits) : limits_{limits} {}

  // To be called for the octets of texts, numbers and keys as they come, before they are kept.
  [[nodiscard]] bool spend(std::size_t octets);
  [[nodiscard]] bool open(Tree container);
  [[nodiscard]] bool key(std::string key);
  [[nodiscard]] bool scalar(Tree value);
  void close();

  [[nodiscard]] std::size_t depth() const { return frames_.size(); }  // of open containers
  [[nodiscard]] bool is_done() const { return is_done_; }
  [[nodiscard]] const Error& error() const { return error_; }
  // True between a key at `depth` 2 of the map at `root_key` and its value: "metadata", "name".
  [[nodiscard]] bool is_at(std::string_view root_key, std::string_view key) const;
  // Leaves out the value that would come next.
  void drop_key() { frames_.back().has_key = false; }

  [[nodiscard]] Tree take();  // and begins anew

 private:
  struct Frame {
    Tree value;
    std::string key;  // waits for its value
    bool has_key = false;
    std::unordered_set<std::string> keys;  // only when there are more than a few
  };

  [[nodiscard]] bool count_value();
  [[nodiscard]] static bool is_new(Frame& frame, const std::string& key);
  void attach(Tree value);

  Limits limits_;
  std::vector<Frame> frames_;
  Tree root_;
  std::size_t octets_ = 0;
  std::size_t values_ = 0;
  bool is_done_ = false;
  Error error_;
};

}  // namespace porter::watch
