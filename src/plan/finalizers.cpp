// SPDX-License-Identifier: Apache-2.0
#include "plan/finalizers.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace porter::plan {
namespace {

using model::Kind;

constexpr std::array<std::string_view, 3> kOfOpenElb{"finalizer.lb.kubesphere.io/",
                                                     "finalizer.ipam.kubesphere.io/",
                                                     "node-proxy.openelb.kubesphere.io/"};

template <class Map, class Name>
const model::Meta* meta_in(const Map& map, const Name& name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : &found->second.meta;
}

// Of a pool that cannot be read its metadata counts all the same.
const model::Meta* meta_of(const View& view, const model::ObjectKey& key) {
  if (const auto found = view.problems.find(key); found != view.problems.end()) {
    const std::optional<model::Meta>& refused = found->second.meta;
    if (refused) return &*refused;
  }
  switch (key.kind) {
    case Kind::Service: return meta_in(view.services, key.name);
    case Kind::Eip: return meta_in(view.eips, key.name.name);
    case Kind::BgpConf: return meta_in(view.bgp_confs, key.name.name);
    case Kind::BgpPeer: return meta_in(view.bgp_peers, key.name.name);
    default: return nullptr;
  }
}

}  // namespace

bool is_of_openelb(std::string_view finalizer) {
  return std::ranges::any_of(
      kOfOpenElb, [&](std::string_view prefix) { return finalizer.starts_with(prefix); });
}

std::vector<std::string> finalizers_after(const std::vector<std::string>& current, bool is_deleting,
                                          bool is_held) {
  std::vector<std::string> after;
  bool is_there = false;
  for (const std::string& finalizer : current) {
    const bool is_ours = finalizer == kAddressesInUse;
    is_there |= is_ours;
    if (is_of_openelb(finalizer) || (is_ours && !is_held)) continue;
    after.push_back(finalizer);
  }
  if (is_held && !is_there && !is_deleting) after.emplace_back(kAddressesInUse);
  return after;
}

std::optional<FinalizersWanted> finalizers_wanted(const View& view, const Assigner& assigner,
                                                  const model::ObjectKey& key) {
  const model::Meta* const meta = meta_of(view, key);
  if (meta == nullptr) return std::nullopt;
  const bool is_held = key.kind == Kind::Eip &&
                       (!meta->deleting || !assigner.allocator().given_from(key.name.name).empty());
  auto list = finalizers_after(meta->finalizers, meta->deleting, is_held);
  if (list == meta->finalizers) return std::nullopt;
  return FinalizersWanted{.key = key, .is_held = is_held, .list = std::move(list)};
}

}  // namespace porter::plan
