// SPDX-License-Identifier: Apache-2.0
#include "plan/endpoints.hpp"

#include <gtest/gtest.h>

#include "plan/test_scene.hpp"

namespace porter::plan {
namespace {

using model::TrafficPolicy;
using Nodes = std::set<std::string>;
using test::Health;

Endpoints look(const View& view, Family family = Family::V4) {
  return endpoints_of(view, test::named("default/web"), family);
}

TEST(EndpointsTest, WithoutASliceThereIsNone) {
  const Endpoints none = look(View{});
  EXPECT_FALSE(none.any_slice);
  EXPECT_TRUE(reach_of(TrafficPolicy::Cluster, none).is_empty());
  EXPECT_TRUE(reach_of(TrafficPolicy::Local, none).is_empty());
}

TEST(EndpointsTest, APodInTwoSlicesCountsOnceAndReadyWins) {
  View view;
  test::put(view, test::slice("default/web-1", "web",
                              {{"n1", "10.1.0.1", Health::Down}, {"n2", "10.2.0.1"}}));
  test::put(view, test::slice("default/web-2", "web", {{"n1", "10.1.0.1", Health::Ready}}));
  const Endpoints found = look(view);
  EXPECT_EQ(found.ready, 2U);
  EXPECT_EQ(found.serving, 0U);
  EXPECT_EQ(found.ready_on, (Nodes{"n1", "n2"}));
}

TEST(EndpointsTest, OnlyTheFamilyOfTheAddressCounts) {
  View view;
  test::put(view, test::slice("default/web-6", "web", {{"n1", "fd00::1"}}, Family::V6));
  EXPECT_EQ(look(view, Family::V4).ready, 0U);
  EXPECT_FALSE(look(view, Family::V4).any_slice);
  EXPECT_EQ(look(view, Family::V6).ready, 1U);
}

TEST(EndpointsTest, SlicesOfOtherServicesDoNotCount) {
  View view;
  test::put(view, test::slice("default/api-1", "api", {{"n1", "10.1.0.1"}}));
  test::put(view, test::slice("shop/web-1", "web", {{"n1", "10.1.0.2"}}));
  EXPECT_FALSE(look(view).any_slice);
}

TEST(ReachTest, ClusterReachesEveryNodeWhileOneEndpointIsReady) {
  View view;
  test::put(view, test::slice("default/web-1", "web", {{"", "10.1.0.1"}}));
  EXPECT_TRUE(reach_of(TrafficPolicy::Cluster, look(view)).everywhere);
}

TEST(ReachTest, ClusterReachesEveryNodeWhileOneStillServesAndNoneIsReady) {
  View view;
  test::put(view, test::slice("default/web-1", "web", {{"n1", "10.1.0.1", Health::Serving}}));
  EXPECT_TRUE(reach_of(TrafficPolicy::Cluster, look(view)).everywhere);
  test::put(view, test::slice("default/web-1", "web", {{"n1", "10.1.0.1", Health::Down}}));
  EXPECT_TRUE(reach_of(TrafficPolicy::Cluster, look(view)).is_empty());
}

TEST(ReachTest, LocalReachesNodesWithAReadyEndpoint) {
  View view;
  test::put(view, test::slice("default/web-1", "web",
                              {{"n1", "10.1.0.1"}, {"n2", "10.2.0.1", Health::Serving}}));
  EXPECT_EQ(reach_of(TrafficPolicy::Local, look(view)).nodes, Nodes{"n1"});
}

TEST(ReachTest, LocalFallsBackToServingOnesOnlyIfNoNodeHasAReadyOne) {
  View view;
  test::put(view,
            test::slice("default/web-1", "web",
                        {{"n1", "10.1.0.1", Health::Down}, {"n2", "10.2.0.1", Health::Serving}}));
  EXPECT_EQ(reach_of(TrafficPolicy::Local, look(view)).nodes, Nodes{"n2"});
}

TEST(ReachTest, AnEndpointWithoutANodeCountsForClusterOnly) {
  View view;
  test::put(view, test::slice("default/web-1", "web",
                              {{"", "10.1.0.1"}, {"n2", "10.2.0.1", Health::Serving}}));
  EXPECT_EQ(reach_of(TrafficPolicy::Local, look(view)).nodes, Nodes{"n2"});
}

TEST(ReachTest, OfServicesThatShareAnAddressItIsTheUnion) {
  Reach both{.everywhere = false, .nodes = {"n1"}};
  both.add({.everywhere = false, .nodes = {"n2"}});
  EXPECT_EQ(both.nodes, (Nodes{"n1", "n2"}));
  both.add({.everywhere = true, .nodes = {}});
  EXPECT_TRUE(both.covers("n9"));
}

}  // namespace
}  // namespace porter::plan
