// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/request.hpp"
#include "plan/assign.hpp"
#include "plan/assign_words.hpp"

// Who gets what, and what is said about it.
namespace porter::plan {
namespace {

bool is_success(Reason reason) {
  return reason == Reason::Assigned || reason == Reason::AssignedOutsidePolicy;
}

// Of several refusals the one that is nearest to an address.
bool is_nearer(const Refusal& left, const Refusal& right) {
  const auto distance = [](Reason reason) {
    if (reason == Reason::PoolExhausted) return 0;
    return reason == Reason::FamilyUnavailable || reason == Reason::NoPool ? 2 : 1;
  };
  return distance(left.reason) < distance(right.reason);
}

void add(std::optional<Refusal>& to, Refusal refusal) {
  if (!to) {
    to = std::move(refusal);
    return;
  }
  if (is_nearer(refusal, *to)) std::swap(*to, refusal);
  to->needs.addresses.merge(refusal.needs.addresses);
  to->needs.pools.merge(refusal.needs.pools);
  if (to->needs.share_key.empty()) to->needs.share_key = std::move(refusal.needs.share_key);
}

Refusal refuse(const model::Problem& problem) {
  Refusal refusal;
  refusal.reason =
      problem.reason == "ConflictingRequest" ? Reason::ConflictingRequest : Reason::InvalidRequest;
  refusal.message =
      problem.field.empty() ? problem.message : problem.field + ": " + problem.message;
  return refusal;
}

Refusal refuse_family(const Wish& wish) {
  Refusal refusal;
  refusal.reason = Reason::FamilyUnavailable;
  refusal.message =
      fmt::format("it asks for {}, and its ipFamilies allow {} only",
                  to_string(wish.request.addresses.front()), to_string(wish.families.front()));
  refusal.fix = "ask for an address of that family, or change the Service's ipFamilies";
  return refusal;
}

std::string not_ours(const View& view, const model::Service& service, Reason reason) {
  switch (reason) {
    case Reason::OtherClass:
      return fmt::format("spec.loadBalancerClass is {}, Porter's is {}",
                         service.load_balancer_class.value_or(""),
                         view.identity.load_balancer_class);
    case Reason::ForeignStatus: {
      std::vector<std::string> shown;
      shown.reserve(service.ingress.size());
      for (const model::Ingress& ingress : service.ingress)
        shown.push_back(ingress.ip.empty() ? ingress.hostname : ingress.ip);
      shown.resize(std::min<std::size_t>(shown.size(), 3));
      return fmt::format("its status shows {}, which is not Porter's", fmt::join(shown, ", "));
    }
    default: return std::string{meaning(reason)};
  }
}

}  // namespace

void Assigner::plan(const Name& name, const Turn& turn) {
  waiting_.forget(name);
  const auto object = view_.services.find(name);
  if (object == view_.services.end()) {
    known_.erase(name);
    if (assignments_.erase(name) > 0) changed_services_.insert(name);
    return;
  }
  const model::Service& service = object->second;
  Known& known = known_.at(name);
  const bool holds = !allocator_.held_by(name).empty();
  known.is_dropped = known.is_dropped && holds;
  const Reason reason = ownership(view_, service, holds && !known.is_dropped);
  if (reason == Reason::Assigned) {
    plan_ours(service, turn);
    return;
  }
  known.age.rank = Age::Rank::New;
  if (reason == Reason::ForeignStatus) waiting_.wait(known.age, {});  // a new pool may make it ours
  Assignment next;
  next.reason = reason;
  next.message = not_ours(view_, service, reason);
  next.fix = fix(reason);
  conclude(service, std::move(next), turn, reason == Reason::ForeignStatus);
}

void Assigner::plan_ours(const model::Service& service, const Turn& turn) {
  Known& known = known_.at(service.meta.name);
  const model::Problem* const problem = known.wish.request.refusal();
  if (std::exchange(known.age.rank, Age::Rank::New) == Age::Rank::Restored && problem == nullptr) {
    restore(service, turn);
    if (!missing(service.meta.name, known.wish).empty()) {
      enqueue(service.meta.name);  // for the rest it stands in line like any other
      return;
    }
  }
  const std::optional<Refusal> refusal =
      problem != nullptr ? refuse(*problem) : take_missing(service, turn);
  const bool is_momentary = refusal && refusal->momentary;
  if (refusal) waiting_.wait(known.age, refusal->needs);
  conclude(service, outcome(service, refusal), turn, !is_momentary);
}

std::vector<Family> Assigner::missing(const Name& service, const Wish& wish) const {
  const auto& held = allocator_.held_by(service);
  if (wish.mode == Wish::Mode::Any && !held.empty()) return {};
  std::vector<Family> families = wish.families;
  for (const Address& address : held)
    std::erase(families, address.family());
  return families;
}

std::vector<Address> Assigner::preferred(const model::Service& service) const {
  const auto& kept = allocator_.kept_for(service.meta.name);
  std::vector<Address> addresses{kept.begin(), kept.end()};
  for (const model::Ingress& ingress : service.ingress) {
    if (const Result<Address> address = Address::parse(ingress.ip)) addresses.push_back(*address);
  }
  return addresses;
}

void Assigner::restore(const model::Service& service, const Turn& turn) {
  for (const Family family : missing(service.meta.name, known_.at(service.meta.name).wish)) {
    if (const auto choice = chooser().restore(service, family)) take(service, *choice, turn);
  }
}

std::optional<Refusal> Assigner::take_missing(const model::Service& service, const Turn& turn) {
  const Wish& wish = known_.at(service.meta.name).wish;
  const std::vector<Family> families = missing(service.meta.name, wish);
  if (families.empty()) return std::nullopt;
  if (wish.asks_in_vain()) return refuse_family(wish);
  std::optional<Refusal> refusal;
  std::vector<Choice> choices;
  for (const Family family : families) {
    Result<Choice, Refusal> choice = chooser().choose(service, family, preferred(service));
    if (choice) {
      choices.push_back(std::move(*choice));
      if (wish.mode == Wish::Mode::Any) break;
    } else if (wish.mode == Wish::Mode::Require) {
      return std::move(choice.error());  // all or nothing
    } else {
      add(refusal, std::move(choice.error()));
    }
  }
  for (const Choice& choice : choices)
    take(service, choice, turn);
  if (wish.mode == Wish::Mode::Any && !choices.empty()) return std::nullopt;
  return refusal;
}

void Assigner::take(const model::Service& service, const Choice& choice, const Turn& turn) {
  const Name& name = service.meta.name;
  const std::string& key = known_.at(name).wish.request.share_key;
  const std::vector<Name> others = holders(choice.address);
  allocator_.take(choice.address, choice.eip, {.service = name, .uid = service.meta.uid}, key,
                  turn.unix_now);
  changed_eips_.insert(choice.eip);
  changed_services_.insert(name);
  if (others.empty() && !key.empty()) enqueue(waiting_.for_share_key(key));
  refresh_waiting(choice.address);
  std::string message = fmt::format("{} from Eip {}", to_string(choice.address), choice.eip);
  if (!others.empty()) {
    message += fmt::format(", shared with {}", model::to_string(others.front()));
    if (others.size() > 1) message += fmt::format(" and {} more", others.size() - 1);
  }
  turn.out.emplace_back(Notice{.about = {.kind = model::Kind::Service, .name = name},
                               .type = Notice::Type::Normal,
                               .reason = "Assigned",
                               .message = std::move(message)});
}

void Assigner::fill_items(const Name& service, Assignment& into) const {
  into.addresses.clear();
  for (const Address& address : allocator_.held_by(service)) {
    const ipam::Lease& lease = *allocator_.lease(address);
    const auto held =
        std::find_if(lease.holders.begin(), lease.holders.end(),
                     [&](const ipam::Lease::Held& each) { return each.holder.service == service; });
    into.addresses.push_back(
        {.address = address, .eip = lease.eip, .recorded = held->recorded, .since = held->since});
  }
}

Assignment Assigner::outcome(const model::Service& service,
                             const std::optional<Refusal>& refusal) const {
  const Wish& wish = known_.at(service.meta.name).wish;
  Assignment next;
  next.ours = true;
  next.wants = to_text(wish, service);
  next.reason = Reason::Assigned;
  fill_items(service.meta.name, next);
  std::vector<std::string> given;
  for (const Assignment::Item& item : next.addresses) {
    given.push_back(fmt::format("{} from Eip {}", to_string(item.address), item.eip));
    const auto eip = view_.eips.find(item.eip);
    std::string outside = eip != view_.eips.end()
                              ? chooser().outside_policy(service, item.address, eip->second)
                              : fmt::format("Eip {} cannot be read", item.eip);
    if (outside.empty()) continue;
    next.reason = Reason::AssignedOutsidePolicy;
    given.back() += fmt::format(", kept although {}", outside);
  }
  next.message = fmt::format("{}", fmt::join(given, "; "));
  if (!refusal) {
    next.fix = fix(next.reason);
    return next;
  }
  const bool is_enough = wish.mode == Wish::Mode::Prefer && !next.addresses.empty() &&
                         wish.request.refusal() == nullptr;
  if (is_enough) {
    next.message += fmt::format("; no second address: {}", refusal->message);
    return next;
  }
  next.reason = refusal->reason;
  next.message = given.empty() ? refusal->message
                               : fmt::format("{}; it keeps {}", refusal->message, next.message);
  next.fix = refusal->fix.empty() ? std::string{fix(refusal->reason)} : refusal->fix;
  return next;
}

// `is_news`: people are told when it failed. What is over in a moment is kept from them.
void Assigner::conclude(const model::Service& service, Assignment next, const Turn& turn,
                        bool is_news) {
  Known& known = known_.at(service.meta.name);
  const auto [entry, is_new] = assignments_.try_emplace(service.meta.name);
  Assignment& last = entry->second;
  const bool same_reason = !is_new && last.reason == next.reason;
  next.since = same_reason ? last.since : turn.unix_now;
  const bool failed = !is_success(next.reason) && is_news;
  if (failed && (!same_reason || (known.edited && last.message != next.message))) {
    turn.out.emplace_back(
        Notice{.about = {.kind = model::Kind::Service, .name = service.meta.name},
               .type = Notice::Type::Warning,
               .reason = "AssignFailed",
               .message = fmt::format("{}: {}", to_string(next.reason), next.message)});
  }
  known.edited = known.edited && !is_news;
  if (!is_new && last == next) return;
  last = std::move(next);
  changed_services_.insert(service.meta.name);
}

}  // namespace porter::plan
