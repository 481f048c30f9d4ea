// SPDX-License-Identifier: Apache-2.0
#include "speaker/snapshot.hpp"

#include <algorithm>

#include "bgp/export_policy.hpp"
#include "speaker/session.hpp"

namespace porter::speaker {
namespace {

RouteCounts counts_of(const bgp::AdjRibOut& routes, Family family) {
  const bgp::Subscription* subscription = routes.subscription();
  if (subscription == nullptr) return {};
  const bgp::ExportTable::Counts counts = subscription->group().counts(family);
  return {.prefixes = counts.prefixes,
          .paths = counts.paths,
          .refused = subscription->group().refused(family)};
}

std::vector<ToldPath> paths_told(const bgp::Rib& rib, const bgp::UpdateGroup& group,
                                 const Prefix& prefix) {
  const bgp::Encoding& encoding = group.encoding();
  std::vector<ToldPath> paths;
  // What a budget lets out depends on what was told before.
  for (const bgp::Exported& path :
       encoding.budget > 0 ? group.told(prefix) : bgp::exported(rib, encoding, prefix)) {
    paths.push_back({.id = path.id,
                     .next_hop = path.next_hop,
                     .attributes = bgp::attributes_of(encoding, rib.attributes(path.attributes),
                                                      path.next_hop)});
  }
  return paths;
}

}  // namespace

std::vector<PeerSnapshot> BgpRunner::peers() const {
  std::vector<PeerSnapshot> all;
  for (const auto& [name, session] : sessions_) {
    const plan::PeerSpec& spec = session->runner.spec();
    const bgp::AdjRibIn& received = session->runner.peer().received();
    PeerSnapshot snapshot;
    snapshot.session = name;
    snapshot.peer = session->peer;
    snapshot.neighbor = spec.neighbor;
    snapshot.zone = spec.zone;
    snapshot.remote_port = spec.remote_port;
    snapshot.dynamic = session->is_dynamic();
    snapshot.signs = !spec.password.empty();
    snapshot.status = session->runner.peer().status();
    snapshot.why = session->why;
    snapshot.since = session->since;
    snapshot.sent_v4 = counts_of(session->routes, Family::V4);
    snapshot.sent_v6 = counts_of(session->routes, Family::V6);
    snapshot.received_v4 = received.received(Family::V4);
    snapshot.received_v6 = received.received(Family::V6);
    snapshot.accepted_v4 = received.accepted(Family::V4);
    snapshot.accepted_v6 = received.accepted(Family::V6);
    snapshot.ignored_v4 = received.ignored_over_limit(Family::V4);
    snapshot.ignored_v6 = received.ignored_over_limit(Family::V6);
    snapshot.octets_sent = session->runner.octets_sent();
    snapshot.octets_received = session->runner.octets_received();
    snapshot.transport_error = session->runner.transport_error();
    if (snapshot.transport_error.empty() && spec.port_forward && port_forward_ &&
        !port_forward_->error().empty())
      snapshot.transport_error = "portForward: " + port_forward_->error();
    all.push_back(std::move(snapshot));
  }
  return all;
}

std::vector<ToldRoute> BgpRunner::told(const std::string& session, std::size_t limit,
                                       const std::optional<Prefix>& after) const {
  std::vector<ToldRoute> routes;
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second->routes.subscription() == nullptr) return routes;
  const bgp::UpdateGroup& group = found->second->routes.subscription()->group();
  std::optional<Prefix> last = after;
  while (routes.size() < limit) {
    const std::size_t missing = limit - routes.size();
    const std::vector<Prefix> prefixes = rib_.prefixes(missing, last);
    for (const Prefix& prefix : prefixes) {
      ToldRoute route{.prefix = prefix, .paths = paths_told(rib_, group, prefix)};
      if (!route.paths.empty()) routes.push_back(std::move(route));
    }
    if (prefixes.size() < missing) break;
    last = prefixes.back();
  }
  return routes;
}

std::optional<std::vector<ToldPath>> BgpRunner::told(const std::string& session,
                                                     const Prefix& prefix) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second->routes.subscription() == nullptr)
    return std::nullopt;
  return paths_told(rib_, found->second->routes.subscription()->group(), prefix);
}

const bgp::AdjRibIn* BgpRunner::received(const std::string& session) const {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : &found->second->runner.peer().received();
}

bool BgpRunner::holds(const Prefix& prefix) const {
  return std::ranges::any_of(sessions_, [&](const auto& each) {
    return each.second->runner.peer().received().holds(prefix);
  });
}

const std::string& BgpRunner::restart_file_error() const {
  static const std::string kNone;
  return restart_file_ ? restart_file_->error() : kNone;
}

bool BgpRunner::all_handed_over() const {
  return std::none_of(sessions_.begin(), sessions_.end(), [](const auto& each) {
    Session& session = *each.second;
    return session.runner.peer().state() == bgp::State::Established && session.routes.pending();
  });
}

}  // namespace porter::speaker
