// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "bgp/rib.hpp"

namespace porter::bgp {

// The paths of a prefix; does not change. Copies are the same list: with 200 nodes a list is 25 kB,
// and thousands of prefixes have it.
class PathList {
 public:
  PathList() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): the same paths
  PathList(std::vector<Path> paths) {
    if (!paths.empty()) paths_ = std::make_shared<const std::vector<Path>>(std::move(paths));
  }
  PathList(std::initializer_list<Path> paths) : PathList{std::vector<Path>{paths}} {}

  [[nodiscard]] const Path* begin() const { return paths_ ? paths_->data() : nullptr; }
  [[nodiscard]] const Path* end() const { return begin() + size(); }
  [[nodiscard]] std::size_t size() const { return paths_ ? paths_->size() : 0; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] const Path& operator[](std::size_t i) const { return (*paths_)[i]; }
  [[nodiscard]] const Path& front() const { return paths_->front(); }
  [[nodiscard]] bool has_copies() const { return paths_.use_count() > 1; }

  friend bool operator==(const PathList& left, const PathList& right) {
    return left.paths_ == right.paths_ || std::ranges::equal(left, right);
  }
  friend std::weak_ordering operator<=>(const PathList& left, const PathList& right) {
    if (left.paths_ == right.paths_) return std::weak_ordering::equivalent;
    return std::lexicographical_compare_three_way(left.begin(), left.end(), right.begin(),
                                                  right.end());
  }

 private:
  std::shared_ptr<const std::vector<Path>> paths_;  // none: null
};

using RouteTable = std::map<Prefix, PathList>;

// Makes equal lists copies of one. Lists that nobody else has are let go of now and then.
class PathLists {
 public:
  [[nodiscard]] PathList shared(PathList list) {
    if (list.empty()) return list;
    if (lists_.size() >= sweep_at_) sweep();
    return *lists_.insert(std::move(list)).first;
  }
  [[nodiscard]] std::size_t size() const { return lists_.size(); }

 private:
  static constexpr std::size_t kFew = 64;

  void sweep() {
    std::erase_if(lists_, [](const PathList& list) { return !list.has_copies(); });
    sweep_at_ = std::max(kFew, 2 * lists_.size());
  }

  std::set<PathList> lists_;
  std::size_t sweep_at_ = kFew;
};

}  // namespace porter::bgp
