// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <gtest/gtest.h>

#include "plan/engine.hpp"
#include "plan/test_scene.hpp"

// The first start in a cluster where OpenELB gave the addresses.
namespace porter::plan {
namespace {

using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

class Migration {
 public:
  Migration() : engine_{identity(), now_, 1'700'000'000} {}

  static Identity identity() {
    Identity identity;
    identity.role = Role::Controller;
    return identity;
  }
  void pool(std::initializer_list<std::pair<std::string, std::string>> used) {
    Tree entries = Tree::map();
    for (const auto& [address, services] : used)
      entries.set(address, services);
    see(test::eip("lan", "192.0.2.0/28"), model::Kind::Eip,
        Tree::map().set("used", std::move(entries)));
  }
  void service(std::string_view name, std::string_view shown, std::uint16_t port = 80,
               std::string asked = {}) {
    model::Service service = test::service(name);
    if (!asked.empty())
      service.meta.annotations["eip.openelb.kubesphere.io/v1alpha1"] = std::move(asked);
    service.ports.front().port = port;
    if (!shown.empty()) service.ingress = {{.ip = std::string{shown}, .hostname = {}}};
    see(service, model::Kind::Service, {});
  }
  void record(std::string_view address, std::string_view service) {
    model::EipAddress record;
    record.address = test::address(address);
    record.meta.name.name = model::eip_address_name(record.address);
    record.eip = "lan";
    record.services = {{.service = test::named(service), .uid = std::string{service}}};
    see(record, model::Kind::EipAddress, {});
  }
  template <class Value>
  void see(const Value& value, model::Kind kind, const Tree& status) {
    engine_.apply(ObjectSeen{.key = {.kind = kind, .name = value.meta.name},
                             .object = value,
                             .resource_version = "1",
                             .status = status},
                  now_);
  }
  // What is written, as "192.0.2.1: shop/web shop/api".
  Texts start() {
    engine_.apply(Synced{}, now_);
    Texts written;
    for (const TimePoint end = now_ + 2s; now_ < end; now_ += 1ms) {
      if (engine_.deadline() > now_) continue;
      for (const Change& change : engine_.step(now_, 100)) {
        const auto* const record = std::get_if<Record>(&change);
        if (record == nullptr) continue;
        std::string text = to_string(record->address) + ":";
        if (record->value) {
          for (const model::Holder& holder : record->value->services)
            text += " " + model::to_string(holder.service);
        }
        written.push_back(std::move(text));
        engine_.apply(Recorded{.address = record->address, .revision = record->revision}, now_);
      }
    }
    return written;
  }

 private:
  TimePoint now_{1h};
  Engine engine_;
};

TEST(Import, TakesOverWhatOpenElbGaveInTheOrderInWhichTheyJoined) {
  Migration cluster;
  cluster.pool({{"192.0.2.7", "shop/web;shop/api"}});
  cluster.service("shop/api", "192.0.2.7", 443, "192.0.2.7");
  cluster.service("shop/web", "192.0.2.7", 80, "192.0.2.7");
  cluster.service("shop/new", "");
  EXPECT_EQ(cluster.start(), (Texts{"192.0.2.0: shop/new", "192.0.2.7: shop/web shop/api"}));
}

TEST(Import, PassesOverWhatNoServiceShows) {
  Migration cluster;
  cluster.pool({{"192.0.2.7", "shop/web;shop/gone"}, {"192.0.2.8", "shop/other"}, {"x", "y"}});
  cluster.service("shop/web", "192.0.2.9");
  cluster.service("shop/other", "");
  EXPECT_EQ(cluster.start(), (Texts{"192.0.2.0: shop/other", "192.0.2.9: shop/web"}));
}

TEST(Import, WhatHasARecordIsNotReadFromThere) {
  Migration cluster;
  cluster.pool({{"192.0.2.7", "shop/web"}});
  cluster.record("192.0.2.7", "shop/api");
  cluster.service("shop/web", "192.0.2.7");
  cluster.service("shop/api", "192.0.2.7", 443);
  EXPECT_EQ(cluster.start(), Texts{"192.0.2.0: shop/web"});
}

TEST(Import, OneThatMayNotShareGetsAnotherAddress) {
  Migration cluster;
  cluster.pool({{"192.0.2.7", "shop/web;shop/api"}});
  cluster.service("shop/web", "192.0.2.7");
  cluster.service("shop/api", "192.0.2.7");
  EXPECT_EQ(cluster.start(), (Texts{"192.0.2.0: shop/api", "192.0.2.7: shop/web"}));
}

}  // namespace
}  // namespace porter::plan
