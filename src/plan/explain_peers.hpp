// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "plan/explain.hpp"

namespace porter::plan {

// The end of the chain: one link for each BgpPeer of this node.
[[nodiscard]] std::vector<Explanation::Link> peer_links(const View& view,
                                                        const Announcer& announcer,
                                                        const Announcement& one,
                                                        std::int64_t unix_now);

struct PeerCount {
  std::size_t told = 0;  // of all addresses
  std::size_t all = 0;   // that are to be told
};
[[nodiscard]] PeerCount count_peers(const View& view, const Announcer& announcer,
                                    const std::vector<Announcement>& announcements);

}  // namespace porter::plan
