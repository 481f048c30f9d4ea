// SPDX-License-Identifier: Apache-2.0
#include "plan/announce.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace porter::plan {
namespace {

// Does a peer's plan follow from it?
bool is_alike_for_peers(const model::Node& left, const model::Node& right) {
  return left.meta.labels == right.meta.labels && left.meta.annotations == right.meta.annotations &&
         left.internal_ips == right.internal_ips;
}

// May announcements read otherwise though no route changes? Beside the paths they tell whether
// these are there only because a node was not given up.
bool is_told_alike(const Standings& before, const Standings& after) {
  const auto kept = [](const Standings& all) {
    std::set<std::pair<std::string, Reason>> nodes;
    for (const auto& [name, standing] : all) {
      if (standing.marked || standing.use == NodeStanding::Use::LastSilent ||
          standing.reason == Reason::FailOpen) {
        nodes.emplace(name, standing.reason);
      }
    }
    return nodes;
  };
  return kept(before) == kept(after);
}

}  // namespace

Announcer::Announcer(const View& view, const Assigner& assigner)
    : view_{view}, assigner_{assigner} {}

void Announcer::address_changed(const Address& address) {
  dirty_addresses_.insert(address);
  known_.insert(address);
  for (const auto& service : assigner_.holders(address))
    changed_services_.insert(service);
}

void Announcer::service_changed(const model::NamespacedName& service) {
  changed_services_.insert(service);
  const Assignment* assignment = assigner_.of(service);
  if (assignment == nullptr) return;
  for (const Assignment::Item& item : assignment->addresses) {
    dirty_addresses_.insert(item.address);
    known_.insert(item.address);
  }
}

void Announcer::node_changed(const std::string& node, const model::Node* before) {
  nodes_dirty_ = true;
  const auto now = view_.nodes.find(node);
  const bool is_there = now != view_.nodes.end();
  if (!is_there) memory_.silent_since.erase(node);
  if (before != nullptr && is_there && is_alike_for_peers(*before, now->second)) return;
  if (!view_.bgp_advertisements.empty()) mark_all_addresses();  // nodeSelector
  mark_all_peers();
}

void Announcer::conf_changed() {
  nodes_dirty_ = true;
  mark_all_addresses();
  all_services_changed_ = true;
  mark_all_peers();
}

// Who is named from now on is told on its own before the routes say what.
void Announcer::advertisement_changed() {
  named_peers_.merge(named_peers(view_));
  mark_all_peers();
  mark_all_addresses();
  all_services_changed_ = true;
}

void Announcer::eip_changed() {
  if (!view_.bgp_advertisements.empty()) mark_all_addresses();
}

void Announcer::namespace_changed() {
  const bool matters = std::ranges::any_of(view_.bgp_advertisements, [](const auto& each) {
    return each.second.namespace_selector.has_value();
  });
  if (matters) mark_all_addresses();
}

void Announcer::aggregate_seen(const Prefix& aggregate, const std::string& error) {
  if (!wanted_aggregates_.contains(aggregate)) return;
  const auto [known, is_new] = held_.try_emplace(aggregate, error);
  if (!is_new && std::exchange(known->second, error) == error) return;
  dirty_addresses_.merge(aggregates_.members(aggregate));
  dirty_aggregates_.insert(aggregate);
  all_services_changed_ = true;
}

void Announcer::peer_changed(const std::string& peer) {
  dirty_peers_.insert(peer);
  // Whoever it was a duplicate of, and the nodes that peer.
  mark_all_peers();
  nodes_dirty_ = true;
  all_services_changed_ = true;
}

void Announcer::session_changed(const std::string& peer) {
  dirty_peers_.insert(peer);
  SessionGist gist;
  if (const auto session = view_.sessions.find(peer); session != view_.sessions.end()) {
    gist = {.is_established = session->second.state == bgp::State::Established,
            .negotiated = session->second.negotiated,
            .ends = session->second.ends,
            .refused = session->second.refused};
    if (!gist.is_established) gist = {};
  }
  if (std::exchange(sessions_[peer], gist) != gist) all_services_changed_ = true;
  if (!gist.is_established) sessions_.erase(peer);
}

void Announcer::secret_changed(const model::NamespacedName& secret) {
  if (secret.ns != view_.identity.secret_namespace) return;
  for (const auto& [name, peer] : view_.bgp_peers) {
    if (peer.auth_secret && peer.auth_secret->name == secret.name) dirty_peers_.insert(name);
  }
}

void Announcer::path_id_loaded(const Address& next_hop, bgp::PathId id) {
  ids_.load(next_hop, id);
}

void Announcer::synced() {
  nodes_dirty_ = true;
  all_services_changed_ = true;
  mark_all_peers();
  for (const auto& [name, service] : view_.services)
    service_changed(name);
}

void Announcer::mark_all_peers() {
  for (const auto& [name, peer] : view_.bgp_peers)
    dirty_peers_.insert(name);
  listen_dirty_ = true;
}

void Announcer::mark_all_addresses() {
  dirty_addresses_.insert(known_.begin(), known_.end());
  for (const Prefix& aggregate : aggregates_.all())
    dirty_aggregates_.insert(aggregate);
}

bool Announcer::has_work() const {
  return view_.synced && (nodes_dirty_ || listen_dirty_ || !dirty_peers_.empty() ||
                          !dirty_addresses_.empty() || !dirty_aggregates_.empty());
}

TimePoint Announcer::deadline() const {
  TimePoint next = kNever;
  for (const auto& [node, end] : drain_ends_) {
    if (memory_.leaving.contains(node)) next = std::min(next, end);
  }
  return next;
}

void Announcer::step(TimePoint now, std::int64_t unix_now, std::size_t budget, Changes& out) {
  if (!view_.synced) return;
  if (now >= deadline()) nodes_dirty_ = true;
  plan_sessions(budget, out);
  if (std::exchange(nodes_dirty_, false)) settle_nodes(now, unix_now, out);
  plan_routes(budget, out);
  follow_named_peers();
}

// A peer that is named no longer is one of everybody else, once the routes say to everybody what it
// is to be told.
void Announcer::follow_named_peers() {
  if (!dirty_addresses_.empty() || !dirty_aggregates_.empty()) return;
  std::set<std::string> named = named_peers(view_);
  if (named == named_peers_) return;
  named_peers_ = std::move(named);
  mark_all_peers();
}

void Announcer::plan_sessions(std::size_t& budget, Changes& out) {
  if (dirty_peers_.empty() && !listen_dirty_) return;
  SessionGround ground = session_ground(view_);
  ground.named.insert(named_peers_.begin(), named_peers_.end());
  for (; budget > 0 && !dirty_peers_.empty(); --budget) {
    plan_session(ground, dirty_peers_.extract(dirty_peers_.begin()).value(), out);
  }
  if (dirty_peers_.empty()) say_listen(ground, out);
}

void Announcer::plan_session(const SessionGround& ground, const std::string& name, Changes& out) {
  const auto object = view_.bgp_peers.find(name);
  const auto before = peers_.find(name);
  const bool ran = before != peers_.end() && before->second.spec;
  if (object == view_.bgp_peers.end()) {
    if (before == peers_.end()) return;
    if (ran)
      out.emplace_back(PeerWanted{.peer = name, .value = {}, .why = bgp::Cease::PeerDeconfigured});
    peers_.erase(before);
    changed_peers_.insert(name);
    listen_dirty_ = true;
    return;
  }
  PeerOutcome next = plan_peer(view_, ground, object->second);
  if (before != peers_.end() && before->second == next) return;
  const bool has_same_spec = before == peers_.end() ? !next.spec : before->second.spec == next.spec;
  if (!has_same_spec) {
    out.emplace_back(
        PeerWanted{.peer = name, .value = next.spec, .why = bgp::Cease::PeerDeconfigured});
    listen_dirty_ = true;
    all_services_changed_ = true;
  }
  peers_.insert_or_assign(name, std::move(next));
  changed_peers_.insert(name);
}

void Announcer::say_listen(const SessionGround& ground, Changes& out) {
  if (!std::exchange(listen_dirty_, false)) return;
  const bool any = std::ranges::any_of(peers_, [](const auto& peer) {
    return peer.second.spec && !peer.second.spec->config.admin_down;
  });
  std::optional<ListenSpec> wanted = plan_listen(ground, any);
  if (wanted == listen_) return;
  listen_ = wanted;
  out.emplace_back(ListenWanted{.value = std::move(wanted)});
}

void Announcer::settle_nodes(TimePoint now, std::int64_t unix_now, Changes& out) {
  remember_silence(unix_now);
  follow_drains(now);
  const Modes modes = modes_of(view_);
  Standings next = standings(view_, modes, memory_);
  modes_ = modes;
  if (next == standings_) return;
  if (!is_told_alike(standings_, next)) all_services_changed_ = true;
  standings_ = std::move(next);
  name_next_hops(out);
  mark_all_addresses();
}

void Announcer::remember_silence(std::int64_t unix_now) {
  for (const auto& [name, node] : view_.nodes) {
    if (node.ready == model::Tristate::Unknown) {
      memory_.silent_since.try_emplace(name, unix_now);
    } else {
      memory_.silent_since.erase(name);
    }
  }
}

// A drain begins with a time in which the node's paths are still there, marked; then it has left.
void Announcer::follow_drains(TimePoint now) {
  const model::BgpConf* conf = effective_conf(view_);
  const std::int64_t hold =
      conf == nullptr ? model::BgpConf{}.drain_hold_seconds : conf->drain_hold_seconds;
  const std::int64_t most =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::hours{24}).count();
  const TimePoint end = now + std::chrono::seconds{std::clamp<std::int64_t>(hold, 0, most)};
  std::erase_if(drain_ends_, [&](const auto& drain) {
    const auto node = view_.nodes.find(drain.first);
    return node == view_.nodes.end() || drain_sign(node->second, conf).empty();
  });
  for (const auto& [name, node] : view_.nodes) {
    if (!drain_sign(node, conf).empty()) drain_ends_.try_emplace(name, drains_are_old_ ? now : end);
  }
  drains_are_old_ = false;
  memory_.leaving.clear();
  for (const auto& [name, until] : drain_ends_) {
    if (now < until) memory_.leaving.insert(name);
  }
}

void Announcer::name_next_hops(Changes& out) {
  std::set<Address> in_use;
  for (const auto& [name, standing] : standings_) {
    for (const Family family : {Family::V4, Family::V6}) {
      const auto& address = standing.next_hop(family).address;
      if (!address) continue;
      in_use.insert(*address);
      const PathIds::Given given = ids_.give(*address);
      if (given.is_new) out.emplace_back(RememberPathId{.next_hop = *address, .id = given.id});
    }
  }
  ids_.trim(in_use);
}

// Aggregates behind the addresses: each is planned once for all of its members.
void Announcer::plan_routes(std::size_t& budget, Changes& out) {
  if (dirty_addresses_.empty() && dirty_aggregates_.empty()) return;
  News news;
  AdvertiseGround ground = advertise_ground(view_, standings_, ids_, held_);
  CommonPaths common;
  ground.common = &common;
  for (; budget > 0 && !dirty_addresses_.empty(); --budget)
    plan_address(ground, dirty_addresses_.extract(dirty_addresses_.begin()).value(), news);
  if (dirty_addresses_.empty()) {
    for (; budget > 0 && !dirty_aggregates_.empty(); --budget)
      plan_aggregate(ground, dirty_aggregates_.extract(dirty_aggregates_.begin()).value(), news);
  }
  for (std::vector<Route>* routes : {&news.withdrawn, &news.announced}) {
    for (Route& route : *routes)
      out.emplace_back(std::move(route));
  }
  std::ranges::move(news.aggregates, std::back_inserter(out));
}

void Announcer::plan_address(const AdvertiseGround& ground, const Address& address, News& news) {
  const Claim claim = claim_of(view_, assigner_, address);
  AddressPlan plan = address_plan(ground, claim, address);
  aggregates_.set(address, std::move(plan.aggregates), dirty_aggregates_);
  const bool is_out = !plan.paths.empty();
  if (!is_out && assigner_.holders(address).empty()) known_.erase(address);
  const bool is_news =
      say_route({.prefix = Prefix::host(address), .paths = std::move(plan.paths)}, news);
  if (is_news || !is_out) {  // where there is none, the reason may be another one now
    changed_services_.insert(claim.services.begin(), claim.services.end());
  }
}

void Announcer::plan_aggregate(const AdvertiseGround& ground, const Prefix& aggregate, News& news) {
  const std::vector<const AggregatePart*> parts = aggregates_.parts(aggregate);
  if (!parts.empty() && wanted_aggregates_.insert(aggregate).second)
    news.aggregates.emplace_back(AggregateWanted{.prefix = aggregate, .is_wanted = true});
  const bool is_news =
      say_route({.prefix = aggregate, .paths = aggregate_paths(ground, aggregate, parts)}, news);
  if (is_news) all_services_changed_ = true;
  if (!parts.empty() || wanted_aggregates_.erase(aggregate) == 0) return;
  held_.erase(aggregate);
  news.aggregates.emplace_back(AggregateWanted{.prefix = aggregate, .is_wanted = false});
}

bool Announcer::say_route(Route next, News& news) {
  const auto before = routes_.find(next.prefix);
  const bool was_out = before != routes_.end();
  if (was_out ? before->second == next : next.paths.empty()) return false;
  next.paths = path_lists_.shared(std::move(next.paths));
  if (next.paths.empty()) {
    routes_.erase(before);
    news.withdrawn.push_back(std::move(next));
    return true;
  }
  routes_.insert_or_assign(next.prefix, next);
  news.announced.push_back(std::move(next));
  return true;
}

AnnounceGround Announcer::ground() const {
  return {.view = view_,
          .assigner = assigner_,
          .standings = standings_,
          .ids = ids_,
          .peers = peers_,
          .held = held_,
          .routes = routes_};
}

std::vector<Announcement> Announcer::of(const model::NamespacedName& service) const {
  std::vector<Announcement> all;
  const Assignment* assignment = assigner_.of(service);
  if (assignment == nullptr) return all;
  for (const Assignment::Item& item : assignment->addresses)
    all.push_back(announcement_of(ground(), service, item));
  return all;
}

const PeerOutcome* Announcer::peer(const std::string& name) const {
  const auto known = peers_.find(name);
  return known == peers_.end() ? nullptr : &known->second;
}

PeerOutcome Announcer::conf(const std::string& name) const {
  return plan_conf(view_, session_ground(view_), name);
}

std::set<model::NamespacedName> Announcer::take_changed_services() {
  return std::exchange(changed_services_, {});
}

bool Announcer::take_all_services_changed() {
  return std::exchange(all_services_changed_, false);
}

std::set<std::string> Announcer::take_changed_peers() {
  return std::exchange(changed_peers_, {});
}

std::map<Prefix, Route> Announcer::desired_routes() const {
  std::map<Prefix, Route> desired;
  const Standings all = standings(view_, modes_of(view_), memory_);
  const AdvertiseGround ground = advertise_ground(view_, all, ids_, held_);
  Aggregates aggregates;
  std::set<Prefix> prefixes;
  const auto add = [&](Route route) {
    if (!route.paths.empty()) desired.insert_or_assign(route.prefix, std::move(route));
  };
  for (const auto& [name, service] : view_.services) {
    const Assignment* assignment = assigner_.of(name);
    if (assignment == nullptr) continue;
    for (const Assignment::Item& item : assignment->addresses) {
      const Claim claim = claim_of(view_, assigner_, item.address);
      AddressPlan plan = address_plan(ground, claim, item.address);
      aggregates.set(item.address, std::move(plan.aggregates), prefixes);
      add({.prefix = Prefix::host(item.address), .paths = std::move(plan.paths)});
    }
  }
  for (const Prefix& prefix : prefixes)
    add({.prefix = prefix, .paths = aggregate_paths(ground, prefix, aggregates.parts(prefix))});
  return desired;
}

}  // namespace porter::plan
