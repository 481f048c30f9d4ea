// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "plan/assign.hpp"
#include "plan/assign_words.hpp"

// Where somebody else decides: the speaker, and a controller that somebody was faster than.
namespace porter::plan {

void Assigner::record_followed(const Address& address, const model::EipAddress* record) {
  for (const Name& service : holders(address))
    enqueue(service);
  if (const ipam::Lease* const lease = allocator_.lease(address)) changed_eips_.insert(lease->eip);
  allocator_.replace(address, record);
  if (record != nullptr) changed_eips_.insert(record->eip);
  for (const Name& service : holders(address))
    enqueue(service);
  changed_addresses_.insert(address);
}

void Assigner::record_refused(const Address& address, std::uint64_t revision,
                              const model::EipAddress* actual) {
  const ipam::Lease* const lease = allocator_.lease(address);
  if (lease == nullptr || lease->revision != revision) return;
  const std::vector<Name> ours = holders(address);
  changed_eips_.insert(lease->eip);
  allocator_.replace(address, actual);
  if (actual == nullptr) allocator_.reserve(address, {});
  for (const Name& service : ours) {
    changed_services_.insert(service);
    enqueue(service);
  }
  settle_.insert(address);
  changed_addresses_.insert(address);
}

void Assigner::follow(const Name& name, const Turn& turn) {
  const auto object = view_.services.find(name);
  if (object == view_.services.end()) {
    known_.erase(name);
    if (assignments_.erase(name) > 0) changed_services_.insert(name);
    return;
  }
  Assignment next = followed(object->second);
  for (const Assignment::Item& item : next.addresses)
    changed_addresses_.insert(item.address);
  if (const Assignment* const last = of(name)) {
    for (const Assignment::Item& item : last->addresses)
      changed_addresses_.insert(item.address);
  }
  conclude(object->second, std::move(next), turn, false);
}

// Two witnesses: the record names the Service, and the Service's status shows the address beside
// our condition. A status restored from a backup may show what is somebody else's by now.
Assignment Assigner::followed(const model::Service& service) const {
  const Name& name = service.meta.name;
  Assignment next;
  next.wants = to_text(known_.at(name).wish, service);
  fill_items(name, next);
  std::erase_if(next.addresses, [&](const Assignment::Item& item) {
    const auto& holders = allocator_.lease(item.address)->holders;
    return std::none_of(holders.begin(), holders.end(), [&](const ipam::Lease::Held& held) {
      return held.holder.service == name && held.holder.uid == service.meta.uid;
    });
  });
  for (Assignment::Item& item : next.addresses) {
    const std::string shown = to_string(item.address);
    item.recorded = service.assigned.has_value() &&
                    std::any_of(service.ingress.begin(), service.ingress.end(),
                                [&](const model::Ingress& each) { return each.ip == shown; });
  }
  const Reason ownership = plan::ownership(view_, service, !next.addresses.empty());
  next.ours = ownership == Reason::Assigned;
  next.reason = next.ours ? Reason::NotRecorded : ownership;
  next.message = next.ours ? "the controller has not decided yet" : "";
  if (next.ours && service.assigned) {
    next.reason = reason_named(service.assigned->reason).value_or(Reason::NotRecorded);
    next.message = service.assigned->message;
  }
  next.fix = fix(next.reason);
  return next;
}

}  // namespace porter::plan
