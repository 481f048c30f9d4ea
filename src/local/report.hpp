// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/tree.hpp"
#include "plan/engine.hpp"
#include "speaker/bgp_runner.hpp"

// What people and programs ask a running porter, built when they ask: from the Engine's View and
// the two stages, and from the speaker's snapshots. Field names are stable; the CLI renders them.
//
//   status    {version, role, node, uptimeSeconds, follows, healthy, addresses, services, peers,
//   lastChange, problems[]} peers     {items[{name, neighbor, remoteAs, state, …}]} routes
//   {items[{prefix, nextHops[], paths, communities[], med, services[]}], truncated} received
//   {items[{peer, prefix, pathId, nextHop, asPath, accepted, stale}], holds, truncated} pools
//   {items[{eip, protocol, ranges[], used, total, free, namespaces[], default, conditions[]}]}
//   explain   {service, ok, reason, addresses[], links[], fix}; as text: {ok, text}
namespace porter::local {

// From a fact that changed routes to the moment the kernel had the last UPDATE of it.
struct LastChange {
  std::string what;
  TimePoint at{};
  Duration took{};
};

// Something wrong outside the objects: a file that does not parse, a state folder that is full.
struct Trouble {
  std::string object;
  std::string reason;
  std::string message;
};

struct Sources {
  const plan::Engine& engine;
  const speaker::BgpRunner& speaker;
  std::string version;
  std::string role;
  TimePoint started{};
  const std::optional<LastChange>& last_change;
  std::function<std::vector<Trouble>()> troubles;
};

inline constexpr std::size_t kMaxItems =
    100'000;  // of one answer; `truncated` says that there were more

[[nodiscard]] Tree status_report(const Sources& sources, TimePoint now);
// All peers, or those named so (BgpPeer name or neighbour address). NotFound names the known ones.
[[nodiscard]] Result<Tree> peers_report(const Sources& sources, const std::string& peer,
                                        TimePoint now);
// What is announced, or what `peer` is told.
[[nodiscard]] Result<Tree> routes_report(const Sources& sources, const std::string& peer);
[[nodiscard]] Result<Tree> received_report(const Sources& sources, const std::string& peer,
                                           const std::string& prefix);
[[nodiscard]] Tree pools_report(const Sources& sources);

}  // namespace porter::local
