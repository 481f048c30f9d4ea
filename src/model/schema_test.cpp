// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "model/convert.hpp"

namespace porter::model {
namespace {

std::string_view parent_of(std::string_view path) {
  if (path.ends_with("[]")) return path.substr(0, path.size() - 2);
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::vector<ApiVersion> versions_of(const Field& field) {
  if (field.versions == Versions::Both) return {ApiVersion::V1alpha1, ApiVersion::V1alpha2};
  return {field.versions == Versions::V1alpha1 ? ApiVersion::V1alpha1 : ApiVersion::V1alpha2};
}

TEST(Schema, EveryRowHasAParentBeforeItInEachOfItsVersions) {
  for (const Schema* const schema : schemas()) {
    for (const Field& field : schema->fields) {
      for (const ApiVersion version : versions_of(field)) {
        EXPECT_EQ(find_field(*schema, field.path, version), &field)
            << field.path << ": there twice";
        const std::string_view parent = parent_of(field.path);
        if (parent.empty()) continue;
        const Field* const above = find_field(*schema, parent, version);
        ASSERT_NE(above, nullptr) << field.path;
        EXPECT_LT(above, &field) << field.path;
        EXPECT_TRUE(is_child(field.path, parent)) << field.path;
        EXPECT_EQ(above->type, field.path.ends_with("[]") ? FieldType::List : FieldType::Group)
            << parent;
      }
    }
  }
}

TEST(Schema, EveryRowSaysWhatItIs) {
  for (const Schema* const schema : schemas()) {
    EXPECT_FALSE(schema->doc.empty());
    EXPECT_EQ(schema_of(schema->kind), schema);
    for (const Field& field : schema->fields) {
      EXPECT_TRUE(field.doc.ends_with('.')) << field.path;
      EXPECT_EQ(field.doc.find('|'), std::string_view::npos)
          << field.path;  // would end a cell of the table
      EXPECT_EQ(field.type == FieldType::Choice, !field.words.empty()) << field.path;
      EXPECT_EQ(field.support == Support::Ignored, field.edit == Edit::NoEffect) << field.path;
      EXPECT_LE(field.bounds.least, field.bounds.most) << field.path;
    }
  }
  EXPECT_EQ(schema_of(Kind::Service), nullptr);
}

TEST(Schema, EveryListHasElementsAndEveryGroupMembers) {
  for (const Schema* const schema : schemas()) {
    for (const Field& field : schema->fields) {
      for (const ApiVersion version : versions_of(field)) {
        if (field.type == FieldType::List) {
          EXPECT_NE(find_field(*schema, std::string{field.path} + "[]", version), nullptr)
              << field.path;
        } else if (field.type == FieldType::Group) {
          EXPECT_FALSE(names_below(*schema, field.path, version).empty()) << field.path;
        }
      }
    }
  }
}

// Whatever is promised goes somewhere. These are read by the rules of their object instead.
TEST(Schema, EveryFieldThatWorksHasAPlace) {
  const std::set<std::string_view> read_elsewhere{"spec.afiSafis[].config.enabled",
                                                  "spec.afiSafis[].config.family.safi"};
  for (const Schema* const schema : schemas()) {
    for (const Field& field : schema->fields) {
      const bool is_leaf = field.type != FieldType::Group && field.type != FieldType::List &&
                           field.type != FieldType::Opaque;
      if (!is_leaf || field.support != Support::Full || read_elsewhere.contains(field.path))
        continue;
      EXPECT_NE(field.set, nullptr) << field.path;
    }
  }
}

// The leaves of the CRDs of OpenELB 0.6 and Porter 0.3, by kind and version.
using Known = std::tuple<Kind, ApiVersion, std::vector<std::string_view>>;

std::vector<Known> known_fields() {
  return {
      {Kind::Eip, ApiVersion::V1alpha1, {"address", "disable", "protocol", "usingKnownIPs"}},
      {Kind::Eip,
       ApiVersion::V1alpha2,
       {"address", "disable", "interface", "namespaceSelector", "namespaces[]", "priority",
        "protocol", "usingKnownIPs", "autoAssign", "addresses[]", "exclude[]", "serviceSelector",
        "reclaim.policy", "reclaim.holdSeconds"}},
      {Kind::BgpConf, ApiVersion::V1alpha1, {"as", "port", "routerID"}},
      {Kind::BgpConf,
       ApiVersion::V1alpha2,
       {"as",
        "asPerRack",
        "families[]",
        "gracefulRestart.deferralTime",
        "gracefulRestart.enabled",
        "gracefulRestart.helperOnly",
        "gracefulRestart.localRestarting",
        "gracefulRestart.longlivedEnabled",
        "gracefulRestart.mode",
        "gracefulRestart.notificationEnabled",
        "gracefulRestart.peerRestartTime",
        "gracefulRestart.peerRestarting",
        "gracefulRestart.restartTime",
        "gracefulRestart.staleRoutesTime",
        "listenAddresses[]",
        "listenPort",
        "policy",
        "routerId",
        "useMultiplePaths",
        "nextHopMode",
        "advertise",
        "gracefulShutdown",
        "drain.holdSeconds",
        "drain.onCordon"}},
      {Kind::BgpPeer,
       ApiVersion::V1alpha1,
       {"addPaths.sendMax", "config.neighborAddress", "config.peerAs", "transport.passiveMode",
        "transport.remotePort", "usingPortForward"}},
      {Kind::BgpPeer,
       ApiVersion::V1alpha2,
       {"afiSafis[].addPaths.config.receive",
        "afiSafis[].addPaths.config.sendMax",
        "afiSafis[].config.enabled",
        "afiSafis[].config.family.afi",
        "afiSafis[].config.family.safi",
        "afiSafis[].mpGracefulRestart.config.enabled",
        "conf.adminDown",
        "conf.allowOwnAs",
        "conf.authPassword",
        "conf.description",
        "conf.localAs",
        "conf.neighborAddress",
        "conf.neighborInterface",
        "conf.peerAs",
        "conf.peerGroup",
        "conf.peerType",
        "conf.removePrivateAs",
        "conf.replacePeerAs",
        "conf.routeFlapDamping",
        "conf.sendCommunity",
        "conf.vrf",
        "conf.authSecretRef.name",
        "conf.authSecretRef.key",
        "conf.neighborPrefix.cidr",
        "conf.neighborPrefix.limit",
        "ebgpMultihop.enabled",
        "ebgpMultihop.multihopTtl",
        "gracefulRestart.deferralTime",
        "gracefulRestart.enabled",
        "gracefulRestart.helperOnly",
        "gracefulRestart.localRestarting",
        "gracefulRestart.longlivedEnabled",
        "gracefulRestart.mode",
        "gracefulRestart.notificationEnabled",
        "gracefulRestart.peerRestartTime",
        "gracefulRestart.peerRestarting",
        "gracefulRestart.restartTime",
        "gracefulRestart.staleRoutesTime",
        "nodeSelector",
        "timers.config.connectRetry",
        "timers.config.holdTime",
        "timers.config.keepaliveInterval",
        "timers.config.minimumAdvertisementInterval",
        "transport.mtuDiscovery",
        "transport.passiveMode",
        "transport.remoteAddress",
        "transport.remotePort",
        "transport.tcpMss",
        "transport.localAddress",
        "transport.ttlSecurity",
        "transport.portForward",
        "bfd.enabled",
        "bfd.minTxMillis",
        "bfd.minRxMillis",
        "bfd.multiplier",
        "bfd.passive",
        "extendedNextHop",
        "nextHopMode",
        "gracefulShutdown",
        "prefixBudget.max",
        "prefixBudget.action",
        "maxPrefixes.ipv4",
        "maxPrefixes.ipv6",
        "maxPrefixes.action",
        "role"}},
      {Kind::EipAddress,
       ApiVersion::V1alpha2,
       {"address", "eip", "shareKey", "services[].namespace", "services[].name", "services[].uid",
        "retainUntil"}},
      {Kind::BgpAdvertisement,
       ApiVersion::V1alpha2,
       {"eips[]", "eipSelector", "serviceSelector", "namespaceSelector", "nodeSelector", "peers[]",
        "aggregationLength", "aggregationLengthV6", "communities[]", "localPreference", "med",
        "prepend", "weight", "allowServiceOverrides.communities[]",
        "allowServiceOverrides.localPreference", "allowServiceOverrides.med",
        "allowServiceOverrides.prepend"}},
  };
}

TEST(Schema, HasEveryFieldOfTheApiAndNoOther) {
  for (const auto& [kind, version, paths] : known_fields()) {
    const Schema& schema = *schema_of(kind);
    std::set<std::string> expected;
    for (const std::string_view path : paths)
      expected.insert("spec." + std::string{path});
    std::set<std::string> leaves;
    for (const Field& field : schema.fields) {
      const bool is_inner = field.type == FieldType::Group || field.type == FieldType::List ||
                            field.type == FieldType::Opaque;
      if (!is_inner && is_in(field.versions, version)) leaves.emplace(field.path);
    }
    EXPECT_EQ(leaves, expected) << to_string(kind);
    EXPECT_NE(find_field(schema, "status", version), nullptr);
  }
}

TEST(Convert, GivesEveryVersionItsOwnDefaults) {
  EXPECT_TRUE(std::get<Eip>(defaults_of(Kind::Eip, ApiVersion::V1alpha2)).using_known_ips);
  EXPECT_FALSE(std::get<Eip>(defaults_of(Kind::Eip, ApiVersion::V1alpha1)).using_known_ips);
  EXPECT_EQ(std::get<BgpConf>(defaults_of(Kind::BgpConf, ApiVersion::V1alpha2)).next_hop_mode,
            std::nullopt);
  EXPECT_EQ(std::get<BgpConf>(defaults_of(Kind::BgpConf, ApiVersion::V1alpha1)).next_hop_mode,
            NextHopMode::Nodes);
  EXPECT_EQ(std::get<BgpPeer>(defaults_of(Kind::BgpPeer, ApiVersion::V1alpha1))
                .graceful_restart->restart_time,
            60);
  EXPECT_TRUE(
      std::holds_alternative<EipAddress>(defaults_of(Kind::EipAddress, ApiVersion::V1alpha2)));
}

}  // namespace
}  // namespace porter::model
