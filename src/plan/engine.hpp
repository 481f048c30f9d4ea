// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/announce.hpp"
#include "plan/status.hpp"
#include "plan/status_pace.hpp"

namespace porter::plan {

// The brain of `porter run`, controller and speaker: facts in, keyed Changes out, one direction.
//
//   source ── Fact ──> Engine{View, Assigner, Announcer, status} ── Change ──> store, speaker,
//   status files
//     store ── Recorded ──^     (nothing is announced before it is recorded)
//     speaker ── SessionSeen ──^
//
// Owned by the one thread of logic: it applies facts as they come, calls step() no later than
// deadline(), performs the Changes in order, and yields to the loop before it calls step() again.
//
// Pace. A fact after a quiet spell is planned at once; while facts keep coming, flushes are 4, then
// 8 ms apart (Pacer). A Recorded is not paced: it ends the flush its Record began, and only what
// that flush began with is in it. Status follows behind, at most once in 200 ms. Nothing at all is
// planned before Synced, else a start would release what it has not read yet.
class Engine {
 public:
  // `unix_now` is the wall clock at `now`, in seconds; wall_clock_is() tells when it was stepped.
  Engine(Identity identity, TimePoint now, std::int64_t unix_now);
  ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void apply(Fact fact, TimePoint now);  // O(change)
  [[nodiscard]] Changes step(TimePoint now,
                             std::size_t budget);  // plans at most `budget` keys a stage
  [[nodiscard]] TimePoint deadline() const;
  void wall_clock_is(TimePoint now, std::int64_t unix_now);
  [[nodiscard]] std::int64_t unix_at(TimePoint now) const;

  [[nodiscard]] const View& view() const { return view_; }
  [[nodiscard]] const Assigner& assigner() const { return assigner_; }
  [[nodiscard]] const Announcer& announcer() const { return announcer_; }
  [[nodiscard]] bool planned() const { return planned_; }
  [[nodiscard]] bool is_waiting_for_records() const { return !outstanding_.empty(); }

 private:
  [[nodiscard]] bool remember(ObjectSeen& fact);
  [[nodiscard]] bool remember(ProblemsSeen& fact);
  [[nodiscard]] bool remember(Recorded& fact);
  [[nodiscard]] bool remember(RecordRefused& fact);
  [[nodiscard]] bool remember(PathIdSeen& fact);
  [[nodiscard]] bool remember(SessionSeen& fact);
  [[nodiscard]] bool remember(AggregateSeen& fact);
  [[nodiscard]] bool remember(Synced& fact);
  [[nodiscard]] bool remember(SourceWhole& fact);

  [[nodiscard]] bool remember_service(const model::NamespacedName& name,
                                      std::optional<model::Object>& object);
  [[nodiscard]] bool remember_slice(const model::NamespacedName& name,
                                    std::optional<model::Object>& object);
  [[nodiscard]] bool remember_node(const model::NamespacedName& name,
                                   std::optional<model::Object>& object);
  [[nodiscard]] bool remember_node_state(const std::string& node,
                                         std::optional<model::Object>& object);
  [[nodiscard]] bool remember_eip(const model::NamespacedName& name,
                                  std::optional<model::Object>& object);
  [[nodiscard]] bool remember_record(const model::NamespacedName& name,
                                     std::optional<model::Object>& object);

  [[nodiscard]] bool has_work() const;
  [[nodiscard]] bool has_work_behind_assigner() const;
  void plan(TimePoint now, std::size_t budget, Changes& out);
  void hand_over();
  void note_outstanding(const Changes& out, std::size_t from, TimePoint now);
  void say_planned(TimePoint now, Changes& out);
  void sweep(TimePoint now, std::size_t budget);
  void write_status(TimePoint now, std::size_t budget, Changes& out);
  void hold(std::size_t budget, Changes& out);
  void mark_finalizers(const model::ObjectKey& key);
  void mark_status(const model::ObjectKey& key) { pace_.mark(key); }
  template <typename Map>
  void mark_statuses(model::Kind kind, const Map& all) {
    for (const auto& [name, object] : all)
      mark_status({.kind = kind, .name = {.ns = {}, .name = name}});
  }
  [[nodiscard]] std::optional<TimePoint> patience_for(const model::ObjectKey& key, TimePoint now);

  View view_;
  Assigner assigner_;
  Announcer announcer_;
  StatusWriter status_;
  Pacer pacer_;
  StatusPace pace_;
  std::set<model::ObjectKey> finalizers_dirty_;  // the controller's
  std::map<std::string, Tree> used_;             // of Eips, until Synced: to import from OpenELB
  struct Outstanding {
    std::uint64_t revision = 0;
    TimePoint since;
  };
  bool all_services_changed_ = false;
  TimePoint sweep_at_ = kNever;                    // the status of all Services is marked then,
  std::optional<model::NamespacedName> sweep_on_;  // and so on from this one
  std::map<Address, Outstanding> outstanding_;     // Records without an answer yet
  std::map<model::ObjectKey, TimePoint> passing_;  // status that waits, lest it pass: until when
  TimePoint synced_at_ = kNever;
  bool settled_ = false;  // everything known at Synced was planned
  bool planned_ = false;
  bool flushing_ = false;
  TimePoint epoch_;
  std::int64_t unix_epoch_ = 0;
};

}  // namespace porter::plan
