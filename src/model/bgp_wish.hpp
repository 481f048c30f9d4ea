// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/decode.hpp"

namespace porter::model {

// What the annotations of a Service ask of its routes. Total: an annotation that cannot be read is
// left out, with a Warning; it costs the Service neither its address nor its routes.
[[nodiscard]] BgpWish bgp_wish_of(const Meta& service, std::vector<Problem>& problems);

}  // namespace porter::model
