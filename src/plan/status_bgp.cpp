// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <fmt/format.h>

#include "model/check.hpp"
#include "model/time_text.hpp"
#include "plan/problem_words.hpp"
#include "plan/status.hpp"

// The status of BgpConf and BgpPeer. nodesConfStatus and nodesPeerStatus have the shape OpenELB
// gave them, which came from GoBGP by way of protobuf JSON: zeros are left out, times are strings.
namespace porter::plan {
namespace {

std::string node_of(const View& view) {
  return view.identity.node.empty() ? "local" : view.identity.node;
}

std::string upper(std::string_view text) {
  std::string result{text};
  for (char& letter : result) {
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return result;
}

Tree peer_state(const PeerSpec& spec, const SessionSeen* session) {
  Tree state = Tree::map();
  state.set("neighborAddress",
            spec.neighbor_prefix ? to_string(*spec.neighbor_prefix) : to_string(spec.neighbor));
  state.set("peerAs", spec.config.open.remote_as.number)
      .set("localAs", spec.config.open.local_as.number);
  if (spec.config.encoding.kind == bgp::PeerKind::External) state.set("peerType", 1);
  if (spec.config.admin_down) state.set("adminState", "DOWN");
  const bgp::State fsm = session == nullptr ? bgp::State::Idle : session->state;
  state.set("sessionState", upper(bgp::to_string(fsm)));
  if (session == nullptr) return state;
  if (session->negotiated) state.set("routerId", to_string(session->negotiated->peer_id));
  if (session->flaps > 0) state.set("flops", session->flaps);
  return state;
}

Tree timers_state(const PeerSpec& spec, const SessionSeen* session) {
  Tree timers = Tree::map();
  const bgp::PeerConfig& config = spec.config;
  timers.set("holdTime", std::to_string(config.open.hold_time));
  if (config.connect_retry > 0) timers.set("connectRetry", std::to_string(config.connect_retry));
  if (session == nullptr) return timers;
  const bool is_up = session->state == bgp::State::Established;
  if (is_up && session->negotiated) {
    const std::uint16_t hold = session->negotiated->hold_time;
    timers.set("negotiatedHoldTime", std::to_string(hold));
    if (hold > 0)
      timers.set("keepaliveInterval", std::to_string(config.keepalive.value_or(hold / 3)));
  }
  if (session->since > 0)
    timers.set(is_up ? "uptime" : "downtime", model::format_time(session->since));
  return timers;
}

// Of many nodes the first have details in a status, lest it grows with the cluster.
constexpr std::size_t kMostNodes = 50;

// From what each speaker tells.
Tree confs_of_all(const View& view) {
  Tree nodes = Tree::map();
  for (const auto& [node, told] : view.node_states) {
    if (nodes.entries().size() >= kMostNodes) break;
    if (told.router_id.empty()) continue;
    nodes.set(node, Tree::map().set("routerId", told.router_id).set("as", told.as));
  }
  return nodes;
}

// In OpenELB's shape.
Tree session_tree(const model::BgpNodeState::Session& session, bool is_up) {
  Tree state = Tree::map();
  state.set("neighborAddress", session.neighbor)
      .set("peerAs", session.peer_as)
      .set("localAs", session.local_as)
      .set("sessionState", upper(session.state));
  if (!session.router_id.empty()) state.set("routerId", session.router_id);
  if (session.flaps > 0) state.set("flops", session.flaps);
  Tree timers = Tree::map();
  if (is_up) timers.set("negotiatedHoldTime", std::to_string(session.hold_time));
  if (session.since > 0)
    timers.set(is_up ? "uptime" : "downtime", model::format_time(session.since));
  return Tree::map().set("peerState", std::move(state)).set("timersState", std::move(timers));
}

// Of every node, from what its speaker tells.
void add_sessions_of_all(const View& view, const std::string& peer, StatusDraft& draft) {
  std::size_t total = 0;
  std::size_t up = 0;
  std::uint64_t advertised = 0;
  std::uint64_t received = 0;
  Tree nodes = Tree::map();
  for (const auto& [node, told] : view.node_states) {
    for (const model::BgpNodeState::Session& session : told.sessions) {
      if (session.peer != peer) continue;
      const bool is_up = session.state == bgp::to_string(bgp::State::Established);
      ++total;
      up += is_up ? 1U : 0U;
      advertised += session.sent.ipv4 + session.sent.ipv6;
      received += session.received.ipv4 + session.received.ipv6;
      if (nodes.entries().size() < kMostNodes) nodes.set(node, session_tree(session, is_up));
    }
  }
  draft.fields.set("sessions", fmt::format("{}/{}", up, total));
  draft.fields.set("advertised", advertised).set("received", received);
  draft.fields.set("nodesPeerStatus", std::move(nodes));
}

Condition established(const PeerOutcome& outcome) {
  return {.type = "Established",
          .is_true = outcome.reason == Reason::Established,
          .reason = std::string{to_string(outcome.reason)},
          .message = outcome.message};
}

}  // namespace

std::optional<StatusDraft> conf_status(const View& view, const Announcer& announcer,
                                       const std::string& name) {
  const model::ObjectKey key{.kind = model::Kind::BgpConf, .name = {.ns = {}, .name = name}};
  const bool has_version = view.bgp_confs.contains(name);
  if (!has_version && !view.problems.contains(key)) return std::nullopt;
  StatusDraft draft;
  if (has_version) {
    const PeerOutcome outcome = announcer.conf(name);
    const bool counts =
        outcome.reason == Reason::Ready || outcome.reason == Reason::RouterIdIgnored;
    if (counts && view.identity.role == Role::Controller) {
      draft.fields.set("nodesConfStatus", confs_of_all(view));
    } else if (counts) {
      const SessionGround ground = session_ground(view);
      Tree mine = Tree::map();
      mine.set("routerId", to_string(ground.router_id)).set("as", ground.local_as.number);
      draft.fields.set("nodesConfStatus", Tree::map().set(node_of(view), std::move(mine)));
    }
    draft.conditions.push_back({.type = "Ready",
                                .is_true = counts,
                                .reason = std::string{to_string(outcome.reason)},
                                .message = outcome.message});
  }
  draft.conditions.push_back(accepted(view, key, has_version));
  return draft;
}

std::optional<StatusDraft> peer_status(const View& view, const Announcer& announcer,
                                       const std::string& name) {
  const model::ObjectKey key{.kind = model::Kind::BgpPeer, .name = {.ns = {}, .name = name}};
  const bool has_version = view.bgp_peers.contains(name);
  if (!has_version && !view.problems.contains(key)) return std::nullopt;
  StatusDraft draft;
  const PeerOutcome* outcome = has_version ? announcer.peer(name) : nullptr;
  if (outcome != nullptr) {
    if (view.identity.role == Role::Controller) {
      add_sessions_of_all(view, name, draft);
    } else if (outcome->spec) {
      const auto seen = view.sessions.find(name);
      const SessionSeen* session = seen == view.sessions.end() ? nullptr : &seen->second;
      Tree mine = Tree::map();
      mine.set("peerState", peer_state(*outcome->spec, session));
      mine.set("timersState", timers_state(*outcome->spec, session));
      draft.fields.set("sessions", outcome->reason == Reason::Established ? "1/1" : "0/1");
      if (session != nullptr) {
        draft.fields.set("advertised", session->sent_v4 + session->sent_v6);
        draft.fields.set("received", session->received_v4 + session->received_v6);
      }
      draft.fields.set("nodesPeerStatus", Tree::map().set(node_of(view), std::move(mine)));
    }
    draft.conditions.push_back(established(*outcome));
  }
  draft.conditions.push_back(accepted(view, key, has_version));
  return draft;
}

std::optional<StatusDraft> advertisement_status(const View& view, const std::string& name) {
  const model::ObjectKey key{.kind = model::Kind::BgpAdvertisement,
                             .name = {.ns = {}, .name = name}};
  const auto known = view.bgp_advertisements.find(name);
  const bool has_version = known != view.bgp_advertisements.end();
  if (!has_version && !view.problems.contains(key)) return std::nullopt;
  StatusDraft draft;
  if (has_version) {
    const model::BgpAdvertisement& mine = known->second;
    Condition ready{.type = "Ready",
                    .is_true = true,
                    .reason = std::string{to_string(Reason::Ready)},
                    .message = "what it selects is announced as it says"};
    for (const auto& [other_name, other] : view.bgp_advertisements) {
      if (!model::is_older(other.meta, mine.meta)) continue;
      const std::string_view field = model::conflict_between(mine, other);
      if (field.empty()) continue;
      ready.is_true = false;
      ready.reason = to_string(Reason::ConflictingAdvertisement);
      ready.message = fmt::format(
          "{}: BgpAdvertisement {} is older and says otherwise; where both select a route, {} wins",
          field, other_name, other_name);
      break;
    }
    draft.conditions.push_back(std::move(ready));
  }
  draft.conditions.push_back(accepted(view, key, has_version));
  return draft;
}

}  // namespace porter::plan
