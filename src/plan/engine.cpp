// SPDX-License-Identifier: Apache-2.0
#include "plan/engine.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "plan/finalizers.hpp"

namespace porter::plan {
namespace {

using namespace std::chrono_literals;
using model::Kind;

constexpr Pacer::Spacing kPlanSpacing{.first = 4ms, .next = 8ms};
// After this long, End-of-RIB no longer waits for records that the store cannot write.
constexpr Duration kRecordPatience = 1s;
// A Service whose record is on its way needs no status that says so, unless it takes this long.
constexpr Duration kStatusPatience = 5s;
// Nor is a session that flaps or a node that comes back worth a write to each of 10,000 Services.
constexpr Duration kSharedPatience = 10s;
// Services and EndpointSlices come by watches of their own: the first slice may be just behind.
constexpr Duration kSlicePatience = 50ms;
// How long what was said anew of all Services waits for more of the kind.
constexpr Duration kSweepAfter = 100ms;
// Of a step's budget this part is for status, which asks what every peer is told.
constexpr std::size_t kStatusShare = 8;

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

bool has_our_status(Kind kind) {
  return kind == Kind::Service || kind == Kind::Eip || kind == Kind::BgpConf ||
         kind == Kind::BgpPeer || kind == Kind::BgpAdvertisement;
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

Engine::Engine(Identity identity, TimePoint now, std::int64_t unix_now)
    : assigner_{view_},
      announcer_{view_, assigner_},
      status_{view_, assigner_, announcer_},
      pacer_{kPlanSpacing},
      pace_{identity.role},
      epoch_{now},
      unix_epoch_{unix_now} {
  view_.identity = std::move(identity);
}

void Engine::wall_clock_is(TimePoint now, std::int64_t unix_now) {
  epoch_ = now;
  unix_epoch_ = unix_now;
}

std::int64_t Engine::unix_at(TimePoint now) const {
  return unix_epoch_ + std::chrono::duration_cast<std::chrono::seconds>(now - epoch_).count();
}

void Engine::apply(Fact fact, TimePoint now) {
  const bool news = std::visit([this](auto& latest) { return remember(latest); }, fact);
  if (news || (!flushing_ && has_work())) pacer_.mark(now);
  if (view_.synced && synced_at_ == kNever) synced_at_ = now;
  pace_.settle(now);
}

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

bool Engine::has_work() const {
  return assigner_.has_work() || announcer_.has_work() || !finalizers_dirty_.empty() ||
         (view_.synced && assigner_.has_news());
}

TimePoint Engine::deadline() const {
  if (!view_.synced) return kNever;
  if (sweep_on_ || (flushing_ && has_work())) return TimePoint::min();
  TimePoint next = std::min({pacer_.deadline(), pace_.deadline(), sweep_at_, assigner_.deadline(),
                             announcer_.deadline()});
  if (!planned_)
    next = std::min(next, has_work() ? pacer_.deadline() : synced_at_ + kRecordPatience);
  return next;
}

Changes Engine::step(TimePoint now, std::size_t budget) {
  PORTER_ASSERT(budget > 0);
  Changes out;
  if (!view_.synced) return out;
  if (now >= pacer_.deadline()) {
    flushing_ = true;
    pacer_.flushed(now);
  }
  if (flushing_ || now >= assigner_.deadline() || now >= announcer_.deadline())
    plan(now, budget, out);
  sweep(now, budget);
  pace_.settle(now);
  // Before everything was planned once, a Service that is not planned yet would look like one
  // without an address, and lose what its status shows.
  settled_ = settled_ || !has_work();
  if (settled_) write_status(now, std::max<std::size_t>(budget / kStatusShare, 1), out);
  say_planned(now, out);
  return out;
}

void Engine::plan(TimePoint now, std::size_t budget, Changes& out) {
  const std::size_t before = out.size();
  assigner_.step(now, unix_at(now), budget, out);
  note_outstanding(out, before, now);
  hand_over();
  announcer_.step(now, unix_at(now), budget, out);
  hand_over();
  hold(budget, out);
  if (!has_work()) flushing_ = false;
}

// What stage 1 decided is what stage 2 works on; both mark status.
void Engine::hand_over() {
  for (const Address& address : assigner_.take_changed_addresses())
    announcer_.address_changed(address);
  // Also where only what is said of it changed: a record of an earlier run counts once its Service
  // is settled.
  for (const auto& service : assigner_.take_changed_services()) {
    announcer_.service_changed(service);
    mark_status({.kind = Kind::Service, .name = service});
  }
  for (const auto& eip : assigner_.take_changed_eips()) {
    mark_status({.kind = Kind::Eip, .name = {.ns = {}, .name = eip}});
    mark_finalizers({.kind = Kind::Eip, .name = {.ns = {}, .name = eip}});
  }
  for (const auto& service : announcer_.take_changed_services())
    mark_status({.kind = Kind::Service, .name = service});
  all_services_changed_ = announcer_.take_all_services_changed() || all_services_changed_;
  for (const auto& peer : announcer_.take_changed_peers())
    mark_status({.kind = Kind::BgpPeer, .name = {.ns = {}, .name = peer}});
}

void Engine::note_outstanding(const Changes& out, std::size_t from, TimePoint now) {
  for (std::size_t i = from; i < out.size(); ++i) {
    const auto* const record = std::get_if<Record>(&out[i]);
    if (record == nullptr) continue;
    const auto [known, is_new] = outstanding_.try_emplace(record->address);
    known->second.revision = record->revision;
    if (is_new) known->second.since = now;
  }
}

// End-of-RIB may follow once everything known was planned and the records among it are durable.
void Engine::say_planned(TimePoint now, Changes& out) {
  if (planned_ || flushing_ || has_work() || pacer_.deadline() != kNever) return;
  if (!outstanding_.empty() && now < synced_at_ + kRecordPatience) return;
  planned_ = true;
  out.emplace_back(Planned{});
}

// Sessions come up by the dozen, and each says something new of thousands of Services: their turn
// is after the routes, together, and in pieces.
void Engine::sweep(TimePoint now, std::size_t budget) {
  if (std::exchange(all_services_changed_, false) && view_.identity.role != Role::Speaker)
    sweep_at_ = std::min(sweep_at_, now + kSweepAfter);
  if (now >= sweep_at_) {
    sweep_at_ = kNever;
    sweep_on_.emplace();
  }
  if (!sweep_on_) return;
  auto service = view_.services.lower_bound(*sweep_on_);
  for (; budget > 0 && service != view_.services.end(); --budget, ++service) {
    if (assigner_.of(service->first) != nullptr)
      mark_status({.kind = Kind::Service, .name = service->first});
  }
  if (service == view_.services.end()) {
    sweep_on_.reset();
  } else {
    sweep_on_ = service->first;
  }
}

void Engine::write_status(TimePoint now, std::size_t budget, Changes& out) {
  for (; budget > 0; --budget) {
    const std::optional<model::ObjectKey> key = pace_.take(now);
    if (!key) break;
    if (const auto until = patience_for(*key, now); until && now < *until) {
      pace_.put_off(*key, *until);
      continue;
    }
    passing_.erase(*key);
    auto change = status_.write(*key, unix_at(now));
    if (!change) continue;
    pace_.wrote(*key, now);
    out.emplace_back(std::move(*change));
  }
  pace_.settle(now);
}

// In a cluster a status is a write: one that says "not recorded yet" or "no endpoints yet", or what
// a session or a node does to every Service, is worth it only if it stays true for a while.
std::optional<TimePoint> Engine::patience_for(const model::ObjectKey& key, TimePoint now) {
  if (view_.identity.role != Role::Controller || key.kind != Kind::Service) return std::nullopt;
  if (status_.may_pass(key)) return passing_.try_emplace(key, now + kSharedPatience).first->second;
  if (!view_.slices_of.contains(key.name) && !status_.has_said(key)) {
    const TimePoint until = passing_.try_emplace(key, now + kSlicePatience).first->second;
    if (now < until) return until;
  }
  std::optional<TimePoint> until;
  for (const Address& address : assigner_.allocator().held_by(key.name)) {
    const auto waiting = outstanding_.find(address);
    if (waiting != outstanding_.end()) until = waiting->second.since + kStatusPatience;
  }
  return until;
}

// What was decided is on its way before an Eip is let go.
void Engine::hold(std::size_t budget, Changes& out) {
  for (; budget > 0 && !finalizers_dirty_.empty(); --budget) {
    const model::ObjectKey key = finalizers_dirty_.extract(finalizers_dirty_.begin()).value();
    if (auto change = finalizers_wanted(view_, assigner_, key))
      out.emplace_back(*std::move(change));
  }
}

void Engine::mark_finalizers(const model::ObjectKey& key) {
  if (view_.identity.role == Role::Controller && has_our_status(key.kind))
    finalizers_dirty_.insert(key);
}

}  // namespace porter::plan
