// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "watch/list_watch.hpp"
#include "watch/list_watch_words.hpp"

// What comes in a response.
namespace porter::watch {
namespace {

// Kubernetes API concepts, "Streaming lists": on the bookmark behind the initial events.
constexpr std::string_view kInitialEventsEnd = "k8s.io/initial-events-end";

const std::string& version_of(const Tree& object) {
  return object["metadata"]["resourceVersion"].text();
}

model::NamespacedName name_of(const Tree& object) {
  const Tree& metadata = object["metadata"];
  return {.ns = metadata["namespace"].text(), .name = metadata["name"].text()};
}

}  // namespace

void ListWatch::take_listed(Listed& listed, TimePoint now) {
  if (phase_ == Phase::Checking) return;
  const model::NamespacedName name = name_of(listed.object);
  const std::string version = version_of(listed.object);
  if (phase_ != Phase::Listing) return garbled("an item of a list in a watch", now);
  if (name.name.empty() || version.empty())
    return garbled("an object without name or resourceVersion", now);
  deadline_ = now + kPatience;
  apply(std::move(listed.object), name, version);
}

void ListWatch::take_list_end(ListEnd& end, TimePoint now) {
  if (phase_ != Phase::Listing && phase_ != Phase::Checking)
    return garbled("the end of a list in a watch", now);
  deadline_ = now + kPatience;
  page_end_ = std::move(end);
}

void ListWatch::take_event(WatchEvent& event, TimePoint now) {
  if (phase_ != Phase::Watching && phase_ != Phase::Streaming)
    return garbled("an event in a list", now);
  if (phase_ == Phase::Streaming) deadline_ = std::min(watch_ends_, now + kPatience);
  if (event.type == WatchEvent::Type::Error) {
    cancel();
    return refused(status_from(event.object), now);
  }
  const std::string version = version_of(event.object);
  if (version.empty()) return garbled("an event without resourceVersion", now);
  if (event.type == WatchEvent::Type::Bookmark) return take_bookmark(event.object, now);
  const model::NamespacedName name = name_of(event.object);
  if (name.name.empty()) return garbled("an object without name", now);
  if (event.type != WatchEvent::Type::Deleted) {
    apply(std::move(event.object), name, version);
  } else if (known_.erase(name)) {
    ++counters_.deleted;
    actions_.emplace_back(Deleted{.name = name});
  }
  if (phase_ == Phase::Watching) moved_to(version);
}

void ListWatch::take_bookmark(const Tree& object, TimePoint now) {
  const std::string& version = version_of(object);
  if (phase_ == Phase::Watching) return moved_to(version);
  // Before the end of the initial events nothing can be resumed.
  if (object["metadata"]["annotations"][kInitialEventsEnd].text() != "true") return;
  synced(version);
  deadline_ = now + kShortLived;
}

void ListWatch::apply(Tree object, const model::NamespacedName& name, const std::string& version) {
  switch (known_.see(name, version)) {
    case KnownObjects::News::Changed:
      ++counters_.applied;
      actions_.emplace_back(Applied{.object = std::move(object)});
      return;
    case KnownObjects::News::Unchanged: ++counters_.unchanged; return;
    case KnownObjects::News::Full:
      ++counters_.passed_over;
      ++passed_over_in_round_;
      say(too_many(verb(), config_.resource, config_.most_objects));
  }
}

// Forward only: what was received need not be received again.
void ListWatch::moved_to(const std::string& resource_version) {
  if (!is_older_version(resource_version, resource_version_)) resource_version_ = resource_version;
}

}  // namespace porter::watch
