// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/status.hpp"

namespace porter::plan {

// Condition Accepted: is the newest version of the object in force? `has_version`: some version is.
[[nodiscard]] Condition accepted(const View& view, const model::ObjectKey& key, bool has_version);

}  // namespace porter::plan
