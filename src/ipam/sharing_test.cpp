// SPDX-License-Identifier: Apache-2.0
#include "ipam/sharing.hpp"

#include <gtest/gtest.h>

namespace porter::ipam {
namespace {

using Kind = Collision::Kind;

model::Service service(std::string ns, std::string name, std::uint16_t port) {
  model::Service service;
  service.meta.name = {.ns = std::move(ns), .name = std::move(name)};
  service.ports.push_back({.name = {}, .port = port, .protocol = model::IpProtocol::Tcp});
  return service;
}

Sharer asking(const model::Service& service) {
  return {.service = &service, .share_key = {}, .asks = true};
}

Sharer keyed(const model::Service& service, std::string key = "k") {
  return {.service = &service, .share_key = std::move(key), .asks = false};
}

std::optional<Kind> second(const Sharer& first, const Sharer& joiner) {
  Sharing sharing;
  EXPECT_FALSE(sharing.admit(first));
  const auto collision = sharing.admit(joiner);
  if (!collision) return std::nullopt;
  EXPECT_EQ(collision->with, first.service->meta.name);
  return collision->kind;
}

TEST(Sharing, NeedsThatBothAskForTheAddressOrCarryTheSameKey) {
  const auto web = service("shop", "web", 80);
  const auto api = service("shop", "api", 81);
  EXPECT_EQ(second(asking(web), asking(api)), std::nullopt);
  EXPECT_EQ(second(keyed(web), keyed(api)), std::nullopt);
  EXPECT_EQ(second(keyed(web), asking(api)), Kind::NoConsent);
  EXPECT_EQ(second(asking(web), keyed(api)), Kind::NoConsent);
  EXPECT_EQ(second(keyed(web, "a"), keyed(api, "b")), Kind::NoConsent);
  EXPECT_EQ(second(keyed(web, ""), keyed(api, "")), Kind::NoConsent);
}

TEST(Sharing, AcrossNamespacesNeedsTheSameKey) {
  const auto web = service("shop", "web", 80);
  const auto dns = service("infra", "dns", 53);
  EXPECT_EQ(second(asking(web), asking(dns)), Kind::OtherNamespace);
  EXPECT_EQ(second(keyed(web), keyed(dns)), std::nullopt);
}

TEST(Sharing, NamesTheCollidingPort) {
  const auto web = service("shop", "web", 80);
  auto api = service("shop", "api", 81);
  api.ports.push_back({.name = {}, .port = 80, .protocol = model::IpProtocol::Tcp});
  Sharing sharing;
  EXPECT_FALSE(sharing.admit(keyed(web)));
  const auto collision = sharing.admit(keyed(api));
  ASSERT_TRUE(collision);
  EXPECT_EQ(collision->kind, Kind::Port);
  EXPECT_EQ(collision->port.port, 80);
  api.ports[1].protocol = model::IpProtocol::Udp;
  EXPECT_EQ(second(keyed(web), keyed(api)), std::nullopt);
}

TEST(Sharing, UnderLocalNeedsEqualSelectorsThatSelectSomething) {
  auto web = service("shop", "web", 80);
  auto api = service("shop", "api", 81);
  api.traffic_policy = model::TrafficPolicy::Local;
  EXPECT_EQ(second(keyed(web), keyed(api)), Kind::TrafficPolicy);
  web.traffic_policy = model::TrafficPolicy::Local;
  EXPECT_EQ(second(keyed(web), keyed(api)), Kind::Selector);
  web.selector = {{"app", "shop"}};
  EXPECT_EQ(second(keyed(web), keyed(api)), Kind::Selector);
  api.selector = {{"app", "shop"}};
  EXPECT_EQ(second(keyed(web), keyed(api)), std::nullopt);
}

TEST(Sharing, IsCheckedAgainstEveryHolder) {
  const auto web = service("shop", "web", 80);
  const auto api = service("shop", "api", 81);
  const auto late = service("shop", "late", 81);
  Sharing sharing;
  EXPECT_FALSE(sharing.admit(keyed(web)));
  EXPECT_FALSE(sharing.admit(keyed(api)));
  const auto collision = sharing.admit(keyed(late));
  ASSERT_TRUE(collision);
  EXPECT_EQ(collision->with, api.meta.name);
}

TEST(Sharing, WhoWasRefusedBlocksNobody) {
  const auto web = service("shop", "web", 80);
  auto both = service("shop", "both", 80);
  both.ports.push_back({.name = {}, .port = 81, .protocol = model::IpProtocol::Tcp});
  const auto late = service("shop", "late", 81);
  Sharing sharing;
  EXPECT_FALSE(sharing.admit(keyed(web)));
  EXPECT_TRUE(sharing.admit(keyed(both)));
  EXPECT_FALSE(sharing.admit(keyed(late)));
}

TEST(Sharing, HasALimit) {
  std::vector<model::Service> services;
  for (std::uint16_t port = 0; port <= kMostSharers; ++port)
    services.push_back(service("shop", "s" + std::to_string(port), port));
  Sharing sharing;
  for (std::size_t i = 0; i < kMostSharers; ++i)
    ASSERT_FALSE(sharing.admit(keyed(services[i])));
  const auto collision = sharing.admit(keyed(services.back()));
  ASSERT_TRUE(collision);
  EXPECT_EQ(collision->kind, Kind::TooMany);
}

}  // namespace
}  // namespace porter::ipam
