// SPDX-License-Identifier: Apache-2.0
#include "bgp/rib.hpp"

#include <map>
#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter::bgp {
namespace {

Prefix host(std::uint32_t number) {
  return Prefix::host(Address::v4(0x0a000000U + number));
}

Path via(PathId node) {
  Path path;
  path.id = node;
  path.next_hop = Address::v4(0xc0000200U + node);
  return path;
}

std::vector<Prefix> changed(ChangeReader& reader, const Rib& rib) {
  std::vector<Prefix> seen;
  for (; const auto slot = reader.next(); reader.pass())
    seen.push_back(rib.prefix(*slot));
  reader.settle();
  return seen;
}

TEST(Rib, KeepsPathsByIdentifierWhateverTheirOrder) {
  Rib rib;
  rib.set(host(1), std::vector{via(3), via(1), via(2)});
  EXPECT_EQ(rib.paths(host(1)), (std::vector{via(1), via(2), via(3)}));
  EXPECT_EQ(rib.size(), 1U);
}

TEST(Rib, KeepsOnePathOfAnIdentifier) {
  Rib rib;
  Path other = via(1);
  other.next_hop = Address::v4(0xc00002ffU);
  rib.set(host(1), std::vector{other, via(1)});
  EXPECT_EQ(rib.paths(host(1)), std::vector{via(1)});
}

TEST(Rib, TheSameSetAgainIsNoChange) {
  Rib rib;
  rib.set(host(1), std::vector{via(1), via(2)});
  const std::uint64_t version = rib.version();
  rib.set(host(1), std::vector{via(2), via(1)});
  rib.withdraw(host(2));
  EXPECT_EQ(rib.version(), version);
}

TEST(Rib, EqualSetsAreKeptOnce) {
  Rib rib;
  for (std::uint32_t i = 0; i < 100; ++i)
    rib.set(host(i), std::vector{via(1), via(2)});
  EXPECT_EQ(rib.footprint(), (Rib::Footprint{.slots = 100,
                                             .tombstones = 0,
                                             .changes = 0,
                                             .path_sets = 1,
                                             .paths = 2,
                                             .attributes = 0}));
}

TEST(Rib, AReaderSeesAFlappingPrefixOnceAtItsLatestPlace) {
  Rib rib;
  ChangeReader reader{rib};
  for (PathId flap = 0; flap < 1000; ++flap) {
    rib.set(host(1), std::vector{via(flap)});
    if (flap == 500) rib.set(host(2), std::vector{via(1)});
  }
  EXPECT_LT(rib.footprint().changes, 200U);
  EXPECT_EQ(changed(reader, rib), (std::vector{host(2), host(1)}));
  EXPECT_EQ(changed(reader, rib), std::vector<Prefix>{});
}

TEST(Rib, AWithdrawnPrefixLivesUntilEveryReaderHasPassed) {
  Rib rib;
  ChangeReader first{rib};
  ChangeReader second{rib};
  rib.set(host(1), std::vector{via(1)});
  rib.withdraw(host(1));
  EXPECT_EQ(changed(first, rib), std::vector{host(1)});
  EXPECT_EQ(rib.footprint().tombstones, 1U);
  EXPECT_EQ(changed(second, rib), std::vector{host(1)});
  EXPECT_EQ(rib.footprint(), Rib::Footprint{});
}

TEST(Rib, AReaderThatGoesHoldsNothing) {
  Rib rib;
  {
    const ChangeReader reader{rib};
    rib.set(host(1), std::vector{via(1)});
    rib.withdraw(host(1));
    EXPECT_EQ(rib.footprint().tombstones, 1U);
  }
  EXPECT_EQ(rib.footprint(), Rib::Footprint{});
}

TEST(Rib, APinnedSlotKeepsItsPrefix) {
  Rib rib;
  rib.set(host(1), std::vector{via(1)});
  const SlotId slot = *rib.find(host(1));
  rib.pin(slot);
  rib.withdraw(host(1));
  EXPECT_EQ(rib.prefix(slot), host(1));
  rib.unpin(slot);
  EXPECT_FALSE(rib.find(host(1)));
}

TEST(Rib, ListsPrefixesInOrderPageByPage) {
  Rib rib;
  for (const std::uint32_t number : {5U, 1U, 4U, 2U, 3U})
    rib.set(host(number), std::vector{via(1)});
  rib.withdraw(host(4));
  EXPECT_EQ(rib.prefixes(2), (std::vector{host(1), host(2)}));
  EXPECT_EQ(rib.prefixes(9, host(2)), (std::vector{host(3), host(5)}));
}

// Any churn: the Rib is the map of what was set last, and each reader that applies what it sees
// ends with the same map.
RC_GTEST_PROP(Rib, ReadersThatApplyChangesEndWithItsContents, ()) {
  Rib rib;
  std::map<Prefix, std::vector<Path>> model;
  std::vector<std::unique_ptr<ChangeReader>> readers;
  std::vector<std::map<Prefix, std::vector<Path>>> copies(3);
  readers.reserve(copies.size());
  for (std::size_t i = 0; i < copies.size(); ++i)
    readers.push_back(std::make_unique<ChangeReader>(rib));

  const auto read = [&](std::size_t reader, int count) {
    for (; count > 0; --count) {
      const auto slot = readers[reader]->next();
      if (!slot) break;
      readers[reader]->pass();
      const Prefix prefix = rib.prefix(*slot);
      copies[reader].erase(prefix);
      const std::vector<Path> paths = rib.paths(prefix);
      if (!paths.empty()) copies[reader].emplace(prefix, paths);
    }
    readers[reader]->settle();
  };
  for (int step = *rc::gen::inRange(0, 400); step > 0; --step) {
    const Prefix prefix = host(static_cast<std::uint32_t>(*rc::gen::inRange(0, 30)));
    std::vector<Path> paths;
    for (int count = *rc::gen::inRange(0, 3); count > 0; --count) {
      paths.push_back(via(static_cast<PathId>(count)));
      paths.back().attributes.med = static_cast<std::uint32_t>(*rc::gen::inRange(0, 2));
    }
    rib.set(prefix, paths);
    std::ranges::sort(paths);
    if (paths.empty()) {
      model.erase(prefix);
    } else {
      model[prefix] = paths;
    }
    if (*rc::gen::inRange(0, 20) == 0) {
      read(*rc::gen::inRange<std::size_t>(0, 3), *rc::gen::inRange(0, 40));
    }
  }
  RC_ASSERT(rib.footprint().changes <= 2 * 30U + 2 * 64U);
  for (std::size_t i = 0; i < 3; ++i) {
    read(i, 1 << 20);
    RC_ASSERT(copies[i] == model);
  }
  RC_ASSERT(rib.footprint().slots == model.size());
  RC_ASSERT(rib.footprint().changes == 0U);
}

}  // namespace
}  // namespace porter::bgp
