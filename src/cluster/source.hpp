// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kube/reflector.hpp"
#include "plan/fact.hpp"

namespace porter::cluster {

// What an Engine in the controller's role wants to hear of.
[[nodiscard]] const std::vector<model::Kind>& kinds_of_a_controller();

// A cluster as the Engine's source of facts: one reflector for each kind, and Synced once all of
// them have listed. Remembers the resourceVersion of what it told, which the writes of the
// controller carry. Owned by app; on the one loop.
class Source {
 public:
  using OnFact = std::function<void(plan::Fact)>;
  enum class Statuses : std::uint8_t {
    Told,
    LeftOut
  };  // for who writes them; or not copied at all

  Source(io::asio::any_io_executor executor, kube::Client& client,
         const std::vector<model::Kind>& kinds, Statuses statuses, std::uint64_t jitter_seed,
         OnFact on_fact);
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source();

  void start();
  // One kind more, once it is in use; Synced waits for it too, where it has not been told yet.
  void follow(model::Kind kind);
  io::Task<> stop();  // awaited before it is destroyed

  [[nodiscard]] bool is_synced() const { return is_synced_; }
  // "cannot list services: …", one per kind that cannot be followed.
  [[nodiscard]] std::vector<std::string> troubles() const;
  // Kinds whose first list has not come yet.
  [[nodiscard]] std::vector<std::string> awaited() const;

  struct Followed {
    std::string kind;  // "services"
    watch::ListWatchCounters counters;
  };
  [[nodiscard]] std::vector<Followed> followed() const;

  // Empty: no such object was told.
  [[nodiscard]] const std::string& version_of(const model::ObjectKey& key) const;
  // The same as the watch told it, of objects that have finalizers or should get one.
  [[nodiscard]] const std::string& seen_version_of(const model::ObjectKey& key) const;
  // The API server answered a write of ours with a newer one: what is older on its way is no news.
  // Empty: we deleted it.
  void written(const model::ObjectKey& key, const std::string& resource_version);
  // What to do when the storage was restored from a backup; without it all is told anew.
  void on_went_back(std::function<void()> call) { on_went_back_ = std::move(call); }

 private:
  void take(plan::Fact fact);
  void synced();
  void went_back(model::Kind kind);
  void add(model::Kind kind);

  io::asio::any_io_executor executor_;
  kube::Client& client_;
  Statuses statuses_;
  std::uint64_t jitter_seed_;
  std::set<model::Kind> kinds_;

  OnFact on_fact_;
  std::function<void()> on_went_back_;
  std::map<model::ObjectKey, std::string> versions_;
  std::map<model::ObjectKey, std::string> deleted_versions_;  // by us, and the watch is behind
  std::map<model::ObjectKey, std::string> seen_versions_;
  std::vector<std::unique_ptr<kube::Reflector>> reflectors_;
  bool is_synced_ = false;
};

}  // namespace porter::cluster
