// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "plan/assign.hpp"
#include "plan/assign_words.hpp"

// Who keeps what: an address stays with its holder while that is legal (api.md 4, 5).
namespace porter::plan {

// All holders of one address at once, in the order they joined, so that of two that cannot share
// the later joiner goes, whichever of them was edited.
void Assigner::settle_address(const Address& address, const Turn& turn) {
  const ipam::Lease* lease = allocator_.lease(address);
  if (lease == nullptr) return;
  if (lease->holders.empty()) {
    settle_kept(address, *lease, turn);
    return;
  }
  if (chooser().unheard(*lease) != nullptr) return;  // source_whole() comes back to it
  const std::vector<ipam::Lease::Held> holders = lease->holders;
  ipam::Sharing sharing;
  for (const auto& [holder, recorded, since] : holders) {
    auto objection = alone(holder.service, address, lease->eip);
    if ((objection || is_leaving(lease->eip)) && find_home(holder.service, address))
      objection = alone(holder.service, address, lease->eip);
    if (!objection) {
      const ipam::Sharer sharer = chooser().sharer(view_.services.at(holder.service), address);
      const auto collision = sharing.admit(sharer);
      if (!collision) continue;
      objection =
          Objection{.cause = Objection::Cause::Sharing, .why = words::collision(*collision)};
    }
    release(holder.service, address, *objection, turn);
  }
  lease = allocator_.lease(address);
  if (lease->holders.empty()) return;
  for (std::size_t i = 0; i < lease->holders.size(); ++i) {
    const model::Holder& holder = lease->holders[i].holder;
    const std::string& uid = view_.services.at(holder.service).meta.uid;
    if (uid != holder.uid) allocator_.rename(address, i, {.service = holder.service, .uid = uid});
  }
  const std::string& key = known_.at(lease->holders.front().holder.service).wish.request.share_key;
  if (key != lease->share_key) allocator_.set_share_key(address, key);
  touched(address, *lease);
}

// What is kept for a Service goes with its pool.
void Assigner::settle_kept(const Address& address, const ipam::Lease& lease, const Turn& turn) {
  if (lease.kept.empty() || !(is_leaving(lease.eip) || pool_objection(address, lease.eip))) return;
  changed_eips_.insert(lease.eip);
  allocator_.expire(address, turn.now);
}

std::optional<Assigner::Objection> Assigner::alone(const Name& service, const Address& address,
                                                   const std::string& eip) const {
  using Cause = Objection::Cause;
  const auto object = view_.services.find(service);
  if (object == view_.services.end())
    return Objection{.cause = Cause::Gone, .why = "the Service is gone"};
  const Reason ownership = plan::ownership(view_, object->second, !known_.at(service).is_dropped);
  if (ownership != Reason::Assigned)
    return Objection{
        .cause = Cause::NotOurs,
        .why = fmt::format("the Service is no longer Porter's ({})", to_string(ownership))};
  if (auto objection = pool_objection(address, eip)) return objection;
  return wish_objection(service, address, eip);
}

std::optional<Assigner::Objection> Assigner::pool_objection(const Address& address,
                                                            const std::string& eip) const {
  using Cause = Objection::Cause;
  const auto pool = view_.eips.find(eip);
  if (pool == view_.eips.end()) {
    if (is_broken(eip) || (!view_.whole && !known_eips_.contains(eip))) return std::nullopt;
    return Objection{.cause = Cause::PoolGone, .why = fmt::format("Eip {} is gone", eip)};
  }
  if (!pool->second.contains(address))
    return Objection{.cause = Cause::PoolGone,
                     .why = fmt::format("Eip {} no longer contains it", eip)};
  if (pool->second.meta.deleting && pool->second.evict)
    return Objection{.cause = Cause::PoolGone,
                     .why = fmt::format("Eip {} is being deleted and evicts its addresses", eip)};
  return std::nullopt;
}

bool Assigner::is_leaving(const std::string& eip) const {
  const auto pool = view_.eips.find(eip);
  return pool != view_.eips.end() && pool->second.meta.deleting;
}

// A request that cannot be understood takes nothing away.
std::optional<Assigner::Objection> Assigner::wish_objection(const Name& service,
                                                            const Address& address,
                                                            const std::string& eip) const {
  const Wish& wish = known_.at(service).wish;
  if (wish.request.refusal() != nullptr) return std::nullopt;
  const auto own_edit = [](std::string why) {
    return Objection{.cause = Objection::Cause::OwnEdit, .why = std::move(why)};
  };
  if (!wish.wants(address.family()))
    return own_edit(fmt::format("the Service wants no {} address", to_string(address.family())));
  const auto asked = wish.address(address.family());
  if (asked && *asked != address)
    return own_edit(fmt::format("the Service asks for {}", to_string(*asked)));
  if (!wish.request.pools.empty() && !wish.names_pool(eip))
    return own_edit(
        fmt::format("the Service asks for Eip {}", fmt::join(wish.request.pools, " or ")));
  const auto pool = view_.eips.find(eip);
  const auto& protocol = wish.request.protocol;
  if (protocol && pool != view_.eips.end() && pool->second.protocol != *protocol)
    return own_edit(fmt::format("the Service asks for protocol {}, Eip {} is of {}",
                                model::to_string(*protocol), eip,
                                model::to_string(pool->second.protocol)));
  if (is_surplus(service, address)) return own_edit("the Service holds another one");
  return std::nullopt;
}

// A pool whose manifest cannot be read any more is not a pool that was deleted: what it gave stays.
bool Assigner::is_broken(const std::string& eip) const {
  const auto found =
      view_.problems.find({.kind = model::Kind::Eip, .name = {.ns = {}, .name = eip}});
  if (found == view_.problems.end()) return false;
  const auto& list = found->second.list;
  return std::any_of(list.begin(), list.end(), [](const model::Problem& problem) {
    return problem.severity == model::Problem::Severity::Error;
  });
}

// At most one per family, and one alone for a Service that may have any: the one it asks for, else
// the first in the order of its families, else the lowest.
bool Assigner::is_surplus(const Name& service, const Address& address) const {
  const auto& held = allocator_.held_by(service);
  if (held.size() < 2) return false;
  const Wish& wish = known_.at(service).wish;
  const auto rank = [&](const Address& each) {
    const auto family = std::find(wish.families.begin(), wish.families.end(), each.family());
    return std::tuple{!wish.asks_for(each), family - wish.families.begin(), each};
  };
  return std::any_of(held.begin(), held.end(), [&](const Address& other) {
    const bool competes = wish.mode == Wish::Mode::Any || other.family() == address.family();
    return competes && rank(other) < rank(address);
  });
}

// The pool was renamed, split or left by an edit, and another one has the very same address to
// give: the record moves, the address does not. With several holders only the end of the pool is a
// reason.
bool Assigner::find_home(const Name& service, const Address& address) {
  const ipam::Lease& lease = *allocator_.lease(address);
  const auto object = view_.services.find(service);
  if (object == view_.services.end()) return false;
  const bool is_reason = is_leaving(lease.eip) || pool_objection(address, lease.eip);
  if (lease.holders.size() > 1 && !is_reason) return false;
  const model::Eip* const home = chooser().home_for(object->second, address, lease.eip);
  if (home == nullptr || alone(service, address, home->meta.name.name)) return false;
  // From a pool that is only being deleted all of them move, or none: it takes nothing away.
  const bool may_stay = !pool_objection(address, lease.eip);
  for (const ipam::Lease::Held& held : lease.holders) {
    if (may_stay && lease.holders.size() > 1 &&
        alone(held.holder.service, address, home->meta.name.name))
      return false;
  }
  changed_eips_.insert({lease.eip, home->meta.name.name});
  allocator_.move(address, home->meta.name.name);
  enqueue(service);
  return true;
}

void Assigner::release(const Name& service, const Address& address, const Objection& objection,
                       const Turn& turn) {
  using Cause = Objection::Cause;
  const ipam::Lease& lease = *allocator_.lease(address);
  const std::string eip = lease.eip;
  const auto pool = view_.eips.find(eip);
  const bool is_lost = objection.cause == Cause::Gone || objection.cause == Cause::NotOurs;
  const bool is_retained = is_lost && lease.holders.size() == 1 && pool != view_.eips.end() &&
                           pool->second.reclaim == model::Eip::Reclaim::Retain &&
                           !is_leaving(eip) && !pool_objection(address, eip);
  if (is_retained) {
    const std::int64_t hold = pool->second.hold_seconds;
    const bool is_for_ever = hold <= 0 || hold >= ipam::kForEver - turn.unix_now;
    allocator_.keep(address, lease.holders.front().holder,
                    is_for_ever ? ipam::kForEver : turn.unix_now + hold);
  } else {
    allocator_.leave(address, service, turn.now);
  }
  if (is_leaving(eip)) settle_.insert(address);  // those that are left may be able to move now
  changed_eips_.insert(eip);
  changed_services_.insert(service);
  enqueue(service);
  refresh_waiting(address);
  const bool is_own = is_lost || objection.cause == Cause::OwnEdit;
  turn.out.emplace_back(
      Notice{.about = {.kind = model::Kind::Service, .name = service},
             .type = is_own ? Notice::Type::Normal : Notice::Type::Warning,
             .reason = "Released",
             .message = fmt::format("{} of Eip {}: {}", to_string(address), eip, objection.why)});
}

// Records know their Services by uid, and by name where the uid is not known: a Service that was
// renamed in a file, and one that was restored from a backup, find their address again.
void Assigner::adopt_records() {
  std::map<std::string, const model::Service*> by_uid;
  for (const auto& [name, service] : view_.services) {
    if (service.meta.uid.empty()) continue;
    const auto [entry, is_new] = by_uid.emplace(service.meta.uid, &service);
    if (!is_new) entry->second = nullptr;  // two claim to be it: then it tells nothing
  }
  for (const auto& [address, lease] : allocator_.leases()) {
    for (std::size_t i = 0; i < lease.holders.size(); ++i) {
      const model::Holder holder = lease.holders[i].holder;
      const auto named = view_.services.find(holder.service);
      if (named != view_.services.end() && named->second.meta.uid == holder.uid) continue;
      const auto found = by_uid.find(holder.uid);
      if (found == by_uid.end() || found->second == nullptr) continue;
      const model::Meta& meta = found->second->meta;
      if (allocator_.held_by(meta.name).contains(address)) continue;
      allocator_.rename(address, i, {.service = meta.name, .uid = meta.uid});
    }
  }
}

}  // namespace porter::plan
