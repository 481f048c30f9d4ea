// SPDX-License-Identifier: Apache-2.0
#include "plan/reason.hpp"

#include <array>

#include "base/result.hpp"

namespace porter::plan {
namespace {

struct Row {
  Reason reason;
  std::string_view word;
  std::string_view meaning;
  std::string_view fix;
};

constexpr Row row(Reason reason, std::string_view word, std::string_view meaning,
                  std::string_view fix) {
  return {.reason = reason, .word = word, .meaning = meaning, .fix = fix};
}

// In the order of the enum; what is well needs no fix.
constexpr std::array kRows{
    row(Reason::Assigned, "Assigned", "The Service has what it asked for.", ""),
    row(Reason::AssignedOutsidePolicy, "AssignedOutsidePolicy",
        "The Service keeps an address that today's settings of its pool would not give it.",
        "nothing has to be done; to move it to another address, ask for one or for another pool"),
    row(Reason::NoPool, "NoPool", "No Eip may give this Service an address unasked.",
        "mark an Eip as default (annotation eip.porter.kubesphere.io/is-default-eip: \"true\"), "
        "let an Eip "
        "select the Service, or name one in annotation eip.porter.kubesphere.io/v1alpha2"),
    row(Reason::PoolNotFound, "PoolNotFound", "The Service names an Eip that does not exist.",
        "correct the name in annotation eip.porter.kubesphere.io/v1alpha2, or create the Eip"),
    row(Reason::PoolExhausted, "PoolExhausted",
        "Every address of every Eip that may serve the Service is in use or reserved.",
        "add a pool, widen one, or free an address"),
    row(Reason::PoolDisabled, "PoolDisabled",
        "The Eip that would serve the Service is disabled or being deleted, and gives nothing new.",
        "set spec.disable: false on the Eip, or name another one"),
    row(Reason::PoolNotForNamespace, "PoolNotForNamespace",
        "The Eip is for other namespaces (namespaces, namespaceSelector); naming it does not "
        "change that.",
        "add the namespace to the Eip, label the namespace, or name another Eip"),
    row(Reason::PoolNotForService, "PoolNotForService",
        "The Eip's serviceSelector does not select the Service; naming the Eip does not change "
        "that.",
        "label the Service as the Eip's serviceSelector wants it, or name another Eip"),
    row(Reason::AddressNotInPool, "AddressNotInPool",
        "No Eip that may serve the Service has the address it asks for to give.",
        "ask for an address of an Eip, or add the address to one"),
    row(Reason::AddressInUse, "AddressInUse", "Another Service holds the address.",
        "ask for another address, or let both share it: the same annotation "
        "network.kubesphere.io/share on both"),
    row(Reason::AddressReserved, "AddressReserved",
        "The address is reserved by an EipAddress without Services, or kept for another Service.",
        "ask for another address, or delete the EipAddress"),
    row(Reason::ShareRefused, "ShareRefused",
        "The Service cannot share the address with those that hold it.",
        "change what collides, or ask for another address"),
    row(Reason::ConflictingRequest, "ConflictingRequest",
        "The Service asks for two things that exclude each other.",
        "make annotation and spec.loadBalancerIP agree, or remove one"),
    row(Reason::FamilyUnavailable, "FamilyUnavailable",
        "No Eip that may serve the Service has addresses of a family that it needs.",
        "add addresses of that family to an Eip, or change the Service's ipFamilies"),
    row(Reason::ProtocolMismatch, "ProtocolMismatch",
        "The Eip is of another protocol than the Service asks for.",
        "correct annotation protocol.porter.kubesphere.io/v1alpha1, or use an Eip of that "
        "protocol"),
    row(Reason::ProtocolUnavailable, "ProtocolUnavailable",
        "The Eip is of protocol layer2, which this release does not announce.",
        "use an Eip of protocol bgp"),
    row(Reason::ForeignStatus, "ForeignStatus",
        "The Service names no class and shows an address that is not Porter's: somebody else "
        "serves it.",
        "to hand it to Porter, set annotation lb.kubesphere.io/v1alpha1: porter"),
    row(Reason::InvalidRequest, "InvalidRequest",
        "An annotation or field of the Service cannot be understood.", "correct the value"),
    row(Reason::NotRecorded, "NotRecorded",
        "The address is chosen and its record is not durable yet; it is announced once it is.",
        "if this lasts: see whether the state folder can be written (space, permissions)"),
    row(Reason::NotLoadBalancer, "NotLoadBalancer", "The Service is not of type LoadBalancer.",
        "set spec.type: LoadBalancer"),
    row(Reason::OtherClass, "OtherClass", "The Service's loadBalancerClass is somebody else's.",
        "set spec.loadBalancerClass: network.kubesphere.io/porter"),
    row(Reason::NotClaimed, "NotClaimed",
        "The Service names no class, and nothing says that it is for Porter.",
        "set annotation lb.kubesphere.io/v1alpha1: porter, or start Porter with --claim-unclassed"),
    row(Reason::Announced, "Announced",
        "The address is announced to every peer that is to have it.", ""),
    row(Reason::NoAddress, "NoAddress", "There is no address to announce yet.",
        "see the condition Assigned"),
    row(Reason::NoReadyEndpoints, "NoReadyEndpoints",
        "The Service has no endpoint that is ready or serving.",
        "see why its Pods are not ready, and whether its selector finds them"),
    row(Reason::NoCandidateNode, "NoCandidateNode", "No node can carry the address.",
        "see the reason of each node"),
    row(Reason::NoPeer, "NoPeer", "There is no BgpPeer that this address would be announced to.",
        "create a BgpPeer"),
    row(Reason::NoEstablishedPeer, "NoEstablishedPeer", "No BGP session is Established.",
        "see porter peers"),
    row(Reason::NoMatchingAdvertisement, "NoMatchingAdvertisement",
        "BgpConf.spec.advertise is Selected, and no BgpAdvertisement selects the address.",
        "create a BgpAdvertisement that selects it, or set spec.advertise: All"),
    row(Reason::NextHopNotShared, "NextHopNotShared",
        "The peer would take none of the next hops: none lies in a subnet shared with a single-hop "
        "eBGP peer (RFC 4271 section 5.1.3), or all are IPv6 addresses for IPv4 (RFC 8950).",
        "peer over a shared subnet, set ebgpMultihop, nextHopMode: Self or extendedNextHop"),
    row(Reason::PrefixBudget, "PrefixBudget",
        "The peer's prefixBudget is spent; what was announced earlier stays.",
        "raise BgpPeer spec.prefixBudget.max"),
    row(Reason::NodesDraining, "NodesDraining", "Every node that carries the address is draining.",
        "uncordon or add a node"),
    row(Reason::FailOpen, "FailOpen",
        "The kubelets of most nodes, or of the last one, fell silent at once; the address stays "
        "announced as it was.",
        "see whether the nodes or the API server lost their network"),
    row(Reason::Paused, "Paused", "Porter is paused and announces nothing new.", "resume it"),
    row(Reason::NoBgpConf, "NoBgpConf",
        "There is no BgpConf that counts, so no AS number to speak with.",
        "create a BgpConf named default"),
    row(Reason::AddPathNotReceived, "AddPathNotReceived",
        "Announced, but the peer cannot receive ADD-PATH (RFC 7911) and sees one next hop only.",
        "turn on ADD-PATH receive at the peer, or use nextHopMode: Self with a session per node"),
    row(Reason::Candidate, "Candidate", "The node carries the address.", ""),
    row(Reason::NotReady, "NotReady", "The node's condition Ready is False.",
        "see kubectl describe node"),
    row(Reason::NotReadyUnknown, "NotReadyUnknown",
        "The node's kubelet is silent: its condition Ready is Unknown.",
        "see whether the node is up and reaches the API server"),
    row(Reason::NetworkUnavailable, "NetworkUnavailable",
        "The node's condition NetworkUnavailable is True.", "see the network plugin on the node"),
    row(Reason::Excluded, "Excluded",
        "The node has label node.kubernetes.io/exclude-from-external-load-balancers.",
        "remove the label"),
    row(Reason::OtherRack, "OtherRack",
        "BgpConf.spec.asPerRack names no AS for the node's rack, or another one.",
        "set label porter.kubesphere.io/rack on the node, or add the rack to asPerRack"),
    row(Reason::Draining, "Draining", "The node is being drained.",
        "end the drain to use it again"),
    row(Reason::OutOfService, "OutOfService",
        "The node has taint node.kubernetes.io/out-of-service: it is off.",
        "remove the taint once it is up again"),
    row(Reason::NoNextHopAddress, "NoNextHopAddress",
        "The node has no address of the family to be a next hop.",
        "give it one, or set annotation network.kubesphere.io/next-hop"),
    row(Reason::NoLocalEndpoint, "NoLocalEndpoint",
        "externalTrafficPolicy is Local, and the node has no endpoint of the Service.", ""),
    row(Reason::NotSelected, "NotSelected",
        "No BgpAdvertisement that selects the address selects the node (nodeSelector).",
        "label the node, or change nodeSelector"),
    row(Reason::Established, "Established", "The BGP session is Established.", ""),
    row(Reason::NotEstablished, "NotEstablished", "The BGP session is not Established.",
        "see its last error in porter peers"),
    row(Reason::NotDefault, "NotDefault", "Only the BgpConf named default counts.",
        "rename it to default"),
    row(Reason::PolicyNotSupported, "PolicyNotSupported",
        "spec.policy may be a filter and is not understood, so no session comes up while it is "
        "set.",
        "remove it, or accept that it is passed over: annotation "
        "network.kubesphere.io/ignore-policy: \"true\""),
    row(Reason::DuplicateNeighbor, "DuplicateNeighbor",
        "An older BgpPeer has the same neighbour and port on this node, and wins.",
        "delete one, or select other nodes"),
    row(Reason::SecretMissing, "SecretMissing",
        "The Secret, or its key, that authSecretRef names does not exist.",
        "create it in Porter's namespace"),
    row(Reason::NoLocalAddress, "NoLocalAddress",
        "transport.localAddress names nothing that this node has.",
        "correct it, or select other nodes"),
    row(Reason::AdminDown, "AdminDown", "conf.adminDown is set.", "set conf.adminDown: false"),
    row(Reason::LeftToCni, "LeftToCni",
        "The object has the cni label: the network plugin does the peering.",
        "remove the label if Porter is to peer"),
    row(Reason::NotThisNode, "NotThisNode", "The BgpPeer's nodeSelector does not select this node.",
        ""),
    row(Reason::RouterIdIgnored, "RouterIdIgnored",
        "One routerId cannot serve several peering nodes: each uses its own.",
        "remove routerId, or set annotation network.kubesphere.io/router-id on the nodes"),
    row(Reason::FieldIgnored, "FieldIgnored", "A field is set that has no effect.", "remove it"),
    row(Reason::ConflictingAdvertisement, "ConflictingAdvertisement",
        "An older BgpAdvertisement says otherwise: where both select a route, the older counts.",
        "let one of the two say it, or keep apart what they select"),
    row(Reason::Ready, "Ready", "The object is in force.", ""),
    row(Reason::Disabled, "Disabled", "The Eip gives nothing new; what it gave stays.",
        "set spec.disable: false"),
    row(Reason::Deleting, "Deleting",
        "The Eip is being deleted: it gives nothing new, and goes when its last address is "
        "released.",
        "to release its addresses at once, set annotation network.kubesphere.io/evict: \"true\""),
    row(Reason::Overlaps, "Overlaps",
        "Another Eip contains some of the same addresses; none is given twice.",
        "take the addresses out of one of the two"),
    row(Reason::InvalidObject, "InvalidObject",
        "The newest version of the object is not usable; the last good one stays in force.",
        "correct what the message names"),
};

const Row& row_of(Reason reason) {
  const auto index = static_cast<std::size_t>(reason);
  PORTER_ASSERT(index < kRows.size());
  return kRows[index];
}

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].reason) != i) return false;
  }
  return true;
}
static_assert(is_in_order(), "the table has one row per Reason, in the order of the enum");
static_assert(kRows.size() == static_cast<std::size_t>(Reason::InvalidObject) + 1);

}  // namespace

std::string_view to_string(Reason reason) {
  return row_of(reason).word;
}

std::optional<Reason> reason_named(std::string_view word) {
  for (const Row& row : kRows) {
    if (row.word == word) return row.reason;
  }
  return std::nullopt;
}

std::string_view meaning(Reason reason) {
  return row_of(reason).meaning;
}

std::string_view fix(Reason reason) {
  return row_of(reason).fix;
}

}  // namespace porter::plan
