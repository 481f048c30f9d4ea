// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "model/decode.hpp"

namespace porter::model {

// A problem of one object of a set.
struct Located {
  std::size_t object = 0;  // its index in the set
  std::optional<std::size_t>
      other;  // the object it collides with, whose place the reader may want to see
  Problem problem;
  friend bool operator==(const Located&, const Located&) = default;
};

// What objects that are each in order say about each other, for `porter validate`: in the order of
// the set, each at the object that yields. Meta::order breaks ties between objects that do not tell
// their age, so the caller numbers them first. O(n log n).
[[nodiscard]] std::vector<Located> check(std::span<const Object> objects);

// The field in which two BgpAdvertisements that may select one route differ; empty: none.
[[nodiscard]] std::string_view conflict_between(const BgpAdvertisement& left,
                                                const BgpAdvertisement& right);

// Could one node have both sessions (api.md 7: node, neighbour with zone, port)?
[[nodiscard]] bool is_same_neighbor(const BgpPeer& left, const BgpPeer& right);
// Can no set of labels match both? Says yes only where that is certain.
[[nodiscard]] bool are_disjoint(const std::optional<Selector>& left,
                                const std::optional<Selector>& right);

}  // namespace porter::model
