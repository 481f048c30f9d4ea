// SPDX-License-Identifier: Apache-2.0
#include "plan/session_plan.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "plan/advertise.hpp"
#include "plan/peer_spec.hpp"
#include "plan/phrase.hpp"

namespace porter::plan {
namespace {

using model::NextHopMode;

constexpr std::string_view kIgnorePolicy = "network.kubesphere.io/ignore-policy";
constexpr std::string_view kRouterId = "network.kubesphere.io/router-id";
constexpr std::size_t kMaxPassword = 80;  // TCP_MD5SIG_MAXKEYLEN

bool is_policy_refused(const model::BgpConf& conf) {
  if (conf.policy.empty()) return false;
  const std::string* ignore = conf.meta.annotation(kIgnorePolicy);
  return ignore == nullptr || *ignore != "true";
}

std::optional<Address> first_v4(const std::vector<Address>& addresses) {
  for (const Address& address : addresses) {
    if (address.is_v4() && !address.is_unspecified()) return address;
  }
  return std::nullopt;
}

// Our own: the node's annotation, its InternalIP, an address we listen on, else a hash of our name.
RouterId own_router_id(const View& view, const SessionGround& ground) {
  if (ground.node != nullptr) {
    if (const std::string* text = ground.node->meta.annotation(kRouterId)) {
      const auto id = Address::parse(*text);
      if (id && id->is_v4() && id->v4_bits() != 0) return {.bits = id->v4_bits()};
    }
    if (const auto ip = first_v4(ground.node->internal_ips)) return {.bits = ip->v4_bits()};
  }
  if (const auto ip = first_v4(ground.conf->listen_addresses)) return {.bits = ip->v4_bits()};
  const std::uint64_t hash = hash_of(view.identity.node);
  const auto bits = static_cast<std::uint32_t>(hash ^ (hash >> 32U));
  return {.bits = bits == 0 ? 1 : bits};
}

// Nodes that run sessions of their own. A peer without a nodeSelector is every speaker's; of
// `porter run` there may be just this one, so it says nothing about others.
std::size_t count_peering_nodes(const View& view) {
  std::set<std::string> nodes{view.identity.node};
  const bool everywhere_means_all = view.identity.default_mode == NextHopMode::Self;
  for (const auto& [peer_name, peer] : view.bgp_peers) {
    if (peer.left_to_cni || (!peer.node_selector && !everywhere_means_all)) continue;
    for (const auto& [name, node] : view.nodes) {
      if (!peer.node_selector || peer.node_selector->matches(node.meta.labels)) nodes.insert(name);
    }
  }
  return nodes.size();
}

void set_identity(const View& view, SessionGround& ground) {
  const model::BgpConf& conf = *ground.conf;
  ground.local_as = conf.as;
  const std::string rack = rack_of(view, &conf);
  if (const auto mapped = conf.as_per_rack.find(rack);
      !rack.empty() && mapped != conf.as_per_rack.end()) {
    if (mapped->second.number > 0) ground.local_as = mapped->second;
  }
  ground.router_id = own_router_id(view, ground);
  if (!conf.router_id || conf.router_id->bits == 0) return;
  ground.router_id_ignored =
      !rack.empty() || (!view.identity.node.empty() && ground.peering_nodes > 1);
  if (!ground.router_id_ignored) ground.router_id = *conf.router_id;
}

bool may_run(const View& view, const model::BgpPeer& peer) {
  return !peer.left_to_cni && !peer.meta.deleting && is_selected(view, peer);
}

std::string neighbor_of(const model::BgpPeer& peer) {
  if (peer.neighbor_prefix) return to_string(*peer.neighbor_prefix);
  if (!peer.neighbor) return "?";
  const std::string zone = peer.neighbor_zone.empty() ? "" : "%" + peer.neighbor_zone;
  return to_string(*peer.neighbor) + zone;
}

PeerOutcome not_run(Reason reason, std::string message, std::string fix = "") {
  return {.reason = reason, .message = std::move(message), .fix = std::move(fix), .spec = {}};
}

PeerOutcome no_conf(const View& view) {
  if (view.bgp_confs.empty()) {
    return not_run(Reason::NoBgpConf, "there is no BgpConf, so there is no local AS",
                   "apply a BgpConf named \"default\" with spec.as");
  }
  std::vector<std::string> names;
  for (const auto& [name, conf] : view.bgp_confs)
    names.push_back(name);
  return not_run(Reason::NoBgpConf,
                 fmt::format("no BgpConf is named \"default\" (found: {})", listed(names)),
                 fmt::format("rename BgpConf {} to \"default\"", names.front()));
}

PeerOutcome policy_refused(const model::BgpConf& conf) {
  return not_run(Reason::PolicyNotSupported,
                 fmt::format("BgpConf {} has policy {}, which may be a filter; no session comes up "
                             "while it is not honoured",
                             conf.meta.name.name, shown(conf.policy)),
                 fmt::format("remove spec.policy, or annotate: kubectl annotate bgpconf {} {}=true",
                             conf.meta.name.name, kIgnorePolicy));
}

// The TCP MD5 key (RFC 2385).
Result<std::string> password_of(const View& view, const model::BgpPeer& peer) {
  if (!peer.auth_secret) return peer.auth_password;
  // Secrets are read where the session is.
  if (view.identity.role == Role::Controller) return std::string{};
  const model::NamespacedName name{.ns = view.identity.secret_namespace,
                                   .name = peer.auth_secret->name};
  const std::string& key = peer.auth_secret->key;
  const auto secret = view.secrets.find(name);
  if (secret == view.secrets.end())
    return fail(Errc::NotFound, fmt::format("there is no Secret {}", to_string(name)));
  const auto value = secret->second.data.find(key);
  if (value == secret->second.data.end()) {
    std::vector<std::string> keys;
    for (const auto& [found, ignored] : secret->second.data)
      keys.push_back(found);
    return fail(Errc::NotFound, fmt::format("Secret {} has no key {} (it has: {})", to_string(name),
                                            shown(key), keys.empty() ? "none" : listed(keys)));
  }
  if (value->second.empty())
    return fail(Errc::Invalid,
                fmt::format("key {} of Secret {} is empty", shown(key), to_string(name)));
  if (value->second.size() > kMaxPassword) {
    return fail(Errc::Invalid,
                fmt::format("key {} of Secret {} has {} octets; TCP MD5 takes at most {}",
                            shown(key), to_string(name), value->second.size(), kMaxPassword));
  }
  return value->second;
}

// Fields that are taken in and do not act in this release: said, and the session runs.
std::string warnings_of(const SessionGround& ground, const model::BgpPeer& peer) {
  std::string text;
  if (peer.port_forward && ground.conf->listen_port == 0)
    text += "; transport.portForward leads nowhere: BgpConf.spec.listenPort is off";
  if (!peer.role.empty() && peer.peer_as == peer.local_as.value_or(ground.local_as))
    text += fmt::format("; {}: role is for eBGP neighbours, and this is iBGP",
                        to_string(Reason::FieldIgnored));
  return text;
}

// What is sent has come to the budget, or was kept back by it.
std::string budget_words(const model::BgpPeer& peer, const SessionSeen& seen) {
  if (!peer.prefix_budget) return "";
  const std::uint32_t max = peer.prefix_budget->max;
  const std::uint64_t refused = seen.refused_v4 + seen.refused_v6;
  if (refused > 0) {
    return fmt::format("; {}: {} of {} are kept back, since prefixBudget.max is {}",
                       to_string(Reason::PrefixBudget), refused,
                       count_of(refused + seen.sent_v4 + seen.sent_v6, "prefix"), max);
  }
  const std::uint64_t most = std::max(seen.paths_v4, seen.paths_v6);
  if (most <= max) return "";
  return fmt::format("; {}: {} routes of one family are sent, more than prefixBudget.max {}",
                     to_string(Reason::PrefixBudget), most, max);
}

void describe_session(const View& view, const SessionGround& ground, const model::BgpPeer& peer,
                      Asn local_as, PeerOutcome& outcome) {
  const auto session = view.sessions.find(peer.meta.name.name);
  const bool is_seen = session != view.sessions.end();
  if (is_seen && session->second.state == bgp::State::Established) {
    outcome.reason = Reason::Established;
    outcome.message =
        fmt::format("Established with {}, AS {}", neighbor_of(peer), to_string(peer.peer_as));
    outcome.message += budget_words(peer, session->second);
  } else {
    const bgp::State state = is_seen ? session->second.state : bgp::State::Idle;
    outcome.reason = Reason::NotEstablished;
    outcome.message = fmt::format("{} towards {}, AS {}", bgp::to_string(state), neighbor_of(peer),
                                  to_string(peer.peer_as));
    if (is_seen && !session->second.why.empty()) outcome.message += ": " + session->second.why;
    outcome.fix = fmt::format(
        "check the link to {} and its side of the session (our AS {}), or \"porter peers {}\"",
        neighbor_of(peer), to_string(local_as), neighbor_of(peer));
  }
  outcome.message += warnings_of(ground, peer);
}

}  // namespace

SessionKey session_key(const model::BgpPeer& peer) {
  if (peer.neighbor_prefix) return {std::nullopt, "", 0, peer.neighbor_prefix};
  return {peer.neighbor, peer.neighbor_zone, peer.remote_port, std::nullopt};
}

// The controller speaks of all nodes: any that is selected will do.
bool is_selected(const View& view, const model::BgpPeer& peer) {
  if (!peer.node_selector) return true;
  if (view.identity.role == Role::Controller) {
    return std::any_of(view.nodes.begin(), view.nodes.end(), [&](const auto& node) {
      return peer.node_selector->matches(node.second.meta.labels);
    });
  }
  const auto node = view.nodes.find(view.identity.node);
  return node != view.nodes.end() && peer.node_selector->matches(node->second.meta.labels);
}

NextHopMode mode_of(const View& view, const model::BgpConf* conf, const model::BgpPeer& peer) {
  // Each node's session tells that node's next hop: together they tell all.
  if (view.identity.role == Role::Controller) return NextHopMode::Nodes;
  return mode_asked_for(view, conf, peer);
}

NextHopMode mode_asked_for(const View& view, const model::BgpConf* conf,
                           const model::BgpPeer& peer) {
  if (peer.next_hop_mode) return *peer.next_hop_mode;
  if (conf != nullptr && conf->next_hop_mode) return *conf->next_hop_mode;
  const bool is_classic = model::is_from_v1alpha1(peer.meta) ||
                          (conf != nullptr && model::is_from_v1alpha1(conf->meta));
  return is_classic ? NextHopMode::Nodes : view.identity.default_mode;
}

Modes modes_of(const View& view) {
  Modes modes;
  const model::BgpConf* conf = effective_conf(view);
  for (const auto& [name, peer] : view.bgp_peers) {
    if (!may_run(view, peer)) continue;
    (mode_of(view, conf, peer) == NextHopMode::Self ? modes.self : modes.nodes) = true;
    modes.v6_for_v4 = modes.v6_for_v4 || peer.extended_next_hop;
  }
  if (modes.self || modes.nodes) return modes;
  const NextHopMode mode = mode_of(view, conf, {});
  return {.self = mode == NextHopMode::Self, .nodes = mode == NextHopMode::Nodes};
}

SessionGround session_ground(const View& view) {
  SessionGround ground;
  ground.conf = effective_conf(view);
  if (const auto node = view.nodes.find(view.identity.node); node != view.nodes.end())
    ground.node = &node->second;
  ground.peering_nodes = count_peering_nodes(view);
  ground.named = named_peers(view);
  if (ground.conf != nullptr) set_identity(view, ground);

  for (const auto& [name, peer] : view.bgp_peers) {
    if (!may_run(view, peer)) continue;
    const auto [owner, is_first] = ground.owner.emplace(session_key(peer), name);
    if (!is_first && model::is_older(peer.meta, view.bgp_peers.at(owner->second).meta))
      owner->second = name;
  }
  return ground;
}

PeerOutcome plan_peer(const View& view, const SessionGround& ground, const model::BgpPeer& peer) {
  if (peer.left_to_cni)
    return not_run(Reason::LeftToCni, "its cni label leaves this peer to the CNI");
  if (peer.meta.deleting) return not_run(Reason::Deleting, "the object is being deleted");
  if (peer.node_selector && !is_selected(view, peer)) {
    const std::string& node = view.identity.node;
    return not_run(Reason::NotThisNode,
                   node.empty() ? "it has a nodeSelector, and porter was started without --node"
                                : fmt::format("nodeSelector {} does not match node {}",
                                              model::to_string(*peer.node_selector), node));
  }
  if (ground.conf == nullptr) return no_conf(view);
  if (is_policy_refused(*ground.conf)) return policy_refused(*ground.conf);
  const auto owner = ground.owner.find(session_key(peer));
  if (owner != ground.owner.end() && owner->second != peer.meta.name.name) {
    return not_run(
        Reason::DuplicateNeighbor,
        fmt::format("{} is also the neighbour of BgpPeer {}, which is older and has it",
                    neighbor_of(peer), owner->second),
        fmt::format("delete one of the two, or give them nodeSelectors without a node in common"));
  }
  Result<std::string> password = password_of(view, peer);
  if (const auto& secret = peer.auth_secret; secret && !password) {
    const std::string fix =
        fmt::format("create Secret {}/{} with the key {}", view.identity.secret_namespace,
                    secret->name, shown(secret->key));
    return not_run(Reason::SecretMissing, password.error().message, fix);
  }
  PeerOutcome outcome;
  const PeerSpec& spec = outcome.spec.emplace(peer_spec(view, ground, peer, std::move(*password)));
  if (peer.admin_down) {
    outcome.reason = Reason::AdminDown;
    outcome.message = "conf.adminDown keeps the session down" + warnings_of(ground, peer);
    return outcome;
  }
  describe_session(view, ground, peer, spec.config.open.local_as, outcome);
  return outcome;
}

PeerOutcome plan_conf(const View& view, const SessionGround& ground, const std::string& name) {
  const auto known = view.bgp_confs.find(name);
  if (known == view.bgp_confs.end())
    return not_run(Reason::NoBgpConf, fmt::format("there is no BgpConf {}", name));
  const model::BgpConf& conf = known->second;
  if (ground.conf != &conf) {
    if (ground.conf != nullptr) {
      return not_run(
          Reason::NotDefault,
          fmt::format("BgpConf {} counts, this one does not", ground.conf->meta.name.name),
          "keep one BgpConf, named \"default\"");
    }
    return not_run(Reason::NotDefault,
                   model::is_from_v1alpha1(conf.meta)
                       ? "several BgpConfs were written as v1alpha1 and none is named \"default\", "
                         "so none counts"
                       : "only the BgpConf named \"default\" counts",
                   "name the one that is to count \"default\"");
  }
  if (is_policy_refused(conf)) return policy_refused(conf);
  std::string message =
      fmt::format("AS {}, router id {}", to_string(ground.local_as), to_string(ground.router_id));
  if (name != "default")
    message += "; counts as the default: the only BgpConf, written as v1alpha1";
  if (!ground.router_id_ignored || !conf.router_id)
    return not_run(Reason::Ready, std::move(message));
  return not_run(
      Reason::RouterIdIgnored,
      fmt::format("{}; spec.routerId {} is not used: {}", message, to_string(*conf.router_id),
                  ground.peering_nodes > 1
                      ? fmt::format("{} nodes peer, and each needs its own", ground.peering_nodes)
                      : "with asPerRack each node uses its own"),
      fmt::format("remove spec.routerId, or set annotation {} on the nodes", kRouterId));
}

std::optional<ListenSpec> plan_listen(const SessionGround& ground, bool any_session) {
  if (ground.conf == nullptr || !any_session || ground.conf->listen_port == 0) return std::nullopt;
  return ListenSpec{.port = ground.conf->listen_port, .addresses = ground.conf->listen_addresses};
}

}  // namespace porter::plan
