// SPDX-License-Identifier: Apache-2.0
#include "model/kube_decode.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/base64.hpp"
#include "model/reader.hpp"
#include "model/time_text.hpp"

namespace porter::model {
namespace {

// Each in the order of its enum.
constexpr std::array<std::string_view, 3> kProtocols{"TCP", "UDP", "SCTP"};
constexpr std::array<std::string_view, 2> kTrafficPolicies{"Cluster", "Local"};
constexpr std::array<std::string_view, 3> kFamilyPolicies{"SingleStack", "PreferDualStack",
                                                          "RequireDualStack"};
constexpr std::array<std::string_view, 2> kFamilies{"IPv4", "IPv6"};
constexpr std::array<std::string_view, 3> kAddressTypes{"IPv4", "IPv6", "FQDN"};
constexpr std::array<std::string_view, 3> kStatuses{"True", "False", "Unknown"};
constexpr std::size_t kFqdn = 2;

// A list of texts. One that is no text is refused, and left out.
std::vector<Place> texts(const Reader& reader, std::string_view name) {
  std::vector<Place> texts;
  for (const Place& item : reader.items(name)) {
    if (item.tree.is_string()) {
      texts.push_back(item);
    } else {
      reader.complaints().error(item.path, item.tree.line(),
                                fmt::format("{}: must be a text", found(item.tree)));
    }
  }
  return texts;
}

ServicePort read_port(const Reader& reader) {
  ServicePort port;
  port.name = reader.text("name").value_or("");
  port.port = static_cast<std::uint16_t>(reader.integer("port", kPort).value_or(0));
  if (reader["port"].is_null()) reader.refuse("port", "is required");
  port.protocol = static_cast<IpProtocol>(reader.choice("protocol", kProtocols).value_or(0));
  return port;
}

std::vector<Family> read_families(const Reader& spec) {
  std::vector<Family> families;
  const auto add = [&](Family family) {
    if (std::find(families.begin(), families.end(), family) == families.end())
      families.push_back(family);
  };
  for (const Place& item : texts(spec, "ipFamilies")) {
    const auto* const word = std::find(kFamilies.begin(), kFamilies.end(), item.tree.text());
    if (word != kFamilies.end()) {
      add(static_cast<Family>(word - kFamilies.begin()));
    } else {
      spec.complaints().error(item.path, item.tree.line(),
                              fmt::format("{}: must be IPv4 or IPv6", shown(item.tree.text())));
    }
  }
  if (!families.empty()) return families;
  for (const Place& item : texts(spec, "clusterIPs")) {
    const Result<Address> address = Address::parse(item.tree.text());
    if (address) add(address->family());  // "None": a headless Service
  }
  return families;
}

// What the API server makes of an absent policy.
IpFamilyPolicy read_family_policy(const Reader& spec, std::size_t family_count) {
  const std::optional<std::size_t> policy = spec.choice("ipFamilyPolicy", kFamilyPolicies);
  if (policy) return static_cast<IpFamilyPolicy>(*policy);
  return family_count > 1 ? IpFamilyPolicy::RequireDualStack : IpFamilyPolicy::SingleStack;
}

Endpoint read_endpoint(const Reader& reader, Family family) {
  Endpoint endpoint;
  for (const Place& item : texts(reader, "addresses")) {
    const Result<Address> address = Address::parse(item.tree.text());
    if (address && address->family() == family) {
      endpoint.addresses.push_back(*address);
      continue;
    }
    reader.complaints().error(item.path, item.tree.line(),
                              address ? fmt::format("{}: not an {} address, as addressType says",
                                                    to_string(*address), to_string(family))
                                      : address.error().message);
  }
  endpoint.node = reader.text("nodeName");
  if (!endpoint.node)  // discovery.k8s.io/v1beta1
    endpoint.node = reader.group("topology").text("kubernetes.io/hostname");
  if (endpoint.node && endpoint.node->empty()) endpoint.node.reset();
  const Reader conditions = reader.group("conditions");
  endpoint.ready = conditions.boolean("ready").value_or(true);
  endpoint.serving = conditions.boolean("serving").value_or(endpoint.ready);
  endpoint.terminating = conditions.boolean("terminating").value_or(false);
  return endpoint;
}

void read_condition(const Reader& condition, Node& node) {
  const std::string type = condition.text("type").value_or("");
  if (type != "Ready" && type != "NetworkUnavailable") return;
  const auto status = static_cast<Tristate>(condition.choice("status", kStatuses).value_or(2));
  if (type == "NetworkUnavailable") {
    node.network_unavailable = status == Tristate::True;
    return;
  }
  node.ready = status;
  node.ready_reason = condition.text("reason").value_or("");
  node.ready_message = condition.text("message").value_or("");
  const std::optional<std::string> since = condition.text("lastTransitionTime");
  if (since) node.ready_since = parse_time(*since).value_or(0);
}

void read_node_address(const Reader& reader, Node& node) {
  if (reader.text("type") != "InternalIP") return;
  const std::optional<std::string> text = reader.text("address");
  if (!text) return;
  const Result<Address> address = Address::parse(*text);
  if (address) {
    node.internal_ips.push_back(*address);
  } else {
    reader.refuse("address", address.error().message);
  }
}

}  // namespace

Service read_service(const Tree& document, Complaints& complaints) {
  Service service;
  const Reader spec{document["spec"], "spec", complaints};
  service.is_load_balancer = spec.text("type") == "LoadBalancer";
  service.load_balancer_class = spec.text("loadBalancerClass");
  service.load_balancer_ip = spec.text("loadBalancerIP");
  service.traffic_policy = static_cast<TrafficPolicy>(
      spec.choice("externalTrafficPolicy", kTrafficPolicies).value_or(0));
  service.families = read_families(spec);
  service.family_policy = read_family_policy(spec, service.families.size());
  service.selector = spec.string_map("selector");
  for (const Reader& port : spec.groups("ports"))
    service.ports.push_back(read_port(port));
  const Reader status{document["status"], "status", complaints};
  for (const Reader& ingress : status.group("loadBalancer").groups("ingress")) {
    service.ingress.push_back(Ingress{.ip = ingress.text("ip").value_or(""),
                                      .hostname = ingress.text("hostname").value_or("")});
  }
  for (const Reader& condition : status.groups("conditions")) {
    if (condition.text("type") != kAssignedCondition) continue;
    service.assigned = AssignedCondition{.is_true = condition.text("status") == "True",
                                         .reason = condition.text("reason").value_or(""),
                                         .message = condition.text("message").value_or("")};
  }
  return service;
}

EndpointSlice read_slice(const Tree& document, Meta meta, Complaints& complaints) {
  EndpointSlice slice;
  slice.meta = std::move(meta);
  if (const std::string* const service = slice.meta.label("kubernetes.io/service-name"))
    slice.service = *service;
  const Reader reader{document, "", complaints};
  const std::optional<std::size_t> type = reader.choice("addressType", kAddressTypes);
  if (!type) {
    if (reader["addressType"].text().empty())
      reader.refuse("addressType", "is required: IPv4 or IPv6");
    return slice;
  }
  if (*type == kFqdn) return slice;
  slice.family = static_cast<Family>(*type);
  for (const Reader& endpoint : reader.groups("endpoints")) {
    slice.endpoints.push_back(read_endpoint(endpoint, slice.family));
  }
  return slice;
}

Node read_node(const Tree& document, Complaints& complaints) {
  Node node;
  const Reader spec{document["spec"], "spec", complaints};
  node.unschedulable = spec.boolean("unschedulable").value_or(false);
  for (const Reader& taint : spec.groups("taints")) {
    if (const std::optional<std::string> key = taint.text("key")) node.taints.push_back(*key);
  }
  const Reader status{document["status"], "status", complaints};
  for (const Reader& address : status.groups("addresses"))
    read_node_address(address, node);
  for (const Reader& condition : status.groups("conditions"))
    read_condition(condition, node);
  return node;
}

Secret read_secret(const Tree& document, Complaints& complaints) {
  Secret secret;
  const Reader reader{document, "", complaints};
  for (const auto& [key, text] : reader.string_map("data")) {
    std::optional<std::string> decoded = decode_base64(text);
    if (decoded) {
      secret.data[key] = std::move(*decoded);
    } else {  // never the value: it is a secret
      complaints.error(fmt::format("data[{}]", shown(key)), reader["data"][key].line(),
                       "must be base64; plain text belongs into stringData");
    }
  }
  // stringData is written later and wins, as at the API server.
  for (auto& [key, text] : reader.string_map("stringData"))
    secret.data[key] = text;
  return secret;
}

}  // namespace porter::model
