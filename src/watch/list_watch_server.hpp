// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "watch/list_watch_lab.hpp"

// For tests: the storage of an API server as far as lists and watches show it. One counter of
// versions, a history that is compacted, continue tokens that name a version and a place in it.
namespace porter::watch::lab {

class Server {
 public:
  enum class WatchLists : std::uint8_t { Served, Refused, RefusedInStream };
  using Objects = std::map<std::string, std::uint64_t>;  // name -> resourceVersion

  explicit Server(WatchLists watch_lists) : watch_lists_{watch_lists} { record(); }

  void put(const std::string& name) {
    objects_[name] = ++version_;
    history_.push_back({.version = version_, .type = history_type(name), .name = name});
    record();
  }
  void remove(const std::string& name) {
    if (objects_.erase(name) == 0) return;
    ++version_;
    history_.push_back({.version = version_, .type = "DELETED", .name = name});
    record();
  }
  void compact() { compacted_ = version_; }
  // Other kinds move the version too.
  void pass() {
    ++version_;
    record();
  }

  [[nodiscard]] const Objects& objects() const { return objects_; }
  [[nodiscard]] std::uint64_t version() const { return version_; }

  // The answer to a list: its body, or nothing for 410.
  [[nodiscard]] std::optional<std::string> list(const List& list) const {
    std::uint64_t version = version_;
    std::string from;
    if (!list.continue_token.empty()) {
      const std::size_t slash = list.continue_token.find('/');
      version = std::stoull(list.continue_token.substr(0, slash));
      from = list.continue_token.substr(slash + 1);
      if (version < compacted_) return std::nullopt;
    }
    const Objects& then = snapshots_.at(version);
    std::string body = R"({"kind":"ServiceList","apiVersion":"v1","items":[)";
    unsigned count = 0;
    std::string token;
    for (auto it = then.lower_bound(from); it != then.end(); ++it) {
      if (list.limit > 0 && count == std::min(list.limit, kPage)) {
        token = std::to_string(version) + "/" + it->first;
        break;
      }
      if (count++ > 0) body += ',';
      body += to_json(object(it->first, std::to_string(it->second)), 0);
    }
    return body + R"(],"metadata":{"resourceVersion":")" + std::to_string(version) +
           R"(","continue":")" + token + R"("}})" + "\n";
  }

  // What an open watch says: events behind `position`, which moves on.
  [[nodiscard]] std::string events(std::uint64_t& position) const {
    std::string body;
    for (const Change& change : history_) {
      if (change.version <= position) continue;
      body += line(change.type, object(change.name, std::to_string(change.version)));
    }
    position = version_;
    return body;
  }
  [[nodiscard]] std::string initial_events() const {
    std::string body;
    for (const auto& [name, version] : objects_)
      body += line("ADDED", object(name, std::to_string(version)));
    return body + line("BOOKMARK", bookmark(std::to_string(version_), true));
  }
  [[nodiscard]] std::string bookmark_line() const {
    return line("BOOKMARK", bookmark(std::to_string(version_), false));
  }
  [[nodiscard]] static std::string expired_line() {
    return line("ERROR", status(410, "Expired", "too old resource version"));
  }
  [[nodiscard]] bool is_compacted(std::uint64_t version) const { return version < compacted_; }
  [[nodiscard]] WatchLists watch_lists() const { return watch_lists_; }

  static std::string line(const std::string& type, const Tree& object) {
    return R"({"type":")" + type + R"(","object":)" + to_json(object, 0) + "}\n";
  }

 private:
  static constexpr unsigned kPage = 2;  // smaller than asked for, so that there are several

  struct Change {
    std::uint64_t version = 0;
    std::string type;
    std::string name;
  };
  [[nodiscard]] std::string history_type(const std::string& name) const {
    const Objects& before = snapshots_.at(version_ - 1);
    return before.contains(name) ? "MODIFIED" : "ADDED";
  }
  void record() { snapshots_[version_] = objects_; }

  WatchLists watch_lists_;
  std::uint64_t version_ = 1;
  std::uint64_t compacted_ = 0;
  Objects objects_;
  std::vector<Change> history_;
  std::map<std::uint64_t, Objects> snapshots_;
};

}  // namespace porter::watch::lab
