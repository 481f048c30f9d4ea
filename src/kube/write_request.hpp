// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/tree.hpp"
#include "kube/client.hpp"
#include "kube/write_queue.hpp"

namespace porter::kube {

[[nodiscard]] Request request_for(const Wish& wish);

// `object` says all that `wanted` says: what the API server adds, and the order of keys, do not
// count. Lists are equal item by item.
[[nodiscard]] bool says(const Tree& object, const Tree& wanted);

}  // namespace porter::kube
