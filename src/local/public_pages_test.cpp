// SPDX-License-Identifier: Apache-2.0
#include "local/public_pages.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace porter::local {
namespace {

io::HttpResponse everything(const io::HttpRequest& request) {
  std::string body = "secret " + request.path;
  for (const auto& [key, value] : request.query)
    body += ' ' + key + '=' + value;
  return {.status = 200, .content_type = "text/plain", .body = std::move(body)};
}

io::HttpResponse ask(const std::string& method, const std::string& path) {
  const io::HttpRequest request{.method = method, .path = path, .query = {{"peer", "tor"}}};
  return public_answer(request, everything);
}

TEST(PublicPages, AreThreeAndNothingElse) {
  for (const char* const path : {"/metrics", "/healthz", "/readyz"})
    EXPECT_EQ(ask("GET", path).status, 200U) << path;
  for (const char* const path : {"/", "", "/v1/status", "/v1/explain", "/v1/routes", "/metrics/",
                                 "/metrics/../v1/status", "//metrics", "/readyz/x"}) {
    const io::HttpResponse answer = ask("GET", path);
    EXPECT_EQ(answer.status, 404U) << path;
    EXPECT_EQ(answer.body.find("secret"), std::string::npos) << path;
  }
}

TEST(PublicPages, AreOnlyRead) {
  EXPECT_EQ(ask("HEAD", "/metrics").status, 200U);
  for (const char* const method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", ""})
    EXPECT_EQ(ask(method, "/metrics").status, 405U) << method;
}

TEST(PublicPages, PassNoQueryOn) {
  EXPECT_EQ(ask("GET", "/metrics").body, "secret /metrics");
}

Result<void> opened(const std::string& listen) {
  io::asio::io_context context{1};
  io::TaskGroup tasks{context.get_executor()};
  PublicPages pages{context.get_executor(), tasks, everything};
  Result<void> answer = pages.open(listen);
  io::run(context, tasks.stop());
  return answer;
}

TEST(PublicPages, AreServedWhereTheyAreToldTo) {
  EXPECT_TRUE(opened("127.0.0.1:0"));
  EXPECT_TRUE(opened(":0"));
  EXPECT_TRUE(opened(""));
}

TEST(PublicPages, SayWhyTheyCannotBeServed) {
  const Result<void> garbage = opened("everywhere");
  ASSERT_FALSE(garbage);
  EXPECT_NE(garbage.error().message.find("--metrics-listen"), std::string::npos);
  EXPECT_FALSE(opened("192.0.2.1:7472"));  // an address of nobody here
}

}  // namespace
}  // namespace porter::local
