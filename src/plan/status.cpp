// SPDX-License-Identifier: Apache-2.0
#include "plan/status.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "model/time_text.hpp"

namespace porter::plan {
namespace {

using model::Kind;

// The same for equal values, whatever the order of keys.
void append_canonical(const Tree& tree, std::string& text) {
  if (tree.is_map()) {
    std::vector<const Tree::Entry*> entries;
    entries.reserve(tree.entries().size());
    for (const Tree::Entry& entry : tree.entries())
      entries.push_back(&entry);
    std::ranges::sort(entries, {}, [](const Tree::Entry* entry) { return entry->key; });
    text += '{';
    for (const Tree::Entry* entry : entries) {
      text += entry->key + ':';
      append_canonical(entry->value, text);
      text += ',';
    }
    text += '}';
  } else if (tree.is_list()) {
    text += '[';
    for (const Tree& item : tree.items()) {
      append_canonical(item, text);
      text += ',';
    }
    text += ']';
  } else {
    text += shown(tree.text()) == tree.text() ? tree.text() : to_json(tree, 0);
  }
}

std::uint64_t hash_of(std::string_view text) {
  return text.empty() ? 0 : std::hash<std::string_view>{}(text);
}

// Of a Service: the addresses, and our conditions.
OurWords ours_in(Kind kind, const Tree& status) {
  OurWords ours;
  std::string text;
  std::map<std::string, std::string> conditions;
  bool is_foreign = false;  // the addresses are somebody else's, and we say so
  for (const Tree& condition : status["conditions"].items()) {
    const std::string& type = condition["type"].text();
    if (kind == Kind::Service && !type.starts_with(kOurConditions)) continue;
    append_canonical(condition, conditions[type]);
    is_foreign |= type == model::kAssignedCondition &&
                  condition["reason"].text() == to_string(Reason::ForeignStatus);
  }
  if (kind == Kind::Service && !is_foreign) {
    for (const Tree& ingress : status["loadBalancer"]["ingress"].items())
      text += ingress["ip"].text() + ingress["hostname"].text() + ' ';
  } else if (kind != Kind::Service) {
    std::map<std::string, std::string> fields;
    for (const Tree::Entry& entry : status.entries()) {
      if (entry.key != "conditions") append_canonical(entry.value, fields[entry.key]);
    }
    for (const auto& [key, value] : fields)
      text.append(key).append("=").append(value).append(" ");
  }
  for (const auto& [type, condition] : conditions) {
    if (kind == Kind::Service && type == model::kAnnouncedCondition) {
      ours.announced = hash_of(condition);
    } else {
      text += condition;
    }
  }
  ours.rest = hash_of(text);
  return ours;
}

// What one session or one node does to every Service at once.
bool is_shared(Reason reason) {
  return reason == Reason::NoEstablishedPeer || reason == Reason::NoCandidateNode ||
         is_announced(reason);
}

}  // namespace

bool has_our_status(Kind kind) {
  return kind == Kind::Service || kind == Kind::Eip || kind == Kind::BgpConf ||
         kind == Kind::BgpPeer || kind == Kind::BgpAdvertisement;
}

StatusWriter::StatusWriter(const View& view, const Assigner& assigner, const Announcer& announcer)
    : view_{view}, assigner_{assigner}, announcer_{announcer} {}

std::optional<StatusDraft> StatusWriter::draft(const model::ObjectKey& key) const {
  switch (key.kind) {
    case Kind::Service: return service_status(view_, assigner_, announcer_, key.name);
    case Kind::Eip: return eip_status(view_, assigner_, key.name.name);
    case Kind::BgpConf: return conf_status(view_, announcer_, key.name.name);
    case Kind::BgpPeer: return peer_status(view_, announcer_, key.name.name);
    case Kind::BgpAdvertisement: return advertisement_status(view_, key.name.name);
    case Kind::EndpointSlice:
    case Kind::Node:
    case Kind::Namespace:
    case Kind::Secret:
    case Kind::EipAddress:
    case Kind::BgpNodeState: break;
  }
  return std::nullopt;
}

std::optional<StatusWanted> StatusWriter::write(const model::ObjectKey& key,
                                                std::int64_t unix_now) {
  std::optional<StatusDraft> next = draft(key);
  if (!next) {
    const auto said = said_.extract(key);
    if (said.empty() || !said.mapped().is_ours) return std::nullopt;
    return StatusWanted{.key = key, .status = {}};
  }
  Said& said = said_[key];
  auto transitions = add_conditions(*next, said, unix_now);
  const OurWords words = ours_in(key.kind, next->fields);
  if (said.words == words) return std::nullopt;
  said = {.words = words, .transitions = std::move(transitions), .is_ours = true};
  return StatusWanted{.key = key, .status = std::move(next->fields)};
}

// A condition that is as true as it was said to be keeps its time.
std::vector<StatusWriter::Transition> StatusWriter::add_conditions(StatusDraft& draft,
                                                                   const Said& said,
                                                                   std::int64_t unix_now) {
  std::vector<Transition> transitions;
  transitions.reserve(draft.conditions.size());
  Tree conditions = Tree::list();
  for (const Condition& condition : draft.conditions) {
    Transition transition{
        .type = hash_of(condition.type), .since = unix_now, .is_true = condition.is_true};
    const Transition* const before = find(said, condition.type);
    if (before != nullptr && before->is_true == condition.is_true) transition = *before;
    Tree item = Tree::map();
    item.set("type", condition.type).set("status", condition.is_true ? "True" : "False");
    item.set("reason", condition.reason).set("message", condition.message);
    item.set("lastTransitionTime", model::format_time(transition.since));
    conditions.push(std::move(item));
    transitions.push_back(transition);
  }
  draft.fields.set("conditions", std::move(conditions));
  return transitions;
}

const StatusWriter::Transition* StatusWriter::find(const Said& said, std::string_view type) {
  const auto found = std::ranges::find(said.transitions, hash_of(type), &Transition::type);
  return found == said.transitions.end() ? nullptr : &*found;
}

bool StatusWriter::has_said(const model::ObjectKey& key) const {
  const auto said = said_.find(key);
  return said != said_.end() && said->second.is_ours;
}

bool StatusWriter::may_pass(const model::ObjectKey& key) const {
  if (key.kind != Kind::Service) return false;
  const auto said = said_.find(key);
  if (said == said_.end()) return false;
  const Transition* const before = find(said->second, model::kAnnouncedCondition);
  if (before == nullptr || !before->is_true) return false;
  if (said->second.words.announced == 0) return false;  // somebody wiped it
  if (!std::ranges::all_of(announcer_.of(key.name),
                           [](const Announcement& one) { return is_shared(one.reason); }))
    return false;
  std::optional<StatusDraft> next = draft(key);
  if (!next) return false;
  add_conditions(*next, said->second, 0);
  const OurWords words = ours_in(key.kind, next->fields);
  return words.rest == said->second.words.rest && words.announced != said->second.words.announced;
}

bool StatusWriter::seen(const model::ObjectKey& key, const Tree& status) {
  Said& said = said_[key];
  const OurWords words = ours_in(key.kind, status);
  if (said.words == words) return false;
  said.words = words;
  for (const Tree& condition : status["conditions"].items()) {
    const bool is_true = condition["status"].text() == "True";
    const auto since = model::parse_time(condition["lastTransitionTime"].text());
    said.is_ours |=
        key.kind != Kind::Service || condition["type"].text().starts_with(kOurConditions);
    const std::string& type = condition["type"].text();
    if (since && find(said, type) == nullptr)
      said.transitions.push_back({.type = hash_of(type), .since = *since, .is_true = is_true});
  }
  return true;
}

}  // namespace porter::plan
