// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migrate/migrate.hpp"
#include "model/decode.hpp"
#include "model/test_tree.hpp"

namespace porter::migrate {
namespace {

using model::flow;

Source source(std::string text, unsigned line = 1) {
  std::replace(text.begin(), text.end(), '\'', '"');
  return {.document = flow(text), .file = "metallb.yaml", .line = line};
}

std::vector<Source> sources(const std::vector<std::string_view>& texts) {
  std::vector<Source> out;
  for (std::size_t i = 0; i < texts.size(); ++i)
    out.push_back(source(std::string{texts[i]}, static_cast<unsigned>(i + 1)));
  return out;
}

constexpr std::string_view kPool =
    "{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: lan, namespace: "
    "metallb-system, labels: {zone: a}}, spec: {addresses: ['198.51.100.0/24', "
    "'2001:db8::1-2001:db8::9'], avoidBuggyIPs: true}}";
constexpr std::string_view kPeer =
    "{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: tor}, spec: {myASN: 65000, "
    "peerASN: 65001, peerAddress: 172.30.0.1, holdTime: 1m30s, keepaliveTime: 30s}}";
constexpr std::string_view kAdvertisement =
    "{apiVersion: metallb.io/v1beta1, kind: BGPAdvertisement, metadata: {name: all}, spec: "
    "{aggregationLength: 32, localPref: 200, communities: [vpn, '65000:7', 'large:65000:1:2']}}";
constexpr std::string_view kCommunity =
    "{apiVersion: metallb.io/v1beta1, kind: Community, metadata: {name: names}, spec: "
    "{communities: [{name: vpn, value: '65000:9'}]}}";

std::string spec_of(const Migration& migration, std::string_view kind, std::string_view name) {
  for (const Tree& object : migration.objects)
    if (object["kind"].text() == kind && object.at_path("metadata.name").text() == name)
      return to_json(object["spec"], 0);
  return "absent";
}

std::string words_of(const Migration& migration) {
  std::string out;
  for (const Note& note : migration.notes)
    out += fmt::format("{} {}: {}\n", note.place, note.object, note.words);
  return out;
}

TEST(FromMetalLb, APoolBecomesAnEip) {
  const Migration migration = from_metallb(sources({kPool, kAdvertisement}));
  EXPECT_EQ(spec_of(migration, "Eip", "lan"),
            R"({"addresses":["198.51.100.0/24","2001:db8::1-2001:db8::9"],"protocol":"bgp",)"
            R"("usingKnownIPs":false})");
}

TEST(FromMetalLb, APeerKeepsItsTimersInSeconds) {
  const Migration migration = from_metallb(sources({kPeer}));
  EXPECT_EQ(spec_of(migration, "BgpPeer", "tor"),
            R"({"conf":{"neighborAddress":"172.30.0.1","peerAs":65001},)"
            R"("timers":{"config":{"holdTime":90,"keepaliveInterval":30}}})");
  EXPECT_EQ(spec_of(migration, "BgpConf", "default"),
            R"({"as":65000,"nextHopMode":"Self","advertise":"Selected"})");
  EXPECT_EQ(words_of(migration), "");
}

TEST(FromMetalLb, NamesOfCommunitiesAreResolved) {
  const Migration migration = from_metallb(sources({kAdvertisement, kCommunity}));
  EXPECT_EQ(spec_of(migration, "BgpAdvertisement", "all"),
            R"({"localPreference":200,"communities":["65000:9","65000:7","65000:1:2"]})");
}

TEST(FromMetalLb, ACommunityNobodyDefinedIsNoted) {
  const Migration migration = from_metallb(sources({kAdvertisement}));
  EXPECT_EQ(words_of(migration),
            "metallb.yaml:1 BGPAdvertisement all: community vpn: no Community object given here "
            "has that name\n");
}

TEST(FromMetalLb, EverythingPrintedIsAcceptedAsItStands) {
  const Migration migration = from_metallb(sources(
      {kPool, kPeer, kAdvertisement, kCommunity,
       "{apiVersion: metallb.io/v1beta1, kind: BFDProfile, metadata: {name: fast}, spec: "
       "{transmitInterval: 100, receiveInterval: 100, detectMultiplier: 5, passiveMode: true}}",
       "{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: far}, spec: {myASN: "
       "65009, peerASN: 65002, peerAddress: 'fd00::1', peerPort: 1179, sourceAddress: 'fd00::2', "
       "ebgpMultiHop: true, bfdProfile: fast, passwordSecret: {name: tor}, nodeSelectors: "
       "[{matchLabels: {rack: a}}, {matchLabels: {rack: b}}]}}",
       "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, uid: u1}, spec: "
       "{type: LoadBalancer}, status: {loadBalancer: {ingress: [{ip: 198.51.100.7}]}}}"}));
  EXPECT_EQ(migration.objects.size(), 7U);
  for (const Tree& object : migration.objects) {
    const model::Decoded decoded = model::decode(object);
    EXPECT_TRUE(decoded.object.has_value()) << to_yaml(object);
    for (const model::Problem& problem : decoded.problems)
      EXPECT_NE(problem.severity, model::Problem::Severity::Error)
          << problem.field << ": " << problem.message;
  }
}

TEST(FromMetalLb, TheAddressAServiceShowsIsPinned) {
  const Migration migration = from_metallb(sources(
      {kPool, kAdvertisement, kCommunity,
       "{kind: List, items: [{apiVersion: v1, kind: Service, metadata: {name: web, namespace: "
       "shop, uid: u1, annotations: {metallb.universe.tf/allow-shared-ip: key}}, spec: {type: "
       "LoadBalancer}, status: {loadBalancer: {ingress: [{ip: '2001:db8::2'}]}}}, {apiVersion: "
       "v1, kind: Service, metadata: {name: dns, namespace: shop, uid: u2}, spec: {type: "
       "LoadBalancer}, status: {loadBalancer: {ingress: [{ip: '2001:db8::2'}]}}}, {apiVersion: "
       "v1, kind: Service, metadata: {name: foreign, namespace: shop, uid: u3}, spec: {type: "
       "LoadBalancer}, status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}}]}"}));
  EXPECT_EQ(spec_of(migration, "EipAddress", "2001-0db8-0000-0000-0000-0000-0000-0002"),
            R"({"address":"2001:db8::2","eip":"lan","shareKey":"key","services":[)"
            R"({"namespace":"shop","name":"web","uid":"u1"},)"
            R"({"namespace":"shop","name":"dns","uid":"u2"}]})");
  EXPECT_EQ(spec_of(migration, "EipAddress", "203.0.113.1"), "absent");
  EXPECT_EQ(migration.plan[3],
            "kubectl annotate service -n shop web network.kubesphere.io/share=key");
}

TEST(FromMetalLb, AServiceWithoutUidIsNotedRatherThanPinned) {
  const Migration migration = from_metallb(
      sources({kPool, kAdvertisement, kCommunity,
               "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: LoadBalancer}, "
               "status: {loadBalancer: {ingress: [{ip: 198.51.100.7}]}}}"}));
  EXPECT_EQ(spec_of(migration, "EipAddress", "198.51.100.7"), "absent");
  EXPECT_EQ(words_of(migration),
            "metallb.yaml:4 Service web: shows 198.51.100.7, and has no uid here, so the address "
            "cannot be pinned: pass what `kubectl get services -A -o yaml` prints\n");
}

TEST(FromMetalLb, APoolOfLayerTwoTakesItsInterface) {
  const Migration migration = from_metallb(
      sources({kPool,
               "{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {name: l2}, "
               "spec: {ipAddressPoolSelectors: [{matchLabels: {zone: a}}], interfaces: [eth1]}}"}));
  EXPECT_EQ(spec_of(migration, "Eip", "lan"),
            R"({"addresses":["198.51.100.0/24","2001:db8::1-2001:db8::9"],"protocol":"layer2",)"
            R"("interface":"eth1","usingKnownIPs":false})");
}

TEST(FromMetalLb, PoolsWithoutPriorityComeLast) {
  const Migration migration = from_metallb(sources(
      {kPool, kAdvertisement, kCommunity,
       "{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: first}, spec: "
       "{addresses: [192.0.2.0/24], serviceAllocation: {priority: 10, namespaces: [shop]}}}"}));
  EXPECT_EQ(
      spec_of(migration, "Eip", "first"),
      R"({"addresses":["192.0.2.0/24"],"protocol":"bgp","priority":10,"namespaces":["shop"]})");
  EXPECT_NE(spec_of(migration, "Eip", "lan").find(R"("priority":11)"), std::string::npos);
}

TEST(FromMetalLb, WhatHasNoEquivalentIsSaid) {
  const Migration migration = from_metallb(sources(
      {kPool,
       "{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: a}, spec: {myASN: 1, "
       "interface: eth0, dynamicASN: external}}",
       "{apiVersion: metallb.io/v1beta2, kind: BGPPeer, metadata: {name: b}, spec: {myASN: 1, "
       "peerASN: 2, peerAddress: 192.0.2.1, vrf: red, password: hunter2, holdTime: soon}}",
       "{apiVersion: metallb.io/v1beta1, kind: ServiceL2Status, metadata: {name: x}}",
       "{apiVersion: v1, kind: ConfigMap, metadata: {name: config}, data: {config: 'peers: "
       "[]'}}"}));
  const std::string words = words_of(migration);
  for (const std::string_view part :
       {"IPAddressPool lan: no advertisement selects it", "BGPPeer a: peers over an interface",
        "BGPPeer b: vrf has no equivalent", "BGPPeer b: its password stands in the object",
        "BGPPeer b: holdTime: soon is no duration", "ServiceL2Status x: this kind has no",
        "ConfigMap config: a configuration of MetalLB before 0.13"})
    EXPECT_NE(words.find(part), std::string::npos) << part << " in\n" << words;
  EXPECT_EQ(words.find("hunter2"), std::string::npos);
}

TEST(FromMetalLb, NothingUnderstoodMakesNoPlan) {
  const Migration migration = from_metallb(sources({"{apiVersion: v1, kind: Pod}", "[1, 2]"}));
  EXPECT_EQ(migration.understood, 0U);
  EXPECT_TRUE(migration.plan.empty());
}

}  // namespace
}  // namespace porter::migrate
