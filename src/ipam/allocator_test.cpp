// SPDX-License-Identifier: Apache-2.0
#include "ipam/allocator.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <rapidcheck.h>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter::ipam {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

Address address(std::string_view text) {
  return *Address::parse(text);
}

model::Eip eip(std::string name, std::string_view range) {
  model::Eip eip;
  eip.meta.name.name = std::move(name);
  eip.addresses.push_back(*Range::parse(range));
  return eip;
}

model::Holder holder(const std::string& name) {
  return {.service = {.ns = "shop", .name = name}, .uid = "uid-" + name};
}

// An Allocator with a store that answers at once when it is asked to.
struct Store {
  Store(std::initializer_list<model::Eip> eips) {
    for (const model::Eip& each : eips)
      allocator.set_pool(each);
  }

  std::string lowest(const std::string& pool, Family family = Family::V4) const {
    const auto free = allocator.lowest_free(*allocator.pool(pool), family);
    return free ? to_string(*free) : "none";
  }

  void take(std::string_view text, const std::string& name, const std::string& pool = "lan",
            const std::string& key = {}) {
    allocator.take(address(text), pool, holder(name), key, 100);
  }

  void leave(std::string_view text, const std::string& name, TimePoint now = kStart) {
    allocator.leave(address(text), holder(name).service, now);
  }

  std::vector<Unsent> write() {
    std::vector<Unsent> unsent = allocator.take_unsent();
    for (const Unsent& each : unsent)
      EXPECT_TRUE(allocator.answered(each.address, each.revision));
    return unsent;
  }

  Allocator allocator;
};

TEST(Allocator, TakesAnAddressInEveryPoolThatContainsIt) {
  Store store{eip("lan", "192.0.2.0/30"), eip("wide", "192.0.2.0/24")};
  store.take("192.0.2.0", "web");
  EXPECT_EQ(store.lowest("lan"), "192.0.2.1");
  EXPECT_EQ(store.lowest("wide"), "192.0.2.1");
  EXPECT_EQ(store.allocator.used("lan"), 1U);
  EXPECT_EQ(store.allocator.used("wide"), 0U);
  store.allocator.set_pool(eip("late", "192.0.2.0/31"));
  EXPECT_EQ(store.lowest("late"), "192.0.2.1");
}

TEST(Allocator, WritesARecordThatNamesItsHoldersInTheOrderTheyJoined) {
  Store store{eip("lan", "192.0.2.0/30")};
  store.take("192.0.2.1", "web", "lan", "k");
  store.take("192.0.2.1", "api", "lan", "k");
  const auto unsent = store.write();
  ASSERT_EQ(unsent.size(), 1U);
  const model::EipAddress& record = *unsent.front().value;
  EXPECT_EQ(record.meta.name.name, "192.0.2.1");
  EXPECT_EQ(record.eip, "lan");
  EXPECT_EQ(record.share_key, "k");
  EXPECT_EQ(record.meta.created, 100);
  EXPECT_EQ(record.services, (std::vector{holder("web"), holder("api")}));
  EXPECT_EQ(store.allocator.services("lan"), 2U);
}

TEST(Allocator, GivesAReleasedAddressToNobodyBeforeItsRemovalIsDurable) {
  Store store{eip("lan", "192.0.2.0/32")};
  store.take("192.0.2.0", "web");
  store.write();
  store.leave("192.0.2.0", "web");
  EXPECT_FALSE(store.allocator.is_open_to(address("192.0.2.0"), holder("api").service));
  EXPECT_EQ(store.lowest("lan"), "none");
  const auto unsent = store.write();
  ASSERT_EQ(unsent.size(), 1U);
  EXPECT_FALSE(unsent.front().value);
  EXPECT_TRUE(store.allocator.is_open_to(address("192.0.2.0"), holder("api").service));
  EXPECT_EQ(store.lowest("lan"), "192.0.2.0");
}

TEST(Allocator, PassesOverWhatWasReleasedLatelyWhileOthersAreFree) {
  Store store{eip("lan", "192.0.2.0/31")};
  store.take("192.0.2.0", "web");
  store.write();
  store.leave("192.0.2.0", "web");
  store.write();
  EXPECT_EQ(store.lowest("lan"), "192.0.2.1");
  store.take("192.0.2.1", "api");
  EXPECT_EQ(store.lowest("lan"), "192.0.2.0");
  store.leave("192.0.2.1", "api", kStart + 30s);
  store.write();
  store.allocator.cool_down(kStart + 59s);
  EXPECT_EQ(store.lowest("lan"), "192.0.2.0");  // both are warm
  store.allocator.cool_down(kStart + 60s);
  EXPECT_EQ(to_string(*store.allocator.pool("lan")->lowest_free(Family::V4)), "192.0.2.0");
  store.allocator.cool_down(kStart + 90s);
  EXPECT_EQ(to_string(store.allocator.pool("lan")->free_count()), "2");
}

TEST(Allocator, RemembersOnlySoManyReleasedAddresses) {
  Store store{eip("lan", "10.0.0.0/8")};
  const std::uint32_t first = address("10.0.0.0").v4_bits();
  for (std::uint32_t i = 0; i <= Allocator::kMostCooling; ++i) {
    store.allocator.take(Address::v4(first + i), "lan", holder("web"), {}, 0);
    store.allocator.leave(Address::v4(first + i), holder("web").service, kStart);
  }
  store.write();
  store.allocator.cool_down(kStart);
  EXPECT_EQ(store.lowest("lan"), "10.0.0.0");
}

TEST(Allocator, IgnoresAnswersToOlderRecords) {
  Store store{eip("lan", "192.0.2.0/30")};
  store.take("192.0.2.1", "web", "lan", "k");
  const auto first = store.allocator.take_unsent();
  store.take("192.0.2.1", "api", "lan", "k");
  const auto second = store.allocator.take_unsent();
  EXPECT_FALSE(store.allocator.answered(address("192.0.2.1"), first.front().revision));
  EXPECT_FALSE(store.allocator.lease(address("192.0.2.1"))->holders[0].recorded);
  EXPECT_TRUE(store.allocator.answered(address("192.0.2.1"), second.front().revision));
  EXPECT_TRUE(store.allocator.lease(address("192.0.2.1"))->holders[1].recorded);
}

TEST(Allocator, AJoinerDoesNotUnsettleWhoIsRecorded) {
  Store store{eip("lan", "192.0.2.0/30")};
  store.take("192.0.2.1", "web", "lan", "k");
  store.write();
  store.take("192.0.2.1", "api", "lan", "k");
  const Lease& lease = *store.allocator.lease(address("192.0.2.1"));
  EXPECT_TRUE(lease.holders[0].recorded);
  EXPECT_FALSE(lease.holders[1].recorded);
  store.leave("192.0.2.1", "api");
  EXPECT_TRUE(lease.holders[0].recorded);
}

TEST(Allocator, AnAnswerOfAnEarlierLifeOfAnAddressSaysNothing) {
  Store store{eip("lan", "192.0.2.0/30")};
  store.take("192.0.2.1", "web");
  const auto first = store.write();
  store.leave("192.0.2.1", "web");
  store.write();
  store.take("192.0.2.1", "api");
  EXPECT_FALSE(store.allocator.answered(address("192.0.2.1"), first.front().revision));
}

TEST(Allocator, KeepsAReservationFromEverybody) {
  Store store{eip("lan", "192.0.2.0/31")};
  model::EipAddress record;
  record.address = address("192.0.2.0");
  store.allocator.load(record);
  EXPECT_EQ(store.lowest("lan"), "192.0.2.1");
  EXPECT_FALSE(store.allocator.is_open_to(address("192.0.2.0"), holder("web").service));
  store.allocator.unreserve(address("192.0.2.0"));
  EXPECT_EQ(store.lowest("lan"), "192.0.2.0");
}

TEST(Allocator, AReservationMayBeForAService) {
  Store store{eip("lan", "192.0.2.0/31")};
  store.allocator.reserve(address("192.0.2.0"), {holder("web")});
  EXPECT_TRUE(store.allocator.is_open_to(address("192.0.2.0"), holder("web").service));
  EXPECT_FALSE(store.allocator.is_open_to(address("192.0.2.0"), holder("api").service));
  EXPECT_TRUE(store.allocator.kept_for(holder("web").service).contains(address("192.0.2.0")));
}

TEST(Allocator, AReservationOfAnAddressInUseWaitsUntilItIsReleased) {
  Store store{eip("lan", "192.0.2.0/31")};
  store.take("192.0.2.0", "web");
  store.write();
  store.allocator.reserve(address("192.0.2.0"), {});
  EXPECT_EQ(store.allocator.used("lan"), 1U);
  store.leave("192.0.2.0", "web");
  store.write();
  EXPECT_FALSE(store.allocator.is_open_to(address("192.0.2.0"), holder("web").service));
}

TEST(Allocator, KeepsAnAddressForItsServiceUntilTheTimeIsOver) {
  Store store{eip("lan", "192.0.2.0/31")};
  store.take("192.0.2.0", "web");
  store.allocator.keep(address("192.0.2.0"), holder("web"), 500);
  const auto unsent = store.write();
  ASSERT_EQ(unsent.size(), 1U);
  EXPECT_EQ(unsent.front().value->retain_until, 500);
  EXPECT_EQ(unsent.front().value->services, std::vector{holder("web")});
  EXPECT_TRUE(store.allocator.is_open_to(address("192.0.2.0"), holder("web").service));
  EXPECT_FALSE(store.allocator.is_open_to(address("192.0.2.0"), holder("api").service));
  EXPECT_EQ(store.allocator.next_expiry(), 500);
  EXPECT_FALSE(store.allocator.expired(499));
  store.allocator.expire(*store.allocator.expired(500), kStart);
  store.write();
  EXPECT_EQ(store.allocator.next_expiry(), kForEver);
  EXPECT_EQ(store.lowest("lan"), "192.0.2.1");
}

TEST(Allocator, LoadsWhatItWrote) {
  Store store{eip("lan", "192.0.2.0/29")};
  store.take("192.0.2.0", "web", "lan", "k");
  store.take("192.0.2.0", "api", "lan", "k");
  store.take("192.0.2.1", "dns");
  store.allocator.keep(address("192.0.2.1"), holder("dns"), kForEver);
  Store again{eip("lan", "192.0.2.0/29")};
  for (const Unsent& unsent : store.write())
    again.allocator.load(*unsent.value);
  EXPECT_FALSE(again.allocator.has_unsent());
  EXPECT_EQ(again.lowest("lan"), "192.0.2.2");
  EXPECT_EQ(again.allocator.held_by(holder("api").service), std::set{address("192.0.2.0")});
  EXPECT_EQ(again.allocator.with_share_key("k"), std::set{address("192.0.2.0")});
  EXPECT_EQ(again.allocator.kept_for(holder("dns").service), std::set{address("192.0.2.1")});
  EXPECT_EQ(again.allocator.used("lan"), 1U);
}

TEST(Allocator, OfTwoRecordsOfOneAddressTheFirstWins) {
  Store store{eip("lan", "192.0.2.0/29")};
  model::EipAddress record;
  record.address = address("192.0.2.0");
  record.eip = "lan";
  record.services = {holder("web"), holder("web")};
  store.allocator.load(record);
  record.services = {holder("api")};
  store.allocator.load(record);
  EXPECT_EQ(store.allocator.lease(record.address)->holders.size(), 1U);
  EXPECT_EQ(store.allocator.held_by(holder("api").service).size(), 0U);
}

TEST(Allocator, FillsALargePool) {
  Store store{eip("lan", "10.0.0.0/16")};
  const Pool& pool = *store.allocator.pool("lan");
  const std::uint32_t first = address("10.0.0.0").v4_bits();
  for (std::uint32_t i = 0; i < 65'536; ++i) {
    const auto free = store.allocator.lowest_free(pool, Family::V4);
    ASSERT_EQ(free, Address::v4(first + i));
    store.allocator.take(*free, "lan", holder("web"), {}, 0);
  }
  EXPECT_FALSE(store.allocator.lowest_free(pool, Family::V4));
  EXPECT_EQ(store.allocator.used("lan"), 65'536U);
}

// A map from address to who is on it, with overlapping pools and answers that come late.
class NaiveModel {
 public:
  NaiveModel() {
    for (std::uint32_t i = 0; i < kCount; ++i)
      states_[at(i)];
  }

  static constexpr std::uint32_t kCount = 12;
  static Address at(std::uint32_t index) {
    return Address::v4(address("192.0.2.0").v4_bits() + index);
  }

  // One step, done to both.
  void step(Allocator& allocator, Address where, const model::Holder& who, int what,
            TimePoint now) {
    State& there = states_[where];
    switch (what) {
      case 0: return take(allocator, where, there, who);
      case 1: return leave(allocator, where, there, who, now);
      case 2:
        allocator.reserve(where, {});
        there.reserved = true;
        return;
      case 3:
        allocator.unreserve(where);
        there.reserved = false;
        return;
      default: return answer(allocator, where, there);
    }
  }

  [[nodiscard]] bool agrees_on_who_is_free(const Allocator& allocator) const {
    return std::ranges::all_of(states_, [&](const auto& each) {
      return allocator.is_open_to(each.first, {}) == each.second.is_free();
    });
  }
  [[nodiscard]] std::optional<Address> lowest_free(const Pool& pool, TimePoint now) const {
    std::optional<Address> warm;
    for (const auto& [each, state] : states_) {
      if (!pool.contains(each) || !state.is_free()) continue;
      const bool is_cool =
          state.released_at == kNever || state.released_at + Allocator::kCooling <= now;
      if (is_cool) return each;
      if (!warm) warm = each;
    }
    return warm;
  }
  [[nodiscard]] std::set<Address> held_by(const model::NamespacedName& name) const {
    std::set<Address> held;
    for (const auto& [each, state] : states_) {
      if (state.holders.contains(name)) held.insert(each);
    }
    return held;
  }

 private:
  struct State {
    std::set<model::NamespacedName> holders;
    bool releasing = false;
    bool reserved = false;
    TimePoint released_at = kNever;
    [[nodiscard]] bool is_free() const { return holders.empty() && !releasing && !reserved; }
  };

  static void take(Allocator& allocator, Address where, State& there, const model::Holder& who) {
    if (there.releasing || there.reserved || there.holders.contains(who.service)) return;
    allocator.take(where, where <= address("192.0.2.7") ? "a" : "b", who, "k", 1);
    there.holders.insert(who.service);
    there.released_at = kNever;
  }
  static void leave(Allocator& allocator, Address where, State& there, const model::Holder& who,
                    TimePoint now) {
    if (there.holders.erase(who.service) == 0) return;
    allocator.leave(where, who.service, now);
    if (!there.holders.empty()) return;
    there.releasing = true;
    there.released_at = now;
  }
  void answer(Allocator& allocator, Address where, State& there) {
    for (const Unsent& unsent : allocator.take_unsent())
      writing_[unsent.address] = unsent.revision;
    if (writing_.contains(where) && allocator.answered(where, writing_[where]))
      there.releasing = false;
  }

  std::map<Address, State> states_;
  std::map<Address, std::uint64_t> writing_;
};

RC_GTEST_PROP(Allocator, AgreesWithANaiveModel, ()) {
  Store store{eip("a", "192.0.2.0/29"), eip("b", "192.0.2.4-192.0.2.11")};
  Allocator& allocator = store.allocator;
  NaiveModel naive;
  TimePoint now = kStart;
  for (int turn = *rc::gen::inRange(0, 60); turn > 0; --turn) {
    now += std::chrono::seconds{*rc::gen::inRange(0, 20)};
    const Address where = NaiveModel::at(*rc::gen::inRange<std::uint32_t>(0, NaiveModel::kCount));
    const model::Holder who = holder(std::to_string(*rc::gen::inRange(0, 3)));
    naive.step(allocator, where, who, *rc::gen::inRange(0, 5), now);
    allocator.cool_down(now);
    RC_ASSERT(naive.agrees_on_who_is_free(allocator));
    for (const auto& [name, pool] : allocator.pools())
      RC_ASSERT(allocator.lowest_free(pool, Family::V4) == naive.lowest_free(pool, now));
    for (int i = 0; i < 3; ++i) {
      const auto name = holder(std::to_string(i)).service;
      RC_ASSERT(allocator.held_by(name) == naive.held_by(name));
    }
  }
}

}  // namespace
}  // namespace porter::ipam
