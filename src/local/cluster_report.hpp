// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "local/plan_report.hpp"

// The same questions asked of a whole cluster, from its API objects: an Engine that plans for all
// nodes (Role::Controller) has read them, and a BgpNodeState tells the sessions of each node. Field
// names are those of report.hpp; `cluster` says where the answer comes from, `note` what it cannot
// tell.
namespace porter::local {

[[nodiscard]] Tree cluster_status_report(const plan::Engine& engine, const std::string& cluster);
// NotFound names the known ones.
[[nodiscard]] Result<Tree> cluster_peers_report(const plan::Engine& engine,
                                                const std::string& cluster, const std::string& peer,
                                                std::int64_t unix_now);

}  // namespace porter::local
