// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/tree.hpp"

namespace porter::model {

// JSON (RFC 8259) as a Tree, strictly: what annotations carry. Numbers keep their text. At most 64
// levels deep; of a key that is there twice the last one counts.
[[nodiscard]] Result<Tree> parse_json(std::string_view text);

}  // namespace porter::model
