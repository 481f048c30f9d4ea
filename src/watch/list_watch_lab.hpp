// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "watch/list_watch.hpp"

// For tests: objects, events and answers in few words, and actions as text.
namespace porter::watch::lab {

inline Tree object(std::string_view name, std::string_view version) {
  Tree metadata = Tree::map();
  metadata.set("namespace", "shop");
  metadata.set("name", name);
  metadata.set("resourceVersion", version);
  Tree object = Tree::map();
  object.set("metadata", std::move(metadata));
  return object;
}

inline Tree bookmark(std::string_view version, bool ends_initial_events) {
  Tree annotations = Tree::map();
  if (ends_initial_events) annotations.set("k8s.io/initial-events-end", "true");
  Tree metadata = Tree::map();
  metadata.set("resourceVersion", version);
  metadata.set("annotations", std::move(annotations));
  Tree object = Tree::map();
  object.set("metadata", std::move(metadata));
  return object;
}

inline Tree status(int code, std::string_view reason, std::string_view message) {
  Tree status = Tree::map();
  status.set("kind", "Status").set("code", code).set("reason", reason).set("message", message);
  return status;
}

inline std::string text_of(const Action& action) {
  struct Words {
    std::string operator()(const List& list) const { return "List " + query_of(list); }
    std::string operator()(const Watch& watch) const {
      if (watch.begin == Watch::Begin::WithAllObjects) return "WatchList";
      return "Watch " + watch.resource_version;
    }
    std::string operator()(const Cancel& /*cancel*/) const { return "Cancel"; }
    std::string operator()(const Applied& applied) const {
      const Tree& metadata = applied.object["metadata"];
      return "Applied " + metadata["name"].text() + "@" + metadata["resourceVersion"].text();
    }
    std::string operator()(const Deleted& deleted) const { return "Deleted " + deleted.name.name; }
    std::string operator()(const Synced& /*synced*/) const { return "Synced"; }
    std::string operator()(const Trouble& trouble) const { return "Trouble: " + trouble.text; }
    std::string operator()(const Recovered& /*recovered*/) const { return "Recovered"; }
    std::string operator()(const WentBack& /*back*/) const { return "WentBack"; }
  };
  return std::visit(Words{}, action);
}

using Texts = std::vector<std::string>;

// A ListWatch with a clock and the id of the request under way.
class Bench {
 public:
  explicit Bench(ListWatchConfig config) : machine_{std::move(config)} {}

  Texts start() { return tell(Start{}); }
  Texts stop() { return tell(Stop{}); }
  Texts answer(int code, std::string_view reason = {}, std::string_view message = {},
               std::optional<Duration> retry_after = {}) {
    ApiStatus status{.code = code,
                     .reason = std::string{reason},
                     .message = std::string{message},
                     .retry_after = retry_after};
    return tell(Answered{.id = request_, .status = std::move(status)});
  }
  Texts item(Tree tree) { return receive(Listed{.object = std::move(tree)}); }
  Texts page(std::string version, std::string continue_token) {
    return receive(ListEnd{.resource_version = std::move(version),
                           .continue_token = std::move(continue_token),
                           .remaining = {}});
  }
  Texts event(WatchEvent::Type type, Tree tree) {
    return receive(WatchEvent{.type = type, .object = std::move(tree)});
  }
  Texts end() { return tell(Ended{.id = request_}); }
  Texts fail(Errc code, std::string why) {
    return tell(Failed{.id = request_, .error = {.code = code, .message = std::move(why)}});
  }
  Texts receive(Item item) { return tell(Received{.id = request_, .item = std::move(item)}); }
  Texts tell(Event event) { return perform(machine_.handle(std::move(event), now_)); }

  // Time goes on to the deadline.
  Texts wait() {
    if (machine_.deadline() != kNever) now_ = std::max(now_, machine_.deadline());
    return perform(machine_.tick(now_));
  }
  Texts pass(Duration span) {
    now_ += span;
    return perform(machine_.tick(now_));
  }

  [[nodiscard]] Duration until_deadline() const { return machine_.deadline() - now_; }
  [[nodiscard]] const ListWatch& machine() const { return machine_; }
  [[nodiscard]] RequestId request() const { return request_; }
  [[nodiscard]] const Watch& last_watch() const { return watch_; }

 private:
  Texts perform(const Actions& actions) {
    Texts texts;
    for (const Action& action : actions) {
      if (const auto* list = std::get_if<List>(&action)) request_ = list->id;
      if (const auto* watch = std::get_if<Watch>(&action)) {
        request_ = watch->id;
        watch_ = *watch;
      }
      texts.push_back(text_of(action));
    }
    return texts;
  }

  TimePoint now_{std::chrono::hours{1}};
  ListWatch machine_;
  RequestId request_ = 0;
  Watch watch_;
};

}  // namespace porter::watch::lab
