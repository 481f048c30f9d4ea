// SPDX-License-Identifier: Apache-2.0
#include "plan/candidate.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace porter::plan {
namespace {

using Use = NodeStanding::Use;
using model::Tristate;

constexpr std::string_view kOutOfServiceTaint = "node.kubernetes.io/out-of-service";
constexpr std::string_view kAutoscalerTaint = "ToBeDeletedByClusterAutoscaler";
constexpr std::int64_t kBurstSeconds = 60;

bool has_taint(const model::Node& node, std::string_view key) {
  return std::ranges::find(node.taints, key) != node.taints.end();
}

bool is_true(const std::string* text) {
  return text != nullptr && *text == "true";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// What can be a next hop for a router that is not this host. A link-local IPv6 address names nobody
// there; in IPv4 it does not happen either outside of labs.
std::string_view unfit(const Address& address) {
  if (address.is_unspecified()) return "unspecified";
  if (address.is_loopback()) return "loopback";
  if (address.is_multicast()) return "multicast";
  if (address.is_v6() && address.is_link_local()) return "link-local";
  return {};
}

NextHop missing(std::string why) {
  NextHop none;
  none.missing = std::move(why);
  return none;
}

// The address of the family in the annotation; `missing` where its text is of no use.
NextHop annotated(std::string_view list, Family family) {
  NextHop found;
  while (!list.empty()) {
    const auto comma = list.find(',');
    const std::string_view item = trimmed(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    if (item.empty()) continue;
    const auto address = Address::parse(item);
    if (!address) {
      return missing(
          fmt::format("annotation {}: {} is no address", kNextHopAnnotation, shown(item)));
    }
    if (address->family() != family) continue;
    if (const auto why = unfit(*address); !why.empty()) {
      return missing(fmt::format("annotation {}: {} is {}", kNextHopAnnotation, item, why));
    }
    if (!found.address) found.address = *address;
  }
  return found;
}

// The first rule that a node breaks for good, whatever the other nodes.
struct Judgement {
  Use use = Use::Carries;
  Reason reason = Reason::Candidate;
  std::string detail;
};

std::string ready_words(const model::Node& node) {
  if (node.ready_reason.empty()) return node.ready_message;
  if (node.ready_message.empty()) return node.ready_reason;
  return node.ready_reason + ": " + node.ready_message;
}

class Judge {
 public:
  Judge(const View& view, Modes modes, const NodeMemory& memory)
      : view_{view},
        conf_{effective_conf(view)},
        rack_{rack_of(view, conf_)},
        modes_{modes},
        memory_{memory} {}

  [[nodiscard]] Judgement judge(const std::string& name, const model::Node& node) const {
    if (has_taint(node, kOutOfServiceTaint)) {
      return never(Reason::OutOfService, fmt::format("taint {}", kOutOfServiceTaint));
    }
    if (node.network_unavailable)
      return never(Reason::NetworkUnavailable, "condition NetworkUnavailable is True");
    if (!view_.identity.ignore_exclude_label && node.meta.label(kExcludeLabel) != nullptr) {
      return never(Reason::Excluded, fmt::format("label {}", kExcludeLabel));
    }
    if (!rack_.empty()) {
      const std::string* rack = model::label_of(node.meta, "", "/rack");
      if (rack == nullptr) return never(Reason::OtherRack, "no rack label");
      if (*rack != rack_)
        return never(Reason::OtherRack,
                     fmt::format("rack {}, ours is {}", shown(*rack), shown(rack_)));
    }
    if (std::string sign = drain_sign(node, conf_); !sign.empty()) {
      const bool leaving = memory_.leaving.contains(name);
      return {.use = leaving ? Use::Carries : Use::LastDraining,
              .reason = Reason::Draining,
              .detail = std::move(sign)};
    }
    if (node.ready == Tristate::False) return never(Reason::NotReady, ready_words(node));
    if (node.ready == Tristate::Unknown && !is_trusted_without_kubelet(name)) {
      return {
          .use = Use::LastSilent, .reason = Reason::NotReadyUnknown, .detail = ready_words(node)};
    }
    return {};
  }

 private:
  static Judgement never(Reason reason, std::string detail) {
    return {.use = Use::Never, .reason = reason, .detail = std::move(detail)};
  }

  // In Self mode the live session is the proof: of our own node, and of each node that only speaks
  // for itself.
  [[nodiscard]] bool is_trusted_without_kubelet(const std::string& name) const {
    return modes_.self && (!modes_.nodes || name == view_.identity.node);
  }

  const View& view_;
  const model::BgpConf* conf_;
  std::string rack_;
  Modes modes_;
  const NodeMemory& memory_;
};

std::int64_t since_of(const std::string& name, const model::Node& node, const NodeMemory& memory) {
  if (node.ready == Tristate::True) return 0;
  if (node.ready_since > 0 || node.ready != Tristate::Unknown) return node.ready_since;
  const auto seen = memory.silent_since.find(name);
  return seen == memory.silent_since.end() ? 0 : seen->second;
}

// Over half of the nodes falling silent within a minute is no fault of the nodes: it is the way
// their word takes that is broken. Then they are kept.
void fail_open(Standings& all) {
  std::vector<NodeStanding*> silent;
  std::size_t eligible = 0;
  for (auto& [name, standing] : all) {
    if (standing.use == Use::LastSilent) silent.push_back(&standing);
    if (standing.use == Use::LastSilent || standing.use == Use::Carries) ++eligible;
  }
  std::ranges::sort(silent, {}, &NodeStanding::since);
  for (std::size_t first = 0, last = 0; first < silent.size(); ++first) {
    while (last < silent.size() && silent[last]->since - silent[first]->since <= kBurstSeconds)
      ++last;
    if (2 * (last - first) <= eligible) continue;
    for (std::size_t i = first; i < last; ++i) {
      silent[i]->use = Use::Carries;
      silent[i]->reason = Reason::FailOpen;
    }
  }
}

}  // namespace

NextHop next_hop_of(const model::Node& node, Family family, bool own, Modes modes) {
  if (const std::string* list = node.meta.annotation(kNextHopAnnotation)) {
    NextHop named = annotated(*list, family);
    if (named.address || !named.missing.empty()) return named;
  }
  NextHop found;
  found.own_address = own && modes.self;
  for (const Address& address : node.internal_ips) {
    if (address.family() != family || !unfit(address).empty()) continue;
    found.address = address;
    return found;
  }
  if (found.own_address) {  // the session knows an address of its own
    found.address = Address::from_number(family, 0);
    return found;
  }
  if (family == Family::V4 && modes.v6_for_v4) {
    NextHop other = next_hop_of(node, Family::V6, own, modes);
    if (other.address) return other;
  }
  found.missing = fmt::format("no {} InternalIP", to_string(family));
  return found;
}

std::string drain_sign(const model::Node& node, const model::BgpConf* conf) {
  if (is_true(node.meta.annotation(kDrainKey))) return fmt::format("annotation {}", kDrainKey);
  if (is_true(node.meta.label(kDrainKey))) return fmt::format("label {}", kDrainKey);
  if (has_taint(node, kAutoscalerTaint)) return fmt::format("taint {}", kAutoscalerTaint);
  if (node.ready == Tristate::False &&
      node.ready_message.find("node is shutting down") != std::string::npos) {
    return "the node is shutting down";
  }
  if (conf != nullptr && conf->drain_on_cordon && node.unschedulable) {
    return "cordoned (BgpConf spec.drain.onCordon)";
  }
  return "";
}

std::string rack_of(const View& view, const model::BgpConf* conf) {
  if (conf == nullptr || conf->as_per_rack.empty()) return "";
  const auto node = view.nodes.find(view.identity.node);
  if (node == view.nodes.end()) return "";
  const std::string* rack = model::label_of(node->second.meta, "", "/rack");
  return rack == nullptr ? "" : *rack;
}

Standings standings(const View& view, Modes modes, const NodeMemory& memory) {
  Standings all;
  const Judge judge{view, modes, memory};
  for (const auto& [name, node] : view.nodes) {
    const bool own = !view.identity.node.empty() && name == view.identity.node;
    Judgement judgement = judge.judge(name, node);
    all.emplace(name, NodeStanding{.use = judgement.use,
                                   .marked = judgement.reason == Reason::Draining,
                                   .own = own,
                                   .reason = judgement.reason,
                                   .detail = std::move(judgement.detail),
                                   .since = since_of(name, node, memory),
                                   .v4 = next_hop_of(node, Family::V4, own, modes),
                                   .v6 = next_hop_of(node, Family::V6, own, modes)});
  }
  fail_open(all);
  return all;
}

Carriers carriers(const Standings& standings, Family family, const Reach& reach) {
  std::array<Carriers, 3> by_use{{{.use = Use::Carries, .nodes = {}},
                                  {.use = Use::LastDraining, .nodes = {}},
                                  {.use = Use::LastSilent, .nodes = {}}}};
  for (const auto& entry : standings) {
    const NodeStanding& standing = entry.second;
    if (standing.use == Use::Never || !standing.next_hop(family).address) continue;
    if (!reach.covers(entry.first)) continue;
    by_use.at(static_cast<std::size_t>(standing.use)).nodes.push_back(&entry);
  }
  for (Carriers& best : by_use) {
    if (!best.nodes.empty()) return std::move(best);
  }
  return {};
}

}  // namespace porter::plan
