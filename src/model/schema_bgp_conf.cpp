// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"
#include "model/schema_bgp.hpp"

namespace porter::model {
namespace {

constexpr std::array<std::string_view, 2> kAdvertise{"All", "Selected"};

// In the API a negative port says "do not listen" and 0 means the default, as in OpenELB.
void put_listen_port(Object& object, Value&& value) {
  const std::int64_t port = std::get<std::int64_t>(value);
  if (port == 0) return;
  std::get<BgpConf>(object).listen_port = static_cast<std::uint16_t>(port < 0 ? 0 : port);
}

// A rack whose AS is 0 uses `as`, as in OpenELB: the domain does not list it.
void put_as_per_rack(Object& object, Value&& value) {
  auto& racks = std::get<BgpConf>(object).as_per_rack;
  racks = std::get<std::map<std::string, Asn>>(std::move(value));
  std::erase_if(racks, [](const auto& rack) { return rack.second.number == 0; });
}

constexpr auto kHead = std::to_array<Field>({
    {.path = "spec",
     .type = FieldType::Group,
     .doc = "The speakers.",
     .versions = Versions::Both,
     .required = true},
    {.path = "spec.as",
     .type = FieldType::Integer,
     .set = put<&BgpConf::as>,
     .doc = "The AS number of the speakers.",
     .edit = Edit::EverySession,
     .bounds = kAsNumber,
     .versions = Versions::Both,
     .required = true},
    {.path = "spec.asPerRack",
     .type = FieldType::AsnMap,
     .set = put_as_per_rack,
     .doc = "AS numbers by rack, for nodes that have the label `porter.kubesphere.io/rack`. A rack "
            "that is "
            "not listed, or is listed with 0, uses `as`. Nodes carry addresses for the speakers of "
            "their own "
            "rack only.",
     .edit = Edit::EverySession,
     .bounds = kUnsigned},
    {.path = "spec.routerId",
     .type = FieldType::RouterId,
     .set = put<&BgpConf::router_id>,
     .doc = "The BGP Identifier. Where several nodes peer, each uses its own (RouterIdIgnored).",
     .fallback = "the node's annotation `network.kubesphere.io/router-id`, else its IPv4 "
                 "InternalIP, else a hash",
     .edit = Edit::EverySession},
    {.path = "spec.routerID",
     .type = FieldType::RouterId,
     .set = put<&BgpConf::router_id>,
     .doc = "`routerId` of v1alpha2.",
     .edit = Edit::EverySession,
     .versions = Versions::V1alpha1,
     .required = true},
    {.path = "spec.listenPort",
     .type = FieldType::Integer,
     .set = put_listen_port,
     .doc = "The TCP port that is listened on. 0 is the default; a negative one: do not listen.",
     .fallback = "179",
     .edit = Edit::ListenSockets,
     .bounds = {.least = std::numeric_limits<std::int32_t>::min(), .most = 65'535}},
    {.path = "spec.port",
     .type = FieldType::Integer,
     .set = put_listen_port,
     .doc = "`listenPort` of v1alpha2.",
     .edit = Edit::ListenSockets,
     .bounds = kPort,
     .versions = Versions::V1alpha1,
     .required = true},
    {.path = "spec.listenAddresses",
     .type = FieldType::List,
     .doc = "The local addresses that are listened on.",
     .fallback = "all, of both families",
     .edit = Edit::ListenSockets},
    {.path = "spec.listenAddresses[]",
     .type = FieldType::Address,
     .set = put<&BgpConf::listen_addresses>,
     .doc = "An address of the node.",
     .edit = Edit::ListenSockets},
    {.path = "spec.nextHopMode",
     .type = FieldType::Choice,
     .set = put<&BgpConf::next_hop_mode>,
     .doc =
         "How next hops are told to routers. `Self`: each selected node peers and announces "
         "itself. "
         "`Nodes`: a few speakers announce one path per node that carries the address (ADD-PATH).",
     .fallback = "`Nodes` in `porter run` and in v1alpha1, else `Self`",
     .words = kNextHopModes},
    {.path = "spec.advertise",
     .type = FieldType::Choice,
     .set = put<&BgpConf::advertise>,
     .doc = "What is announced: every address to every peer, with BgpAdvertisements modifying what "
            "they select; or `Selected`, only what a BgpAdvertisement selects.",
     .fallback = "All",
     .words = kAdvertise},
    {.path = "spec.gracefulShutdown",
     .type = FieldType::Bool,
     .set = put<&BgpConf::graceful_shutdown>,
     .doc = "Mark every route with GRACEFUL_SHUTDOWN (RFC 8326), on iBGP with LOCAL_PREF 0 as "
            "well, so that "
            "routers prefer other paths.",
     .fallback = "false"},
    {.path = "spec.drain", .type = FieldType::Group, .doc = "How a node is drained."},
    {.path = "spec.drain.holdSeconds",
     .type = FieldType::Integer,
     .set = put<&BgpConf::drain_hold_seconds>,
     .doc = "How long the paths via a draining node stay, marked with GRACEFUL_SHUTDOWN, before "
            "they are "
            "withdrawn.",
     .fallback = "10",
     .bounds = {.least = 0, .most = 86'400}},
    {.path = "spec.drain.onCordon",
     .type = FieldType::Bool,
     .set = put<&BgpConf::drain_on_cordon>,
     .doc = "A node that is cordoned is drained.",
     .fallback = "false"},
    {.path = "spec.policy",
     .type = FieldType::String,
     .set = put<&BgpConf::policy>,
     .doc = "OpenELB's ConfigMap with a GoBGP policy. It may be a filter, so no session comes up "
            "while it "
            "is named here, until annotation `network.kubesphere.io/ignore-policy: \"true\"` says "
            "that it may "
            "be ignored."},
    {.path = "spec.families",
     .type = FieldType::List,
     .doc = "The families of a session are those of `afiSafis` of its BgpPeer.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.families[]",
     .type = FieldType::Integer,
     .doc = "A family by GoBGP's number.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
    {.path = "spec.useMultiplePaths",
     .type = FieldType::Bool,
     .doc = "It governed what GoBGP's own table shows, never what is announced.",
     .edit = Edit::NoEffect,
     .support = Support::Ignored},
});

constexpr auto kTail = std::to_array<Field>({
    {.path = "status",
     .type = FieldType::Opaque,
     .doc = "Written by Porter.",
     .versions = Versions::Both},
});

constexpr auto kFields = joined(
    kHead,
    graceful_restart_fields<BgpConf>("For the peers that have no `gracefulRestart` of their own."),
    kTail);

constexpr Schema kSchema{
    .kind = Kind::BgpConf,
    .doc =
        "The BGP speakers. Only the object named `default` counts. Where no object has that name "
        "and "
        "exactly one was written as v1alpha1, that one counts.",
    .fields = kFields,
};

}  // namespace

const Schema& bgp_conf_schema() {
  return kSchema;
}

}  // namespace porter::model
