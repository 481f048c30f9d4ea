// SPDX-License-Identifier: Apache-2.0
#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/test_tree.hpp"

namespace porter::model {
namespace {

std::string problems_of(std::string_view document) {
  return text_of(decode(flow(document)).problems);
}

TEST(Decode, PassesOverOtherPeoplesKinds) {
  for (const std::string_view document :
       {"{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {whatever: [1]}}",
        "{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {}}",
        "{apiVersion: longhorn.io/v1beta2, kind: Node}",
        "{apiVersion: crd.example.com/v1, kind: BgpPeer}", "{kind: Kustomization}",
        "{apiVersion: v1, kind: List, items: []}",
        "{apiVersion: network.kubesphere.io/v1alpha2, kind: EipList}", "null"}) {
    const Decoded decoded = decode(flow(document));
    EXPECT_FALSE(decoded.known_kind) << document;
    EXPECT_EQ(text_of(decoded.problems), "") << document;
    EXPECT_FALSE(decoded.object) << document;
  }
}

TEST(Decode, TellsWhatIsNoObjectAtAll) {
  EXPECT_EQ(problems_of("[1]"), "Error Invalid :1: a list: not a Kubernetes object");
  EXPECT_EQ(problems_of("hello"), "Error Invalid :1: the text hello: not a Kubernetes object");
  EXPECT_EQ(problems_of("{replicaCount: 2}"), "Error Invalid kind:1: is required");
  EXPECT_EQ(problems_of("{kind: 3}"), "Error Invalid kind:1: is required");
}

TEST(Decode, SaysTheRightApiVersion) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{kind: Eip, metadata: {name: a}}",
       "Error Invalid apiVersion:1: is required: Eip is written as "
       "network.kubesphere.io/v1alpha2 or network.kubesphere.io/v1alpha1"},
      {"{\napiVersion: v1, kind: BgpConf, metadata: {name: a}}",
       "Error Invalid apiVersion:2: the text v1: BgpConf is written as "
       "network.kubesphere.io/v1alpha2 or network.kubesphere.io/v1alpha1"},
      {"{apiVersion: network.kubesphere.io/v1, kind: BgpPeer, metadata: {name: a}}",
       "Error Invalid apiVersion:1: the text network.kubesphere.io/v1: BgpPeer is written as "
       "network.kubesphere.io/v1alpha2 or network.kubesphere.io/v1alpha1"},
      {"{apiVersion: networks.kubesphere.io/v1alpha2, kind: BgpPeer, metadata: {name: a}}",
       "Error Invalid apiVersion:1: the text networks.kubesphere.io/v1alpha2: BgpPeer is written "
       "as network.kubesphere.io/v1alpha2 or network.kubesphere.io/v1alpha1"},
      {"{apiVersion: network.kubesphere.io/v1alpha1, kind: EipAddress, metadata: {name: 1.2.3.4}}",
       "Error Invalid apiVersion:1: the text network.kubesphere.io/v1alpha1: EipAddress is "
       "written as network.kubesphere.io/v1alpha2"},
      {"{kind: Service, metadata: {name: a}}",
       "Error Invalid apiVersion:1: is required: Service is written as v1"},
      {"{apiVersion: v2, kind: Node, metadata: {name: a}}",
       "Error Invalid apiVersion:1: the text v2: Node is written as v1"},
      {"{apiVersion: discovery.k8s.io/v2, kind: EndpointSlice, metadata: {name: a}}",
       "Error Invalid apiVersion:1: the text discovery.k8s.io/v2: EndpointSlice is written as "
       "discovery.k8s.io/v1 or discovery.k8s.io/v1beta1"},
      {"{apiVersion: 1, kind: Node, metadata: {name: a}}",
       "Error Invalid apiVersion:1: 1: Node is written as v1"},
  };
  for (const auto& [document, expected] : cases) {
    const Decoded decoded = decode(flow(document));
    EXPECT_EQ(text_of(decoded.problems), expected);
    EXPECT_TRUE(decoded.key) << document;
    EXPECT_FALSE(decoded.object);
  }
}

TEST(Decode, NamesTheKindThatMayHaveBeenMeant) {
  EXPECT_EQ(problems_of("{apiVersion: network.kubesphere.io/v1alpha2, kind: BGPPeer}"),
            "Error UnknownKind kind:1: BGPPeer: unknown kind, did you mean BgpPeer?");
  EXPECT_EQ(problems_of("{apiVersion: network.kubesphere.io/v1alpha2, kind: Firewall}"),
            "Error UnknownKind kind:1: Firewall: must be Eip, BgpConf, BgpPeer, BgpAdvertisement, "
            "EipAddress or BgpNodeState");
}

TEST(Decode, ReadsMetadata) {
  const Decoded decoded = decode(
      flow(R"({apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop, uid: u-1,
    generation: 7, labels: {app: web, empty: null}, annotations: {"a/b": "1"}, creationTimestamp: 2024-05-01T10:00:00Z,
    deletionTimestamp: 2024-05-02T10:00:00Z, managedFields: [{}]}})"));
  ASSERT_TRUE(decoded.object) << text_of(decoded.problems);
  const Meta& meta = meta_of(*decoded.object);
  EXPECT_EQ(meta.name, (NamespacedName{.ns = "shop", .name = "web"}));
  EXPECT_EQ(meta.uid, "u-1");
  EXPECT_EQ(meta.generation, 7);
  EXPECT_EQ(meta.labels, (StringMap{{"app", "web"}, {"empty", ""}}));
  EXPECT_EQ(meta.annotations, (StringMap{{"a/b", "1"}}));
  EXPECT_EQ(meta.created, 1'714'557'600);
  EXPECT_TRUE(meta.deleting);
  EXPECT_EQ(meta.written_as, ApiVersion::V1);
  EXPECT_EQ(to_string(key_of(*decoded.object)), "Service shop/web");
}

TEST(Decode, DefaultsTheNamespaceAndTheUid) {
  const Decoded service = decode(
      flow("{apiVersion: v1, kind: Service, metadata: {name: web, creationTimestamp: null}}"));
  EXPECT_EQ(meta_of(service.object.value()).uid, "default/web");
  EXPECT_EQ(meta_of(service.object.value()).created, 0);
  EXPECT_EQ(service.key,
            (ObjectKey{.kind = Kind::Service, .name = {.ns = "default", .name = "web"}}));
  const Decoded node =
      decode(flow("{apiVersion: v1, kind: Node, metadata: {name: n1, namespace: ignored}}"));
  EXPECT_EQ(node.key, (ObjectKey{.kind = Kind::Node, .name = {.ns = "", .name = "n1"}}));
  EXPECT_EQ(key_of(node.object.value()), node.key);
}

TEST(Decode, IsStrictAboutMetadata) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"null", "Error Invalid metadata:1: is required, with a name"},
      {"[]", "Error Invalid metadata:2: a list: must be a map"},
      {"{}", "Error Invalid metadata.name:2: is required"},
      {"{name: \"\"}", "Error Invalid metadata.name:2: is required"},
      {"{name: 7}", "Error Invalid metadata.name:2: 7: must be a text; put it in quotes"},
      {"{name: Web}",
       "Error Invalid metadata.name:2: Web: must be lower-case letters, digits and '-', at most "
       "63"},
      {"{name: web.shop}",
       "Error Invalid metadata.name:2: web.shop: must be lower-case letters, digits and '-', at "
       "most 63"},
      {"{name: a, namespace: A}",
       "Error Invalid metadata.namespace:2: A: must be lower-case letters, digits and '-', at most "
       "63"},
      {"{name: a, labels: [x]}",
       "Error Invalid metadata.labels:2: a list: must be a map from text to text"},
      {"{name: a, labels: {x: true}}",
       "Error Invalid metadata.labels[x]:2: true: must be a text; put it in quotes"},
      {"{name: a, annotations: {x: 1}}",
       "Error Invalid metadata.annotations[x]:2: 1: must be a text; put it in quotes"},
      {"{name: a, uid: 5}", "Error Invalid metadata.uid:2: 5: must be a text; put it in quotes"},
      {"{name: a, generation: x}",
       "Error Invalid metadata.generation:2: the text x: must be a whole number"},
      {"{name: a, creationTimestamp: yesterday}",
       "Error Invalid metadata.creationTimestamp:2: the text yesterday: must be a time like "
       "2024-05-01T10:00:00Z"},
  };
  for (const auto& [metadata, expected] : cases) {
    EXPECT_EQ(problems_of("{apiVersion: v1, kind: Service,\nmetadata: " + metadata + "}"),
              expected);
  }
}

TEST(Decode, OfOurKindsWarnsAboutUnknownFieldsOutsideTheSpecToo) {
  EXPECT_EQ(problems_of("{apiVersion: network.kubesphere.io/v1alpha2, kind: Eip, metadata: {name: "
                        "a, lables: {}},\nspce: {}, spec: {address: 1.2.3.4}}"),
            "Warning UnknownField metadata.lables:1: unknown field, did you mean metadata.labels?\n"
            "Warning UnknownField spce:2: unknown field, did you mean spec?");
  EXPECT_EQ(
      problems_of("{apiVersion: v1, kind: Namespace, metadata: {name: a, lables: {}}, spce: {}}"),
      "");
}

TEST(Decode, TellsABoundedNumberOfProblems) {
  Tree spec = Tree::map().set("address", "1.2.3.4");
  for (int i = 0; i < 1000; ++i)
    spec.set("unknown" + std::to_string(i), 1);
  const Tree document = Tree::map()
                            .set("apiVersion", "network.kubesphere.io/v1alpha2")
                            .set("kind", "Eip")
                            .set("metadata", Tree::map().set("name", "a"))
                            .set("spec", std::move(spec));
  const Decoded decoded = decode(document);
  ASSERT_EQ(decoded.problems.size(), 51U);
  EXPECT_EQ(decoded.problems.back().message, "and 950 more");
  EXPECT_TRUE(decoded.object);
}

TEST(Decode, RefusesListsWithoutEnd) {
  Tree list = Tree::list();
  for (int i = 0; i < 10'001; ++i)
    list.push("192.0.2.1");
  const Tree document = Tree::map()
                            .set("apiVersion", "network.kubesphere.io/v1alpha2")
                            .set("kind", "Eip")
                            .set("metadata", Tree::map().set("name", "a"))
                            .set("spec", Tree::map().set("addresses", std::move(list)));
  EXPECT_EQ(text_of(decode(document).problems),
            "Error Invalid spec.addresses:0: 10001 elements: at most 10000");
}

TEST(Object, KindsAndAlternativesAgree) {
  EXPECT_EQ(kind_of(Object{Service{}}), Kind::Service);
  EXPECT_EQ(kind_of(Object{EndpointSlice{}}), Kind::EndpointSlice);
  EXPECT_EQ(kind_of(Object{Node{}}), Kind::Node);
  EXPECT_EQ(kind_of(Object{Namespace{}}), Kind::Namespace);
  EXPECT_EQ(kind_of(Object{Secret{}}), Kind::Secret);
  EXPECT_EQ(kind_of(Object{Eip{}}), Kind::Eip);
  EXPECT_EQ(kind_of(Object{BgpConf{}}), Kind::BgpConf);
  EXPECT_EQ(kind_of(Object{BgpPeer{}}), Kind::BgpPeer);
  EXPECT_EQ(kind_of(Object{EipAddress{}}), Kind::EipAddress);
  for (const Kind kind :
       {Kind::Service, Kind::EndpointSlice, Kind::Node, Kind::Namespace, Kind::Secret, Kind::Eip,
        Kind::BgpConf, Kind::BgpPeer, Kind::EipAddress}) {
    EXPECT_EQ(kind_named(to_string(kind)), kind);
  }
  EXPECT_EQ(kind_named("Pod"), std::nullopt);
}

Tree arbitrary_tree(int depth) {
  static const std::vector<std::string> kWords{"apiVersion",
                                               "kind",
                                               "metadata",
                                               "spec",
                                               "name",
                                               "Eip",
                                               "Service",
                                               "v1",
                                               "network.kubesphere.io/v1alpha2",
                                               "address",
                                               "1.2.3.4",
                                               "a",
                                               ""};
  switch (*rc::gen::inRange(0, depth > 0 ? 7 : 5)) {
    case 0: return {};
    case 1: return Tree{*rc::gen::arbitrary<bool>()};
    case 2: return Tree::number(*rc::gen::arbitrary<std::string>());
    case 3: return Tree{*rc::gen::arbitrary<std::int64_t>()};
    case 4: return Tree{*rc::gen::elementOf(kWords)};
    case 5: {
      Tree list = Tree::list();
      const int size = *rc::gen::inRange(0, 4);
      for (int i = 0; i < size; ++i)
        list.push(arbitrary_tree(depth - 1));
      return list;
    }
    default: {
      Tree map = Tree::map();
      const int size = *rc::gen::inRange(0, 5);
      for (int i = 0; i < size; ++i)
        map.add_entry(*rc::gen::elementOf(kWords), arbitrary_tree(depth - 1), 1);
      return map;
    }
  }
}

RC_GTEST_PROP(Decode, IsTotal, ()) {
  const Decoded decoded = decode(arbitrary_tree(5));
  const bool has_error = std::any_of(
      decoded.problems.begin(), decoded.problems.end(),
      [](const Problem& problem) { return problem.severity == Problem::Severity::Error; });
  RC_ASSERT(decoded.object.has_value() == (decoded.known_kind && !has_error));
}

}  // namespace
}  // namespace porter::model
