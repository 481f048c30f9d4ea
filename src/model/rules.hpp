// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/complaints.hpp"

namespace porter::model {

// What the fields of one object must be together, and what they mean together: runs when all of
// them and the Meta are read. `document` tells the lines.
void apply_rules(const Tree& document, Eip& eip, Complaints& complaints);
void apply_rules(const Tree& document, BgpConf& conf, Complaints& complaints);
void apply_rules(const Tree& document, BgpPeer& peer, Complaints& complaints);
void apply_rules(const Tree& document, EipAddress& address, Complaints& complaints);
void apply_rules(const Tree& document, BgpAdvertisement& advertisement, Complaints& complaints);

}  // namespace porter::model
