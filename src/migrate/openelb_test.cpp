// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>

#include "migrate/migrate.hpp"
#include "model/test_tree.hpp"

namespace porter::migrate {
namespace {

using model::flow;

Source source(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  return {.document = flow(text), .file = "openelb.yaml", .line = 1};
}

const std::string kEip =
    "{apiVersion: network.kubesphere.io/v1alpha2, kind: Eip, metadata: {name: lan, uid: x, "
    "resourceVersion: '7', finalizers: [finalizer.lb.kubesphere.io/v1alpha1], annotations: "
    "{eip.openelb.kubesphere.io/is-default-eip: 'true', "
    "kubectl.kubernetes.io/last-applied-configuration: '{}'}}, spec: {address: 192.0.2.0/24}, "
    "status: {used: {192.0.2.1: 'shop/web;shop/dns', 192.0.2.2: shop/gone}}}";

std::string service(std::string_view name, std::string_view uid) {
  return std::string{"{apiVersion: v1, kind: Service, metadata: {name: "} + std::string{name} +
         ", namespace: shop, uid: " + std::string{uid} + "}, spec: {type: LoadBalancer}}";
}

TEST(FromOpenElb, AnObjectStaysAsItIsWithoutWhatTheServerAdded) {
  const Migration migration = from_openelb({source(kEip)});
  ASSERT_EQ(migration.objects.size(), 1U);
  EXPECT_EQ(
      to_json(migration.objects[0], 0),
      R"({"apiVersion":"network.kubesphere.io/v1alpha2","kind":"Eip","metadata":{"name":"lan",)"
      R"("annotations":{"eip.openelb.kubesphere.io/is-default-eip":"true"}},)"
      R"("spec":{"address":"192.0.2.0/24"}})");
}

TEST(FromOpenElb, UsedAddressesArePinnedToTheServicesThatAreThere) {
  const Migration migration =
      from_openelb({source(kEip), source(service("web", "u1")), source(service("dns", "u2"))});
  ASSERT_EQ(migration.objects.size(), 2U);
  EXPECT_EQ(to_json(migration.objects[1]["spec"], 0),
            R"({"address":"192.0.2.1","eip":"lan","services":[)"
            R"({"namespace":"shop","name":"web","uid":"u1"},)"
            R"({"namespace":"shop","name":"dns","uid":"u2"}]})");
  ASSERT_EQ(migration.notes.size(), 1U);
  EXPECT_EQ(migration.notes[0].words,
            "192.0.2.2 is held by Service shop/gone, which is not among the documents: the "
            "controller takes it over from status.used at its first start");
}

TEST(FromOpenElb, ObjectsOfPorterZeroThreeAreConverted) {
  const Migration migration = from_openelb(
      {source("{apiVersion: network.kubesphere.io/v1alpha1, kind: BgpPeer, metadata: {name: tor}, "
              "spec: {config: {peerAs: 65001, neighborAddress: 192.0.2.1}}}")});
  ASSERT_EQ(migration.objects.size(), 1U);
  EXPECT_EQ(migration.objects[0]["apiVersion"].text(), "network.kubesphere.io/v1alpha2");
  EXPECT_EQ(migration.objects[0].at_path("spec.conf.peerAs").text(), "65001");
}

TEST(FromOpenElb, APolicyIsNamedWithWhatToDo) {
  const Migration migration = from_openelb(
      {source("{apiVersion: network.kubesphere.io/v1alpha2, kind: BgpConf, metadata: {name: "
              "default}, spec: {as: 65000, policy: bgp-policy}}"),
       source("{apiVersion: v1, kind: ConfigMap, metadata: {name: bgp-policy}, data: "
              "{gobgp.conf: 'x'}}")});
  ASSERT_EQ(migration.notes.size(), 2U);
  EXPECT_EQ(migration.notes[0].object, "BgpConf default");
  EXPECT_EQ(migration.notes[1].object, "ConfigMap bgp-policy");
}

}  // namespace
}  // namespace porter::migrate
