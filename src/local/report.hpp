// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/histogram.hpp"
#include "base/tree.hpp"
#include "local/plan_report.hpp"
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

// What was said to the API server, and by whom it is followed. Keys: verb and kind, as RBAC calls
// them: {"patch", "services/status"}.
struct Traffic {
  using VerbAndKind = std::pair<std::string, std::string>;
  struct Watch {
    std::string kind;
    std::uint64_t watches = 0;  // begun
    std::uint64_t lists = 0;
    std::uint64_t relists = 0;  // the state was read anew
    std::uint64_t failures = 0;
  };
  std::map<VerbAndKind, Histogram> requests;
  std::map<VerbAndKind, std::uint64_t> writes;
  std::vector<Watch> watches;
  std::uint64_t connections = 0;
  std::uint64_t failures = 0;  // requests without an answer
  std::uint64_t refused = 0;   // writes that the API server will never take
  std::uint64_t conflicts = 0;
  std::uint64_t throttled_by_server = 0;  // answers 429
  std::uint64_t throttled_by_us = 0;      // writes that waited for their turn
  std::uint64_t waiting = 0;              // writes that wait now
};

struct Sources {
  const plan::Engine& engine;
  const speaker::BgpRunner& speaker;
  std::string version;
  std::string role;
  TimePoint started{};
  const std::optional<LastChange>& last_change;
  std::function<std::vector<Trouble>()> troubles;
  std::function<Traffic()> traffic{};  // empty: there is no API server
};

[[nodiscard]] Tree status_report(const Sources& sources, TimePoint now);
// All peers, or those named so (BgpPeer name or neighbour address). NotFound names the known ones.
[[nodiscard]] Result<Tree> peers_report(const Sources& sources, const std::string& peer,
                                        TimePoint now);
// What is announced, or what `peer` is told.
[[nodiscard]] Result<Tree> routes_report(const Sources& sources, const std::string& peer);
[[nodiscard]] Result<Tree> received_report(const Sources& sources, const std::string& peer,
                                           const std::string& prefix);

}  // namespace porter::local
