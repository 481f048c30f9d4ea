// SPDX-License-Identifier: Apache-2.0
#include "cluster/source.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"

namespace porter::cluster {
namespace {

using kube::TestServer;
using manifests::Bench;

const model::ObjectKey kKey{.kind = model::Kind::EipAddress,
                            .name = {.ns = {}, .name = "192.0.2.1"}};

std::string event(const std::string& type, int version, const std::string& more = {}) {
  return fmt::format(
      R"({{"type":"{}","object":{{"apiVersion":"network.kubesphere.io/v1alpha2","kind":"EipAddress",)"
      R"("metadata":{{"name":"192.0.2.1","uid":"e","resourceVersion":"{}"{}}},)"
      R"("spec":{{"address":"192.0.2.1","eip":"lan"}}}}}})",
      type, version, more);
}

std::string all_until(int version) {
  return event("BOOKMARK", version, R"(,"annotations":{"k8s.io/initial-events-end":"true"})");
}

// An API server whose watches begin with what `first` says, and what a Source tells of them.
struct Scene {
  explicit Scene(std::string first)
      : server{bench, [this, first = std::move(first)](const TestServer::Seen& seen) {
                 if (seen.target.find("watch=") == std::string::npos)
                   return TestServer::Answer{.bytes = kube::http_answer(200, checked)};
                 return TestServer::Answer{.bytes = kube::chunked_head() + kube::chunk(first),
                                           .then = TestServer::Then::Hang};
               }} {
    client = kube::open_client(bench, worker,
                               kube::access_to(fmt::format("http://127.0.0.1:{}", server.port())),
                               kube::quick_options());
    source = std::make_unique<Source>(
        bench.context.get_executor(), *client, std::vector{model::Kind::EipAddress},
        Source::Statuses::LeftOut, 1, [this](const plan::Fact& fact) {
          if (const auto* const seen = std::get_if<plan::ObjectSeen>(&fact))
            story += seen->object ? fmt::format("+{} ", seen->resource_version) : "- ";
        });
    source->on_went_back([this] { story += "back "; });
    source->start();
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { kube::finish(bench, source->stop()); }

  [[nodiscard]] testing::AssertionResult tells(const std::string& wanted) {
    return kube::comes_to(bench, story, wanted);
  }

  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<kube::Client> client;
  std::unique_ptr<Source> source;
  std::string story;
  std::string checked;  // the answer to a list
  TestServer server;
};

TEST(Source, TellsNothingThatIsOlderThanOurWrite) {
  Scene scene{event("ADDED", 5) + all_until(5)};
  ASSERT_TRUE(scene.tells("+5 "));
  scene.source->written(kKey, "8");
  scene.server.push(kube::chunk(event("MODIFIED", 7) + event("MODIFIED", 8)));
  EXPECT_TRUE(scene.tells("+5 +8 "));
}

TEST(Source, TellsNothingOfWhatWeHaveDeletedButItsEnd) {
  Scene scene{event("ADDED", 5) + all_until(5)};
  ASSERT_TRUE(scene.tells("+5 "));
  scene.source->written(kKey, "8");
  scene.source->written(kKey, "");
  scene.server.push(kube::chunk(event("MODIFIED", 7) + event("MODIFIED", 8) + event("DELETED", 9) +
                                event("ADDED", 10)));
  EXPECT_TRUE(scene.tells("+5 - +10 "));
}

TEST(Source, BelievesAStorageThatWasRestored) {
  Scene scene{event("ADDED", 5) + all_until(5)};
  ASSERT_TRUE(scene.tells("+5 "));
  scene.source->written(kKey, "8");
  scene.checked = R"({"kind":"EipAddressList","apiVersion":"network.kubesphere.io/v1alpha2",)"
                  R"("metadata":{"resourceVersion":"4"},"items":[]})";
  scene.server.drop();
  EXPECT_TRUE(scene.tells("+5 back +5 "));
}

}  // namespace
}  // namespace porter::cluster
