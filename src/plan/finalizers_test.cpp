// SPDX-License-Identifier: Apache-2.0
#include "plan/finalizers.hpp"

#include <chrono>

#include <gtest/gtest.h>

#include "plan/engine.hpp"
#include "plan/test_scene.hpp"

// What holds a deleted Eip back, and when it is let go.
namespace porter::plan {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

const Names kOurs{std::string{kAddressesInUse}};
const model::ObjectKey kLan{.kind = model::Kind::Eip, .name = test::named("lan")};

TEST(Finalizers, OursIsAddedBehindThoseOfOthers) {
  EXPECT_EQ(finalizers_after({"example.com/audit"}, false, true),
            (Names{"example.com/audit", std::string{kAddressesInUse}}));
  EXPECT_EQ(finalizers_after(kOurs, false, true), kOurs);
}

TEST(Finalizers, NothingIsAddedToWhatIsBeingDeleted) {
  EXPECT_EQ(finalizers_after({}, true, true), Names{});
  EXPECT_EQ(finalizers_after(kOurs, true, true), kOurs);
}

TEST(Finalizers, ThoseOfOpenElbGoAndThoseOfOthersStay) {
  const Names left{"finalizer.ipam.kubesphere.io/v1alpha1", "example.com/audit",
                   "finalizer.lb.kubesphere.io/node-1", "finalizer.lb.kubesphere.io/v1alpha1",
                   "node-proxy.openelb.kubesphere.io/finalizer"};
  EXPECT_EQ(finalizers_after(left, true, false), Names{"example.com/audit"});
}

// A controller whose writes of finalizers are taken, and told back as the API server would.
class Cluster {
 public:
  Cluster() : engine{identity(), now, 1'700'000'000} {
    see(test::conf(), model::Kind::BgpConf);
    put(lan);
    see(test::service("shop/web"), model::Kind::Service);
    engine.apply(Synced{}, now);
    run();
  }

  static Identity identity() {
    Identity identity;
    identity.role = Role::Controller;
    return identity;
  }
  template <class Value>
  void see(const Value& value, model::Kind kind) {
    const model::ObjectKey key{.kind = kind, .name = value.meta.name};
    engine.apply(ObjectSeen{.key = key, .object = value, .resource_version = "1", .status = {}},
                 now);
  }
  void put(model::Eip next) {
    lan = std::move(next);
    see(lan, model::Kind::Eip);
  }
  void put_deleted(model::Eip next) {
    next.meta.deleting = true;
    put(std::move(next));
    run();
  }
  void refuse_deleted() {
    lan.meta.deleting = true;
    engine.apply(
        ProblemsSeen{
            .key = kLan,
            .where = {},
            .problems = {{.reason = "Invalid", .field = "spec.address", .message = "no address"}},
            .meta = lan.meta},
        now);
    run();
  }
  void drop_web() {
    engine.apply(ObjectSeen{.key = {.kind = model::Kind::Service, .name = test::named("shop/web")},
                            .object = {}},
                 now);
    run();
  }
  void run() {
    for (const TimePoint end = now + 2s; now < end; now += 1ms) {
      if (engine.deadline() > now) continue;
      for (const Change& change : engine.step(now, 100))
        perform(change);
    }
  }
  void perform(const Change& change) {
    if (const auto* const record = std::get_if<Record>(&change)) {
      order.push_back(record->value ? "give" : "release");
      engine.apply(Recorded{.address = record->address, .revision = record->revision}, now);
    } else if (const auto* const wanted = std::get_if<FinalizersWanted>(&change)) {
      order.push_back(wanted->is_held ? "hold" : "let go");
      if (wanted->key != kLan) return;
      lan.meta.finalizers = wanted->list;
      if (lan.meta.deleting && lan.meta.finalizers.empty()) {
        engine.apply(ObjectSeen{.key = kLan, .object = {}}, now);
      } else {
        see(lan, model::Kind::Eip);
      }
    } else if (const auto* const status = std::get_if<StatusWanted>(&change)) {
      if (status->key == kLan && status->status) told = *status->status;
    }
  }
  [[nodiscard]] std::string ready() const {
    for (const Tree& each : told["conditions"].items()) {
      if (each["type"].text() == "Ready")
        return each["reason"].text() + ": " + each["message"].text();
    }
    return "";
  }
  [[nodiscard]] bool has_lan() const { return engine.view().eips.contains("lan"); }

  TimePoint now{1h};
  model::Eip lan = test::eip("lan", "192.0.2.0/30");
  Names order;
  Tree told;
  Engine engine;
};

TEST(Finalizers, AnEipIsHeldFromTheStart) {
  const Cluster cluster;
  EXPECT_EQ(cluster.lan.meta.finalizers, kOurs);
}

TEST(Finalizers, ADeletedEipStaysUntilItsLastAddressIsReleased) {
  Cluster cluster;
  cluster.put_deleted(cluster.lan);
  EXPECT_TRUE(cluster.has_lan());
  EXPECT_EQ(cluster.ready(),
            "Deleting: being deleted: gives nothing new, and goes with its last address. In use: "
            "192.0.2.0 (shop/web)");
  cluster.order.clear();
  cluster.drop_web();
  EXPECT_FALSE(cluster.has_lan());
  EXPECT_EQ(cluster.order, (Names{"release", "let go"}));
}

TEST(Finalizers, ADeletedEipThatCannotBeReadIsLetGoWithItsLastAddress) {
  Cluster cluster;
  cluster.refuse_deleted();
  EXPECT_TRUE(cluster.has_lan());
  EXPECT_EQ(cluster.lan.meta.finalizers, kOurs);
  cluster.order.clear();
  cluster.drop_web();
  EXPECT_FALSE(cluster.has_lan());
  EXPECT_EQ(cluster.order, (Names{"release", "let go"}));
  EXPECT_TRUE(cluster.engine.view().problems.empty());
}

TEST(Finalizers, ADeletedEipThatEvictsGoesAtOnce) {
  Cluster cluster;
  model::Eip next = cluster.lan;
  next.evict = true;
  cluster.put_deleted(next);
  EXPECT_FALSE(cluster.has_lan());
  EXPECT_TRUE(cluster.engine.assigner().allocator().leases().empty());
}

// What is kept by reclaim policy Retain is in nobody's hands.
TEST(Finalizers, ADeletedEipDoesNotWaitForWhatIsOnlyKept) {
  Cluster cluster;
  model::Eip next = cluster.lan;
  next.reclaim = model::Eip::Reclaim::Retain;
  cluster.put(next);
  cluster.drop_web();
  EXPECT_EQ(cluster.engine.assigner().allocator().leases().size(), 1U);
  cluster.put_deleted(cluster.lan);
  EXPECT_FALSE(cluster.has_lan());
  EXPECT_TRUE(cluster.engine.assigner().allocator().leases().empty());
}

TEST(Finalizers, AnotherEipWithTheAddressTakesItOverFromADeletedOne) {
  Cluster cluster;
  cluster.see(test::eip("renamed", "192.0.2.0/28"), model::Kind::Eip);
  cluster.run();
  cluster.put_deleted(cluster.lan);
  EXPECT_FALSE(cluster.has_lan());
  const auto& leases = cluster.engine.assigner().allocator().leases();
  ASSERT_EQ(leases.size(), 1U);
  EXPECT_EQ(leases.begin()->second.eip, "renamed");
}

TEST(Finalizers, TheOtherEipMayComeLater) {
  Cluster cluster;
  cluster.put_deleted(cluster.lan);
  EXPECT_TRUE(cluster.has_lan());
  cluster.see(test::eip("renamed", "192.0.2.0/28"), model::Kind::Eip);
  cluster.run();
  EXPECT_FALSE(cluster.has_lan());
}

// The version that leaves out an address in use is refused; that it is deleted is not.
TEST(Finalizers, ARefusedEipCanBeDeletedAllTheSame) {
  Cluster cluster;
  model::Eip next = cluster.lan;
  next.addresses = test::eip("lan", "192.0.2.2/31").addresses;
  cluster.put(next);
  cluster.run();
  EXPECT_TRUE(cluster.engine.view().refused.contains(kLan));
  next.meta.finalizers = kOurs;
  next.evict = true;
  cluster.put_deleted(next);
  EXPECT_FALSE(cluster.has_lan());
}

TEST(Finalizers, WhatOpenElbLeftOnAServiceIsTakenOff) {
  Cluster cluster;
  cluster.order.clear();
  model::Service web = test::service("shop/web");
  web.meta.finalizers = {"finalizer.lb.kubesphere.io/v1alpha1"};
  cluster.see(web, model::Kind::Service);
  cluster.run();
  EXPECT_EQ(cluster.order, Names{"let go"});
}

}  // namespace
}  // namespace porter::plan
