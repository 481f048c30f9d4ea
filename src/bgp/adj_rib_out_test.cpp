// SPDX-License-Identifier: Apache-2.0
#include "bgp/adj_rib_out.hpp"

#include <gtest/gtest.h>

#include "bgp/test_receiver.hpp"

namespace porter::bgp {
namespace {

constexpr std::size_t kAll = std::size_t{1} << 30U;

Prefix host(std::uint32_t number) {
  return Prefix::host(Address::v4(0x0a000000U + number));
}

std::vector<Path> via(PathId node) {
  Path path;
  path.id = node;
  path.next_hop = Address::v4(0xc0000200U + node);
  return {path};
}

Encoding encoding() {
  Encoding made;
  made.local_as = Asn{65000};
  made.families = {.v4 = true, .v6 = true};
  return made;
}

struct Neighbour {
  explicit Neighbour(UpdateGroups& groups, const Encoding& like = encoding())
      : out{groups}, receiver{like} {
    out.opened(like);
  }
  void read(std::size_t octets = kAll) {
    std::size_t taken = 0;
    for (const Bytes message : out.pull(octets)) {
      const Bytes part = message.first(std::min(message.size(), octets - taken));
      receiver.feed(part);
      taken += part.size();
    }
    out.consumed(taken);
  }
  AdjRibOut out;
  testing::Receiver receiver;
};

class AdjRibOutTest : public ::testing::Test {
 protected:
  void fill(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i)
      rib.set(host(i), via(1));
  }
  void expect_told(Neighbour& peer, const Encoding& like = encoding()) {
    EXPECT_EQ(peer.receiver.complaints(), std::vector<std::string>{});
    EXPECT_EQ(peer.receiver.table(), testing::expected_table(rib, like));
    EXPECT_FALSE(peer.out.pending());
  }
  Rib rib;
  UpdateGroups groups{rib};
};

TEST_F(AdjRibOutTest, WritesAnIpv4RouteAsRfc4271Does) {
  Path path = via(1)[0];
  path.attributes.med = 5;
  path.attributes.communities = {0xfde80001U};
  rib.set(*Prefix::parse("198.51.100.0/24"), std::vector{path});
  Neighbour peer{groups};
  const auto messages = peer.out.pull(kAll);
  ASSERT_EQ(messages.size(), 1U);
  const std::vector<std::uint8_t> expected{
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0,    61,   2,     // length, UPDATE
      0,    0,    0,    34,                                  // no withdrawals, attributes
      0x40, 1,    1,    0,                                   // ORIGIN IGP
      0x40, 2,    6,    2,    1,    0,    0,    0xfd, 0xe8,  // AS_PATH 65000
      0x40, 3,    4,    192,  0,    2,    1,                 // NEXT_HOP
      0x80, 4,    4,    0,    0,    0,    5,                 // MULTI_EXIT_DISC
      0xc0, 8,    4,    0xfd, 0xe8, 0,    1,                 // COMMUNITIES 65000:1
      24,   198,  51,   100};
  EXPECT_EQ(std::vector<std::uint8_t>(messages[0].begin(), messages[0].end()), expected);
}

TEST_F(AdjRibOutTest, WritesAnIpv6RouteWithMpReachFirst) {
  Path path;
  path.id = 9;
  path.next_hop = *Address::parse("2001:db8::1");
  rib.set(*Prefix::parse("2001:db8:1::/48"), std::vector{path});
  Encoding like = encoding();
  like.add_path.v6 = true;
  Neighbour peer{groups, like};
  const auto messages = peer.out.pull(kAll);
  ASSERT_EQ(messages.size(), 1U);
  const Bytes attributes = messages[0].subspan(kHeaderSize + 4);
  const std::vector<std::uint8_t> reach{
      0x80, 14, 32, 0, 2,  1,    16,   0x20, 0x01, 0x0d, 0xb8, 0,    0,
      0,    0,  0,  0, 0,  0,    0,    0,    0,    1,    0,               // next hop
      0,    0,  0,  9, 48, 0x20, 0x01, 0x0d, 0xb8, 0,    1,    0x40, 1};  // then ORIGIN
  EXPECT_EQ(std::vector<std::uint8_t>(attributes.begin(), attributes.begin() + 37), reach);
  peer.read();
  expect_told(peer, like);
}

// Neighbours alike are looked at once, whatever lies between them, and wherever a part of the dump
// is cut.
TEST_F(AdjRibOutTest, ATableOfRunsIsToldWholeAndCounted) {
  std::vector<Path> many = via(1);
  many.push_back(via(2)[0]);
  many.push_back(via(3)[0]);
  Path v6;
  v6.id = 1;
  v6.next_hop = *Address::parse("2001:db8::1");
  const auto host6 = [](std::uint32_t number) {
    return *Prefix::parse("2001:db8:1::" + std::to_string(number) + "/128");
  };
  for (std::uint32_t i = 0; i < 600; ++i) {
    rib.set(host(i), i % 200 < 150 ? via(1 + i / 200) : many);  // of many each is told another one
    if (i % 7 == 0) rib.set(host6(i), std::vector{v6});
    if (i % 90 < 3) rib.set(host6(1000 + i), std::vector{v6, via(4)[0]});
  }
  for (std::uint32_t i = 100; i < 110; ++i)
    rib.withdraw(host(i));
  UpdateGroups small{rib, GroupLimits{.dump_octets = 256}};
  for (UpdateGroups* each : {&groups, &small}) {
    Neighbour peer{*each};
    const UpdateGroup& group = *each->find(encoding());
    EXPECT_EQ(group.counts(Family::V4).prefixes, 590U);
    EXPECT_EQ(group.counts(Family::V4).paths, 590U);
    EXPECT_EQ(group.counts(Family::V6).paths,
              testing::expected_table(rib, encoding()).size() - 590);
    while (peer.out.pending())
      peer.read();
    expect_told(peer);
    rib.set(host(3), via(2));
    rib.withdraw(host(301));
    rib.set(host(301), via(2));
    peer.read();
    expect_told(peer);
  }
}

TEST_F(AdjRibOutTest, ABurstOfEqualAttributesFillsItsMessages) {
  Neighbour peer{groups};
  fill(1000);  // 5 octets each
  peer.read();
  EXPECT_EQ(peer.receiver.messages(), 2U);
  expect_told(peer);
  for (std::uint32_t i = 0; i < 1000; ++i)
    rib.withdraw(host(i));
  peer.read();
  EXPECT_EQ(peer.receiver.messages(), 4U);
  expect_told(peer);
}

TEST_F(AdjRibOutTest, LikePeersShareTheSameOctets) {
  fill(5000);
  Neighbour first{groups};
  Neighbour second{groups};
  const std::vector<Bytes> one(first.out.pull(kAll).begin(), first.out.pull(kAll).end());
  const auto two = second.out.pull(kAll);
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i)
    EXPECT_EQ(one[i].data(), two[i].data());
  first.read();
  second.read();
  rib.set(host(7), via(2));
  EXPECT_EQ(first.out.pull(kAll)[0].data(), second.out.pull(kAll)[0].data());
  EXPECT_EQ(groups.size(), 1U);
}

TEST_F(AdjRibOutTest, TheLastPeerTakesItsGroupAway) {
  {
    const Neighbour peer{groups};
    EXPECT_NE(groups.find(encoding()), nullptr);
  }
  EXPECT_EQ(groups.find(encoding()), nullptr);
}

TEST_F(AdjRibOutTest, AMessageThatWasBegunIsFinishedUnchanged) {
  fill(3);
  Neighbour peer{groups};
  const Bytes message = peer.out.pull(kAll)[0];
  const std::vector<std::uint8_t> whole(message.begin(), message.end());
  peer.read(30);
  for (std::uint32_t i = 0; i < 3; ++i)
    rib.withdraw(host(i));
  const auto rest = peer.out.pull(kAll);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_TRUE(std::ranges::equal(rest[0], std::span{whole}.subspan(30)));
  peer.read();
  expect_told(peer);
}

TEST_F(AdjRibOutTest, GivesAtLeastOneMessageAndNoMoreThanTheBudget) {
  fill(5000);
  Neighbour peer{groups};
  EXPECT_EQ(peer.out.pull(0).size(), 1U);
  EXPECT_EQ(peer.out.pull(2 * kMaxMessage).size(), 2U);
}

TEST_F(AdjRibOutTest, APeerThatDoesNotReadGetsAFlappingPrefixOnce) {
  fill(10);
  Neighbour reads{groups};
  Neighbour stalls{groups};
  reads.read();
  stalls.read();
  for (PathId flap = 0; flap < 1000; ++flap) {
    rib.set(host(3), via(flap % 50 + 2));
    reads.read();
  }
  EXPECT_FALSE(stalls.out.subscription()->is_following());
  EXPECT_EQ(stalls.out.subscription()->owed(), 1U);
  EXPECT_EQ(stalls.out.subscription()->group().chunks(), 0U);
  const std::size_t before = stalls.receiver.announcements();
  stalls.read();
  EXPECT_EQ(stalls.receiver.announcements(), before + 1);
  expect_told(stalls);
  rib.set(host(4), via(2));
  reads.read();
  stalls.read();
  EXPECT_TRUE(stalls.out.subscription()->is_following());
  expect_told(stalls);
}

TEST_F(AdjRibOutTest, APrefixThatCameAndWentWhileAPeerStalledCostsNothing) {
  Neighbour reads{groups};
  Neighbour stalls{groups};
  reads.read();
  stalls.read();
  for (std::uint32_t i = 0; i < 1000; ++i) {
    rib.set(host(i), via(1));
    reads.read();
    rib.withdraw(host(i));
    reads.read();
  }
  EXPECT_LT(stalls.out.subscription()->owed(), 100U);
  EXPECT_LT(rib.footprint().slots, 100U);
  EXPECT_FALSE(stalls.out.pending());
  EXPECT_EQ(rib.footprint(), Rib::Footprint{});
}

TEST_F(AdjRibOutTest, WithNoPeerReadingChurnOfNewPrefixesStaysBounded) {
  UpdateGroups impatient{rib, GroupLimits{.backlog = 100}};
  Neighbour stalls{impatient};
  stalls.read();
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    rib.set(host(i), via(1));
    if (i >= 10) rib.withdraw(host(i - 10));
    if (i % 50 == 0) {
      EXPECT_TRUE(stalls.out.pending());
    }
    ASSERT_LT(rib.footprint().slots, 1500U);
  }
  stalls.read();
  expect_told(stalls);
  EXPECT_EQ(rib.footprint().slots, 10U);
}

TEST_F(AdjRibOutTest, ALaggardIsOwedWhatALongBacklogTells) {
  UpdateGroups impatient{rib, GroupLimits{.backlog = 5}};
  Neighbour peer{impatient};
  peer.read();
  peer.out.refresh(Family::V4);  // out of the list, with nothing to be sent
  fill(20);
  EXPECT_TRUE(peer.out.pending());
  peer.read();
  expect_told(peer);
}

TEST_F(AdjRibOutTest, ARefreshAnnouncesThatFamilyAgain) {
  fill(10);
  Path six;
  six.next_hop = *Address::parse("2001:db8::1");
  rib.set(*Prefix::parse("2001:db8:1::/48"), std::vector{six});
  Neighbour peer{groups};
  peer.read();
  peer.out.refresh(Family::V4);
  peer.out.refresh(Family::V4);  // nothing was sent in between
  EXPECT_TRUE(peer.out.pending());
  peer.read();
  EXPECT_EQ(peer.receiver.repeats(), 10U);
  EXPECT_EQ(peer.receiver.withdrawals(), 0U);
  expect_told(peer);
  peer.out.refresh(Family::V4);
  peer.read();
  EXPECT_EQ(peer.receiver.repeats(), 20U);
}

TEST_F(AdjRibOutTest, ARefreshOfNothingDoesNotSwallowTheNextOne) {
  Neighbour peer{groups};
  peer.read();
  peer.out.refresh(Family::V4);
  peer.read();
  fill(1);
  peer.read();
  peer.out.refresh(Family::V4);
  peer.read();
  EXPECT_EQ(peer.receiver.repeats(), 1U);
}

TEST_F(AdjRibOutTest, ADeselectedPathIsWithdrawnByItsIdentifier) {
  Encoding like = encoding();
  like.add_path.v4 = true;
  like.send_max_v4 = 2;
  Neighbour peer{groups, like};
  for (PathId count = 1; count <= 20; ++count) {
    std::vector<Path> paths;
    for (PathId id = 1; id <= count; ++id)
      paths.push_back(via(id)[0]);
    rib.set(host(1), paths);
    peer.read();
    expect_told(peer, like);
    EXPECT_EQ(peer.out.subscription()->group().counts(Family::V4).paths,
              std::min<PathId>(count, 2));
  }
  EXPECT_GT(peer.receiver.withdrawals(), 0U);
}

TEST_F(AdjRibOutTest, AChangeThatIsNotExportedSendsNothing) {
  Encoding like = encoding();
  like.mode = Encoding::Mode::Self;
  Neighbour peer{groups, like};
  peer.read();
  fill(10);
  EXPECT_FALSE(peer.out.pending());
  EXPECT_TRUE(peer.out.pull(kAll).empty());
}

// After a restart: the peer still has what the last run told it.
TEST_F(AdjRibOutTest, WhatAnEarlierRunToldIsWithdrawnAlsoIfItLeavesBeforeTheFirstPull) {
  fill(3);
  Neighbour last_run{groups};
  last_run.read();
  ASSERT_EQ(last_run.receiver.table().size(), 3U);

  rib.set(host(0), {});
  Neighbour peer{groups};
  peer.receiver = last_run.receiver;
  const PathList paths{via(1)};
  peer.out.told_before(std::make_shared<const RouteTable>(
      RouteTable{{host(0), paths}, {host(1), paths}, {host(2), paths}}));
  peer.out.opened(encoding());
  rib.set(host(1), {});
  peer.read();
  expect_told(peer);
  EXPECT_EQ(peer.receiver.table().size(), 1U);
}

// 200 nodes times 5,000 prefixes would be a million withdrawals of what the peer never had.
TEST_F(AdjRibOutTest, WhatTheEarlierRunKnewAndDidNotTellIsNotWithdrawn) {
  Encoding like = encoding();
  like.mode = Encoding::Mode::Self;
  like.add_path = {.v4 = true};
  const auto last_run = [](bool has_own) {
    Path own = via(1)[0];
    own.own = has_own;
    Path elsewhere = via(2)[0];
    Path for_another = own;
    for_another.id = 3;
    for_another.audience = 77;
    return std::make_shared<const RouteTable>(RouteTable{{host(0), {own, elsewhere, for_another}}});
  };
  for (const bool add_path : {true, false}) {
    like.add_path = {.v4 = add_path};
    Neighbour without{groups, like};
    without.out.told_before(last_run(false));
    without.out.opened(like);
    without.read();
    EXPECT_EQ(without.receiver.withdrawals(), 0U);

    Neighbour with{groups, like};
    with.out.told_before(last_run(true));
    with.out.opened(like);
    with.read();
    EXPECT_EQ(with.receiver.withdrawals(), 1U);
  }
}

TEST_F(AdjRibOutTest, AClosedPeerHasNothingPending) {
  fill(10);
  Neighbour peer{groups};
  peer.read(20);
  peer.out.closed();
  EXPECT_FALSE(peer.out.pending());
  EXPECT_TRUE(peer.out.pull(kAll).empty());
  peer.out.consumed(0);
  peer.out.refresh(Family::V4);
  EXPECT_EQ(peer.out.subscription(), nullptr);
}

Encoding with_budget(std::uint32_t budget) {
  Encoding made = encoding();
  made.budget = budget;
  return made;
}

TEST_F(AdjRibOutTest, ABudgetKeepsWhatWasToldFirstAndTheOldestTakesTheRoomThatIsFreed) {
  fill(2);
  Neighbour peer{groups, with_budget(2)};
  peer.read();
  for (std::uint32_t i = 2; i < 5; ++i)
    rib.set(host(i), via(1));
  EXPECT_FALSE(peer.out.pending());
  EXPECT_EQ(peer.receiver.table().size(), 2U);
  const UpdateGroup& group = peer.out.subscription()->group();
  EXPECT_EQ(group.refused(Family::V4), 3U);
  EXPECT_EQ(group.refused(1), std::vector{host(2)});
  EXPECT_TRUE(group.told(host(3)).empty());
  rib.set(host(1), via(2));  // another path in place of one is no more than before
  rib.withdraw(host(0));
  rib.withdraw(host(2));
  peer.read();
  EXPECT_EQ(peer.receiver.complaints(), std::vector<std::string>{});
  EXPECT_EQ(peer.receiver.table().size(), 2U);
  EXPECT_FALSE(group.told(host(3)).empty());
  EXPECT_EQ(group.refused(Family::V4), 1U);
  EXPECT_FALSE(peer.out.pending());
}

TEST_F(AdjRibOutTest, AnotherBudgetIsToldAsTheDifference) {
  fill(4);
  Neighbour peer{groups, with_budget(3)};
  peer.read();
  peer.out.moved(with_budget(1));
  peer.read();
  EXPECT_EQ(peer.receiver.table().size(), 1U);
  EXPECT_FALSE(peer.out.subscription()->group().told(host(0)).empty()) << "the oldest";
  peer.out.moved(encoding());
  peer.read();
  expect_told(peer);
}

TEST_F(AdjRibOutTest, AnAudienceIsToldItsOwnPathsInPlaceOfEverybodys) {
  std::vector<Path> paths = via(1);
  Path own = paths.front();
  own.audience = 7;
  own.attributes.med = 70;
  Path withheld = paths.front();
  withheld.audience = 8;
  withheld.withheld = true;
  paths.push_back(own);
  paths.push_back(withheld);
  rib.set(host(0), paths);
  for (std::uint32_t i = 1; i <= 40; ++i)
    rib.set(host(i), via(1));
  Encoding seven = encoding();
  seven.audience = 7;
  Encoding eight = encoding();
  eight.audience = 8;
  const std::vector<Exported> told = exported(rib, seven, host(0));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(rib.attributes(told.front().attributes).med, 70U);
  EXPECT_TRUE(exported(rib, eight, host(0)).empty());
  EXPECT_EQ(exported(rib, encoding(), host(0)).size(), 1U);

  Neighbour peer{groups};
  peer.read();
  const std::uint64_t before = peer.out.subscription()->group().octets_encoded();
  EXPECT_GT(before, 0U);
  peer.out.moved(seven);
  peer.read();
  expect_told(peer, seven);
  EXPECT_LT(peer.out.subscription()->group().octets_encoded(), before)
      << "only what differs is told again";
  peer.out.moved(eight);
  peer.read();
  expect_told(peer, eight);
  EXPECT_EQ(peer.receiver.table().size(), 40U);
}

// As one edit has it that takes a node out of service: the routes go, and what is left is marked.
TEST_F(AdjRibOutTest, RoutersThatAreNoNextHopShareOneGroup) {
  fill(100);
  Encoding first = encoding();
  first.exclude = Address::v4(0xc0000207U);
  Encoding second = encoding();
  second.exclude = Address::v4(0xc0000208U);
  Neighbour one{groups, first};
  Neighbour other{groups, second};
  one.read();
  other.read();
  EXPECT_EQ(groups.size(), 1U);
  const std::size_t encoded = one.out.subscription()->group().octets_encoded();
  EXPECT_LT(encoded, 1'200U) << "once for both: five octets a route";

  rib.set(host(7), via(7));  // the first router is a node now
  EXPECT_TRUE(one.out.pending());
  one.read();
  other.read();
  EXPECT_EQ(groups.size(), 2U);
  EXPECT_EQ(one.receiver.table().size(), 99U) << "no route over itself";
  expect_told(one, first);
  expect_told(other, second);

  rib.set(host(7), via(1));
  one.read();
  other.read();
  EXPECT_EQ(groups.size(), 1U);
  expect_told(one, first);
  expect_told(other, second);
  EXPECT_EQ(one.receiver.repeats() + other.receiver.repeats(), 0U);
}

TEST_F(AdjRibOutTest, ADrainTellsEverythingAgainAndStillWithdrawsWhatIsGone) {
  fill(3);
  Neighbour peer{groups};
  peer.read();
  rib.withdraw(host(0));
  Encoding drained = encoding();
  drained.graceful_shutdown = true;
  peer.out.moved(drained);
  peer.read();
  expect_told(peer, drained);
  EXPECT_EQ(peer.receiver.table().size(), 2U);
  EXPECT_EQ(peer.receiver.repeats(), 0U) << "all of it with other attributes";
}

TEST_F(AdjRibOutTest, WhoIsMovedWithMuchStillToReadEndsUpWithWhatIsTrue) {
  fill(2'000);
  Neighbour peer{groups};
  peer.read(50);
  for (std::uint32_t i = 0; i < 1'000; ++i)
    rib.withdraw(host(i));
  Encoding seven = encoding();
  seven.audience = 7;
  peer.out.moved(seven);
  for (std::uint32_t i = 1'500; i < 2'500; ++i)
    rib.set(host(i), via(2));
  while (peer.out.pending())
    peer.read(700);
  expect_told(peer, seven);
}

}  // namespace
}  // namespace porter::bgp
