// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/object.hpp"

// Kubernetes' own kinds, as far as Porter reads them.
namespace porter::model {

enum class IpProtocol : std::uint8_t { Tcp, Udp, Sctp };
[[nodiscard]] std::string_view to_string(IpProtocol protocol);  // "TCP"

struct ServicePort {
  std::string name;
  std::uint16_t port = 0;
  IpProtocol protocol = IpProtocol::Tcp;
  friend auto operator<=>(const ServicePort&, const ServicePort&) = default;
};

enum class TrafficPolicy : std::uint8_t { Cluster, Local };
enum class IpFamilyPolicy : std::uint8_t { SingleStack, PreferDualStack, RequireDualStack };

struct Ingress {
  std::string ip;
  std::string hostname;
  friend bool operator==(const Ingress&, const Ingress&) = default;
};

// status.conditions[type=network.kubesphere.io/Assigned], as found.
inline constexpr std::string_view kAssignedCondition = "network.kubesphere.io/Assigned";
inline constexpr std::string_view kAnnouncedCondition = "network.kubesphere.io/Announced";
struct AssignedCondition {
  bool is_true = false;
  std::string reason;
  std::string message;
  friend bool operator==(const AssignedCondition&, const AssignedCondition&) = default;
};

struct Service {
  Meta meta;
  bool is_load_balancer = false;
  std::optional<std::string> load_balancer_class;
  std::optional<std::string> load_balancer_ip;  // spec.loadBalancerIP, as written
  TrafficPolicy traffic_policy = TrafficPolicy::Cluster;
  // spec.ipFamilies; where absent: of spec.clusterIPs; where absent too: empty ("any one, IPv4
  // first").
  std::vector<Family> families;
  IpFamilyPolicy family_policy = IpFamilyPolicy::SingleStack;
  StringMap selector;
  std::vector<ServicePort> ports;
  std::vector<Ingress> ingress;  // status.loadBalancer.ingress as found
  std::optional<AssignedCondition> assigned;
  friend bool operator==(const Service&, const Service&) = default;
};

struct Endpoint {
  std::vector<Address> addresses;
  std::optional<std::string> node;
  bool ready = true;         // nil: true
  bool serving = true;       // nil: ready
  bool terminating = false;  // nil: false
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

struct EndpointSlice {
  Meta meta;
  std::string service;  // label kubernetes.io/service-name, same namespace; empty: belongs to none
  Family family = Family::V4;  // addressType; FQDN slices have no endpoints here
  std::vector<Endpoint> endpoints;
  friend bool operator==(const EndpointSlice&, const EndpointSlice&) = default;
};

enum class Tristate : std::uint8_t { True, False, Unknown };

struct Node {
  Meta meta;
  std::vector<Address> internal_ips;  // status.addresses, type InternalIP, in order
  Tristate ready = Tristate::True;    // no Ready condition: True (a manifest of a node is a claim)
  std::string ready_reason;           // "KubeletNotReady"
  std::string ready_message;
  std::int64_t ready_since = 0;  // lastTransitionTime, Unix seconds; 0: not told
  bool network_unavailable = false;
  bool unschedulable = false;
  std::vector<std::string> taints;  // "key" of each
  friend bool operator==(const Node&, const Node&) = default;
};

struct Namespace {
  Meta meta;
  friend bool operator==(const Namespace&, const Namespace&) = default;
};

struct Secret {
  Meta meta;
  StringMap data;  // decoded
  friend bool operator==(const Secret&, const Secret&) = default;
};

}  // namespace porter::model
