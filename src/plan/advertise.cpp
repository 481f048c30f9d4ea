// SPDX-License-Identifier: Apache-2.0
#include "plan/advertise.hpp"

#include <algorithm>
#include <iterator>

#include "model/bgp_wish.hpp"
#include "plan/advertise_select.hpp"
#include "plan/peer_spec.hpp"

namespace porter::plan {
namespace {

const Assignment::Item* item_of(const Assignment& assignment, const Address& address) {
  const auto item = std::ranges::find(assignment.addresses, address, &Assignment::Item::address);
  return item == assignment.addresses.end() ? nullptr : &*item;
}

bool is_layer2(const View& view, const std::string& eip) {
  const auto pool = view.eips.find(eip);
  return pool != view.eips.end() && pool->second.protocol == model::Protocol::Layer2;
}

// What one peer is told in place of what everybody is told.
void add_audience(const std::vector<bgp::Path>& everybody, std::vector<bgp::Path> own,
                  bgp::Audience audience, std::vector<bgp::Path>& all) {
  for (const bgp::Path& path : everybody) {
    if (std::ranges::find(own, path.id, &bgp::Path::id) != own.end()) continue;
    bgp::Path& withheld = all.emplace_back(path);
    withheld.audience = audience;
    withheld.withheld = true;
    withheld.attributes = {};
  }
  for (bgp::Path& path : own) {
    if (std::ranges::find(everybody, path) != everybody.end()) continue;
    path.audience = audience;
    all.push_back(std::move(path));
  }
}

class AddressPlanner {
 public:
  AddressPlanner(const AdvertiseGround& ground, const Claim& claim, const Address& address)
      : ground_{ground},
        address_{address},
        is_everywhere_{claim.reach.everywhere},
        selection_{ground, claim, address} {}

  AddressPlan run() {
    AddressPlan plan;
    const auto everybody = selection_.outlets("");
    plan.paths = host_paths(everybody);
    add_parts("", everybody, plan.aggregates);
    if (!selection_.peers().empty()) add_peers(plan);
    for (auto& [prefix, part] : plan.aggregates)
      settle(part);
    return plan;
  }

 private:
  void add_peers(AddressPlan& plan) const {
    const std::vector<bgp::Path> common{plan.paths.begin(), plan.paths.end()};
    std::vector<bgp::Path> all = common;
    for (const std::string& peer : selection_.peers()) {
      const auto own = selection_.outlets(peer);
      add_parts(peer, own, plan.aggregates);
      const bgp::PathList paths = host_paths(own);
      add_audience(common, {paths.begin(), paths.end()}, audience_of(peer), all);
    }
    std::ranges::sort(all);
    plan.paths = std::move(all);
  }

  [[nodiscard]] bgp::PathList host_paths(const std::vector<Outlet>& outlets) const {
    const auto host =
        std::ranges::find_if(outlets, [](const Outlet& outlet) { return outlet.prefix.is_host(); });
    if (host == outlets.end()) return {};
    if (ground_.common == nullptr || !is_everywhere_ || !selection_.is_plain())
      return paths_through(*host);
    const auto [known, is_new] =
        ground_.common->try_emplace({address_.family(), host->advertisements});
    if (is_new) known->second = paths_through(*host);
    return known->second;
  }

  [[nodiscard]] bgp::PathList paths_through(const Outlet& outlet) const {
    const auto attributes = [&](const std::string& node) {
      return selection_.attributes(outlet, node);
    };
    return paths_of(selection_.carriers_of(outlet), address_.family(), ground_.ids, attributes);
  }

  void add_parts(const std::string& audience, const std::vector<Outlet>& outlets,
                 AggregateParts& parts) const {
    for (const Outlet& outlet : outlets) {
      if (outlet.prefix.is_host()) continue;
      AggregatePart& part = parts[outlet.prefix];
      for (const Advertisement* advertisement : outlet.advertisements)
        part.advertisements.push_back(advertisement->meta.name.name);
      for (const auto* node : selection_.carriers_of(outlet).nodes)
        part.nodes[audience].push_back(node->first);
    }
  }

  // An audience that does not have it and one that never heard of it are two things.
  void settle(AggregatePart& part) const {
    std::ranges::sort(part.advertisements);
    const auto repeated = std::ranges::unique(part.advertisements);
    part.advertisements.erase(repeated.begin(), repeated.end());
    part.nodes[""];
    for (const std::string& peer : selection_.peers())
      part.nodes[peer];
  }

  const AdvertiseGround& ground_;
  const Address& address_;
  bool is_everywhere_;
  Selection selection_;
};

}  // namespace

Claim claim_of(const View& view, const Assigner& assigner, const Address& address) {
  Claim claim;
  for (const model::NamespacedName& name : assigner.holders(address)) {
    const auto service = view.services.find(name);
    const Assignment* assignment = assigner.of(name);
    if (service == view.services.end() || assignment == nullptr || !assignment->ours) continue;
    const Assignment::Item* item = item_of(*assignment, address);
    if (item == nullptr || !item->recorded || is_layer2(view, item->eip)) continue;
    const model::Service& object = service->second;
    std::vector<model::Problem> ignored;  // said where the Service is described
    claim.services.push_back(name);
    claim.holders.push_back(
        {.service = &object, .eip = item->eip, .wish = model::bgp_wish_of(object.meta, ignored)});
    claim.is_local = claim.is_local || object.traffic_policy == model::TrafficPolicy::Local;
    claim.reach.add(reach_of(object.traffic_policy, endpoints_of(view, name, address.family())));
  }
  return claim;
}

AdvertiseGround advertise_ground(const View& view, const Standings& standings, const PathIds& ids,
                                 const Held& held) {
  AdvertiseGround ground{
      .view = view, .standings = standings, .ids = ids, .held = held, .by_age = {}};
  for (const auto& [name, advertisement] : view.bgp_advertisements) {
    if (!advertisement.meta.deleting) ground.by_age.push_back(&advertisement);
  }
  std::ranges::sort(ground.by_age, [](const Advertisement* left, const Advertisement* right) {
    return model::is_older(left->meta, right->meta);
  });
  const model::BgpConf* conf = effective_conf(view);
  ground.only_selected = conf != nullptr && conf->advertise == model::Advertise::Selected;
  return ground;
}

std::set<std::string> named_peers(const View& view) {
  std::set<std::string> peers;
  for (const auto& [name, advertisement] : view.bgp_advertisements)
    peers.insert(advertisement.peers.begin(), advertisement.peers.end());
  return peers;
}

bgp::Audience audience_of(std::string_view peer) {
  if (peer.empty()) return 0;
  return std::max<bgp::Audience>(hash_of(peer), 1);
}

AddressPlan address_plan(const AdvertiseGround& ground, const Claim& claim,
                         const Address& address) {
  return AddressPlanner{ground, claim, address}.run();
}

std::vector<bgp::Path> aggregate_paths(const AdvertiseGround& ground, const Prefix& aggregate,
                                       const std::vector<const AggregatePart*>& parts) {
  if (!is_held(ground, aggregate)) return {};
  std::set<std::string> names;
  std::set<std::string> audiences;
  for (const AggregatePart* part : parts) {
    names.insert(part->advertisements.begin(), part->advertisements.end());
    for (const auto& [audience, nodes] : part->nodes)
      audiences.insert(audience);
  }
  Outlet outlet{.prefix = aggregate, .advertisements = {}};
  std::ranges::copy_if(ground.by_age, std::back_inserter(outlet.advertisements),
                       [&](const auto* one) { return names.contains(one->meta.name.name); });
  const auto paths_for = [&](const std::string& audience) {
    Carriers carrying;
    std::set<std::string> nodes;
    for (const AggregatePart* part : parts) {
      const auto own = part->nodes.find(audience);
      const auto& from = own != part->nodes.end() ? own->second : part->nodes.at("");
      nodes.insert(from.begin(), from.end());
    }
    for (const std::string& node : nodes) {
      const auto standing = ground.standings.find(node);
      if (standing != ground.standings.end()) carrying.nodes.push_back(&*standing);
    }
    Outlet own = outlet;
    std::erase_if(own.advertisements,
                  [&](const auto* one) { return !selects_audience(*one, audience); });
    const auto attributes = [&](const std::string& node) {
      return merged_attributes(ground.view, own, node);
    };
    return paths_of(carrying, aggregate.family(), ground.ids, attributes);
  };
  const std::vector<bgp::Path> common = paths_for("");
  std::vector<bgp::Path> paths = common;
  for (const std::string& audience : audiences) {
    if (!audience.empty()) add_audience(common, paths_for(audience), audience_of(audience), paths);
  }
  std::ranges::sort(paths);
  return paths;
}

void Aggregates::set(const Address& member, AggregateParts parts, std::set<Prefix>& changed) {
  const auto known = members_.find(member);
  if (known == members_.end() && parts.empty()) return;
  std::map<Prefix, const AggregatePart*> before;
  if (known != members_.end()) before = std::move(known->second);
  std::map<Prefix, const AggregatePart*> after;
  for (auto& [prefix, part] : parts) {
    auto& counts = counts_[prefix];
    const auto [entry, is_new] = counts.try_emplace(std::move(part), 0);
    if (is_new) changed.insert(prefix);
    ++entry->second;
    after.emplace(prefix, &entry->first);
  }
  for (const auto& [prefix, part] : before) {
    const auto counts = counts_.find(prefix);
    const auto entry = counts->second.find(*part);
    if (--entry->second > 0) continue;
    counts->second.erase(entry);
    if (counts->second.empty()) counts_.erase(counts);
    changed.insert(prefix);
  }
  if (after.empty()) {
    if (known != members_.end()) members_.erase(known);
  } else {
    members_[member] = std::move(after);
  }
}

std::vector<const AggregatePart*> Aggregates::parts(const Prefix& aggregate) const {
  std::vector<const AggregatePart*> parts;
  const auto counts = counts_.find(aggregate);
  if (counts == counts_.end()) return parts;
  for (const auto& [part, count] : counts->second)
    parts.push_back(&part);
  return parts;
}

std::vector<Prefix> Aggregates::all() const {
  std::vector<Prefix> prefixes;
  for (const auto& [prefix, counts] : counts_)
    prefixes.push_back(prefix);
  return prefixes;
}

std::set<Address> Aggregates::members(const Prefix& aggregate) const {
  std::set<Address> members;
  for (const auto& [member, parts] : members_) {
    if (parts.contains(aggregate)) members.insert(member);
  }
  return members;
}

}  // namespace porter::plan
