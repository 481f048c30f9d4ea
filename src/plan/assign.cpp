// SPDX-License-Identifier: Apache-2.0
#include "plan/assign.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/request.hpp"
#include "plan/assign_words.hpp"

namespace porter::plan {
namespace {

constexpr std::size_t kMostTold = 5;
constexpr std::int64_t kLongestSleep = 86'400;  // seconds; far from what a TimePoint can hold

bool same_addresses(const model::Eip& left, const model::Eip& right) {
  return left.addresses == right.addresses && left.exclude == right.exclude &&
         left.using_known_ips == right.using_known_ips;
}

bool shows_ours(const model::Service& service, const ipam::Allocator& allocator) {
  return std::any_of(
      service.ingress.begin(), service.ingress.end(), [&](const model::Ingress& shown) {
        const Result<Address> address = Address::parse(shown.ip);
        if (!address) return false;
        const auto& pools = allocator.pools();
        return std::any_of(pools.begin(), pools.end(),
                           [&](const auto& pool) { return pool.second.contains(*address); });
      });
}

}  // namespace

Assigner::Assigner(const View& view) : view_{view} {}

void Assigner::service_changed(const Name& service) {
  settle(service);
  const auto object = view_.services.find(service);
  if (object == view_.services.end()) {
    enqueue(service);
    return;
  }
  Known& known = known_[service];
  todo_.erase(known.age);
  known.wish = wish_of(object->second);
  known.age = age_of(object->second.meta, Age::Rank::New);
  known.edited = true;
  const bool is_named_ours =
      object->second.load_balancer_class == view_.identity.load_balancer_class ||
      model::opt_in_of(object->second.meta).has_value();
  known.is_dropped = !is_named_ours && (known.is_named_ours || known.is_dropped);
  known.is_named_ours = is_named_ours;
  enqueue(service);
}

// Policy of a pool concerns those that hold its addresses, and may help any that waits.
void Assigner::eip_changed(const std::string& eip, const model::Eip* before) {
  order_is_stale_ = true;
  changed_eips_.insert(eip);
  known_eips_.insert(eip);
  const auto now = view_.eips.find(eip);
  if (now == view_.eips.end()) {
    allocator_.drop_pool(eip);
  } else if (before == nullptr || !same_addresses(*before, now->second)) {
    allocator_.set_pool(now->second);
  }
  for (const Address& address : allocator_.given_from(eip)) {
    settle_.insert(address);
    for (const ipam::Lease::Held& held : allocator_.lease(address)->holders)
      enqueue(held.holder.service);
  }
  settle_leaving();
  enqueue(waiting_.all());
}

void Assigner::namespace_changed(const std::string& ns) {
  settle_leaving();
  for (auto known = known_.lower_bound({.ns = ns, .name = {}});
       known != known_.end() && known->first.ns == ns; ++known)
    todo_.insert(known->second.age);
}

void Assigner::record_loaded(const model::EipAddress& record) {
  allocator_.load(record);
  changed_addresses_.insert(record.address);
}

// The holder wins: a reservation of an address in use waits until that is released. What we wrote
// ourselves comes back unchanged and is no news.
void Assigner::record_edited(const Address& address, const model::EipAddress* record) {
  const ipam::Lease* const lease = allocator_.lease(address);
  const bool is_ours = lease != nullptr && (!lease->holders.empty() || !lease->kept.empty());
  for (const auto& [name, pool] : allocator_.pools()) {
    if (pool.contains(address)) changed_eips_.insert(name);
  }
  if (record == nullptr) {
    if (is_ours) reassert(address, nullptr);
    allocator_.unreserve(address);
    if (allocator_.lease(address) == nullptr) freed(address);
    return;
  }
  if (is_ours && !record->services.empty()) return reassert(address, record);
  const bool is_idle = lease == nullptr || lease->revision == lease->answered;
  if (is_idle && is_of_a_controller(*record)) {
    record_followed(address, record);
    for (const model::Holder& holder : record->services)
      settle(holder.service);
    return;
  }
  allocator_.reserve(address, record->services);
  for (const model::Holder& holder : record->services)
    enqueue(holder.service);
  refresh_waiting(address);
}

// What a leader before us wrote while we had begun: its Service holds it too, and gives it back
// where it has another one already. A person who reserves an address knows no uid.
bool Assigner::is_of_a_controller(const model::EipAddress& record) const {
  if (view_.identity.role != Role::Controller || record.eip.empty() || record.services.empty())
    return false;
  return std::all_of(record.services.begin(), record.services.end(), [&](const auto& holder) {
    const auto service = view_.services.find(holder.service);
    return service != view_.services.end() && !holder.uid.empty() &&
           service->second.meta.uid == holder.uid;
  });
}

// In a cluster somebody may edit or delete the record of an address in use: it is written again.
// What our own writes left behind on their way is not told: see RecordRefused.
void Assigner::reassert(const Address& address, const model::EipAddress* record) {
  const ipam::Lease& lease = *allocator_.lease(address);
  if (view_.identity.role != Role::Controller || lease.revision != lease.answered) return;
  std::vector<model::Holder> holders = lease.kept;
  for (const ipam::Lease::Held& held : lease.holders)
    holders.push_back(held.holder);
  const bool is_alike = record != nullptr && record->services == holders &&
                        record->eip == lease.eip && record->share_key == lease.share_key &&
                        record->retain_until == lease.retain_until;
  if (!is_alike) allocator_.rewrite(address);
}

void Assigner::recorded(const Address& address, std::uint64_t revision) {
  if (!allocator_.answered(address, revision)) return;
  changed_addresses_.insert(address);
  const ipam::Lease* const lease = allocator_.lease(address);
  if (lease == nullptr) {
    freed(address);
    return;
  }
  if (lease->holders.empty()) enqueue(waiting_.for_address(address));
  for (const model::NamespacedName& service : lease->reserved_for)
    enqueue(service);
  for (const ipam::Lease::Held& held : lease->holders) {
    const auto assignment = assignments_.find(held.holder.service);
    if (assignment == assignments_.end()) continue;
    fill_items(held.holder.service, assignment->second);
    changed_services_.insert(held.holder.service);
  }
}

// Assigned Services first: those that their records name, then those whose status shows an address
// of ours, then new ones. Only now is it known which Services are gone.
void Assigner::synced() {
  if (!follows()) adopt_records();
  settle_all();
  todo_.clear();
  for (auto& [name, known] : known_) {
    const auto object = view_.services.find(name);
    const bool is_shown = object != view_.services.end() &&
                          shows_ours(object->second, allocator_) &&
                          allocator_.held_by(name).empty();
    if (is_shown) known.age.rank = Age::Rank::Restored;
    todo_.insert(known.age);
  }
}

void Assigner::source_whole() {
  adopt_records();
  settle_all();
}

// What is held from an Eip that is being deleted moves as soon as another one would give it.
void Assigner::settle_leaving() {
  for (const auto& [name, eip] : view_.eips) {
    if (!eip.meta.deleting) continue;
    const auto& given = allocator_.given_from(name);
    settle_.insert(given.begin(), given.end());
  }
}

void Assigner::settle_all() {
  for (const auto& [address, lease] : allocator_.leases()) {
    if (!lease.holders.empty() || !lease.kept.empty()) settle_.insert(address);
  }
}

std::optional<model::Problem> Assigner::accepts(const model::Eip& next) const {
  const auto current = view_.eips.find(next.meta.name.name);
  if (current == view_.eips.end() || current->second.addresses == next.addresses)
    return std::nullopt;
  std::vector<std::string> told;
  std::size_t more = 0;
  for (const Address& address : allocator_.given_from(next.meta.name.name)) {
    const ipam::Lease& lease = *allocator_.lease(address);
    if (lease.holders.empty() || next.contains(address)) continue;
    if (told.size() < kMostTold) {
      told.push_back(fmt::format("{} ({})", to_string(address), words::holders(lease)));
    } else {
      ++more;
    }
  }
  if (told.empty()) return std::nullopt;
  const std::string rest = more > 0 ? fmt::format(" and {} more", more) : "";
  return model::Problem{
      .severity = model::Problem::Severity::Error,
      .reason = "AddressesInUse",
      .field = "spec.addresses",
      .message =
          fmt::format("leaves out addresses in use: {}{}; keep them in, or move these Services "
                      "first. The earlier version stays in force",
                      fmt::join(told, ", "), rest)};
}

bool Assigner::has_work() const {
  if (follows()) return view_.synced && !todo_.empty();
  return view_.synced && (!settle_.empty() || !todo_.empty() || allocator_.has_unsent());
}

TimePoint Assigner::deadline() const {
  if (follows()) return kNever;
  const std::int64_t expiry = allocator_.next_expiry();
  if (stepped_at_ == kNever || expiry == ipam::kForEver) return kNever;
  const std::int64_t wait = expiry <= unix_stepped_at_ ? 0 : expiry - unix_stepped_at_;
  return stepped_at_ + std::chrono::seconds{std::min(wait, kLongestSleep)};
}

void Assigner::step(TimePoint now, std::int64_t unix_now, std::size_t budget, Changes& out) {
  if (!view_.synced) return;
  stepped_at_ = now;
  unix_stepped_at_ = unix_now;
  allocator_.cool_down(now);
  Changes notices;
  const Turn turn{.now = now, .unix_now = unix_now, .out = notices};
  if (follows()) {
    settle_.clear();
    for (; budget > 0 && !todo_.empty(); --budget)
      follow(todo_.extract(todo_.begin()).value().service, turn);
    return;
  }
  expire(turn, budget);
  for (; budget > 0 && !(settle_.empty() && todo_.empty()); --budget) {
    if (!settle_.empty()) {
      settle_address(settle_.extract(settle_.begin()).value(), turn);
    } else {
      const Age next = todo_.extract(todo_.begin()).value();
      plan(next.service, turn);
      advance_pumps(next);
    }
  }
  send(out);
  std::move(notices.begin(), notices.end(), std::back_inserter(out));
}

const Assignment* Assigner::of(const Name& service) const {
  const auto found = assignments_.find(service);
  return found == assignments_.end() ? nullptr : &found->second;
}

std::vector<model::NamespacedName> Assigner::holders(const Address& address) const {
  std::vector<Name> names;
  const ipam::Lease* const lease = allocator_.lease(address);
  if (lease == nullptr) return names;
  for (const ipam::Lease::Held& held : lease->holders)
    names.push_back(held.holder.service);
  return names;
}

std::set<model::NamespacedName> Assigner::take_changed_services() {
  return std::exchange(changed_services_, {});
}

std::set<std::string> Assigner::take_changed_eips() {
  return std::exchange(changed_eips_, {});
}

std::set<Address> Assigner::take_changed_addresses() {
  return std::exchange(changed_addresses_, {});
}

void Assigner::enqueue(const Name& service) {
  const auto known = known_.find(service);
  if (known != known_.end()) todo_.insert(known->second.age);
}

void Assigner::enqueue(const Waiting::Line& line) {
  for (const Age& age : line)
    enqueue(age.service);
}

void Assigner::settle(const Name& service) {
  const auto& held = allocator_.held_by(service);
  settle_.insert(held.begin(), held.end());
}

void Assigner::expire(const Turn& turn, std::size_t& budget) {
  for (; budget > 0; --budget) {
    const auto address = allocator_.expired(turn.unix_now);
    if (!address) return;
    changed_eips_.insert(allocator_.lease(*address)->eip);
    allocator_.expire(*address, turn.now);
    refresh_waiting(*address);
  }
}

void Assigner::send(Changes& out) {
  for (ipam::Unsent& unsent : allocator_.take_unsent()) {
    changed_addresses_.insert(unsent.address);
    out.emplace_back(Record{
        .address = unsent.address, .value = std::move(unsent.value), .revision = unsent.revision});
  }
}

// Whoever was refused because of those that share the address, or is to join under their key.
void Assigner::touched(const Address& address, const ipam::Lease& lease) {
  enqueue(waiting_.for_address(address));
  if (!lease.share_key.empty()) enqueue(waiting_.for_share_key(lease.share_key));
}

void Assigner::freed(const Address& address) {
  enqueue(waiting_.for_address(address));
  for (const auto& [name, pool] : allocator_.pools()) {
    if (!pool.contains(address)) continue;
    changed_eips_.insert(name);
    if (pool.gives(address)) start_pump({name, address.family()});
  }
}

void Assigner::refresh_waiting(const Address& address) {
  const auto refresh = [&](const Waiting::Line& line) {
    std::size_t left = kMostRefreshed;
    for (auto age = line.begin(); age != line.end() && left > 0; ++age, --left)
      enqueue(age->service);
  };
  refresh(waiting_.for_address(address));
  for (const auto& [name, pool] : allocator_.pools()) {
    if (pool.contains(address)) refresh(waiting_.for_pool({name, address.family()}));
  }
}

// A freed address is offered to who waits for its pool, the oldest first, one after the other,
// until the pool is full again or all were asked.
void Assigner::start_pump(const PoolFamily& pool) {
  const Waiting::Line& line = waiting_.for_pool(pool);
  point_pump(pool, line.empty() ? nullptr : &*line.begin());
}

void Assigner::advance_pumps(const Age& tried) {
  const auto found = pumped_.find(tried.service);
  if (found == pumped_.end()) return;
  for (const PoolFamily& pool : std::set<PoolFamily>{found->second}) {
    const Age position = pumps_.at(pool);
    const Waiting::Line& line = waiting_.for_pool(pool);
    const auto next = line.upper_bound(position);
    const ipam::Pool* const addresses = allocator_.pool(pool.first);
    const bool has_free =
        addresses != nullptr && allocator_.lowest_free(*addresses, pool.second).has_value();
    point_pump(pool, has_free && next != line.end() ? &*next : nullptr);
  }
}

void Assigner::point_pump(const PoolFamily& pool, const Age* next) {
  const auto known = pumps_.find(pool);
  if (known != pumps_.end()) {
    const auto pumped = pumped_.find(known->second.service);
    pumped->second.erase(pool);
    if (pumped->second.empty()) pumped_.erase(pumped);
    pumps_.erase(known);
  }
  if (next == nullptr) return;
  pumps_.emplace(pool, *next);
  pumped_[next->service].insert(pool);
  enqueue(next->service);
}

const PoolOrder& Assigner::order() const {
  if (std::exchange(order_is_stale_, false)) order_ = pool_order(view_);
  return order_;
}

Chooser Assigner::chooser() const {
  return Chooser{view_, allocator_, order(), known_};
}

}  // namespace porter::plan
