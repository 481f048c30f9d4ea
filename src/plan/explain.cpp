// SPDX-License-Identifier: Apache-2.0
#include "plan/explain.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "model/names.hpp"
#include "model/request.hpp"
#include "model/time_text.hpp"
#include "plan/explain_peers.hpp"
#include "plan/phrase.hpp"

namespace porter::plan {
namespace {

using Verdict = Explanation::Verdict;
using Link = Explanation::Link;

std::string all_names(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

Explanation unknown_service(const View& view, const model::NamespacedName& service) {
  Explanation result;
  result.service = service;
  const std::string wanted = model::to_string(service);
  result.headline = fmt::format("There is no Service {}.", wanted);
  std::vector<std::string> near;
  std::vector<std::string> names;
  for (const auto& [name, object] : view.services) {
    names.push_back(model::to_string(name));
    if (name.name == service.name) near.push_back(names.back());
  }
  const std::vector<std::string_view> candidates{names.begin(), names.end()};
  const std::string nearest{model::nearest(wanted, candidates)};
  if (!nearest.empty() && std::ranges::find(near, nearest) == near.end()) near.push_back(nearest);
  if (!near.empty()) {
    result.fix =
        fmt::format("did you mean {}?", near.size() == 1 ? near.front() : "one of " + listed(near));
  } else {
    result.fix = names.empty() ? "apply one; there is no Service at all yet"
                               : "write it as NAMESPACE/NAME; there are " + listed(names, 5);
  }
  return result;
}

// How it became ours.
std::string claim_words(const View& view, const model::Service& service) {
  const std::string text = "type LoadBalancer";
  if (service.load_balancer_class) return text + ", class " + *service.load_balancer_class;
  if (const auto opt_in = model::opt_in_of(service.meta))
    return "annotation lb.kubesphere.io/v1alpha1: " + *opt_in;
  return text + (view.identity.claim_unclassed ? ", no class (--claim-unclassed)"
                                               : ", holds an address of ours");
}

class Explainer {
 public:
  Explainer(const View& view, const Assigner& assigner, const Announcer& announcer,
            const model::NamespacedName& name, std::int64_t unix_now)
      : view_{view},
        announcer_{announcer},
        service_{view.services.at(name)},
        assignment_{assigner.of(name)},
        unix_now_{unix_now} {
    result_.service = name;
    result_.is_known = true;
  }

  Explanation run() {
    const std::string name = model::to_string(result_.service);
    if (assignment_ == nullptr || !assignment_->ours) {
      not_ours(name);
    } else {
      add(Verdict::Ok, "ours", claim_words(view_, service_));
      if (!assignment_->wants.empty()) add(Verdict::Ok, "wants", assignment_->wants);
      if (assignment_->addresses.empty()) {
        no_address(name);
      } else {
        with_addresses(name);
      }
    }
    conclude();
    return std::move(result_);
  }

 private:
  void add(Verdict verdict, std::string name, std::string text, std::string fix_text = "") {
    result_.links.push_back({.verdict = verdict,
                             .name = std::move(name),
                             .text = std::move(text),
                             .fix = std::move(fix_text)});
  }

  void not_ours(const std::string& name) {
    const Reason reason =
        assignment_ == nullptr ? ownership(view_, service_, false) : assignment_->reason;
    const std::string message = assignment_ == nullptr || assignment_->message.empty()
                                    ? std::string{meaning(reason)}
                                    : assignment_->message;
    const std::string advice = assignment_ == nullptr || assignment_->fix.empty()
                                   ? std::string{fix(reason)}
                                   : assignment_->fix;
    result_.headline = fmt::format("{} is not Porter's.", name);
    add(Verdict::Fail, "ours", fmt::format("{}: {}", to_string(reason), message), advice);
  }

  void no_address(const std::string& name) {
    result_.headline = fmt::format("{} has no address.", name);
    add(Verdict::Fail, "address",
        fmt::format("{}: {}", to_string(assignment_->reason), assignment_->message),
        assignment_->fix);
    would_be_endpoints();
    would_be_nodes();
    add(Verdict::NotReached, "announcement", "nothing to announce yet");
    result_.waiting_since = assignment_->since;
    if (assignment_->since > 0) {
      result_.waiting = fmt::format("waiting {}; tried again on every change, no restart needed.",
                                    since_words(assignment_->since, unix_now_));
    }
  }

  void would_be_endpoints() {
    const Family family = service_.families.empty() ? Family::V4 : service_.families.front();
    const Endpoints endpoints = endpoints_of(view_, result_.service, family);
    std::string text = fmt::format("{} ready", endpoints.ready);
    if (!endpoints.ready_on.empty()) text += " on " + listed(endpoints.ready_on);
    if (endpoints.ready > 0) text += " (would do)";
    add(Verdict::NotReached, "endpoints", text);
  }

  void would_be_nodes() {
    const Standings all = standings(view_, modes_of(view_), {});
    const auto candidates = std::ranges::count_if(
        all, [](const auto& entry) { return entry.second.use == NodeStanding::Use::Carries; });
    add(Verdict::NotReached, "nodes", count_of(static_cast<std::size_t>(candidates), "candidate"));
  }

  void with_addresses(const std::string& name) {
    const std::vector<Announcement> all = announcer_.of(result_.service);
    std::vector<std::string> addresses;
    for (const Assignment::Item& item : assignment_->addresses) {
      addresses.push_back(to_string(item.address));
      std::string text = fmt::format("{} from Eip {}", addresses.back(), item.eip);
      if (item.since > 0) text += ", " + since_words(item.since, unix_now_);
      if (assignment_->reason == Reason::AssignedOutsidePolicy)
        text += fmt::format(" ({}: {})", to_string(assignment_->reason), assignment_->message);
      if (item.recorded) {
        add(Verdict::Ok, "address", std::move(text));
      } else {
        add(Verdict::Fail, "address", text + ": not recorded yet",
            view_.identity.role == Role::Run
                ? "if this lasts, the state folder cannot be written: see the log"
                : "if this lasts, no porter-controller leads or it may not write: kubectl -n "
                  "porter-system get pods,lease, and its log");
      }
    }
    for (const Announcement& one : all) {
      const Family family = one.address.family();
      links_of(one, all.size() > 1 ? fmt::format("{}: ", to_string(family)) : "");
    }
    merge_alike();
    headline_of(name, all_names(addresses), all);
  }

  void links_of(const Announcement& one, const std::string& prefix) {
    endpoints_link(one, prefix);
    nodes_link(one, prefix);
    advertisement_link(one, prefix);
    announcement_link(one, prefix);
    for (Link& link : peer_links(view_, announcer_, one, unix_now_)) {
      link.text = prefix + link.text;
      result_.links.push_back(std::move(link));
    }
  }

  void endpoints_link(const Announcement& one, const std::string& prefix) {
    if (one.reason == Reason::NoReadyEndpoints) {
      return add(Verdict::Fail, "endpoints",
                 fmt::format("{}{}: {}", prefix, to_string(one.reason), one.message), one.fix);
    }
    std::string text = fmt::format("{}{} ready", prefix, one.ready_endpoints);
    if (one.ready_endpoints == 0) text += fmt::format(", {} serving still", one.serving_endpoints);
    if (!one.endpoint_nodes.empty()) text += " on " + listed(one.endpoint_nodes);
    const bool local = service_.traffic_policy == model::TrafficPolicy::Local;
    text += fmt::format(" (externalTrafficPolicy {})", local ? "Local" : "Cluster");
    const Verdict verdict =
        one.ready_endpoints > 0 || one.serving_endpoints > 0 ? Verdict::Ok : Verdict::NotReached;
    add(verdict, "endpoints", std::move(text));
  }

  void nodes_link(const Announcement& one, const std::string& prefix) {
    std::vector<std::string> carrying;
    std::vector<std::string> out;
    for (const NodeVerdict& node : one.nodes) {
      if (node.next_hop) {
        carrying.push_back(node.reason == Reason::Candidate
                               ? node.node
                               : fmt::format("{} ({})", node.node, to_string(node.reason)));
      } else if (node.reason != Reason::Candidate) {
        out.push_back(fmt::format("{}: {}", node.node, words_of(node, unix_now_)));
      }
    }
    const std::string others = out.empty() ? "" : "not " + listed(out);
    if (one.reason == Reason::NoCandidateNode) {
      return add(Verdict::Fail, "nodes",
                 fmt::format("{}{}: {}", prefix, to_string(one.reason), one.message), one.fix);
    }
    if (carrying.empty()) {
      return add(Verdict::NotReached, "nodes",
                 prefix + (out.empty() ? count_of(one.nodes.size(), "candidate") : others));
    }
    const Verdict verdict = one.reason == Reason::FailOpen || one.reason == Reason::NodesDraining
                                ? Verdict::Warn
                                : Verdict::Ok;
    add(verdict, "nodes",
        fmt::format("{}{}{}{}", prefix, listed(carrying), others.empty() ? "" : "; ", others),
        verdict == Verdict::Warn ? one.fix : "");
  }

  // Nothing is said where there is nothing to choose.
  void advertisement_link(const Announcement& one, const std::string& prefix) {
    if (view_.bgp_advertisements.empty() && one.reason != Reason::NoMatchingAdvertisement) return;
    if (one.reason == Reason::NoMatchingAdvertisement) {
      return add(Verdict::Fail, "advertisement",
                 fmt::format("{}{}: {}", prefix, to_string(one.reason), one.message), one.fix);
    }
    std::string text = prefix;
    if (one.advertisements.empty()) {
      text += "no BgpAdvertisement selects it; everything is announced (advertise: All)";
    } else {
      text += fmt::format("BgpAdvertisement {}", listed(one.advertisements));
      if (!one.attributes.empty()) text += ": " + one.attributes;
    }
    for (const std::string& note : one.notes)
      text += "; " + note;
    add(one.notes.empty() ? Verdict::Ok : Verdict::Warn, "advertisement", std::move(text),
        one.notes_fix);
  }

  void announcement_link(const Announcement& one, const std::string& prefix) {
    switch (one.reason) {
      case Reason::NoReadyEndpoints:
      case Reason::NoCandidateNode:
        return add(Verdict::NotReached, "announcement",
                   prefix + (is_out(one) ? "of a Service that shares the address" : "withdrawn"));
      case Reason::NotRecorded:
        return add(Verdict::NotReached, "announcement", prefix + "after it is recorded");
      case Reason::NoBgpConf:
      case Reason::NoPeer:
      case Reason::ProtocolUnavailable:
        return add(Verdict::Fail, "announcement",
                   fmt::format("{}{}: {}", prefix, to_string(one.reason), one.message), one.fix);
      case Reason::NoMatchingAdvertisement:
        return add(Verdict::NotReached, "announcement", prefix + "not selected");
      default: return add(Verdict::Ok, "announcement", routes_text(one));
    }
  }

  static bool is_out(const Announcement& one) {
    return std::ranges::any_of(one.routes, [](const Route& each) { return !each.paths.empty(); });
  }

  static std::string routes_text(const Announcement& one) {
    std::vector<std::string> routes;
    for (const Route& route : one.routes) {
      std::set<bgp::PathId> ids;
      for (const bgp::Path& path : route.paths) {
        if (!path.withheld) ids.insert(path.id);
      }
      routes.push_back(
          fmt::format("{} with {}", to_string(route.prefix), count_of(ids.size(), "path")));
    }
    return listed(routes);
  }

  // Two families with the same to say say it once.
  void merge_alike() {
    const auto bare = [](const Link& link) {
      for (const Family family : {Family::V4, Family::V6}) {
        const std::string prefix = fmt::format("{}: ", to_string(family));
        if (link.text.starts_with(prefix)) return link.text.substr(prefix.size());
      }
      return link.text;
    };
    auto& links = result_.links;
    for (std::size_t i = 0; i < links.size(); ++i) {
      for (std::size_t j = i + 1; j < links.size(); ++j) {
        if (links[i].name != links[j].name || links[i].verdict != links[j].verdict ||
            bare(links[i]) != bare(links[j]))
          continue;
        links[i].text = bare(links[i]);
        links.erase(links.begin() + static_cast<std::ptrdiff_t>(j));
        break;
      }
    }
    in_order(links);
  }

  // That of the chain; peers, which have many names, come last.
  static void in_order(std::vector<Link>& links) {
    constexpr std::array<std::string_view, 7> kChain{
        "ours", "wants", "address", "endpoints", "nodes", "advertisement", "announcement"};
    std::vector<Link> sorted;
    for (const std::string_view name : kChain) {
      std::ranges::copy_if(links, std::back_inserter(sorted),
                           [&](const Link& link) { return link.name == name; });
    }
    std::ranges::copy_if(links, std::back_inserter(sorted), [&](const Link& link) {
      return std::ranges::find(kChain, link.name) == kChain.end();
    });
    links = std::move(sorted);
  }

  void headline_of(const std::string& name, const std::string& addresses,
                   const std::vector<Announcement>& all) {
    const bool announced =
        std::ranges::any_of(all, [](const Announcement& one) { return is_announced(one.reason); });
    if (!announced) {
      result_.headline = fmt::format("{} has {}, but it is not announced.", name, addresses);
      return;
    }
    const PeerCount count = count_peers(view_, announcer_, all);
    result_.headline = count.told == count.all
                           ? fmt::format("{} is announced at {} to {}.", name, addresses,
                                         count_of(count.all, "peer"))
                           : fmt::format("{} is announced at {} to {} of {}.", name, addresses,
                                         count.told, count_of(count.all, "peer"));
  }

  void conclude() {
    const auto broken = [&](Verdict verdict) {
      return std::ranges::find(result_.links, verdict, &Link::verdict);
    };
    const auto failed = broken(Verdict::Fail);
    const auto warned = broken(Verdict::Warn);
    result_.is_announced = failed == result_.links.end();
    if (failed != result_.links.end()) {
      result_.fix = failed->fix;
    } else if (warned != result_.links.end()) {
      result_.fix = warned->fix;
    }
  }

  const View& view_;
  const Announcer& announcer_;
  const model::Service& service_;
  const Assignment* assignment_;
  std::int64_t unix_now_;
  Explanation result_;
};

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Ok: return "ok";
    case Verdict::Warn: return "warn";
    case Verdict::Fail: return "FAIL";
    case Verdict::NotReached: break;
  }
  return "-";
}

}  // namespace

Explanation explain(const View& view, const Assigner& assigner, const Announcer& announcer,
                    const model::NamespacedName& service, std::int64_t unix_now) {
  if (!view.services.contains(service)) return unknown_service(view, service);
  return Explainer{view, assigner, announcer, service, unix_now}.run();
}

std::string to_text(const Explanation& explanation) {
  constexpr std::size_t kNameWidth = 15;
  std::size_t width = kNameWidth;
  for (const Link& link : explanation.links)
    width = std::max(width, link.name.size());
  std::string text = explanation.headline + "\n";
  for (const Link& link : explanation.links)
    text += fmt::format("  {:<5} {:<{}} {}\n", word_of(link.verdict), link.name, width, link.text);
  if (!explanation.fix.empty()) {
    const bool is_closed = explanation.fix.ends_with('.') || explanation.fix.ends_with('?');
    text += fmt::format("fix: {}{}\n", explanation.fix, is_closed ? "" : ".");
  }
  if (!explanation.waiting.empty()) text += explanation.waiting + "\n";
  return text;
}

Tree to_tree(const Explanation& explanation) {
  Tree links = Tree::list();
  for (const Link& link : explanation.links) {
    Tree item = Tree::map();
    item.set("verdict", link.verdict == Verdict::NotReached ? "notReached" : word_of(link.verdict));
    item.set("name", link.name).set("text", link.text);
    if (!link.fix.empty()) item.set("fix", link.fix);
    links.push(std::move(item));
  }
  Tree tree = Tree::map();
  tree.set("service", model::to_string(explanation.service)).set("known", explanation.is_known);
  tree.set("announced", explanation.is_announced).set("headline", explanation.headline);
  tree.set("links", std::move(links));
  if (!explanation.fix.empty()) tree.set("fix", explanation.fix);
  if (explanation.waiting_since > 0)
    tree.set("waitingSince", model::format_time(explanation.waiting_since));
  return tree;
}

}  // namespace porter::plan
