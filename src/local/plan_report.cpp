// SPDX-License-Identifier: Apache-2.0
#include "local/plan_report.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "plan/explain.hpp"

namespace porter::local {
namespace {

using plan::Reason;

// For programs: what the words are about.
void add_assignment(Tree& tree, const plan::Assignment* assignment) {
  if (assignment == nullptr) return;
  tree.set("reason", to_string(assignment->reason));
  Tree addresses = Tree::list();
  for (const auto& item : assignment->addresses) {
    Tree entry = Tree::map();
    entry.set("address", to_string(item.address))
        .set("eip", item.eip)
        .set("recorded", item.recorded);
    addresses.push(std::move(entry));
  }
  tree.set("addresses", std::move(addresses));
}

Tree route_item(const plan::Route& route, const plan::Engine& engine) {
  Tree item = Tree::map();
  item.set("prefix", to_string(route.prefix));
  Tree hops = Tree::list();
  std::set<bgp::PathId> ids;  // of some there are several, for several peers
  for (const bgp::Path& path : route.paths) {
    if (!path.withheld && ids.insert(path.id).second) hops.push(to_string(path.next_hop));
  }
  item.set("nextHops", std::move(hops));
  item.set("paths", std::uint64_t{ids.size()});
  const bgp::PathAttributes& attributes = route.paths.front().attributes;
  item.set("communities", communities_item(attributes.communities));
  item.set("med", attributes.med ? Tree{*attributes.med} : Tree{});
  item.set("services", services_of(route.prefix, engine));
  return item;
}

Tree pool_item(const model::Eip& eip, const ipam::Pool& pool, std::uint64_t used) {
  Tree item = Tree::map();
  item.set("eip", eip.meta.name.name).set("protocol", to_string(eip.protocol));
  Tree ranges = Tree::list();
  for (const Range& range : eip.addresses)
    ranges.push(to_string(range));
  item.set("ranges", std::move(ranges));
  item.set("used", used)
      .set("total", to_string(pool.usable()))
      .set("free", to_string(pool.free_count()));
  Tree namespaces = Tree::list();
  for (const std::string& ns : eip.namespaces)
    namespaces.push(ns);
  if (eip.namespace_selector) namespaces.push(to_string(*eip.namespace_selector));
  if (!eip.has_selectors()) namespaces.push("all");
  item.set("namespaces", std::move(namespaces)).set("default", eip.is_default);
  Tree conditions = Tree::list();
  conditions.push(to_string(eip.disable         ? Reason::Disabled
                            : eip.meta.deleting ? Reason::Deleting
                                                : Reason::Ready));
  const std::int64_t size = pool.usable().clamped();
  if (size > 0 && used >= static_cast<std::uint64_t>(size - size / 10)) {
    conditions.push(fmt::format("{} % used", used * 100 / static_cast<std::uint64_t>(size)));
  }
  item.set("conditions", std::move(conditions));
  return item;
}

}  // namespace

Tree pools_report(const plan::Engine& engine) {
  Tree items = Tree::list();
  const ipam::Allocator& allocator = engine.assigner().allocator();
  for (const auto& [name, eip] : engine.view().eips) {
    const ipam::Pool* pool = allocator.pool(name);
    if (pool == nullptr) continue;
    items.push(pool_item(eip, *pool, allocator.used(name)));
  }
  Tree tree = Tree::map();
  tree.set("items", std::move(items));
  return tree;
}

Tree planned_routes_report(const plan::Engine& engine) {
  Tree items = Tree::list();
  bool truncated = false;
  for (const auto& [prefix, route] : engine.announcer().routes()) {
    truncated = items.items().size() >= kMaxItems;
    if (truncated) break;
    items.push(route_item(route, engine));
  }
  Tree tree = Tree::map();
  tree.set("items", std::move(items)).set("truncated", truncated);
  return tree;
}

Result<Tree> explain_report(const plan::Engine& engine, const std::string& service,
                            std::int64_t unix_now, ExplainAs as) {
  const std::size_t slash = service.find('/');
  if (service.empty() || slash == 0 || slash + 1 == service.size())
    return fail(Errc::Invalid, "a Service is asked for as NAMESPACE/NAME");
  const model::NamespacedName name = slash == std::string::npos
                                         ? model::NamespacedName{.ns = "default", .name = service}
                                         : model::NamespacedName{.ns = service.substr(0, slash),
                                                                 .name = service.substr(slash + 1)};
  const plan::Explanation explanation =
      plan::explain(engine.view(), engine.assigner(), engine.announcer(), name, unix_now);
  if (as == ExplainAs::Tree) {
    Tree tree = to_tree(explanation);
    add_assignment(tree, engine.assigner().of(name));
    return tree;
  }
  Tree tree = Tree::map();
  tree.set("announced", explanation.is_announced).set("text", to_text(explanation));
  return tree;
}

Tree addresses_item(const plan::Engine& engine) {
  std::uint64_t used = 0;
  ipam::Count total;
  const ipam::Allocator& allocator = engine.assigner().allocator();
  for (const auto& [name, pool] : allocator.pools()) {
    used += allocator.used(name);
    total += pool.usable();
  }
  Tree addresses = Tree::map();
  addresses.set("used", used).set("total", to_string(total));
  addresses.set("pools", std::uint64_t{allocator.pools().size()});
  return addresses;
}

Tree services_item(const plan::Engine& engine) {
  std::uint64_t ours = 0;
  std::uint64_t announced = 0;
  std::uint64_t waiting = 0;
  std::uint64_t not_announced = 0;
  const auto& routes = engine.announcer().routes();
  for (const auto& [name, service] : engine.view().services) {
    const plan::Assignment* assignment = engine.assigner().of(name);
    if (assignment == nullptr || !assignment->ours) continue;
    ++ours;
    if (assignment->addresses.empty()) {
      ++waiting;
      continue;
    }
    const bool is_announced =
        std::any_of(assignment->addresses.begin(), assignment->addresses.end(),
                    [&](const auto& item) { return routes.contains(Prefix::host(item.address)); });
    ++(is_announced ? announced : not_announced);
  }
  Tree services = Tree::map();
  services.set("ours", ours).set("announced", announced);
  services.set("waiting", waiting).set("notAnnounced", not_announced);
  return services;
}

Tree idle_item(const std::string& name, const plan::Engine& engine) {
  const model::BgpPeer& peer = engine.view().bgp_peers.at(name);
  const plan::PeerOutcome* outcome = engine.announcer().peer(name);
  Tree item = Tree::map();
  item.set("name", name);
  item.set("neighbor", peer.neighbor          ? to_string(*peer.neighbor)
                       : peer.neighbor_prefix ? to_string(*peer.neighbor_prefix)
                                              : std::string{});
  item.set("remoteAs", to_string(peer.peer_as));
  const bool listens = outcome != nullptr && outcome->spec.has_value();
  item.set("runs", false);
  item.set("state", "Idle");
  item.set("reason", listens || outcome == nullptr ? std::string_view{"Listening"}
                                                   : to_string(outcome->reason));
  item.set("message", listens              ? std::string{"waits for neighbours to dial"}
                      : outcome == nullptr ? std::string{}
                                           : outcome->message);
  item.set("fix", outcome == nullptr ? std::string{} : outcome->fix);
  return item;
}

Tree services_of(const Prefix& prefix, const plan::Engine& engine) {
  Tree list = Tree::list();
  if (!prefix.is_host()) return list;  // an aggregate is of many
  for (const auto& service : engine.assigner().holders(prefix.address())) {
    const auto known = engine.view().services.find(service);
    const bool local = known != engine.view().services.end() &&
                       known->second.traffic_policy == model::TrafficPolicy::Local;
    list.push(to_string(service) + (local ? " (Local)" : ""));
  }
  return list;
}

Tree communities_item(const std::vector<std::uint32_t>& communities) {
  Tree list = Tree::list();
  for (const std::uint32_t value : communities)
    list.push(fmt::format("{}:{}", value >> 16U, value & 0xFFFFU));
  return list;
}

void add_problem(Tree& list, const std::string& object, std::string_view reason,
                 const std::string& message) {
  if (list.items().size() >= kMaxProblems) return;
  Tree item = Tree::map();
  item.set("object", object).set("reason", reason).set("message", message);
  list.push(std::move(item));
}

void add_object_problems(Tree& list, const plan::Engine& engine) {
  for (const auto& [key, problems] : engine.view().problems) {
    for (const model::Problem& problem : problems.list) {
      if (problem.severity != model::Problem::Severity::Error) continue;
      std::string where = problems.where;
      if (problem.line > 0) where += fmt::format(":{}", problem.line);
      if (!where.empty()) where += ": ";
      const std::string field = problem.field.empty() ? "" : problem.field + ": ";
      add_problem(list, to_string(key), problem.reason, where + field + problem.message);
    }
  }
  for (const auto& [key, problem] : engine.view().refused)
    add_problem(list, to_string(key), problem.reason, problem.message);
}

void add_waiting_services(Tree& list, const plan::Engine& engine) {
  for (const auto& [name, service] : engine.view().services) {
    const plan::Assignment* assignment = engine.assigner().of(name);
    if (assignment != nullptr && assignment->ours && assignment->addresses.empty()) {
      add_problem(list, "Service " + to_string(name), to_string(assignment->reason),
                  assignment->message);
    }
  }
}

}  // namespace porter::local
