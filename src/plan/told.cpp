// SPDX-License-Identifier: Apache-2.0
#include "plan/told.hpp"

#include <algorithm>
#include <limits>

#include "bgp/export_policy.hpp"
#include "bgp/peer.hpp"

namespace porter::plan {
namespace {

// What the session will settle, where it has not told yet.
bgp::Negotiated expected(const bgp::PeerConfig& config) {
  bgp::Negotiated negotiated;
  negotiated.kind = config.encoding.kind;
  negotiated.families = config.open.families;
  negotiated.add_path_send = config.open.add_path_send;
  negotiated.extended_next_hop = config.open.extended_next_hop;
  return negotiated;
}

void fill(Told& told, const bgp::Rib& rib, const Prefix& prefix, bgp::Encoding encoding) {
  const bool v4 = prefix.family() == Family::V4;
  told.has_family = encoding.families.has(prefix.family());
  told.add_path = encoding.add_path.has(prefix.family());
  told.v6_for_v4 = encoding.extended_next_hop;
  told.self = encoding.mode == bgp::Encoding::Mode::Self;
  told.shared = v4 ? encoding.shared_v4 : encoding.shared_v6;
  for (const bgp::Exported& path : bgp::exported(rib, encoding, prefix))
    told.next_hops.push_back(path.next_hop);

  encoding.add_path.set(prefix.family());
  (v4 ? encoding.send_max_v4 : encoding.send_max_v6) = std::numeric_limits<std::uint32_t>::max();
  told.eligible = bgp::exported(rib, encoding, prefix).size();
}

}  // namespace

std::vector<Told> told_to_peers(const View& view, const PeerOutcomes& peers, const Prefix& prefix,
                                const bgp::PathList& paths) {
  bgp::Rib rib;
  rib.set(prefix, paths);
  std::vector<Told> all;
  for (const auto& [name, outcome] : peers) {
    if (!outcome.spec || outcome.spec->config.admin_down) continue;
    Told told;
    told.peer = name;
    const auto session = view.sessions.find(name);
    const bgp::PeerConfig& config = outcome.spec->config;
    bgp::Negotiated negotiated = expected(config);
    bgp::Ends ends;
    ends.local = Address::from_number(outcome.spec->neighbor.family(), 0);
    ends.remote = outcome.spec->neighbor;
    if (session != view.sessions.end()) {
      const SessionSeen& seen = session->second;
      told.is_established = seen.state == bgp::State::Established;
      told.caught_up = seen.caught_up;
      if (told.is_established && seen.negotiated) negotiated = *seen.negotiated;
      if (told.is_established && seen.ends) ends = *seen.ends;
    }
    told.is_selected = paths.empty() || std::ranges::any_of(paths, [&](const bgp::Path& path) {
                         return !path.withheld && bgp::is_for(path, config.encoding);
                       });
    fill(told, rib, prefix, bgp::encoding_of(config, negotiated, ends));
    if (session != view.sessions.end() && session->second.refused.contains(prefix)) {
      told.is_refused = true;
      told.next_hops.clear();
    }
    all.push_back(std::move(told));
  }
  return all;
}

}  // namespace porter::plan
