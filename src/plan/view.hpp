// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>

#include "plan/fact.hpp"
#include "plan/reason.hpp"

namespace porter::plan {

// Which part of the work is ours. Run: all of it. Controller: addresses and status, for all nodes.
// Speaker: what the controller decided is followed, and announced from this node.
enum class Role : std::uint8_t { Run, Controller, Speaker };

// Who we are and how we were started; does not change while the process lives.
struct Identity {
  Role role = Role::Run;
  std::string node;  // our node's name; empty: `porter run` without --node
  std::string load_balancer_class = "network.kubesphere.io/porter";
  bool claim_unclassed = false;
  bool ignore_exclude_label = false;
  model::NextHopMode default_mode = model::NextHopMode::Nodes;
  std::string secret_namespace = "porter-system";  // where authSecretRef points
};

// All we know: the objects as last seen, with the reverse indexes that make a change cost what it
// touches. Written by the Engine alone; the stages, status and explain read it.
struct View {
  Identity identity;
  std::map<model::NamespacedName, model::Service> services;
  std::map<model::NamespacedName, model::EndpointSlice> slices;
  std::map<model::NamespacedName, std::set<model::NamespacedName>> slices_of;  // by Service
  std::map<std::string, model::Node> nodes;
  std::map<std::string, model::Namespace> namespaces;
  std::map<model::NamespacedName, model::Secret> secrets;
  std::map<std::string, model::Eip> eips;
  std::map<std::string, model::BgpConf> bgp_confs;
  std::map<std::string, model::BgpPeer> bgp_peers;
  std::map<std::string, model::BgpAdvertisement> bgp_advertisements;
  std::map<std::string, model::BgpNodeState> node_states;  // the controller's
  std::map<std::string, SessionSeen> sessions;             // by BgpPeer
  struct Problems {
    std::string where;
    std::vector<model::Problem> list;
    std::optional<model::Meta> meta{};  // of the version that was refused, from an API server
  };
  std::map<model::ObjectKey, Problems> problems;
  // The newest version of a pool left out addresses in use: the earlier one stays in force (api.md
  // 7).
  std::map<model::ObjectKey, model::Problem> refused;
  bool synced = false;
  bool whole = true;  // the source could read all that it has

  [[nodiscard]] const model::StringMap& namespace_labels(const std::string& name) const;
};

// Is the Service ours (api.md 2)? Assigned: yes. Else NotLoadBalancer, OtherClass, NotClaimed,
// ForeignStatus. `holds`: it holds an address of ours already.
[[nodiscard]] Reason ownership(const View& view, const model::Service& service, bool holds);

// The BgpConf that counts: `default`, else the only one written as v1alpha1 (api.md 7). Null: none.
[[nodiscard]] const model::BgpConf* effective_conf(const View& view);

}  // namespace porter::plan
