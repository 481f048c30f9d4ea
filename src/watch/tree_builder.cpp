// SPDX-License-Identifier: Apache-2.0
#include "watch/tree_builder.hpp"

#include <utility>

#include <fmt/format.h>

namespace porter::watch {
namespace {

constexpr std::size_t kFewKeys = 16;  // up to here a walk beats a hash table

}  // namespace

bool TreeBuilder::spend(std::size_t octets) {
  octets_ += octets;
  if (octets_ <= limits_.octets) return true;
  error_ = Error{.code = Errc::Exhausted,
                 .message = fmt::format("more than {} octets in one object", limits_.octets)};
  return false;
}

bool TreeBuilder::count_value() {
  if (++values_ <= limits_.values) return true;
  error_ = Error{.code = Errc::Exhausted,
                 .message = fmt::format("more than {} values in one object", limits_.values)};
  return false;
}

bool TreeBuilder::open(Tree container) {
  if (frames_.size() >= limits_.depth) {
    error_ = Error{.code = Errc::Exhausted,
                   .message = fmt::format("nested deeper than {} levels", limits_.depth)};
    return false;
  }
  if (!count_value()) return false;
  Frame& frame = frames_.emplace_back();
  frame.value = std::move(container);
  return true;
}

bool TreeBuilder::key(std::string key) {
  Frame& frame = frames_.back();
  if (!is_new(frame, key)) {
    error_ = Error{.code = Errc::Invalid,
                   .message = fmt::format("{} stands twice in one map", shown(key))};
    return false;
  }
  frame.key = std::move(key);
  frame.has_key = true;
  return true;
}

bool TreeBuilder::is_new(Frame& frame, const std::string& key) {
  const Tree::Map& entries = frame.value.entries();
  if (entries.size() < kFewKeys) return frame.value.find(key) == nullptr;
  if (frame.keys.empty()) {
    for (const Tree::Entry& entry : entries)
      frame.keys.insert(entry.key);
  }
  return frame.keys.insert(key).second;
}

bool TreeBuilder::scalar(Tree value) {
  if (!count_value()) return false;
  attach(std::move(value));
  return true;
}

void TreeBuilder::close() {
  Tree value = std::move(frames_.back().value);
  frames_.pop_back();
  attach(std::move(value));
}

void TreeBuilder::attach(Tree value) {
  if (frames_.empty()) {
    root_ = std::move(value);
    is_done_ = true;
    return;
  }
  Frame& frame = frames_.back();
  if (frame.value.is_list()) {
    frame.value.push(std::move(value));
  } else {
    frame.value.add_entry(std::move(frame.key), std::move(value), 0);
    frame.key.clear();
    frame.has_key = false;
  }
}

bool TreeBuilder::is_at(std::string_view root_key, std::string_view key) const {
  return frames_.size() == 2 && frames_[0].has_key && frames_[0].key == root_key &&
         frames_[1].has_key && frames_[1].key == key;
}

Tree TreeBuilder::take() {
  octets_ = 0;
  values_ = 0;
  is_done_ = false;
  return std::exchange(root_, Tree{});
}

}  // namespace porter::watch
