// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/bgp_wish.hpp"
#include "model/test_tree.hpp"

namespace porter::model {
namespace {

Decoded read(const std::string& spec) {
  return decode(
      flow("{apiVersion: network.kubesphere.io/v1alpha2, kind: BgpAdvertisement,\n"
           "metadata: {name: lab},\nspec: " +
           spec + "}"));
}

BgpAdvertisement advertisement(const std::string& spec) {
  const Decoded decoded = read(spec);
  EXPECT_EQ(text_of(decoded.problems), "");
  EXPECT_TRUE(decoded.object);
  return decoded.object ? std::get<BgpAdvertisement>(*decoded.object) : BgpAdvertisement{};
}

Community community(std::string_view text) {
  return parse_community(text).value();
}

TEST(BgpAdvertisement, AnEmptyOneSelectsEverythingAndChangesNothing) {
  const BgpAdvertisement all = advertisement("{}");
  EXPECT_TRUE(all.selects_eip("lan", {}));
  EXPECT_TRUE(all.selects_peer("tor"));
  BgpAdvertisement expected;
  expected.meta = all.meta;
  EXPECT_EQ(all, expected);
}

TEST(BgpAdvertisement, EveryFieldHasItsPlace) {
  const BgpAdvertisement read = advertisement(
      "{eips: [lan], eipSelector: {matchLabels: {a: b}}, serviceSelector: {matchLabels: {c: d}}, "
      "namespaceSelector: {matchLabels: {e: f}}, nodeSelector: {matchLabels: {g: h}}, "
      "peers: [tor], aggregationLength: 24, aggregationLengthV6: 64, communities: "
      "[\"65000:2\", no-export, \"65000:1\", \"65000:2\", \"1:2:3\"], localPreference: 200, "
      "med: 7, prepend: 3, weight: Endpoints, allowServiceOverrides: {communities: [\"65000:*\"], "
      "localPreference: true, med: true, prepend: true}}");
  EXPECT_EQ(read.eips, std::vector<std::string>{"lan"});
  EXPECT_EQ(to_string(read.eip_selector.value()), "a=b");
  EXPECT_EQ(to_string(read.service_selector.value()), "c=d");
  EXPECT_EQ(to_string(read.namespace_selector.value()), "e=f");
  EXPECT_EQ(to_string(read.node_selector.value()), "g=h");
  EXPECT_EQ(read.peers, std::vector<std::string>{"tor"});
  EXPECT_EQ(read.aggregation_length, 24);
  EXPECT_EQ(read.aggregation_length_v6, 64);
  EXPECT_EQ(read.communities,
            (std::vector<std::uint32_t>{65'000U << 16U | 1U, 65'000U << 16U | 2U, 0xffffff01U}));
  EXPECT_EQ(read.large_communities,
            (std::vector<LargeCommunity>{{.global = 1, .local1 = 2, .local2 = 3}}));
  EXPECT_EQ(read.local_preference, 200U);
  EXPECT_EQ(read.med, 7U);
  EXPECT_EQ(read.prepend, 3);
  EXPECT_EQ(read.weight, BgpAdvertisement::Weight::Endpoints);
  EXPECT_TRUE(read.overrides.local_preference && read.overrides.med && read.overrides.prepend);
  EXPECT_TRUE(read.overrides.allows(community("65000:9")));
  EXPECT_FALSE(read.overrides.allows(community("65001:9")));
}

TEST(BgpAdvertisement, SaysWhatWouldBeRight) {
  static constexpr std::string_view kRight =
      ": must be a community like 65000:100, a large community like 65000:1:2, or a name like "
      "no-export";
  EXPECT_EQ(text_of(read("{communities: [\"70000:1\"]}").problems),
            "Error Invalid spec.communities[0]:3: 70000:1" + std::string{kRight});
  EXPECT_EQ(text_of(read("{aggregationLength: 33}").problems),
            "Error Invalid spec.aggregationLength:3: 33: must be a whole number from 1 to 32");
  EXPECT_EQ(text_of(read("{weight: Nodes}").problems),
            "Error Invalid spec.weight:3: Nodes: must be None or Endpoints");
  EXPECT_EQ(text_of(read("{comunities: []}").problems),
            "Warning UnknownField spec.comunities:3: unknown field, did you mean "
            "spec.communities?");
}

TEST(BgpAdvertisement, NamesAndSelectorOfEipsAddUp) {
  const BgpAdvertisement some =
      advertisement("{eips: [lan], eipSelector: {matchLabels: {zone: a}}}");
  EXPECT_TRUE(some.selects_eip("lan", {}));
  EXPECT_TRUE(some.selects_eip("wan", {{"zone", "a"}}));
  EXPECT_FALSE(some.selects_eip("wan", {{"zone", "b"}}));
}

TEST(Community, TextAndValueAreOne) {
  for (const std::string_view text :
       {"0:0", "65000:100", "65535:65535", "4294967295:0:4294967295", "no-export", "no-advertise",
        "no-export-subconfed", "no-peer", "graceful-shutdown", "accept-own", "llgr-stale",
        "no-llgr", "blackhole"}) {
    EXPECT_EQ(to_string(community(text)), text);
  }
  EXPECT_EQ(to_string(community("65535:65281")), "no-export");
}

TEST(Community, WhatIsNoneIsRefused) {
  for (const std::string_view text :
       {"", ":", "1", "1:", ":1", "1:2:3:4", "65536:1", "1:65536", "01:1", "-1:1", "+1:1", "1: 2",
        "a:b", "4294967296:1:1", "NO_EXPORT", "no-export ", "65000:*"}) {
    EXPECT_FALSE(parse_community(text)) << text;
  }
}

TEST(Community, APatternAllowsWellKnownOnesByNameOnly) {
  const auto allows = [](std::string_view pattern, std::string_view text) {
    return parse_community_pattern(pattern).value().matches(community(text));
  };
  EXPECT_TRUE(allows("*", "65000:1"));
  EXPECT_TRUE(allows("*", "1:2:3"));
  EXPECT_FALSE(allows("*", "blackhole"));
  EXPECT_FALSE(allows("65535:*", "no-export"));
  EXPECT_TRUE(allows("no-export", "no-export"));
  EXPECT_TRUE(allows("65535:65281", "no-export"));
  EXPECT_TRUE(allows("*:7", "65000:7"));
  EXPECT_FALSE(allows("*:7", "65000:8"));
  EXPECT_FALSE(allows("65000:*", "65000:1:1"));
  EXPECT_TRUE(allows("65000:*:2", "65000:1:2"));
  EXPECT_FALSE(allows("65000:*:2", "65000:1:3"));
  for (const std::string_view text : {"*", "65000:*", "*:*:3", "no-export", "1:2", "1:2:3"})
    EXPECT_EQ(to_string(parse_community_pattern(text).value()), text);
  EXPECT_FALSE(parse_community_pattern("65000:1*"));
  EXPECT_FALSE(parse_community_pattern("**"));
}

TEST(BgpWish, ReadsTheAnnotationsOfAService) {
  Meta meta;
  meta.annotations = {{"network.kubesphere.io/communities", " 65000:2,no-export ,, 1:2:3,65000:2"},
                      {"network.kubesphere.io/local-preference", "200"},
                      {"network.kubesphere.io/med", " 0 "},
                      {"network.kubesphere.io/prepend", "32"}};
  std::vector<Problem> problems;
  const BgpWish wish = bgp_wish_of(meta, problems);
  EXPECT_EQ(text_of(problems), "");
  EXPECT_EQ(wish.communities, (std::vector<std::uint32_t>{65'000U << 16U | 2U, 0xffffff01U}));
  EXPECT_EQ(wish.large_communities,
            (std::vector<LargeCommunity>{{.global = 1, .local1 = 2, .local2 = 3}}));
  EXPECT_EQ(wish.local_preference, 200U);
  EXPECT_EQ(wish.med, 0U);
  EXPECT_EQ(wish.prepend, 32);
}

TEST(BgpWish, LeavesOutWhatCannotBeRead) {
  Meta meta;
  meta.annotations = {{"network.kubesphere.io/communities", "65000:2,x"},
                      {"network.kubesphere.io/med", "-1"},
                      {"network.kubesphere.io/prepend", "33"}};
  std::vector<Problem> problems;
  BgpWish expected;
  expected.communities = {65'000U << 16U | 2U};
  EXPECT_EQ(bgp_wish_of(meta, problems), expected);
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[1].message, "-1: ignored; must be a whole number from 0 to 4294967295");
  EXPECT_EQ(problems[2].field, "metadata.annotations[network.kubesphere.io/prepend]");
  for (const Problem& problem : problems)
    EXPECT_EQ(problem.severity, Problem::Severity::Warning);
}

}  // namespace
}  // namespace porter::model
