// SPDX-License-Identifier: Apache-2.0
#include "manifests/state_store.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"

namespace porter::manifests {
namespace {

using std::chrono::milliseconds;

constexpr Duration kPace = milliseconds{200};
constexpr Duration kShortestBackOff = milliseconds{100};
constexpr Duration kLongestBackOff = std::chrono::seconds{5};
constexpr Duration kLeftoversStay = std::chrono::seconds{30};
constexpr std::size_t kFilesAJob = 256;

}  // namespace

StateStore::StateStore(const io::asio::any_io_executor& executor, io::TaskGroup& tasks,
                       io::Worker& worker, std::string folder, OnFact late)
    : tasks_{tasks},
      worker_{worker},
      paths_{std::move(folder)},
      late_{std::move(late)},
      timer_{executor},
      journal_{paths_.journal},
      address_pace_{{.first = kPace, .next = kPace}},
      status_pace_{{.first = kPace, .next = kPace}} {
  journal_retry_.what = "addresses are not recorded, nothing new is announced";
  files_retry_.what = "the files under --state do not follow";
}

Result<std::vector<plan::Fact>> StateStore::open() {
  if (auto made = io::make_folders(paths_.root); !made) return Failure<>{std::move(made.error())};
  auto lock = lock_folder(paths_);
  if (!lock) return Failure<>{std::move(lock.error())};
  lock_ = *std::move(lock);
  auto stored = load_addresses(paths_.addresses);
  if (!stored) return Failure<>{std::move(stored.error())};
  auto ids = load_path_ids(paths_.path_ids);
  if (!ids) return Failure<>{std::move(ids.error())};
  path_ids_ = *std::move(ids);
  JournalFile old{paths_.old_journal};
  auto older = old.load();
  if (!older) return Failure<>{std::move(older.error())};
  auto newer = journal_.load();
  if (!newer) return Failure<>{std::move(newer.error())};
  has_old_journal_ = old.size() > 0;
  if (older->torn_lines + newer->torn_lines > 0)
    log::warn("state", "dropped what was being written when the last run ended",
              {{"file", paths_.journal}});
  replay(std::move(older->entries), stored->values);
  replay(std::move(newer->entries), stored->values);
  leftovers_ = list_status(paths_.status);

  std::vector<plan::Fact> facts;
  for (const auto& [next_hop, id] : path_ids_)
    facts.emplace_back(plan::PathIdSeen{.next_hop = next_hop, .id = id});
  for (auto& [address, value] : stored->values) {
    model::ObjectKey key{.kind = model::Kind::EipAddress, .name = value.meta.name};
    facts.emplace_back(plan::ObjectSeen{.key = std::move(key), .object = std::move(value)});
  }
  for (plan::ProblemsSeen& problem : stored->problems) {
    const auto address = model::address_of_name(problem.key.name.name);
    if (address && dirty_.contains(*address))
      continue;  // the journal knows better, the file is written anew
    log::error("state", problem.problems.front().message, {{"file", problem.where}});
    facts.emplace_back(std::move(problem));
  }
  return facts;
}

void StateStore::replay(std::vector<JournalEntry> entries,
                        std::map<Address, model::EipAddress>& values) {
  for (JournalEntry& entry : entries) {
    if (const auto* const path = std::get_if<PathIdEntry>(&entry)) {
      path_ids_.insert_or_assign(path->next_hop, path->id);
      path_ids_dirty_ = true;
      continue;
    }
    AddressEntry& address = std::get<AddressEntry>(entry);
    dirty_.insert_or_assign(address.address, address.value);
    if (address.value) {
      values.insert_or_assign(address.address, *std::move(address.value));
    } else {
      values.erase(address.address);
    }
  }
  if (!dirty_.empty() || path_ids_dirty_) address_pace_.mark(Clock::now());
}

void StateStore::start() {
  tasks_.spawn(keep_up());
}

std::vector<plan::Fact> StateStore::apply(const plan::Changes& changes) {
  const TimePoint now = Clock::now();
  for (const plan::Change& change : changes) {
    if (const auto* const record = std::get_if<plan::Record>(&change)) {
      waiting_.insert_or_assign(record->address,
                                Waiting{.value = record->value, .revision = record->revision});
    } else if (const auto* const path = std::get_if<plan::RememberPathId>(&change)) {
      const auto known = path_ids_.find(path->next_hop);
      if (known == path_ids_.end() || known->second != path->id)
        waiting_ids_.insert_or_assign(path->next_hop, path->id);
    } else if (const auto* const status = std::get_if<plan::StatusWanted>(&change)) {
      leftovers_.erase(status_file(status->key));
      status_.insert_or_assign(status->key, status->status);
      status_pace_.mark(now);
      wake();
    } else if (std::holds_alternative<plan::Planned>(change) && leftovers_go_ == kNever) {
      leftovers_go_ = now + kLeftoversStay;
      wake();
    }
  }
  if (!has_unwritten() || now < journal_retry_.next) return {};
  return write_journal();
}

std::vector<plan::Fact> StateStore::write_journal() {
  std::vector<JournalEntry> entries;
  for (const auto& [next_hop, id] : waiting_ids_)
    entries.emplace_back(PathIdEntry{.next_hop = next_hop, .id = id});
  for (const auto& [address, record] : waiting_)
    entries.emplace_back(AddressEntry{.address = address, .value = record.value});
  wake();
  if (auto written = journal_.append(encode_batch(entries)); !written) {
    failed(journal_retry_, std::move(written.error().message));
    return {};
  }
  succeeded(journal_retry_);
  ++counters_.batches;
  counters_.records += waiting_.size();
  needs_sync_ = true;
  address_pace_.mark(Clock::now());
  for (const auto& [next_hop, id] : std::exchange(waiting_ids_, {})) {
    path_ids_.insert_or_assign(next_hop, id);
    path_ids_dirty_ = true;
  }
  std::vector<plan::Fact> facts;
  for (auto& [address, record] : std::exchange(waiting_, {})) {
    dirty_.insert_or_assign(address, std::move(record.value));
    facts.emplace_back(plan::Recorded{.address = address, .revision = record.revision});
  }
  return facts;
}

io::Task<> StateStore::keep_up() {
  for (;;) {
    timer_.expires_at(deadline());
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    if (has_unwritten() && Clock::now() >= journal_retry_.next) {
      for (plan::Fact& fact : write_journal())
        late_(std::move(fact));
    }
    if (Clock::now() < files_retry_.next) continue;
    if (needs_sync_) co_await sync_journal();
    if (Clock::now() >= std::max(address_pace_.deadline(), files_retry_.next))
      co_await write_addresses();
    if (Clock::now() >= std::max(status_pace_.deadline(), files_retry_.next))
      co_await write_status();
    if (Clock::now() >= std::max(leftovers_go_, files_retry_.next)) co_await remove_leftovers();
  }
}

TimePoint StateStore::deadline() const {
  TimePoint files = std::min({address_pace_.deadline(), status_pace_.deadline(), leftovers_go_});
  if (needs_sync_) files = TimePoint::min();
  const TimePoint journal = has_unwritten() ? journal_retry_.next : kNever;
  return std::min(journal, std::max(files, files_retry_.next));
}

io::Task<> StateStore::sync_journal() {
  needs_sync_ = false;
  std::function<WriteOutcome()> job = [paths = paths_] {
    WriteOutcome outcome;
    for (const std::string& path : {paths.old_journal, paths.journal}) {
      auto synced = io::sync_file(path);
      if (!synced) outcome.error = std::move(synced.error());
    }
    return outcome;
  };
  const auto outcome = co_await worker_.run<WriteOutcome>(std::move(job));
  if (outcome && !outcome->error) co_return;
  needs_sync_ = true;
  failed(files_retry_, outcome ? outcome->error->message : "the thread for slow calls is busy");
}

io::Task<WriteOutcome> StateStore::write(std::vector<FileWrite> files, AlsoSync sync) {
  std::function<WriteOutcome()> job = [files = std::move(files), root = paths_.root, sync] {
    return write_files(files, root, sync);
  };
  auto outcome = co_await worker_.run<WriteOutcome>(std::move(job));
  WriteOutcome answer;
  if (outcome) {
    answer = *std::move(outcome);
  } else {
    answer.error = Error{.code = Errc::Unavailable, .message = "the thread for slow calls is busy"};
  }
  counters_.files_written += answer.done;
  if (answer.error) failed(files_retry_, answer.error->message);
  co_return answer;
}

io::Task<> StateStore::write_addresses() {
  address_pace_.flushed(Clock::now());
  if (!has_old_journal_) {
    has_old_journal_ = journal_.size() > 0;
    if (auto aside = journal_.set_aside(paths_.old_journal); !aside) {
      has_old_journal_ = false;
      address_pace_.mark(Clock::now());
      failed(files_retry_, std::move(aside.error().message));
      co_return;
    }
  }
  auto batch = std::exchange(dirty_, {});
  const bool with_path_ids = std::exchange(path_ids_dirty_, false);
  std::vector<FileWrite> files;
  if (with_path_ids) files.push_back(FileWrite{.path = paths_.path_ids, .text = render(path_ids_)});
  for (auto each = batch.begin();;) {
    for (; each != batch.end() && files.size() < kFilesAJob; ++each) {
      FileWrite file{.path = paths_.addresses + "/" + address_file(each->first),
                     .text = std::nullopt};
      if (each->second) file.text = render(*each->second);
      files.push_back(std::move(file));
    }
    const AlsoSync sync = each == batch.end() ? AlsoSync::Yes : AlsoSync::No;
    std::vector<FileWrite> job = std::exchange(files, {});
    const WriteOutcome outcome = co_await write(std::move(job), sync);
    if (outcome.error) {
      put_back(std::move(batch), with_path_ids);
      co_return;
    }
    if (each == batch.end()) break;
  }
  if (auto removed = io::remove_file(paths_.old_journal); !removed) {
    put_back(std::move(batch), with_path_ids);
    failed(files_retry_, std::move(removed.error().message));
    co_return;
  }
  has_old_journal_ = false;
  succeeded(files_retry_);
}

// What was changed since stays: it is newer.
void StateStore::put_back(std::map<Address, std::optional<model::EipAddress>> batch,
                          bool path_ids) {
  dirty_.merge(batch);
  path_ids_dirty_ |= path_ids;
  address_pace_.mark(Clock::now());
}

io::Task<> StateStore::write_status() {
  status_pace_.flushed(Clock::now());
  while (!status_.empty()) {
    std::map<model::ObjectKey, std::optional<Tree>> batch;
    std::vector<FileWrite> files;
    while (!status_.empty() && files.size() < kFilesAJob) {
      const auto& [key, tree] = *status_.begin();
      FileWrite file{.path = paths_.status + "/" + status_file(key), .text = std::nullopt};
      if (tree) file.text = render_status(key, *tree);
      files.push_back(std::move(file));
      batch.insert(status_.extract(status_.begin()));
    }
    const WriteOutcome outcome = co_await write(std::move(files), AlsoSync::No);
    if (!outcome.error) continue;
    status_.merge(batch);
    status_pace_.mark(Clock::now());
    co_return;
  }
  succeeded(files_retry_);
}

// Objects that went away while no Porter ran: everything planned, and nobody asked for their
// status.
io::Task<> StateStore::remove_leftovers() {
  leftovers_go_ = kNever;
  std::vector<FileWrite> files;
  for (const std::string& name : leftovers_)
    files.push_back(FileWrite{.path = paths_.status + "/" + name, .text = std::nullopt});
  const WriteOutcome outcome = co_await write(std::move(files), AlsoSync::No);
  if (!outcome.error) leftovers_.clear();
}

void StateStore::failed(Retry& retry, std::string why) {
  ++counters_.failures;
  retry.back_off = std::clamp(2 * retry.back_off, kShortestBackOff, kLongestBackOff);
  retry.next = Clock::now() + retry.back_off;
  if (retry.standing.is(fmt::format("{}: {}", retry.what, why)) == Standing::News::Trouble)
    log::error("state", *retry.standing.trouble(), {{"folder", paths_.root}});
}

void StateStore::succeeded(Retry& retry) {
  retry.back_off = {};
  retry.next = TimePoint::min();
  if (retry.standing.is(std::nullopt) == Standing::News::Over)
    log::info("state", "written again", {{"folder", paths_.root}});
}

StateCounters StateStore::counters() const {
  StateCounters counters = counters_;
  counters.journal_octets = journal_.size();
  counters.unrecorded = waiting_.size();
  return counters;
}

}  // namespace porter::manifests
