// SPDX-License-Identifier: Apache-2.0
#include "bgp/open.hpp"

#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bgp/test_open.hpp"

namespace porter::bgp {
namespace {

using wire::config;
using wire::internal;
using wire::join;
using wire::kPeerAs;
using wire::kV4;
using wire::kV6;
using wire::Octets;
using wire::with;

// ----- decoding

Capabilities capabilities_in(const Octets& list) {
  const Result<Open, Notification> open = decode_open(with(list));
  return open ? open->capabilities : Capabilities{};
}

TEST(DecodeOpen, KeepsAMalformedCapabilityAwayFromTheNextOne) {
  for (const std::uint8_t code : Octets{1, 2, 5, 6, 9, 64, 69, 70, 71}) {
    const Octets value{1, 2, 3};
    const Capabilities found =
        capabilities_in(join({wire::capability(code, value), wire::four_octet_as(kPeerAs)}));
    EXPECT_EQ(found.as4, Asn{kPeerAs});
    EXPECT_EQ(found.others, (std::vector<UnknownCapability>{{.code = code, .value = value}}));
  }
}

TEST(DecodeOpen, NamesAFamilyOnce) {
  const Octets twice =
      join({wire::multiprotocol(kV6), wire::multiprotocol(kV4), wire::multiprotocol(kV6)});
  EXPECT_EQ(capabilities_in(twice).families, (std::vector<AfiSafi>{kV6, kV4}));
}

TEST(DecodeOpen, TakesTheLastGracefulRestartAndTheFirstAddPath) {  // OPN-50
  const Capabilities found = capabilities_in(
      join({wire::capability(64, {0, 10}), wire::capability(64, {0xc0, 120, 0, 1, 1, 0x80}),
            wire::capability(69, {0, 1, 1, 3}), wire::capability(69, {0, 2, 1, 1})}));
  const RestartCapability restart{.restarting = true,
                                  .notification = true,
                                  .time = 120,
                                  .families = {{.family = kV4, .forwarding_kept = true}}};
  EXPECT_EQ(found.restart, restart);
  EXPECT_EQ(found.add_path,
            (std::vector<AddPathFamily>{{.family = kV4, .receive = true, .send = true}}));
}

TEST(DecodeOpen, DoesNotReadReservedBits) {  // OPN-49
  const Capabilities found = capabilities_in(wire::capability(64, {0x30, 120, 0, 1, 1, 0x7f}));
  ASSERT_TRUE(found.restart.has_value());
  EXPECT_FALSE(found.restart->restarting);
  EXPECT_FALSE(found.restart->notification);
  EXPECT_EQ(found.restart->time, 120);
  EXPECT_FALSE(found.restart->families.at(0).forwarding_kept);
}

// ----- round trip

AfiSafi arbitrary_family() {
  return {.afi = *rc::gen::arbitrary<std::uint16_t>(), .safi = *rc::gen::arbitrary<std::uint8_t>()};
}

template <class Make>
auto some(int most, Make make) {
  std::vector<decltype(make())> out;
  for (int count = *rc::gen::inRange(0, most + 1); count > 0; --count)
    out.push_back(make());
  return out;
}

RestartCapability arbitrary_restart() {
  return {.restarting = *rc::gen::arbitrary<bool>(),
          .notification = *rc::gen::arbitrary<bool>(),
          .time = *rc::gen::inRange<std::uint16_t>(0, 4096),
          .families = some(5, [] {
            return RestartFamily{.family = arbitrary_family(),
                                 .forwarding_kept = *rc::gen::arbitrary<bool>()};
          })};
}

AddPathFamily arbitrary_add_path() {
  const int mode = *rc::gen::inRange(1, 4);
  return {.family = arbitrary_family(), .receive = mode != 2, .send = mode != 1};
}

NextHopFamily arbitrary_next_hop() {
  return {.afi = *rc::gen::arbitrary<std::uint16_t>(),
          .safi = *rc::gen::arbitrary<std::uint16_t>(),
          .next_hop_afi = *rc::gen::arbitrary<std::uint16_t>()};
}

LongLivedFamily arbitrary_long_lived() {
  return {.family = arbitrary_family(),
          .forwarding_kept = *rc::gen::arbitrary<bool>(),
          .time = *rc::gen::inRange<std::uint32_t>(0, 1U << 24U)};
}

template <class T>
std::vector<T> each_once(const std::vector<T>& values) {
  std::vector<T> out;
  for (const T& value : values) {
    if (std::ranges::find(out, value) == out.end()) out.push_back(value);
  }
  return out;
}

UnknownCapability arbitrary_other() {
  return {.code = *rc::gen::inRange<std::uint8_t>(100, 255),
          .value = some(40, [] { return *rc::gen::arbitrary<std::uint8_t>(); })};
}

Open arbitrary_open() {
  Open open;
  open.as = *rc::gen::arbitrary<std::uint16_t>();
  open.hold_time = *rc::gen::arbitrary<std::uint16_t>();
  open.id = RouterId{*rc::gen::arbitrary<std::uint32_t>()};
  Capabilities& capabilities = open.capabilities;
  capabilities.families = each_once(some(5, arbitrary_family));
  capabilities.route_refresh = *rc::gen::arbitrary<bool>();
  capabilities.enhanced_route_refresh = *rc::gen::arbitrary<bool>();
  capabilities.extended_message = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) capabilities.as4 = Asn{*rc::gen::arbitrary<std::uint32_t>()};
  if (*rc::gen::arbitrary<bool>()) capabilities.restart = arbitrary_restart();
  if (*rc::gen::arbitrary<bool>()) capabilities.long_lived = some(3, arbitrary_long_lived);
  capabilities.extended_next_hop = each_once(some(3, arbitrary_next_hop));
  capabilities.roles = each_once(some(3, [] { return *rc::gen::arbitrary<std::uint8_t>(); }));
  capabilities.add_path = some(5, arbitrary_add_path);
  capabilities.others = some(12, arbitrary_other);
  return open;
}

RC_GTEST_PROP(OpenMessage, DecodeUndoesEncode, ()) {
  const Open open = arbitrary_open();
  Octets message;
  encode(open, message);
  const auto framed = frame(message, kMaxMessage);
  RC_ASSERT(std::holds_alternative<Frame>(framed));
  RC_ASSERT(std::get<Frame>(framed).size == message.size());
  RC_ASSERT(decode_open(std::get<Frame>(framed).body) == open);
}

TEST(OpenMessage, IsExtendedOnlyBeyond255Octets) {
  Open open;
  open.capabilities.others = {{.code = 200, .value = Octets(251, 'x')}};
  Octets message;
  encode(open, message);
  EXPECT_EQ(message.at(28), 255);  // Opt Parm Len: 2 + 2 + 251
  EXPECT_EQ(message.at(29), 2);    // Capabilities
  open.capabilities.others.front().value.push_back('x');
  message.clear();
  encode(open, message);
  EXPECT_EQ(message.at(28), 255);
  EXPECT_EQ(message.at(29), 255);  // RFC 9072
  const auto framed = frame(message, kMaxMessage);
  ASSERT_TRUE(std::holds_alternative<Frame>(framed));
  EXPECT_EQ(decode_open(std::get<Frame>(framed).body), open);
}

// ----- our own OPEN

TEST(MakeOpen, OffersWhatIsConfigured) {
  const Open open = make_open(config(), Restarting::No);
  EXPECT_EQ(open.as, 65000);
  EXPECT_EQ(open.hold_time, 30);
  EXPECT_EQ(open.id, RouterId{0xc0000202});
  const Capabilities& offered = open.capabilities;
  EXPECT_EQ(offered.families, (std::vector<AfiSafi>{kV4, kV6}));
  EXPECT_TRUE(offered.route_refresh);
  EXPECT_TRUE(offered.enhanced_route_refresh);
  EXPECT_TRUE(offered.extended_message);
  EXPECT_EQ(offered.as4, Asn{65000});
  EXPECT_EQ(offered.add_path,
            (std::vector<AddPathFamily>{{.family = kV4, .receive = true, .send = true},
                                        {.family = kV6, .receive = false, .send = true}}));
  const RestartCapability restart{.restarting = false,
                                  .notification = false,
                                  .time = 20,
                                  .families = {{.family = kV4, .forwarding_kept = false},
                                               {.family = kV6, .forwarding_kept = false}}};
  EXPECT_EQ(offered.restart, restart);
}

TEST(MakeOpen, ClaimsRestartAndForwardingOnlyAfterARestart) {
  const Open open = make_open(config(), Restarting::Yes);
  ASSERT_TRUE(open.capabilities.restart.has_value());
  EXPECT_TRUE(open.capabilities.restart->restarting);
  EXPECT_TRUE(open.capabilities.restart->families.at(0).forwarding_kept);
}

TEST(MakeOpen, LeavesOutWhatIsNotConfigured) {
  OpenConfig ours = config();
  ours.local_as = Asn{4'200'000'000};
  ours.families = {.v4 = true, .v6 = false};
  ours.add_path_send = {};
  ours.add_path_receive = {};
  ours.restart_time.reset();
  const Open open = make_open(ours, Restarting::Yes);
  EXPECT_EQ(open.as, kAsTrans);
  EXPECT_EQ(open.capabilities.as4, Asn{4'200'000'000});
  EXPECT_EQ(open.capabilities.families, std::vector<AfiSafi>{kV4});
  EXPECT_TRUE(open.capabilities.add_path.empty());
  EXPECT_FALSE(open.capabilities.restart.has_value());
}

TEST(MakeOpen, OffersLongLivedRestartOnlyBesideTheOther) {
  OpenConfig ours = config();
  ours.long_lived_time = 3600;
  ours.restart_families = {.v4 = true, .v6 = false};
  EXPECT_EQ(make_open(ours, Restarting::Yes).capabilities.long_lived,
            (std::vector<LongLivedFamily>{{.family = kV4, .forwarding_kept = true, .time = 3600}}));
  ours.restart_families = {};  // a helper
  EXPECT_EQ(make_open(ours, Restarting::No).capabilities.long_lived,
            std::vector<LongLivedFamily>{});
  ours.restart_time.reset();
  EXPECT_FALSE(make_open(ours, Restarting::No).capabilities.long_lived.has_value());
}

TEST(MakeOpen, SaysItsRoleToAnExternalPeerOnly) {
  OpenConfig ours = config();
  ours.role = Role::Customer;
  EXPECT_EQ(make_open(ours, Restarting::No).capabilities.roles, Octets{3});
  ours.local_as = ours.remote_as;
  EXPECT_TRUE(make_open(ours, Restarting::No).capabilities.roles.empty());
}

TEST(MakeOpen, CutsARestartTimeToTwelveBits) {
  OpenConfig ours = config();
  ours.restart_time = std::uint16_t{5000};
  EXPECT_EQ(make_open(ours, Restarting::No).capabilities.restart->time, 4095);
}

// ----- negotiation

Open mirror_of(const OpenConfig& ours) {
  OpenConfig theirs = ours;
  std::swap(theirs.local_as, theirs.remote_as);
  theirs.id = RouterId{0x0a000001};
  return make_open(theirs, Restarting::No);
}

TEST(Negotiate, TakesTheSmallerHoldTimeAndZeroAboveAll) {
  Open theirs = mirror_of(config());
  theirs.hold_time = 90;
  EXPECT_EQ(negotiate(config(), theirs)->hold_time, 30);
  theirs.hold_time = 9;
  EXPECT_EQ(negotiate(config(), theirs)->hold_time, 9);
  theirs.hold_time = 0;
  EXPECT_EQ(negotiate(config(), theirs)->hold_time, 0);
}

TEST(Negotiate, IntersectsTheFamilies) {
  Open theirs = mirror_of(config());
  theirs.capabilities.families = {{.afi = 25, .safi = 70}, kV6};
  const auto agreed = negotiate(config(), theirs);
  ASSERT_TRUE(agreed.has_value());
  EXPECT_EQ(agreed->families, (Families{.v4 = false, .v6 = true}));
  EXPECT_EQ(agreed->add_path_send, (Families{}));  // the peer sends and does not receive there
}

TEST(Negotiate, NeedsBothEndsOfADirectionForAddPath) {
  Open theirs = mirror_of(config());
  theirs.capabilities.add_path = {{.family = kV4, .receive = true, .send = false},
                                  {.family = kV6, .receive = true, .send = true}};
  const auto agreed = negotiate(config(), theirs);
  ASSERT_TRUE(agreed.has_value());
  EXPECT_EQ(agreed->add_path_send, (Families{.v4 = true, .v6 = true}));
  EXPECT_EQ(agreed->add_path_receive, (Families{}));
}

TEST(Negotiate, WithAnOldSpeakerUsesTwoOctetNumbers) {
  Open theirs = mirror_of(config());
  theirs.capabilities = {};
  const auto agreed = negotiate(config(), theirs);
  ASSERT_TRUE(agreed.has_value());
  EXPECT_EQ(agreed->as_width, AsWidth::Two);
  EXPECT_EQ(agreed->families, (Families{.v4 = true, .v6 = false}));
  EXPECT_FALSE(agreed->route_refresh);
  EXPECT_FALSE(agreed->enhanced_route_refresh);
  EXPECT_EQ(agreed->message_size, kMaxMessage);
  EXPECT_FALSE(agreed->restart);
}

TEST(Negotiate, WithOurLikeUsesEverything) {
  OpenConfig ours = config();
  ours.restart_notification = true;
  const auto agreed = negotiate(ours, mirror_of(ours));
  ASSERT_TRUE(agreed.has_value());
  EXPECT_EQ(agreed->kind, PeerKind::External);
  EXPECT_EQ(agreed->peer_id, RouterId{0x0a000001});
  EXPECT_EQ(agreed->as_width, AsWidth::Four);
  EXPECT_TRUE(agreed->route_refresh);
  EXPECT_TRUE(agreed->enhanced_route_refresh);
  EXPECT_EQ(agreed->message_size, kMaxExtendedMessage);
  EXPECT_TRUE(agreed->restart);
  EXPECT_TRUE(agreed->restart_notification);
  EXPECT_EQ(agreed->peer_restart_time, 20);
  EXPECT_EQ(agreed->peer_restart_families, (Families{.v4 = true, .v6 = true}));
  EXPECT_EQ(agreed->peer_forwarding, (Families{}));
}

TEST(Negotiate, HasNoGracefulRestartUnlessBothSidesOfferIt) {
  OpenConfig ours = config();
  const Open theirs = mirror_of(ours);
  ours.restart_time.reset();
  const auto agreed = negotiate(ours, theirs);
  ASSERT_TRUE(agreed.has_value());
  EXPECT_FALSE(agreed->restart);
  EXPECT_EQ(agreed->peer_restart_time, 20);  // what the peer said is still known
}

TEST(Negotiate, TakesIpv6NextHopsForIpv4WhereBothSidesDo) {
  OpenConfig ours = config();
  EXPECT_FALSE(negotiate(ours, mirror_of(ours))->extended_next_hop);
  ours.extended_next_hop = true;
  Open theirs = mirror_of(ours);
  EXPECT_TRUE(negotiate(ours, theirs)->extended_next_hop);
  EXPECT_FALSE(negotiate(config(), theirs)->extended_next_hop);
  // Next hops of IPv4 for IPv6, and of IPv6 for multicast.
  theirs.capabilities.extended_next_hop = {{.afi = 2, .safi = 1, .next_hop_afi = 1},
                                           {.afi = 1, .safi = 2, .next_hop_afi = 2}};
  EXPECT_FALSE(negotiate(ours, theirs)->extended_next_hop);
}

TEST(Negotiate, LetsOnlyFittingRolesMeet) {  // RFC 9234 §4.2, table 2
  constexpr std::array kAll{Role::Provider, Role::RouteServer, Role::RouteServerClient,
                            Role::Customer, Role::Peer};
  constexpr std::array kFitting{Role::Customer, Role::RouteServerClient, Role::RouteServer,
                                Role::Provider, Role::Peer};
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    OpenConfig ours = config();
    ours.role = kAll.at(i);
    for (const Role role : kAll) {
      Open theirs = mirror_of(config());
      theirs.capabilities.roles = {static_cast<std::uint8_t>(role)};
      EXPECT_EQ(negotiate(ours, theirs).has_value(), role == kFitting.at(i))
          << to_string(kAll.at(i)) << " and " << to_string(role);
    }
    EXPECT_TRUE(negotiate(ours, mirror_of(config())).has_value());  // it has none
  }
  OpenConfig inside = internal();
  Open theirs = mirror_of(inside);
  inside.role = Role::Customer;
  theirs.capabilities.roles = {0, 3};
  EXPECT_TRUE(negotiate(inside, theirs).has_value());
}

TEST(Negotiate, HasLongLivedRestartOnlyWhereBothSidesOfferIt) {
  OpenConfig ours = config();
  ours.long_lived_time = 60;
  Open theirs = mirror_of(ours);
  const auto agreed = negotiate(ours, theirs);
  ASSERT_TRUE(agreed.has_value());
  EXPECT_EQ(agreed->peer_long_lived_v4, 60U);
  EXPECT_EQ(agreed->peer_long_lived_v6, 60U);
  EXPECT_EQ(agreed->peer_long_lived_forwarding, (Families{}));
  EXPECT_EQ(negotiate(config(), theirs)->peer_long_lived_v4, 0U);
  theirs.capabilities.restart.reset();  // OPN-67
  EXPECT_EQ(negotiate(ours, theirs)->peer_long_lived_v4, 0U);
}

TEST(Negotiate, CallsAPeerOfOurAsInternal) {
  const OpenConfig ours = internal();
  const auto agreed = negotiate(ours, mirror_of(ours));
  ASSERT_TRUE(agreed.has_value());
  EXPECT_EQ(agreed->kind, PeerKind::Internal);
}

}  // namespace
}  // namespace porter::bgp
