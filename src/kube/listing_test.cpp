// SPDX-License-Identifier: Apache-2.0
#include "kube/listing.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "kube/test_server.hpp"

namespace porter::kube {
namespace {

using Seen = TestServer::Seen;
using Answer = TestServer::Answer;

io::Task<> list_into(Client& client, std::string& names, Result<void>& outcome) {
  Resource resource = resource_of(model::Kind::Eip);
  std::function<void(const Tree&)> each = [&names](const Tree& item) {
    names += item.at_path("metadata.name").text() + " ";
  };
  outcome = co_await list(client, std::move(resource), std::move(each));
}

struct Listed {
  explicit Listed(TestServer::Handler handler) : server{bench, std::move(handler)} {
    client =
        open_client(bench, worker, access_to("http://127.0.0.1:" + std::to_string(server.port())),
                    quick_options());
    finish(bench, list_into(*client, names, outcome));
  }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;
  ~Listed() { finish(bench, bench.tasks.stop()); }

  manifests::Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<Client> client;
  TestServer server;
  std::string names;
  Result<void> outcome;
};

const std::string kPath = "/apis/network.kubesphere.io/v1alpha2/eips?limit=50";

TEST(List, ComesPageByPage) {
  const Listed listed{[](const Seen& seen) {
    if (seen.target == kPath) {
      return Answer{.bytes = http_answer(200, R"({"metadata":{"continue":"a b"},
          "items":[{"metadata":{"name":"one"}},{"metadata":{"name":"two"}}]})")};
    }
    return Answer{.bytes = http_answer(200, R"({"items":[{"metadata":{"name":"three"}}]})")};
  }};
  ASSERT_TRUE(listed.outcome) << listed.outcome.error().message;
  EXPECT_EQ(listed.names, "one two three ");
  ASSERT_EQ(listed.server.seen().size(), 2U);
  EXPECT_EQ(listed.server.seen().back().target, kPath + "&continue=a%20b");
}

TEST(List, OfAKindThatTheServerDoesNotKnowIsNotFound) {
  const Listed listed{[](const Seen&) { return Answer{.bytes = http_answer(404, "not here")}; }};
  ASSERT_FALSE(listed.outcome);
  EXPECT_EQ(listed.outcome.error().code, Errc::NotFound);
}

TEST(List, ThatIsRefusedSaysWhy) {
  const Listed listed{[](const Seen&) {
    return Answer{.bytes =
                      http_answer(403, R"({"kind":"Status","code":403,"message":"no right"})")};
  }};
  ASSERT_FALSE(listed.outcome);
  EXPECT_EQ(listed.outcome.error().code, Errc::Denied);
  EXPECT_EQ(listed.outcome.error().message, "no right");
}

}  // namespace
}  // namespace porter::kube
