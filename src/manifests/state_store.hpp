// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "io/file.hpp"
#include "io/task_group.hpp"
#include "io/worker.hpp"
#include "manifests/journal.hpp"
#include "manifests/standing.hpp"
#include "manifests/state_files.hpp"
#include "plan/fact.hpp"

namespace porter::manifests {

struct StateCounters {
  std::uint64_t batches = 0;  // written to the journal
  std::uint64_t records = 0;
  std::uint64_t files_written = 0;   // or removed
  std::uint64_t failures = 0;        // of any write
  std::uint64_t journal_octets = 0;  // now
  std::uint64_t unrecorded = 0;      // now: Records that wait for a disk that takes them
};

// What `porter run` keeps: addresses, path identifiers, status, as files under --state.
//
// The truth about addresses is the files with the journals replayed over them, the old one first.
// In order:
//
//   1. apply() appends the batch to the journal: one write, and it is Recorded. It survives the
//   process.
//      fdatasync follows on the Worker; a power cut may take what was written in between (some ms).
//   2. At most once in 200 ms the files follow. The journal is set aside as the old one, batches go
//   on in
//      a new one; what changed is written to addresses/ by rename and synced; then the old one is
//      removed. Where this ends early, the old journal is still there, and the files are written
//      again.
//
// A disk that is full or read-only is said once and tried again from 100 ms to 5 s apart. Till then
// Records stay unanswered, so that nothing new is announced; what was announced stays.
//
// Owned by app, on the one loop; the Worker must outlive its TaskGroup.
class StateStore {
 public:
  using OnFact = std::function<void(plan::Fact)>;

  // `late` hears of Records that could not be written when they were applied.
  StateStore(const io::asio::any_io_executor& executor, io::TaskGroup& tasks, io::Worker& worker,
             std::string folder, OnFact late);
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;
  ~StateStore() = default;

  // Locks the folder, makes it where it is not there, reads what an earlier run left: an ObjectSeen
  // for each EipAddress, a PathIdSeen for each next hop. Once, first. An Error is a reason not to
  // start.
  [[nodiscard]] Result<std::vector<plan::Fact>> open();
  void start();

  // Performs Record, RememberPathId and StatusWanted; other Changes are not for us. Returns a
  // Recorded for each Record that is on the journal; those that are not yet are told later.
  [[nodiscard]] std::vector<plan::Fact> apply(const plan::Changes& changes);

  [[nodiscard]] StateCounters counters() const;
  // Why something cannot be written; none: all is well.
  [[nodiscard]] const std::optional<std::string>& trouble() const {
    const auto& journal = journal_retry_.standing.trouble();
    return journal ? journal : files_retry_.standing.trouble();
  }

 private:
  // What to do about one kind of write that fails.
  struct Retry {
    std::string what;                   // "addresses are not recorded"
    TimePoint next = TimePoint::min();  // nothing is tried before
    Duration back_off{};
    Standing standing;
  };
  struct Waiting {
    std::optional<model::EipAddress> value;
    std::uint64_t revision = 0;
  };

  void replay(std::vector<JournalEntry> entries, std::map<Address, model::EipAddress>& values);
  [[nodiscard]] std::vector<plan::Fact> write_journal();
  io::Task<> keep_up();
  io::Task<> sync_journal();
  io::Task<> write_addresses();
  io::Task<> write_status();
  io::Task<WriteOutcome> write(std::vector<FileWrite> files, AlsoSync sync);
  io::Task<> remove_leftovers();
  void put_back(std::map<Address, std::optional<model::EipAddress>> batch, bool path_ids);
  [[nodiscard]] bool has_unwritten() const { return !waiting_.empty() || !waiting_ids_.empty(); }
  [[nodiscard]] TimePoint deadline() const;
  void failed(Retry& retry, std::string why);
  void succeeded(Retry& retry);
  void wake() { timer_.cancel(); }

  io::TaskGroup& tasks_;
  io::Worker& worker_;
  StatePaths paths_;
  OnFact late_;
  io::asio::steady_timer timer_;
  io::Fd lock_;
  JournalFile journal_;
  bool has_old_journal_ = false;
  bool needs_sync_ = false;

  std::map<Address, Waiting> waiting_;  // not in the journal yet
  PathIdsByHop waiting_ids_;
  std::map<Address, std::optional<model::EipAddress>>
      dirty_;  // in the journal, not in its file yet
  PathIdsByHop path_ids_;
  bool path_ids_dirty_ = false;
  std::map<model::ObjectKey, std::optional<Tree>> status_;  // wanted, not written yet
  std::set<std::string> leftovers_;  // status files of an earlier run nobody asked for so far
  TimePoint leftovers_go_ = kNever;

  Pacer address_pace_;
  Pacer status_pace_;
  Retry journal_retry_;
  Retry files_retry_;
  StateCounters counters_;
};

}  // namespace porter::manifests
