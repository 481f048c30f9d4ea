// SPDX-License-Identifier: Apache-2.0
#include "model/object.hpp"

#include <gtest/gtest.h>

#include "model/names.hpp"
#include "model/time_text.hpp"

namespace porter::model {
namespace {

using Operator = Requirement::Operator;

Selector selector_of(std::string key, Operator op, const std::vector<std::string>& values) {
  return Selector{{Requirement{.key = std::move(key), .op = op, .values = values}}};
}

TEST(Selector, MatchesAsKubernetesDoes) {
  const StringMap labels{{"app", "web"}, {"tier", ""}};
  EXPECT_TRUE(Selector{}.matches(labels));
  EXPECT_TRUE(Selector{}.matches({}));
  EXPECT_TRUE(selector_of("app", Operator::In, {"api", "web"}).matches(labels));
  EXPECT_FALSE(selector_of("app", Operator::In, {"api"}).matches(labels));
  EXPECT_FALSE(selector_of("zone", Operator::In, {""}).matches(labels));
  EXPECT_TRUE(selector_of("tier", Operator::In, {""}).matches(labels));
  EXPECT_FALSE(selector_of("app", Operator::NotIn, {"web"}).matches(labels));
  EXPECT_TRUE(
      selector_of("zone", Operator::NotIn, {"a"}).matches(labels));  // also where it is absent
  EXPECT_TRUE(selector_of("app", Operator::Exists, {}).matches(labels));
  EXPECT_FALSE(selector_of("zone", Operator::Exists, {}).matches(labels));
  EXPECT_TRUE(selector_of("zone", Operator::DoesNotExist, {}).matches(labels));
  EXPECT_FALSE(selector_of("app", Operator::DoesNotExist, {}).matches(labels));
}

TEST(Selector, NeedsAllItsRequirements) {
  Selector both = selector_of("app", Operator::In, {"web"});
  both.requirements.push_back({.key = "old", .op = Operator::DoesNotExist, .values = {}});
  EXPECT_TRUE(both.matches({{"app", "web"}}));
  EXPECT_FALSE(both.matches({{"app", "web"}, {"old", "1"}}));
  both.requirements.push_back({.key = "zone", .op = Operator::In, .values = {"a", "b"}});
  both.requirements.push_back({.key = "rack", .op = Operator::NotIn, .values = {"c"}});
  both.requirements.push_back({.key = "gpu", .op = Operator::Exists, .values = {}});
  EXPECT_EQ(to_string(both), "app=web,!old,zone in (a,b),rack notin (c),gpu");
  EXPECT_FALSE(both.is_empty());
}

TEST(Meta, ReadsBothSpellingsAndPorterWins) {
  Meta meta;
  meta.annotations = {{"eip.openelb.kubesphere.io/v1alpha2", "old"}};
  meta.labels = {{"openelb.kubesphere.io/rack", "r1"}};
  EXPECT_EQ(*annotation_of(meta, "eip", "/v1alpha2"), "old");
  EXPECT_EQ(*label_of(meta, "", "/rack"), "r1");
  EXPECT_EQ(annotation_of(meta, "eip", "/v1alpha1"), nullptr);
  EXPECT_EQ(label_of(meta, "", "/cni"), nullptr);
  meta.annotations["eip.porter.kubesphere.io/v1alpha2"] = "new";
  EXPECT_EQ(*annotation_of(meta, "eip", "/v1alpha2"), "new");
  EXPECT_EQ(spelled_annotation(meta, "eip", "/v1alpha2").key, "eip.porter.kubesphere.io/v1alpha2");
  EXPECT_EQ(*meta.annotation("eip.openelb.kubesphere.io/v1alpha2"), "old");
  EXPECT_EQ(*meta.label("openelb.kubesphere.io/rack"), "r1");
}

TEST(Meta, OlderIsWhoWasCreatedEarlierThenWrittenEarlierThenFirstByName) {
  const auto meta = [](std::int64_t created, std::uint64_t order, std::string name) {
    Meta made;
    made.created = created;
    made.order = order;
    made.name.name = std::move(name);
    return made;
  };
  EXPECT_TRUE(is_older(meta(1, 9, "z"), meta(2, 0, "a")));
  EXPECT_TRUE(is_older(meta(1, 0, "z"), meta(1, 1, "a")));
  EXPECT_TRUE(is_older(meta(1, 0, "a"), meta(1, 0, "b")));
  EXPECT_FALSE(is_older(meta(1, 0, "a"), meta(1, 0, "a")));
  EXPECT_TRUE(is_older(meta(5, 9, "z"), meta(0, 0, "a")));  // not told: younger than all that tell
  EXPECT_FALSE(is_older(meta(0, 0, "a"), meta(5, 9, "z")));
}

TEST(Names, OfObjectsFollowKubernetes) {
  EXPECT_TRUE(is_dns_label("a-1"));
  EXPECT_TRUE(is_dns_label(std::string(63, 'a')));
  for (const std::string& name :
       {std::string{}, std::string{"-a"}, std::string{"a-"}, std::string{"A"}, std::string{"a.b"},
        std::string{"a_b"}, std::string(64, 'a')}) {
    EXPECT_FALSE(is_dns_label(name)) << name;
  }
  EXPECT_TRUE(is_dns_subdomain("a.b-c.1"));
  EXPECT_TRUE(is_dns_subdomain("192.0.2.17"));
  EXPECT_TRUE(is_dns_subdomain(std::string(253, 'a')));
  for (const std::string& name :
       {std::string{}, std::string{"."}, std::string{"a..b"}, std::string{".a"}, std::string{"a."},
        std::string{"a-.b"}, std::string{"a.-b"}, std::string{"-a"}, std::string{"a-"},
        std::string{"a/b"}, std::string(254, 'a')}) {
    EXPECT_FALSE(is_dns_subdomain(name)) << name;
  }
}

TEST(Names, OfLabelsFollowKubernetes) {
  for (const std::string_view key : {"app", "a.b_c-D", "example.com/app"})
    EXPECT_TRUE(is_label_key(key)) << key;
  for (const std::string_view key : {"", "/a", "a/", "a/b/c", "-a", "a-", "Example.com/a", "a b"})
    EXPECT_FALSE(is_label_key(key)) << key;
  EXPECT_TRUE(is_label_value(""));
  EXPECT_TRUE(is_label_value("v1.2_3-X"));
  EXPECT_FALSE(is_label_value("-"));
  EXPECT_FALSE(is_label_value(std::string(64, 'a')));
}

TEST(Names, OfInterfacesFollowLinux) {
  EXPECT_TRUE(is_interface_name("eth0.100"));
  for (const std::string_view name : {"", ".", "..", "a/b", "a b", "a:b", "sixteen-letters-"})
    EXPECT_FALSE(is_interface_name(name)) << name;
}

TEST(Names, NearestIsWhatWasMeantOrNothing) {
  const std::vector<std::string_view> names{"addPaths", "config", "transport", "usingPortForward",
                                            "as"};
  EXPECT_EQ(nearest("addAaths", names), "addPaths");
  EXPECT_EQ(nearest("ADDPATHS", names), "addPaths");
  EXPECT_EQ(nearest("cofnig", names), "config");  // two letters swapped are one edit
  EXPECT_EQ(nearest("trnsprt", names), "transport");
  EXPECT_EQ(nearest("a", names), "as");
  EXPECT_EQ(nearest("zz", names), "");
  EXPECT_EQ(nearest("password", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), names), "");
}

TEST(Names, ListsOfWordsReadAsASentence) {
  const std::vector<std::string_view> words{"a", "b", "c"};
  EXPECT_EQ(one_of(words), "a, b or c");
  EXPECT_EQ(one_of(std::span{words}.first(2)), "a or b");
  EXPECT_EQ(one_of(std::span{words}.first(1)), "a");
  EXPECT_EQ(one_of({}), "");
}

TEST(Time, IsReadAsRfc3339) {
  EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_time("2024-05-01T10:00:00Z"), 1'714'557'600);
  EXPECT_EQ(parse_time("2024-05-01T10:00:00.999Z"), 1'714'557'600);
  EXPECT_EQ(parse_time("2024-05-01T12:00:00+02:00"), 1'714'557'600);
  EXPECT_EQ(parse_time("2024-05-01t05:30:00-04:30"), 1'714'557'600);
  EXPECT_EQ(parse_time("2024-02-29T00:00:00Z"), 1'709'164'800);
  EXPECT_EQ(parse_time("2016-12-31T23:59:60Z"), parse_time("2017-01-01T00:00:00Z"));
  EXPECT_EQ(parse_time("1969-12-31T23:59:59Z"), -1);
  for (const std::string_view text :
       {"", "2024", "2024-05-01", "2024-05-01T10:00:00", "2024-13-01T10:00:00Z",
        "2023-02-29T10:00:00Z", "2024-05-01T24:00:00Z", "2024-05-01T10:60:00Z",
        "2024-05-01T10:00:61Z", "2024-05-01T10:00:00.Z", "2024-05-01T10:00:00+2:00",
        "2024-05-01T10:00:00Z ", "0000-01-01T00:00:00Z", "24-05-01T10:00:00Z",
        "2024-05-01T10:00:00+24:00"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

TEST(Time, IsWrittenAsKubernetesDoes) {
  EXPECT_EQ(format_time(1'714'557'600), "2024-05-01T10:00:00Z");
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59Z");
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_time(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59Z");
  EXPECT_EQ(format_time(std::numeric_limits<std::int64_t>::min()), "0001-01-01T00:00:00Z");
}

}  // namespace
}  // namespace porter::model
