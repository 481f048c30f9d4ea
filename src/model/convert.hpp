// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/decode.hpp"

namespace porter::model {

// An object of one of our kinds before its fields are read: what its version means by leaving them
// out. The domain knows one form; v1alpha1 (Porter 0.3) differs from v1alpha2 in the names of
// fields, which are rows of the tables, and in these defaults (the table of api.md 7).
[[nodiscard]] Object defaults_of(Kind kind, ApiVersion version);

}  // namespace porter::model
