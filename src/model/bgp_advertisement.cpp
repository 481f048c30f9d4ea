// SPDX-License-Identifier: Apache-2.0
#include "model/bgp_advertisement.hpp"

#include <algorithm>

namespace porter::model {

bool BgpAdvertisement::Overrides::allows(const Community& community) const {
  return std::any_of(communities.begin(), communities.end(),
                     [&](const CommunityPattern& pattern) { return pattern.matches(community); });
}

bool BgpAdvertisement::selects_eip(std::string_view name, const StringMap& labels) const {
  if (selects_all_eips() || std::find(eips.begin(), eips.end(), name) != eips.end()) return true;
  return eip_selector && eip_selector->matches(labels);
}

bool BgpAdvertisement::selects_peer(std::string_view name) const {
  return peers.empty() || std::find(peers.begin(), peers.end(), name) != peers.end();
}

}  // namespace porter::model
