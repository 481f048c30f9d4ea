// SPDX-License-Identifier: Apache-2.0
#include "manifests/yaml.hpp"

#include <rapidcheck.h>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter::manifests {
namespace {

Tree parsed(std::string_view text) {
  auto tree = parse_document(text);
  EXPECT_TRUE(tree.has_value()) << (tree ? "" : to_string(tree.error()));
  return tree ? *tree : Tree{};
}

std::string refusal(std::string_view text) {
  const auto tree = parse_document(text);
  return tree ? "parsed" : to_string(tree.error());
}

std::vector<std::string> split(std::string_view file) {
  std::vector<std::string> documents;
  DocumentSplitter splitter{file};
  while (const auto document = splitter.next())
    documents.push_back(fmt::format("{}:{}", document->line, document->text));
  return documents;
}

using Documents = std::vector<std::string>;

TEST(DocumentSplitter, DividesAtLinesOfDashes) {
  EXPECT_EQ(split("a: 1\n---\nb: 2\n--- \nc: 3"),
            (Documents{"1:a: 1\n", "2:---\nb: 2\n", "4:--- \nc: 3"}));
}

TEST(DocumentSplitter, PassesOverWhatIsOnlyBlanksAndComments) {
  EXPECT_EQ(split("# head\n---\n# nothing\n---\n\n---\na: 1\n---\n"), (Documents{"6:---\na: 1\n"}));
  EXPECT_EQ(split(""), Documents{});
  EXPECT_EQ(split("---\n---\n...\n"), Documents{});
}

TEST(DocumentSplitter, CountsLinesAsLibyamlDoes) {
  EXPECT_EQ(split("a: 1\r\n---\r\nb: 2\r---\rc: 3"),
            (Documents{"1:a: 1\r\n", "2:---\r\nb: 2\r", "4:---\rc: 3"}));
}

TEST(DocumentSplitter, KnowsTheEndOfADocumentAndContentBesideItsStart) {
  EXPECT_EQ(split("a: 1\n...\n# x\nb: 2\n--- {c: 3}\n"),
            (Documents{"1:a: 1\n...\n", "3:# x\nb: 2\n", "5:--- {c: 3}\n"}));
}

TEST(DocumentSplitter, KeepsADirectiveWithItsDocument) {
  EXPECT_EQ(split("%YAML 1.1\n---\na: 1\n---\n%x\n---\nb: 2"),
            (Documents{"1:%YAML 1.1\n---\na: 1\n", "4:---\n%x\n", "6:---\nb: 2"}));
}

TEST(DocumentSplitter, DoesNotTakeDashesInsideALineForAStart) {
  EXPECT_EQ(split("a: |\n  ---\n  x\n----\n---x: 1\n").size(), 1U);
}

TEST(DocumentSplitter, SkipsAByteOrderMark) {
  EXPECT_EQ(split("\xef\xbb\xbf"
                  "a: 1"),
            (Documents{"1:a: 1"}));
}

TEST(Yaml, MarksLinesOfKeysAndValues) {
  const auto tree = parse_document("---\na: 1\nb:\n  - x\n  - y: z\n", 10);
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->line(), 11U);
  EXPECT_EQ(tree->entries()[1].key_line, 12U);
  EXPECT_EQ((*tree)["b"].line(), 13U);
  EXPECT_EQ((*tree)["b"].items()[1].line(), 14U);
}

TEST(Yaml, ResolvesPlainScalarsAsKubernetesDoes) {
  const std::vector<std::pair<std::string_view, Tree>> cases{
      {"", Tree{}},
      {"~", Tree{}},
      {"NULL", Tree{}},
      {"yes", true},
      {"On", true},
      {"y", true},
      {"No", false},
      {"OFF", false},
      {"n", false},
      {"TRUE", true},
      {"tRUE", "tRUE"},
      {"12", Tree::number("12")},
      {"+12", Tree::number("12")},
      {"-0", Tree::number("0")},
      {"-7", Tree::number("-7")},
      {"0x1F", Tree::number("31")},
      {"0o17", Tree::number("15")},
      {"017", Tree::number("15")},
      {"-017", Tree::number("-15")},
      {"0b101", Tree::number("5")},
      {"1_000", Tree::number("1000")},
      {"089", Tree::number("89")},
      {"18446744073709551615", Tree::number("18446744073709551615")},
      {"99999999999999999999", Tree::number("99999999999999999999")},
      {".5", Tree::number("0.5")},
      {"1.", Tree::number("1")},
      {"1.50", Tree::number("1.50")},
      {"1e3", Tree::number("1e3")},
      {"-.5e-3", Tree::number("-0.5e-3")},
      {".", "."},
      {"-", "-"},
      {"0x", "0x"},
      {"1e", "1e"},
      {"e3", "e3"},
      {"--1", "--1"},
      {"-.inf", Tree::number("-.inf")},
      {".NaN", Tree::number(".nan")},
      {"192.0.2.1", "192.0.2.1"},
      {"2001-12-14", "2001-12-14"},
      {"12:30", "12:30"},
      {"1.2.3", "1.2.3"},
      {"yesterday", "yesterday"}};
  for (const auto& [text, value] : cases)
    EXPECT_EQ(resolve_plain(text), value) << text;
}

TEST(Yaml, TakesQuotedScalarsAsText) {
  EXPECT_EQ(parsed("a: 'yes'\nb: \"12\"\nc: |\n  12\nd: !!str 12\ne: ! 12"),
            Tree{}.set("a", "yes").set("b", "12").set("c", "12\n").set("d", "12").set("e", "12"));
}

TEST(Yaml, ReadsJson) {
  EXPECT_EQ(parsed("{\n\t\"a\": [1, 2.5, true, null],\n\t\"b\": {\"c\\/d\": \"\\u00e9\"}\n}"),
            Tree{}
                .set("a", Tree::list().push(1).push(Tree::number("2.5")).push(true).push(Tree{}))
                .set("b", Tree{}.set("c/d", "\xc3\xa9")));
}

TEST(Yaml, KeysAreTextAsKubernetesWritesThem) {
  EXPECT_EQ(parsed("1: a\n0x10: b\non: c\n"), Tree{}.set("1", "a").set("16", "b").set("true", "c"));
  EXPECT_EQ(refusal("? [a]\n: b"), "line 1, column 6: the key of a map must be a text");
  EXPECT_EQ(refusal("~: b"), "line 1, column 1: the key of a map must be a text");
}

TEST(Yaml, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(refusal("a: 1\nb: 2\na: 3"), "line 3, column 1: a stands twice in one map");
  std::string many;
  for (int i = 0; i < 40; ++i)
    many += fmt::format("k{}: 1\n", i);
  EXPECT_EQ(refusal(many + "k39: 2\n"), "line 41, column 1: k39 stands twice in one map");
  EXPECT_EQ(refusal(many + "k3: 2\n"), "line 41, column 1: k3 stands twice in one map");
}

TEST(Yaml, ExpandsAliasesAndKeepsTheLineOfTheAnchor) {
  const Tree tree = parsed("a: &x {b: 1}\nc: *x\nd: &x 5\ne: *x");
  EXPECT_EQ(tree["c"], Tree{}.set("b", 1));
  EXPECT_EQ(tree["c"].line(), 1U);
  EXPECT_EQ(tree["e"], Tree::number("5"));
  EXPECT_EQ(refusal("a: *x"), "line 1, column 4: *x: no such anchor before it");
  EXPECT_EQ(refusal("a: &x [*x]"), "line 1, column 8: *x: no such anchor before it");
}

TEST(Yaml, AppliesMergeKeys) {
  const Tree tree = parsed(
      "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nthree:\n  b: 3\n  <<: [*one, *two]\n  d: 3\n"
      "four: {<<: *one, \"<<\": x}\n");
  EXPECT_EQ(tree["three"], Tree{}.set("b", 3).set("d", 3).set("a", 1).set("c", 2));
  EXPECT_EQ(tree["four"], Tree{}.set("<<", "x").set("a", 1).set("b", 1));
  EXPECT_EQ(refusal("a: {<<: 5}"), "line 1, column 1: << takes a map or a list of maps");
  EXPECT_EQ(refusal("a: {<<: {}, <<: {}}"),
            "line 1, column 13: << stands twice in one map; give it a list of maps");
}

TEST(Yaml, BoundsTheExpansionOfAliases) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i)
    bomb += fmt::format("a{}: &a{} [*a{}, *a{}, *a{}, *a{}]\n", i, i, i - 1, i - 1, i - 1, i - 1);
  EXPECT_NE(refusal(bomb).find("aliases expand to more than 10000 values"), std::string::npos);
}

TEST(Yaml, BoundsDepthAndSize) {
  EXPECT_EQ(parsed(std::string(64, '[') + std::string(64, ']')).kind(), Tree::Kind::List);
  EXPECT_EQ(refusal(std::string(65, '[') + std::string(65, ']')),
            "line 1, column 65: nested deeper than 64 levels");
  EXPECT_EQ(refusal(std::string(kLongestDocument + 1, 'a')),
            "line 1, column 1: a document of 1048577 octets, at most 1048576 are read; divide it "
            "with lines "
            "of ---");
  std::string wide = "[";
  for (int i = 0; i < 260'000; ++i)
    wide += "1,";
  EXPECT_NE(refusal(wide + "]").find("more than 250000 values"), std::string::npos);
}

TEST(Yaml, SaysWhereTheSyntaxIsWrong) {
  EXPECT_EQ(refusal("a: 1\n b: 2\n"),
            "line 2, column 3: mapping values are not allowed in this context");
  EXPECT_EQ(refusal("a: [1, 2\nb: 3\n"),
            "line 2, column 2: did not find expected ',' or ']' while parsing a flow sequence that "
            "begins on "
            "line 1");
  EXPECT_EQ(refusal("a: 1\nb: \xff\n"),
            "line 2, column 4: invalid leading UTF-8 octet; the file must be UTF-8 text");
  EXPECT_EQ(refusal("a: !!int x"), "line 1, column 4: x is no tag:yaml.org,2002:int");
  EXPECT_EQ(refusal("a: !!set {x}"),
            "line 1, column 4: the tag tag:yaml.org,2002:set is not supported");
}

TEST(Yaml, ADocumentCanBeParsedInSteps) {
  const std::string text = "a: [1, 2, 3]\nb: {c: d}\n";
  DocumentParser parser{text, 1};
  std::size_t steps = 1;
  while (!parser.step(1))
    ++steps;
  EXPECT_GT(steps, 10U);
  const auto tree = parser.take();
  ASSERT_TRUE(tree);
  EXPECT_EQ(*tree, parsed(text));
}

rc::Gen<std::string> texts() {
  return rc::gen::container<std::string>(rc::gen::weightedOneOf<char>(
      {{6, rc::gen::elementOf(std::string{" -:#'\"\n\\,.[]{}&*!|>%@~0x1e_ynt"})},
       {4, rc::gen::inRange('a', 'z')}}));
}

Tree arbitrary_tree(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
    case 0: return {};
    case 1: return *rc::gen::arbitrary<bool>();
    case 2: return *rc::gen::arbitrary<std::int64_t>();
    case 3: return *texts();
    case 4: {
      Tree list = Tree::list();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
        list.push(arbitrary_tree(depth - 1));
      return list;
    }
    default: {
      Tree map = Tree::map();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
        map.set(*texts(), arbitrary_tree(depth - 1));
      return map;
    }
  }
}

RC_GTEST_PROP(Yaml, ReadsBackWhatTreeWrites, ()) {
  const Tree tree = arbitrary_tree(3);
  const auto from_yaml = parse_document(to_yaml(tree));
  RC_ASSERT(from_yaml.has_value());
  RC_ASSERT(*from_yaml == tree);
  const auto from_json = parse_document(to_json(tree));
  RC_ASSERT(from_json.has_value());
  RC_ASSERT(*from_json == tree);
}

RC_GTEST_PROP(Yaml, SplittingLosesNoContentAndNoLine, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("---\n", "...\n", "a: 1\n", "# c\n", "\n", "--- x\n",
                                    "%YAML 1.1\n", "\r", "- b\r\n", "---x\n"));
  std::string file;
  for (const std::string& piece : pieces)
    file += piece;
  DocumentSplitter splitter{file};
  const char* last = file.data();
  while (const auto document = splitter.next()) {
    RC_ASSERT(document->text.data() >= last);
    unsigned line = 1;
    for (const char* at = file.data(); at != document->text.data(); ++at)
      line += *at == '\n' || (*at == '\r' && at[1] != '\n') ? 1 : 0;
    RC_ASSERT(document->line == line);
    last = document->text.data() + document->text.size();
  }
}

}  // namespace
}  // namespace porter::manifests
