// SPDX-License-Identifier: Apache-2.0
#include "watch/list_watch.hpp"

#include <gtest/gtest.h>

#include "watch/list_watch_lab.hpp"
#include "watch/list_watch_words.hpp"

namespace porter::watch {
namespace {

using namespace std::chrono_literals;
using lab::Bench;
using lab::bookmark;
using lab::object;
using lab::Texts;
using Type = WatchEvent::Type;

ListWatchConfig services(ListWatchConfig::Initial initial) {
  return {.resource = "services", .initial = initial};
}

constexpr auto kList = ListWatchConfig::Initial::List;
constexpr auto kWatchList = ListWatchConfig::Initial::WatchList;

// Has listed a@5 and b@6, and watches from 10.
Bench watching() {
  Bench bench{services(kList)};
  (void)bench.start();
  (void)bench.answer(200);
  (void)bench.item(object("a", "5"));
  (void)bench.item(object("b", "6"));
  (void)bench.page("10", "");
  EXPECT_EQ(bench.end(), (Texts{"Synced", "Watch 10"}));
  (void)bench.answer(200);
  return bench;
}

TEST(ListWatch, ListsInPagesAndWatchesFromThere) {
  Bench bench{services(kList)};
  EXPECT_EQ(bench.start(), Texts{"List limit=500"});
  EXPECT_EQ(bench.answer(200), Texts{});
  EXPECT_EQ(bench.item(object("a", "5")), Texts{"Applied a@5"});
  EXPECT_EQ(bench.page("10", "x/+="), Texts{});
  EXPECT_EQ(bench.end(), Texts{"List limit=500&continue=x%2F%2B%3D"});
  EXPECT_EQ(bench.answer(200), Texts{});
  EXPECT_EQ(bench.item(object("b", "6")), Texts{"Applied b@6"});
  EXPECT_EQ(bench.page("10", ""), Texts{});
  EXPECT_EQ(bench.end(), (Texts{"Synced", "Watch 10"}));
  EXPECT_TRUE(bench.machine().status().is_synced);
  EXPECT_FALSE(bench.machine().status().is_watching);
  EXPECT_EQ(bench.answer(200), Texts{});
  EXPECT_TRUE(bench.machine().status().is_watching);
}

TEST(ListWatch, HandsOnEventsAndResumesBehindTheLastOne) {
  Bench bench = watching();
  EXPECT_EQ(bench.event(Type::Added, object("c", "11")), Texts{"Applied c@11"});
  EXPECT_EQ(bench.event(Type::Modified, object("a", "12")), Texts{"Applied a@12"});
  EXPECT_EQ(bench.event(Type::Deleted, object("b", "13")), Texts{"Deleted b"});
  EXPECT_EQ(bench.event(Type::Bookmark, bookmark("20", false)), Texts{});
  EXPECT_EQ(bench.pass(200s), Texts{});
  EXPECT_EQ(bench.end(), Texts{"Watch 20"});
}

TEST(ListWatch, DeletesNothingItDoesNotKnow) {
  Bench bench = watching();
  EXPECT_EQ(bench.event(Type::Deleted, object("z", "13")), Texts{});
}

TEST(ListWatch, BeginsWithAWatchListWhereItMay) {
  Bench bench{services(kWatchList)};
  EXPECT_EQ(bench.start(), Texts{"WatchList"});
  EXPECT_EQ(query_of(bench.last_watch()),
            "watch=true&allowWatchBookmarks=true&timeoutSeconds=" +
                std::to_string(bench.last_watch().timeout.count()) +
                "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
  (void)bench.answer(200);
  EXPECT_EQ(bench.event(Type::Added, object("a", "5")), Texts{"Applied a@5"});
  EXPECT_EQ(bench.event(Type::Bookmark, bookmark("7", false)), Texts{});
  EXPECT_FALSE(bench.machine().status().is_synced);
  EXPECT_EQ(bench.event(Type::Bookmark, bookmark("8", true)), Texts{"Synced"});
  EXPECT_TRUE(bench.machine().status().is_watching);
  EXPECT_EQ(bench.event(Type::Modified, object("a", "9")), Texts{"Applied a@9"});
  EXPECT_EQ(bench.pass(200s), Texts{});
  EXPECT_EQ(bench.end(), Texts{"Watch 9"});
  EXPECT_EQ(query_of(bench.last_watch()), "watch=true&allowWatchBookmarks=true&timeoutSeconds=" +
                                              std::to_string(bench.last_watch().timeout.count()) +
                                              "&resourceVersion=9");
}

TEST(ListWatch, FallsBackForGoodWhenWatchListIsRefused) {
  for (const int code : {400, 422}) {
    Bench bench{services(kWatchList)};
    (void)bench.start();
    EXPECT_EQ(bench.answer(code, "Invalid", "sendInitialEvents: Forbidden"),
              Texts{"List limit=500"});
    EXPECT_FALSE(bench.machine().uses_watch_list());
  }
  Bench bench{services(kWatchList)};
  (void)bench.start();
  (void)bench.answer(200);
  const Tree refusal = lab::status(500, "InternalError",
                                   "the required storage feature RequestWatchProgress is disabled");
  EXPECT_EQ(bench.event(Type::Error, refusal), (Texts{"Cancel", "List limit=500"}));
  (void)bench.answer(200);
  (void)bench.page("3", "");
  EXPECT_EQ(bench.end(), (Texts{"Synced", "Watch 3"}));
  EXPECT_EQ(bench.answer(410, "Expired", "too old"), Texts{});
  EXPECT_EQ(bench.wait(), Texts{"List limit=500"});
}

TEST(ListWatch, FallsBackWhenTwoStreamsInARowDoNotComeToTheirEnd) {
  Bench bench{services(kWatchList)};
  (void)bench.start();
  (void)bench.answer(200);
  EXPECT_EQ(bench.fail(Errc::Unavailable, "connection reset"), Texts{});
  EXPECT_EQ(bench.wait(), Texts{"WatchList"});
  (void)bench.answer(200);
  (void)bench.end();
  EXPECT_EQ(bench.wait(), Texts{"List limit=500"});
}

TEST(ListWatch, AServerThatIsAwayDoesNotMakeItFallBack) {
  Bench bench{services(kWatchList)};
  (void)bench.start();
  for (int i = 0; i < 10; ++i) {
    (void)bench.fail(Errc::Unavailable, "connection refused");
    EXPECT_EQ(bench.wait(), Texts{"WatchList"});
  }
}

TEST(ListWatch, RelistsAfterGoneAndEmitsOnlyTheDifference) {
  Bench bench = watching();
  EXPECT_EQ(bench.event(Type::Error, lab::status(410, "Expired", "too old")), Texts{"Cancel"});
  EXPECT_EQ(bench.wait(), Texts{"List limit=500"});
  (void)bench.answer(200);
  EXPECT_EQ(bench.item(object("a", "5")), Texts{});
  EXPECT_EQ(bench.item(object("c", "17")), Texts{"Applied c@17"});
  (void)bench.page("20", "");
  EXPECT_EQ(bench.end(), (Texts{"Deleted b", "Synced", "Watch 20"}));
  EXPECT_EQ(bench.machine().status().counters.relists, 1U);
  EXPECT_EQ(bench.machine().status().counters.unchanged, 1U);
}

TEST(ListWatch, StartsTheListAnewAndInOnePieceWhenItsTokenExpired) {
  Bench bench{services(kList)};
  (void)bench.start();
  (void)bench.answer(200);
  (void)bench.item(object("a", "5"));
  (void)bench.page("10", "token");
  (void)bench.end();
  EXPECT_EQ(bench.answer(410, "Expired", "the provided continue parameter is too old"), Texts{});
  EXPECT_EQ(bench.wait(), Texts{"List "});
  (void)bench.answer(200);
  EXPECT_EQ(bench.item(object("b", "11")), Texts{"Applied b@11"});
  (void)bench.page("12", "");
  EXPECT_EQ(bench.end(), (Texts{"Deleted a", "Synced", "Watch 12"}));
}

TEST(ListWatch, AsksForAPageAgainWhenItBroke) {
  Bench bench{services(kList)};
  (void)bench.start();
  (void)bench.answer(200);
  (void)bench.item(object("a", "5"));
  (void)bench.page("10", "token");
  (void)bench.end();
  (void)bench.answer(200);
  EXPECT_EQ(bench.item(object("b", "6")), Texts{"Applied b@6"});
  EXPECT_EQ(bench.fail(Errc::Unavailable, "connection reset"), Texts{});
  EXPECT_EQ(bench.wait(), Texts{"List limit=500&continue=token"});
  (void)bench.answer(200);
  EXPECT_EQ(bench.item(object("b", "6")), Texts{});
  (void)bench.page("10", "");
  EXPECT_EQ(bench.end(), (Texts{"Synced", "Watch 10"}));
}

TEST(ListWatch, DeletesNothingWhileTheServerIsAway) {
  Bench bench = watching();
  EXPECT_EQ(bench.fail(Errc::Unavailable, "connection reset"), Texts{});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(bench.wait(), Texts{"List limit=1"});
    for (const std::string& text : bench.fail(Errc::Unavailable, "connection refused"))
      EXPECT_EQ(text, "Trouble: cannot list services: connection refused");
    EXPECT_LE(bench.until_deadline(), 30s);
  }
  EXPECT_GE(bench.until_deadline(), 15s);
  EXPECT_EQ(bench.machine().status().objects, 2U);
}

TEST(ListWatch, ResumesAfterABrokenConnectionWhenTheStorageStillKnowsItsVersion) {
  Bench bench = watching();
  (void)bench.fail(Errc::Unavailable, "connection reset");
  EXPECT_EQ(bench.wait(), Texts{"List limit=1"});
  (void)bench.answer(200);
  EXPECT_EQ(bench.item(object("zzz", "99")), Texts{});  // only its version is of interest
  (void)bench.page("10", "more");
  EXPECT_EQ(bench.end(), Texts{"Watch 10"});
}

TEST(ListWatch, ReadsEverythingAnewWhenTheStorageWentBackInTime) {
  Bench bench = watching();
  (void)bench.fail(Errc::Unavailable, "connection reset");
  (void)bench.wait();
  (void)bench.answer(200);
  (void)bench.page("9", "");  // we were at 10
  EXPECT_EQ(bench.end(), (Texts{"WentBack", "List limit=500"}));
  (void)bench.answer(200);
  // The same version may have other contents now.
  EXPECT_EQ(bench.item(object("a", "5")), Texts{"Applied a@5"});
  (void)bench.page("9", "");
  EXPECT_EQ(bench.end(), (Texts{"Deleted b", "Synced", "Watch 9"}));
}

TEST(ListWatch, TimeoutsOfWatchesAreSpread) {
  Bench bench = watching();
  std::chrono::seconds least = 1h;
  std::chrono::seconds most = 0s;
  for (int i = 0; i < 50; ++i) {
    least = std::min(least, bench.last_watch().timeout);
    most = std::max(most, bench.last_watch().timeout);
    (void)bench.pass(239s);
    (void)bench.end();
    (void)bench.answer(200);
  }
  EXPECT_GE(least, 240s);
  EXPECT_LE(most, 300s);
  EXPECT_GT(most - least, 30s);
}

TEST(ListWatch, AWatchThatOutlivesItsTimeIsDead) {
  Bench bench = watching();
  const Duration timeout = bench.last_watch().timeout;
  EXPECT_EQ(bench.pass(1s), Texts{});
  EXPECT_EQ(bench.until_deadline(), timeout + 5s - 1s);
  EXPECT_EQ(bench.wait(), Texts{"Cancel"});
  EXPECT_EQ(bench.wait(), Texts{"List limit=1"});
}

TEST(ListWatch, ARequestThatIsNotAnsweredIsGivenUp) {
  Bench bench{services(kList)};
  (void)bench.start();
  EXPECT_EQ(bench.until_deadline(), ListWatch::kPatience);
  EXPECT_EQ(bench.wait(), Texts{"Cancel"});
  EXPECT_EQ(bench.wait(), Texts{"List limit=500"});
  (void)bench.answer(200);
  (void)bench.pass(60s);
  (void)bench.item(object("a", "5"));
  EXPECT_EQ(bench.pass(60s), Texts{});  // it is slow, and alive
  EXPECT_EQ(bench.pass(5s), (Texts{"Cancel",
                                   "Trouble: cannot list services: the API server has "
                                   "fallen silent"}));
}

TEST(ListWatch, WhatACancelledRequestStillSaysIsIgnored) {
  Bench bench{services(kList)};
  (void)bench.start();
  const RequestId old = bench.request();
  (void)bench.wait();
  (void)bench.wait();
  EXPECT_EQ(bench.tell(Received{.id = old, .item = Listed{.object = object("a", "5")}}), Texts{});
  EXPECT_EQ(bench.tell(Ended{.id = old}), Texts{});
  EXPECT_EQ(bench.tell(Failed{.id = old, .error = {}}), Texts{});
  EXPECT_EQ(bench.machine().status().counters.failures, 1U);
}

TEST(ListWatch, BacksOffFromATenthOfASecondToThirty) {
  Bench bench{services(kList)};
  (void)bench.start();
  Duration most = 100ms;
  for (int i = 0; i < 12; ++i) {
    (void)bench.fail(Errc::Unavailable, "connection refused");
    EXPECT_GE(bench.until_deadline(), most / 2);
    EXPECT_LE(bench.until_deadline(), most);
    most = std::min<Duration>(most * 2, 30s);
    (void)bench.wait();
  }
}

TEST(ListWatch, AWatchThatLivedASecondResetsTheBackOff) {
  Bench bench = watching();
  for (int i = 0; i < 8; ++i) {
    (void)bench.fail(Errc::Unavailable, "connection refused");
    (void)bench.wait();
  }
  (void)bench.answer(200);
  (void)bench.page("10", "");
  EXPECT_EQ(bench.end(), Texts{"Watch 10"});
  (void)bench.answer(200);
  EXPECT_EQ(bench.pass(1s), Texts{"Recovered"});
  (void)bench.fail(Errc::Unavailable, "connection reset");
  EXPECT_LE(bench.until_deadline(), 100ms);
}

TEST(ListWatch, AServerThatEndsEveryWatchAtOnceIsNotAskedInALoop) {
  Bench bench = watching();
  Duration waited{};
  for (int i = 0; i < 10; ++i) {
    (void)bench.event(Type::Bookmark, bookmark("11", false));
    (void)bench.end();
    waited += bench.until_deadline();
    EXPECT_EQ(bench.wait(), Texts{"List limit=1"});
    (void)bench.answer(200);
    (void)bench.page("11", "");
    EXPECT_EQ(bench.end(), Texts{"Watch 11"});
    (void)bench.answer(200);
  }
  EXPECT_GT(waited, 25s);
}

TEST(ListWatch, HonoursRetryAfter) {
  Bench bench{services(kList)};
  (void)bench.start();
  (void)bench.answer(429, "TooManyRequests", "slow down", 7s);
  EXPECT_GE(bench.until_deadline(), 7s);
  EXPECT_LE(bench.until_deadline(), 7100ms);
  (void)bench.wait();
  (void)bench.answer(503, "ServiceUnavailable", "starting", 24h);
  EXPECT_LE(bench.until_deadline(), ListWatch::kLongestRetryAfter + 1s);
}

TEST(ListWatch, SaysOnceWhatRbacRefusesAndWhenThatIsOver) {
  Bench bench{services(kList)};
  (void)bench.start();
  EXPECT_EQ(bench.answer(403, "Forbidden", "User \"x\" cannot list"),
            Texts{"Trouble: cannot list services: 403 Forbidden: User \"x\" cannot list"});
  EXPECT_EQ(bench.wait(), Texts{"List limit=500"});
  EXPECT_EQ(bench.answer(403, "Forbidden", "User \"x\" cannot list"), Texts{});
  ASSERT_TRUE(bench.machine().status().trouble);
  EXPECT_EQ(bench.machine().status().trouble->cause, Trouble::Cause::Denied);
  EXPECT_EQ(bench.machine().status().trouble->verb, "list");
  (void)bench.wait();
  (void)bench.answer(200);
  (void)bench.page("1", "");
  (void)bench.end();
  EXPECT_EQ(bench.answer(403, "Forbidden", "User \"x\" cannot watch"),
            Texts{"Trouble: cannot watch services: 403 Forbidden: User \"x\" cannot watch"});
  (void)bench.wait();
  (void)bench.answer(200);
  (void)bench.page("1", "");
  (void)bench.end();
  (void)bench.answer(200);
  EXPECT_EQ(bench.wait(), Texts{"Recovered"});
  EXPECT_FALSE(bench.machine().status().trouble);
}

TEST(ListWatch, AKindThatIsNotServedIsAskedForAgain) {
  Bench bench{services(kWatchList)};
  (void)bench.start();
  EXPECT_EQ(bench.answer(404, "NotFound", "the server could not find the requested resource"),
            Texts{"Trouble: cannot watch services: 404 NotFound: the server could not find the "
                  "requested resource"});
  EXPECT_EQ(bench.wait(), Texts{"WatchList"});
  EXPECT_EQ(bench.machine().status().trouble->cause, Trouble::Cause::NotServed);
}

TEST(ListWatch, GarbageIsNamedAndTheWatchResumed) {
  Bench bench = watching();
  (void)bench.event(Type::Added, object("c", "11"));
  EXPECT_EQ(bench.fail(Errc::Invalid, "in the watch: not JSON"),
            Texts{"Trouble: cannot watch services: in the watch: not JSON"});
  (void)bench.wait();
  (void)bench.answer(200);
  (void)bench.page("12", "");
  EXPECT_EQ(bench.end(), Texts{"Watch 11"});
  EXPECT_EQ(bench.machine().status().counters.garbled, 1U);
}

TEST(ListWatch, RefusesItemsThatMakeNoSense) {
  const auto said = [](Item item) { return watching().receive(std::move(item)); };
  const std::string head = "Trouble: cannot watch services: ";
  EXPECT_EQ(said(Listed{.object = object("c", "11")}),
            (Texts{"Cancel", head + "an item of a list in a watch"}));
  EXPECT_EQ(said(ListEnd{}), (Texts{"Cancel", head + "the end of a list in a watch"}));
  EXPECT_EQ(said(WatchEvent{.type = Type::Added, .object = object("", "11")}),
            (Texts{"Cancel", head + "an object without name"}));
  EXPECT_EQ(said(WatchEvent{.type = Type::Added, .object = object("c", "")}),
            (Texts{"Cancel", head + "an event without resourceVersion"}));
  Bench listing{services(kList)};
  (void)listing.start();
  EXPECT_EQ(listing.event(Type::Added, object("c", "11")),
            (Texts{"Cancel", "Trouble: cannot list services: an event in a list"}));
  (void)listing.wait();
  EXPECT_EQ(listing.end(), Texts{"Trouble: cannot list services: a list without end"});
  (void)listing.wait();
  (void)listing.page("", "");
  EXPECT_EQ(listing.end(), Texts{"Trouble: cannot list services: a list without resourceVersion"});
}

TEST(ListWatch, ObjectsBeyondTheLimitArePassedOverAloud) {
  ListWatchConfig config = services(kList);
  config.most_objects = 1;
  Bench bench{config};
  (void)bench.start();
  (void)bench.answer(200);
  (void)bench.item(object("a", "5"));
  EXPECT_EQ(bench.item(object("b", "6")),
            Texts{"Trouble: cannot list services: there are more than 1 of them; the rest is not "
                  "looked at"});
  EXPECT_EQ(bench.item(object("c", "7")), Texts{});
  (void)bench.page("10", "");
  EXPECT_EQ(bench.end(), (Texts{"Synced", "Watch 10"}));
  (void)bench.answer(200);
  EXPECT_EQ(bench.wait(), Texts{});  // the trouble stays
  EXPECT_EQ(bench.machine().status().counters.passed_over, 2U);
  (void)bench.event(Type::Error, lab::status(410, "Expired", "too old"));
  (void)bench.wait();
  (void)bench.answer(200);
  (void)bench.item(object("a", "5"));
  (void)bench.page("11", "");
  EXPECT_EQ(bench.end(), (Texts{"Recovered", "Synced", "Watch 11"}));
}

TEST(ListWatch, StopsAndGoesOnWhereItWas) {
  Bench bench = watching();
  EXPECT_EQ(bench.stop(), Texts{"Cancel"});
  EXPECT_EQ(bench.machine().deadline(), kNever);
  EXPECT_EQ(bench.wait(), Texts{});
  EXPECT_EQ(bench.start(), Texts{"List limit=1"});
  (void)bench.page("15", "");
  EXPECT_EQ(bench.end(), Texts{"Watch 10"});
}

TEST(ReadStatus, TakesTheWordsOfTheApiServerAndThoseOfAProxy) {
  const ApiStatus status =
      read_status(429, "3",
                  R"({"kind":"Status","code":429,"reason":"TooManyRequests","message":"a)"
                  "\\n"
                  R"(b",
      "details":{"retryAfterSeconds":1}})");
  EXPECT_EQ(
      status,
      (ApiStatus{.code = 429, .reason = "TooManyRequests", .message = "a b", .retry_after = 3s}));
  EXPECT_EQ(
      read_status(502, "soon", "<html>\nBad Gateway\n"),
      (ApiStatus{.code = 502, .reason = "", .message = "<html> Bad Gateway", .retry_after = {}}));
  EXPECT_EQ(read_status(503, "", "").message, "no reason was given");
  EXPECT_EQ(read_status(500, "", std::string(2000, 'x')).message, std::string(500, 'x') + "...");
  EXPECT_EQ(
      read_status(429, "", R"({"kind":"Status","details":{"retryAfterSeconds":2}})").retry_after,
      2s);
}

TEST(Versions, AreComparedAsNumbersAndOnlyAsNumbers) {
  EXPECT_TRUE(is_older_version("9", "10"));
  EXPECT_TRUE(is_older_version("0010", "99"));
  EXPECT_TRUE(is_older_version("99999999999999999999", "100000000000000000000"));
  EXPECT_FALSE(is_older_version("10", "10"));
  EXPECT_FALSE(is_older_version("10", "9"));
  EXPECT_FALSE(is_older_version("", "9"));
  EXPECT_FALSE(is_older_version("a", "b"));
}

}  // namespace
}  // namespace porter::watch
