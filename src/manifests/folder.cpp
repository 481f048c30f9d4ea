// SPDX-License-Identifier: Apache-2.0
#include "manifests/folder.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "io/log.hpp"
#include "manifests/reading.hpp"

namespace porter::manifests {
namespace {

using std::chrono::milliseconds;

constexpr Duration kTurn = milliseconds{2};
constexpr Duration kBeat = std::chrono::seconds{1};
constexpr Duration kYoung = milliseconds{100};  // a file that was written to just now
constexpr unsigned kLongestWait = 10;           // times kYoung, for young files at the start
constexpr Duration kSlowWriter = std::chrono::seconds{10};

Duration age_of(const io::FileStamp& stamp) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return now - std::chrono::nanoseconds{stamp.modified};
}

}  // namespace

Folder::Folder(io::asio::any_io_executor executor, io::TaskGroup& tasks, std::string path,
               OnFact on_fact)
    : executor_{std::move(executor)},
      tasks_{tasks},
      root_{std::move(path)},
      on_fact_{std::move(on_fact)},
      index_{[this](plan::Fact fact) { tell(std::move(fact)); }},
      timer_{executor_} {}

void Folder::start() {
  auto inotify = io::Inotify::open(executor_);
  if (inotify) {
    inotify_ = *std::move(inotify);
    tasks_.spawn(listen());
  } else {
    watch_trouble_ = inotify.error().message + "; the folder is read once a second instead";
  }
  tasks_.spawn(work());
}

io::Task<> Folder::work() {
  for (;;) {
    turn_end_ = Clock::now() + kTurn;
    beat();
    apply_gone();
    while (!pending_folders_.empty()) {
      const auto [folder, grace] = *pending_folders_.begin();
      pending_folders_.erase(pending_folders_.begin());
      co_await scan(folder, grace);
    }
    co_await read_pending();
    bury_due();
    for (const std::string& path : index_.take_reloads())
      look_at(path, FolderIndex::kGrace);
    say_whole();
    if (may_say_synced()) {
      is_synced_ = true;
      tell(plan::Synced{});
    }
    if (has_work()) {
      co_await breathe();
      continue;
    }
    const bool is_waiting = !is_synced_ && unsettled_till_ != TimePoint{};
    const TimePoint settled = is_waiting ? unsettled_till_ : kNever;
    timer_.expires_at(std::min({index_.deadline(), next_beat_, settled}));
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
  }
}

io::Task<> Folder::read_pending() {
  while (!pending_files_.empty()) {
    const auto [path, grace] = *pending_files_.begin();
    pending_files_.erase(pending_files_.begin());
    apply_gone();  // what went before it came again
    co_await read(path, grace);
    bury_due();
  }
}

void Folder::apply_gone() {
  for (const std::string& path : std::exchange(pending_gone_, {}))
    index_.gone(path, Clock::now(), FolderIndex::kGrace);
}

// Lets everybody else have a turn once ours is over.
io::Task<> Folder::breathe() {
  if (Clock::now() < turn_end_) co_return;
  co_await io::asio::post(executor_, io::asio::use_awaitable);
  turn_end_ = Clock::now() + kTurn;
}

io::Task<> Folder::read(std::string path, Duration grace) {
  auto reader = io::SlicedRead::open(full(path), kLargestFile);
  Result<bool> done = false;
  while (reader && done && !*done) {
    done = reader->step();
    co_await breathe();
  }
  ++counters_.file_reads;
  reads_.erase(path);
  unread_.erase(path);
  if (!reader && reader.error().code == Errc::NotFound) {
    index_.gone(path, Clock::now(), grace);
    co_return;
  }
  if (!reader || !done) {
    const Error& error = reader ? done.error() : reader.error();
    if (error.code == Errc::Denied || error.code == Errc::Unavailable) unread_.insert(path);
    index_.unreadable(path, error.message);
    log_file_problems(path);
    co_return;
  }
  const io::Contents contents = reader->take();
  const auto links = io::status_of(full(path), io::Links::Show);
  const Duration age = age_of(contents.stamp);
  Read record{.stamp = contents.stamp, .is_settled = age > kBeat, .is_link = false};
  record.is_link = links && links->kind == io::FileKind::Link;
  reads_.insert_or_assign(path, record);
  if (!is_synced_ && age < kYoung) unsettled_till_ = Clock::now() + kYoung;
  co_await read_documents(path, contents.text, grace);
  log_file_problems(path);
}

io::Task<> Folder::read_documents(const std::string& path, std::string_view text, Duration grace) {
  std::vector<DocumentSplitter::Document> documents;
  std::vector<DocumentSeen> seen;
  DocumentSplitter splitter{text};
  while (const auto document = splitter.next()) {
    documents.push_back(*document);
    seen.push_back(DocumentSeen{.hash = hash_of(document->text), .line = document->line});
    co_await breathe();
  }
  if (documents.size() > kMostDocuments) {
    index_.unreadable(path, fmt::format("{}: {} documents, at most {} are read", path,
                                        documents.size(), kMostDocuments));
    co_return;
  }
  index_.begin(path, seen);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (index_.needs_parsing(i)) {
      co_await read_document(i, documents[i]);
    } else {
      index_.keep(i);
    }
    co_await breathe();
  }
  index_.finish(Clock::now(), grace);
}

io::Task<> Folder::read_document(std::size_t index, DocumentSplitter::Document document) {
  DocumentReader reader{document.text, document.line};
  while (!reader.step())
    co_await breathe();
  ++counters_.documents_parsed;
  auto objects = reader.take();
  if (objects) {
    index_.parsed(index, *std::move(objects));
  } else {
    ++counters_.parse_errors;
    index_.broken(index, objects.error());
  }
}

void Folder::bury_due() {
  const TimePoint now = Clock::now();
  if (index_.deadline() > now) return;
  const bool is_there = is_root_there();
  for (const std::string& path : index_.due(now)) {
    if (is_there) {
      bury(path);
    } else {
      index_.postpone(path, now + kBeat);
    }
  }
}

// The second look: only what is still so is believed.
void Folder::bury(const std::string& path) {
  const TimePoint now = Clock::now();
  const auto writing = being_written_.find(path);
  if (writing != being_written_.end() && now < writing->second + kSlowWriter)
    return index_.postpone(path, now + FolderIndex::kGrace);
  const auto status = io::status_of(full(path));
  if (!status && status.error().code == Errc::NotFound) {
    if (!index_.is_gone(path)) return index_.gone(path, now, FolderIndex::kGrace);
    reads_.erase(path);
    said_.erase(path);
    return index_.bury(path);
  }
  const auto read = reads_.find(path);
  const bool is_same = status && read != reads_.end() && read->second.stamp == status->stamp;
  if (is_same && !index_.is_gone(path)) return index_.bury(path);
  index_.postpone(path, now + FolderIndex::kGrace);
  look_at(path, FolderIndex::kGrace);
}

// A start reads what is half written as well. Files that were written to just now are given a
// moment, and read again, before Synced lets the engine release what it did not hear of.
bool Folder::may_say_synced() {
  if (is_synced_ || !is_read_ || has_work()) return false;
  if (unsettled_till_ == TimePoint{} || waited_ >= kLongestWait) return true;
  if (Clock::now() < unsettled_till_) return false;
  ++waited_;
  unsettled_till_ = {};
  for (const auto& [path, read] : reads_) {
    if (age_of(read.stamp) < 2 * kYoung) look_at(path, FolderIndex::kGrace);
  }
  return pending_files_.empty();
}

void Folder::say_whole() {
  const bool is_whole = is_read_ && index_.is_whole() && !walk_trouble_;
  if (is_whole == is_whole_ || has_work()) return;
  is_whole_ = is_whole;
  tell(plan::SourceWhole{is_whole});
}

void Folder::tell(plan::Fact fact) {
  if (const auto* const seen = std::get_if<plan::ProblemsSeen>(&fact)) {
    const std::string key = to_string(seen->key);
    for (const model::Problem& problem : seen->problems) {
      ++counters_.problems;
      log::warn("manifests", problem.message,
                {{"object", key},
                 {"file", seen->where},
                 {"line", problem.line},
                 {"field", problem.field},
                 {"reason", problem.reason}});
    }
    if (seen->problems.empty())
      log::info("manifests", "the object is in order again", {{"object", key}});
  }
  on_fact_(std::move(fact));
}

void Folder::log_file_problems(const std::string& path) {
  const auto* const problems = index_.problems_of_file(path);
  if (problems == nullptr) return;
  std::string words;
  for (const model::Problem& problem : *problems)
    words += fmt::format("{}:{}: {}\n", path, problem.line, problem.message);
  const auto said = said_.find(path);
  if (words.empty() && said == said_.end()) return;
  if (said != said_.end() && said->second == words) return;
  if (words.empty()) {
    said_.erase(said);
    return log::info("manifests", "the file is in order again", {{"file", path}});
  }
  said_.insert_or_assign(path, std::move(words));
  for (const model::Problem& problem : *problems) {
    ++counters_.problems;
    log::warn("manifests", problem.message,
              {{"file", path}, {"line", problem.line}, {"reason", problem.reason}});
  }
}

FolderCounters Folder::counters() const {
  FolderCounters counters = counters_;
  counters.files = index_.file_count();
  counters.objects = index_.object_count();
  return counters;
}

void Folder::look_at(const std::string& path, Duration grace) {
  Duration& longest = pending_files_[path];
  longest = std::max(longest, grace);
  wake();
}

void Folder::went(const std::string& path) {
  pending_files_.erase(path);
  reads_.erase(path);
  unread_.erase(path);
  pending_gone_.insert(path);
  wake();
}

void Folder::look_through(const std::string& folder, Duration grace) {
  Duration& longest = pending_folders_[folder];
  longest = std::max(longest, grace);
  wake();
}

}  // namespace porter::manifests
