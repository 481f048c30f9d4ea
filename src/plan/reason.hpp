// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace porter::plan {

// Every reason Porter gives (api.md 4, 6, 7), with its words and its fix in one table (reason.cpp).
enum class Reason : std::uint8_t {
  // Condition network.kubesphere.io/Assigned
  Assigned,
  AssignedOutsidePolicy,
  NoPool,
  PoolNotFound,
  PoolExhausted,
  PoolDisabled,
  PoolNotForNamespace,
  PoolNotForService,
  AddressNotInPool,
  AddressInUse,
  AddressReserved,
  ShareRefused,
  ConflictingRequest,
  FamilyUnavailable,
  ProtocolMismatch,
  ProtocolUnavailable,
  ForeignStatus,
  InvalidRequest,
  NotRecorded,  // chosen, and the record is not durable yet: a moment, or a state folder that is
                // full
  // why a Service is not ours
  NotLoadBalancer,
  OtherClass,
  NotClaimed,
  // Condition network.kubesphere.io/Announced
  Announced,
  NoAddress,
  NoReadyEndpoints,
  NoCandidateNode,
  NoPeer,
  NoEstablishedPeer,
  NoMatchingAdvertisement,
  NextHopNotShared,
  PrefixBudget,
  NodesDraining,
  FailOpen,
  Paused,
  NoBgpConf,
  AddPathNotReceived,  // announced, but the peer takes one next hop only
  // why a node is no next hop
  Candidate,
  NotReady,
  NotReadyUnknown,
  NetworkUnavailable,
  Excluded,
  OtherRack,
  Draining,
  OutOfService,
  NoNextHopAddress,
  NoLocalEndpoint,
  NotSelected,
  // BgpConf and BgpPeer
  Established,
  NotEstablished,
  NotDefault,
  PolicyNotSupported,
  DuplicateNeighbor,
  SecretMissing,
  NoLocalAddress,
  AdminDown,
  LeftToCni,
  NotThisNode,
  RouterIdIgnored,
  FieldIgnored,
  ConflictingAdvertisement,
  // Eip
  Ready,
  Disabled,
  Deleting,
  Overlaps,
  InvalidObject,  // the newest version in the folder is not usable; the last good one stays in
                  // force
};

[[nodiscard]] std::string_view to_string(Reason reason);  // the CamelCase word
[[nodiscard]] std::optional<Reason> reason_named(std::string_view word);
[[nodiscard]] std::string_view meaning(Reason reason);  // one sentence
[[nodiscard]] std::string_view fix(Reason reason);      // what to do; empty when all is well

}  // namespace porter::plan
