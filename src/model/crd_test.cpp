// SPDX-License-Identifier: Apache-2.0
#include "model/crd.hpp"

#include <gtest/gtest.h>

namespace porter::model {
namespace {

const Tree& schema_of_version(const Tree& crd, std::size_t version) {
  return crd["spec"]["versions"].items().at(version)["schema"]["openAPIV3Schema"];
}

// Calls `look(path, schema)` for a schema and all below it.
template <class F>
void walk_schema(const std::string& path, const Tree& schema, const F& look) {
  look(path, schema);
  for (const Tree::Entry& entry : schema["properties"].entries())
    walk_schema(path + "." + entry.key, entry.value, look);
  if (schema["items"].is_map()) walk_schema(path + "[]", schema["items"], look);
  if (schema["additionalProperties"].is_map())
    walk_schema(path + "{}", schema["additionalProperties"], look);
}

template <class F>
void walk_all(const F& look) {
  for (const Schema* const schema : schemas()) {
    const Tree tree = crd(schema->kind);
    for (std::size_t i = 0; i < tree["spec"]["versions"].items().size(); ++i)
      walk_schema(crd_name(schema->kind), schema_of_version(tree, i), look);
  }
}

TEST(Crd, IsStructuralAndEveryTextListAndMapHasALimit) {
  walk_all([](const std::string& path, const Tree& schema) {
    const std::string& type = schema["type"].text();
    const bool is_number_or_text = schema["x-kubernetes-int-or-string"].as_bool();
    EXPECT_NE(type.empty(), !is_number_or_text) << path;
    if (type == "array") {
      EXPECT_TRUE(schema["maxItems"].kind() == Tree::Kind::Number) << path;
    }
    if (schema["additionalProperties"].is_map()) {
      EXPECT_EQ(schema["maxProperties"].kind(), Tree::Kind::Number) << path;
    }
    const bool has_end = !schema["maxLength"].is_null() || schema["enum"].is_list() ||
                         schema["format"].text() == "date-time";
    const bool is_typemeta = path.ends_with(".apiVersion") || path.ends_with(".kind");
    if ((type == "string" || is_number_or_text) && !is_typemeta) {
      EXPECT_TRUE(has_end) << path;
    }
    // A map is either of known names or of any.
    EXPECT_FALSE(schema["properties"].is_map() && schema["additionalProperties"].is_map()) << path;
  });
}

TEST(Crd, SaysWhatEveryFieldIs) {
  walk_all([](const std::string& path, const Tree& schema) {
    const bool is_plain =
        path.ends_with("{}") || path.ends_with("[]") || path.ends_with(".metadata");
    if (!is_plain) {
      EXPECT_TRUE(schema["description"].text().ends_with(".") || path.ends_with(".apiVersion") ||
                  path.ends_with(".kind"))
          << path;
    }
  });
}

TEST(Crd, HasEveryFieldOfTheTables) {
  for (const Schema* const schema : schemas()) {
    std::set<std::string> paths;
    const Tree tree = crd(schema->kind);
    walk_schema("", schema_of_version(tree, 0),
                [&](const std::string& path, const Tree&) { paths.insert(path); });
    for (const Field& field : schema->fields) {
      if (is_in(field.versions, ApiVersion::V1alpha2)) {
        EXPECT_TRUE(paths.contains("." + std::string{field.path})) << field.path;
      }
    }
    paths.clear();
    walk_schema("", schema_of_version(tree, tree["spec"]["versions"].items().size() - 1),
                [&](const std::string& path, const Tree&) { paths.insert(path); });
    for (const Field& field : status_fields(schema->kind))
      EXPECT_TRUE(paths.contains("." + std::string{field.path})) << field.path;
  }
}

TEST(Crd, StoresV1alpha2AndServesBoth) {
  for (const Kind kind : {Kind::Eip, Kind::BgpConf, Kind::BgpPeer}) {
    const Tree tree = crd(kind);
    const Tree::List& versions = tree["spec"]["versions"].items();
    ASSERT_EQ(versions.size(), 2U);
    EXPECT_EQ(versions[0]["name"].text(), "v1alpha2");
    EXPECT_TRUE(versions[0]["storage"].as_bool());
    EXPECT_TRUE(versions[1]["served"].as_bool());
    EXPECT_FALSE(versions[1]["storage"].as_bool());
    const Tree& webhook = tree["spec"]["conversion"]["webhook"]["clientConfig"];
    EXPECT_EQ(to_json(webhook, 0), R"({"service":{"namespace":"porter-system","name":)"
                                   R"("porter-webhook","path":"/convert","port":443}})");
  }
  for (const Kind kind : {Kind::EipAddress, Kind::BgpAdvertisement, Kind::BgpNodeState}) {
    EXPECT_EQ(crd(kind)["spec"]["versions"].items().size(), 1U);
    EXPECT_TRUE(crd(kind)["spec"]["conversion"].is_null());
  }
}

TEST(Crd, RulesStandWhereTheirMapsAre) {
  for (const CelRule& rule : cel_rules()) {
    const Field* const field = find_field(
        *schema_of(rule.kind), rule.path,
        rule.versions == Versions::V1alpha1 ? ApiVersion::V1alpha1 : ApiVersion::V1alpha2);
    ASSERT_NE(field, nullptr) << rule.path;
    EXPECT_EQ(field->type, FieldType::Group);
  }
  const Tree tree = crd(Kind::Eip);
  const Tree& spec = schema_of_version(tree, 0)["properties"]["spec"];
  ASSERT_EQ(spec["x-kubernetes-validations"].items().size(), 1U);
  EXPECT_EQ(spec["x-kubernetes-validations"].items()[0]["message"].text(),
            "spec.address: is required: an address, a CIDR or first-last");
}

TEST(Crd, GivesDefaultsWhereTheTableHasValues) {
  const Tree tree = crd(Kind::BgpPeer);
  const Tree& spec = schema_of_version(tree, 0)["properties"]["spec"]["properties"];
  EXPECT_EQ(spec["transport"]["properties"]["remotePort"]["default"].text(), "179");
  EXPECT_EQ(spec["prefixBudget"]["properties"]["action"]["default"].text(), "Warn");
  // Of a block without it, which decode() warns of; and of what clients of OpenELB read as texts.
  EXPECT_TRUE(spec["gracefulRestart"]["properties"]["enabled"]["default"].is_null());
  const Tree& timers = spec["timers"]["properties"]["config"]["properties"];
  EXPECT_TRUE(timers["holdTime"]["default"].is_null());
}

TEST(Crd, NamesAndFilesAreThoseOfOpenElb) {
  const std::vector<Crd> all = crds();
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[0].name, "eips.network.kubesphere.io");
  EXPECT_EQ(all[0].file, "network.kubesphere.io_eips.yaml");
}

}  // namespace
}  // namespace porter::model
