// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/session_plan.hpp"

namespace porter::plan {

// The session of a BgpPeer for which nothing speaks against it: `ground.conf` is there.
[[nodiscard]] PeerSpec peer_spec(const View& view, const SessionGround& ground,
                                 const model::BgpPeer& peer, std::string password);

// FNV-1a: a name as a number that stays the same in every build.
[[nodiscard]] std::uint64_t hash_of(std::string_view text);

}  // namespace porter::plan
