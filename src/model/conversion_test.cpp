// SPDX-License-Identifier: Apache-2.0
#include "model/conversion.hpp"

#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/test_arbitrary.hpp"
#include "model/test_tree.hpp"

namespace porter::model {
namespace {

constexpr std::string_view kOld = "network.kubesphere.io/v1alpha1";
constexpr std::string_view kNew = "network.kubesphere.io/v1alpha2";

Tree document(std::string_view version, std::string_view kind, std::string_view spec,
              std::string_view metadata = "{name: x}") {
  Tree tree = Tree::map();
  tree.set("apiVersion", "network.kubesphere.io/" + std::string{version}).set("kind", kind);
  return tree.set("metadata", flow(metadata)).set("spec", flow(spec));
}

Tree converted(const Tree& document, std::string_view version) {
  Result<Tree> tree = convert(document, version);
  EXPECT_TRUE(tree) << to_yaml(document);
  return tree ? *tree : Tree{};
}

std::string spec_of(const Tree& document) {
  return to_json(document["spec"], 0);
}

Tree edited(const Tree& document, std::string_view field, Tree value) {
  Tree spec = document["spec"];
  spec.set(std::string{field}, std::move(value));
  Tree result = document;
  return result.set("spec", std::move(spec));
}

Tree arbitrary(Kind kind, ApiVersion version) {
  const auto draw = [](std::int64_t end) { return *rc::gen::inRange<std::int64_t>(0, end); };
  return Arbitrary{kind, version, draw}.document();
}

Kind any_kind() {
  return *rc::gen::element(Kind::Eip, Kind::BgpConf, Kind::BgpPeer);
}

TEST(Conversion, SaysAsV1alpha2WhatV1alpha1Means) {
  EXPECT_EQ(spec_of(converted(document("v1alpha1", "Eip", "{address: 10.0.0.0/24}"), kNew)),
            R"({"address":"10.0.0.0/24","usingKnownIPs":false})");
  EXPECT_EQ(
      spec_of(converted(
          document("v1alpha1", "BgpConf", "{as: 1, routerID: 192.0.2.1, port: 17900}"), kNew)),
      R"({"as":1,"routerId":"192.0.2.1","listenPort":17900,"nextHopMode":"Nodes"})");
  EXPECT_EQ(spec_of(converted(document("v1alpha1", "BgpPeer",
                                       "{config: {peerAs: 2, neighborAddress: 192.0.2.9}, "
                                       "usingPortForward: true, transport: {passiveMode: true}}"),
                              kNew)),
            R"({"conf":{"peerAs":2,"neighborAddress":"192.0.2.9"},)"
            R"("afiSafis":[{"addPaths":{"config":{"sendMax":8}}}],)"
            R"("transport":{"passiveMode":true,"portForward":true},)"
            R"("nextHopMode":"Nodes","gracefulRestart":{"enabled":true,"restartTime":60}})");
}

TEST(Conversion, SaysAsV1alpha1WhatItCan) {
  EXPECT_EQ(spec_of(converted(document("v1alpha2", "Eip",
                                       "{addresses: [10.0.0.0/24, 10.0.2.0/24], protocol: vip}"),
                              kOld)),
            R"({"address":"10.0.0.0/24","protocol":"layer2","usingKnownIPs":true})");
  EXPECT_EQ(spec_of(converted(document("v1alpha2", "BgpConf", "{as: 1, listenPort: -1}"), kOld)),
            R"({"as":1,"port":179})");
  EXPECT_EQ(spec_of(converted(
                document("v1alpha2", "BgpPeer", "{conf: {peerAs: 2, neighborAddress: 192.0.2.9}}"),
                kOld)),
            R"({"config":{"peerAs":2,"neighborAddress":"192.0.2.9"},"addPaths":{"sendMax":10}})");
}

TEST(Conversion, KeepsWhatTheOtherVersionCannotSayInAnAnnotation) {
  const Tree eip = document("v1alpha2", "Eip", "{address: 10.0.0.0/24, priority: 5}");
  const Tree old = converted(eip, kOld);
  EXPECT_EQ(old["metadata"]["annotations"]["network.kubesphere.io/v1alpha2-fields"].text(),
            R"({"address":"10.0.0.0/24","priority":5})");
  EXPECT_EQ(converted(old, kNew), eip);
}

TEST(Conversion, TypedFieldsBeatTheAnnotation) {
  const Tree eip = document("v1alpha2", "Eip", "{address: 10.0.0.0/24, priority: 5}");
  const Tree old = edited(converted(eip, kOld), "address", "10.9.0.0/24");
  EXPECT_EQ(spec_of(converted(old, kNew)), R"({"address":"10.9.0.0/24","priority":5})");

  const Tree classic = document("v1alpha1", "Eip", "{address: 10.0.0.0/24, disable: false}");
  const Tree as_new = edited(converted(classic, kNew), "disable", true);
  EXPECT_EQ(spec_of(converted(as_new, kOld)), R"({"address":"10.0.0.0/24","disable":true})");
}

TEST(Conversion, DefaultsThatTheApiServerFilledInAreNoEdit) {
  const Tree peer =
      document("v1alpha2", "BgpPeer", "{conf: {peerAs: 2, neighborAddress: 192.0.2.9}}");
  const Tree old = edited(converted(peer, kOld), "usingPortForward", false);
  EXPECT_EQ(converted(old, kNew)["spec"], peer["spec"]);
  EXPECT_EQ(to_json(converted(edited(old, "usingPortForward", true), kNew)["spec"]["transport"], 0),
            R"({"portForward":true})");
}

TEST(Conversion, AnEditOfSendMaxLeavesTheOtherFamiliesAlone) {
  const Tree peer = document("v1alpha2", "BgpPeer",
                             "{conf: {peerAs: 2, neighborAddress: 192.0.2.9}, afiSafis: "
                             "[{config: {family: {afi: AFI_IP}}}, {config: {family: {afi: "
                             "AFI_IP6}}}]}");
  const Tree old = converted(peer, kOld);
  const Tree spec = converted(edited(old, "addPaths", Tree::map().set("sendMax", 4)), kNew)["spec"];
  EXPECT_EQ(to_json(spec["afiSafis"], 0),
            R"([{"config":{"family":{"afi":"AFI_IP"}},"addPaths":{"config":{"sendMax":4}}},)"
            R"({"config":{"family":{"afi":"AFI_IP6"}}}])");
}

TEST(Conversion, AnEditOfTheAddressReplacesTheFirstOfSeveral) {
  const Tree eip = document("v1alpha2", "Eip", "{addresses: [10.0.0.0/24, 10.0.2.0/24]}");
  const Tree old = edited(converted(eip, kOld), "address", "10.0.1.0/24");
  EXPECT_EQ(spec_of(converted(old, kNew)), R"({"addresses":["10.0.1.0/24","10.0.2.0/24"]})");
}

TEST(Conversion, RemembersWhoWasWrittenAsV1alpha1) {
  const auto is_from_old = [](const Tree& tree) {
    const Decoded decoded = decode(tree);
    EXPECT_TRUE(decoded.object) << text_of(decoded.problems);
    return decoded.object && is_from_v1alpha1(meta_of(*decoded.object));
  };
  const Tree old = document("v1alpha1", "BgpConf", "{as: 1, routerID: 192.0.2.1, port: 179}");
  const Tree edit = edited(converted(old, kNew), "nextHopMode", "Self");
  EXPECT_TRUE(is_from_old(converted(old, kNew)));
  EXPECT_TRUE(is_from_old(converted(converted(edit, kOld), kNew)));
  const Tree young = document("v1alpha2", "BgpConf", "{as: 1}");
  EXPECT_FALSE(is_from_old(converted(converted(young, kOld), kNew)));
}

TEST(Conversion, AnAnnotationThatIsNoSpecCountsForNothing) {
  for (const std::string_view text : {"", "{", "[]", "null", "{\"a\":1} x"}) {
    Tree tree = document("v1alpha1", "Eip", "{address: 10.0.0.0/24}");
    Tree annotations = Tree::map().set("network.kubesphere.io/v1alpha2-fields", text);
    tree.set("metadata", Tree::map().set("name", "x").set("annotations", std::move(annotations)));
    EXPECT_EQ(spec_of(converted(tree, kNew)), R"({"address":"10.0.0.0/24","usingKnownIPs":false})");
  }
}

TEST(Conversion, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(convert(document("v1alpha2", "EipAddress", "{}"), kOld).error().message,
            "EipAddress: not a kind of two versions");
  EXPECT_EQ(convert(document("v1beta1", "Eip", "{}"), kOld).error().message,
            "network.kubesphere.io/v1beta1: must be network.kubesphere.io/v1alpha1 or "
            "network.kubesphere.io/v1alpha2");
  EXPECT_FALSE(convert(document("v1alpha1", "Eip", "{}"), "network.kubesphere.io/v1"));
  EXPECT_FALSE(convert(Tree{}, kOld));
  EXPECT_FALSE(convert(Tree::list(), kNew));
}

TEST(Conversion, LeavesAnObjectWithoutASpecAlone) {
  const Tree eip = document("v1alpha1", "Eip", "text");
  EXPECT_EQ(converted(converted(eip, kNew), kOld), eip);
}

RC_GTEST_PROP(Conversion, ThereAndBackIsIdentity, ()) {
  const ApiVersion version = *rc::gen::element(ApiVersion::V1alpha1, ApiVersion::V1alpha2);
  const Tree written = arbitrary(any_kind(), version);
  const bool is_old = version == ApiVersion::V1alpha1;
  const Result<Tree> there = convert(written, is_old ? kNew : kOld);
  RC_ASSERT(there.has_value());
  const Result<Tree> back = convert(*there, is_old ? kOld : kNew);
  RC_ASSERT(back.has_value());
  RC_ASSERT(is_same(*back, written));
}

// The same from where the object has been converted, edited as the other version, and so on.
RC_GTEST_PROP(Conversion, ThereAndBackIsIdentityAfterEditsToo, ()) {
  const Kind kind = any_kind();
  Tree tree = arbitrary(kind, ApiVersion::V1alpha1);
  const int steps = *rc::gen::inRange(1, 5);
  for (int i = 0; i < steps; ++i) {
    const bool is_old = tree["apiVersion"].text() == kOld;
    if (*rc::gen::arbitrary<bool>()) {
      const ApiVersion version = is_old ? ApiVersion::V1alpha1 : ApiVersion::V1alpha2;
      tree.set("spec", arbitrary(kind, version)["spec"]);
    }
    tree = convert(tree, is_old ? kNew : kOld).value();
  }
  const bool is_old = tree["apiVersion"].text() == kOld;
  const Tree back =
      convert(convert(tree, is_old ? kNew : kOld).value(), is_old ? kOld : kNew).value();
  RC_ASSERT(is_same(back["spec"], tree["spec"]));
  RC_ASSERT(is_same(
      back, convert(convert(back, is_old ? kNew : kOld).value(), is_old ? kOld : kNew).value()));
}

// What the API server does not see, Porter must not see either: metadata but for the two
// annotations, and the status.
RC_GTEST_PROP(Conversion, TouchesNothingButSpecAndItsAnnotations, ()) {
  const ApiVersion version = *rc::gen::element(ApiVersion::V1alpha1, ApiVersion::V1alpha2);
  const Tree written = arbitrary(any_kind(), version);
  Tree other = convert(written, version == ApiVersion::V1alpha1 ? kNew : kOld).value();
  Tree annotations = Tree::map();
  for (const Tree::Entry& entry : other["metadata"]["annotations"].entries()) {
    if (entry.key != kV1alpha1Annotation && entry.key != kV1alpha2Annotation)
      annotations.set(entry.key, entry.value);
  }
  Tree metadata = Tree::map();
  for (const Tree::Entry& entry : other["metadata"].entries()) {
    if (entry.key != "annotations") metadata.set(entry.key, entry.value);
  }
  if (!annotations.entries().empty()) metadata.set("annotations", std::move(annotations));
  other.set("metadata", std::move(metadata)).set("spec", written["spec"]);
  other.set("apiVersion", written["apiVersion"]);
  RC_ASSERT(is_same(other, written));
}

// A document read directly and one read after its conversion are one and the same configuration.
RC_GTEST_PROP(Conversion, ChangesNothingOfWhatV1alpha1Means, ()) {
  const Tree written = arbitrary(any_kind(), ApiVersion::V1alpha1);
  Decoded direct = decode(written);
  Decoded converted = decode(convert(written, kNew).value());
  RC_ASSERT(direct.object.has_value() == converted.object.has_value());
  if (!direct.object || !converted.object) return;
  RC_ASSERT(is_from_v1alpha1(meta_of(*converted.object)));
  meta_of(*converted.object) = meta_of(*direct.object);
  RC_ASSERT(*converted.object == *direct.object);
}

}  // namespace
}  // namespace porter::model
