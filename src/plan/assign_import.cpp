// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "plan/assign.hpp"

// The one time that status.used of an Eip is read: OpenELB's only record of who holds what.
namespace porter::plan {
namespace {

bool shows(const model::Service& service, const Address& address) {
  return std::ranges::any_of(service.ingress, [&](const model::Ingress& each) {
    const Result<Address> shown = Address::parse(each.ip);
    return shown && *shown == address;
  });
}

// "shop/web;shop/api", in the order in which they joined.
std::vector<model::NamespacedName> names_in(std::string_view text) {
  std::vector<model::NamespacedName> names;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const std::size_t slash = one.find('/');
    if (slash == std::string_view::npos) continue;
    names.push_back(
        {.ns = std::string{one.substr(0, slash)}, .name = std::string{one.substr(slash + 1)}});
  }
  return names;
}

}  // namespace

// What has a record already, and what no Service shows, is passed over; whether the Services may
// keep it is decided as ever.
void Assigner::import_used(const std::string& eip, const Tree& used) {
  const auto pool = view_.eips.find(eip);
  if (pool == view_.eips.end()) return;
  for (const Tree::Entry& entry : used.entries()) {
    const Result<Address> address = Address::parse(entry.key);
    if (!address || !pool->second.contains(*address) || allocator_.lease(*address) != nullptr)
      continue;
    model::EipAddress record;
    record.address = *address;
    record.eip = eip;
    for (model::NamespacedName& name : names_in(entry.value.text())) {
      const auto service = view_.services.find(name);
      if (service == view_.services.end() || !shows(service->second, *address)) continue;
      record.services.push_back({.service = std::move(name), .uid = service->second.meta.uid});
    }
    if (record.services.empty()) continue;
    allocator_.load(record);
    allocator_.rewrite(*address);
    changed_eips_.insert(eip);
  }
}

}  // namespace porter::plan
