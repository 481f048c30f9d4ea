// SPDX-License-Identifier: Apache-2.0
#include "plan/announcement.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "plan/phrase.hpp"

namespace porter::plan {
namespace {

using Use = NodeStanding::Use;

bool is_layer2(const View& view, const std::string& eip) {
  const auto pool = view.eips.find(eip);
  return pool != view.eips.end() && pool->second.protocol == model::Protocol::Layer2;
}

// Builds one Announcement: each rule either gives the reason or leaves it to the next.
class Diagnosis {
 public:
  Diagnosis(const AnnounceGround& ground, const model::NamespacedName& service,
            const Assignment::Item& item)
      : ground_{ground}, service_{service}, item_{item}, family_{item.address.family()} {
    result_.address = item.address;
  }

  Announcement run() {
    look_at_endpoints();
    const Claim claim = claim_of(ground_.view, ground_.assigner, item_.address);
    is_everywhere_ = claim.reach.everywhere;
    look_at_advertisements(claim);
    Reach reach = claim.reach;
    if (!left_out_.empty()) {
      reach = {};
      for (const auto& [name, standing] : ground_.standings) {
        if (claim.reach.covers(name) && !left_out_.contains(name)) reach.nodes.insert(name);
      }
    }
    const Carriers carrying = carriers(ground_.standings, family_, reach);
    result_.next_hops = next_hops_of(carrying);
    look_at_nodes(claim.reach, carrying);
    if (!is_held() && !lacks_endpoints() && !is_unselected() && !lacks_nodes(claim))
      judge_peers(carrying);
    for (const std::string& note : result_.notes)
      result_.message += "; " + note;
    return std::move(result_);
  }

 private:
  void say(Reason reason, std::string message, std::string fix = "") {
    result_.reason = reason;
    result_.message = std::move(message);
    result_.fix = std::move(fix);
  }

  void look_at_endpoints() {
    endpoints_ = endpoints_of(ground_.view, service_, family_);
    result_.ready_endpoints = endpoints_.ready;
    result_.serving_endpoints = endpoints_.serving;
    result_.endpoint_nodes = endpoints_.ready_on;
  }

  void look_at_advertisements(const Claim& claim) {
    const AdvertiseGround ground =
        advertise_ground(ground_.view, ground_.standings, ground_.ids, ground_.held);
    AdvertiseWords words = advertise_words(ground, claim, item_.address, service_);
    is_selected_ = words.is_selected || claim.holders.empty();
    left_out_ = std::move(words.nodes_left_out);
    result_.advertisements = std::move(words.advertisements);
    result_.attributes = std::move(words.attributes);
    result_.notes = std::move(words.notes);
    result_.notes_fix = std::move(words.fix);
    for (const Outlet& outlet : words.outlets) {
      const auto route = ground_.routes.find(outlet.prefix);
      result_.routes.push_back(route == ground_.routes.end()
                                   ? Route{.prefix = outlet.prefix, .paths = {}}
                                   : route->second);
    }
    // The host route is what it is asked about first.
    std::ranges::reverse(result_.routes);
  }

  [[nodiscard]] std::size_t next_hops_of(const Carriers& carrying) const {
    std::set<Address> hops;
    for (const auto* node : carrying.nodes) {
      const std::optional<Address>& hop = node->second.next_hop(family_).address;
      if (hop) hops.insert(*hop);
    }
    return hops.size();
  }

  // BgpConf.spec.advertise is Selected, and nothing selects it.
  bool is_unselected() {
    if (is_selected_) return false;
    std::string message = "BgpConf spec.advertise is Selected, and ";
    message += ground_.view.bgp_advertisements.empty()
                   ? "there is no BgpAdvertisement"
                   : fmt::format("no BgpAdvertisement selects {}", to_string(item_.address));
    say(Reason::NoMatchingAdvertisement, std::move(message),
        fmt::format("let a BgpAdvertisement select it (eips: [{}]), or set spec.advertise: All on "
                    "the BgpConf",
                    item_.eip));
    return true;
  }

  void look_at_nodes(const Reach& reach, const Carriers& carrying) {
    auto next = carrying.nodes.begin();  // both are in order of name
    for (const auto& [name, standing] : ground_.standings) {
      NodeVerdict verdict{.node = name,
                          .reason = standing.reason,
                          .detail = standing.detail,
                          .since = standing.since,
                          .next_hop = {}};
      const NextHop& next_hop = standing.next_hop(family_);
      if (next != carrying.nodes.end() && (*next)->first == name) {
        ++next;
        verdict.next_hop = next_hop.address;
        if (standing.use == Use::LastSilent) verdict.reason = Reason::FailOpen;
      } else if (standing.use == Use::Carries && !next_hop.address) {
        verdict.reason = Reason::NoNextHopAddress;
        verdict.detail = next_hop.missing;
      } else if (standing.use == Use::Carries && left_out_.contains(name)) {
        verdict.reason = Reason::NotSelected;
        verdict.detail =
            fmt::format("nodeSelector of BgpAdvertisement {}", listed(result_.advertisements));
      } else if (standing.use == Use::Carries && !reach.covers(name) && !reach.is_empty()) {
        verdict.reason = Reason::NoLocalEndpoint;
        verdict.detail = "externalTrafficPolicy Local";
      }
      result_.nodes.push_back(std::move(verdict));
    }
  }

  // True: the address is not to be announced at all.
  bool is_held() {
    if (!item_.recorded) {
      say(Reason::NotRecorded, "chosen, its record is not written yet",
          "if this lasts, the state folder cannot be written: see the log");
      return true;
    }
    if (is_layer2(ground_.view, item_.eip)) {
      say(Reason::ProtocolUnavailable,
          fmt::format("Eip {} has protocol layer2; this release announces by BGP only", item_.eip),
          fmt::format("set spec.protocol: bgp on Eip {}, or use a pool that has it", item_.eip));
      return true;
    }
    return false;
  }

  bool lacks_endpoints() {
    if (endpoints_.ready > 0 || endpoints_.serving > 0) return false;
    const std::string name = model::to_string(service_);
    if (!endpoints_.any_slice) {
      say(Reason::NoReadyEndpoints,
          fmt::format("there is no {} EndpointSlice of Service {}", to_string(family_), name),
          fmt::format("check that Pods match the selector of Service {} (kubectl -n {} get "
                      "endpointslices -l "
                      "kubernetes.io/service-name={})",
                      name, service_.ns, service_.name));
    } else {
      say(Reason::NoReadyEndpoints,
          fmt::format("no {} endpoint of Service {} is ready", to_string(family_), name),
          fmt::format("see why its Pods are not ready: kubectl -n {} get pods", service_.ns));
    }
    if (std::ranges::any_of(result_.routes, [](const Route& each) { return !each.paths.empty(); }))
      result_.message += "; the address is announced for a Service it is shared with";
    return true;
  }

  // Every node, or, under Local, every node with an endpoint, is out.
  bool lacks_nodes(const Claim& claim) {
    if (result_.next_hops > 0) return false;
    const auto& nodes = result_.nodes;
    if (nodes.empty()) {
      say(Reason::NoCandidateNode, "there is no Node object, so there is no next hop",
          "add the Nodes with their InternalIPs to the manifests");
      return true;
    }
    const bool all_excluded = std::ranges::all_of(
        nodes, [](const NodeVerdict& node) { return node.reason == Reason::Excluded; });
    if (all_excluded) {
      say(Reason::NoCandidateNode,
          fmt::format("label {} is on every node ({})", kExcludeLabel, node_names()),
          fmt::format("remove the label from the nodes that are to carry traffic (kubectl label "
                      "node {} {}-), or start "
                      "porter with --ignore-exclude-label",
                      nodes.front().node, kExcludeLabel));
      return true;
    }
    std::vector<std::string> words;
    for (const NodeVerdict& node : nodes) {
      if (claim.reach.covers(node.node))
        words.push_back(fmt::format("{}: {}", node.node, words_of(node, 0)));
    }
    const std::set<std::string> unknown = endpoint_nodes_unknown(claim);
    for (const std::string& node : unknown)
      words.push_back(node + ": no such Node object");
    if (words.empty()) {
      say(Reason::NoCandidateNode,
          "externalTrafficPolicy is Local, and no endpoint says on which node it is",
          "let the endpoints name their nodes (nodeName), or set externalTrafficPolicy: Cluster");
      return true;
    }
    say(Reason::NoCandidateNode, fmt::format("no node can be a next hop: {}", listed(words)),
        node_fix(claim));
    return true;
  }

  [[nodiscard]] std::set<std::string> endpoint_nodes_unknown(const Claim& claim) const {
    std::set<std::string> unknown;
    for (const std::string& node : claim.reach.nodes) {
      if (!ground_.standings.contains(node)) unknown.insert(node);
    }
    return unknown;
  }

  [[nodiscard]] std::string node_names() const {
    std::vector<std::string> names;
    for (const NodeVerdict& node : result_.nodes)
      names.push_back(node.node);
    return listed(names);
  }

  // For the first node that could carry it.
  [[nodiscard]] std::string node_fix(const Claim& claim) const {
    for (const NodeVerdict& node : result_.nodes) {
      if (!claim.reach.covers(node.node)) continue;
      switch (node.reason) {
        case Reason::Excluded:
          return fmt::format(
              "remove the label (kubectl label node {} {}-), or start porter with "
              "--ignore-exclude-label",
              node.node, kExcludeLabel);
        case Reason::NoNextHopAddress:
          return fmt::format("give node {} an {} InternalIP or annotation {}", node.node,
                             to_string(family_), kNextHopAnnotation);
        case Reason::NotSelected:
          return fmt::format(
              "label node {} as the BgpAdvertisement's nodeSelector wants it, or "
              "change that",
              node.node);
        case Reason::OtherRack:
          return "label nodes of our rack, or take asPerRack out of the BgpConf";
        default:
          return fmt::format(
              "see what ails {} (kubectl describe node {}){}", node.node, node.node,
              claim.reach.everywhere ? "" : ", or set externalTrafficPolicy: Cluster");
      }
    }
    return std::string{fix(Reason::NoCandidateNode)};
  }

  void judge_peers(const Carriers& carrying) {
    if (effective_conf(ground_.view) == nullptr) {
      return say(Reason::NoBgpConf, "there is no BgpConf that counts, so no session runs",
                 "apply a BgpConf named \"default\" with spec.as");
    }
    told_ = told_of(ground_.view, ground_.peers, result_);
    if (told_.empty()) return no_peer();
    const bool any_up =
        std::ranges::any_of(told_, [](const Told& told) { return told.is_established; });
    const bool any_family = std::ranges::any_of(
        told_, [](const Told& told) { return told.is_established && told.has_family; });
    const bool any_told = std::ranges::any_of(
        told_, [](const Told& told) { return told.is_established && !told.next_hops.empty(); });
    if (!any_up) return no_established_peer();
    if (!any_family) {
      return say(Reason::NoEstablishedPeer,
                 fmt::format("no Established peer carries {}", to_string(family_)),
                 fmt::format("add the family to spec.afiSafis of a BgpPeer and to the router's "
                             "side of the session"));
    }
    if (!any_told) return nothing_told();
    judge_announced(carrying);
  }

  void no_peer() {
    if (ground_.peers.empty()) {
      return say(Reason::NoPeer, "there is no BgpPeer",
                 "apply a BgpPeer with conf.neighborAddress and conf.peerAs");
    }
    std::vector<std::string> words;
    for (const auto& [name, outcome] : ground_.peers)
      words.push_back(fmt::format("{}: {}: {}", name, to_string(outcome.reason), outcome.message));
    const std::string& fix_of_first = ground_.peers.begin()->second.fix;
    say(Reason::NoPeer, fmt::format("no BgpPeer runs here: {}", listed(words, 4)),
        fix_of_first.empty() ? std::string{fix(Reason::NoPeer)} : fix_of_first);
  }

  void no_established_peer() {
    std::vector<std::string> names;
    for (const Told& told : told_)
      names.push_back(told.peer);
    say(Reason::NoEstablishedPeer, fmt::format("no session is Established: {}", listed(names)),
        ground_.peers.at(told_.front().peer).fix);
  }

  void nothing_told() {
    const auto is_up = [](const Told& told) { return told.is_established && told.has_family; };
    const auto kept_back = std::ranges::find_if(
        told_, [&](const Told& told) { return is_up(told) && told.is_refused; });
    if (kept_back != told_.end()) return over_budget(*kept_back);
    const auto up = std::ranges::find_if(
        told_, [&](const Told& told) { return is_up(told) && told.is_selected; });
    if (up == told_.end()) return no_selected_peer();
    if (up->self) {
      const std::string& node = ground_.view.identity.node;
      return say(
          Reason::NoCandidateNode,
          node.empty()
              ? "in nextHopMode Self a node announces itself only, and porter was started without "
                "--node"
              : fmt::format(
                    "in nextHopMode Self a node announces itself only, and {} is no next hop",
                    node),
          node.empty() ? "start porter with --node, or set nextHopMode: Nodes" : "");
    }
    if (!up->v6_for_v4 && has_only_foreign_next_hops(result_)) {
      return say(
          Reason::NextHopNotShared,
          fmt::format("the next hops are IPv6 addresses, and BgpPeer {} does not take those "
                      "for IPv4 (RFC 8950)",
                      up->peer),
          fmt::format("give the nodes IPv4 addresses, or set spec.extendedNextHop on BgpPeer "
                      "{} and its like on the neighbour",
                      up->peer));
    }
    const std::optional<Prefix>& subnet = up->shared;
    const std::string shared = subnet ? to_string(*subnet) : "none of ours";
    say(Reason::NextHopNotShared,
        fmt::format("{} next hops lie outside the subnet shared with BgpPeer {} ({}), which is one "
                    "hop away (RFC 4271 5.1.3)",
                    result_.next_hops, up->peer, shared),
        fmt::format("set annotation {} on the nodes to addresses in that subnet, or "
                    "spec.ebgpMultihop.enabled: true on BgpPeer {}",
                    kNextHopAnnotation, up->peer));
  }

  void over_budget(const Told& told) {
    say(Reason::PrefixBudget,
        fmt::format("the prefixBudget of BgpPeer {} is spent, and what was announced earlier stays",
                    told.peer),
        fmt::format("raise spec.prefixBudget.max on BgpPeer {}, or announce aggregates",
                    told.peer));
  }

  void no_selected_peer() {
    std::vector<std::string> names;
    for (const Told& told : told_)
      names.push_back(told.peer);
    say(Reason::NoMatchingAdvertisement,
        fmt::format("BgpConf spec.advertise is Selected, and no BgpAdvertisement selects {} "
                    "towards {}",
                    to_string(item_.address), listed(names)),
        "add the peer to spec.peers of a BgpAdvertisement that selects the address");
  }

  void judge_announced(const Carriers& carrying) {
    std::string via = carrier_words(carrying);
    if (result_.routes.front().prefix != Prefix::host(item_.address))
      via += fmt::format(", as {}", to_string(result_.routes.front().prefix));
    const bool open = std::ranges::any_of(result_.nodes, [](const NodeVerdict& node) {
      return node.next_hop && node.reason == Reason::FailOpen;
    });
    if (open) {
      return say(Reason::FailOpen,
                 via +
                     "; nodes whose kubelet is silent are kept: too many fell silent, or there is "
                     "no other",
                 "check that the kubelets reach the API server");
    }
    const bool draining =
        std::ranges::all_of(carrying.nodes, [](const auto* node) { return node->second.marked; });
    if (draining) {
      return say(Reason::NodesDraining,
                 via + ", all of which are being drained: kept, and marked with GRACEFUL_SHUTDOWN",
                 "let another node carry it before these go");
    }
    std::vector<std::string> single;
    for (const Told& told : told_) {
      if (told.is_established && !told.add_path && told.eligible > 1) single.push_back(told.peer);
    }
    if (!single.empty()) {
      return say(Reason::AddPathNotReceived,
                 fmt::format("{}; BgpPeer {} cannot receive ADD-PATH and is told one next hop only",
                             via, listed(single)),
                 fmt::format("let the router receive additional paths (RFC 7911) from us, or let "
                             "every node peer (nextHopMode: Self)"));
    }
    say(Reason::Announced, via);
  }

  // The controller writes it into the status: a node that comes or goes is not to be a write to
  // every Service of the cluster.
  [[nodiscard]] std::string carrier_words(const Carriers& carrying) const {
    if (ground_.view.identity.role == Role::Controller && is_everywhere_)
      return "via every node that can carry it";
    std::vector<std::string> names;
    for (const auto* node : carrying.nodes)
      names.push_back(node->first);
    return fmt::format("via {}: {}", count_of(result_.next_hops, "next hop"), listed(names));
  }

  const AnnounceGround& ground_;
  const model::NamespacedName& service_;
  const Assignment::Item& item_;
  Family family_;
  Endpoints endpoints_;
  bool is_selected_ = true;
  bool is_everywhere_ = false;      // externalTrafficPolicy Cluster
  std::set<std::string> left_out_;  // nodes, by nodeSelector
  std::vector<Told> told_;
  Announcement result_;
};

}  // namespace

std::string words_of(const NodeVerdict& verdict, std::int64_t unix_now) {
  std::string text{to_string(verdict.reason)};
  if (unix_now > 0 && verdict.since > 0) text += " " + since_words(verdict.since, unix_now);
  if (!verdict.detail.empty()) text += fmt::format(" ({})", verdict.detail);
  return text;
}

bool is_announced(Reason reason) {
  return reason == Reason::Announced || reason == Reason::AddPathNotReceived ||
         reason == Reason::FailOpen || reason == Reason::NodesDraining;
}

bool has_only_foreign_next_hops(const Announcement& announcement) {
  return std::ranges::all_of(announcement.routes, [&](const Route& route) {
    return std::ranges::all_of(route.paths, [&](const bgp::Path& path) {
      return path.next_hop.family() != announcement.address.family();
    });
  });
}

std::vector<Told> told_of(const View& view, const PeerOutcomes& peers,
                          const Announcement& announcement) {
  if (announcement.routes.empty())
    return told_to_peers(view, peers, Prefix::host(announcement.address), {});
  std::vector<Told> all;
  for (const Route& route : announcement.routes) {
    std::vector<Told> more = told_to_peers(view, peers, route.prefix, route.paths);
    if (all.empty()) {
      all = std::move(more);
      continue;
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      const bool says_more =
          all[i].next_hops.empty() &&
          (!more[i].next_hops.empty() || (more[i].is_selected && !all[i].is_selected));
      if (says_more) all[i] = std::move(more[i]);
    }
  }
  return all;
}

Announcement announcement_of(const AnnounceGround& ground, const model::NamespacedName& service,
                             const Assignment::Item& item) {
  return Diagnosis{ground, service, item}.run();
}

}  // namespace porter::plan
