// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/base64.hpp"
#include "model/test_tree.hpp"

namespace porter::model {
namespace {

template <class T>
T object_of(std::string_view document) {
  const Decoded decoded = decode(flow(document));
  EXPECT_EQ(text_of(decoded.problems), "") << document;
  if (!decoded.object) return {};
  return std::get<T>(*decoded.object);
}

Service service_of(const std::string& spec) {
  return object_of<Service>("{apiVersion: v1, kind: Service, metadata: {name: web}, spec: " + spec +
                            "}");
}

std::string problems_of(std::string_view kind, const std::string& body) {
  std::string text{"{apiVersion: "};
  text.append(kind == "EndpointSlice" ? "discovery.k8s.io/v1" : "v1")
      .append(", kind: ")
      .append(kind);
  return text_of(
      decode(flow(text.append(", metadata: {name: a},\n").append(body).append("}"))).problems);
}

Address addr(std::string_view text) {
  return Address::parse(text).value();
}

TEST(ServiceDecode, ReadsWhatWeNeedAndPassesOverTheRest) {
  const Service service =
      object_of<Service>(R"({apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop},
    spec: {type: LoadBalancer, loadBalancerClass: network.kubesphere.io/porter, loadBalancerIP: 192.0.2.9,
      externalTrafficPolicy: Local, ipFamilies: [IPv6, IPv4], ipFamilyPolicy: PreferDualStack, selector: {app: web},
      ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30000}, {port: 53, protocol: UDP}], whatever: {}},
    status: {loadBalancer: {ingress: [{ip: 192.0.2.9, ipMode: VIP}, {hostname: a.example}]}}})");
  EXPECT_TRUE(service.is_load_balancer);
  EXPECT_EQ(service.load_balancer_class, "network.kubesphere.io/porter");
  EXPECT_EQ(service.load_balancer_ip, "192.0.2.9");
  EXPECT_EQ(service.traffic_policy, TrafficPolicy::Local);
  EXPECT_EQ(service.families, (std::vector{Family::V6, Family::V4}));
  EXPECT_EQ(service.family_policy, IpFamilyPolicy::PreferDualStack);
  EXPECT_EQ(service.selector, (StringMap{{"app", "web"}}));
  EXPECT_EQ(service.ports,
            (std::vector<ServicePort>{{.name = "http", .port = 80},
                                      {.name = "", .port = 53, .protocol = IpProtocol::Udp}}));
  EXPECT_EQ(service.ingress, (std::vector<Ingress>{{.ip = "192.0.2.9", .hostname = ""},
                                                   {.ip = "", .hostname = "a.example"}}));
}

TEST(ServiceDecode, HasKubernetesDefaults) {
  const Service service = service_of("{}");
  EXPECT_FALSE(service.is_load_balancer);
  EXPECT_EQ(service.load_balancer_class, std::nullopt);
  EXPECT_EQ(service.traffic_policy, TrafficPolicy::Cluster);
  EXPECT_TRUE(service.families.empty());
  EXPECT_EQ(service.family_policy, IpFamilyPolicy::SingleStack);
  EXPECT_FALSE(service_of("{type: NodePort}").is_load_balancer);
}

TEST(ServiceDecode, TakesFamiliesFromClusterIpsWhereTheyAreNotWritten) {
  EXPECT_EQ(service_of("{clusterIPs: [10.0.0.1, fd00::1]}").families,
            (std::vector{Family::V4, Family::V6}));
  EXPECT_EQ(service_of("{clusterIPs: [10.0.0.1, fd00::1]}").family_policy,
            IpFamilyPolicy::RequireDualStack);
  EXPECT_TRUE(service_of("{clusterIPs: [None]}").families.empty());
  EXPECT_EQ(service_of("{ipFamilies: [IPv6], clusterIPs: [10.0.0.1]}").families,
            (std::vector{Family::V6}));
  EXPECT_EQ(service_of("{ipFamilies: [IPv6, IPv6]}").families, (std::vector{Family::V6}));
}

TEST(ServiceDecode, IsStrictAboutWhatItReads) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"spec: []", "Error Invalid spec:2: a list: must be a map"},
      {"spec: {type: 1}", "Error Invalid spec.type:2: 1: must be a text; put it in quotes"},
      {"spec: {loadBalancerIP: {}}", "Error Invalid spec.loadBalancerIP:2: a map: must be a text"},
      {"spec: {externalTrafficPolicy: local}",
       "Error Invalid spec.externalTrafficPolicy:2: local: must be Cluster or Local"},
      {"spec: {ipFamilies: IPv4}",
       "Error Invalid spec.ipFamilies:2: the text IPv4: must be a list"},
      {"spec: {ipFamilies: [ipv4]}",
       "Error Invalid spec.ipFamilies[0]:2: ipv4: must be IPv4 or IPv6"},
      {"spec: {ipFamilies: [4]}", "Error Invalid spec.ipFamilies[0]:2: 4: must be a text"},
      {"spec: {ipFamilyPolicy: Dual}",
       "Error Invalid spec.ipFamilyPolicy:2: Dual: must be SingleStack, PreferDualStack or "
       "RequireDualStack"},
      {"spec: {selector: {a: 1}}",
       "Error Invalid spec.selector[a]:2: 1: must be a text; put it in quotes"},
      {"spec: {ports: [{}]}", "Error Invalid spec.ports[0].port:2: is required"},
      {"spec: {ports: [{port: 0}]}",
       "Error Invalid spec.ports[0].port:2: 0: must be a whole number from 1 to 65535"},
      {"spec: {ports: [{port: 80, protocol: tcp}]}",
       "Error Invalid spec.ports[0].protocol:2: tcp: must be TCP, UDP or SCTP"},
      {"spec: {ports: [80]}",
       "Error Invalid spec.ports[0]:2: 80: must be a map\nError Invalid spec.ports[0].port:2: is "
       "required"},
      {"status: {loadBalancer: {ingress: [{ip: 1}]}}",
       "Error Invalid status.loadBalancer.ingress[0].ip:2: 1: must be a text; put it in quotes"},
  };
  for (const auto& [body, expected] : cases)
    EXPECT_EQ(problems_of("Service", body), expected);
}

TEST(EndpointSliceDecode, AppliesTheDefaultsOfItsConditions) {
  const EndpointSlice slice =
      object_of<EndpointSlice>(R"({apiVersion: discovery.k8s.io/v1, kind: EndpointSlice,
    metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}, addressType: IPv4,
    endpoints: [{addresses: [10.0.0.1, 10.0.0.2], nodeName: n1}, {addresses: [10.0.0.3], conditions: {ready: false}},
      {addresses: [10.0.0.4], conditions: {ready: false, serving: true, terminating: true}, nodeName: ""},
      {addresses: [10.0.0.5], conditions: {ready: null}}]})");
  EXPECT_EQ(slice.service, "web");
  EXPECT_EQ(slice.family, Family::V4);
  ASSERT_EQ(slice.endpoints.size(), 4U);
  EXPECT_EQ(slice.endpoints[0],
            (Endpoint{.addresses = {addr("10.0.0.1"), addr("10.0.0.2")}, .node = "n1"}));
  EXPECT_EQ(slice.endpoints[1], (Endpoint{.addresses = {addr("10.0.0.3")},
                                          .node = std::nullopt,
                                          .ready = false,
                                          .serving = false}));
  EXPECT_EQ(slice.endpoints[2], (Endpoint{.addresses = {addr("10.0.0.4")},
                                          .node = std::nullopt,
                                          .ready = false,
                                          .serving = true,
                                          .terminating = true}));
  EXPECT_TRUE(slice.endpoints[3].ready);
}

TEST(EndpointSliceDecode, ReadsV1beta1AndPassesOverNames) {
  const EndpointSlice old =
      object_of<EndpointSlice>(R"({apiVersion: discovery.k8s.io/v1beta1, kind: EndpointSlice,
    metadata: {name: a}, addressType: IPv6, endpoints: [{addresses: ["2001:db8::1"], topology: {kubernetes.io/hostname: n2}}]})");
  EXPECT_EQ(old.family, Family::V6);
  EXPECT_EQ(old.service, "");
  EXPECT_EQ(old.endpoints.at(0).node, "n2");
  const EndpointSlice names =
      object_of<EndpointSlice>(R"({apiVersion: discovery.k8s.io/v1, kind: EndpointSlice,
    metadata: {name: a}, addressType: FQDN, endpoints: [{addresses: [a.example]}]})");
  EXPECT_TRUE(names.endpoints.empty());
}

TEST(EndpointSliceDecode, IsStrictAboutWhatItReads) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"endpoints: []", "Error Invalid addressType:1: is required: IPv4 or IPv6"},
      {"addressType: ipv4", "Error Invalid addressType:2: ipv4: must be IPv4, IPv6 or FQDN"},
      {"addressType: IPv4, endpoints: {}", "Error Invalid endpoints:2: a map: must be a list"},
      {"addressType: IPv4, endpoints: [{addresses: [x]}]",
       "Error Invalid endpoints[0].addresses[0]:2: x: not an IPv4 or IPv6 address"},
      {"addressType: IPv4, endpoints: [{addresses: [::1]}]",
       "Error Invalid endpoints[0].addresses[0]:2: ::1: not an IPv4 address, as addressType says"},
      {"addressType: IPv4, endpoints: [{conditions: {ready: yes}}]",
       "Error Invalid endpoints[0].conditions.ready:2: the text yes: must be true or false"},
      {"addressType: IPv4, endpoints: [{nodeName: 1}]",
       "Error Invalid endpoints[0].nodeName:2: 1: must be a text; put it in quotes"},
  };
  for (const auto& [body, expected] : cases)
    EXPECT_EQ(problems_of("EndpointSlice", body), expected);
}

TEST(NodeDecode, ReadsItsState) {
  const Node node = object_of<Node>(R"({apiVersion: v1, kind: Node, metadata: {name: n1},
    spec: {unschedulable: true, taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]},
    status: {addresses: [{type: Hostname, address: n1}, {type: InternalIP, address: 10.0.0.1}, {type: InternalIP, address: "fd00::1"}],
      conditions: [{type: Ready, status: "False", reason: KubeletNotReady, message: node is shutting down, lastTransitionTime: 2024-05-01T10:00:00Z},
        {type: NetworkUnavailable, status: "True"}, {type: DiskPressure, status: "Strange"}]}})");
  EXPECT_TRUE(node.unschedulable);
  EXPECT_EQ(node.taints, (std::vector<std::string>{"ToBeDeletedByClusterAutoscaler"}));
  EXPECT_EQ(node.internal_ips, (std::vector{addr("10.0.0.1"), addr("fd00::1")}));
  EXPECT_EQ(node.ready, Tristate::False);
  EXPECT_EQ(node.ready_reason, "KubeletNotReady");
  EXPECT_EQ(node.ready_message, "node is shutting down");
  EXPECT_EQ(node.ready_since, 1'714'557'600);
  EXPECT_TRUE(node.network_unavailable);
}

TEST(NodeDecode, OfAManifestIsReady) {
  const Node node = object_of<Node>("{apiVersion: v1, kind: Node, metadata: {name: n1}}");
  EXPECT_EQ(node.ready, Tristate::True);
  EXPECT_FALSE(node.network_unavailable);
  EXPECT_FALSE(node.unschedulable);
  EXPECT_EQ(
      object_of<Node>(
          R"({apiVersion: v1, kind: Node, metadata: {name: n1}, status: {conditions: [{type: Ready, status: Unknown}]}})")
          .ready,
      Tristate::Unknown);
}

TEST(NodeDecode, IsStrictAboutWhatItReads) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"spec: {unschedulable: x}",
       "Error Invalid spec.unschedulable:2: the text x: must be true or false"},
      {"spec: {taints: [{key: 1}]}",
       "Error Invalid spec.taints[0].key:2: 1: must be a text; put it in quotes"},
      {"status: {addresses: [{type: InternalIP, address: n1}]}",
       "Error Invalid status.addresses[0].address:2: n1: not an IPv4 or IPv6 address"},
      {"status: {conditions: [{type: Ready, status: true}]}",
       "Error Invalid status.conditions[0].status:2: true: must be a text; put it in quotes"},
      {"status: {conditions: [{type: Ready, status: Maybe}]}",
       "Error Invalid status.conditions[0].status:2: Maybe: must be True, False or Unknown"},
  };
  for (const auto& [body, expected] : cases)
    EXPECT_EQ(problems_of("Node", body), expected);
}

TEST(SecretDecode, DecodesDataAndPrefersStringData) {
  const Secret secret = object_of<Secret>(R"({apiVersion: v1, kind: Secret, metadata: {name: bgp},
    data: {password: c2VjcmV0, other: aGk=, empty: ""}, stringData: {other: plain}})");
  EXPECT_EQ(secret.data, (StringMap{{"password", "secret"}, {"other", "plain"}, {"empty", ""}}));
}

TEST(SecretDecode, NeverShowsAValue) {
  EXPECT_EQ(problems_of("Secret", "data: {password: hunter2!}"),
            "Error Invalid data[password]:2: must be base64; plain text belongs into stringData");
}

TEST(Base64, IsStrict) {
  EXPECT_EQ(decode_base64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(decode_base64("Zm9v\nYmE=\n"), "fooba");
  EXPECT_EQ(decode_base64("Zm9vYg=="), "foob");
  EXPECT_EQ(decode_base64("AP+/"), (std::string{"\x00\xff\xbf", 3}));
  EXPECT_EQ(decode_base64(""), "");
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Zh==", "Zg==Zg==", "Z*==", "Zm9_"}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace porter::model
