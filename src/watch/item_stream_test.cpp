// SPDX-License-Identifier: Apache-2.0
#include "watch/item_stream.hpp"

#include <algorithm>
#include <rapidcheck.h>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "watch/item_stream_lab.hpp"

namespace porter::watch {
namespace {

using lab::Outcome;
using lab::read;

const TypeName kService{.api_version = "v1", .kind = "Service"};

ItemStream::Config list_of(const TypeName& type) {
  return {.body = Body::List, .type = type, .limits = {}};
}
ItemStream::Config watch_of(const TypeName& type) {
  return {.body = Body::Watch, .type = type, .limits = {}};
}

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

rc::Gen<std::string> some_word() {
  return rc::gen::element<std::string>("a", "metadata", "managedFields", "\u00e4\u20ac\"\\\n", "",
                                       "0");
}

rc::Gen<Tree> some_tree(int depth) {
  return rc::gen::exec([depth] {
    switch (*rc::gen::inRange(0, depth > 0 ? 7 : 5)) {
      case 0: return Tree{};
      case 1: return Tree{*rc::gen::arbitrary<bool>()};
      case 2: return Tree{*rc::gen::arbitrary<std::int64_t>()};
      case 3: return Tree::number(*rc::gen::element<std::string>("1e3", "-0.50", "12345.678e-9"));
      case 4: return Tree{*some_word()};
      case 5: {
        Tree list = Tree::list();
        for (int count = *rc::gen::inRange(0, 4); count > 0; --count)
          list.push(*some_tree(depth - 1));
        return list;
      }
      default: {
        Tree map = Tree::map();
        for (int count = *rc::gen::inRange(0, 4); count > 0; --count)
          map.set(*some_word(), *some_tree(depth - 1));
        return map;
      }
    }
  });
}

rc::Gen<Tree> some_object() {
  return rc::gen::exec([] {
    Tree object = Tree::map();
    object.set("metadata", *some_tree(3));
    object.set("spec", *some_tree(3));
    return object;
  });
}

TEST(ItemStream, GivesEachObjectOfAListThenItsEnd) {
  const Outcome outcome = read(list_of(kService), R"({"kind":"ServiceList","apiVersion":"v1",
    "metadata":{"resourceVersion":"17","continue":"abc","remainingItemCount":3},
    "items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]})");
  EXPECT_EQ(outcome.error, "");
  ASSERT_EQ(outcome.items.size(), 3U);
  EXPECT_EQ(to_json(std::get<Listed>(outcome.items[0]).object, 0),
            R"({"metadata":{"name":"a"},"apiVersion":"v1","kind":"Service"})");
  const auto& end = std::get<ListEnd>(outcome.items[2]);
  EXPECT_EQ(end, (ListEnd{.resource_version = "17", .continue_token = "abc", .remaining = 3}));
}

TEST(ItemStream, TakesTheHeadBehindTheItemsAsCustomResourcesHaveIt) {
  const TypeName eip{.api_version = "network.kubesphere.io/v1alpha2", .kind = "Eip"};
  const Outcome outcome = read(list_of(eip), R"({"apiVersion":"network.kubesphere.io/v1alpha2",
    "items":[{"apiVersion":"network.kubesphere.io/v1alpha2","kind":"Eip","metadata":{"name":"lan"}},
             {"metadata":{"name":"mine"}}],
    "kind":"EipList","metadata":{"continue":"","resourceVersion":"9"}})");
  EXPECT_EQ(outcome.error, "");
  ASSERT_EQ(outcome.items.size(), 3U);
  EXPECT_EQ(std::get<Listed>(outcome.items[0]).object["kind"].text(), "Eip");
  EXPECT_EQ(std::get<Listed>(outcome.items[1]).object["kind"].text(), "Eip");
  EXPECT_EQ(std::get<Listed>(outcome.items[1]).object["apiVersion"].text(),
            "network.kubesphere.io/v1alpha2");
  EXPECT_EQ(std::get<ListEnd>(outcome.items[2]).resource_version, "9");
}

TEST(ItemStream, TakesNullForAListThatWasNeverMade) {
  const Outcome outcome =
      read(list_of(kService),
           R"({"kind":"ServiceList","metadata":{"resourceVersion":"1"},"items":null})");
  EXPECT_EQ(outcome.error, "");
  ASSERT_EQ(outcome.items.size(), 1U);
}

TEST(ItemStream, GivesTheEventsOfAWatchAsTheyCome) {
  ItemStream stream{watch_of(kService)};
  stream.offer(R"({"type":"ADDED","object":{"kind":"Service","metadata":{"name":"a"}}})");
  const auto first = stream.next();
  ASSERT_TRUE(first && *first);  // the newline behind it is not waited for
  EXPECT_EQ(std::get<WatchEvent>(**first).type, WatchEvent::Type::Added);
  ASSERT_TRUE(stream.next() && stream.finish());
  stream.offer("\n{\"object\":{},\"type\":\"BOOKMARK\"}{\"type\":");
  const auto second = stream.next();
  ASSERT_TRUE(second && *second);
  EXPECT_EQ(std::get<WatchEvent>(**second).type, WatchEvent::Type::Bookmark);
  ASSERT_TRUE(stream.next());
  EXPECT_EQ(stream.finish().error().message, "the watch ended in the middle of an event");
}

TEST(ItemStream, DropsManagedFieldsAndOnlyThose) {
  const std::string_view body = R"({"type":"ADDED","object":{"managedFields":1,"metadata":{
    "managedFields":[{"manager":"kubectl","fieldsV1":{"f:spec":{"f:managedFields":{}}}}],
    "name":"a","labels":{"managedFields":"kept"}},"spec":{"metadata":{"managedFields":[2]}}}})";
  const Outcome dropped = read(watch_of(kService), body);
  ASSERT_EQ(dropped.items.size(), 1U);
  EXPECT_EQ(to_json(std::get<WatchEvent>(dropped.items[0]).object, 0),
            R"({"managedFields":1,"metadata":{"name":"a","labels":{"managedFields":"kept"}},)"
            R"("spec":{"metadata":{"managedFields":[2]}}})");
  ItemStream::Config keeping = watch_of(kService);
  keeping.managed_fields = ManagedFields::Keep;
  const Outcome kept = read(keeping, body);
  ASSERT_EQ(kept.items.size(), 1U);
  EXPECT_EQ(std::get<WatchEvent>(kept.items[0]).object["metadata"]["managedFields"].items().size(),
            1U);
}

TEST(ItemStream, WhatIsDroppedCountsForNoLimit) {
  ItemStream::Config config = watch_of(kService);
  config.limits = {.octets = 60, .depth = 2, .values = 4};
  const Outcome outcome =
      read(config, R"({"type":"ADDED","object":{"metadata":{"managedFields":)" +
                       std::string{R"([1,2,3,4,5,"0123456789"],"name":"a"}}})"});
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.items.size(), 1U);
}

TEST(ItemStream, HandsOutWhatWasWholeBeforeTheError) {
  const std::string body =
      R"({"kind":"ServiceList","items":[{"metadata":{"name":"a"}},{"metadata":nonsense}]})";
  const Outcome outcome = read(list_of(kService), body);
  EXPECT_EQ(outcome.items.size(), 1U);
  EXPECT_EQ(outcome.error, "not JSON: syntax error");
}

TEST(ItemStream, GivesAnErrorForEver) {
  ItemStream stream{watch_of(kService)};
  stream.offer("}");
  EXPECT_FALSE(stream.next());
  stream.offer(R"({"type":"ADDED","object":{}})");
  EXPECT_FALSE(stream.next());
  EXPECT_FALSE(stream.finish());
}

TEST(ItemStream, RefusesAnObjectThatIsTooLargeInWords) {
  ItemStream::Config config = watch_of(kService);
  config.limits = {.octets = 100, .depth = 3, .values = 6};
  const auto error = [&](const std::string& object) {
    return read(config, R"({"type":"ADDED","object":)" + object + "}").error;
  };
  EXPECT_EQ(error(R"({"a":")" + std::string(99, 'x') + R"("})"), "");
  EXPECT_EQ(error(R"({"a":")" + std::string(100, 'x') + R"("})"),
            "in the watch, object 1: more than 100 octets in one object");
  EXPECT_EQ(error(R"({"a":[[1]]})"), "");
  EXPECT_EQ(error(R"({"a":[[[1]]]})"), "in the watch, object 1: nested deeper than 3 levels");
  EXPECT_EQ(error(R"({"a":[1,2,3,4]})"), "");
  EXPECT_EQ(error(R"({"a":[1,2,3,4,5]})"),
            "in the watch, object 1: more than 6 values in one object");
}

TEST(ItemStream, EveryObjectHasItsOwnLimit) {
  ItemStream::Config config = watch_of(kService);
  config.limits.octets = 100;
  std::string body;
  for (int i = 0; i < 50; ++i)
    body += R"({"type":"ADDED","object":{"a":")" + std::string(90, 'x') + "\"}}\n";
  const Outcome outcome = read(config, body);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.items.size(), 50U);
}

TEST(ItemStream, SkipsWhatStandsAroundTheObjectsWithoutKeepingIt) {
  const std::string body = R"({"kind":"ServiceList","more":{"deep":)" + nested(20) +
                           R"(},"metadata":{"other":{"items":[1]},"resourceVersion":"5"},)"
                           R"("items":[],"x":")" +
                           std::string(200'000, 'y') + R"("})";
  const Outcome outcome = read(list_of(kService), body);
  EXPECT_EQ(outcome.error, "");
  ASSERT_EQ(outcome.items.size(), 1U);
  EXPECT_EQ(std::get<ListEnd>(outcome.items[0]).resource_version, "5");
  EXPECT_EQ(read(list_of(kService), R"({"more":)" + nested(100) + "}").error,
            "nested deeper than 64 levels");
}

struct Refusal {
  std::string_view body;
  std::string_view error;
};

TEST(ItemStream, SaysWhatIsWrongWithAWatch) {
  const std::vector<Refusal> refusals{
      {"[]", "in the watch: a map was expected"},
      {"1 ", "in the watch: a number where a map or list should be"},
      {R"({"type":"ADDED"})", "in the watch: an event ADDED without object"},
      {R"({"type":"ADDED","object":null})", "in the watch: null where an object should be"},
      {R"({"type":"ADDED","object":[]})", "in the watch: a list where an object should be"},
      {R"({"object":{}})",
       "in the watch, object 1: an event of type \"\"; ADDED, MODIFIED, DELETED, BOOKMARK and "
       "ERROR are known"},
      {R"({"type":1,"object":{}})", "in the watch: a number where a text should be"},
      {R"({"type":{}})", "in the watch: a map where a word should be"},
      {R"({"type":"ADDED","object":{"a":1,"a":2}})",
       "in the watch, object 1: a stands twice in one map"},
      {"{\"type\":\"\xff\"}", "not JSON: syntax error"},
  };
  for (const Refusal& refusal : refusals)
    EXPECT_EQ(read(watch_of(kService), refusal.body).error, refusal.error) << refusal.body;
}

TEST(ItemStream, TakesAPairOfSurrogatesAndRefusesHalfOfOneHoweverItIsCut) {
  const auto named = [](const std::string& escapes) {
    return R"({"type":"ADDED","object":{"metadata":{"name":")" + escapes + "\"}}}\n";
  };
  const std::string pair = named(R"(\ud83d\ude00)");
  const std::string half = named(R"(\ud83d\ud00e)");
  for (std::size_t chunk = 1; chunk <= pair.size(); ++chunk) {
    const Outcome whole = read(watch_of(kService), pair, chunk);
    ASSERT_EQ(whole.items.size(), 1U) << chunk;
    EXPECT_EQ(std::get<WatchEvent>(whole.items[0]).object.at_path("metadata.name").text(),
              "\U0001f600");
    const Outcome broken = read(watch_of(kService), half, chunk);
    EXPECT_TRUE(broken.items.empty()) << chunk;
    EXPECT_NE(broken.error, "") << chunk;
  }
}

TEST(ItemStream, SaysWhatIsWrongWithAList) {
  const std::vector<Refusal> refusals{
      {"", "the list ended in the middle"},
      {R"({"items":[)", "the list ended in the middle"},
      {R"({"kind":"Status","message":"no"})",
       "in the list: a Status where a ServiceList should be"},
      {R"({"items":{}})", "in the list: a list as items was expected"},
      {R"({"metadata":[]})", "in the list: a map as metadata was expected"},
      {R"({"items":[1]})", "in the list: a number where an object should be"},
      {R"({"items":[]} {)", "more text behind the end of the list"},
  };
  for (const Refusal& refusal : refusals)
    EXPECT_EQ(read(list_of(kService), refusal.body).error, refusal.error) << refusal.body;
}

TEST(ParseJson, KeepsTheTextOfNumbersAndKnowsTexts) {
  const auto tree = parse_json(R"({"a":[1,-0,1.50,1e3,18446744073709551616,"1",true,null]})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(to_json(*tree, 0), R"({"a":[1,-0,1.50,1e3,18446744073709551616,"1",true,null]})");
  EXPECT_TRUE((*tree)["a"].items()[5].is_string());
  EXPECT_EQ((*tree)["a"].items()[4].kind(), Tree::Kind::Number);
}

TEST(ParseJson, TakesScalarsAndRefusesMoreThanOneDocument) {
  EXPECT_EQ(parse_json(" 1 ")->text(), "1");
  EXPECT_EQ(parse_json("\"\\u00e4\\n\"")->text(), "\u00e4\n");
  EXPECT_TRUE(parse_json("null")->is_null());
  EXPECT_EQ(parse_json("1 2").error().message, "not JSON: more text behind its end");
  EXPECT_EQ(parse_json("").error().message, "not JSON: incomplete JSON");
  EXPECT_EQ(parse_json("{\"a\":1,\"a\":2}").error().message, "a stands twice in one map");
  EXPECT_TRUE(parse_json(nested(64)));
  EXPECT_EQ(parse_json(nested(65)).error().message, "nested deeper than 64 levels");
}

TEST(ParseJson, FindsAKeyThatStandsTwiceAmongMany) {
  std::string map;
  for (int i = 0; i < 40; ++i)
    map += "\"k" + std::to_string(i) + "\":1,";
  EXPECT_TRUE(parse_json("{" + map + "\"new\":1}"));
  EXPECT_EQ(parse_json("{" + map + "\"k3\":1}").error().message, "k3 stands twice in one map");
  EXPECT_EQ(parse_json("{" + map + "\"k39\":1}").error().message, "k39 stands twice in one map");
}

RC_GTEST_PROP(ParseJson, UndoesToJson, ()) {
  const Tree tree = *some_tree(4);
  const auto indent = *rc::gen::element(0U, 2U);
  RC_ASSERT(*parse_json(to_json(tree, indent)) == tree);
}

RC_GTEST_PROP(ItemStream, GivesTheSameHoweverTheBytesAreCut, ()) {
  const bool is_list = *rc::gen::arbitrary<bool>();
  const auto objects = *rc::gen::container<std::vector<Tree>>(some_object());
  std::string body = is_list ? lab::list_body(objects) : lab::watch_body(objects);
  if (!body.empty() && *rc::gen::arbitrary<bool>()) {
    const auto at = *rc::gen::inRange<std::size_t>(0, body.size());
    body[at] = *rc::gen::element('"', '{', '}', ']', ',', '\\', '0', '\xc3', ' ');
  }
  const ItemStream::Config config = is_list ? list_of(kService) : watch_of(kService);
  const Outcome whole = read(config, body);
  const auto size = *rc::gen::inRange<std::size_t>(1, 40);
  RC_ASSERT(read(config, body, size) == whole);
}

}  // namespace
}  // namespace porter::watch
