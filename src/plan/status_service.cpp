// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "plan/status.hpp"

// The status of a Service: its addresses, and the two conditions that tell where the chain ends.
namespace porter::plan {
namespace {

// Only what is durable is shown: somebody may put it into a DNS zone.
Tree load_balancer(const Assignment& assignment) {
  Tree list = Tree::list();
  for (const Assignment::Item& item : assignment.addresses) {
    if (item.recorded)
      list.push(Tree::map().set("ip", to_string(item.address)).set("ipMode", "VIP"));
  }
  Tree status = Tree::map();
  if (!list.items().empty()) status.set("ingress", std::move(list));
  return status;
}

Condition assigned(const Assignment& assignment) {
  const bool is_assigned =
      !assignment.addresses.empty() &&
      (assignment.reason == Reason::Assigned || assignment.reason == Reason::AssignedOutsidePolicy);
  return {.type = std::string{model::kAssignedCondition},
          .is_true = is_assigned,
          .reason = std::string{to_string(assignment.reason)},
          .message = assignment.message};
}

Condition announced(const Assignment& assignment, const std::vector<Announcement>& all) {
  Condition condition;
  condition.type = model::kAnnouncedCondition;
  if (all.empty()) {
    condition.reason = to_string(Reason::NoAddress);
    condition.message =
        fmt::format("no address: {}: {}", to_string(assignment.reason), assignment.message);
    return condition;
  }
  // The worst of them is the reason; of equals the first.
  const auto rank = [](const Announcement& one) {
    if (!is_announced(one.reason)) return 0;
    return one.reason == Reason::Announced ? 2 : 1;
  };
  const auto worst = std::ranges::min_element(all, {}, rank);
  condition.is_true = is_announced(worst->reason);
  condition.reason = to_string(worst->reason);
  for (const Announcement& one : all) {
    if (!condition.message.empty()) condition.message += "; ";
    condition.message += fmt::format("{} {}", to_string(one.address), one.message);
  }
  return condition;
}

}  // namespace

std::optional<StatusDraft> service_status(const View& view, const Assigner& assigner,
                                          const Announcer& announcer,
                                          const model::NamespacedName& name) {
  const Assignment* assignment = assigner.of(name);
  if (!view.services.contains(name) || assignment == nullptr) return std::nullopt;
  StatusDraft draft;
  if (assignment->reason == Reason::ForeignStatus) {
    draft.conditions.push_back(assigned(*assignment));
    return draft;
  }
  if (!assignment->ours) return std::nullopt;
  draft.fields.set("loadBalancer", load_balancer(*assignment));
  draft.conditions.push_back(assigned(*assignment));
  draft.conditions.push_back(announced(*assignment, announcer.of(name)));
  return draft;
}

}  // namespace porter::plan
