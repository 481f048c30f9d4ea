// SPDX-License-Identifier: Apache-2.0
#include "plan/status.hpp"

#include <utility>

#include "model/time_text.hpp"

namespace porter::plan {
namespace {

using model::Kind;

}  // namespace

StatusWriter::StatusWriter(const View& view, const Assigner& assigner, const Announcer& announcer)
    : view_{view}, assigner_{assigner}, announcer_{announcer} {}

std::optional<StatusDraft> StatusWriter::draft(const model::ObjectKey& key) const {
  switch (key.kind) {
    case Kind::Service: return service_status(view_, assigner_, announcer_, key.name);
    case Kind::Eip: return eip_status(view_, assigner_, key.name.name);
    case Kind::BgpConf: return conf_status(view_, announcer_, key.name.name);
    case Kind::BgpPeer: return peer_status(view_, announcer_, key.name.name);
    case Kind::EndpointSlice:
    case Kind::Node:
    case Kind::Namespace:
    case Kind::Secret:
    case Kind::EipAddress: break;
  }
  return std::nullopt;
}

std::optional<StatusWanted> StatusWriter::write(const model::ObjectKey& key,
                                                std::int64_t unix_now) {
  std::optional<StatusDraft> next = draft(key);
  if (!next) {
    if (said_.erase(key) == 0) return std::nullopt;
    return StatusWanted{.key = key, .status = {}};
  }
  Said& said = said_[key];
  std::map<std::string, Transition> transitions;
  Tree conditions = Tree::list();
  for (const Condition& condition : next->conditions) {
    Transition transition{.is_true = condition.is_true, .since = unix_now};
    const auto before = said.transitions.find(condition.type);
    if (before != said.transitions.end() && before->second.is_true == condition.is_true)
      transition = before->second;
    Tree item = Tree::map();
    item.set("type", condition.type).set("status", condition.is_true ? "True" : "False");
    item.set("reason", condition.reason).set("message", condition.message);
    item.set("lastTransitionTime", model::format_time(transition.since));
    conditions.push(std::move(item));
    transitions.emplace(condition.type, transition);
  }
  next->fields.set("conditions", std::move(conditions));

  std::string text = to_json(next->fields, 0);
  if (said.text == text) return std::nullopt;
  said = {.text = std::move(text), .transitions = std::move(transitions)};
  return StatusWanted{.key = key, .status = std::move(next->fields)};
}

}  // namespace porter::plan
