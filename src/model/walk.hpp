// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/complaints.hpp"
#include "model/schema.hpp"

namespace porter::model {

// Reads a document of one of our kinds through its table into `object`, which holds the defaults
// already. Complains about unknown fields, wrong values, and required fields that are not there.
void walk(const Tree& document, const Schema& schema, ApiVersion version, Object& object,
          Complaints& complaints);

}  // namespace porter::model
