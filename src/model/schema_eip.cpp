// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"

namespace porter::model {
namespace {

constexpr std::array<std::string_view, 3> kProtocols{"bgp", "layer2", "vip"};
constexpr std::array<std::string_view, 2> kReclaim{"Delete", "Retain"};
constexpr Bounds kNotNegative{.least = 0};

void put_protocol(Object& object, Value&& value) {
  const bool is_bgp = std::get<std::int64_t>(value) == 0;
  std::get<Eip>(object).protocol = is_bgp ? Protocol::Bgp : Protocol::Layer2;
}

// reclaim is no struct of the domain: its two fields lie in the Eip.
constexpr auto kFields = std::to_array<Field>({
    {.path = "spec",
     .type = FieldType::Group,
     .doc = "The pool.",
     .versions = Versions::Both,
     .required = true},
    {.path = "spec.address",
     .type = FieldType::Range,
     .set = put<&Eip::addresses>,
     .doc = "The addresses of the pool: one address, a CIDR, or `first-last`, of IPv4 or IPv6, up "
            "to `/0`. "
            "This or `addresses` is required; where both are given they add up.",
     .edit = Edit::KeepsUsed,
     .versions = Versions::Both},
    {.path = "spec.addresses",
     .type = FieldType::List,
     .doc = "More than one piece of addresses, also of both families. The pieces must not overlap.",
     .edit = Edit::KeepsUsed},
    {.path = "spec.addresses[]",
     .type = FieldType::Range,
     .set = put<&Eip::addresses>,
     .doc = "As `address`.",
     .edit = Edit::KeepsUsed},
    {.path = "spec.exclude",
     .type = FieldType::List,
     .doc = "Addresses of the pool that are not given away.",
     .edit = Edit::NewAddresses},
    {.path = "spec.exclude[]",
     .type = FieldType::Range,
     .set = put<&Eip::exclude>,
     .doc = "As `address`.",
     .edit = Edit::NewAddresses},
    {.path = "spec.protocol",
     .type = FieldType::Choice,
     .set = put_protocol,
     .doc = "Who makes the addresses reachable: BGP, or a node that answers ARP and NDP. `vip` is "
            "read as "
            "`layer2`, with a warning.",
     .fallback = "bgp",
     .words = kProtocols,
     .versions = Versions::Both},
    {.path = "spec.interface",
     .type = FieldType::PoolInterface,
     .set = put<&Eip::interface>,
     .doc = "For `layer2`: the interface that answers, or `can_reach:<address>` for the one of the "
            "kernel's "
            "route there. Absent: the one whose subnet holds the address, else that of the default "
            "route."},
    {.path = "spec.disable",
     .type = FieldType::Bool,
     .set = put<&Eip::disable>,
     .doc = "Give no new addresses. Those in use stay.",
     .fallback = "false",
     .edit = Edit::NewAddresses,
     .versions = Versions::Both},
    {.path = "spec.usingKnownIPs",
     .type = FieldType::Bool,
     .set = put<&Eip::using_known_ips>,
     .doc = "`false` passes over addresses that end in .0 or .255.",
     .fallback = "true; in v1alpha1 false",
     .edit = Edit::NewAddresses,
     .versions = Versions::Both},
    {.path = "spec.priority",
     .type = FieldType::Integer,
     .set = put<&Eip::priority>,
     .doc = "Pools are tried in ascending order of it, then by name.",
     .fallback = "0",
     .edit = Edit::NewAddresses},
    {.path = "spec.namespaces",
     .type = FieldType::List,
     .doc = "Only Services of these namespaces get an address, by itself or by name. Namespaces "
            "named here "
            "and those that `namespaceSelector` matches add up.",
     .edit = Edit::NewAddresses},
    {.path = "spec.namespaces[]",
     .type = FieldType::Name,
     .set = put<&Eip::namespaces>,
     .doc = "The name of a Namespace.",
     .edit = Edit::NewAddresses},
    {.path = "spec.namespaceSelector",
     .type = FieldType::SelectorOrMap,
     .set = put<&Eip::namespace_selector>,
     .doc = "The same by labels of the Namespace: a LabelSelector, or OpenELB's plain map of "
            "labels. An "
            "empty one matches every Namespace.",
     .edit = Edit::NewAddresses},
    {.path = "spec.serviceSelector",
     .type = FieldType::Selector,
     .set = put<&Eip::service_selector>,
     .doc = "Only Services with these labels get an address.",
     .edit = Edit::NewAddresses},
    {.path = "spec.autoAssign",
     .type = FieldType::Bool,
     .set = put<&Eip::auto_assign>,
     .doc = "`false`: only Services that name the pool or one of its addresses get one.",
     .fallback = "true",
     .edit = Edit::NewAddresses},
    {.path = "spec.reclaim",
     .type = FieldType::Group,
     .doc = "What becomes of the address of a Service that is gone."},
    {.path = "spec.reclaim.policy",
     .type = FieldType::Choice,
     .set = put<&Eip::reclaim>,
     .doc = "`Retain` keeps it for a Service of the same namespace and name.",
     .fallback = "Delete",
     .words = kReclaim},
    {.path = "spec.reclaim.holdSeconds",
     .type = FieldType::Integer,
     .set = put<&Eip::hold_seconds>,
     .doc = "How long `Retain` keeps it, in seconds. 0: for ever.",
     .fallback = "0",
     .bounds = kNotNegative},
    {.path = "status",
     .type = FieldType::Opaque,
     .doc = "Written by Porter.",
     .versions = Versions::Both},
});

constexpr Schema kSchema{
    .kind = Kind::Eip,
    .doc = "A pool of addresses for Services of type LoadBalancer.",
    .fields = kFields,
};

}  // namespace

const Schema& eip_schema() {
  return kSchema;
}

}  // namespace porter::model
