// SPDX-License-Identifier: Apache-2.0
#include "model/review.hpp"

#include <gtest/gtest.h>

#include "model/test_tree.hpp"

namespace porter::model {
namespace {

constexpr std::string_view kNew = "network.kubesphere.io/v1alpha2";

Tree conversion_review(std::string_view objects, std::string_view wanted = kNew) {
  Tree request = Tree::map();
  request.set("uid", "42").set("desiredAPIVersion", wanted).set("objects", flow(objects));
  return Tree::map().set("apiVersion", "apiextensions.k8s.io/v1").set("request", request);
}

Tree admission_review(std::string_view operation, const std::string& object,
                      const std::string& old_object = "null", std::string_view more = "{}") {
  Tree request = flow(more);
  request.set("uid", "42").set("operation", operation);
  request.set("object", flow(object)).set("oldObject", flow(old_object));
  return Tree::map().set("apiVersion", "admission.k8s.io/v1").set("request", request);
}

std::string eip(const std::string& spec, const std::string& metadata = "name: lan") {
  return "{apiVersion: network.kubesphere.io/v1alpha2, kind: Eip, metadata: {" + metadata +
         "}, spec: " + spec + "}";
}

Tree response_to(const Tree& review, const AdmissionFacts& facts = {}) {
  return answer_admission(review, facts)["response"];
}

AdmissionFacts uses(std::vector<AddressUse> uses) {
  return {.in_use = [uses = std::move(uses)](const std::string& name) {
    EXPECT_EQ(name, "lan");
    return uses;
  }};
}

AddressUse use(std::string_view address, std::string holder = "shop/web") {
  return {.address = Address::parse(address).value(), .holder = std::move(holder)};
}

TEST(ConversionReview, ConvertsEveryObjectInItsOrder) {
  const Tree answer = answer_conversion(conversion_review(
      "[{apiVersion: network.kubesphere.io/v1alpha1, kind: Eip, metadata: {name: a}, spec: "
      "{address: 10.0.0.1}}, {apiVersion: network.kubesphere.io/v1alpha2, kind: BgpConf, "
      "metadata: {name: default}, spec: {as: 1}}]"));
  EXPECT_EQ(answer["kind"].text(), "ConversionReview");
  EXPECT_EQ(answer["apiVersion"].text(), "apiextensions.k8s.io/v1");
  const Tree& response = answer["response"];
  EXPECT_EQ(response["uid"].text(), "42");
  EXPECT_EQ(to_json(response["result"], 0), R"({"status":"Success"})");
  ASSERT_EQ(response["convertedObjects"].items().size(), 2U);
  EXPECT_EQ(response["convertedObjects"].items()[0]["apiVersion"].text(), kNew);
  EXPECT_EQ(response["convertedObjects"].items()[0]["metadata"]["name"].text(), "a");
  EXPECT_EQ(response["convertedObjects"].items()[1]["metadata"]["name"].text(), "default");
}

TEST(ConversionReview, OneBadObjectFailsItWithWords) {
  const Tree response = answer_conversion(conversion_review(
      "[{apiVersion: network.kubesphere.io/v1alpha1, kind: Eip, metadata: {name: a}, spec: {}}, "
      "{apiVersion: network.kubesphere.io/v1alpha1, kind: Pool, metadata: {name: b}}, 7]"))
      ["response"];
  EXPECT_EQ(to_json(response, 0),
            R"({"uid":"42","convertedObjects":[],"result":{"status":"Failure","message":)"
            R"("Pool b: Pool: not a kind of two versions; object: \"\": not a kind of two )"
            R"(versions"}})");
}

TEST(ConversionReview, NoReviewFailsToo) {
  for (const Tree& review : {Tree{}, Tree{"text"}, Tree::list(), flow("{request: 7}"),
                             flow("{request: {uid: x, objects: {}}}")}) {
    EXPECT_EQ(answer_conversion(review)["response"]["result"]["status"].text(), "Failure");
  }
}

TEST(Admission, AllowsWhatIsInOrder) {
  const Tree answer =
      answer_admission(admission_review("CREATE", eip("{address: 10.0.0.0/24}")), AdmissionFacts{});
  EXPECT_EQ(to_json(answer, 0), R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview",)"
                                R"("response":{"uid":"42","allowed":true}})");
}

TEST(Admission, RefusesWithAllTheWordsOfValidate) {
  const std::string bad = eip("{address: 10.0.0.0/33, protocol: ospf, prioritty: 1}");
  const Tree response = response_to(admission_review("CREATE", bad));
  EXPECT_FALSE(response["allowed"].as_bool());
  std::string expected = "Eip lan";
  std::string warning;
  for (const Problem& problem : decode(flow(bad)).problems) {
    if (problem.severity == Problem::Severity::Warning) {
      warning = "Eip lan: " + problem.field + ": " + problem.message;
    } else {
      expected += (expected == "Eip lan" ? ": " : "; ") + problem.field + ": " + problem.message;
    }
  }
  EXPECT_EQ(response["status"]["message"].text(), expected);
  EXPECT_EQ(response["status"]["code"].text(), "422");
  ASSERT_EQ(response["warnings"].items().size(), 1U);
  EXPECT_EQ(response["warnings"].items()[0].text(), warning);
}

TEST(Admission, NeverLooksAtStatusDeletionOrOtherOperations) {
  const std::string bad = eip("{}");
  EXPECT_TRUE(response_to(admission_review("DELETE", "null", bad))["allowed"].as_bool());
  EXPECT_TRUE(response_to(admission_review("CONNECT", bad))["allowed"].as_bool());
  EXPECT_TRUE(response_to(admission_review("UPDATE", bad, eip("{address: 10.0.0.1}"),
                                           "{subResource: status}"))["allowed"]
                  .as_bool());
  const std::string leaving = eip("{}", "name: lan, deletionTimestamp: \"2024-05-01T10:00:00Z\"");
  EXPECT_TRUE(response_to(admission_review("UPDATE", leaving, leaving))["allowed"].as_bool());
}

TEST(Admission, AnUpdateIsNotRefusedForWhatWasWrongBefore) {
  const std::string bad = eip("{address: 10.0.0.0/33}");
  const Tree same =
      response_to(admission_review("UPDATE", eip("{address: 10.0.0.0/33, priority: 2}"), bad));
  EXPECT_TRUE(same["allowed"].as_bool());
  EXPECT_EQ(same["warnings"].items().size(), 1U);
  const Tree worse = response_to(admission_review("UPDATE", eip("{address: 10.0.0.0/34}"), bad));
  EXPECT_FALSE(worse["allowed"].as_bool());
}

TEST(Admission, AnEipKeepsTheAddressesInUse) {
  const AdmissionFacts facts = uses({use("10.0.0.1"), use("10.0.0.200"), use("10.0.0.201", "")});
  const std::string old = eip("{address: 10.0.0.0/24}");
  EXPECT_TRUE(
      response_to(admission_review("UPDATE", eip("{address: 10.0.0.0/23}"), old), facts)["allowed"]
          .as_bool());
  const Tree response =
      response_to(admission_review("UPDATE", eip("{address: 10.0.0.0/25}"), old), facts);
  EXPECT_FALSE(response["allowed"].as_bool());
  EXPECT_EQ(response["status"]["message"].text(),
            "Eip lan: spec.address: leaves out addresses in use: 10.0.0.200 (shop/web), "
            "10.0.0.201 (reserved); release them first");
}

TEST(Admission, NamesAtMostTenAddresses) {
  std::vector<AddressUse> many;
  for (int i = 0; i < 25; ++i)
    many.push_back(use("10.0.0." + std::to_string(100 + i)));
  const Tree response = response_to(
      admission_review("UPDATE", eip("{address: 10.1.0.0/24}"), eip("{address: 10.0.0.0/24}")),
      uses(std::move(many)));
  const std::string& message = response["status"]["message"].text();
  EXPECT_NE(message.find("10.0.0.109 (shop/web) and 15 more; release them first"),
            std::string::npos)
      << message;
}

TEST(Admission, AGeneratedNameIsANameToCome) {
  EXPECT_TRUE(response_to(admission_review(
      "CREATE", eip("{address: 10.0.0.1}", "generateName: lan-")))["allowed"]
                  .as_bool());
  EXPECT_FALSE(
      response_to(admission_review("CREATE", eip("{address: 10.0.0.1}", "uid: x")))["allowed"]
          .as_bool());
}

TEST(Admission, KindsOfOthersAreRefusedAndNoReviewToo) {
  EXPECT_FALSE(
      response_to(admission_review("CREATE", "{apiVersion: v1, kind: Pod}"))["allowed"].as_bool());
  EXPECT_FALSE(response_to(Tree{})["allowed"].as_bool());
  EXPECT_FALSE(response_to(flow("{request: {uid: x}}"))["allowed"].as_bool());
}

}  // namespace
}  // namespace porter::model
