// SPDX-License-Identifier: Apache-2.0
#include "kube/request_label.hpp"

#include <gtest/gtest.h>

namespace porter::kube {
namespace {

std::string label(Verb verb, std::string path) {
  Request request;
  request.verb = verb;
  request.path = std::move(path);
  const VerbAndKind found = verb_and_kind(request);
  return found.verb + " " + found.kind;
}

TEST(RequestLabel, SaysWhatRbacSays) {
  EXPECT_EQ(label(Verb::Get, "/api/v1/services?limit=500"), "list services");
  EXPECT_EQ(label(Verb::Get, "/api/v1/services?watch=true&resourceVersion=1"), "watch services");
  EXPECT_EQ(label(Verb::Get, "/api/v1/namespaces"), "list namespaces");
  EXPECT_EQ(label(Verb::Get, "/api/v1/namespaces/shop"), "get namespaces");
  EXPECT_EQ(label(Verb::Get, "/api/v1/namespaces/porter-system/secrets/bgp"), "get secrets");
  EXPECT_EQ(label(Verb::Patch, "/api/v1/namespaces/shop/services/web/status?force=true"),
            "patch services/status");
  EXPECT_EQ(label(Verb::Post, "/apis/network.kubesphere.io/v1alpha2/eipaddresses"),
            "create eipaddresses");
  EXPECT_EQ(label(Verb::Put, "/apis/coordination.k8s.io/v1/namespaces/porter-system/leases/p"),
            "update leases");
  EXPECT_EQ(label(Verb::Delete, "/apis/network.kubesphere.io/v1alpha2/eipaddresses/192.0.2.1"),
            "delete eipaddresses");
}

TEST(RequestLabel, OfWhatIsNoResourceTheKindIsEmpty) {
  EXPECT_EQ(label(Verb::Get, "/version"), "get ");
  EXPECT_EQ(label(Verb::Get, "/api/v1"), "get ");
}

}  // namespace
}  // namespace porter::kube
