// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/schema.hpp"

// How a leaf of the tables reads in OpenAPI, for crd.cpp.
namespace porter::model {

inline constexpr int kLongestList = 10'000;  // as decode() takes them

// The sentence of the table with what a schema cannot say: a default that is no value, and what an
// edit disturbs.
[[nodiscard]] std::string description_of(const Field& field);

// Type, bounds, pattern and default.
void type_into(const Field& field, Tree& tree);

// Server-side apply takes the map as a whole. Merged key by key, a map whose last key goes would
// become null, which the schema refuses, and no status could be written any more.
void whole_into(Tree& tree);

}  // namespace porter::model
