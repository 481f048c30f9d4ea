// SPDX-License-Identifier: Apache-2.0
#include "local/cluster_report.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace porter::local {
namespace {

using Session = model::BgpNodeState::Session;

Tree counts_item(const model::BgpNodeState::Counts& counts) {
  Tree item = Tree::map();
  item.set("v4", counts.ipv4).set("v6", counts.ipv6).set("total", counts.ipv4 + counts.ipv6);
  return item;
}

Tree families_of(const Session& session) {
  Tree list = Tree::list();
  const auto has = [&](std::string_view capability) {
    return std::ranges::find(session.capabilities, capability) != session.capabilities.end();
  };
  if (has("ipv4-unicast")) list.push("v4");
  if (has("ipv6-unicast")) list.push("v6");
  return list;
}

Tree notifications_of(const Session& session, std::int64_t unix_now) {
  Tree item = Tree::map();
  const auto add = [&](const char* way, const auto& notification) {
    if (!notification) return;
    Tree entry = Tree::map();
    entry.set("text", notification->text).set("secondsAgo", unix_now - notification->at);
    item.set(way, std::move(entry));
  };
  add("sent", session.notification_sent);
  add("received", session.notification_received);
  return item;
}

Tree session_item(const std::string& node, const Session& session, std::int64_t unix_now) {
  const bool is_up = session.state == to_string(bgp::State::Established);
  Tree item = Tree::map();
  item.set("name", session.peer).set("neighbor", session.neighbor).set("node", node);
  item.set("remoteAs", std::uint64_t{session.peer_as});
  item.set("localAs", std::uint64_t{session.local_as});
  item.set("runs", true).set("state", session.state);
  item.set("sinceSeconds", session.since > 0 ? Tree{unix_now - session.since} : Tree{});
  item.set("establishedAt", is_up ? Tree{session.since} : Tree{});
  item.set("flaps", std::uint64_t{session.flaps}).set("families", families_of(session));
  Tree capabilities = Tree::list();
  for (const std::string& capability : session.capabilities)
    capabilities.push(capability);
  item.set("capabilities", std::move(capabilities));
  item.set("sent", counts_item(session.sent)).set("received", counts_item(session.received));
  item.set("lastError", session.last_error).set("routerId", session.router_id);
  item.set("notifications", notifications_of(session, unix_now));
  return item;
}

bool is_meant(const Session& session, const std::string& asked) {
  return asked.empty() || asked == session.peer || asked == session.neighbor;
}

bool is_meant(const model::BgpPeer& peer, const std::string& asked) {
  return asked.empty() || asked == peer.meta.name.name ||
         (peer.neighbor && asked == to_string(*peer.neighbor));
}

void add_session_problems(Tree& list, const plan::Engine& engine) {
  for (const auto& [node, state] : engine.view().node_states) {
    for (const Session& session : state.sessions) {
      if (session.state == to_string(bgp::State::Established)) continue;
      add_problem(list, fmt::format("BgpPeer {} on {}", session.peer, node), "NotEstablished",
                  fmt::format("{} towards {}{}{}", session.state, session.neighbor,
                              session.last_error.empty() ? "" : ": ", session.last_error));
    }
  }
}

}  // namespace

Tree cluster_status_report(const plan::Engine& engine, const std::string& cluster) {
  std::uint64_t sessions = 0;
  std::uint64_t established = 0;
  std::uint64_t sent = 0;
  for (const auto& [node, state] : engine.view().node_states) {
    sessions += state.total;
    established += state.established;
    for (const Session& session : state.sessions)
      sent += session.sent.ipv4 + session.sent.ipv6;
  }
  Tree problems = Tree::list();
  add_object_problems(problems, engine);
  add_session_problems(problems, engine);
  add_waiting_services(problems, engine);
  Tree peers = Tree::map();
  peers.set("configured", sessions).set("established", established).set("prefixesSent", sent);
  Tree tree = Tree::map();
  tree.set("cluster", cluster);
  tree.set("speakers", std::uint64_t{engine.view().node_states.size()});
  tree.set("follows", std::uint64_t{engine.view().services.size()});
  tree.set("healthy", problems.items().empty());
  tree.set("addresses", addresses_item(engine)).set("services", services_item(engine));
  tree.set("peers", std::move(peers)).set("problems", std::move(problems));
  return tree;
}

Result<Tree> cluster_peers_report(const plan::Engine& engine, const std::string& cluster,
                                  const std::string& peer, std::int64_t unix_now) {
  Tree items = Tree::list();
  std::set<std::string> running;
  for (const auto& [node, state] : engine.view().node_states) {
    for (const Session& session : state.sessions) {
      running.insert(session.peer);
      if (is_meant(session, peer)) items.push(session_item(node, session, unix_now));
    }
  }
  std::string known;
  for (const auto& [name, object] : engine.view().bgp_peers) {
    known += (known.empty() ? "" : ", ") + name;
    if (running.contains(name) || !is_meant(object, peer)) continue;
    Tree item = idle_item(name, engine);
    const plan::PeerOutcome* const outcome = engine.announcer().peer(name);
    if (outcome != nullptr && outcome->spec)
      item.set("reason", "NoSpeaker").set("message", "no speaker has told of a session with it");
    items.push(std::move(item));
  }
  if (!peer.empty() && items.items().empty()) {
    return fail(Errc::NotFound, fmt::format("no BgpPeer or neighbour \"{}\"; known: {}", peer,
                                            known.empty() ? "none" : known));
  }
  Tree tree = Tree::map();
  tree.set("cluster", cluster).set("items", std::move(items));
  return tree;
}

}  // namespace porter::local
