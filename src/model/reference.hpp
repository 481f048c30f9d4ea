// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace porter::model {

// docs/configuration.md: every field of every kind and version from the tables of schema.hpp, and
// the annotations and labels of other people's objects.
[[nodiscard]] std::string configuration_reference();

}  // namespace porter::model
