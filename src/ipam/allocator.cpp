// SPDX-License-Identifier: Apache-2.0
#include "ipam/allocator.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace porter::ipam {
namespace {

const std::set<Address> kNone;

template <class Key>
const std::set<Address>& at(const std::map<Key, std::set<Address>>& index, const Key& key) {
  const auto found = index.find(key);
  return found == index.end() ? kNone : found->second;
}

template <class Key>
void erase(std::map<Key, std::set<Address>>& index, const Key& key, const Address& address) {
  const auto found = index.find(key);
  if (found == index.end()) return;
  found->second.erase(address);
  if (found->second.empty()) index.erase(found);
}

bool names(const std::vector<model::Holder>& holders, const model::NamespacedName& service) {
  return std::any_of(holders.begin(), holders.end(),
                     [&](const model::Holder& holder) { return holder.service == service; });
}

template <class Visit>
void for_each_within(const Pool& pool, const auto& by_address, Visit visit) {
  for (const Range& range : pool.ranges()) {
    auto entry = by_address.lower_bound(range.first());
    for (; entry != by_address.end() && entry->first <= range.last(); ++entry)
      visit(entry->first);
  }
}

}  // namespace

void Allocator::set_pool(const model::Eip& eip) {
  Pool pool{eip};
  for_each_within(pool, leases_, [&](const Address& address) { pool.take(address); });
  for_each_within(pool, cooling_, [&](const Address& address) { pool.take(address); });
  pools_.insert_or_assign(eip.meta.name.name, std::move(pool));
}

void Allocator::drop_pool(const std::string& name) {
  pools_.erase(name);
}

const Pool* Allocator::pool(const std::string& name) const {
  const auto found = pools_.find(name);
  return found == pools_.end() ? nullptr : &found->second;
}

const Lease* Allocator::lease(const Address& address) const {
  const auto found = leases_.find(address);
  return found == leases_.end() ? nullptr : &found->second;
}

const std::set<Address>& Allocator::given_from(const std::string& eip) const {
  const auto found = by_eip_.find(eip);
  return found == by_eip_.end() ? kNone : found->second.addresses;
}

std::size_t Allocator::used(const std::string& eip) const {
  const auto found = by_eip_.find(eip);
  return found == by_eip_.end() ? 0 : found->second.used;
}

std::size_t Allocator::services(const std::string& eip) const {
  const auto found = by_eip_.find(eip);
  return found == by_eip_.end() ? 0 : found->second.services;
}

const std::set<Address>& Allocator::held_by(const model::NamespacedName& service) const {
  return at(by_holder_, service);
}

const std::set<Address>& Allocator::kept_for(const model::NamespacedName& service) const {
  return at(by_kept_, service);
}

const std::set<Address>& Allocator::with_share_key(const std::string& key) const {
  return at(by_share_key_, key);
}

bool Allocator::is_open_to(const Address& address, const model::NamespacedName& service) const {
  const Lease* const found = lease(address);
  if (found == nullptr) return true;
  if (!found->holders.empty() || found->releasing) return false;
  if (!found->kept.empty() && !names(found->kept, service)) return false;
  const auto& reserved_for = found->reserved_for;
  return !found->reserved ||
         std::find(reserved_for.begin(), reserved_for.end(), service) != reserved_for.end();
}

std::optional<Address> Allocator::lowest_free(const Pool& pool, Family family) const {
  if (auto free = pool.lowest_free(family)) return free;
  return lowest_cooling(pool, family);
}

std::optional<Address> Allocator::lowest_cooling(const Pool& pool, Family family) const {
  if (cooling_.empty()) return std::nullopt;
  for (const Range& range : pool.ranges()) {
    if (range.family() != family) continue;
    auto entry = cooling_.lower_bound(range.first());
    for (; entry != cooling_.end() && entry->first <= range.last(); ++entry) {
      if (pool.gives(entry->first)) return entry->first;
    }
  }
  return std::nullopt;
}

void Allocator::cool_down(TimePoint now) {
  while (!by_release_.empty()) {
    const auto [released_at, address] = *by_release_.begin();
    if (by_release_.size() <= kMostCooling && now < released_at + kCooling) return;
    by_release_.erase(by_release_.begin());
    cooling_.erase(address);
    mark_free(address);
  }
}

// Two records of one address can only be a person's reservation beside our own: the holder wins.
void Allocator::load(const model::EipAddress& record) {
  if (record.services.empty()) {
    reserve(record.address, {});
    return;
  }
  Lease& lease = open(record.address);
  if (!lease.holders.empty() || !lease.kept.empty()) return;
  lease.eip = record.eip;
  lease.created = record.meta.created;
  lease.share_key = record.share_key;
  if (record.retain_until != 0) {
    set_kept(record.address, lease, record.services, record.retain_until);
  } else {
    for (const model::Holder& holder : record.services) {
      if (by_holder_[holder.service].insert(record.address).second)
        lease.holders.push_back({.holder = holder, .recorded = true, .since = record.meta.created});
    }
  }
  count_in(record.address, lease);
}

void Allocator::take(const Address& address, const std::string& eip, const model::Holder& holder,
                     const std::string& share_key, std::int64_t unix_now) {
  Lease& lease = open(address);
  PORTER_ASSERT(!lease.releasing);
  count_out(address, lease);
  set_kept(address, lease, {}, 0);
  if (lease.holders.empty()) {
    lease.eip = eip;
    lease.share_key = share_key;
    lease.created = unix_now;
  }
  by_holder_[holder.service].insert(address);
  lease.holders.push_back({.holder = holder, .recorded = false, .since = unix_now});
  count_in(address, lease);
  write(address, lease);
}

void Allocator::leave(const Address& address, const model::NamespacedName& service, TimePoint now) {
  Lease& lease = open(address);
  count_out(address, lease);
  drop_holder(address, lease, service);
  if (lease.holders.empty()) {
    release(address, lease, now);
  } else {
    count_in(address, lease);
    write(address, lease);
  }
}

void Allocator::keep(const Address& address, const model::Holder& holder, std::int64_t until) {
  Lease& lease = open(address);
  std::vector<model::Holder> kept{holder};  // `holder` may lie in the lease that changes now
  count_out(address, lease);
  drop_holder(address, lease, kept.front().service);
  PORTER_ASSERT(lease.holders.empty());
  set_kept(address, lease, std::move(kept), until);
  count_in(address, lease);
  write(address, lease);
}

void Allocator::expire(const Address& address, TimePoint now) {
  Lease& lease = open(address);
  count_out(address, lease);
  set_kept(address, lease, {}, 0);
  release(address, lease, now);
}

void Allocator::move(const Address& address, const std::string& eip) {
  Lease& lease = open(address);
  count_out(address, lease);
  lease.eip = eip;
  count_in(address, lease);
  write(address, lease);
}

void Allocator::rename(const Address& address, std::size_t index, const model::Holder& holder) {
  Lease& lease = open(address);
  Lease::Held& held = lease.holders[index];
  if (held.holder.service != holder.service) {
    erase(by_holder_, held.holder.service, address);
    by_holder_[holder.service].insert(address);
    held.recorded = false;
  }
  held.holder = holder;
  write(address, lease);
}

void Allocator::set_share_key(const Address& address, const std::string& key) {
  Lease& lease = open(address);
  count_out(address, lease);
  lease.share_key = key;
  count_in(address, lease);
  write(address, lease);
}

void Allocator::reserve(const Address& address, const std::vector<model::Holder>& services) {
  Lease& lease = open(address);
  std::vector<model::NamespacedName> reserved_for;
  reserved_for.reserve(services.size());
  for (const model::Holder& holder : services)
    reserved_for.push_back(holder.service);
  set_reserved(address, lease, std::move(reserved_for));
  lease.reserved = true;
}

void Allocator::unreserve(const Address& address) {
  const auto found = leases_.find(address);
  if (found == leases_.end()) return;
  set_reserved(address, found->second, {});
  found->second.reserved = false;
  close_if_free(address);
}

void Allocator::replace(const Address& address, const model::EipAddress* record) {
  if (const auto found = leases_.find(address); found != leases_.end()) {
    Lease& lease = found->second;
    count_out(address, lease);
    for (const Lease::Held& held : std::exchange(lease.holders, {}))
      erase(by_holder_, held.holder.service, address);
    set_kept(address, lease, {}, 0);
    set_reserved(address, lease, {});
    lease.reserved = false;
    lease.releasing = false;
    unsent_.erase(address);
    close_if_free(address);
  }
  if (record != nullptr) load(*record);
}

void Allocator::rewrite(const Address& address) {
  Lease& lease = open(address);
  for (Lease::Held& held : lease.holders)
    held.recorded = false;
  write(address, lease);
}

bool Allocator::answered(const Address& address, std::uint64_t revision) {
  const auto found = leases_.find(address);
  if (found == leases_.end() || found->second.revision != revision) return false;
  Lease& lease = found->second;
  if (lease.answered == revision) return false;
  lease.answered = revision;
  for (Lease::Held& held : lease.holders)
    held.recorded = true;
  if (std::exchange(lease.releasing, false)) close_if_free(address);
  return true;
}

std::vector<Unsent> Allocator::take_unsent() {
  std::vector<Unsent> removals;
  std::vector<Unsent> values;
  for (const Address& address : std::exchange(unsent_, {})) {
    const Lease& lease = leases_.at(address);
    Unsent unsent{.address = address, .value = std::nullopt, .revision = lease.revision};
    if (lease.holders.empty() && lease.kept.empty()) {
      removals.push_back(std::move(unsent));
      continue;
    }
    model::EipAddress& record = unsent.value.emplace();
    record.meta.name.name = model::eip_address_name(address);
    record.meta.created = lease.created;
    record.meta.written_as = model::ApiVersion::V1alpha2;
    record.address = address;
    record.eip = lease.eip;
    record.share_key = lease.share_key;
    record.services = lease.kept;
    record.retain_until = lease.retain_until;
    for (const Lease::Held& held : lease.holders)
      record.services.push_back(held.holder);
    values.push_back(std::move(unsent));
  }
  std::move(values.begin(), values.end(), std::back_inserter(removals));
  return removals;
}

std::int64_t Allocator::next_expiry() const {
  return expiry_.empty() ? kForEver : expiry_.begin()->first;
}

std::optional<Address> Allocator::expired(std::int64_t unix_now) const {
  if (expiry_.empty() || expiry_.begin()->first > unix_now) return std::nullopt;
  return expiry_.begin()->second;
}

Lease& Allocator::open(const Address& address) {
  const auto [entry, is_new] = leases_.try_emplace(address);
  if (!is_new) return entry->second;
  const auto warm = cooling_.find(address);
  if (warm == cooling_.end()) {
    mark_taken(address);
  } else {
    entry->second.released_at = warm->second;
    by_release_.erase({warm->second, address});
    cooling_.erase(warm);
  }
  return entry->second;
}

void Allocator::close_if_free(const Address& address) {
  const auto found = leases_.find(address);
  const Lease& lease = found->second;
  const bool is_free =
      lease.holders.empty() && lease.kept.empty() && !lease.reserved && !lease.releasing;
  if (!is_free) return;
  const TimePoint released_at = lease.released_at;
  leases_.erase(found);
  if (released_at == TimePoint{}) {
    mark_free(address);
  } else {
    cooling_.emplace(address, released_at);
    by_release_.emplace(released_at, address);
  }
}

void Allocator::release(const Address& address, Lease& lease, TimePoint now) {
  lease.eip.clear();
  lease.share_key.clear();
  lease.releasing = true;
  lease.released_at = now;
  write(address, lease);
}

void Allocator::write(const Address& address, Lease& lease) {
  lease.revision = ++revisions_;
  unsent_.insert(address);
}

void Allocator::count_in(const Address& address, const Lease& lease) {
  if (lease.holders.empty() && lease.kept.empty()) return;
  Given& given = by_eip_[lease.eip];
  given.addresses.insert(address);
  given.services += lease.holders.size();
  if (lease.holders.empty()) return;
  ++given.used;
  if (!lease.share_key.empty()) by_share_key_[lease.share_key].insert(address);
}

void Allocator::count_out(const Address& address, const Lease& lease) {
  const auto found = by_eip_.find(lease.eip);
  if (found == by_eip_.end() || found->second.addresses.erase(address) == 0) return;
  found->second.services -= lease.holders.size();
  if (!lease.holders.empty()) --found->second.used;
  if (found->second.addresses.empty()) by_eip_.erase(found);
  erase(by_share_key_, lease.share_key, address);
}

void Allocator::drop_holder(const Address& address, Lease& lease,
                            const model::NamespacedName& service) {
  erase(by_holder_, service, address);
  std::erase_if(lease.holders,
                [&](const Lease::Held& held) { return held.holder.service == service; });
}

void Allocator::set_kept(const Address& address, Lease& lease, std::vector<model::Holder> kept,
                         std::int64_t until) {
  for (const model::Holder& holder : lease.kept) {
    const auto& reserved = lease.reserved_for;
    if (std::find(reserved.begin(), reserved.end(), holder.service) == reserved.end())
      erase(by_kept_, holder.service, address);
  }
  expiry_.erase({lease.retain_until, address});
  lease.kept = std::move(kept);
  lease.retain_until = until;
  for (const model::Holder& holder : lease.kept)
    by_kept_[holder.service].insert(address);
  if (until != 0 && until < kForEver) expiry_.emplace(until, address);
}

void Allocator::set_reserved(const Address& address, Lease& lease,
                             std::vector<model::NamespacedName> services) {
  for (const model::NamespacedName& service : lease.reserved_for) {
    if (!names(lease.kept, service)) erase(by_kept_, service, address);
  }
  lease.reserved_for = std::move(services);
  for (const model::NamespacedName& service : lease.reserved_for)
    by_kept_[service].insert(address);
}

void Allocator::mark_taken(const Address& address) {
  for (auto& [name, pool] : pools_) {
    if (pool.contains(address)) pool.take(address);
  }
}

void Allocator::mark_free(const Address& address) {
  for (auto& [name, pool] : pools_) {
    if (pool.contains(address)) pool.free(address);
  }
}

}  // namespace porter::ipam
