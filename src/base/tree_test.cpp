// SPDX-License-Identifier: Apache-2.0
#include "base/tree.hpp"

#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter {
namespace {

std::string yaml_of(std::string_view text) {
  std::string out = to_yaml(Tree{text});
  out.pop_back();  // the newline
  return out;
}

TEST(Tree, IsNullAtFirstAndGrowsIntoWhatIsPutIn) {
  Tree tree;
  EXPECT_TRUE(tree.is_null());
  tree.set("a", 1).set("b", "two").set("a", true);
  ASSERT_TRUE(tree.is_map());
  EXPECT_EQ(tree.entries().size(), 2U);
  EXPECT_TRUE(tree["a"].as_bool());
  EXPECT_EQ(tree["b"].text(), "two");
  Tree list;
  list.push(1).push(2);
  EXPECT_EQ(list.items().size(), 2U);
}

TEST(Tree, AnswersNullForWhatIsNotThere) {
  const Tree tree = Tree::map().set("a", Tree::map().set("b", 3));
  EXPECT_EQ(tree.at_path("a.b").text(), "3");
  EXPECT_TRUE(tree.at_path("a.c.d").is_null());
  EXPECT_TRUE(tree.at_path("").is_null());
  EXPECT_TRUE(tree["x"].is_null());
  EXPECT_EQ(tree.find("x"), nullptr);
  EXPECT_TRUE(Tree{"text"}["x"].is_null());
  EXPECT_TRUE(Tree{"text"}.items().empty());
  EXPECT_FALSE(Tree{"true"}.as_bool());
}

TEST(Tree, EqualsWhateverItsLines) {
  Tree left = Tree::map().set("a", 1);
  const Tree right = Tree::map().set("a", 1);
  left.set_line(7);
  EXPECT_EQ(left.line(), 7U);
  EXPECT_EQ(left, right);
  EXPECT_NE(left, Tree::map().set("a", "1"));
  EXPECT_NE(left, Tree::map().set("a", 1).set("b", 1));
  EXPECT_NE(Tree::map(), Tree::list());
  EXPECT_EQ(Tree::map().set("x", 1).set("y", 2), Tree::map().set("x", 1).set("y", 2));
  EXPECT_NE(Tree::map().set("x", 1).set("y", 2), Tree::map().set("y", 2).set("x", 1));
}

TEST(Tree, KeepsDuplicateKeysOfASource) {
  Tree tree = Tree::map();
  tree.add_entry("a", 1, 3);
  tree.add_entry("a", 2, 4);
  ASSERT_EQ(tree.entries().size(), 2U);
  EXPECT_EQ(tree.entries()[1].key_line, 4U);
  EXPECT_EQ(tree["a"].text(), "1");
}

TEST(Yaml, IsBlockStyleWithListsAtTheColumnOfTheirKey) {
  const Tree tree =
      Tree::map()
          .set("kind", "Eip")
          .set(
              "spec",
              Tree::map()
                  .set("addresses", Tree::list().push("192.0.2.0/24").push("2001:db8::/64"))
                  .set("services", Tree::list()
                                       .push(Tree::map().set("name", "web").set("ns", "shop"))
                                       .push(Tree::map().set("name", "api")))
                  .set("empty", Tree::list())
                  .set("none", Tree::map())
                  .set("nested", Tree::list().push(Tree::list().push(1).push(2)).push(Tree::map())))
          .set("ready", true)
          .set("nothing", Tree{})
          .set("count", 3);
  EXPECT_EQ(to_yaml(tree), R"(kind: Eip
spec:
  addresses:
  - 192.0.2.0/24
  - "2001:db8::/64"
  services:
  - name: web
    ns: shop
  - name: api
  empty: []
  none: {}
  nested:
  - - 1
    - 2
  - {}
ready: true
nothing: null
count: 3
)");
  EXPECT_EQ(to_yaml(Tree::map()), "{}\n");
  EXPECT_EQ(to_yaml(Tree{}), "null\n");
}

TEST(Yaml, QuotesWhatAReaderWouldTakeForSomethingElse) {
  for (const std::string_view text : {"",
                                      "yes",
                                      "No",
                                      "ON",
                                      "off",
                                      "y",
                                      "N",
                                      "true",
                                      "False",
                                      "null",
                                      "NULL",
                                      "~",
                                      "<<",
                                      "=",
                                      "1",
                                      "-1",
                                      "0x1f",
                                      "0o17",
                                      "017",
                                      "1_000",
                                      "1e3",
                                      "1.5",
                                      ".5",
                                      ".inf",
                                      ".NaN",
                                      "-.inf",
                                      "190:20:30",
                                      "2001-12-14",
                                      "2001-12-14t21:59:43.10-05:00",
                                      "12:30",
                                      "- a",
                                      "-",
                                      "?",
                                      ": a",
                                      "a: b",
                                      "a:",
                                      "a #b",
                                      "#a",
                                      "&a",
                                      "*a",
                                      "!a",
                                      "|",
                                      ">",
                                      "%a",
                                      "@a",
                                      "`a",
                                      "'a",
                                      "\"a",
                                      "{a}",
                                      "[a]",
                                      " a",
                                      "a ",
                                      "a\nb",
                                      "a\tb",
                                      "--- a",
                                      "...",
                                      ",a",
                                      "2001:db8::1",
                                      "\xc3\xa4pfel",
                                      "1.2.3",
                                      "_a"}) {
    EXPECT_EQ(yaml_of(text), to_json(Tree{text})) << text;
    EXPECT_EQ(yaml_of(text).front(), '"') << text;
  }
}

TEST(Yaml, LeavesHarmlessTextAlone) {
  for (const std::string_view text :
       {"a", "Service", "shop/web", "eip.porter.kubesphere.io/v1alpha2", "192.0.2.1",
        "192.0.2.0/24", "192.0.2.1-192.0.2.9", "no pool has a free address", "fe80::1", "a:b",
        "/run/porter", "yes please", "True story", "a(b)", "http://porter.example/x"}) {
    EXPECT_EQ(yaml_of(text), text);
  }
}

TEST(Yaml, WritesALongKeySoThatItMayBeRead) {
  const std::string key(1200, 'k');
  EXPECT_EQ(to_yaml(Tree::map().set("a", Tree::map().set(key, 1))),
            "a:\n  ? \"" + key + "\"\n  : 1\n");
}

TEST(Json, IsOnOneLineOrIndented) {
  const Tree tree =
      Tree::map().set("a", Tree::list().push(1).push("x")).set("b", Tree::map()).set("c", Tree{});
  EXPECT_EQ(to_json(tree, 0), R"({"a":[1,"x"],"b":{},"c":null})");
  EXPECT_EQ(to_json(tree),
            "{\n  \"a\": [\n    1,\n    \"x\"\n  ],\n  \"b\": {},\n  \"c\": null\n}");
}

TEST(Json, EscapesWhatMayNotStandInAString) {
  EXPECT_EQ(to_json(Tree{std::string{"\"\\\b\f\n\r\t\0\x1f\x7f/", 11}}),
            R"("\"\\\b\f\n\r\t\u0000\u001f\u007f/")");
  EXPECT_EQ(to_json(Tree{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"}),
            "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
  EXPECT_EQ(to_json(Tree{"\xc2\x85\xe2\x80\xa8\xef\xbb\xbf"}), R"("\u0085\u2028\ufeff")");
}

TEST(Json, ReplacesOctetsThatAreNoUtf8) {
  for (const std::string_view text : {"\x80", "\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                                      "\xf5\x80\x80\x80", "\xc3", "\xe2\x82"}) {
    const std::string json = to_json(Tree{text});
    EXPECT_EQ(json.substr(0, 7), "\"\\ufffd") << json;
    EXPECT_EQ(json.find_first_of("\x80\xc0\xc3\xe0\xe2\xed\xf5\xff"), std::string::npos) << json;
  }
}

TEST(Json, WritesOnlyNumbersThatJsonHas) {
  for (const std::string_view text : {"0", "-1", "1.5", "1e3", "-0.5E+10"}) {
    EXPECT_EQ(to_json(Tree::number(std::string{text})), text);
  }
  for (const std::string_view text :
       {"", "-", "01", ".5", "1.", "1e", "0x1f", "1_000", ".inf", "+1", "1 "}) {
    EXPECT_EQ(to_json(Tree::number(std::string{text})), '"' + std::string{text} + '"');
  }
  EXPECT_EQ(to_json(Tree{std::uint64_t{18'446'744'073'709'551'615U}}), "18446744073709551615");
  EXPECT_EQ(to_json(Tree{std::int64_t{-5}}), "-5");
  EXPECT_EQ(to_json(Tree{7U}), "7");
}

RC_GTEST_PROP(Json, IsAsciiQuotedOrValidUtf8WhateverGoesIn, (const std::string& text)) {
  const std::string json = to_json(Tree{text}, 0);
  RC_ASSERT(json.size() >= 2);
  RC_ASSERT(json.front() == '"' && json.back() == '"');
  for (const char c : json)
    RC_ASSERT(static_cast<unsigned char>(c) >= 0x20U);
}

TEST(Shown, IsOneLineWhateverGoesIn) {
  EXPECT_EQ(shown("192.0.2.0/33"), "192.0.2.0/33");
  EXPECT_EQ(shown(""), R"("")");
  EXPECT_EQ(shown("two words\n"), R"("two words\n")");
  EXPECT_EQ(shown(std::string(100'000, 'x')).size(), 67U);
  EXPECT_EQ(shown(std::string(100'000, '\n')).size(), 133U);
}

}  // namespace
}  // namespace porter
