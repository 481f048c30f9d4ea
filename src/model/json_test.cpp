// SPDX-License-Identifier: Apache-2.0
#include "model/json.hpp"

#include <gtest/gtest.h>

namespace porter::model {
namespace {

TEST(Json, IsReadAsATree) {
  const Result<Tree> tree =
      parse_json(" {\"a\": [1, -2.5e+3, true, false, null, \"x\"], \"b\": {}, \"c\": []} ");
  ASSERT_TRUE(tree);
  EXPECT_EQ(to_json(*tree, 0), R"({"a":[1,-2.5e+3,true,false,null,"x"],"b":{},"c":[]})");
}

TEST(Json, TextsMayHaveEscapes) {
  const Result<Tree> tree = parse_json(R"("\"\\\/\b\f\n\r\tA\u00e9\u20ac\ud83d\ude00")");
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->text(), "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(Json, TheLastOfTwoEqualKeysCounts) {
  const Result<Tree> tree = parse_json(R"({"a":1,"b":2,"a":3})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(to_json(*tree, 0), R"({"a":3,"b":2})");
}

TEST(Json, WhatIsWrongIsRefused) {
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[1,]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{a:1}",
                                      "{\"a\":1,}",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "+1",
                                      "nul",
                                      "tru",
                                      "\"",
                                      "\"\n\"",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\ud800\"",
                                      "\"\\ud800\\u0041\"",
                                      "\"\\udc00\"",
                                      "1 2",
                                      "{} x",
                                      "'a'"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(Json, IsReadToALimitedDepth) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(64)));
  EXPECT_FALSE(parse_json(nested(66)));
  EXPECT_FALSE(parse_json(nested(1'000'000)));
}

}  // namespace
}  // namespace porter::model
