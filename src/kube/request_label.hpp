// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>

#include "kube/client.hpp"

namespace porter::kube {

// What a request does, as RBAC calls it: {"patch", "services/status"}. Kind "": no resource.
[[nodiscard]] VerbAndKind verb_and_kind(const Request& request);

}  // namespace porter::kube
