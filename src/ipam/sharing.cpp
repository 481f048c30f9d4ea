// SPDX-License-Identifier: Apache-2.0
#include "ipam/sharing.hpp"

#include <algorithm>

namespace porter::ipam {
namespace {

bool are_alike(const Sharer& left, const Sharer& right) {
  return left.asks == right.asks && left.share_key == right.share_key &&
         left.service->meta.name.ns == right.service->meta.name.ns &&
         left.service->traffic_policy == right.service->traffic_policy &&
         left.service->selector == right.service->selector;
}

// All but ports.
std::optional<Collision::Kind> disagreement(const Sharer& left, const Sharer& right) {
  using Kind = Collision::Kind;
  const bool same_key = !left.share_key.empty() && left.share_key == right.share_key;
  if (!same_key && !(left.asks && right.asks)) return Kind::NoConsent;
  if (!same_key && left.service->meta.name.ns != right.service->meta.name.ns)
    return Kind::OtherNamespace;
  if (left.service->traffic_policy != right.service->traffic_policy) return Kind::TrafficPolicy;
  if (left.service->traffic_policy == model::TrafficPolicy::Cluster) return std::nullopt;
  if (left.service->selector.empty() || left.service->selector != right.service->selector)
    return Kind::Selector;
  return std::nullopt;
}

}  // namespace

std::optional<Collision> Sharing::admit(const Sharer& sharer) {
  if (auto found = collision(sharer)) return found;
  ++count_;
  const bool is_known = std::any_of(kinds_.begin(), kinds_.end(),
                                    [&](const Sharer& other) { return are_alike(sharer, other); });
  if (!is_known) kinds_.push_back(sharer);
  for (const model::ServicePort& port : sharer.service->ports)
    ports_.emplace(Port{port.port, port.protocol}, sharer.service);
  return std::nullopt;
}

std::optional<Collision> Sharing::collision(const Sharer& sharer) const {
  for (const Sharer& other : kinds_) {
    if (const auto kind = disagreement(sharer, other))
      return Collision{.kind = *kind, .with = other.service->meta.name, .port = {}};
  }
  for (const model::ServicePort& port : sharer.service->ports) {
    const auto taken = ports_.find({port.port, port.protocol});
    if (taken != ports_.end())
      return Collision{
          .kind = Collision::Kind::Port, .with = taken->second->meta.name, .port = port};
  }
  if (count_ < kMostSharers) return std::nullopt;
  return Collision{
      .kind = Collision::Kind::TooMany, .with = kinds_.front().service->meta.name, .port = {}};
}

}  // namespace porter::ipam
