// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <rapidcheck.h>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "plan/engine.hpp"

namespace porter::plan {
namespace {

using model::Kind;

Address address(std::string_view text) {
  return *Address::parse(text);
}

model::Meta meta_of(const std::string& ns, const std::string& name) {
  model::Meta meta;
  meta.name = {.ns = ns, .name = name};
  meta.uid = to_string(meta.name);
  return meta;
}

template <class Object>
Fact seen(Kind kind, Object object) {
  const model::ObjectKey key{.kind = kind, .name = object.meta.name};
  return ObjectSeen{.key = key, .object = std::move(object)};
}

Fact gone(Kind kind, const std::string& ns, const std::string& name) {
  return ObjectSeen{.key = {.kind = kind, .name = {.ns = ns, .name = name}},
                    .object = std::nullopt};
}

bool maybe() {
  return *rc::gen::arbitrary<bool>();
}

std::string one_of(const char* kind) {
  return kind + std::to_string(*rc::gen::inRange(0, 4));
}

Fact arbitrary_service() {
  const std::string name = one_of("s");
  if (*rc::gen::inRange(0, 4) == 0) return gone(Kind::Service, "default", name);
  model::Service service;
  service.meta = meta_of("default", name);
  service.is_load_balancer = *rc::gen::inRange(0, 6) != 0;
  service.meta.annotations["lb.kubesphere.io/v1alpha1"] = "porter";
  service.families = {Family::V4};
  service.traffic_policy = maybe() ? model::TrafficPolicy::Local : model::TrafficPolicy::Cluster;
  service.ports = {{.name = "http",
                    .port = static_cast<std::uint16_t>(80 + *rc::gen::inRange(0, 2)),
                    .protocol = {}}};
  if (*rc::gen::inRange(0, 3) == 0) {
    service.meta.annotations["eip.porter.kubesphere.io/v1alpha1"] =
        "192.0.2." + std::to_string(*rc::gen::inRange(0, 4));
  }
  return seen(Kind::Service, std::move(service));
}

Fact arbitrary_slice() {
  const std::string name = one_of("s");
  if (*rc::gen::inRange(0, 5) == 0) return gone(Kind::EndpointSlice, "default", name);
  model::EndpointSlice slice;
  slice.meta = meta_of("default", name);
  slice.service = name;
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    model::Endpoint endpoint;
    endpoint.addresses = {address("10.244.0." + std::to_string(i))};
    endpoint.node = one_of("n");
    endpoint.ready = maybe();
    endpoint.serving = endpoint.ready || maybe();
    slice.endpoints.push_back(std::move(endpoint));
  }
  return seen(Kind::EndpointSlice, std::move(slice));
}

Fact arbitrary_node() {
  const std::string name = one_of("n");
  if (*rc::gen::inRange(0, 5) == 0) return gone(Kind::Node, "", name);
  model::Node node;
  node.meta = meta_of("", name);
  node.internal_ips = {address("172.30.0.1" + name.substr(1))};
  node.ready = maybe() ? model::Tristate::True : model::Tristate::False;
  return seen(Kind::Node, std::move(node));
}

Fact arbitrary_pool() {
  if (*rc::gen::inRange(0, 4) == 0) return gone(Kind::Eip, "", "lan");
  model::Eip eip;
  eip.meta = meta_of("", "lan");
  eip.addresses = {*Range::parse(maybe() ? "192.0.2.0/30" : "192.0.2.0/31")};
  eip.disable = *rc::gen::inRange(0, 4) == 0;
  return seen(Kind::Eip, std::move(eip));
}

Fact arbitrary_fact() {
  switch (*rc::gen::inRange(0, 8)) {
    case 0: return arbitrary_pool();
    case 1:
    case 2: return arbitrary_node();
    case 3:
    case 4: return arbitrary_slice();
    default: return arbitrary_service();
  }
}

// What the world outside looks like after the Changes so far; its disk is slow.
struct World {
  void perform(const Changes& changes) {
    for (const Change& change : changes) {
      if (const auto* record = std::get_if<Record>(&change)) {
        writing.push_back(*record);
      } else if (const auto* route = std::get_if<Route>(&change)) {
        const auto held = stored.find(route->prefix.address());
        RC_ASSERT(route->paths.empty() || (held != stored.end() && !held->second.services.empty()));
        if (route->paths.empty()) {
          routes.erase(route->prefix);
        } else {
          routes[route->prefix] = *route;
        }
      } else if (std::holds_alternative<Planned>(change)) {
        ++planned;
      }
    }
  }

  [[nodiscard]] Recorded write_one() {
    const Record done = writing.front();
    writing.pop_front();
    if (done.value) {
      stored.insert_or_assign(done.address, *done.value);
    } else {
      stored.erase(done.address);
    }
    return {.address = done.address, .revision = done.revision};
  }

  std::deque<Record> writing;
  std::map<Address, model::EipAddress> stored;
  std::map<Prefix, Route> routes;
  int planned = 0;
};

class Play {
 public:
  Play() : engine_{std::make_unique<Engine>(Identity{.node = "n0"}, now_, 1'000'000)} {}

  void turn() {
    now_ += std::chrono::microseconds{*rc::gen::inRange(0, 9'000)};
    if (!world_.writing.empty() && maybe()) {
      engine_->apply(world_.write_one(), now_);
    } else {
      engine_->apply(arbitrary_fact(), now_);
    }
    world_.perform(engine_->step(now_, *rc::gen::inRange<std::size_t>(1, 4)));
  }

  void sync() { engine_->apply(Synced{}, now_); }

  // Until nothing is left to do, with an end to it.
  void settle() {
    for (int turns = 0; turns < 10'000; ++turns) {
      if (!world_.writing.empty()) engine_->apply(world_.write_one(), now_);
      const TimePoint next = engine_->deadline();
      if (next == kNever && world_.writing.empty()) return;
      if (next != kNever) now_ = std::max(now_, next);
      world_.perform(engine_->step(now_, 3));
      if (world_.writing.empty() && !engine_->is_waiting_for_records() &&
          engine_->deadline() > now_ + std::chrono::seconds{2})
        return;
    }
    RC_FAIL("the engine does not come to rest");
  }

  [[nodiscard]] const Engine& engine() const { return *engine_; }
  [[nodiscard]] const World& world() const { return world_; }

 private:
  TimePoint now_{std::chrono::hours{1}};
  std::unique_ptr<Engine> engine_;
  World world_;
};

RC_GTEST_PROP(Engine, AppliedRoutesEqualTheFullPlanAndNothingIsToldBeforeItIsRecorded, ()) {
  Play play;
  const int synced_at = *rc::gen::inRange(0, 20);
  for (int turn = *rc::gen::inRange(0, 80); turn > 0; --turn) {
    if (turn == synced_at) play.sync();
    play.turn();
  }
  play.sync();
  play.settle();
  RC_ASSERT(play.world().routes == play.engine().announcer().desired_routes());
  RC_ASSERT(play.world().planned == 1);
  std::map<Address, std::size_t> held;
  for (const auto& [name, service] : play.engine().view().services) {
    const Assignment* assignment = play.engine().assigner().of(name);
    if (assignment == nullptr) continue;
    for (const auto& item : assignment->addresses) {
      RC_ASSERT(item.recorded);
      ++held[item.address];
    }
  }
  for (const auto& [at, count] : held)
    RC_ASSERT(play.world().stored.at(at).services.size() == count);
}

model::Eip lan() {
  model::Eip eip;
  eip.meta = meta_of("", "lan");
  eip.addresses = {*Range::parse("192.0.2.0/24")};
  return eip;
}

model::Service balanced(const std::string& name) {
  model::Service service;
  service.meta = meta_of("default", name);
  service.meta.annotations["lb.kubesphere.io/v1alpha1"] = "porter";
  service.is_load_balancer = true;
  service.families = {Family::V4};
  return service;
}

TEST(Engine, PlansNothingBeforeItsSourceIsSynced) {
  const TimePoint now{std::chrono::hours{1}};
  Engine engine{Identity{}, now, 0};
  engine.apply(seen(Kind::Eip, lan()), now);
  EXPECT_EQ(engine.deadline(), kNever);
  EXPECT_TRUE(engine.step(now, 10).empty());
  engine.apply(Synced{}, now);
  EXPECT_LE(engine.deadline(), now);
}

// More Services than one step plans: the routes of those that are settled late must not be
// forgotten.
TEST(Engine, AnnouncesEveryAddressOfAnEarlierRunHoweverSmallTheSteps) {
  TimePoint now{std::chrono::hours{1}};
  Engine engine{Identity{}, now, 0};
  engine.apply(seen(Kind::Eip, lan()), now);
  model::Node node;
  node.meta = meta_of("", "n1");
  node.internal_ips = {address("172.30.0.11")};
  engine.apply(seen(Kind::Node, node), now);
  for (int i = 0; i < 20; ++i) {
    const std::string name = "s" + std::to_string(19 - i);
    const model::Service service = balanced(name);
    model::EndpointSlice slice;
    slice.meta = meta_of("default", name);
    slice.service = name;
    slice.endpoints = {{.addresses = {address("10.244.0.1")}, .node = "n1"}};
    model::EipAddress record;
    record.address = address("192.0.2." + std::to_string(i));
    record.meta = meta_of("", model::eip_address_name(record.address));
    record.eip = "lan";
    record.services = {{.service = service.meta.name, .uid = service.meta.uid}};
    engine.apply(seen(Kind::EipAddress, record), now);
    engine.apply(seen(Kind::Service, service), now);
    engine.apply(seen(Kind::EndpointSlice, slice), now);
  }
  engine.apply(Synced{}, now);
  std::set<Prefix> routes;
  for (int turn = 0; turn < 1'000 && !engine.planned(); ++turn) {
    now = std::max(now, engine.deadline());
    for (const Change& change : engine.step(now, 1)) {
      if (const auto* route = std::get_if<Route>(&change)) routes.insert(route->prefix);
    }
  }
  EXPECT_EQ(routes.size(), 20U);
}

std::vector<Record> records_of(const Changes& changes) {
  std::vector<Record> records;
  for (const Change& change : changes) {
    if (const auto* record = std::get_if<Record>(&change)) records.push_back(*record);
  }
  return records;
}

// Else a thousand files that change at once go out one by one as they are read.
TEST(Engine, WhatComesDuringAFlushIsAssignedInTheNext) {
  TimePoint now{std::chrono::hours{1}};
  Engine engine{Identity{}, now, 0};
  engine.apply(seen(Kind::Eip, lan()), now);
  engine.apply(Synced{}, now);
  while (engine.deadline() <= now)
    (void)engine.step(now, 10);
  now += std::chrono::seconds{1};
  engine.apply(seen(Kind::Service, balanced("first")), now);
  const std::vector<Record> first = records_of(engine.step(now, 10));
  ASSERT_EQ(first.size(), 1U);
  engine.apply(seen(Kind::Service, balanced("second")), now);
  engine.apply(Recorded{.address = first[0].address, .revision = first[0].revision}, now);
  EXPECT_LE(engine.deadline(), now);  // the first goes out at once
  EXPECT_TRUE(records_of(engine.step(now, 10)).empty());
  EXPECT_GT(engine.deadline(), now);
  EXPECT_LE(engine.deadline(), now + std::chrono::milliseconds{8});
  EXPECT_EQ(records_of(engine.step(engine.deadline(), 10)).size(), 1U);
}

TEST(Engine, StatusThatWaitsForThePlanDoesNotKeepTheLoopBusy) {
  TimePoint now{std::chrono::hours{1}};
  Engine engine{Identity{}, now, 0};
  engine.apply(seen(Kind::Eip, lan()), now);
  for (const char* name : {"a", "b", "c"})
    engine.apply(seen(Kind::Service, balanced(name)), now);
  engine.apply(Synced{}, now);
  const std::vector<Record> first = records_of(engine.step(now, 1));
  ASSERT_EQ(first.size(), 1U);
  now += std::chrono::milliseconds{1};
  engine.apply(seen(Kind::Service, balanced("d")), now);
  engine.apply(Recorded{.address = first[0].address, .revision = first[0].revision}, now);
  for (int turns = 0; engine.deadline() <= now; ++turns) {
    ASSERT_LT(turns, 10);
    (void)engine.step(now, 1);
  }
  EXPECT_LE(engine.deadline(), now + std::chrono::milliseconds{8});
}

TEST(Engine, KeepsAPoolThatANewVersionWouldTakeAnAddressInUseFrom) {
  const TimePoint now{std::chrono::hours{1}};
  Engine engine{Identity{}, now, 0};
  engine.apply(seen(Kind::Eip, lan()), now);
  engine.apply(seen(Kind::Service, balanced("web")), now);
  engine.apply(Synced{}, now);
  for (const Record& record : records_of(engine.step(now, 10)))
    engine.apply(Recorded{.address = record.address, .revision = record.revision}, now);
  model::Eip eip = lan();
  eip.addresses = {*Range::parse("198.51.100.0/24")};
  engine.apply(seen(Kind::Eip, eip), now);
  EXPECT_EQ(engine.view().eips.at("lan").addresses.front(), *Range::parse("192.0.2.0/24"));
  EXPECT_EQ(engine.view().refused.size(), 1U);
}

}  // namespace
}  // namespace porter::plan
