// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"

// What Porter writes into the status of its kinds: OpenELB's fields, and a little more (api.md 7).
namespace porter::model {
namespace {

constexpr Bounds kNotNegative{.least = 0};

constexpr Field conditions() {
  return {.path = "status.conditions",
          .type = FieldType::Conditions,
          .doc = "What is true of the object now, with reasons for people."};
}

constexpr Field observed_generation() {
  return {.path = "status.observedGeneration",
          .type = FieldType::Integer,
          .doc = "The generation of the object that this status is of.",
          .bounds = kNotNegative};
}

constexpr auto kEip = std::to_array<Field>({
    {.path = "status.occupied", .type = FieldType::Bool, .doc = "No address is left."},
    {.path = "status.usage",
     .type = FieldType::Integer,
     .doc = "How many addresses are in use.",
     .bounds = kNotNegative},
    {.path = "status.poolSize",
     .type = FieldType::Integer,
     .doc = "How many addresses can be given, at most 9223372036854775807.",
     .bounds = kNotNegative},
    {.path = "status.poolSizeText",
     .type = FieldType::String,
     .doc = "The same, exact whatever the size."},
    {.path = "status.used",
     .type = FieldType::TextMap,
     .doc = "The Services of each address in use, at most 5,000 addresses."},
    {.path = "status.usedTruncated",
     .type = FieldType::Bool,
     .doc = "More addresses are in use than `used` shows."},
    {.path = "status.firstIP", .type = FieldType::String, .doc = "The first address of the pool."},
    {.path = "status.lastIP", .type = FieldType::String, .doc = "The last address of the pool."},
    {.path = "status.ready", .type = FieldType::Bool, .doc = "The pool gives addresses."},
    {.path = "status.v4", .type = FieldType::Bool, .doc = "The first address is of IPv4."},
    observed_generation(),
    conditions(),
});

constexpr auto kBgpConf = std::to_array<Field>({
    {.path = "status.nodesConfStatus",
     .type = FieldType::Map,
     .doc = "What counts on each node, at most 50 nodes."},
    {.path = "status.nodesConfStatus{}", .type = FieldType::Group, .doc = "One node."},
    {.path = "status.nodesConfStatus{}.routerId",
     .type = FieldType::String,
     .doc = "Its BGP Identifier."},
    {.path = "status.nodesConfStatus{}.as",
     .type = FieldType::Integer,
     .doc = "Its AS number.",
     .bounds = kUnsigned},
    observed_generation(),
    conditions(),
});

// nodesPeerStatus has the shape of OpenELB, which came from GoBGP by way of protobuf JSON: times
// are strings. Its authPassword is left out.
constexpr auto kBgpPeer = std::to_array<Field>({
    {.path = "status.sessions",
     .type = FieldType::String,
     .doc = "Sessions that are Established, of those there should be: `3/3`."},
    {.path = "status.advertised",
     .type = FieldType::Integer,
     .doc = "How many paths the neighbour is sent, by all nodes together.",
     .bounds = kNotNegative},
    {.path = "status.received",
     .type = FieldType::Integer,
     .doc = "How many paths the neighbour sent, to all nodes together.",
     .bounds = kNotNegative},
    {.path = "status.nodesPeerStatus",
     .type = FieldType::Map,
     .doc = "The sessions by node, of at most 50 nodes."},
    {.path = "status.nodesPeerStatus{}", .type = FieldType::Group, .doc = "One node."},
    {.path = "status.nodesPeerStatus{}.peerState", .type = FieldType::Group, .doc = "The session."},
    {.path = "status.nodesPeerStatus{}.peerState.neighborAddress",
     .type = FieldType::String,
     .doc = "The address of the neighbour."},
    {.path = "status.nodesPeerStatus{}.peerState.peerAs",
     .type = FieldType::Integer,
     .doc = "The AS number of the neighbour.",
     .bounds = kNotNegative},
    {.path = "status.nodesPeerStatus{}.peerState.localAs",
     .type = FieldType::Integer,
     .doc = "Our AS number towards it.",
     .bounds = kNotNegative},
    {.path = "status.nodesPeerStatus{}.peerState.peerType",
     .type = FieldType::Integer,
     .doc = "1: eBGP; 0 or absent: iBGP.",
     .bounds = kNotNegative},
    {.path = "status.nodesPeerStatus{}.peerState.adminState",
     .type = FieldType::String,
     .doc = "`DOWN` where `conf.adminDown` says so."},
    {.path = "status.nodesPeerStatus{}.peerState.sessionState",
     .type = FieldType::String,
     .doc = "The state of RFC 4271, in capital letters."},
    {.path = "status.nodesPeerStatus{}.peerState.routerId",
     .type = FieldType::String,
     .doc = "The BGP Identifier of the neighbour."},
    {.path = "status.nodesPeerStatus{}.peerState.description",
     .type = FieldType::String,
     .doc = "As in the spec."},
    {.path = "status.nodesPeerStatus{}.peerState.flops",
     .type = FieldType::Integer,
     .doc = "How often the session was Established and ended.",
     .bounds = kNotNegative},
    {.path = "status.nodesPeerStatus{}.peerState.outQ",
     .type = FieldType::Integer,
     .doc = "How many prefixes the neighbour is still to be sent.",
     .bounds = kNotNegative},
    {.path = "status.nodesPeerStatus{}.timersState",
     .type = FieldType::Group,
     .doc = "Its timers, in seconds."},
    {.path = "status.nodesPeerStatus{}.timersState.connectRetry",
     .type = FieldType::String,
     .doc = "How long to wait after a connection failed."},
    {.path = "status.nodesPeerStatus{}.timersState.holdTime",
     .type = FieldType::String,
     .doc = "The hold time we offer."},
    {.path = "status.nodesPeerStatus{}.timersState.keepaliveInterval",
     .type = FieldType::String,
     .doc = "How often a KEEPALIVE is sent."},
    {.path = "status.nodesPeerStatus{}.timersState.minimumAdvertisementInterval",
     .type = FieldType::String,
     .doc = "Never waited for."},
    {.path = "status.nodesPeerStatus{}.timersState.negotiatedHoldTime",
     .type = FieldType::String,
     .doc = "The hold time in force."},
    {.path = "status.nodesPeerStatus{}.timersState.uptime",
     .type = FieldType::String,
     .doc = "Since when it is Established."},
    {.path = "status.nodesPeerStatus{}.timersState.downtime",
     .type = FieldType::String,
     .doc = "Since when it is not."},
    observed_generation(),
    conditions(),
});

constexpr std::array kOther{observed_generation(), conditions()};

}  // namespace

std::span<const Field> status_fields(Kind kind) {
  switch (kind) {
    case Kind::Eip: return kEip;
    case Kind::BgpConf: return kBgpConf;
    case Kind::BgpPeer: return kBgpPeer;
    case Kind::BgpAdvertisement:
    case Kind::EipAddress: return kOther;
    default: return {};
  }
}

}  // namespace porter::model
