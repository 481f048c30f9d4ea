// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/complaints.hpp"

namespace porter::model {

// Kubernetes' own kinds: strict about the types of what we read, silent about everything else.
[[nodiscard]] Service read_service(const Tree& document, Complaints& complaints);
[[nodiscard]] EndpointSlice read_slice(const Tree& document, Meta meta, Complaints& complaints);
[[nodiscard]] Node read_node(const Tree& document, Complaints& complaints);
[[nodiscard]] Secret read_secret(const Tree& document, Complaints& complaints);

}  // namespace porter::model
