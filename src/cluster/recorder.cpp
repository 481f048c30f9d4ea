// SPDX-License-Identifier: Apache-2.0
#include "cluster/recorder.hpp"

#include <utility>
#include <vector>

#include "io/log.hpp"
#include "model/encode.hpp"
#include "plan/finalizers.hpp"

namespace porter::cluster {
namespace {

using model::Kind;

constexpr std::string_view kManager = "porter-controller";

model::ObjectKey key_of(const Address& address) {
  return {.kind = Kind::EipAddress, .name = {.ns = {}, .name = model::eip_address_name(address)}};
}

// The decoded EipAddress that stands in our way; none where it makes no sense.
std::optional<model::EipAddress> address_in(const Tree& object) {
  model::Decoded decoded = model::decode(object);
  if (!decoded.object) return std::nullopt;
  auto* const found = std::get_if<model::EipAddress>(&*decoded.object);
  return found == nullptr ? std::nullopt : std::optional{std::move(*found)};
}

Tree finalizers_tree(const std::vector<std::string>& list) {
  Tree finalizers = Tree::list();
  for (const std::string& finalizer : list)
    finalizers.push(finalizer);
  return Tree::map().set("finalizers", std::move(finalizers));
}

// None: `current` has them as they should be.
std::optional<kube::Operation> finalizers_patch(const Tree& current, bool is_held) {
  std::vector<std::string> list;
  for (const Tree& finalizer : current.at_path("metadata.finalizers").items())
    list.push_back(finalizer.text());
  const bool is_deleting = !current.at_path("metadata.deletionTimestamp").is_null();
  const std::vector<std::string> after = plan::finalizers_after(list, is_deleting, is_held);
  if (after == list) return std::nullopt;
  return kube::PatchMetadata{
      .metadata = finalizers_tree(after),
      .resource_version = current.at_path("metadata.resourceVersion").text()};
}

}  // namespace

Recorder::Recorder(kube::Writer& writer, Source& source, Hooks hooks)
    : writer_{writer}, source_{source}, hooks_{std::move(hooks)} {}

void Recorder::apply(const plan::Changes& changes) {
  for (const plan::Change& change : changes) {
    if (const auto* const wanted = std::get_if<plan::Record>(&change)) {
      slots_[wanted->address].next = *wanted;
      write(wanted->address);
    } else if (const auto* const said = std::get_if<plan::StatusWanted>(&change)) {
      statuses_[said->key] = said->status.value_or(Tree::map());
      status(said->key);
    } else if (const auto* const held = std::get_if<plan::FinalizersWanted>(&change)) {
      holdings_[held->key].next = *held;
      hold(held->key);
    }
  }
}

void Recorder::retry() {
  std::vector<Address> addresses;
  for (const auto& [address, slot] : slots_) {
    if (slot.next && !slot.is_busy) addresses.push_back(address);
  }
  for (const Address& address : addresses)
    write(address);
  std::vector<model::ObjectKey> keys;
  keys.reserve(statuses_.size() + holdings_.size());
  for (const auto& [key, tree] : statuses_)
    keys.push_back(key);
  for (const model::ObjectKey& key : keys)
    status(key);
  keys.clear();
  for (const auto& [key, holding] : holdings_)
    keys.push_back(key);
  for (const model::ObjectKey& key : keys)
    hold(key);
}

void Recorder::write(const Address& address) {
  Slot& slot = slots_.at(address);
  if (slot.is_busy || !slot.next || !hooks_.may_act()) return;
  const plan::Record wanted = *slot.next;
  const bool is_there = !source_.version_of(key_of(address)).empty();
  if (!wanted.value && !is_there) {  // nothing was ever written
    slots_.erase(address);
    hooks_.fact(plan::Recorded{.address = address, .revision = wanted.revision});
    return;
  }
  if (!writer_.put(wish_for(wanted))) return;
  slot.next.reset();
  slot.is_busy = true;
}

kube::Wish Recorder::wish_for(const plan::Record& record) {
  const model::ObjectKey key = key_of(record.address);
  const std::string& version = source_.version_of(key);
  kube::Wish wish;
  wish.key = {.resource = kube::resource_of(Kind::EipAddress), .name = key.name, .part = {}};
  if (!record.value) {
    wish.operation = kube::Delete{.uid = {}, .resource_version = version};
  } else if (version.empty()) {
    wish.operation = kube::Create{.object = model::to_tree(*record.value)};
  } else {
    Tree seen = Tree::map();
    seen.set("metadata", Tree::map().set("resourceVersion", version));
    wish.operation = kube::based_on(kube::Update{.object = model::to_tree(*record.value)}, seen);
  }
  // What somebody else created is not overwritten; what is ours goes its way whatever they wrote.
  if (!version.empty()) wish.rebase = again(wish.operation);
  wish.done = [this, record](const kube::WriteResult& result) { recorded(record, result); };
  return wish;
}

std::function<std::optional<kube::Operation>(const Tree&)> Recorder::again(
    kube::Operation operation) const {
  return [this,
          operation = std::move(operation)](const Tree& current) -> std::optional<kube::Operation> {
    if (!hooks_.may_act()) return std::nullopt;
    return kube::based_on(operation, current);
  };
}

void Recorder::recorded(const plan::Record& record, const kube::WriteResult& result) {
  const Address address = record.address;
  const model::ObjectKey key = key_of(address);
  Slot& slot = slots_[address];
  slot.is_busy = false;
  using Outcome = kube::WriteOutcome;
  const bool is_done =
      result.outcome == Outcome::Written || (result.outcome == Outcome::Gone && !record.value);
  if (is_done) {
    source_.written(key, record.value ? result.object.at_path("metadata.resourceVersion").text()
                                      : std::string{});
    hooks_.fact(plan::Recorded{.address = address, .revision = record.revision});
  } else if (result.outcome == Outcome::Gone) {
    source_.written(key, {});  // somebody deleted it: it is made anew
    if (!slot.next) slot.next = record;
  } else if (result.outcome == Outcome::Conflict && record.value) {
    source_.written(key, result.object.at_path("metadata.resourceVersion").text());
    hooks_.fact(plan::RecordRefused{
        .address = address, .revision = record.revision, .actual = address_in(result.object)});
  } else if (result.outcome == Outcome::Refused) {
    // The API server will not have it as it is, so nobody may believe in it.
    hooks_.fact(plan::RecordRefused{
        .address = address, .revision = record.revision, .actual = std::nullopt});
  }
  if (slots_[address].next) {
    write(address);
  } else {
    slots_.erase(address);
  }
}

void Recorder::status(const model::ObjectKey& key) {
  const auto wanted = statuses_.find(key);
  if (wanted == statuses_.end() || !hooks_.may_act()) return;
  const std::string uid = hooks_.uid_of(key);
  if (uid.empty()) {  // it is gone
    statuses_.erase(wanted);
    return;
  }
  kube::Wish wish;
  wish.key = {.resource = kube::resource_of(key.kind), .name = key.name, .part = "status"};
  wish.uid = uid;
  wish.operation = kube::ApplyStatus{.status = wanted->second,
                                     .manager = std::string{kManager},
                                     .resource_version = source_.version_of(key)};
  wish.rebase = again(wish.operation);
  wish.done = [this, key](const kube::WriteResult& result) {
    if (result.outcome == kube::WriteOutcome::Written)
      source_.written(key, result.object.at_path("metadata.resourceVersion").text());
  };
  if (writer_.put(std::move(wish))) statuses_.erase(key);
}

// Told again for every address that comes and goes: the same that is under way is not repeated.
void Recorder::hold(const model::ObjectKey& key) {
  const auto found = holdings_.find(key);
  if (found == holdings_.end() || !hooks_.may_act()) return;
  Holding& holding = found->second;
  if (!holding.next) return;
  const plan::FinalizersWanted next = *holding.next;
  if (holding.under_way == next.is_held) {
    holding.next.reset();
    return;
  }
  if (holding.under_way) return;  // its end comes back to it
  kube::Wish wish;
  wish.key = {.resource = kube::resource_of(key.kind), .name = key.name, .part = "finalizers"};
  wish.uid = hooks_.uid_of(key);
  if (wish.uid.empty()) {  // it is gone
    holdings_.erase(found);
    return;
  }
  const bool is_held = next.is_held;
  wish.operation = kube::PatchMetadata{.metadata = finalizers_tree(next.list),
                                       .resource_version = source_.seen_version_of(key)};
  wish.rebase = [this, is_held](const Tree& current) -> std::optional<kube::Operation> {
    return hooks_.may_act() ? finalizers_patch(current, is_held) : std::nullopt;
  };
  wish.done = [this, key](const kube::WriteResult& result) {
    if (result.outcome == kube::WriteOutcome::Written)
      source_.written(key, result.object.at_path("metadata.resourceVersion").text());
    const auto ended = holdings_.find(key);
    if (ended == holdings_.end()) return;
    ended->second.under_way.reset();
    if (!ended->second.next) holdings_.erase(ended);
    hold(key);
  };
  if (!writer_.put(std::move(wish))) return;
  holding.next.reset();
  holding.under_way = is_held;
}

}  // namespace porter::cluster
