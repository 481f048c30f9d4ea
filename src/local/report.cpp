// SPDX-License-Identifier: Apache-2.0
#include "local/report.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

namespace porter::local {
namespace {

using plan::Reason;
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

std::string community(std::uint32_t value) {
  return fmt::format("{}:{}", value >> 16U, value & 0xFFFFU);
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
  if (capabilities.extended_message) words.emplace_back("extended message");
  if (capabilities.restart) words.emplace_back("graceful restart");
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

// A BgpPeer that does not run here, and why.
Tree idle_item(const std::string& name, const Sources& sources) {
  const model::BgpPeer& peer = sources.engine.view().bgp_peers.at(name);
  const plan::PeerOutcome* outcome = sources.engine.announcer().peer(name);
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

Tree path_communities(const std::vector<std::uint32_t>& communities) {
  Tree list = Tree::list();
  for (const std::uint32_t value : communities)
    list.push(community(value));
  return list;
}

Tree services_of(const Prefix& prefix, const Sources& sources) {
  Tree list = Tree::list();
  if (!prefix.is_host()) return list;  // an aggregate is of many
  for (const auto& service : sources.engine.assigner().holders(prefix.address())) {
    const auto known = sources.engine.view().services.find(service);
    const bool local = known != sources.engine.view().services.end() &&
                       known->second.traffic_policy == model::TrafficPolicy::Local;
    list.push(to_string(service) + (local ? " (Local)" : ""));
  }
  return list;
}

Tree route_item(const plan::Route& route, const Sources& sources) {
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
  item.set("communities", path_communities(attributes.communities));
  item.set("med", attributes.med ? Tree{*attributes.med} : Tree{});
  item.set("services", services_of(route.prefix, sources));
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
    item.set("communities", path_communities(attributes.communities));
    item.set("med", attributes.med ? Tree{*attributes.med} : Tree{});
  }
  item.set("services", services_of(route.prefix, sources));
  return item;
}

struct ServiceCounts {
  std::uint64_t ours = 0, announced = 0, waiting = 0, not_announced = 0;
};

ServiceCounts count_services(const plan::Engine& engine) {
  ServiceCounts counts;
  for (const auto& [name, service] : engine.view().services) {
    const plan::Assignment* assignment = engine.assigner().of(name);
    if (assignment == nullptr || !assignment->ours) continue;
    ++counts.ours;
    if (assignment->addresses.empty()) {
      ++counts.waiting;
      continue;
    }
    const auto& routes = engine.announcer().routes();
    const bool announced =
        std::any_of(assignment->addresses.begin(), assignment->addresses.end(),
                    [&](const auto& item) { return routes.contains(Prefix::host(item.address)); });
    ++(announced ? counts.announced : counts.not_announced);
  }
  return counts;
}

void add_problem(Tree& list, const std::string& object, std::string_view reason,
                 const std::string& message) {
  if (list.items().size() >= 20)
    return;  // status is ten lines; the rest is in metrics and in explain
  Tree item = Tree::map();
  item.set("object", object).set("reason", reason).set("message", message);
  list.push(std::move(item));
}

Tree problems_of(const Sources& sources) {
  Tree list = Tree::list();
  const plan::Engine& engine = sources.engine;
  for (const auto& [key, problems] : engine.view().problems) {
    for (const model::Problem& problem : problems.list) {
      if (problem.severity != model::Problem::Severity::Error) continue;
      const std::string where = problem.line > 0
                                    ? fmt::format("{}:{}: ", problems.where, problem.line)
                                    : problems.where + ": ";
      const std::string field = problem.field.empty() ? "" : problem.field + ": ";
      add_problem(list, to_string(key), problem.reason, where + field + problem.message);
    }
  }
  for (const auto& [key, problem] : engine.view().refused)
    add_problem(list, to_string(key), problem.reason, problem.message);
  for (const Trouble& trouble : sources.troubles())
    add_problem(list, trouble.object, trouble.reason, trouble.message);
  for (const speaker::ListenerStatus& listener : sources.speaker.listeners()) {
    if (!listener.error.empty()) add_problem(list, "BgpConf", "NotListening", listener.error);
  }
  for (const auto& [name, service] : engine.view().services) {
    const plan::Assignment* assignment = engine.assigner().of(name);
    if (assignment != nullptr && assignment->ours && assignment->addresses.empty()) {
      add_problem(list, "Service " + to_string(name), to_string(assignment->reason),
                  assignment->message);
    }
  }
  return list;
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
  tree.set("addresses", std::move(addresses));

  const ServiceCounts counts = count_services(engine);
  Tree services = Tree::map();
  services.set("ours", counts.ours).set("announced", counts.announced);
  services.set("waiting", counts.waiting).set("notAnnounced", counts.not_announced);
  tree.set("services", std::move(services));

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
    if (meant) items.push(idle_item(name, sources));
  }
  if (!peer.empty() && items.items().empty()) return unknown_peer(sources, peer);
  Tree tree = Tree::map();
  tree.set("items", std::move(items));
  return tree;
}

Result<Tree> routes_report(const Sources& sources, const std::string& peer) {
  Tree items = Tree::list();
  Tree tree = Tree::map();
  bool truncated = false;
  if (peer.empty()) {
    for (const auto& [prefix, route] : sources.engine.announcer().routes()) {
      truncated = items.items().size() >= kMaxItems;
      if (truncated) break;
      items.push(route_item(route, sources));
    }
  } else {
    const auto peers = sources.speaker.peers();
    const auto meant =
        std::find_if(peers.begin(), peers.end(), [&](const auto& p) { return is_meant(p, peer); });
    if (meant == peers.end()) return unknown_peer(sources, peer);
    const auto told = sources.speaker.told(meant->session, kMaxItems, std::nullopt);
    truncated = told.size() == kMaxItems;
    for (const speaker::ToldRoute& route : told)
      items.push(told_item(route, sources));
  }
  tree.set("items", std::move(items)).set("truncated", truncated);
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

Tree pools_report(const Sources& sources) {
  Tree items = Tree::list();
  const ipam::Allocator& allocator = sources.engine.assigner().allocator();
  for (const auto& [name, eip] : sources.engine.view().eips) {
    const ipam::Pool* pool = allocator.pool(name);
    if (pool == nullptr) continue;
    items.push(pool_item(eip, *pool, allocator.used(name)));
  }
  Tree tree = Tree::map();
  tree.set("items", std::move(items));
  return tree;
}

}  // namespace porter::local
