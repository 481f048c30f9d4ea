// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/complaints.hpp"

namespace porter::model {

// metadata of any kind. Strict about what we read; for kinds of ours unknown fields warn.
[[nodiscard]] Meta read_meta(const Tree& document, Kind kind, ApiVersion version,
                             Complaints& complaints);

// As far as it can be told, also from an object that is refused.
[[nodiscard]] std::optional<ObjectKey> key_from(const Tree& document, Kind kind);

// A map from text to text, as labels are. Null values are empty texts.
[[nodiscard]] StringMap read_string_map(const Tree& tree, const std::string& path,
                                        Complaints& complaints);

}  // namespace porter::model
