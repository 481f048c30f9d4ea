// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"
#include "model/schema_bgp.hpp"

namespace porter::model {
namespace {

constexpr std::array<std::string_view, 2> kAfis{"AFI_IP", "AFI_IP6"};  // in the order of Family
constexpr std::array<std::string_view, 1> kSafis{"SAFI_UNICAST"};
constexpr std::array<std::string_view, 2> kBudgetActions{"Warn", "Refuse"};
constexpr std::array<std::string_view, 2> kMaximumActions{"Ignore", "Cease"};
constexpr std::array<std::string_view, 5> kRoles{"provider", "rs", "rs-client", "customer", "peer"};

constexpr Bounds kMillis{.least = 10, .most = 60'000};
constexpr Bounds kSeconds{.least = 0, .most = 65'535};
constexpr std::uint32_t kV1alpha1SendMax = 8;

std::int64_t number(const Value& value) {
  return std::get<std::int64_t>(value);
}

void put_neighbor(Object& object, Value&& value) {
  auto& peer = std::get<BgpPeer>(object);
  ZonedAddress neighbor = std::get<ZonedAddress>(std::move(value));
  peer.neighbor = neighbor.address;
  peer.neighbor_zone = std::move(neighbor.zone);
}

// 0 is protobuf's "not set" in all three.
void put_remote_port(Object& object, Value&& value) {
  if (number(value) != 0)
    std::get<BgpPeer>(object).remote_port = static_cast<std::uint16_t>(number(value));
}
void put_ttl(Object& object, Value&& value) {
  if (number(value) != 0)
    std::get<BgpPeer>(object).multihop_ttl = static_cast<std::uint8_t>(number(value));
}
void put_keepalive(Object& object, Value&& value) {
  if (number(value) != 0)
    std::get<BgpPeer>(object).keepalive_interval = static_cast<std::uint16_t>(number(value));
}
void put_local_as(Object& object, Value&& value) {
  if (number(value) != 0)
    std::get<BgpPeer>(object).local_as = Asn{static_cast<std::uint32_t>(number(value))};
}

void put_max_prefixes_action(Object& object, Value&& value) {
  std::get<BgpPeer>(object).max_prefixes_cease = number(value) == 1;
}

void begin_neighbor_prefix(Object& object, Value&& /*nothing*/) {
  std::get<BgpPeer>(object).passive = true;  // nobody to dial
}

// An entry that is written says itself how many paths it sends: without addPaths none beside the
// best.
void begin_family(Object& object, Value&& /*nothing*/) {
  std::get<BgpPeer>(object).families.push_back(PeerFamily{.send_max = 0});
}

// v1alpha1 has one family, made before the fields are read.
void put_send_max_v1alpha1(Object& object, Value&& value) {
  const auto wanted = static_cast<std::uint32_t>(number(value));
  std::get<BgpPeer>(object).families.at(0).send_max = wanted == 0 ? kV1alpha1SendMax : wanted;
}

constexpr auto kV1alpha1Fields = std::to_array<Field>({
    {.path = "spec.config",
     .type = FieldType::Group,
     .doc = "`conf` of v1alpha2.",
     .versions = Versions::V1alpha1,
     .required = true},
    {.path = "spec.config.peerAs",
     .type = FieldType::Integer,
     .set = put<&BgpPeer::peer_as>,
     .doc = "The AS number of the neighbour.",
     .edit = Edit::Session,
     .bounds = kAsNumber,
     .versions = Versions::V1alpha1,
     .required = true},
    {.path = "spec.config.neighborAddress",
     .type = FieldType::ZonedAddress,
     .set = put_neighbor,
     .doc = "The address of the neighbour.",
     .edit = Edit::Session,
     .versions = Versions::V1alpha1,
     .required = true},
    {.path = "spec.addPaths",
     .type = FieldType::Group,
     .doc = "`afiSafis[].addPaths.config` of v1alpha2.",
     .versions = Versions::V1alpha1},
    {.path = "spec.addPaths.sendMax",
     .type = FieldType::Integer,
     .set = put_send_max_v1alpha1,
     .doc = "How many paths per prefix the neighbour is sent, at most (ADD-PATH, RFC 7911). 0 is "
            "the default.",
     .fallback = "8",
     .edit = Edit::Session,
     .bounds = {.least = 0, .most = 255},
     .versions = Versions::V1alpha1},
    {.path = "spec.usingPortForward",
     .type = FieldType::Bool,
     .set = put<&BgpPeer::port_forward>,
     .doc = "`transport.portForward` of v1alpha2.",
     .fallback = "false",
     .edit = Edit::Session,
     .versions = Versions::V1alpha1},
});

constexpr auto kConfFields = std::to_array<Field>({
    {.path = "spec",
     .type = FieldType::Group,
     .doc = "The peer.",
     .versions = Versions::Both,
     .required = true},
    {.path = "spec.conf",
     .type = FieldType::Group,
     .doc = "Who the neighbour is.",
     .required = true},
    {.path = "spec.conf.neighborAddress",
     .type = FieldType::ZonedAddress,
     .set = put_neighbor,
     .doc = "The address of the neighbour; a link-local one with its interface, as in "
            "`fe80::1%eth0`. Either "
            "this or `neighborPrefix`.",
     .edit = Edit::Session},
    {.path = "spec.conf.neighborPrefix",
     .type = FieldType::Group,
     .set = begin_neighbor_prefix,
     .doc = "Dynamic neighbours: whoever connects from these addresses. Porter does not dial them.",
     .edit = Edit::Session},
    {.path = "spec.conf.neighborPrefix.cidr",
     .type = FieldType::Prefix,
     .set = put<&BgpPeer::neighbor_prefix>,
     .doc = "The addresses they connect from.",
     .edit = Edit::Session,
     .required = true},
    {.path = "spec.conf.neighborPrefix.limit",
     .type = FieldType::Integer,
     .set = put<&BgpPeer::neighbor_limit>,
     .doc = "How many of them, at most.",
     .fallback = "64",
     .bounds = {.least = 1, .most = 4096}},
    {.path = "spec.conf.peerAs",
     .type = FieldType::Integer,
     .set = put<&BgpPeer::peer_as>,
     .doc = "The AS number of the neighbour. The same as ours: iBGP.",
     .edit = Edit::Session,
     .bounds = kAsNumber,
     .required = true},
    {.path = "spec.conf.localAs",
     .type = FieldType::Integer,
     .set = put_local_as,
     .doc = "Our AS number towards this neighbour. 0 is the default.",
     .fallback = "`as` of the BgpConf",
     .edit = Edit::Session,
     .bounds = kUnsigned},
    {.path = "spec.conf.authPassword",
     .type = FieldType::Password,
     .set = put<&BgpPeer::auth_password>,
     .doc = "TCP-MD5 (RFC 2385), at most 80 octets. Set on live sockets; the neighbour has the "
            "hold time to "
            "follow. Better use `authSecretRef`."},
    {.path = "spec.conf.authSecretRef",
     .type = FieldType::Group,
     .set = begin<&BgpPeer::auth_secret>,
     .doc = "The same from a Secret in Porter's namespace. Without the Secret: no session, "
            "`SecretMissing`."},
    {.path = "spec.conf.authSecretRef.name",
     .type = FieldType::Name,
     .set = put_in<&BgpPeer::auth_secret, &SecretRef::name>,
     .doc = "The name of the Secret.",
     .required = true},
    {.path = "spec.conf.authSecretRef.key",
     .type = FieldType::String,
     .set = put_in<&BgpPeer::auth_secret, &SecretRef::key>,
     .doc = "The key in its data.",
     .required = true},
    {.path = "spec.conf.description",
     .type = FieldType::String,
     .set = put<&BgpPeer::description>,
     .doc = "For people."},
    {.path = "spec.conf.adminDown",
     .type = FieldType::Bool,
     .set = put<&BgpPeer::admin_down>,
     .doc = "`true` ends the session with Cease and keeps it down.",
     .fallback = "false"},
    {.path = "spec.conf.allowOwnAs",
     .type = FieldType::Integer,
     .set = put<&BgpPeer::allow_own_as>,
     .doc = "How often our own AS number may stand in the AS_PATH of a route we accept.",
     .fallback = "0",
     .bounds = {.least = 0, .most = 255}},
    {.path = "spec.conf.neighborInterface",
     .type = FieldType::String,
     .doc = "Unnumbered peers never worked in OpenELB. Write `neighborAddress: fe80::1%eth0`.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.conf.peerGroup",
     .type = FieldType::String,
     .doc = "OpenELB had no way to make a peer group.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.conf.peerType",
     .type = FieldType::Integer,
     .doc = "Whether a session is iBGP follows from the AS numbers.",
     .edit = Edit::NoEffect,
     .bounds = kUnsigned,
     .support = Support::Ignored},
    {.path = "spec.conf.removePrivateAs",
     .type = FieldType::String,
     .doc = "Porter announces routes of its own only: their AS_PATH holds nothing that could be "
            "removed.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.conf.replacePeerAs",
     .type = FieldType::Bool,
     .doc =
         "Porter announces routes of its own only: their AS_PATH does not hold the neighbour's AS.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.conf.routeFlapDamping",
     .type = FieldType::Bool,
     .doc = "GoBGP never damped routes.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.conf.sendCommunity",
     .type = FieldType::Integer,
     .doc = "Communities are always sent.",
     .edit = Edit::NoEffect,
     .bounds = kUnsigned,
     .support = Support::Ignored},
    {.path = "spec.conf.vrf",
     .type = FieldType::String,
     .doc = "OpenELB had no way to make a VRF.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
});

constexpr auto kTransportFields = std::to_array<Field>({
    {.path = "spec.ebgpMultihop",
     .type = FieldType::Group,
     .doc = "A neighbour that is not on the link."},
    {.path = "spec.ebgpMultihop.enabled",
     .type = FieldType::Bool,
     .set = put<&BgpPeer::ebgp_multihop>,
     .doc = "`false`: an eBGP neighbour is reached with TTL 1 only.",
     .fallback = "false",
     .edit = Edit::Session},
    {.path = "spec.ebgpMultihop.multihopTtl",
     .type = FieldType::Integer,
     .set = put_ttl,
     .doc = "The TTL of what we send. 0 is the default.",
     .fallback = "255",
     .edit = Edit::Session,
     .bounds = {.least = 0, .most = 255}},
    {.path = "spec.timers",
     .type = FieldType::Group,
     .doc = "Timers, in seconds: numbers, or strings of digits."},
    {.path = "spec.timers.config", .type = FieldType::Group, .doc = "Timers, in seconds."},
    {.path = "spec.timers.config.connectRetry",
     .type = FieldType::Digits,
     .set = put<&BgpPeer::connect_retry>,
     .doc = "How long to wait after a connection failed; twice as long each time after that, up to "
            "eight times this or 30 s. 0: from one second up to 30.",
     .fallback = "0",
     .edit = Edit::NextSession,
     .bounds = kSeconds},
    {.path = "spec.timers.config.holdTime",
     .type = FieldType::Digits,
     .set = put<&BgpPeer::hold_time>,
     .doc =
         "What we offer as hold time: 0 (never) or 3 to 65535. The smaller of both sides' is used.",
     .fallback = "90",
     .edit = Edit::NextSession,
     .bounds = kSeconds},
    {.path = "spec.timers.config.keepaliveInterval",
     .type = FieldType::Digits,
     .set = put_keepalive,
     .doc = "How often a KEEPALIVE is sent; less than the hold time. 0 is the default.",
     .fallback = "a third of the hold time",
     .edit = Edit::NextSession,
     .bounds = kSeconds},
    {.path = "spec.timers.config.minimumAdvertisementInterval",
     .type = FieldType::Digits,
     .doc = "GoBGP never waited between UPDATEs, nor does Porter.",
     .edit = Edit::NoEffect,
     .bounds = kUnsigned,
     .support = Support::Ignored},
    {.path = "spec.transport",
     .type = FieldType::Group,
     .doc = "The TCP connection.",
     .versions = Versions::Both},
    {.path = "spec.transport.passiveMode",
     .type = FieldType::Bool,
     .set = put<&BgpPeer::passive>,
     .doc = "Wait for the neighbour to connect.",
     .fallback = "false",
     .edit = Edit::Session,
     .versions = Versions::Both},
    {.path = "spec.transport.remotePort",
     .type = FieldType::Integer,
     .set = put_remote_port,
     .doc = "The port of the neighbour. 0 is the default.",
     .fallback = "179",
     .edit = Edit::Session,
     .bounds = kSeconds,
     .versions = Versions::Both},
    {.path = "spec.transport.localAddress",
     .type = FieldType::LocalAddress,
     .set = put<&BgpPeer::local_address>,
     .doc = "Our end: an address, a CIDR of which the node has an address, or an interface. A node "
            "with none: "
            "no session, `NoLocalAddress`.",
     .fallback = "the kernel chooses",
     .edit = Edit::Session},
    {.path = "spec.transport.ttlSecurity",
     .type = FieldType::Bool,
     .set = put<&BgpPeer::ttl_security>,
     .doc = "Take packets only from at most `ebgpMultihop.multihopTtl` hops away, else from the "
            "link (RFC 5082). "
            "The neighbour must send with TTL 255.",
     .fallback = "false",
     .edit = Edit::Session},
    {.path = "spec.transport.portForward",
     .type = FieldType::Bool,
     .set = put<&BgpPeer::port_forward>,
     .doc = "On the node that peers, TCP to port 179 from this neighbour is redirected to "
            "`listenPort`. Not "
            "together with a password: TCP-MD5 signs the port.",
     .fallback = "false",
     .edit = Edit::Session},
    {.path = "spec.transport.mtuDiscovery",
     .type = FieldType::Bool,
     .doc = "The kernel discovers the path MTU.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.transport.remoteAddress",
     .type = FieldType::String,
     .doc = "The neighbour's address is `conf.neighborAddress`.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.transport.tcpMss",
     .type = FieldType::Integer,
     .doc = "GoBGP did not set it.",
     .edit = Edit::NoEffect,
     .bounds = kUnsigned,
     .support = Support::Ignored},
});

constexpr auto kFamilyFields = std::to_array<Field>({
    {.path = "spec.afiSafis",
     .type = FieldType::List,
     .doc = "The families of the session.",
     .fallback = "the neighbour's family, `sendMax` 10",
     .edit = Edit::Session},
    {.path = "spec.afiSafis[]",
     .type = FieldType::Group,
     .set = begin_family,
     .doc = "One family.",
     .edit = Edit::Session},
    {.path = "spec.afiSafis[].config",
     .type = FieldType::Group,
     .doc = "Which family.",
     .fallback = "the neighbour's family",
     .edit = Edit::Session},
    {.path = "spec.afiSafis[].config.enabled",
     .type = FieldType::Bool,
     .doc = "`false` leaves the family out.",
     .fallback = "true",
     .edit = Edit::Session},
    {.path = "spec.afiSafis[].config.family",
     .type = FieldType::Group,
     .doc = "The family.",
     .fallback = "the neighbour's family",
     .edit = Edit::Session},
    {.path = "spec.afiSafis[].config.family.afi",
     .type = FieldType::Choice,
     .set = put_in<&BgpPeer::families, &PeerFamily::family>,
     .doc = "IPv4 or IPv6.",
     .fallback = "of the neighbour's address",
     .edit = Edit::Session,
     .words = kAfis},
    {.path = "spec.afiSafis[].config.family.safi",
     .type = FieldType::Choice,
     .doc = "Unicast.",
     .fallback = "SAFI_UNICAST",
     .edit = Edit::Session,
     .words = kSafis},
    {.path = "spec.afiSafis[].addPaths",
     .type = FieldType::Group,
     .doc = "More than one path per prefix (ADD-PATH, RFC 7911).",
     .edit = Edit::Session},
    {.path = "spec.afiSafis[].addPaths.config",
     .type = FieldType::Group,
     .doc = "More than one path per prefix.",
     .edit = Edit::Session},
    {.path = "spec.afiSafis[].addPaths.config.receive",
     .type = FieldType::Bool,
     .set = put_in<&BgpPeer::families, &PeerFamily::receive>,
     .doc = "Take more than one path per prefix.",
     .fallback = "false",
     .edit = Edit::Session},
    {.path = "spec.afiSafis[].addPaths.config.sendMax",
     .type = FieldType::Integer,
     .set = put_in<&BgpPeer::families, &PeerFamily::send_max>,
     .doc = "How many paths per prefix the neighbour is sent, at most. 0: no ADD-PATH.",
     .fallback = "0; 10 where `afiSafis` is absent",
     .edit = Edit::Session,
     .bounds = kUnsigned},
    {.path = "spec.afiSafis[].mpGracefulRestart",
     .type = FieldType::Group,
     .doc = "Graceful restart of this family.",
     .edit = Edit::NextSession},
    {.path = "spec.afiSafis[].mpGracefulRestart.config",
     .type = FieldType::Group,
     .doc = "Graceful restart of this family.",
     .edit = Edit::NextSession},
    {.path = "spec.afiSafis[].mpGracefulRestart.config.enabled",
     .type = FieldType::Bool,
     .set = put_in<&BgpPeer::families, &PeerFamily::graceful_restart>,
     .doc = "The family takes part in graceful restart.",
     .fallback = "true",
     .edit = Edit::NextSession},
});

constexpr auto kPolicyFields = std::to_array<Field>({
    {.path = "spec.nodeSelector",
     .type = FieldType::Selector,
     .set = put<&BgpPeer::node_selector>,
     .doc = "The nodes that peer with it.",
     .fallback = "all"},
    {.path = "spec.nextHopMode",
     .type = FieldType::Choice,
     .set = put<&BgpPeer::next_hop_mode>,
     .doc = "As `nextHopMode` of the BgpConf, for this peer.",
     .fallback = "that of the BgpConf; in v1alpha1 `Nodes`",
     .words = kNextHopModes},
    {.path = "spec.gracefulShutdown",
     .type = FieldType::Bool,
     .set = put<&BgpPeer::graceful_shutdown>,
     .doc = "As `gracefulShutdown` of the BgpConf, for this peer.",
     .fallback = "false"},
    {.path = "spec.prefixBudget",
     .type = FieldType::Group,
     .set = begin<&BgpPeer::prefix_budget>,
     .doc = "How much the neighbour is sent: NLRI with path identifiers, per node and family."},
    {.path = "spec.prefixBudget.max",
     .type = FieldType::Integer,
     .set = put_in<&BgpPeer::prefix_budget, &BgpPeer::Budget::max>,
     .doc = "How many, at most.",
     .bounds = {.least = 1, .most = 4'294'967'295},
     .required = true},
    {.path = "spec.prefixBudget.action",
     .type = FieldType::Choice,
     .set = put_in<&BgpPeer::prefix_budget, &BgpPeer::Budget::action>,
     .doc = "Beyond that: say so, or keep what was announced first and refuse the rest.",
     .fallback = "Warn",
     .words = kBudgetActions},
    {.path = "spec.maxPrefixes",
     .type = FieldType::Group,
     .doc = "How much is taken from the neighbour."},
    {.path = "spec.maxPrefixes.ipv4",
     .type = FieldType::Integer,
     .set = put<&BgpPeer::max_prefixes_v4>,
     .doc = "How many IPv4 prefixes, at most.",
     .fallback = "10000",
     .bounds = kUnsigned},
    {.path = "spec.maxPrefixes.ipv6",
     .type = FieldType::Integer,
     .set = put<&BgpPeer::max_prefixes_v6>,
     .doc = "How many IPv6 prefixes, at most.",
     .fallback = "10000",
     .bounds = kUnsigned},
    {.path = "spec.maxPrefixes.action",
     .type = FieldType::Choice,
     .set = put_max_prefixes_action,
     .doc = "Beyond that: ignore the rest, or end the session.",
     .fallback = "Ignore",
     .words = kMaximumActions},
    {.path = "spec.extendedNextHop",
     .type = FieldType::Bool,
     .set = put<&BgpPeer::extended_next_hop>,
     .doc = "IPv4 routes with an IPv6 next hop where a node, or the session, has no IPv4 address "
            "(RFC 8950).",
     .fallback = "false",
     .edit = Edit::Session},
    {.path = "spec.role",
     .type = FieldType::Choice,
     .set =
         [](Object& object, Value&& value) {
           std::get<BgpPeer>(object).role = kRoles.at(static_cast<std::size_t>(number(value)));
         },
     .doc =
         "Our role towards an eBGP neighbour (RFC 9234): the session comes up only with the role "
         "that fits, or none, on its side. As its provider, peer or route server we mark routes "
         "as for customers only.",
     .edit = Edit::Session,
     .words = kRoles},
    {.path = "spec.bfd",
     .type = FieldType::Group,
     .doc = "Bidirectional Forwarding Detection (RFC 5880) with the neighbour."},
    {.path = "spec.bfd.enabled",
     .type = FieldType::Bool,
     .doc = "Run a BFD session with the neighbour.",
     .fallback = "false",
     .support = Support::Later},
    {.path = "spec.bfd.minTxMillis",
     .type = FieldType::Integer,
     .doc = "How often we want to send, in milliseconds.",
     .fallback = "300",
     .bounds = kMillis,
     .support = Support::Later},
    {.path = "spec.bfd.minRxMillis",
     .type = FieldType::Integer,
     .doc = "How often we can receive, in milliseconds.",
     .fallback = "300",
     .bounds = kMillis,
     .support = Support::Later},
    {.path = "spec.bfd.multiplier",
     .type = FieldType::Integer,
     .doc = "How many packets may be lost.",
     .fallback = "3",
     .bounds = {.least = 1, .most = 255},
     .support = Support::Later},
    {.path = "spec.bfd.passive",
     .type = FieldType::Bool,
     .doc = "Wait for the neighbour to begin.",
     .fallback = "false",
     .support = Support::Later},
    {.path = "status",
     .type = FieldType::Opaque,
     .doc = "Written by Porter.",
     .versions = Versions::Both},
});

constexpr auto kFields =
    joined(kConfFields, kV1alpha1Fields, kTransportFields,
           graceful_restart_fields<BgpPeer>("Keep routes over a restart (RFC 4724)."),
           kFamilyFields, kPolicyFields);

constexpr Schema kSchema{
    .kind = Kind::BgpPeer,
    .doc =
        "A BGP neighbour. A session is a node, a neighbour with its zone, and a port; where two "
        "objects "
        "want the same one, the older wins (`DuplicateNeighbor`).",
    .fields = kFields,
};

}  // namespace

const Schema& bgp_peer_schema() {
  return kSchema;
}

}  // namespace porter::model
