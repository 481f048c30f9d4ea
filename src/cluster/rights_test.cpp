// SPDX-License-Identifier: Apache-2.0
#include "cluster/rights.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "kube/test_server.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

Right right(std::string group, std::string resource, std::string verb, std::string name = {}) {
  return {.group = std::move(group),
          .resource = std::move(resource),
          .name = std::move(name),
          .verb = std::move(verb)};
}

Tree rules(std::string_view text) {
  auto tree = watch::parse_json(text);
  PORTER_ASSERT(tree.has_value());
  return *std::move(tree);
}

TEST(Rights, AreThoseThatTheDeliveredRolesGrant) {
  const auto controller = rights_of(delivered_roles(), "porter-controller");
  const auto speaker = rights_of(delivered_roles(), "porter-speaker");
  const auto has = [](const std::vector<Right>& all, const Right& one) {
    return std::ranges::find(all, one) != all.end();
  };
  EXPECT_TRUE(has(controller, right("", "services/status", "patch")));
  EXPECT_TRUE(has(controller, right("network.kubesphere.io", "eipaddresses", "create")));
  EXPECT_TRUE(
      has(controller, right("coordination.k8s.io", "leases", "update", "porter-controller")));
  EXPECT_FALSE(has(speaker, right("", "services/status", "patch")));
  EXPECT_TRUE(has(speaker, right("", "secrets", "get")));
  EXPECT_TRUE(rights_of(delivered_roles(), "nobody").empty());
}

TEST(Rights, ARuleGrantsWhatItNames) {
  const Tree some = rules(R"([{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]},
                              {"verbs":["patch"],"apiGroups":[""],"resources":["services/status"]}])");
  EXPECT_TRUE(grants(some, right("", "pods", "list")));
  EXPECT_FALSE(grants(some, right("", "pods", "watch")));
  EXPECT_FALSE(grants(some, right("apps", "pods", "list")));
  EXPECT_TRUE(grants(some, right("", "services/status", "patch")));
  EXPECT_FALSE(grants(some, right("", "services", "patch")));
}

TEST(Rights, ARuleForOneNameGrantsNoMore) {
  const Tree some = rules(
      R"([{"verbs":["get"],"apiGroups":[""],"resources":["secrets"],"resourceNames":["a"]}])");
  EXPECT_TRUE(grants(some, right("", "secrets", "get", "a")));
  EXPECT_FALSE(grants(some, right("", "secrets", "get", "b")));
  EXPECT_FALSE(grants(some, right("", "secrets", "get")));
}

TEST(Rights, StarsGrantEverything) {
  const Tree all = rules(R"([{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}])");
  EXPECT_TRUE(grants(all, right("apps", "deployments/scale", "patch", "x")));
  const Tree statuses = rules(R"([{"verbs":["*"],"apiGroups":["*"],"resources":["*/status"]}])");
  EXPECT_TRUE(grants(statuses, right("", "services/status", "patch")));
  EXPECT_FALSE(grants(statuses, right("", "services", "patch")));
}

TEST(Rights, WhatIsMissingIsNamed) {
  manifests::Bench bench;
  io::Worker worker{bench.context.get_executor()};
  const kube::TestServer server{
      bench, [](const kube::TestServer::Seen&) {
        return kube::TestServer::Answer{
            .bytes = kube::http_answer(201, R"({"status":{"incomplete":false,"resourceRules":[
              {"verbs":["list"],"apiGroups":[""],"resources":["services"]}]}})")};
      }};
  const auto client = kube::open_client(
      bench, worker, kube::access_to("http://127.0.0.1:" + std::to_string(server.port())),
      kube::quick_options());
  Rights rights{
      bench.context.get_executor(),
      *client,
      "porter-system",
      {right("", "services", "list"), right("discovery.k8s.io", "endpointslices", "watch")}};
  bench.tasks.spawn(rights.follow());
  ASSERT_TRUE(bench.run_until([&] { return !rights.troubles().empty(); }));
  EXPECT_EQ(rights.troubles(),
            std::vector<std::string>{
                "may not watch endpointslices (discovery.k8s.io): no role grants it"});
  EXPECT_EQ(server.seen().at(0).target, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews");
  kube::finish(bench, bench.tasks.stop());
}

}  // namespace
}  // namespace porter::cluster
