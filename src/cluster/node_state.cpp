// SPDX-License-Identifier: Apache-2.0
#include "cluster/node_state.hpp"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "bgp/message.hpp"
#include "model/encode.hpp"

namespace porter::cluster {
namespace {

using Session = model::BgpNodeState::Session;

std::int64_t unix_of(TimePoint at, TimePoint now, std::int64_t unix_now) {
  return unix_now - std::chrono::duration_cast<std::chrono::seconds>(now - at).count();
}

std::vector<std::string> capabilities_of(const bgp::Negotiated& negotiated) {
  std::vector<std::string> names;
  for (const Family family : {Family::V4, Family::V6}) {
    const char* const name = family == Family::V4 ? "ipv4" : "ipv6";
    if (negotiated.families.has(family)) names.push_back(fmt::format("{}-unicast", name));
    if (negotiated.add_path_send.has(family))
      names.push_back(fmt::format("add-path-send {}", name));
  }
  if (negotiated.extended_next_hop) names.emplace_back("extended-next-hop ipv4");
  return names;
}

Session session_of(const speaker::PeerSnapshot& peer, const plan::PeerOutcomes& planned,
                   TimePoint now, std::int64_t unix_now) {
  Session session;
  session.peer = peer.peer;
  session.neighbor = to_string(peer.neighbor);
  if (!peer.zone.empty()) session.neighbor += "%" + peer.zone;
  session.state = to_string(peer.status.state);
  session.since = peer.since;
  if (const auto outcome = planned.find(peer.peer); outcome != planned.end()) {
    if (const auto& spec = outcome->second.spec) {
      session.local_as = spec->config.open.local_as.number;
      session.peer_as = spec->config.open.remote_as.number;
    }
  }
  if (const auto& negotiated = peer.status.negotiated) {
    session.router_id = to_string(negotiated->peer_id);
    session.hold_time = negotiated->hold_time;
    session.capabilities = capabilities_of(*negotiated);
  }
  session.sent = {.ipv4 = peer.sent_v4.paths, .ipv6 = peer.sent_v6.paths};
  session.kept_back = {.ipv4 = peer.sent_v4.refused, .ipv6 = peer.sent_v6.refused};
  session.received = {.ipv4 = peer.received_v4, .ipv6 = peer.received_v6};
  session.flaps = static_cast<std::uint32_t>(peer.status.flaps);
  const auto notification = [&](const auto& message, TimePoint at) {
    std::optional<model::BgpNodeState::Notification> told;
    if (message) told.emplace(describe(*message), unix_of(at, now, unix_now));
    return told;
  };
  session.notification_sent = notification(peer.status.last_sent, peer.status.last_sent_at);
  session.notification_received =
      notification(peer.status.last_received, peer.status.last_received_at);
  session.last_error = peer.transport_error.empty() ? peer.status.last_error : peer.transport_error;
  return session;
}

}  // namespace

model::BgpNodeState node_state(const plan::View& view, const std::string& version,
                               const std::vector<speaker::PeerSnapshot>& peers,
                               const plan::PeerOutcomes& planned, TimePoint now,
                               std::int64_t unix_now) {
  model::BgpNodeState state;
  state.meta.name.name = view.identity.node;
  state.version = version;
  if (const plan::SessionGround ground = plan::session_ground(view); ground.conf != nullptr) {
    state.router_id = to_string(ground.router_id);
    state.as = ground.local_as.number;
  }
  for (const speaker::PeerSnapshot& peer : peers) {
    ++state.total;
    if (peer.status.state == bgp::State::Established) ++state.established;
    state.sessions.push_back(session_of(peer, planned, now, unix_now));
  }
  return state;
}

void NodeStateWriter::tell(const model::BgpNodeState& state, const std::string& node_uid) {
  if (node_uid.empty()) return;
  if (!is_there_) return create(node_uid);
  Tree status = model::to_tree(state)["status"];
  std::string text = to_json(status, 0);
  if (text == said_) return;
  said_ = std::move(text);
  apply(std::move(status));
}

void NodeStateWriter::create(const std::string& node_uid) {
  Tree owner = Tree::map();
  owner.set("apiVersion", "v1").set("kind", "Node").set("name", node_).set("uid", node_uid);
  Tree metadata = Tree::map();
  metadata.set("name", node_).set("ownerReferences", Tree::list().push(std::move(owner)));
  Tree object = Tree::map();
  object.set("apiVersion", "network.kubesphere.io/v1alpha2")
      .set("kind", "BgpNodeState")
      .set("metadata", std::move(metadata));
  kube::Wish wish;
  wish.key = {.resource = kube::resource_of(model::Kind::BgpNodeState),
              .name = {.ns = {}, .name = node_},
              .part = "object"};
  wish.operation = kube::Create{.object = std::move(object)};
  wish.done = [this](const kube::WriteResult& result) {
    is_there_ = result.outcome == kube::WriteOutcome::Written ||
                result.outcome == kube::WriteOutcome::Conflict;  // an earlier run's
  };
  static_cast<void>(writer_.put(std::move(wish)));
}

void NodeStateWriter::apply(Tree status) {
  kube::Wish wish;
  wish.key = {.resource = kube::resource_of(model::Kind::BgpNodeState),
              .name = {.ns = {}, .name = node_},
              .part = "status"};
  wish.operation = kube::ApplyStatus{
      .status = std::move(status), .manager = "porter-speaker", .resource_version = {}};
  wish.done = [this](const kube::WriteResult& result) {
    if (result.outcome == kube::WriteOutcome::Written) return;
    if (result.outcome == kube::WriteOutcome::Superseded) return;
    said_.clear();
    is_there_ = result.outcome != kube::WriteOutcome::Gone;
  };
  static_cast<void>(writer_.put(std::move(wish)));
}

}  // namespace porter::cluster
