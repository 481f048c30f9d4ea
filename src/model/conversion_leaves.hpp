// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "base/tree.hpp"
#include "model/object.hpp"

// What v1alpha1 and v1alpha2 call the same thing, for conversion.cpp (the table of api.md 7).
namespace porter::model {

using Wish = std::optional<Tree>;  // none: absent

struct Leaf;
[[nodiscard]] Wish same_up(const Leaf& leaf, const Tree& old_spec);
[[nodiscard]] Wish same_down(const Leaf& leaf, const Tree& new_spec);
[[nodiscard]] Tree put_at_path(const Leaf& leaf, const Tree& new_spec, const Wish& wish);

// One thing both versions can say, or, without a path in v1alpha1, one that v1alpha1 always means.
// `up` reads it from a v1alpha1 spec as v1alpha2 says it, `down` the other way round; each undoes
// the other as far as the versions allow: up(down(up(x))) is up(x), down(up(down(y))) is down(y).
struct Leaf {
  Kind kind{};
  std::string_view old_path;
  std::string_view new_path;
  Wish (*up)(const Leaf& leaf, const Tree& old_spec) = same_up;
  Wish (*down)(const Leaf& leaf, const Tree& new_spec) = same_down;
  Tree (*put_new)(const Leaf& leaf, const Tree& new_spec, const Wish& wish) = put_at_path;
};
[[nodiscard]] std::span<const Leaf> leaves();

// The map with that value at that path. A map that loses its last entry goes with it.
[[nodiscard]] Tree placed(const Tree& tree, std::string_view path, const Wish& wish);

}  // namespace porter::model
