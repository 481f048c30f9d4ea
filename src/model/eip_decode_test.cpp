// SPDX-License-Identifier: Apache-2.0
#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/encode.hpp"
#include "model/test_tree.hpp"

namespace porter::model {
namespace {

Decoded decode_eip(std::string_view spec, std::string_view version = "v1alpha2",
                   std::string_view metadata = "{name: lan}") {
  std::string text = "{apiVersion: network.kubesphere.io/";
  text.append(version).append(", kind: Eip,\nmetadata: ").append(metadata).append(",\nspec: ");
  return decode(flow(text.append(spec).append("}")));
}

Eip eip_of(std::string_view spec, std::string_view version = "v1alpha2",
           std::string_view metadata = "{name: lan}") {
  const Decoded decoded = decode_eip(spec, version, metadata);
  EXPECT_EQ(text_of(decoded.problems), "") << spec;
  if (!decoded.object) return {};
  return std::get<Eip>(*decoded.object);
}

std::string problems_of(std::string_view spec, std::string_view version = "v1alpha2") {
  return text_of(decode_eip(spec, version).problems);
}

Range range(std::string_view text) {
  return Range::parse(text).value();
}

TEST(EipDecode, OfPorter03SkipsWhatEndsIn0And255) {
  const Eip eip =
      eip_of("{address: 139.198.121.228, disable: false}", "v1alpha1", "{name: eip-sample}");
  Eip expected;
  expected.meta.name.name = "eip-sample";
  expected.meta.uid = "eip-sample";
  expected.meta.written_as = ApiVersion::V1alpha1;
  expected.addresses = {range("139.198.121.228")};
  expected.using_known_ips = false;
  EXPECT_EQ(eip, expected);
  EXPECT_TRUE(eip_of("{address: 1.2.3.4, usingKnownIPs: true}", "v1alpha1").using_known_ips);
  EXPECT_TRUE(eip_of("{address: 1.2.3.4, disable: true}", "v1alpha1").disable);
  EXPECT_EQ(eip_of("{address: 1.2.3.4, protocol: layer2}", "v1alpha1").protocol, Protocol::Layer2);
}

TEST(EipDecode, OfOpenElbHasItsDefaults) {
  const Eip eip = eip_of("{address: 139.198.121.228}");
  Eip expected;
  expected.meta.name.name = "lan";
  expected.meta.uid = "lan";
  expected.meta.written_as = ApiVersion::V1alpha2;
  expected.addresses = {range("139.198.121.228")};
  EXPECT_EQ(eip, expected);
  EXPECT_TRUE(eip.using_known_ips);
  EXPECT_EQ(
      eip_of("{address: 172.22.0.188-172.22.0.200, protocol: layer2, interface: eth0}").interface,
      "eth0");
}

TEST(EipDecode, EveryFieldLandsInItsPlace) {
  const Eip eip = eip_of(R"({
    addresses: [192.0.2.0/24, 2001:db8::/64, 198.51.100.1 - 198.51.100.9],
    exclude: [192.0.2.1, 192.0.2.8/30],
    protocol: layer2,
    interface: can_reach:192.0.2.254,
    disable: true,
    usingKnownIPs: false,
    priority: -7,
    namespaces: [shop, infra],
    namespaceSelector: {team: red},
    serviceSelector: {matchExpressions: [{key: app, operator: NotIn, values: [old]}]},
    autoAssign: false,
    reclaim: {policy: Retain, holdSeconds: 3600}})");
  EXPECT_EQ(eip.addresses, (std::vector{range("192.0.2.0/24"), range("2001:db8::/64"),
                                        range("198.51.100.1-198.51.100.9")}));
  EXPECT_EQ(eip.exclude, (std::vector{range("192.0.2.1"), range("192.0.2.8-192.0.2.11")}));
  EXPECT_EQ(eip.protocol, Protocol::Layer2);
  EXPECT_EQ(eip.interface, "can_reach:192.0.2.254");
  EXPECT_TRUE(eip.disable);
  EXPECT_FALSE(eip.using_known_ips);
  EXPECT_EQ(eip.priority, -7);
  EXPECT_EQ(eip.namespaces, (std::vector<std::string>{"shop", "infra"}));
  EXPECT_EQ(to_string(eip.namespace_selector.value()), "team=red");
  EXPECT_EQ(to_string(eip.service_selector.value()), "app notin (old)");
  EXPECT_FALSE(eip.auto_assign);
  EXPECT_EQ(eip.reclaim, Eip::Reclaim::Retain);
  EXPECT_EQ(eip.hold_seconds, 3600);
  EXPECT_TRUE(eip.has_selectors());
  EXPECT_TRUE(eip.contains(Address::parse("192.0.2.1").value()));  // exclude does not count
}

TEST(EipDecode, NamespaceSelectorIsAMapOrALabelSelector) {
  const auto selector = [](std::string_view written) {
    std::string spec{"{address: 1.2.3.4, namespaceSelector: "};
    return eip_of(spec.append(written).append("}")).namespace_selector;
  };
  EXPECT_EQ(to_string(selector("{a: b, c: d}").value()), "a=b,c=d");
  EXPECT_EQ(to_string(selector("{matchLabels: {a: b}}").value()), "a=b");
  EXPECT_EQ(to_string(selector("{matchExpressions: [{key: a, operator: Exists}]}").value()), "a");
  EXPECT_TRUE(selector("{}").value().is_empty());
  EXPECT_FALSE(selector("null").has_value());
}

TEST(EipDecode, AnnotationsCountInBothSpellingsWhateverTheCase) {
  const auto with = [](std::string_view annotation) {
    std::string metadata{"{name: lan, annotations: {"};
    return eip_of("{address: 1.2.3.4}", "v1alpha2", metadata.append(annotation).append("}}"));
  };
  EXPECT_TRUE(with(R"(eip.openelb.kubesphere.io/is-default-eip: "True")").is_default);
  EXPECT_TRUE(with(R"(eip.porter.kubesphere.io/is-default-eip: "true")").is_default);
  EXPECT_FALSE(with(R"(eip.porter.kubesphere.io/is-default-eip: "yes")").is_default);
  EXPECT_FALSE(
      with(
          R"(eip.openelb.kubesphere.io/is-default-eip: "true", eip.porter.kubesphere.io/is-default-eip: "false")")
          .is_default);
  EXPECT_TRUE(with(R"(network.kubesphere.io/evict: "true")").evict);
  EXPECT_FALSE(with(R"(other: "true")").evict);
}

TEST(EipDecode, SaysWhatIsWrongAndWhatWouldBeRight) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{\naddress: 192.0.2.0/33}",
       "Error Invalid spec.address:4: 192.0.2.0/33: prefix length must be 0 to 32"},
      {"{address: lan}", "Error Invalid spec.address:3: lan: not an IPv4 or IPv6 address"},
      {"{address: 17}",
       "Error Invalid spec.address:3: 17: must be an address, a CIDR or first-last; put it in "
       "quotes"},
      {"{}", "Error Invalid spec.address:3: is required: an address, a CIDR or first-last"},
      {R"({address: ""})",
       "Error Invalid spec.address:3: is required: an address, a CIDR or first-last"},
      {"{addresses: 192.0.2.1}",
       "Error Invalid spec.addresses:3: the text 192.0.2.1: must be a list"},
      {"{addresses: [192.0.2.1,\n\"\"]}",
       "Error Invalid spec.addresses[1]:4: \"\": must be an address, a CIDR or first-last, not "
       "empty"},
      {"{addresses: [192.0.2.1, null]}",
       "Error Invalid spec.addresses[1]:3: null: must be an address, a CIDR or first-last"},
      {"{addresses: [192.0.2.0/24, 192.0.2.9]}",
       "Error Invalid spec.addresses:3: 192.0.2.0/24 and 192.0.2.9 overlap"},
      {"{address: 192.0.2.1, addresses: [192.0.2.1]}",
       "Error Invalid spec.addresses:3: 192.0.2.1 and 192.0.2.1 overlap"},
      {"{address: 224.0.0.0/24}",
       "Error Invalid spec.address:3: 224.0.0.0/24: multicast addresses cannot be given to "
       "Services"},
      {"{address: 1.2.3.4, protocol: ospf}",
       "Error Invalid spec.protocol:3: ospf: must be bgp, layer2 or vip"},
      {"{address: 1.2.3.4, interface: lo}",
       "Error Invalid spec.interface:3: lo: nobody can be reached through it"},
      {"{address: 1.2.3.4, interface: can_reach:x}",
       "Error Invalid spec.interface:3: x: not an IPv4 or IPv6 address"},
      {"{address: 1.2.3.4, interface: via:x}",
       "Error Invalid spec.interface:3: via:x: must be an interface name or can_reach:<address>"},
      {"{address: 1.2.3.4, disable: yes}",
       "Error Invalid spec.disable:3: the text yes: must be true or false"},
      {"{address: 1.2.3.4, usingKnownIPs: 1}",
       "Error Invalid spec.usingKnownIPs:3: 1: must be true or false"},
      {"{address: 1.2.3.4, autoAssign: \"true\"}",
       "Error Invalid spec.autoAssign:3: the text true: must be true or false"},
      {"{address: 1.2.3.4, priority: 1.5}",
       "Error Invalid spec.priority:3: 1.5: must be a whole number"},
      {"{address: 1.2.3.4, priority: 9223372036854775808}",
       "Error Invalid spec.priority:3: 9223372036854775808: must be a whole number"},
      {"{address: 1.2.3.4, priority: 017}",
       "Error Invalid spec.priority:3: 017: must be a whole number"},
      {"{address: 1.2.3.4, namespaces: [A]}",
       "Error Invalid spec.namespaces[0]:3: A: not the name of an object: lower-case letters, "
       "digits, '-' and '.', at most 253"},
      {"{address: 1.2.3.4, exclude: [x]}",
       "Error Invalid spec.exclude[0]:3: x: not an IPv4 or IPv6 address"},
      {"{address: 1.2.3.4, namespaceSelector: [a]}",
       "Error Invalid spec.namespaceSelector:3: a list: must be a label selector with matchLabels "
       "or matchExpressions"},
      {"{address: 1.2.3.4, namespaceSelector: {a: 1}}",
       "Error Invalid spec.namespaceSelector.a:3: 1: the value of a label must be a text; put it "
       "in quotes"},
      {"{address: 1.2.3.4, serviceSelector: {matchLabels: {a b: c}}}",
       "Error Invalid spec.serviceSelector.matchLabels.a b:3: \"a b\": not a label key, like app "
       "or example.com/app"},
      {"{address: 1.2.3.4, serviceSelector: {matchLabels: {a: -}}}",
       "Error Invalid spec.serviceSelector.matchLabels.a:3: -: not the value of a label: letters, "
       "digits, '-', '_' and '.', at most 63"},
      {"{address: 1.2.3.4, serviceSelector: {matchExpressions: [{key: a, operator: Is}]}}",
       "Error Invalid spec.serviceSelector.matchExpressions[0].operator:3: the text Is: must be "
       "In, NotIn, Exists or DoesNotExist"},
      {"{address: 1.2.3.4, serviceSelector: {matchExpressions: [{operator: In}]}}",
       "Error Invalid spec.serviceSelector.matchExpressions[0].key:3: a label key is required"},
      {"{address: 1.2.3.4, serviceSelector: {matchExpressions: [{key: a, operator: In}]}}",
       "Error Invalid spec.serviceSelector.matchExpressions[0].values:3: In needs at least one "
       "value"},
      {"{address: 1.2.3.4, serviceSelector: {matchExpressions: [{key: a, operator: Exists, values: "
       "[b]}]}}",
       "Error Invalid spec.serviceSelector.matchExpressions[0].values:3: Exists takes no values"},
      {"{address: 1.2.3.4, serviceSelector: {matchExpressions: {}}}",
       "Error Invalid spec.serviceSelector.matchExpressions:3: a map: must be a list"},
      {"{address: 1.2.3.4, reclaim: Retain}",
       "Error Invalid spec.reclaim:3: the text Retain: must be a map"},
      {"{address: 1.2.3.4, reclaim: {policy: Keep}}",
       "Error Invalid spec.reclaim.policy:3: Keep: must be Delete or Retain"},
      {"{address: 1.2.3.4, reclaim: {holdSeconds: -1}}",
       "Error Invalid spec.reclaim.holdSeconds:3: -1: must be a whole number, 0 or more"},
      {"{address: 1.2.3.4, address: 1.2.3.5}", "Error Invalid spec.address:3: is there twice"},
      {"[]", "Error Invalid spec:3: a list: must be a map"},
      {"null", "Error Invalid spec:1: is required"},
  };
  for (const auto& [spec, expected] : cases) {
    EXPECT_EQ(problems_of(spec), expected) << spec;
    EXPECT_FALSE(decode_eip(spec).object) << spec;
    EXPECT_TRUE(decode_eip(spec).key) << spec;
  }
}

TEST(EipDecode, WarnsAndStillUsesTheObject) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{address: 1.2.3.4, protocol: vip}",
       "Warning ReadAsLayer2 spec.protocol:3: vip: read as layer2; write layer2"},
      {"{address: 1.2.3.4,\nadress: x}",
       "Warning UnknownField spec.adress:4: unknown field, did you mean spec.address?"},
      {"{address: 1.2.3.4, usingknownips: true}",
       "Warning UnknownField spec.usingknownips:3: unknown field, did you mean "
       "spec.usingKnownIPs?"},
      {"{address: 1.2.3.4, color: red}", "Warning UnknownField spec.color:3: unknown field"},
      {"{address: 1.2.3.4, reclaim: {polici: x}}",
       "Warning UnknownField spec.reclaim.polici:3: unknown field, did you mean "
       "spec.reclaim.policy?"},
      {"{address: 1.2.3.4, serviceSelector: {matchLabel: {a: b}}}",
       "Warning UnknownField spec.serviceSelector.matchLabel:3: unknown field, did you mean "
       "spec.serviceSelector.matchLabels?"},
      {"{address: 1.2.3.4, serviceSelector: {matchExpressions: [{key: a, operator: Exists, value: "
       "b}]}}",
       "Warning UnknownField spec.serviceSelector.matchExpressions[0].value:3: unknown field, did "
       "you mean spec.serviceSelector.matchExpressions[0].values?"},
      {"{address: 1.2.3.4, exclude: [1.2.3.4, 9.9.9.9]}",
       "Warning NoEffect spec.exclude[1]:3: 9.9.9.9: no address of this pool"},
  };
  for (const auto& [spec, expected] : cases) {
    EXPECT_EQ(problems_of(spec), expected) << spec;
    EXPECT_TRUE(decode_eip(spec).object) << spec;
  }
  EXPECT_EQ(
      problems_of("{address: 1.2.3.4, priority: 3}", "v1alpha1"),
      "Warning UnknownField spec.priority:3: unknown field in v1alpha1; it is one of v1alpha2");
}

TEST(EipDecode, TakesTheWholeSpaceAndWhatKubernetesLeavesBehind) {
  EXPECT_EQ(eip_of("{address: ::/0}").addresses.at(0).span(), ~Uint128{0});
  EXPECT_EQ(eip_of("{address: 0.0.0.0/0}").addresses.at(0).span(), Uint128{0xffff'ffffU});
  const Eip eip =
      eip_of(R"({address: 1.2.3.4, protocol: "", interface: "", priority: null, namespaces: []})");
  EXPECT_EQ(eip.protocol, Protocol::Bgp);
  EXPECT_EQ(eip.interface, "");
}

TEST(EipDecode, StatusIsKnownAndNotLookedInto) {
  const Decoded decoded =
      decode(flow(R"({apiVersion: network.kubesphere.io/v1alpha2, kind: Eip, metadata: {name: a},
    spec: {address: 1.2.3.4}, status: {occupied: 17, used: [], nonsense: true}})"));
  EXPECT_EQ(text_of(decoded.problems), "");
}

TEST(EipAddressName, IsTheAddressWrittenOut) {
  EXPECT_EQ(eip_address_name(Address::parse("192.0.2.17").value()), "192.0.2.17");
  EXPECT_EQ(eip_address_name(Address::parse("2001:db8::17").value()),
            "2001-0db8-0000-0000-0000-0000-0000-0017");
  EXPECT_EQ(address_of_name("2001-0db8-0000-0000-0000-0000-0000-0017").value(),
            Address::parse("2001:db8::17").value());
  for (const std::string_view name :
       {"2001-db8--17", "2001:0db8:0000:0000:0000:0000:0000:0017", "lan", "", "192.0.2.017",
        "2001-0DB8-0000-0000-0000-0000-0000-0017"}) {
    EXPECT_FALSE(address_of_name(name)) << name;
  }
}

TEST(EipAddressDecode, ReadsWhatIsWrittenByHand) {
  const Decoded decoded =
      decode(flow(R"({apiVersion: network.kubesphere.io/v1alpha2, kind: EipAddress,
    metadata: {name: 192.0.2.9}})"));
  EXPECT_EQ(text_of(decoded.problems), "");
  EXPECT_EQ(std::get<EipAddress>(decoded.object.value()).address,
            Address::parse("192.0.2.9").value());
}

TEST(EipAddressDecode, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"metadata: {name: lan}",
       "Error Invalid metadata.name:1: lan: not the name of an EipAddress, which is the address "
       "like 192.0.2.17 or 2001-0db8-0000-0000-0000-0000-0000-0017"},
      {"metadata: {name: 192.0.2.9},\nspec: {address: 192.0.2.8}",
       "Error Invalid spec.address:2: 192.0.2.8: the name 192.0.2.9 says 192.0.2.9"},
      {"metadata: {name: 192.0.2.9},\nspec: {services: [{name: web}]}",
       "Error Invalid spec.services[0].namespace:2: is required"},
      {"metadata: {name: 192.0.2.9},\nspec: {services: [web]}",
       "Error Invalid spec.services[0]:2: the text web: must be a map"},
      {"metadata: {name: 192.0.2.9},\nspec: {retainUntil: tomorrow}",
       "Error Invalid spec.retainUntil:2: tomorrow: must be a time like 2024-05-01T10:00:00Z"},
      {"metadata: {name: 192.0.2.9},\nspec: {eip: A_B}",
       "Error Invalid spec.eip:2: A_B: not the name of an object: lower-case letters, digits, '-' "
       "and '.', at most 253"},
  };
  for (const auto& [body, expected] : cases) {
    const Decoded decoded = decode(
        flow("{apiVersion: network.kubesphere.io/v1alpha2, kind: EipAddress, " + body + "}"));
    EXPECT_EQ(text_of(decoded.problems), expected);
    EXPECT_FALSE(decoded.object);
  }
}

TEST(EipAddressEncode, LooksAsPeopleWouldWriteIt) {
  EipAddress address;
  address.address = Address::parse("2001:db8::17").value();
  address.eip = "lan";
  address.share_key = "k";
  address.services = {Holder{.service = {.ns = "shop", .name = "web"}, .uid = "shop/web"}};
  address.retain_until = 1'714'557'600;
  EXPECT_EQ(to_yaml(to_tree(address)), R"(apiVersion: network.kubesphere.io/v1alpha2
kind: EipAddress
metadata:
  name: "2001-0db8-0000-0000-0000-0000-0000-0017"
spec:
  address: "2001:db8::17"
  eip: lan
  shareKey: k
  services:
  - namespace: shop
    name: web
    uid: shop/web
  retainUntil: "2024-05-01T10:00:00Z"
)");
}

std::string arbitrary_name() {
  return "a" + *rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
}

RC_GTEST_PROP(EipAddressEncode, IsUndoneByDecode, ()) {
  EipAddress address;
  address.address = Address::v4(*rc::gen::arbitrary<std::uint32_t>());
  address.meta.name.name = eip_address_name(address.address);
  address.meta.uid = address.meta.name.name;
  address.meta.written_as = ApiVersion::V1alpha2;
  address.eip = arbitrary_name().substr(0, 60);
  address.share_key = *rc::gen::arbitrary<std::string>();
  const auto count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) {
    address.services.push_back(Holder{
        .service = {.ns = arbitrary_name().substr(0, 60), .name = arbitrary_name().substr(0, 60)},
        .uid = *rc::gen::arbitrary<std::string>()});
  }
  address.retain_until = *rc::gen::inRange<std::int64_t>(0, 4'000'000'000);
  const Decoded decoded = decode(to_tree(address));
  RC_ASSERT(text_of(decoded.problems) == "");
  RC_ASSERT(std::get<EipAddress>(*decoded.object) == address);
}

}  // namespace
}  // namespace porter::model
