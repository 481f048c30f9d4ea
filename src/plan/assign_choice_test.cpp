// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "plan/assign_world.hpp"

// Which address a Service gets, and why none (api.md 2, 3, 4).
namespace porter::plan {
namespace {

using namespace world;

model::Selector matching(std::string key, std::string value) {
  model::Selector selector;
  selector.requirements.push_back({.key = std::move(key),
                                   .op = model::Requirement::Operator::In,
                                   .values = {std::move(value)}});
  return selector;
}

TEST(Choice, GivesTheLowestFreeAddressOfThePool) {
  World world;
  world.put(eip("lan", {"192.0.2.8/30"}));
  world.put(service("shop/web"));
  world.put(service("shop/api"));
  world.run();
  EXPECT_EQ(world.told("shop/api"), "192.0.2.8");
  EXPECT_EQ(world.told("shop/web"), "192.0.2.9");
  EXPECT_EQ(world.message("shop/web"), "192.0.2.9 from Eip lan");
  EXPECT_EQ(world.fix_of("shop/web"), "");
  EXPECT_EQ(world.stored.at(address("192.0.2.8")).services.front().service, name_of("shop/api"));
}

TEST(Choice, TheOlderServiceComesFirst) {
  World world;
  world.put(eip("lan", {"192.0.2.8/31"}));
  auto young = service("shop/a");
  young.meta.created = 20;
  auto old = service("shop/b");
  old.meta.created = 10;
  world.put(young);
  world.put(old);
  world.put(service("shop/0"));  // does not tell: younger than all who do
  world.run();
  EXPECT_EQ(world.told("shop/b"), "192.0.2.8");
  EXPECT_EQ(world.told("shop/a"), "192.0.2.9");
  EXPECT_EQ(world.told("shop/0"), "PoolExhausted");
}

TEST(Choice, SaysWhoIsNotOurs) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  auto cluster = service("shop/cluster");
  cluster.is_load_balancer = false;
  auto other = service("shop/other");
  other.load_balancer_class = "example.com/lb";
  other.meta.annotations["lb.kubesphere.io/v1alpha1"] = "porter";  // another class beats it
  auto unclaimed = service("shop/unclaimed");
  unclaimed.load_balancer_class.reset();
  auto annotated = unclaimed;
  annotated.meta.name.name = "annotated";
  annotated.meta.annotations["lb.kubesphere.io/v1alpha1"] = "openelb";
  auto mistyped = unclaimed;
  mistyped.meta.name.name = "mistyped";
  mistyped.meta.annotations["lb.kubesphere.io/v1alpha1"] = "metallb";
  for (const auto& each : {cluster, other, unclaimed, annotated, mistyped})
    world.put(each);
  world.run();
  EXPECT_EQ(world.told("shop/cluster"), "NotLoadBalancer");
  EXPECT_EQ(world.told("shop/other"), "OtherClass");
  EXPECT_EQ(world.message("shop/other"),
            "spec.loadBalancerClass is example.com/lb, Porter's is network.kubesphere.io/porter");
  EXPECT_EQ(world.told("shop/unclaimed"), "NotClaimed");
  EXPECT_EQ(world.told("shop/mistyped"), "NotClaimed");
  EXPECT_EQ(world.told("shop/annotated"), "192.0.2.0");
  EXPECT_FALSE(world.assigner().of(name_of("shop/other"))->ours);
  EXPECT_TRUE(world.assigner().of(name_of("shop/annotated"))->ours);
}

TEST(Choice, AdoptsUnclassedServicesWhenTold) {
  World world;
  world.view.identity.claim_unclassed = true;
  world.put(eip("lan", {"192.0.2.0/24"}));
  auto plain = service("shop/plain");
  plain.load_balancer_class.reset();
  auto foreign = plain;
  foreign.meta.name.name = "foreign";
  foreign.ingress.push_back({.ip = "203.0.113.9", .hostname = {}});
  auto named = foreign;
  named.meta.name.name = "named";
  named.meta.annotations["lb.kubesphere.io/v1alpha1"] = "porter";
  auto hosted = plain;
  hosted.meta.name.name = "hosted";
  hosted.ingress.push_back({.ip = {}, .hostname = "lb.example.com"});
  for (const auto& each : {plain, foreign, named, hosted})
    world.put(each);
  world.run();
  EXPECT_EQ(world.told("shop/foreign"), "ForeignStatus");
  EXPECT_EQ(world.message("shop/foreign"), "its status shows 203.0.113.9, which is not Porter's");
  EXPECT_EQ(world.told("shop/hosted"), "ForeignStatus");
  EXPECT_EQ(world.told("shop/named"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/plain"), "192.0.2.1");
  world.put(eip("old", {"203.0.113.0/24"}));  // now it is known as ours
  world.run();
  EXPECT_EQ(world.told("shop/foreign"), "203.0.113.9");
}

TEST(Choice, GivesTheAddressAskedFor) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  world.put(eip("hand", {"198.51.100.0/24"}));
  auto web = service("shop/web");
  ask_address(web, "192.0.2.77");
  auto api = service("shop/api");
  api.load_balancer_ip = "198.51.100.7";
  world.put(web);
  world.put(api);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.77");
  EXPECT_EQ(world.assigner().of(name_of("shop/web"))->wants,
            "192.0.2.77 (annotation eip.porter.kubesphere.io/v1alpha1)");
  EXPECT_EQ(world.told("shop/api"), "198.51.100.7");
  EXPECT_EQ(world.assigner().of(name_of("shop/api"))->wants, "198.51.100.7 (spec.loadBalancerIP)");
}

TEST(Choice, SaysWhyAnAddressCannotBeHad) {
  World world;
  auto lan = eip("lan", {"192.0.2.0/24"});
  lan.exclude.push_back(*Range::parse("192.0.2.5"));
  lan.using_known_ips = false;
  world.put(lan);
  world.reserve("192.0.2.9");
  auto holder = service("shop/holder");
  ask_pool(holder, "lan");
  world.put(holder);
  const std::pair<const char*, const char*> wanted[] = {
      {"shop/a", "203.0.113.1"}, {"shop/b", "192.0.2.5"},   {"shop/c", "192.0.2.255"},
      {"shop/d", "192.0.2.9"},   {"shop/e", "2001:db8::1"}, {"shop/f", "192.0.2.300"}};
  for (const auto& [name, text] : wanted) {
    auto each = service(name);
    ask_address(each, text);
    world.put(each);
  }
  world.run();
  EXPECT_EQ(world.told("shop/a"), "AddressNotInPool");
  EXPECT_EQ(world.message("shop/a"), "203.0.113.1 is in no Eip");
  EXPECT_EQ(world.told("shop/b"), "AddressNotInPool");
  EXPECT_EQ(world.message("shop/b"), "Eip lan excludes 192.0.2.5");
  EXPECT_EQ(world.told("shop/c"), "AddressNotInPool");
  EXPECT_EQ(world.message("shop/c"),
            "Eip lan skips 192.0.2.255, as all that ends in .0 or .255 (usingKnownIPs: false)");
  EXPECT_EQ(world.told("shop/d"), "AddressReserved");
  EXPECT_EQ(world.message("shop/d"), "192.0.2.9 is reserved by EipAddress 192.0.2.9");
  EXPECT_EQ(world.told("shop/e"), "FamilyUnavailable");
  EXPECT_EQ(world.told("shop/f"), "InvalidRequest");
  EXPECT_EQ(world.told("shop/holder"), "192.0.2.1");

  auto late = service("shop/late");
  ask_address(late, "192.0.2.1");
  world.put(late);
  world.run();
  EXPECT_EQ(world.told("shop/late"), "AddressInUse");
  EXPECT_EQ(world.message("shop/late"), "192.0.2.1 is held by shop/holder");
}

TEST(Choice, RefusesAnnotationAndFieldThatDisagree) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  auto web = service("shop/web");
  ask_address(web, "192.0.2.1");
  web.load_balancer_ip = "192.0.2.2";
  world.put(web);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "ConflictingRequest");
}

TEST(Choice, UsesTheNamedPool) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  auto edge = eip("edge", {"198.51.100.8/30"});
  edge.auto_assign = false;
  world.put(edge);
  auto web = service("shop/web");
  ask_pool(web, "edge");
  world.put(web);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "198.51.100.8");
  EXPECT_EQ(world.assigner().of(name_of("shop/web"))->wants,
            "any IPv4 address of pool \"edge\" (annotation eip.porter.kubesphere.io/v1alpha2)");
}

TEST(Choice, SaysWhyANamedPoolCannotServe) {
  World world;
  auto off = eip("off", {"192.0.2.0/29"});
  off.disable = true;
  auto leaving = eip("leaving", {"192.0.2.8/29"});
  leaving.meta.deleting = true;
  auto infra = eip("infra", {"192.0.2.16/29"});
  infra.namespaces = {"infra"};
  auto gold = eip("gold", {"192.0.2.24/29"});
  gold.service_selector = matching("tier", "gold");
  auto l2 = eip("l2", {"192.0.2.32/29"});
  l2.protocol = model::Protocol::Layer2;
  auto full = eip("full", {"192.0.2.40/32"});
  auto empty = eip("empty", {"192.0.2.48/30"});
  empty.exclude.push_back(*Range::parse("192.0.2.0/24"));
  for (const auto& each :
       {off, leaving, infra, gold, l2, full, empty, eip("six", {"2001:db8::/64"})})
    world.put(each);
  auto first = service("shop/first");
  first.meta.created = 1;
  ask_pool(first, "full");
  world.put(first);
  for (const char* const pool :
       {"off", "leaving", "infra", "gold", "full", "empty", "six", "none"}) {
    auto each = service(std::string{"shop/"} + pool);
    ask_pool(each, pool);
    world.put(each);
  }
  auto bgp = service("shop/bgp");
  ask_pool(bgp, "l2");
  ask_protocol(bgp, "bgp");
  world.put(bgp);
  world.run();
  EXPECT_EQ(world.told("shop/off"), "PoolDisabled");
  EXPECT_EQ(world.message("shop/off"), "Eip off is disabled");
  EXPECT_EQ(world.told("shop/leaving"), "PoolDisabled");
  EXPECT_EQ(world.message("shop/leaving"), "Eip leaving is being deleted and gives nothing new");
  EXPECT_EQ(world.told("shop/infra"), "PoolNotForNamespace");
  EXPECT_EQ(world.message("shop/infra"), "Eip infra is not for namespace shop");
  EXPECT_EQ(world.told("shop/gold"), "PoolNotForService");
  EXPECT_EQ(world.message("shop/gold"),
            "Eip gold does not select the Service (serviceSelector tier=gold)");
  EXPECT_EQ(world.told("shop/full"), "PoolExhausted");
  EXPECT_EQ(world.message("shop/full"),
            "the only address of Eip full (192.0.2.40) is in use: shop/first");
  EXPECT_EQ(world.told("shop/empty"), "PoolExhausted");
  EXPECT_EQ(world.message("shop/empty"), "Eip empty (192.0.2.48/30) excludes all of its addresses");
  EXPECT_EQ(world.told("shop/six"), "FamilyUnavailable");
  EXPECT_EQ(world.message("shop/six"), "Eip six has no IPv4 addresses");
  EXPECT_EQ(world.told("shop/none"), "PoolNotFound");
  EXPECT_EQ(world.message("shop/none"), "there is no Eip none");
  EXPECT_EQ(world.told("shop/bgp"), "ProtocolMismatch");
  EXPECT_EQ(world.message("shop/bgp"), "Eip l2 is of protocol layer2");
}

TEST(Choice, NeverBypassesSelectorsNotEvenForAnAddress) {
  World world;
  auto infra = eip("infra", {"192.0.2.0/29"});
  infra.namespaces = {"infra"};
  infra.is_default = true;
  world.put(infra);
  auto web = service("shop/web");
  ask_address(web, "192.0.2.3");
  world.put(web);
  world.put(service("shop/any"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "PoolNotForNamespace");
  EXPECT_EQ(world.told("shop/any"), "NoPool");
}

TEST(Choice, TriesSelectingPoolsThenTheDefaultOne) {
  World world;
  world.put(eip("aaa", {"192.0.2.0/32"}));  // not default, and another is
  auto standard = eip("std", {"192.0.2.1/32"});
  standard.is_default = true;
  world.put(standard);
  auto shop = eip("shop", {"192.0.2.2/32"});
  shop.namespace_selector = matching("team", "shop");
  world.put(shop);
  world.label("shop", {{"team", "shop"}});
  for (const char* const name : {"shop/1", "shop/2", "shop/3"})
    world.put(service(name));
  world.run();
  EXPECT_EQ(world.told("shop/1"), "192.0.2.2");
  EXPECT_EQ(world.told("shop/2"), "192.0.2.1");
  EXPECT_EQ(world.told("shop/3"), "PoolExhausted");
  EXPECT_EQ(world.message("shop/3"),
            "the only address of Eip shop (192.0.2.2) is in use: shop/1; "
            "the only address of Eip std (192.0.2.1) is in use: shop/2");
}

TEST(Choice, WithoutADefaultUsesPoolsWithoutSelectors) {
  World world;
  auto high = eip("aaa", {"192.0.2.0/32"});
  high.priority = 5;
  world.put(high);
  world.put(eip("zzz", {"192.0.2.1/32"}));
  auto by_hand = eip("hand", {"192.0.2.2/32"});
  by_hand.auto_assign = false;
  world.put(by_hand);
  for (const char* const name : {"shop/1", "shop/2", "shop/3"})
    world.put(service(name));
  world.run();
  EXPECT_EQ(world.told("shop/1"), "192.0.2.1");  // ascending priority
  EXPECT_EQ(world.told("shop/2"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/3"), "PoolExhausted");
}

TEST(Choice, SelectsByNamespaceNameWithoutANamespaceObject) {
  World world;
  auto shop = eip("shop", {"192.0.2.2/31"});
  shop.namespace_selector = matching("kubernetes.io/metadata.name", "shop");
  world.put(shop);
  world.put(service("shop/web"));
  world.put(service("infra/dns"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "192.0.2.2");
  EXPECT_EQ(world.told("infra/dns"), "NoPool");
  EXPECT_EQ(world.message("infra/dns"), "Eip shop is not for namespace infra");
}

TEST(Choice, SaysWhyNoPoolServesUnasked) {
  World world;
  world.put(service("shop/web"));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "NoPool");
  EXPECT_EQ(world.message("shop/web"), "there is no Eip");

  auto off = eip("off", {"192.0.2.0/29"});
  off.disable = true;
  world.put(off);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "PoolDisabled");

  world.drop_eip("off");
  world.put(eip("six", {"2001:db8::/64"}));
  world.run();
  EXPECT_EQ(world.told("shop/web"), "FamilyUnavailable");

  world.drop_eip("six");
  auto hand = eip("hand", {"192.0.2.0/29"});
  hand.auto_assign = false;
  world.put(hand);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "NoPool");
  EXPECT_EQ(world.message("shop/web"), "Eip hand has to be named (autoAssign: false)");
}

TEST(Choice, Layer2PoolsServeThoseThatAskForThem) {
  World world;
  auto l2 = eip("l2", {"192.0.2.0/29"});
  l2.protocol = model::Protocol::Layer2;
  world.put(l2);
  auto by_name = service("shop/name");
  ask_pool(by_name, "l2");
  auto by_protocol = service("shop/protocol");
  ask_protocol(by_protocol, "layer2");
  auto by_address = service("shop/address");
  ask_address(by_address, "192.0.2.5");
  auto bgp = service("shop/bgp");
  ask_protocol(bgp, "bgp");
  for (const auto& each : {by_name, by_protocol, by_address, bgp, service("shop/any")})
    world.put(each);
  world.run();
  EXPECT_EQ(world.told("shop/name"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/protocol"), "192.0.2.1");
  EXPECT_EQ(world.told("shop/address"), "192.0.2.5");
  EXPECT_EQ(world.told("shop/bgp"), "ProtocolMismatch");
  EXPECT_EQ(world.told("shop/any"), "ProtocolUnavailable");
}

TEST(Choice, TellsWhoUsesAFullPoolAndWhatWouldHelp) {
  World world;
  auto lan = eip("lan", {"192.0.2.0/29"});
  lan.is_default = true;
  world.put(lan);
  world.put(eip("edge", {"198.51.100.8/30"}));
  std::int64_t age = 1;
  for (const char* const name : {"shop/web", "shop/api", "infra/dns", "infra/mail", "shop/cart"}) {
    auto each = service(name);
    each.meta.created = age++;
    ask_pool(each, "edge");
    world.put(each);
  }
  world.run();
  EXPECT_EQ(world.told("shop/cart"), "PoolExhausted");
  EXPECT_EQ(world.message("shop/cart"),
            "all 4 addresses of Eip edge (198.51.100.8/30) are in use: "
            "shop/web, shop/api, infra/dns, infra/mail");
  EXPECT_EQ(world.fix_of("shop/cart"),
            "add a pool or widen one (kubectl edit eip edge), free one of the four, or drop the "
            "annotation to use the default pool \"lan\" (8 free)");
}

TEST(Choice, CutsTheListOfUsersShort) {
  World world;
  world.put(eip("lan", {"192.0.2.0/28"}));
  for (int i = 10; i < 27; ++i)
    world.put(service("shop/s" + std::to_string(i)));
  world.run();
  EXPECT_EQ(world.message("shop/s26"),
            "all 16 addresses of Eip lan (192.0.2.0/28) are in use: shop/s10, shop/s11, shop/s12, "
            "shop/s13, shop/s14 and 11 more");
  EXPECT_EQ(world.fix_of("shop/s26"),
            "add a pool or widen one (kubectl edit eip lan), free one of the 16");
}

// Families.

TEST(Families, SingleStackTakesTheFirst) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24", "2001:db8::/64"}));
  auto six = service("shop/six");
  six.families = {Family::V6, Family::V4};
  world.put(six);
  world.run();
  EXPECT_EQ(world.told("shop/six"), "2001:db8::");
}

TEST(Families, PreferDualStackTakesWhatThereIs) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  auto both = service("shop/both");
  both.families = {Family::V4, Family::V6};
  both.family_policy = model::IpFamilyPolicy::PreferDualStack;
  world.put(both);
  world.run();
  EXPECT_EQ(world.told("shop/both"), "192.0.2.0");
  world.put(eip("lan6", {"2001:db8::/64"}));
  world.run();
  EXPECT_EQ(world.told("shop/both"), "192.0.2.0 2001:db8::");
  EXPECT_EQ(world.message("shop/both"), "192.0.2.0 from Eip lan; 2001:db8:: from Eip lan6");
}

TEST(Families, RequireDualStackIsAllOrNothing) {
  World world;
  world.put(eip("lan", {"192.0.2.0/32"}));
  world.put(eip("lan6", {"2001:db8::/128"}));
  auto holder = service("shop/holder");
  holder.families = {Family::V6};
  holder.meta.created = 1;
  auto both = service("shop/both");
  both.families = {Family::V4, Family::V6};
  both.family_policy = model::IpFamilyPolicy::RequireDualStack;
  both.meta.created = 2;
  world.put(holder);
  world.put(both);
  world.put(service("shop/four"));
  world.run();
  EXPECT_EQ(world.told("shop/both"), "PoolExhausted");
  EXPECT_EQ(world.told("shop/four"), "192.0.2.0");
  world.drop_service("shop/four");
  world.run();
  EXPECT_EQ(world.told("shop/both"), "PoolExhausted");
  EXPECT_EQ(world.message("shop/both"),
            "the only address of Eip lan6 (2001:db8::) is in use: shop/holder");
  world.drop_service("shop/holder");
  world.run();
  EXPECT_EQ(world.told("shop/both"), "192.0.2.0 2001:db8::");
}

TEST(Families, AManifestThatTellsNoneTakesIpv4First) {
  World world;
  world.put(eip("lan", {"192.0.2.0/32"}));
  world.put(eip("lan6", {"2001:db8::/64"}));
  auto any = service("shop/any");
  any.families = {};
  any.meta.created = 1;
  auto second = any;
  second.meta.name.name = "second";
  second.meta.created = 2;
  auto six = any;
  six.meta.name.name = "six";
  ask_pool(six, "lan6");
  auto asks = any;
  asks.meta.name.name = "asks";
  ask_address(asks, "2001:db8::77");
  auto two = any;
  two.meta.name.name = "two";
  two.family_policy = model::IpFamilyPolicy::PreferDualStack;
  for (const auto& each : {any, second, six, asks, two})
    world.put(each);
  world.run();
  EXPECT_EQ(world.told("shop/any"), "192.0.2.0");
  EXPECT_EQ(world.told("shop/second"), "2001:db8::2");
  EXPECT_EQ(world.told("shop/six"), "2001:db8::");
  EXPECT_EQ(world.told("shop/asks"), "2001:db8::77");
  EXPECT_EQ(world.told("shop/two"), "2001:db8::1");
}

TEST(Families, TakeAnAddressAndAPoolEach) {
  World world;
  world.put(eip("lan", {"192.0.2.0/24"}));
  world.put(eip("edge", {"198.51.100.0/24"}));
  world.put(eip("edge6", {"2001:db8::/64"}));
  auto web = service("shop/web");
  web.families = {Family::V4, Family::V6};
  web.family_policy = model::IpFamilyPolicy::RequireDualStack;
  ask_pool(web, "edge6,edge");
  ask_address(web, "198.51.100.9");
  world.put(web);
  world.run();
  EXPECT_EQ(world.told("shop/web"), "198.51.100.9 2001:db8::");
}

}  // namespace
}  // namespace porter::plan
