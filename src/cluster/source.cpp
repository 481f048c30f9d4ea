// SPDX-License-Identifier: Apache-2.0
#include "cluster/source.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace porter::cluster {
namespace {

using model::Kind;

// Kinds that are written on condition of what was read.
bool has_versions(Kind kind) {
  return kind == Kind::Service || kind == Kind::EipAddress;
}

// Kinds whose finalizers may be written.
bool has_finalizers(const plan::ObjectSeen& seen) {
  if (!seen.object) return false;
  switch (seen.key.kind) {
    case Kind::Service: return !std::get<model::Service>(*seen.object).meta.finalizers.empty();
    case Kind::Eip:
    case Kind::BgpConf:
    case Kind::BgpPeer: return true;
    default: return false;
  }
}

// Opaque but for one thing: of two of one object the larger is the newer (Kubernetes 1.35).
std::uint64_t number_of(const std::string& version) {
  std::uint64_t number = 0;
  const char* const end = version.data() + version.size();
  const auto [stopped, error] = std::from_chars(version.data(), end, number);
  return error == std::errc{} && stopped == end ? number : 0;
}

}  // namespace

const std::vector<model::Kind>& kinds_of_a_controller() {
  using model::Kind;
  static const std::vector<Kind> kAll{
      Kind::Service,     Kind::EndpointSlice, Kind::Node,
      Kind::Namespace,   Kind::Eip,           Kind::EipAddress,
      Kind::BgpConf,     Kind::BgpPeer,       Kind::BgpAdvertisement,
      Kind::BgpNodeState};
  return kAll;
}

Source::Source(io::asio::any_io_executor executor, kube::Client& client,
               const std::vector<Kind>& kinds, Statuses statuses, std::uint64_t jitter_seed,
               OnFact on_fact)
    : executor_{std::move(executor)},
      client_{client},
      statuses_{statuses},
      jitter_seed_{jitter_seed},
      on_fact_{std::move(on_fact)} {
  for (const Kind kind : kinds)
    add(kind);
}

void Source::add(Kind kind) {
  kinds_.insert(kind);
  kube::Reflector::Config config;
  config.resource = kube::resource_of(kind);
  config.list_watch.jitter_seed = jitter_seed_++;
  config.tells_status = statuses_ == Statuses::Told;
  kube::Reflector::Told events;
  events.fact = [this](plan::Fact fact) { take(std::move(fact)); };
  events.synced = [this] { synced(); };
  events.went_back = [this, kind] { went_back(kind); };
  reflectors_.push_back(
      std::make_unique<kube::Reflector>(executor_, client_, std::move(config), std::move(events)));
}

void Source::follow(Kind kind) {
  if (kinds_.contains(kind)) return;
  add(kind);
  reflectors_.back()->start();
}

Source::~Source() = default;

void Source::start() {
  for (const auto& reflector : reflectors_)
    reflector->start();
}

io::Task<> Source::stop() {
  for (const auto& reflector : reflectors_)
    co_await reflector->stop();
}

std::vector<std::string> Source::troubles() const {
  std::vector<std::string> list;
  for (const auto& reflector : reflectors_) {
    if (std::string trouble = reflector->trouble(); !trouble.empty())
      list.push_back(std::move(trouble));
  }
  return list;
}

std::vector<std::string> Source::awaited() const {
  std::vector<std::string> list;
  for (const auto& reflector : reflectors_) {
    if (!reflector->is_synced()) list.push_back(kube::words(reflector->resource()));
  }
  return list;
}

std::vector<Source::Followed> Source::followed() const {
  std::vector<Followed> list;
  list.reserve(reflectors_.size());
  for (const auto& reflector : reflectors_) {
    list.push_back(
        {.kind = reflector->resource().plural, .counters = reflector->status().counters});
  }
  return list;
}

const std::string& Source::version_of(const model::ObjectKey& key) const {
  static const std::string kNone;
  const auto found = versions_.find(key);
  return found == versions_.end() ? kNone : found->second;
}

const std::string& Source::seen_version_of(const model::ObjectKey& key) const {
  static const std::string kNone;
  const auto found = seen_versions_.find(key);
  return found == seen_versions_.end() ? kNone : found->second;
}

void Source::written(const model::ObjectKey& key, const std::string& resource_version) {
  if (!has_versions(key.kind)) return;
  if (!resource_version.empty()) {
    versions_[key] = resource_version;
  } else if (const auto found = versions_.find(key); found != versions_.end()) {
    deleted_versions_[key] = std::move(found->second);
    versions_.erase(found);
  }
}

void Source::went_back(Kind kind) {
  for (auto* const versions : {&versions_, &deleted_versions_, &seen_versions_})
    std::erase_if(*versions, [&](const auto& each) { return each.first.kind == kind; });
  if (on_went_back_) on_went_back_();
}

void Source::take(plan::Fact fact) {
  if (const auto* const seen = std::get_if<plan::ObjectSeen>(&fact);
      seen != nullptr && has_versions(seen->key.kind)) {
    if (seen->object) {
      // An answer to our own write overtook the watch: what comes now is what was there before it.
      const auto deleted = deleted_versions_.find(seen->key);
      if (deleted != deleted_versions_.end() &&
          number_of(seen->resource_version) <= number_of(deleted->second))
        return;
      std::string& known = versions_[seen->key];
      if (number_of(seen->resource_version) < number_of(known)) return;
      known = seen->resource_version;
    } else {
      versions_.erase(seen->key);
      deleted_versions_.erase(seen->key);
    }
  }
  if (const auto* const seen = std::get_if<plan::ObjectSeen>(&fact)) {
    if (has_finalizers(*seen)) {
      seen_versions_[seen->key] = seen->resource_version;
    } else {
      seen_versions_.erase(seen->key);
    }
  }
  if (const auto* const seen = std::get_if<plan::ProblemsSeen>(&fact);
      seen != nullptr && seen->meta && seen->key.kind != Kind::Service)
    seen_versions_[seen->key] = seen->resource_version;
  on_fact_(std::move(fact));
}

void Source::synced() {
  if (is_synced_ || !awaited().empty()) return;
  is_synced_ = true;
  on_fact_(plan::Synced{});
}

}  // namespace porter::cluster
