// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"

namespace porter::model {
namespace {

constexpr std::array<std::string_view, 2> kWeights{"None", "Endpoints"};
constexpr Bounds kPrepend{.least = 0, .most = 32};

void put_community(Object& object, Value&& value) {
  auto& advertisement = std::get<BgpAdvertisement>(object);
  const Community community = std::get<Community>(value);
  if (const auto* const large = std::get_if<LargeCommunity>(&community)) {
    advertisement.large_communities.push_back(*large);
  } else {
    advertisement.communities.push_back(std::get<std::uint32_t>(community));
  }
}

constexpr auto kSelectFields = std::to_array<Field>({
    {.path = "spec",
     .type = FieldType::Group,
     .doc = "What is selected, and how it is announced. What is left out selects everything; what "
            "is there must all match."},
    {.path = "spec.eips",
     .type = FieldType::List,
     .doc = "Addresses of these pools. Those named here and those that `eipSelector` matches add "
            "up.",
     .fallback = "all"},
    {.path = "spec.eips[]",
     .type = FieldType::Name,
     .set = put<&BgpAdvertisement::eips>,
     .doc = "The name of an Eip."},
    {.path = "spec.eipSelector",
     .type = FieldType::Selector,
     .set = put<&BgpAdvertisement::eip_selector>,
     .doc = "The same by labels of the Eip.",
     .fallback = "all"},
    {.path = "spec.serviceSelector",
     .type = FieldType::Selector,
     .set = put<&BgpAdvertisement::service_selector>,
     .doc = "Addresses of Services with these labels.",
     .fallback = "all"},
    {.path = "spec.namespaceSelector",
     .type = FieldType::Selector,
     .set = put<&BgpAdvertisement::namespace_selector>,
     .doc = "Addresses of Services in Namespaces with these labels.",
     .fallback = "all"},
    {.path = "spec.nodeSelector",
     .type = FieldType::Selector,
     .set = put<&BgpAdvertisement::node_selector>,
     .doc = "Nodes with these labels carry the addresses, others do not.",
     .fallback = "all"},
    {.path = "spec.peers",
     .type = FieldType::List,
     .doc = "The peers that are told.",
     .fallback = "all"},
    {.path = "spec.peers[]",
     .type = FieldType::Name,
     .set = put<&BgpAdvertisement::peers>,
     .doc = "The name of a BgpPeer."},
});

constexpr auto kRouteFields = std::to_array<Field>({
    {.path = "spec.aggregationLength",
     .type = FieldType::Integer,
     .set = put<&BgpAdvertisement::aggregation_length>,
     .doc = "IPv4 addresses are announced as the prefix of this length that holds them, as long as "
            "it lies inside one Eip. Addresses of Services with externalTrafficPolicy Local also "
            "go out as host routes.",
     .fallback = "32",
     .bounds = {.least = 1, .most = 32}},
    {.path = "spec.aggregationLengthV6",
     .type = FieldType::Integer,
     .set = put<&BgpAdvertisement::aggregation_length_v6>,
     .doc = "The same of IPv6 addresses.",
     .fallback = "128",
     .bounds = {.least = 1, .most = 128}},
    {.path = "spec.communities",
     .type = FieldType::List,
     .doc = "Communities of the routes. Those of several BgpAdvertisements add up."},
    {.path = "spec.communities[]",
     .type = FieldType::BgpCommunity,
     .set = put_community,
     .doc = "A community like `65000:100` (RFC 1997), a large one like `65000:1:2` (RFC 8092), or "
            "a well-known one by name: `no-export`, `no-advertise`, `no-export-subconfed`, "
            "`no-peer`, `graceful-shutdown`, `accept-own`, `llgr-stale`, `no-llgr`, `blackhole`."},
    {.path = "spec.localPreference",
     .type = FieldType::Integer,
     .set = put<&BgpAdvertisement::local_preference>,
     .doc = "LOCAL_PREF, which iBGP peers are told. Two different ones for one route: that of the "
            "older BgpAdvertisement counts.",
     .fallback = "100",
     .bounds = kUnsigned},
    {.path = "spec.med",
     .type = FieldType::Integer,
     .set = put<&BgpAdvertisement::med>,
     .doc = "MULTI_EXIT_DISC. Two different ones for one route: that of the older BgpAdvertisement "
            "counts.",
     .fallback = "no MED is sent",
     .bounds = kUnsigned},
    {.path = "spec.prepend",
     .type = FieldType::Integer,
     .set = put<&BgpAdvertisement::prepend>,
     .doc = "How often our AS number stands in the AS_PATH once more, for eBGP peers.",
     .fallback = "0",
     .bounds = kPrepend},
    {.path = "spec.weight",
     .type = FieldType::Choice,
     .set = put<&BgpAdvertisement::weight>,
     .doc = "`Endpoints`: a link-bandwidth community follows the number of ready endpoints of the "
            "node, for routers that share traffic by weight.",
     .fallback = "None",
     .words = kWeights},
    {.path = "spec.allowServiceOverrides",
     .type = FieldType::Group,
     .doc = "What the annotations `network.kubesphere.io/communities`, `/local-preference`, `/med` "
            "and `/prepend` of a Service may change.",
     .fallback = "nothing"},
    {.path = "spec.allowServiceOverrides.communities",
     .type = FieldType::List,
     .doc = "The communities a Service may add.",
     .fallback = "none"},
    {.path = "spec.allowServiceOverrides.communities[]",
     .type = FieldType::CommunityPattern,
     .set = put_in<&BgpAdvertisement::overrides, &BgpAdvertisement::Overrides::communities>,
     .doc = "A community, or several with `*` for any number: `65000:*`, `65000:1:*`, `*`. "
            "Well-known ones are allowed by name only."},
    {.path = "spec.allowServiceOverrides.localPreference",
     .type = FieldType::Bool,
     .set = put_in<&BgpAdvertisement::overrides, &BgpAdvertisement::Overrides::local_preference>,
     .doc = "A Service may set LOCAL_PREF.",
     .fallback = "false"},
    {.path = "spec.allowServiceOverrides.med",
     .type = FieldType::Bool,
     .set = put_in<&BgpAdvertisement::overrides, &BgpAdvertisement::Overrides::med>,
     .doc = "A Service may set MULTI_EXIT_DISC.",
     .fallback = "false"},
    {.path = "spec.allowServiceOverrides.prepend",
     .type = FieldType::Bool,
     .set = put_in<&BgpAdvertisement::overrides, &BgpAdvertisement::Overrides::prepend>,
     .doc = "A Service may set how often our AS number is prepended.",
     .fallback = "false"},
    {.path = "status", .type = FieldType::Opaque, .doc = "Written by Porter."},
});

constexpr auto kFields = joined(kSelectFields, kRouteFields);

constexpr Schema kSchema{
    .kind = Kind::BgpAdvertisement,
    .doc = "How addresses are announced: to whom, by which nodes, with which BGP attributes.",
    .fields = kFields,
    .versions = Versions::V1alpha2,
};

}  // namespace

const Schema& bgp_advertisement_schema() {
  return kSchema;
}

}  // namespace porter::model
