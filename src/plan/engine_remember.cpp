// SPDX-License-Identifier: Apache-2.0
// What the Engine is told, into its View: what changed, and whom that concerns.
#include <utility>

#include "plan/engine.hpp"
#include "plan/finalizers.hpp"

namespace porter::plan {
namespace {

using model::Kind;

// Puts the latest state of an object into its map. False: that is what was there already.
template <class Key, class Value>
bool put(std::map<Key, Value>& map, const Key& key, std::optional<model::Object>& object) {
  if (!object) return map.erase(key) > 0;
  Value& value = std::get<Value>(*object);
  const auto known = map.find(key);
  if (known == map.end()) {
    map.emplace(key, std::move(value));
    return true;
  }
  if (known->second == value) return false;
  known->second = std::move(value);
  return true;
}

template <class Key, class Value>
std::optional<Value> copy_of(const std::map<Key, Value>& map, const Key& key) {
  const auto known = map.find(key);
  if (known == map.end()) return std::nullopt;
  return known->second;
}

std::optional<bgp::State> state_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(bgp::State::Established); ++i) {
    const auto state = static_cast<bgp::State>(i);
    if (bgp::to_string(state) == name) return state;
  }
  return std::nullopt;
}

SessionSeen session_of_all(const View& view, const std::string& peer) {
  SessionSeen seen;
  seen.peer = peer;
  seen.gone = true;
  for (const auto& [node, told] : view.node_states) {
    for (const model::BgpNodeState::Session& session : told.sessions) {
      if (session.peer != peer) continue;
      const bgp::State state = state_named(session.state).value_or(bgp::State::Idle);
      if (seen.gone || state > seen.state) {
        seen.state = state;
        seen.since = session.since;
        seen.why = session.last_error;
        seen.caught_up = state == bgp::State::Established;
      }
      seen.gone = false;
      seen.flaps += session.flaps;
      // Every node sends the same prefixes: what is said of the budget is said of the worst.
      if (const auto& kept = session.kept_back;
          kept.ipv4 + kept.ipv6 >= seen.refused_v4 + seen.refused_v6) {
        seen.refused_v4 = kept.ipv4;
        seen.refused_v6 = kept.ipv6;
        seen.sent_v4 = session.sent.ipv4;
        seen.sent_v6 = session.sent.ipv6;
      }
      seen.received_v4 += session.received.ipv4;
      seen.received_v6 += session.received.ipv6;
    }
  }
  return seen;
}

template <class Value>
const Value* pointer(const std::optional<Value>& value) {
  return value ? &*value : nullptr;
}

}  // namespace

bool Engine::remember(ObjectSeen& fact) {
  const model::NamespacedName& name = fact.key.name;
  // What somebody wiped or changed is written again.
  const bool has_status = view_.identity.role == Role::Controller && has_our_status(fact.key.kind);
  if (has_status && fact.object && status_.seen(fact.key, fact.status)) mark_status(fact.key);
  if (has_status && fact.key.kind == Kind::Eip && !view_.synced) {
    const Tree& used = fact.status["used"];
    if (!used.entries().empty()) used_[name.name] = used;
  }
  mark_finalizers(fact.key);
  const bool was_refused = !fact.object && view_.problems.erase(fact.key) > 0;
  switch (fact.key.kind) {
    case Kind::Service: return remember_service(name, fact.object);
    case Kind::EndpointSlice: return remember_slice(name, fact.object);
    case Kind::Node: return remember_node(name, fact.object);
    case Kind::Eip:
      if (remember_eip(name, fact.object)) return true;
      if (was_refused) assigner_.eip_changed(name.name, nullptr);  // what it gave stayed till now
      return was_refused;
    case Kind::EipAddress: return remember_record(name, fact.object);
    case Kind::Namespace:
      if (!put(view_.namespaces, name.name, fact.object)) return false;
      assigner_.namespace_changed(name.name);
      announcer_.namespace_changed();
      return true;
    case Kind::Secret:
      if (!put(view_.secrets, name, fact.object)) return false;
      announcer_.secret_changed(name);
      return true;
    case Kind::BgpConf:
      if (!put(view_.bgp_confs, name.name, fact.object)) return false;
      announcer_.conf_changed();
      mark_statuses(Kind::BgpConf, view_.bgp_confs);
      mark_status(fact.key);
      return true;
    case Kind::BgpPeer:
      if (!put(view_.bgp_peers, name.name, fact.object)) return false;
      announcer_.peer_changed(name.name);
      mark_status(fact.key);
      return true;
    case Kind::BgpAdvertisement:
      if (!put(view_.bgp_advertisements, name.name, fact.object)) return false;
      announcer_.advertisement_changed();
      mark_statuses(Kind::BgpAdvertisement, view_.bgp_advertisements);
      mark_status(fact.key);
      return true;
    case Kind::BgpNodeState: return remember_node_state(name.name, fact.object);
  }
  return false;
}

bool Engine::remember_service(const model::NamespacedName& name,
                              std::optional<model::Object>& object) {
  if (!put(view_.services, name, object)) return false;
  assigner_.service_changed(name);
  announcer_.service_changed(name);
  mark_status({.kind = Kind::Service, .name = name});
  return true;
}

bool Engine::remember_slice(const model::NamespacedName& name,
                            std::optional<model::Object>& object) {
  const auto before = copy_of(view_.slices, name);
  if (!put(view_.slices, name, object)) return false;
  if (before) {
    const model::NamespacedName service{.ns = name.ns, .name = before->service};
    const auto index = view_.slices_of.find(service);
    if (index != view_.slices_of.end()) {
      index->second.erase(name);
      if (index->second.empty()) view_.slices_of.erase(index);
    }
    announcer_.service_changed(service);
  }
  const auto now = view_.slices.find(name);
  if (now != view_.slices.end() && !now->second.service.empty()) {
    const model::NamespacedName service{.ns = name.ns, .name = now->second.service};
    view_.slices_of[service].insert(name);
    announcer_.service_changed(service);
  }
  return true;
}

bool Engine::remember_node(const model::NamespacedName& name,
                           std::optional<model::Object>& object) {
  const auto before = copy_of(view_.nodes, name.name);
  if (!put(view_.nodes, name.name, object)) return false;
  announcer_.node_changed(name.name, pointer(before));
  return true;
}

// The controller knows sessions by what the speakers tell of their nodes: of each BgpPeer the best
// one, and the sum of what is counted.
bool Engine::remember_node_state(const std::string& node, std::optional<model::Object>& object) {
  std::set<std::string> peers;
  const auto add_peers = [&] {
    const auto state = view_.node_states.find(node);
    if (state == view_.node_states.end()) return;
    for (const model::BgpNodeState::Session& session : state->second.sessions)
      peers.insert(session.peer);
  };
  add_peers();
  if (!put(view_.node_states, node, object)) return false;
  add_peers();
  mark_statuses(Kind::BgpConf, view_.bgp_confs);
  bool news = false;
  for (const std::string& peer : peers) {
    SessionSeen seen = session_of_all(view_, peer);
    news |= remember(seen);
  }
  return news;
}

// A new version that leaves out an address in use is refused: the pool stays as it was, and its
// status names the addresses (api.md 7).
bool Engine::remember_eip(const model::NamespacedName& name, std::optional<model::Object>& object) {
  const model::ObjectKey key{.kind = Kind::Eip, .name = name};
  mark_status(key);
  view_.refused.erase(key);
  if (object && view_.identity.role != Role::Speaker) {
    model::Eip& next = std::get<model::Eip>(*object);
    if (auto refused = assigner_.accepts(next)) {
      view_.refused[key] = std::move(*refused);
      // That it is being deleted, or evicts, counts all the same.
      model::Eip earlier = view_.eips.at(name.name);
      earlier.meta = std::move(next.meta);
      earlier.evict = next.evict;
      next = std::move(earlier);
    }
  }
  const auto before = copy_of(view_.eips, name.name);
  if (!put(view_.eips, name.name, object)) return view_.refused.contains(key);
  assigner_.eip_changed(name.name, pointer(before));
  announcer_.eip_changed();
  return true;
}

// Before Synced the store tells what it knew; afterwards a person writes a reservation, or takes it
// back.
bool Engine::remember_record(const model::NamespacedName& name,
                             std::optional<model::Object>& object) {
  const auto address = model::address_of_name(name.name);
  if (!address) return false;
  if (view_.identity.role == Role::Speaker) {
    assigner_.record_followed(*address, object ? &std::get<model::EipAddress>(*object) : nullptr);
    return true;
  }
  if (!view_.synced) {
    if (object) assigner_.record_loaded(std::get<model::EipAddress>(*object));
    return object.has_value();
  }
  assigner_.record_edited(*address, object ? &std::get<model::EipAddress>(*object) : nullptr);
  return true;
}

bool Engine::remember(ProblemsSeen& fact) {
  mark_status(fact.key);
  if (fact.problems.empty()) return view_.problems.erase(fact.key) > 0;
  mark_finalizers(fact.key);
  view_.problems[fact.key] = {.where = std::move(fact.where),
                              .list = std::move(fact.problems),
                              .meta = std::move(fact.meta)};
  const std::optional<model::Meta>& refused = view_.problems[fact.key].meta;
  const auto pool = view_.eips.find(fact.key.name.name);
  if (!refused || fact.key.kind != Kind::Eip || pool == view_.eips.end()) return false;
  // That it is being deleted counts, whatever else its newest version says.
  std::optional<model::Object> earlier{pool->second};
  model::meta_of(*earlier) = *refused;
  return remember_eip(fact.key.name, earlier);
}

// The answer to our own Record is no news from outside: it ends the flush it belongs to, unpaced.
bool Engine::remember(Recorded& fact) {
  const auto waiting = outstanding_.find(fact.address);
  if (waiting != outstanding_.end() && waiting->second.revision == fact.revision)
    outstanding_.erase(waiting);
  assigner_.recorded(fact.address, fact.revision);
  flushing_ = true;
  return false;
}

bool Engine::remember(RecordRefused& fact) {
  const auto waiting = outstanding_.find(fact.address);
  if (waiting != outstanding_.end() && waiting->second.revision == fact.revision)
    outstanding_.erase(waiting);
  assigner_.record_refused(fact.address, fact.revision, pointer(fact.actual));
  return true;
}

bool Engine::remember(PathIdSeen& fact) {
  announcer_.path_id_loaded(fact.next_hop, fact.id);
  return false;
}

bool Engine::remember(SessionSeen& fact) {
  mark_status({.kind = Kind::BgpPeer, .name = {.ns = {}, .name = fact.peer}});
  const auto known = view_.sessions.find(fact.peer);
  const bool was_up =
      known != view_.sessions.end() && known->second.state == bgp::State::Established;
  const bool is_up = !fact.gone && fact.state == bgp::State::Established;
  const std::string peer = fact.peer;
  if (fact.gone) {
    view_.sessions.erase(peer);
  } else {
    view_.sessions.insert_or_assign(peer, std::move(fact));
  }
  announcer_.session_changed(peer);
  return was_up != is_up;
}

// The answer to a wish of ours: like a Recorded, it is not paced.
bool Engine::remember(AggregateSeen& fact) {
  announcer_.aggregate_seen(fact.prefix, fact.error);
  flushing_ = true;
  return false;
}

bool Engine::remember(Synced&) {
  if (std::exchange(view_.synced, true)) return false;
  for (const auto& [eip, used] : std::exchange(used_, {}))
    assigner_.import_used(eip, used);
  assigner_.synced();
  announcer_.synced();
  return true;
}

bool Engine::remember(SourceWhole& fact) {
  const bool was_whole = std::exchange(view_.whole, fact.is_whole);
  if (!view_.synced || was_whole || !fact.is_whole) return false;
  assigner_.source_whole();
  return true;
}

}  // namespace porter::plan
