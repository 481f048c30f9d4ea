// SPDX-License-Identifier: Apache-2.0
#include "plan/assign_waiting.hpp"

namespace porter::plan {
namespace {

const Waiting::Line kNobody;

template <class Key>
const Waiting::Line& line_at(const std::map<Key, Waiting::Line>& lines, const Key& key) {
  const auto found = lines.find(key);
  return found == lines.end() ? kNobody : found->second;
}

template <class Key>
void leave(std::map<Key, Waiting::Line>& lines, const Key& key, const Age& age) {
  const auto found = lines.find(key);
  if (found == lines.end()) return;
  found->second.erase(age);
  if (found->second.empty()) lines.erase(found);
}

}  // namespace

void Waiting::wait(const Age& age, Needs needs) {
  forget(age.service);
  all_.insert(age);
  for (const Address& address : needs.addresses)
    by_address_[address].insert(age);
  for (const PoolFamily& pool : needs.pools)
    by_pool_[pool].insert(age);
  if (!needs.share_key.empty()) by_share_key_[needs.share_key].insert(age);
  waiters_.emplace(age.service, Waiter{.age = age, .needs = std::move(needs)});
}

void Waiting::forget(const model::NamespacedName& service) {
  const auto found = waiters_.find(service);
  if (found == waiters_.end()) return;
  const auto& [age, needs] = found->second;
  all_.erase(age);
  for (const Address& address : needs.addresses)
    leave(by_address_, address, age);
  for (const PoolFamily& pool : needs.pools)
    leave(by_pool_, pool, age);
  leave(by_share_key_, needs.share_key, age);
  waiters_.erase(found);
}

const Waiting::Line& Waiting::for_address(const Address& address) const {
  return line_at(by_address_, address);
}

const Waiting::Line& Waiting::for_pool(const PoolFamily& pool) const {
  return line_at(by_pool_, pool);
}

const Waiting::Line& Waiting::for_share_key(const std::string& key) const {
  return line_at(by_share_key_, key);
}

}  // namespace porter::plan
