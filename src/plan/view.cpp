// SPDX-License-Identifier: Apache-2.0
#include "plan/view.hpp"

#include <algorithm>

#include "model/request.hpp"

namespace porter::plan {
namespace {

const model::StringMap kNoLabels;

bool is_ours(const View& view, const model::Ingress& ingress) {
  const Result<Address> address = Address::parse(ingress.ip);
  return address && std::any_of(view.eips.begin(), view.eips.end(),
                                [&](const auto& eip) { return eip.second.contains(*address); });
}

// Only a Service that nobody named as ours is asked this: another controller may serve it already.
bool shows_foreign_status(const View& view, const model::Service& service) {
  return std::any_of(service.ingress.begin(), service.ingress.end(),
                     [&](const model::Ingress& ingress) { return !is_ours(view, ingress); });
}

}  // namespace

const model::StringMap& View::namespace_labels(const std::string& name) const {
  const auto found = namespaces.find(name);
  return found == namespaces.end() ? kNoLabels : found->second.meta.labels;
}

Reason ownership(const View& view, const model::Service& service, bool holds) {
  if (!service.is_load_balancer) return Reason::NotLoadBalancer;
  if (service.load_balancer_class)
    return *service.load_balancer_class == view.identity.load_balancer_class ? Reason::Assigned
                                                                             : Reason::OtherClass;
  if (model::opt_in_of(service.meta)) return Reason::Assigned;
  // The flag governs adoption only: what holds an address stays ours when the flag is lost.
  if (holds) return Reason::Assigned;
  if (!view.identity.claim_unclassed) return Reason::NotClaimed;
  return shows_foreign_status(view, service) ? Reason::ForeignStatus : Reason::Assigned;
}

const model::BgpConf* effective_conf(const View& view) {
  const auto named = view.bgp_confs.find("default");
  if (named != view.bgp_confs.end()) return &named->second;
  const model::BgpConf* only = nullptr;
  for (const auto& [name, conf] : view.bgp_confs) {
    if (!model::is_from_v1alpha1(conf.meta)) continue;
    if (only != nullptr) return nullptr;
    only = &conf;
  }
  return only;
}

}  // namespace porter::plan
