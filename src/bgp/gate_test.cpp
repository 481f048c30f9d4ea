// SPDX-License-Identifier: Apache-2.0
#include "bgp/gate.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter::bgp {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

Address address(std::string_view text) {
  return Address::parse(text).value();
}
Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}
Gate::Arrival from(std::string_view text, std::string zone = "", std::uint16_t port = 179) {
  return {.remote = address(text), .zone = std::move(zone), .local_port = port};
}
Gate::Neighbor neighbor(std::string_view text, std::string zone = "") {
  return {.remote = address(text), .zone = std::move(zone)};
}
Gate::Verdict known(const std::string& name) {
  return Gate::Admitted{.session = name, .peer = name};
}
Gate::Verdict refused(Gate::Reason reason, Gate::Courtesy courtesy = Gate::Courtesy::Tell) {
  return Gate::Refused{.reason = reason, .courtesy = courtesy};
}

TEST(Gate, KnowsANeighborByAddressAndPort) {
  Gate gate;
  EXPECT_TRUE(gate.allow("tor", neighbor("192.0.2.1")).empty());
  EXPECT_EQ(gate.admit(from("192.0.2.1"), kStart), known("tor"));
  EXPECT_EQ(gate.admit(from("192.0.2.2"), kStart), refused(Gate::Reason::Stranger));
  EXPECT_EQ(gate.admit(from("192.0.2.1", "", 1790), kStart), refused(Gate::Reason::Stranger));
  EXPECT_EQ(gate.counts().admitted, 1U);
  EXPECT_EQ(gate.counts().strangers, 2U);
}

TEST(Gate, TellsTheSameLinkLocalAddressOnTwoInterfacesApart) {
  Gate gate;
  EXPECT_TRUE(gate.allow("left", neighbor("fe80::1", "eth0")).empty());
  EXPECT_TRUE(gate.allow("right", neighbor("fe80::1", "eth1")).empty());
  EXPECT_EQ(gate.admit(from("fe80::1", "eth0"), kStart), known("left"));
  EXPECT_EQ(gate.admit(from("fe80::1", "eth1"), kStart), known("right"));
  EXPECT_EQ(gate.admit(from("fe80::1", "eth2"), kStart), refused(Gate::Reason::Stranger));
}

TEST(Gate, TakesANeighborWithoutZoneOnAnyInterface) {
  Gate gate;
  EXPECT_TRUE(gate.allow("tor", neighbor("fe80::1")).empty());
  EXPECT_EQ(gate.admit(from("fe80::1", "eth2"), kStart), known("tor"));
}

TEST(Gate, ForgetsANeighborThatWasRemoved) {
  Gate gate;
  EXPECT_TRUE(gate.allow("tor", neighbor("192.0.2.1")).empty());
  EXPECT_TRUE(gate.disallow("tor").empty());
  EXPECT_EQ(gate.admit(from("192.0.2.1"), kStart), refused(Gate::Reason::Stranger));
}

TEST(Gate, FollowsANeighborThatMoved) {
  Gate gate;
  EXPECT_TRUE(gate.allow("tor", neighbor("192.0.2.1")).empty());
  EXPECT_TRUE(gate.allow("tor", neighbor("192.0.2.9")).empty());
  EXPECT_EQ(gate.admit(from("192.0.2.1"), kStart), refused(Gate::Reason::Stranger));
  EXPECT_EQ(gate.admit(from("192.0.2.9"), kStart), known("tor"));
}

TEST(Gate, OfTwoPeersWithOneAddressTheFirstHasIt) {
  Gate gate;
  EXPECT_TRUE(gate.allow("b", neighbor("192.0.2.1")).empty());
  EXPECT_TRUE(gate.allow("a", neighbor("192.0.2.1")).empty());
  EXPECT_EQ(gate.admit(from("192.0.2.1"), kStart), known("b"));
  EXPECT_TRUE(gate.disallow("b").empty());
  EXPECT_EQ(gate.admit(from("192.0.2.1"), kStart), known("a"));
}

TEST(Gate, MakesASessionForANeighborOfAPrefixOnce) {
  Gate gate;
  EXPECT_TRUE(gate.allow("rack", Gate::NeighborPrefix{.prefix = prefix("192.0.2.0/24")}).empty());
  Gate::Admitted expected{.session = "rack/192.0.2.7", .peer = "rack", .is = Gate::Session::New};
  EXPECT_EQ(gate.admit(from("192.0.2.7"), kStart), Gate::Verdict{expected});
  expected.is = Gate::Session::Existing;
  EXPECT_EQ(gate.admit(from("192.0.2.7"), kStart), Gate::Verdict{expected});
  EXPECT_EQ(gate.dynamic_sessions(), 1U);
}

TEST(Gate, NamesTheInterfaceOfALinkLocalDynamicNeighbor) {
  Gate gate;
  EXPECT_TRUE(gate.allow("rack", Gate::NeighborPrefix{.prefix = prefix("fe80::/10")}).empty());
  const Gate::Verdict verdict = gate.admit(from("fe80::1", "eth0"), kStart);
  EXPECT_EQ(std::get<Gate::Admitted>(verdict).session, "rack/fe80::1%eth0");
}

TEST(Gate, PrefersTheConfiguredNeighborThenTheLongerPrefix) {
  Gate gate;
  EXPECT_TRUE(gate.allow("all", Gate::NeighborPrefix{.prefix = prefix("192.0.0.0/16")}).empty());
  EXPECT_TRUE(gate.allow("rack", Gate::NeighborPrefix{.prefix = prefix("192.0.2.0/24")}).empty());
  EXPECT_TRUE(gate.allow("tor", neighbor("192.0.2.1")).empty());
  EXPECT_EQ(gate.admit(from("192.0.2.1"), kStart), known("tor"));
  EXPECT_EQ(std::get<Gate::Admitted>(gate.admit(from("192.0.2.2"), kStart)).peer, "rack");
  EXPECT_EQ(std::get<Gate::Admitted>(gate.admit(from("192.0.3.2"), kStart)).peer, "all");
}

TEST(Gate, LimitsTheSessionsOfAPrefixAndFreesPlaces) {
  Gate gate;
  EXPECT_TRUE(gate.allow("rack", Gate::NeighborPrefix{.prefix = prefix("192.0.2.0/24"), .limit = 2})
                  .empty());
  EXPECT_TRUE(std::holds_alternative<Gate::Admitted>(gate.admit(from("192.0.2.1"), kStart)));
  EXPECT_TRUE(std::holds_alternative<Gate::Admitted>(gate.admit(from("192.0.2.2"), kStart)));
  EXPECT_EQ(gate.admit(from("192.0.2.3"), kStart), refused(Gate::Reason::TooManySessions));
  gate.ended("rack/192.0.2.1");
  EXPECT_TRUE(std::holds_alternative<Gate::Admitted>(gate.admit(from("192.0.2.3"), kStart)));
  EXPECT_EQ(gate.counts().too_many_sessions, 1U);
}

TEST(Gate, LimitsTheDynamicSessionsOfAllPrefixesTogether) {
  Gate gate{{.dynamic_sessions = 1}};
  EXPECT_TRUE(gate.allow("a", Gate::NeighborPrefix{.prefix = prefix("192.0.2.0/24")}).empty());
  EXPECT_TRUE(gate.allow("b", Gate::NeighborPrefix{.prefix = prefix("198.51.100.0/24")}).empty());
  EXPECT_TRUE(std::holds_alternative<Gate::Admitted>(gate.admit(from("192.0.2.1"), kStart)));
  EXPECT_EQ(gate.admit(from("198.51.100.1"), kStart), refused(Gate::Reason::TooManySessions));
}

TEST(Gate, NamesTheSessionsThatAnEditOfThePrefixEnds) {
  Gate gate;
  EXPECT_TRUE(gate.allow("rack", Gate::NeighborPrefix{.prefix = prefix("192.0.2.0/24")}).empty());
  for (const char* remote : {"192.0.2.1", "192.0.2.2", "192.0.2.200"}) {
    EXPECT_TRUE(std::holds_alternative<Gate::Admitted>(gate.admit(from(remote), kStart)));
  }
  const auto over =
      gate.allow("rack", Gate::NeighborPrefix{.prefix = prefix("192.0.2.0/25"), .limit = 1});
  EXPECT_EQ(over, (std::vector<std::string>{"rack/192.0.2.2", "rack/192.0.2.200"}));
  EXPECT_EQ(gate.disallow("rack"), std::vector<std::string>{"rack/192.0.2.1"});
  EXPECT_EQ(gate.dynamic_sessions(), 0U);
}

TEST(Gate, HasWordsForSoManyStrangersASecond) {
  Gate gate{{.strangers_per_second = 2}};
  EXPECT_EQ(gate.admit(from("192.0.2.1"), kStart), refused(Gate::Reason::Stranger));
  EXPECT_EQ(gate.admit(from("192.0.2.2"), kStart), refused(Gate::Reason::Stranger));
  EXPECT_EQ(gate.admit(from("192.0.2.3"), kStart),
            refused(Gate::Reason::Stranger, Gate::Courtesy::Silent));
  EXPECT_EQ(gate.admit(from("192.0.2.3"), kStart + 1s), refused(Gate::Reason::Stranger));
  EXPECT_EQ(gate.counts().strangers, 4U);
  EXPECT_EQ(gate.counts().silent, 1U);
}

RC_GTEST_PROP(Gate, KeepsItsLimitsWhoeverComes, ()) {
  Gate gate{{.dynamic_sessions = 5}};
  const std::vector<std::string> peers{"a", "b", "c"};
  for (int step = *rc::gen::inRange(0, 60); step > 0; --step) {
    const std::string peer = *rc::gen::elementOf(peers);
    const auto host = *rc::gen::inRange<std::uint32_t>(0, 16);
    const Address remote = Address::v4(0xC0000200U + host);
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        (void)gate.allow(peer, Gate::NeighborPrefix{.prefix = Prefix{remote, 29}, .limit = 3});
        break;
      case 1: (void)gate.allow(peer, Gate::Neighbor{.remote = remote, .zone = {}}); break;
      case 2: (void)gate.disallow(peer); break;
      default: {
        const std::size_t before = gate.dynamic_sessions();
        const auto verdict = gate.admit({.remote = remote, .zone = {}, .local_port = 179}, kStart);
        const auto* admitted = std::get_if<Gate::Admitted>(&verdict);
        const bool made = admitted != nullptr && admitted->is == Gate::Session::New;
        RC_ASSERT(gate.dynamic_sessions() == before + (made ? 1 : 0));
        if (made && *rc::gen::arbitrary<bool>()) gate.ended(admitted->session);
      }
    }
    RC_ASSERT(gate.dynamic_sessions() <= 5U);
  }
}

}  // namespace
}  // namespace porter::bgp
