// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/request.hpp"
#include "plan/assign_world.hpp"

// Any facts in any order, with a recorder that answers late and a process that dies at any moment.
namespace porter::plan {
namespace {

using namespace world;

using Op = std::function<void(World&)>;

bool one_in(int count) {
  return *rc::gen::inRange(0, count) == 0;
}

std::string any_of(std::initializer_list<const char*> texts) {
  return *rc::gen::elementOf(std::vector<std::string>(texts.begin(), texts.end()));
}

std::string any_service() {
  return any_of({"a/1", "a/2", "a/3", "b/1", "b/2", "b/3", "b/4"});
}

model::Service arbitrary_service() {
  model::Service each = service(any_service(), *rc::gen::inRange<std::uint16_t>(80, 82));
  each.meta.created = *rc::gen::inRange(0, 3);
  if (one_in(8)) each.is_load_balancer = false;
  if (one_in(3)) each.families = {Family::V4, Family::V6};
  if (one_in(6)) each.families = {Family::V6};
  if (one_in(6)) each.families = {};
  if (one_in(3)) each.family_policy = model::IpFamilyPolicy::PreferDualStack;
  if (one_in(6)) each.family_policy = model::IpFamilyPolicy::RequireDualStack;
  if (one_in(3))
    ask_address(each, any_of({"192.0.2.1", "192.0.2.2", "192.0.2.5", "2001:db8::1", "x"}));
  if (one_in(4)) ask_pool(each, any_of({"p", "q", "r", "p,r"}));
  if (one_in(8)) ask_protocol(each, any_of({"bgp", "layer2"}));
  if (one_in(3)) share(each, any_of({"k", "l"}));
  if (one_in(4)) {
    each.traffic_policy = model::TrafficPolicy::Local;
    if (!one_in(3)) each.selector = {{"app", any_of({"x", "y"})}};
  }
  if (one_in(3)) each.meta.labels = {{"tier", "gold"}};
  return each;
}

model::Selector having(std::string key) {
  model::Selector selector;
  selector.requirements.push_back(
      {.key = std::move(key), .op = model::Requirement::Operator::Exists, .values = {}});
  return selector;
}

model::Eip arbitrary_eip() {
  model::Eip each =
      eip(any_of({"p", "q", "r"}),
          {any_of({"192.0.2.0/31", "192.0.2.1-192.0.2.3", "192.0.2.4/31", "192.0.2.0/29"})});
  if (one_in(2)) each.addresses.push_back(*Range::parse(any_of({"2001:db8::/127", "2001:db8::1"})));
  if (one_in(4)) each.exclude.push_back(*Range::parse(any_of({"192.0.2.1", "192.0.2.4/30"})));
  if (one_in(8)) each.using_known_ips = false;
  if (one_in(8)) each.protocol = model::Protocol::Layer2;
  if (one_in(6)) each.disable = true;
  if (one_in(6)) each.auto_assign = false;
  if (one_in(6)) each.namespaces = {"a"};
  if (one_in(6)) each.namespace_selector = having("team");
  if (one_in(6)) each.service_selector = having("tier");
  if (one_in(6)) each.is_default = true;
  if (one_in(8)) each.meta.deleting = true;
  if (one_in(3)) each.evict = true;
  if (one_in(4)) each.reclaim = model::Eip::Reclaim::Retain;
  if (one_in(2)) each.hold_seconds = 100;
  each.priority = *rc::gen::inRange(0, 2);
  return each;
}

Op arbitrary_op() {
  switch (*rc::gen::inRange(0, 12)) {
    case 0: return [name = any_service()](World& world) { world.drop_service(name); };
    case 1:
    case 2:
    case 3: return [eip = arbitrary_eip()](World& world) { static_cast<void>(world.put(eip)); };
    case 4: return [name = any_of({"p", "q", "r"})](World& world) { world.drop_eip(name); };
    case 5: {
      model::StringMap labels;
      if (one_in(2)) labels["team"] = "x";
      return [ns = any_of({"a", "b"}), labels](World& world) { world.label(ns, labels); };
    }
    case 6: {
      const std::string at = any_of({"192.0.2.1", "192.0.2.4", "2001:db8::1"});
      std::vector<model::Holder> services;
      if (one_in(3)) services.push_back({.service = name_of(any_service()), .uid = {}});
      if (one_in(2)) return [at](World& world) { world.unreserve(at); };
      return [at, services](World& world) { world.reserve(at, services); };
    }
    default: return [each = arbitrary_service()](World& world) { world.put(each); };
  }
}

// The rules once more, written the naive way.

bool may_share(const World& world, const model::NamespacedName& left,
               const model::NamespacedName& right, const Address& at) {
  const model::Service& a = world.view.services.at(left);
  const model::Service& b = world.view.services.at(right);
  const auto wish_a = model::request_of(a);
  const auto wish_b = model::request_of(b);
  const auto asks = [&](const model::ServiceRequest& request) {
    return std::count(request.addresses.begin(), request.addresses.end(), at) > 0;
  };
  const bool same_key = !wish_a.share_key.empty() && wish_a.share_key == wish_b.share_key;
  if (!same_key && !(asks(wish_a) && asks(wish_b))) return false;
  if (!same_key && left.ns != right.ns) return false;
  for (const auto& port : a.ports) {
    for (const auto& other : b.ports) {
      if (port.port == other.port && port.protocol == other.protocol) return false;
    }
  }
  if (a.traffic_policy != b.traffic_policy) return false;
  return a.traffic_policy == model::TrafficPolicy::Cluster ||
         (!a.selector.empty() && a.selector == b.selector);
}

bool wants_family(const model::Service& service, Family family) {
  if (service.families.empty()) return true;
  if (service.family_policy == model::IpFamilyPolicy::RequireDualStack) return true;
  if (service.family_policy == model::IpFamilyPolicy::SingleStack)
    return service.families.front() == family;
  return std::count(service.families.begin(), service.families.end(), family) > 0;
}

// The Service may keep the address, as far as it alone and the pool are concerned.
bool is_legal_alone(const World& world, const model::NamespacedName& name, const Address& at,
                    const std::string& eip) {
  const auto found = world.view.services.find(name);
  if (found == world.view.services.end() || !found->second.is_load_balancer) return false;
  const auto pool = world.view.eips.find(eip);
  if (pool == world.view.eips.end() || !pool->second.contains(at)) return false;
  if (pool->second.meta.deleting && pool->second.evict) return false;
  const model::ServiceRequest request = model::request_of(found->second);
  if (request.refusal() != nullptr) return true;
  if (!wants_family(found->second, at.family())) return false;
  for (const Address& asked : request.addresses) {
    if (asked.family() == at.family() && asked != at) return false;
  }
  // One that tells no family has those it asks for.
  const bool any = found->second.families.empty() && !request.addresses.empty() &&
                   found->second.family_policy == model::IpFamilyPolicy::SingleStack;
  if (any && std::none_of(request.addresses.begin(), request.addresses.end(),
                          [&](const Address& asked) { return asked.family() == at.family(); }))
    return false;
  if (!request.pools.empty() && std::count(request.pools.begin(), request.pools.end(), eip) == 0)
    return false;
  return !request.protocol || *request.protocol == pool->second.protocol;
}

bool is_legal(const World& world, const model::EipAddress& record, std::size_t index) {
  std::vector<model::NamespacedName> staying;
  for (std::size_t i = 0; i <= index; ++i) {
    const model::NamespacedName& name = record.services[i].service;
    const bool stays =
        is_legal_alone(world, name, record.address, record.eip) &&
        std::all_of(staying.begin(), staying.end(), [&](const model::NamespacedName& other) {
          return may_share(world, other, name, record.address);
        });
    if (i == index) return stays;
    if (stays) staying.push_back(name);
  }
  return false;
}

bool may_give(const World& world, const model::Eip& eip, const model::Service& service) {
  const auto& labels = world.view.namespace_labels(service.meta.name.ns);
  const bool by_namespace = !eip.namespaces.empty() || eip.namespace_selector;
  const bool listed =
      std::count(eip.namespaces.begin(), eip.namespaces.end(), service.meta.name.ns) > 0;
  if (by_namespace && !listed &&
      !(eip.namespace_selector && eip.namespace_selector->matches(labels)))
    return false;
  if (eip.service_selector && !eip.service_selector->matches(service.meta.labels)) return false;
  const auto request = model::request_of(service);
  return !eip.disable && !eip.meta.deleting &&
         (!request.protocol || *request.protocol == eip.protocol);
}

bool serves_unasked(const World& world, const model::Eip& eip, const model::Service& service) {
  const bool any_default = std::any_of(world.view.eips.begin(), world.view.eips.end(),
                                       [](const auto& each) { return each.second.is_default; });
  if (!eip.auto_assign) return false;
  if (eip.protocol == model::Protocol::Layer2 && !model::request_of(service).protocol) return false;
  return eip.has_selectors() || eip.is_default || !any_default;
}

// Nobody holds it, it is not reserved or kept, and the pool gives it.
bool is_to_be_had(const World& world, const model::Eip& eip, const Address& at) {
  return world.assigner().allocator().lease(at) == nullptr && ipam::Pool{eip}.gives(at);
}

// A pool that may serve the Service, and does not.
void assert_it_has_none(const World& world, const model::Eip& eip, const model::Service& service,
                        bool named) {
  const Family family = service.families.front();
  const auto request = model::request_of(service);
  if (!request.addresses.empty()) {
    const Address& asked = request.addresses.front();
    RC_ASSERT(asked.family() != family || !is_to_be_had(world, eip, asked));
    return;
  }
  if (!named && !serves_unasked(world, eip, service)) return;
  const Address first = family == Family::V4 ? address("192.0.2.0") : address("2001:db8::");
  for (unsigned i = 0; i < 8; ++i)
    RC_ASSERT(!is_to_be_had(world, eip, Address::from_number(family, first.number() + i)));
}

// A Service that wants one address and waits: no pool that may serve it has one.
void assert_nobody_starves(const World& world) {
  for (const auto& [name, service] : world.view.services) {
    const Assignment& assignment = *world.assigner().of(name);
    if (!assignment.ours || !assignment.addresses.empty()) continue;
    const auto request = model::request_of(service);
    if (request.refusal() != nullptr) continue;
    if (service.families.size() != 1 ||
        service.family_policy == model::IpFamilyPolicy::RequireDualStack)
      continue;
    for (const auto& [pool, eip] : world.view.eips) {
      const bool named = std::count(request.pools.begin(), request.pools.end(), pool) > 0;
      if ((request.pools.empty() || named) && may_give(world, eip, service))
        assert_it_has_none(world, eip, service, named);
    }
  }
}

// Nothing is left to plan: everybody on an address may be there.
void assert_sharing_is_permitted(const World& world) {
  for (const auto& [at, lease] : world.assigner().allocator().leases()) {
    for (const auto& held : lease.holders) {
      for (const auto& other : lease.holders) {
        const auto& left = held.holder.service;
        const auto& right = other.holder.service;
        RC_ASSERT(left == right || may_share(world, left, right, at));
      }
      RC_ASSERT(is_legal_alone(world, held.holder.service, at, lease.eip));
    }
  }
}

// Who held an address by record `before`, and may still, holds it.
void assert_legal_holders_stay(const World& world,
                               const std::map<Address, model::EipAddress>& before) {
  for (const auto& [at, record] : before) {
    if (record.retain_until != 0) continue;
    for (std::size_t i = 0; i < record.services.size(); ++i) {
      if (!is_legal(world, record, i)) continue;
      const model::NamespacedName& name = record.services[i].service;
      const auto& held = world.assigner().allocator().held_by(name);
      const bool had_another = std::any_of(before.begin(), before.end(), [&](const auto& other) {
        const auto& names = other.second.services;
        return other.first != at &&
               std::any_of(names.begin(), names.end(),
                           [&](const auto& holder) { return holder.service == name; });
      });
      // A Service that is content with any family gives up the second address it had.
      const bool is_any = world.view.services.at(name).families.empty() && had_another;
      RC_ASSERT(held.contains(at) || (is_any && !held.empty()));
    }
  }
}

std::map<Address, model::EipAddress> leases(const Assigner& assigner) {
  std::map<Address, model::EipAddress> records;
  for (const auto& [at, lease] : assigner.allocator().leases()) {
    if (lease.holders.empty() && lease.kept.empty()) continue;
    model::EipAddress& record = records[at];
    record.address = at;
    record.eip = lease.eip;
    record.share_key = lease.share_key;
    record.retain_until = lease.retain_until;
    record.services = lease.kept;
    for (const auto& held : lease.holders)
      record.services.push_back(held.holder);
  }
  return records;
}

std::map<model::NamespacedName, std::string> outcomes(const World& world) {
  std::map<model::NamespacedName, std::string> told;
  for (const auto& [name, service] : world.view.services) {
    const std::string text = to_string(name);
    told[name] = world.told(text);
    // One that needs both families tells of the first that it lacks; the other may have come to
    // lack as well since it was tried.
    if (service.family_policy != model::IpFamilyPolicy::RequireDualStack)
      told[name] += ": " + world.message(text);
    else if (world.assigner().of(name)->addresses.empty())
      told[name] = "waits";
  }
  return told;
}

RC_GTEST_PROP(Assigner, KeepsItsPromisesWhateverHappens, ()) {
  World world;
  const int synced_at = *rc::gen::inRange(0, 15);
  const int turns = *rc::gen::inRange(0, 50);
  for (int turn = 0; turn < turns; ++turn) {
    if (turn == synced_at && !world.view.synced) world.sync();
    const auto before = leases(world.assigner());
    if (one_in(3) && world.view.synced) {
      while (world.write_one() && !one_in(2)) {
      }
    } else {
      arbitrary_op()(world);
    }
    if (!world.view.synced) continue;
    if (one_in(6)) {
      world.now += std::chrono::seconds{50};
      world.unix_now += 50;
    }
    if (one_in(2)) world.step(*rc::gen::inRange<std::size_t>(1, 4));
    if (one_in(3)) continue;  // more happens before all is planned
    world.plan(3);
    assert_legal_holders_stay(world, before);
    assert_sharing_is_permitted(world);
    if (!one_in(10)) continue;
    // It dies: what is stored is what is left.
    auto stored = world.stored;
    world.restart();
    for (const auto& [at, lease] : world.assigner().allocator().leases())
      RC_ASSERT(stored.contains(at) || lease.holders.empty());
    world.plan(3);
    assert_legal_holders_stay(world, stored);
    assert_sharing_is_permitted(world);
  }
  world.run(3);
  assert_sharing_is_permitted(world);
  assert_nobody_starves(world);
  auto stored = world.stored;
  for (auto& [at, record] : stored)
    record.meta = {};
  RC_ASSERT(leases(world.assigner()) == stored);
}

// A new Assigner, which tries every Service, finds nothing to do where the old one left off.
RC_GTEST_PROP(Assigner, ARestartChangesNothing, ()) {
  World world;
  for (int turn = *rc::gen::inRange(0, 60); turn > 0; --turn) {
    arbitrary_op()(world);
    if (one_in(4)) world.run(3);
  }
  world.run();
  for (const char* const at : {"192.0.2.1", "192.0.2.4", "2001:db8::1"})
    world.unreserve(at);  // they would have to be told again
  world.run();
  const auto before = outcomes(world);
  const auto stored = world.stored;
  world.restart();
  world.plan();
  RC_ASSERT(world.writing.empty());
  RC_ASSERT(outcomes(world) == before);
  RC_ASSERT(world.stored == stored);
}

RC_GTEST_PROP(Assigner, TheBudgetOfAStepChangesNothing, ()) {
  World small;
  World large;
  for (int batch = *rc::gen::inRange(1, 8); batch > 0; --batch) {
    for (int turn = *rc::gen::inRange(0, 12); turn > 0; --turn) {
      const Op op = arbitrary_op();
      op(small);
      op(large);
    }
    small.run(1);
    large.run(10'000);
    RC_ASSERT(outcomes(small) == outcomes(large));
    RC_ASSERT(leases(small.assigner()) == leases(large.assigner()));
  }
}

}  // namespace
}  // namespace porter::plan
