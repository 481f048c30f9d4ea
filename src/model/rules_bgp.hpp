// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/complaints.hpp"

namespace porter::model {

// An explicit block without `enabled` is off, as it was in OpenELB; restartTime 0 is the hold time.
void settle_graceful_restart(const Tree& document, std::optional<GracefulRestart>& block,
                             std::uint16_t hold_time, Complaints& complaints);

}  // namespace porter::model
