// SPDX-License-Identifier: Apache-2.0
#include "local/report.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

namespace porter::local {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

std::int64_t seconds_since(TimePoint then, TimePoint now) {
  return duration_cast<seconds>(now - then).count();
}

// Does a question about `asked` mean this session? Empty asks for all.
bool is_meant(const speaker::PeerSnapshot& peer, const std::string& asked) {
  return asked.empty() || asked == peer.peer || asked == peer.session ||
         asked == to_string(peer.neighbor) ||
         (!peer.zone.empty() && asked == to_string(peer.neighbor) + '%' + peer.zone);
}

Failure<> unknown_peer(const Sources& sources, const std::string& asked) {
  std::string known;
  for (const auto& [name, peer] : sources.engine.view().bgp_peers) {
    known += known.empty() ? "" : ", ";
    known += name;
  }
  return fail(Errc::NotFound, fmt::format("no BgpPeer or neighbour \"{}\"; known: {}", asked,
                                          known.empty() ? "none" : known));
}

Tree families_of(const bgp::Families& families) {
  Tree list = Tree::list();
  if (families.v4) list.push("v4");
  if (families.v6) list.push("v6");
  return list;
}

Tree message_counts(const bgp::MessageCounts& counts) {
  Tree tree = Tree::map();
  tree.set("open", counts.open);
  tree.set("update", counts.update);
  tree.set("keepalive", counts.keepalive);
  tree.set("notification", counts.notification);
  tree.set("refresh", counts.refresh);
  return tree;
}

// A capability in words, as far as both OPENs say it.
std::vector<std::string> capability_words(const bgp::Capabilities& capabilities) {
  std::vector<std::string> words;
  for (const Family family : {Family::V4, Family::V6}) {
    const auto& all = capabilities.families;
    if (std::find(all.begin(), all.end(), bgp::unicast(family)) != all.end()) {
      words.push_back(family == Family::V4 ? "IPv4 unicast" : "IPv6 unicast");
    }
  }
  if (capabilities.as4) words.emplace_back("4-octet AS");
  if (capabilities.route_refresh) words.emplace_back("route refresh");
  if (capabilities.enhanced_route_refresh) words.emplace_back("enhanced route refresh");
  if (!capabilities.extended_next_hop.empty()) words.emplace_back("extended next hop");
  if (!capabilities.roles.empty()) words.emplace_back("role");
  if (capabilities.extended_message) words.emplace_back("extended message");
  if (capabilities.restart) words.emplace_back("graceful restart");
  if (capabilities.long_lived) words.emplace_back("long-lived graceful restart");
  if (!capabilities.add_path.empty()) words.emplace_back("ADD-PATH");
  return words;
}

Tree list_of(const std::vector<std::string>& words) {
  Tree list = Tree::list();
  for (const std::string& word : words)
    list.push(word);
  return list;
}

Tree capabilities_of(const bgp::Open& ours, const bgp::Open& theirs) {
  std::vector<std::string> both;
  std::vector<std::string> only_ours;
  std::vector<std::string> only_theirs = capability_words(theirs.capabilities);
  for (const std::string& word : capability_words(ours.capabilities)) {
    const auto found = std::find(only_theirs.begin(), only_theirs.end(), word);
    (found == only_theirs.end() ? only_ours : both).push_back(word);
    if (found != only_theirs.end()) only_theirs.erase(found);
  }
  Tree tree = Tree::map();
  tree.set("both", list_of(both));
  tree.set("ours", list_of(only_ours));
  tree.set("theirs", list_of(only_theirs));
  return tree;
}

void add_ends(Tree& item, const bgp::PeerStatus& status) {
  if (!status.ends) return;
  const auto spelled = [](const Address& address, std::uint16_t port) {
    return fmt::format(fmt::runtime(address.is_v6() ? "[{}]:{}" : "{}:{}"), to_string(address),
                       port);
  };
  item.set("local", spelled(status.ends->local, status.ends->local_port));
  item.set("remote", spelled(status.ends->remote, status.ends->remote_port));
  if (status.direction) {
    item.set("direction", *status.direction == bgp::Direction::Inbound ? "Inbound" : "Outbound");
  }
}

void add_session(Tree& item, const bgp::PeerStatus& status, TimePoint now) {
  if (status.negotiated) {
    item.set("families", families_of(status.negotiated->families));
    item.set("addPathSend", families_of(status.negotiated->add_path_send));
    item.set("routerId", to_string(status.negotiated->peer_id));
  }
  if (status.open_sent && status.open_received && status.negotiated) {
    item.set("capabilities", capabilities_of(*status.open_sent, *status.open_received));
    Tree timers = Tree::map();
    timers.set("hold", std::uint64_t{status.negotiated->hold_time});
    timers.set("ours", std::uint64_t{status.open_sent->hold_time});
    timers.set("theirs", std::uint64_t{status.open_received->hold_time});
    item.set("timers", std::move(timers));
  }
  Tree messages = Tree::map();
  messages.set("sent", message_counts(status.sent))
      .set("received", message_counts(status.received));
  item.set("messages", std::move(messages));
  Tree notifications = Tree::map();
  const auto add = [&](const char* way, const auto& notification, TimePoint at) {
    if (!notification) return;
    Tree entry = Tree::map();
    entry.set("text", describe(*notification)).set("secondsAgo", seconds_since(at, now));
    notifications.set(way, std::move(entry));
  };
  add("sent", status.last_sent, status.last_sent_at);
  add("received", status.last_received, status.last_received_at);
  item.set("notifications", std::move(notifications));
  Tree errors = Tree::map();
  errors.set("treatedAsWithdraw", status.treated_as_withdraw);
  errors.set("attributesDiscarded", status.attributes_discarded);
  errors.set("last", status.last_malformed);
  item.set("errors", std::move(errors));
}

Tree peer_item(const speaker::PeerSnapshot& peer, const Sources& sources, TimePoint now) {
  const bgp::PeerStatus& status = peer.status;
  Tree item = Tree::map();
  item.set("name", peer.session);
  item.set("neighbor", peer.zone.empty() ? to_string(peer.neighbor)
                                         : to_string(peer.neighbor) + '%' + peer.zone);
  const plan::PeerOutcome* outcome = sources.engine.announcer().peer(peer.peer);
  if (outcome != nullptr && outcome->spec) {
    item.set("remoteAs", to_string(outcome->spec->config.open.remote_as));
    item.set("localAs", to_string(outcome->spec->config.open.local_as));
  }
  item.set("node", sources.engine.view().identity.node);
  item.set("runs", true);
  item.set("state", to_string(status.state));
  item.set("sinceSeconds", seconds_since(status.since, now));
  item.set("establishedAt", status.state == bgp::State::Established ? Tree{peer.since} : Tree{});
  item.set("flaps", status.flaps);
  item.set("md5", peer.signs);
  item.set("caughtUp", status.caught_up);
  item.set("pendingReset", status.pending_reset);
  Tree sent = Tree::map();
  sent.set("v4", peer.sent_v4.paths).set("v6", peer.sent_v6.paths);
  sent.set("total", peer.sent_v4.paths + peer.sent_v6.paths);
  item.set("sent", std::move(sent));
  Tree received = Tree::map();
  received.set("v4", peer.received_v4).set("v6", peer.received_v6);
  received.set("total", peer.received_v4 + peer.received_v6);
  received.set("accepted", peer.accepted_v4 + peer.accepted_v6);
  received.set("ignored", peer.ignored_v4 + peer.ignored_v6);
  item.set("received", std::move(received));
  const std::string error = peer.transport_error.empty() ? status.last_error : peer.transport_error;
  item.set("lastError", error);
  if (!error.empty()) item.set("lastErrorSeconds", seconds_since(status.last_error_at, now));
  add_ends(item, status);
  add_session(item, status, now);
  if (outcome != nullptr) item.set("message", outcome->message).set("fix", outcome->fix);
  return item;
}

Tree told_item(const speaker::ToldRoute& route, const Sources& sources) {
  Tree item = Tree::map();
  item.set("prefix", to_string(route.prefix));
  Tree hops = Tree::list();
  for (const speaker::ToldPath& path : route.paths)
    hops.push(to_string(path.next_hop));
  item.set("nextHops", std::move(hops));
  item.set("paths", std::uint64_t{route.paths.size()});
  if (!route.paths.empty()) {
    const bgp::Attributes& attributes = route.paths.front().attributes;
    item.set("communities", communities_item(attributes.communities));
    item.set("med", attributes.med ? Tree{*attributes.med} : Tree{});
  }
  item.set("services", services_of(route.prefix, sources.engine));
  return item;
}

Tree problems_of(const Sources& sources) {
  Tree list = Tree::list();
  add_object_problems(list, sources.engine);
  for (const Trouble& trouble : sources.troubles())
    add_problem(list, trouble.object, trouble.reason, trouble.message);
  for (const speaker::ListenerStatus& listener : sources.speaker.listeners()) {
    if (!listener.error.empty()) add_problem(list, "BgpConf", "NotListening", listener.error);
  }
  add_waiting_services(list, sources.engine);
  return list;
}

struct PeerCounts {
  std::uint64_t configured = 0, established = 0, sent = 0;
};

PeerCounts count_peers(const Sources& sources) {
  PeerCounts counts;
  for (const speaker::PeerSnapshot& peer : sources.speaker.peers()) {
    ++counts.configured;
    if (peer.status.state == bgp::State::Established) ++counts.established;
    counts.sent += peer.sent_v4.paths + peer.sent_v6.paths;
  }
  return counts;
}

}  // namespace

Tree status_report(const Sources& sources, TimePoint now) {
  const plan::Engine& engine = sources.engine;
  Tree tree = Tree::map();
  tree.set("version", sources.version).set("role", sources.role);
  tree.set("node", engine.view().identity.node);
  tree.set("uptimeSeconds", seconds_since(sources.started, now));
  tree.set("follows", std::uint64_t{engine.view().services.size()});
  const PeerCounts peers = count_peers(sources);
  Tree problems = problems_of(sources);
  tree.set("healthy",
           engine.planned() && problems.items().empty() && peers.established == peers.configured);

  tree.set("addresses", addresses_item(engine));
  tree.set("services", services_item(engine));

  Tree peer_tree = Tree::map();
  peer_tree.set("configured", peers.configured).set("established", peers.established);
  peer_tree.set("prefixesSent", peers.sent);
  tree.set("peers", std::move(peer_tree));

  if (sources.last_change) {
    Tree last = Tree::map();
    last.set("what", sources.last_change->what);
    last.set("secondsAgo", seconds_since(sources.last_change->at, now));
    const std::chrono::duration<double, std::milli> took = sources.last_change->took;
    last.set("milliseconds", Tree::number(fmt::format("{:.1f}", took.count())));
    tree.set("lastChange", std::move(last));
  }
  tree.set("problems", std::move(problems));
  return tree;
}

Result<Tree> peers_report(const Sources& sources, const std::string& peer, TimePoint now) {
  Tree items = Tree::list();
  std::set<std::string> running;
  for (const speaker::PeerSnapshot& snapshot : sources.speaker.peers()) {
    running.insert(snapshot.peer);
    if (is_meant(snapshot, peer)) items.push(peer_item(snapshot, sources, now));
  }
  for (const auto& [name, object] : sources.engine.view().bgp_peers) {
    if (running.contains(name)) continue;
    const bool meant =
        peer.empty() || peer == name || (object.neighbor && to_string(*object.neighbor) == peer);
    if (meant) items.push(idle_item(name, sources.engine));
  }
  if (!peer.empty() && items.items().empty()) return unknown_peer(sources, peer);
  Tree tree = Tree::map();
  tree.set("items", std::move(items));
  return tree;
}

Result<Tree> routes_report(const Sources& sources, const std::string& peer) {
  if (peer.empty()) return planned_routes_report(sources.engine);
  const auto peers = sources.speaker.peers();
  const auto meant =
      std::find_if(peers.begin(), peers.end(), [&](const auto& p) { return is_meant(p, peer); });
  if (meant == peers.end()) return unknown_peer(sources, peer);
  Tree items = Tree::list();
  const auto told = sources.speaker.told(meant->session, kMaxItems, std::nullopt);
  for (const speaker::ToldRoute& route : told)
    items.push(told_item(route, sources));
  Tree tree = Tree::map();
  tree.set("items", std::move(items)).set("truncated", told.size() == kMaxItems);
  return tree;
}

Result<Tree> received_report(const Sources& sources, const std::string& peer,
                             const std::string& prefix) {
  std::optional<Prefix> wanted;
  if (!prefix.empty()) {
    Result<Prefix> parsed = Prefix::parse(prefix);
    if (!parsed) return Failure<>{std::move(parsed.error())};
    wanted = *parsed;
  }
  Tree items = Tree::list();
  bool holds = false;
  bool truncated = false;
  bool known = peer.empty();
  for (const speaker::PeerSnapshot& snapshot : sources.speaker.peers()) {
    if (!is_meant(snapshot, peer)) continue;
    known = true;
    const bgp::AdjRibIn* received = sources.speaker.received(snapshot.session);
    if (received == nullptr) continue;
    holds = holds || (wanted && received->holds(*wanted));
    const auto entries = received->entries(kMaxItems);
    truncated = truncated || entries.size() == kMaxItems;
    for (const auto& entry : entries) {
      if (wanted && entry.nlri.prefix != *wanted) continue;
      Tree item = Tree::map();
      item.set("peer", snapshot.session).set("prefix", to_string(entry.nlri.prefix));
      item.set("pathId", std::uint64_t{entry.nlri.id});
      item.set("nextHop",
               entry.attributes.next_hop ? to_string(*entry.attributes.next_hop) : std::string{});
      item.set("asPath",
               entry.attributes.as_path ? to_string(*entry.attributes.as_path) : std::string{});
      item.set("accepted", entry.accepted).set("stale", entry.stale);
      items.push(std::move(item));
    }
  }
  if (!known) return unknown_peer(sources, peer);
  Tree tree = Tree::map();
  tree.set("items", std::move(items)).set("holds", holds).set("truncated", truncated);
  return tree;
}

}  // namespace porter::local
