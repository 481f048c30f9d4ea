// SPDX-License-Identifier: Apache-2.0
#include "model/request.hpp"

#include <gtest/gtest.h>

#include "model/test_tree.hpp"

namespace porter::model {
namespace {

Service service(StringMap annotations, std::optional<std::string> load_balancer_ip = std::nullopt) {
  Service made;
  made.is_load_balancer = true;
  made.meta.annotations = std::move(annotations);
  made.load_balancer_ip = std::move(load_balancer_ip);
  return made;
}

Address addr(std::string_view text) {
  return Address::parse(text).value();
}

const std::string kAddress = "eip.porter.kubesphere.io/v1alpha1";
const std::string kPool = "eip.openelb.kubesphere.io/v1alpha2";
const std::string kProtocol = "protocol.porter.kubesphere.io/v1alpha1";

TEST(ServiceRequest, OfAPlainServiceIsEmpty) {
  EXPECT_EQ(request_of(service({})), ServiceRequest{});
  EXPECT_EQ(request_of(service({{kAddress, ""}, {kPool, " , "}, {kProtocol, ""}}, "")),
            ServiceRequest{});
}

TEST(ServiceRequest, ReadsEveryAnnotation) {
  const ServiceRequest request = request_of(service({{kAddress, "192.0.2.9, 2001:db8::9"},
                                                     {kPool, "lan, lan6,lan"},
                                                     {kProtocol, "layer2"},
                                                     {"layer2.porter.kubesphere.io/v1alpha1", "n1"},
                                                     {"network.kubesphere.io/share", " k "}}));
  EXPECT_EQ(request.addresses, (std::vector{addr("192.0.2.9"), addr("2001:db8::9")}));
  EXPECT_TRUE(request.address_from_annotation);
  EXPECT_EQ(request.pools, (std::vector<std::string>{"lan", "lan6"}));
  EXPECT_EQ(request.protocol, Protocol::Layer2);
  EXPECT_EQ(request.layer2_node, "n1");
  EXPECT_EQ(request.share_key, "k");
  EXPECT_EQ(text_of(request.problems), "");
  EXPECT_EQ(request.refusal(), nullptr);
}

TEST(ServiceRequest, PorterSpellingWins) {
  const ServiceRequest request = request_of(
      service({{"eip.openelb.kubesphere.io/v1alpha1", "10.0.0.1"}, {kAddress, "10.0.0.2"}}));
  EXPECT_EQ(request.addresses, (std::vector{addr("10.0.0.2")}));
}

TEST(ServiceRequest, TakesLoadBalancerIpWhereThereIsNoAnnotation) {
  const ServiceRequest request = request_of(service({}, "10.0.0.2"));
  EXPECT_EQ(request.addresses, (std::vector{addr("10.0.0.2")}));
  EXPECT_FALSE(request.address_from_annotation);
}

TEST(ServiceRequest, RefusesTwoThatDiffer) {
  const ServiceRequest same = request_of(service({{kAddress, "2001:db8::9,10.0.0.2"}}, "10.0.0.2"));
  EXPECT_EQ(text_of(same.problems), "");
  const ServiceRequest other = request_of(service({{kAddress, "10.0.0.1"}}, "10.0.0.2"));
  ASSERT_NE(other.refusal(), nullptr);
  EXPECT_EQ(text_of(other.problems),
            "Error ConflictingRequest spec.loadBalancerIP:0: 10.0.0.2: annotation "
            "eip.porter.kubesphere.io/v1alpha1 asks for "
            "10.0.0.1; make them agree or remove one");
}

TEST(ServiceRequest, SaysWhatIsWrong) {
  const std::vector<std::pair<Service, std::string>> cases{
      {service({{kAddress, "10.0.0.300"}}),
       "Error InvalidRequest metadata.annotations[eip.porter.kubesphere.io/v1alpha1]:0: "
       "10.0.0.300: not an IPv4 or IPv6 address"},
      {service({{kAddress, "10.0.0.1,10.0.0.2"}}),
       "Error InvalidRequest metadata.annotations[eip.porter.kubesphere.io/v1alpha1]:0: "
       "10.0.0.1,10.0.0.2: more than one IPv4 "
       "address; at most one per family"},
      {service({}, "web"),
       "Error InvalidRequest spec.loadBalancerIP:0: web: not an IPv4 or IPv6 address"},
      {service({{kAddress, "x"}}, "10.0.0.1"),
       "Error InvalidRequest metadata.annotations[eip.porter.kubesphere.io/v1alpha1]:0: x: not an "
       "IPv4 or IPv6 address"},
      {service({{kPool, "a,b,c,d"}}),
       "Error InvalidRequest metadata.annotations[eip.openelb.kubesphere.io/v1alpha2]:0: a,b,c,d: "
       "more than two pools; at most one "
       "per family"},
      {service({{kProtocol, "ospf"}}),
       "Error InvalidRequest metadata.annotations[protocol.porter.kubesphere.io/v1alpha1]:0: ospf: "
       "protocol must be bgp or layer2"},
  };
  for (const auto& [given, expected] : cases) {
    const ServiceRequest request = request_of(given);
    EXPECT_EQ(text_of(request.problems), expected);
    EXPECT_NE(request.refusal(), nullptr);
  }
}

TEST(ServiceRequest, ReadsVipAsLayer2WithAWarning) {
  const ServiceRequest request = request_of(service({{kProtocol, "vip"}}));
  EXPECT_EQ(request.protocol, Protocol::Layer2);
  EXPECT_EQ(request.refusal(), nullptr);
  EXPECT_EQ(text_of(request.problems),
            "Warning ReadAsLayer2 metadata.annotations[protocol.porter.kubesphere.io/v1alpha1]:0: "
            "vip: read as layer2; write layer2");
}

TEST(OptIn, IsOneOfTwoWords) {
  EXPECT_EQ(opt_in_of(service({{"lb.kubesphere.io/v1alpha1", "porter"}}).meta), "porter");
  EXPECT_EQ(opt_in_of(service({{"lb.kubesphere.io/v1alpha1", "openelb"}}).meta), "openelb");
  EXPECT_EQ(opt_in_of(service({{"lb.kubesphere.io/v1alpha1", "metallb"}}).meta), std::nullopt);
  EXPECT_EQ(opt_in_of(service({}).meta), std::nullopt);
}

}  // namespace
}  // namespace porter::model
