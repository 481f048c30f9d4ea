// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "io/task_group.hpp"
#include "kube/client.hpp"
#include "kube/one_task.hpp"
#include "kube/resource.hpp"
#include "plan/fact.hpp"
#include "watch/list_watch.hpp"

namespace porter::kube {

// Follows one resource: performs what its watch::ListWatch asks for and tells what comes of it.
//
// One coroutine keeps the machine's time, at most one more reads the body of the request under way.
// A body is parsed and decoded piece by piece, a turn of the loop each.
class Reflector {
 public:
  struct Config {
    Resource resource;
    std::string ns;              // empty: all namespaces
    std::string label_selector;  // as kubectl -l takes it
    std::string field_selector;
    watch::ListWatchConfig list_watch;  // `resource` is filled in
    watch::Limits limits;
    bool tells_status = false;  // ObjectSeen::status is filled in, for who writes it
  };
  struct Told {
    std::function<void(plan::Fact)> fact;  // ObjectSeen, ProblemsSeen
    std::function<void()> synced;          // once, after the first list
    std::function<void()> went_back;       // watch::WentBack; all objects are told anew
    // Of a kind that the model does not know: the object as it is, or none: it is gone.
    std::function<void(const model::NamespacedName&, const Tree*)> other;
    // The trouble began, changed or ended: see trouble().
    std::function<void()> trouble;
  };

  Reflector(io::asio::any_io_executor executor, Client& client, Config config, Told told);
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;
  ~Reflector();

  void start();
  io::Task<> stop();  // awaited before it is destroyed

  [[nodiscard]] bool is_synced() const { return is_synced_; }
  // Why the resource cannot be followed, in words for /readyz; empty: all is well.
  [[nodiscard]] std::string trouble() const;
  [[nodiscard]] watch::ListWatchStatus status() const { return machine_.status(); }
  [[nodiscard]] const Resource& resource() const { return config_.resource; }

 private:
  io::Task<> keep_time();
  io::Task<> request(watch::RequestId id, watch::Body body, std::string query);
  [[nodiscard]] bool take(watch::RequestId id, watch::ItemStream& items, std::string_view bytes);
  void tell(watch::Event event);
  void perform(watch::Actions actions);
  void perform(watch::Action& action);
  void begin(watch::RequestId id, watch::Body body, std::string query);
  void cancel(watch::RequestId id);
  void applied(const Tree& object);
  void deleted(const model::NamespacedName& name);
  void problems_seen(plan::ProblemsSeen seen);

  io::asio::any_io_executor executor_;
  Client& client_;
  Config config_;
  Told told_;
  watch::ListWatch machine_;
  io::asio::steady_timer timer_;
  std::optional<model::Kind> kind_;
  std::set<model::ObjectKey> troubled_;  // objects whose problems were told
  std::string trouble_;
  bool is_synced_ = false;
  bool is_stopped_ = false;
  watch::RequestId current_ = 0;  // the request under way; 0: none
  OneTask reading_;
  io::TaskGroup tasks_;
};

}  // namespace porter::kube
