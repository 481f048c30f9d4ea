// SPDX-License-Identifier: Apache-2.0
#include "cluster/migration.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

using kube::TestServer;
using manifests::Bench;

const std::string kCrd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/";
const std::string kEips = "/apis/network.kubesphere.io/v1alpha2/eips";

std::string definition(const std::string& stored, const std::string& storage = "v1alpha2") {
  return fmt::format(
      R"({{"metadata":{{"resourceVersion":"9"}},"spec":{{"versions":[{{"name":"v1alpha1","storage":{}}},)"
      R"({{"name":"v1alpha2","storage":{}}}]}},"status":{{"storedVersions":{}}}}})",
      storage == "v1alpha1", storage == "v1alpha2", stored);
}

std::string page(const std::string& name, const std::string& token) {
  return fmt::format(
      R"({{"metadata":{{"continue":"{}"}},"items":[{{"metadata":{{"name":"{}","uid":"u","resourceVersion":"3"}}}}]}})",
      token, name);
}

// An API server with Eips stored as v1alpha1, two pages of one.
struct Scene {
  Scene() : server{bench, [this](const TestServer::Seen& seen) { return answer(seen); }} {
    client = kube::open_client(bench, worker,
                               kube::access_to(fmt::format("http://127.0.0.1:{}", server.port())),
                               kube::quick_options());
    migration = std::make_unique<Migration>(bench.context.get_executor(), *client,
                                            [this] { return leads; });
    bench.tasks.spawn(migration->follow());
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { kube::finish(bench, bench.tasks.stop()); }

  TestServer::Answer answer(const TestServer::Seen& seen) {
    if (seen.method == "PATCH") writes.push_back(seen.target + " " + seen.body);
    if (seen.method == "PATCH" && status != 200)
      return {.bytes = kube::http_answer(status, R"({"kind":"Status","message":"no"})")};
    std::string body = "{}";
    if (seen.target == kEips + "?limit=50") body = page("a", "next");
    if (seen.target == kEips + "?limit=50&continue=next") body = page("b", "");
    if (seen.target.starts_with(kCrd) && seen.method == "GET") {
      ++asked;
      body = definition(seen.target.ends_with("/eips.network.kubesphere.io")
                            ? R"(["v1alpha1","v1alpha2"])"
                            : R"(["v1alpha2"])");
    }
    return {.bytes = kube::http_answer(200, body)};
  }

  Bench bench;
  std::vector<std::string> writes;
  unsigned status = 200;  // of the writes
  unsigned asked = 0;
  bool leads = true;
  TestServer server;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<kube::Client> client;
  std::unique_ptr<Migration> migration;
};

TEST(Migration, EveryObjectIsWrittenOnceAndThenTheCrdSaysSo) {
  Scene scene;
  EXPECT_TRUE(scene.bench.run_until([&] { return scene.asked == 3; }));
  const std::string body = R"({"metadata":{"uid":"u","resourceVersion":"3"}})";
  EXPECT_EQ(
      scene.writes,
      (std::vector<std::string>{
          kEips + "/a " + body, kEips + "/b " + body,
          kCrd +
              "eips.network.kubesphere.io/status "
              R"({"metadata":{"resourceVersion":"9"},"status":{"storedVersions":["v1alpha2"]}})"}));
  EXPECT_TRUE(scene.migration->troubles().empty());
}

TEST(Migration, WhoDoesNotLeadWritesNothing) {
  Scene scene;
  scene.leads = false;
  EXPECT_TRUE(scene.bench.run_until([&] { return !scene.migration->troubles().empty(); }));
  EXPECT_TRUE(scene.writes.empty());
}

TEST(Migration, ARefusedWriteIsNamedAndTheCrdKeepsWhatItSays) {
  Scene scene;
  scene.status = 403;
  EXPECT_TRUE(scene.bench.run_until([&] { return !scene.migration->troubles().empty(); }));
  EXPECT_EQ(scene.migration->troubles(),
            (std::vector<std::string>{"cannot patch eips.network.kubesphere.io a: no"}));
  EXPECT_EQ(scene.writes.size(), 1U);
}

TEST(Migration, OneThatSomebodyElseWroteMeanwhileIsStoredAnewAlready) {
  Scene scene;
  scene.status = 409;
  EXPECT_TRUE(scene.bench.run_until([&] { return scene.writes.size() == 3; }));
}

TEST(Migration, IsNeededOnlyWhereTheCrdStoresV1alpha2AndOnceStoredSomethingElse) {
  const auto needs = [](const std::string& text) {
    return needs_migration(watch::parse_json(text).value_or(Tree{}));
  };
  EXPECT_TRUE(needs(definition(R"(["v1alpha1","v1alpha2"])")));
  EXPECT_TRUE(needs(definition(R"(["v1alpha1"])")));
  EXPECT_FALSE(needs(definition(R"(["v1alpha2"])")));
  EXPECT_FALSE(needs(definition(R"(["v1alpha1"])", "v1alpha1")));
  EXPECT_FALSE(needs("{}"));
}

}  // namespace
}  // namespace porter::cluster
