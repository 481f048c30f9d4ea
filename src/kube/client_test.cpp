// SPDX-License-Identifier: Apache-2.0
#include "kube/client.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"

namespace porter::kube {
namespace {

using manifests::Bench;
using Seen = TestServer::Seen;
using Answer = TestServer::Answer;
using Then = TestServer::Then;

struct Scene {
  explicit Scene(TestServer::Handler handler) : server{bench, std::move(handler)} {}
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { finish(bench, bench.tasks.stop()); }

  [[nodiscard]] std::string url() const {
    return fmt::format("http://127.0.0.1:{}", server.port());
  }
  Client& client(int limit = 5000) {
    if (!made) made = open_client(bench, worker, access_to(url()), quick_options(limit));
    return *made;
  }
  [[nodiscard]] Result<Response> ask_for(const std::string& path) {
    return ask(bench, client(), get(path));
  }

  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<Client> made;
  TestServer server;
};

// What a stream brought.
struct Streamed {
  bool has_begun = false;
  std::string body;
  std::size_t longest = 0;
  std::size_t enough = std::string::npos;  // octets
  std::optional<Result<StreamEnd>> end;
  Sink sink{.began = [this] { has_begun = true; },
            .body =
                [this](std::string_view piece) {
                  body += piece;
                  longest = std::max(longest, piece.size());
                  return body.size() >= enough ? Sink::Flow::Enough : Sink::Flow::More;
                }};
};

io::Task<> stream_into(Client& client, Request request, Streamed& streamed) {
  streamed.end = co_await client.stream(std::move(request), streamed.sink);
}

io::Task<> stop_into(io::TaskGroup& tasks, bool& is_stopped) {
  co_await tasks.stop();
  is_stopped = true;
}

TEST(Client, SaysWhoItIsAndWhatItWants) {
  Scene scene{[](const Seen&) { return Answer{.bytes = http_answer(200, "{}")}; }};
  const Request request{.verb = Verb::Patch,
                        .path = "/api/v1/x?fieldManager=p",
                        .content_type = "application/merge-patch+json",
                        .body = "{\"a\":1}"};
  const auto answer = ask(scene.bench, scene.client(), request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->status, 200U);
  EXPECT_EQ(answer->body, "{}");
  const Seen& seen = scene.server.seen().front();
  EXPECT_EQ(seen.method, "PATCH");
  EXPECT_EQ(seen.target, "/api/v1/x?fieldManager=p");
  EXPECT_EQ(seen.body, "{\"a\":1}");
  EXPECT_EQ(seen.headers.at("content-type"), "application/merge-patch+json");
  EXPECT_EQ(seen.headers.at("user-agent"), "porter/" PORTER_VERSION);
  EXPECT_EQ(seen.headers.at("host"), fmt::format("127.0.0.1:{}", scene.server.port()));
  EXPECT_FALSE(seen.headers.contains("authorization"));
}

TEST(Client, ReadsAnAnswerHoweverItIsCut) {
  const std::string body(300, 'x');
  for (std::size_t cut = 1; cut < 24; ++cut) {
    Scene scene{[&](const Seen& seen) {
      if (seen.target == "/plain") return Answer{.bytes = http_answer(200, body), .cut = cut};
      return Answer{.bytes = chunked_head() + chunk(body) + chunk("end") + "0\r\n\r\n", .cut = cut};
    }};
    const auto chunked = scene.ask_for("/chunked");
    ASSERT_TRUE(chunked) << chunked.error().message;
    EXPECT_EQ(chunked->body, body + "end");
    const auto plain = scene.ask_for("/plain");
    ASSERT_TRUE(plain) << plain.error().message;
    EXPECT_EQ(plain->body, body);
    EXPECT_EQ(scene.server.connections(), 1U);
  }
}

TEST(Client, KeepsAConnectionForTheNextRequest) {
  Scene scene{[](const Seen& seen) { return Answer{.bytes = http_answer(200, seen.target)}; }};
  for (const std::string path : {"/a", "/b", "/c"})
    EXPECT_EQ(scene.ask_for(path)->body, path);
  EXPECT_EQ(scene.server.connections(), 1U);
  EXPECT_EQ(scene.client().counters().reused, 2U);
}

TEST(Client, PassesOverInterimAnswers) {
  Scene scene{[](const Seen&) {
    return Answer{.bytes = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http_answer(201, "{}")};
  }};
  EXPECT_EQ(scene.ask_for("/")->status, 201U);
}

TEST(Client, MakesANewConnectionWhenTheIdleOneWasClosed) {
  Scene scene{[](const Seen&) { return Answer{.bytes = http_answer(200, "{}")}; }};
  ASSERT_TRUE(scene.ask_for("/a"));
  scene.server.close_all();
  Request request = get("/b");
  request.verb = Verb::Post;  // not one that may be sent twice
  const auto answer = ask(scene.bench, scene.client(), request);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(scene.server.connections(), 2U);
}

TEST(Client, SendsAgainOnlyWhatMayBeSentTwice) {
  // Closes every connection at its second request, without an answer.
  Scene scene{[](const Seen& seen) {
    const bool is_first = seen.target == "/first" || seen.target == "/again/2";
    return is_first ? Answer{.bytes = http_answer(200, "{}")}
                    : Answer{.bytes = {}, .then = Then::Close};
  }};
  ASSERT_TRUE(scene.ask_for("/first"));
  EXPECT_FALSE(scene.ask_for("/get"));
  EXPECT_EQ(scene.server.seen().size(), 3U);  // and once more on a new connection
  ASSERT_TRUE(scene.ask_for("/first"));
  Request request = get("/post");
  request.verb = Verb::Post;
  const auto answer = ask(scene.bench, scene.client(), request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::Unavailable);
  EXPECT_NE(answer.error().message.find("ended in the middle"), std::string::npos);
  EXPECT_EQ(scene.server.seen().size(), 5U);
}

TEST(Client, SaysThatNobodyListens) {
  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::uint16_t port = 0;
  {
    const Tcp::acceptor gone{bench.context, Tcp::endpoint{io::asio::ip::address_v4::loopback(), 0}};
    port = gone.local_endpoint().port();
  }
  const auto client = open_client(
      bench, worker, access_to(fmt::format("http://127.0.0.1:{}", port)), quick_options());
  const auto answer = ask(bench, *client, get("/"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, fmt::format("127.0.0.1:{}: connection refused", port));
  EXPECT_EQ(client->trouble(), answer.error().message);
}

TEST(Client, GivesUpAServerThatDoesNotAnswerInTime) {
  Scene scene{
      [](const Seen&) { return Answer{.bytes = "HTTP/1.1 200 OK\r\n", .then = Then::Hang}; }};
  Request request = get("/");
  request.patience = std::chrono::milliseconds{50};
  const auto answer = ask(scene.bench, scene.client(), request);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("no answer within 50 ms"), std::string::npos);
}

TEST(Client, SaysThatWhatAnswersIsNoApiServer) {
  Scene scene{[](const Seen&) {
    return Answer{.bytes = "SSH-2.0-OpenSSH_9.2\r\n\r\n", .then = Then::Close};
  }};
  const auto answer = scene.ask_for("/");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("not an answer of HTTP/1.1"), std::string::npos);
}

TEST(Client, RefusesAnAnswerThatIsTooLarge) {
  Scene scene{[](const Seen&) {
    return Answer{.bytes = http_answer(200, std::string(Client::kLargestBody + 1, 'x')),
                  .then = Then::Close};
  }};
  const auto answer = scene.ask_for("/big");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::Exhausted);
}

TEST(Client, RefusesAPathThatWouldBreakTheRequest) {
  Scene scene{[](const Seen&) { return Answer{.bytes = http_answer(200, "{}")}; }};
  const auto answer = scene.ask_for("/a\r\nX: y");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::Invalid);
  EXPECT_TRUE(scene.server.seen().empty());
}

TEST(Client, WaitsAsLongAsRetryAfterSays) {
  unsigned count = 0;
  Scene scene{[&](const Seen&) {
    return ++count < 3 ? Answer{.bytes = http_answer(429, "", "Retry-After: 0\r\n")}
                       : Answer{.bytes = http_answer(200, "{}")};
  }};
  EXPECT_EQ(scene.ask_for("/")->status, 200U);
  EXPECT_EQ(scene.client().counters().throttled, 2U);
  count = 0;
  Request request = get("/");
  request.retry = Retry::Never;
  EXPECT_EQ(ask(scene.bench, scene.client(), request)->status, 429U);
}

TEST(Client, TellsTheReasonOfTheApiServer) {
  const std::string body =
      R"({"kind":"Status","apiVersion":"v1","status":"Failure","message":"services \"web\" is forbidden: User \"p\" cannot patch","reason":"Forbidden","code":403})";
  Scene scene{[&](const Seen&) { return Answer{.bytes = http_answer(403, body)}; }};
  const Error error = refusal(api_status(*scene.ask_for("/")));
  EXPECT_EQ(error.code, Errc::Denied);
  EXPECT_NE(error.message.find("services \"web\" is forbidden"), std::string::npos)
      << error.message;
}

TEST(Client, StreamsABodyPieceByPiece) {
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i)
    body += fmt::format("line {}\n", i);
  Scene scene{[&](const Seen&) { return Answer{.bytes = http_answer(200, body)}; }};
  Streamed streamed;
  scene.bench.tasks.spawn(stream_into(scene.client(), get("/list"), streamed));
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.end.has_value(); }));
  ASSERT_TRUE(*streamed.end) << streamed.end->error().message;
  EXPECT_EQ(streamed.body, body);
  EXPECT_LE(streamed.longest, Client::kPiece);
  EXPECT_TRUE((*streamed.end)->is_whole);
  EXPECT_EQ((*streamed.end)->status.code, 200);
  EXPECT_EQ(scene.ask_for("/next")->status, 200U);
  EXPECT_EQ(scene.server.connections(), 1U);
}

TEST(Client, StreamsAWatchAsItComesAndSaysWhenItBreaks) {
  Scene scene{[](const Seen&) { return Answer{.bytes = chunked_head(), .then = Then::Hang}; }};
  Streamed streamed;
  scene.bench.tasks.spawn(stream_into(scene.client(), get("/watch"), streamed));
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.has_begun; }));
  scene.server.push(chunk("one"));
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.body == "one"; }));
  scene.server.push(chunk("two").substr(0, 4));
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.body == "onet"; }));
  scene.server.drop();
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.end.has_value(); }));
  ASSERT_FALSE(*streamed.end);
  EXPECT_EQ(streamed.end->error().code, Errc::Unavailable);
}

TEST(Client, EndsAStreamOfWhichTheSinkHasEnough) {
  Scene scene{[](const Seen&) {
    return Answer{.bytes = chunked_head() + chunk("enough"), .then = Then::Hang};
  }};
  Streamed streamed;
  streamed.enough = 1;
  scene.bench.tasks.spawn(stream_into(scene.client(), get("/watch"), streamed));
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.end.has_value(); }));
  ASSERT_TRUE(*streamed.end);
  EXPECT_FALSE((*streamed.end)->is_whole);
}

TEST(Client, TellsTheSinkNothingOfARefusal) {
  Scene scene{[](const Seen&) {
    return Answer{
        .bytes = http_answer(
            410, R"({"kind":"Status","reason":"Expired","message":"too old","code":410})")};
  }};
  Streamed streamed;
  scene.bench.tasks.spawn(stream_into(scene.client(), get("/watch"), streamed));
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.end.has_value(); }));
  ASSERT_TRUE(*streamed.end);
  EXPECT_FALSE(streamed.has_begun);
  EXPECT_TRUE((*streamed.end)->status.is_expired());
}

TEST(Client, EndsAStreamThatIsSilentForTooLong) {
  Scene scene{[](const Seen&) { return Answer{.bytes = chunked_head(), .then = Then::Hang}; }};
  Streamed streamed;
  scene.bench.tasks.spawn(stream_into(scene.client(50), get("/watch"), streamed));
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.end.has_value(); }));
  ASSERT_FALSE(*streamed.end);
  EXPECT_NE(streamed.end->error().message.find("no answer within 50 ms"), std::string::npos);
}

TEST(Client, StopsAtOnceWhenItsTaskIsCancelled) {
  Scene scene{[](const Seen&) { return Answer{.bytes = chunked_head(), .then = Then::Hang}; }};
  Streamed streamed;
  io::TaskGroup tasks{scene.bench.context.get_executor()};
  tasks.spawn(stream_into(scene.client(), get("/watch"), streamed));
  ASSERT_TRUE(scene.bench.run_until([&] { return streamed.has_begun; }));
  bool is_stopped = false;
  scene.bench.tasks.spawn(stop_into(tasks, is_stopped));
  EXPECT_TRUE(scene.bench.run_until([&] { return is_stopped; }));
  EXPECT_FALSE(streamed.end);
  EXPECT_EQ(scene.client().counters().failures, 0U);
}

TEST(Client, HasABoundOfConnections) {
  Scene scene{[](const Seen&) { return Answer{.bytes = chunked_head(), .then = Then::Hang}; }};
  std::vector<Streamed> streams(Client::kMostConnections);
  for (Streamed& streamed : streams) {
    streamed.sink.began = [&streamed] { streamed.has_begun = true; };
    streamed.sink.body = [](std::string_view) { return Sink::Flow::More; };
    scene.bench.tasks.spawn(stream_into(scene.client(), get("/watch"), streamed));
  }
  ASSERT_TRUE(scene.bench.run_until([&] {
    return std::all_of(streams.begin(), streams.end(),
                       [](const Streamed& one) { return one.has_begun; });
  }));
  const auto answer = scene.ask_for("/one-more");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::Exhausted);
  finish(scene.bench, scene.bench.tasks.stop());
}

}  // namespace
}  // namespace porter::kube
