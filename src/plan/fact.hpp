// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "base/tree.hpp"
#include "bgp/path_list.hpp"
#include "bgp/peer.hpp"
#include "model/decode.hpp"

// What goes into the Engine and what comes out of it. A Fact is the latest state of one thing,
// however often it is told. A Change is the latest wish for one key: performing it twice changes
// nothing, and a sink that falls behind keeps the last one per key.
namespace porter::plan {

// Facts.
struct ObjectSeen {
  model::ObjectKey key;
  std::optional<model::Object> object;  // none: gone
  std::string resource_version{};       // from an API server; empty: none, or gone
  Tree status{};  // as it stands there, of kinds whose status is ours to write
};
// The newest version of an object was refused, or warned about; its last good version is in force.
struct ProblemsSeen {
  model::ObjectKey key;
  std::string where;                     // "pools.yaml"
  std::vector<model::Problem> problems;  // none: all is well again
  // From an API server, of a version that was refused.
  std::optional<model::Meta> meta{};
  std::string resource_version{};
};
struct Recorded {  // the Record of this revision is durable
  Address address;
  std::uint64_t revision = 0;
};
struct RecordRefused {  // somebody else's record of that address is there, and stays
  Address address;
  std::uint64_t revision = 0;
  std::optional<model::EipAddress> actual;  // none: it cannot be read
};
struct PathIdSeen {  // remembered from an earlier run: one next hop, one identifier
  Address next_hop;
  bgp::PathId id = 0;
};
// What the speaker saw of one session of BgpPeer `peer`; told on every change of state.
struct SessionSeen {
  std::string peer;
  bgp::State state = bgp::State::Idle;
  std::int64_t since = 0;  // Unix seconds
  std::string why;         // of the last change, for people
  std::string ended;       // why the last session ended; empty: none did
  bool gone = false;       // the peer is no longer run
  std::optional<bgp::Negotiated> negotiated;
  std::optional<bgp::Ends> ends;
  bool caught_up = false;  // everything was handed to the kernel
  // Counters for status; a change of these alone marks only the peer's (paced) status.
  std::uint64_t flaps = 0;
  std::uint64_t sent_v4 = 0, sent_v6 = 0, received_v4 = 0, received_v6 = 0;  // prefixes
  std::uint64_t paths_v4 = 0, paths_v6 = 0;  // sent, with path identifiers
  // Prefixes that prefixBudget keeps back: how many, and the oldest by name.
  std::uint64_t refused_v4 = 0, refused_v6 = 0;
  std::set<Prefix> refused{};
};
// The `unreachable` kernel route of an aggregate stands; or why it does not.
struct AggregateSeen {
  Prefix prefix;
  std::string error;
};
struct Synced {};  // the source has told everything it knew at start
// Could the source read all that it has? While it could not, an object that it never told may still
// exist: nothing of it is released.
struct SourceWhole {
  bool is_whole = true;
};
using Fact = std::variant<ObjectSeen, ProblemsSeen, Recorded, RecordRefused, PathIdSeen,
                          SessionSeen, AggregateSeen, Synced, SourceWhole>;

// Changes.
struct Record {
  Address address;
  std::optional<model::EipAddress> value;  // none: free again
  std::uint64_t revision = 0;
};
struct RememberPathId {  // to be durable before the route that uses it goes out: same batch, before
                         // it
  Address next_hop;
  bgp::PathId id = 0;
};
struct Route {
  Prefix prefix;
  bgp::PathList paths;  // sorted; none: withdraw
  friend bool operator==(const Route&, const Route&) = default;
};
// The `unreachable` kernel route that an aggregate needs beside it: packets to its unassigned
// addresses would follow the default route back to the router. To be answered with AggregateSeen;
// the aggregate goes out once it stands.
struct AggregateWanted {
  Prefix prefix;
  bool is_wanted = true;
};
// A session the speaker is to run: the neighbour and its transport around the protocol's
// configuration.
struct PeerSpec {
  bgp::PeerConfig config;
  Address neighbor;
  std::string zone;                       // interface of a link-local neighbour
  std::optional<Prefix> neighbor_prefix;  // dynamic neighbours (passive); then `neighbor` is unused
  std::uint32_t neighbor_limit = 0;
  std::uint16_t remote_port = 179;
  std::string local_address;  // address, CIDR or interface name; empty: the kernel chooses
  std::string password;       // TCP MD5 (RFC 2385); empty: none
  std::uint8_t ttl = 1;       // of what we send
  std::uint8_t min_ttl = 0;   // RFC 5082; 0: not checked
  bool port_forward = false;  // what it sends to port 179 of ours arrives where we listen
  friend bool operator==(const PeerSpec&, const PeerSpec&) = default;
};
struct PeerWanted {
  std::string peer;               // BgpPeer name
  std::optional<PeerSpec> value;  // none: stop it with Cease
  bgp::Cease why = bgp::Cease::PeerDeconfigured;
};
struct ListenSpec {
  std::uint16_t port = 179;        // 0: do not listen
  std::vector<Address> addresses;  // none: all
  friend bool operator==(const ListenSpec&, const ListenSpec&) = default;
};
struct ListenWanted {
  std::optional<ListenSpec> value;
};
// Everything planned once after Synced: the speaker may send End-of-RIB.
struct Planned {};
// The whole status of one object: what stands below `status:`. None: forget it.
struct StatusWanted {
  model::ObjectKey key;
  std::optional<Tree> status;
};
// In a cluster: whether our finalizer stands on the object. What Porter 0.3 and OpenELB left there
// goes; those of others are theirs.
struct FinalizersWanted {
  model::ObjectKey key;
  bool is_held = false;
  std::vector<std::string> list;  // all of them, as the object was last seen
};
// One line for people: in `porter run` a log line, in a cluster an Event.
struct Notice {
  model::ObjectKey about;
  enum class Type : std::uint8_t { Normal, Warning } type{};
  std::string reason;
  std::string message;
};
using Change = std::variant<Record, RememberPathId, Route, AggregateWanted, PeerWanted,
                            ListenWanted, Planned, StatusWanted, FinalizersWanted, Notice>;
using Changes = std::vector<Change>;

}  // namespace porter::plan
