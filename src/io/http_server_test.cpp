// SPDX-License-Identifier: Apache-2.0
#include "io/http_server.hpp"

#include <array>
#include <filesystem>
#include <string>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

namespace porter::io {
namespace {

using Unix = asio::local::stream_protocol;

std::string socket_path() {
  const auto name = "porter-http-" + std::to_string(::getpid()) + ".sock";
  return (std::filesystem::temp_directory_path() / name).string();
}

HttpResponse echo(const HttpRequest& request) {
  std::string body = request.method + ' ' + request.path;
  for (const auto& [key, value] : request.query)
    body.append(" ").append(key).append("=").append(value);
  return {.status = 200, .content_type = "text/plain", .body = std::move(body)};
}

Task<> converse(std::string path, std::string request, std::string& answer, TaskGroup& tasks) {
  const auto executor = co_await asio::this_coro::executor;
  Unix::socket socket{executor};
  const Unix::endpoint endpoint{path};
  co_await socket.async_connect(endpoint, kAwait);
  co_await asio::async_write(socket, asio::buffer(request), kAwait);
  std::array<char, 4096> buffer{};
  for (;;) {
    const auto [error, size] = co_await socket.async_read_some(asio::buffer(buffer), kAwait);
    if (error) break;
    answer.append(buffer.data(), size);
  }
  co_await tasks.stop();
}

std::string answer_to(const std::string& request) {
  asio::io_context context{1};
  TaskGroup tasks{context.get_executor()};
  HttpServer server{context.get_executor(), tasks, echo};
  const std::string path = socket_path();
  EXPECT_TRUE(server.listen_unix(path));
  std::string answer;
  run(context, converse(path, request, answer, tasks));
  return answer;
}

TEST(HttpServer, AnswersWithTheDecodedPathAndQuery) {
  const std::string answer = answer_to(
      "GET /v1/a%20b?peer=tor%2F1&x=1+2 HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("HTTP/1.1 200 OK"), std::string::npos) << answer;
  EXPECT_NE(answer.find("GET /v1/a b peer=tor/1 x=1 2"), std::string::npos) << answer;
}

TEST(HttpServer, KeepsTheConnectionForTheNextRequest) {
  const std::string answer = answer_to(
      "GET /one HTTP/1.1\r\nHost: p\r\n\r\nGET /two HTTP/1.1\r\nHost: p\r\nConnection: "
      "close\r\n\r\n");
  EXPECT_NE(answer.find("GET /one"), std::string::npos) << answer;
  EXPECT_NE(answer.find("GET /two"), std::string::npos) << answer;
}

TEST(HttpServer, SendsNoBodyForHead) {
  const std::string answer =
      answer_to("HEAD /one HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Content-Length: 9"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("HEAD /one"), std::string::npos) << answer;
}

TEST(HttpServer, SaysThatItDoesNotUnderstandNonsenseAndHangsUp) {
  EXPECT_NE(answer_to("no http at all\r\n\r\n").find("400"), std::string::npos);
}

TEST(HttpServer, RefusesAHeaderBeyondItsLimit) {
  const std::string answer =
      answer_to("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
  EXPECT_NE(answer.find("400"), std::string::npos);
}

TEST(HttpServer, DoesNotTakeASocketSomebodyElseAnswersOn) {
  asio::io_context context{1};
  const std::string path = socket_path();
  const Unix::acceptor other{context, Unix::endpoint{path}};
  TaskGroup tasks{context.get_executor()};
  HttpServer server{context.get_executor(), tasks, echo};
  const Result<void> listening = server.listen_unix(path);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, Errc::Conflict);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace porter::io
