// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "io/file.hpp"
#include "io/inotify.hpp"
#include "io/task_group.hpp"
#include "manifests/folder_index.hpp"
#include "manifests/standing.hpp"
#include "plan/fact.hpp"

// A folder of YAML as a cluster, and the state Porter keeps as YAML.
//
//   files ─ DocumentSplitter ─ hash ─ DocumentReader (libyaml -> Tree -> model::decode) ─
//   FolderIndex ─> Facts
//     inotify ─^                                                                  Folder drives it
//   Changes ─> StateStore ─ journal ─> Recorded;  addresses/, status/, path-ids follow by rename
//
// Change is fast, disappearance is slow: what appears is told at once; what goes away is looked at
// once more after 50 ms (1 s when a rescan missed it), because editors, git and ConfigMap volumes
// replace files in steps. A file or folder that cannot be read, is empty or is broken deletes
// nothing.
namespace porter::manifests {

struct FolderCounters {
  std::uint64_t files = 0;    // now
  std::uint64_t objects = 0;  // now, in force
  std::uint64_t file_reads = 0;
  std::uint64_t documents_parsed = 0;
  std::uint64_t parse_errors = 0;
  std::uint64_t problems = 0;  // told, of objects and files
  std::uint64_t rescans = 0;
  std::uint64_t overflows = 0;  // of the kernel's queue of events
};

// Follows the manifests of a folder and its subfolders. Symbolic links to files are followed, those
// to folders are not. Owned by app; runs in its TaskGroup on the one loop, in turns of at most 2
// ms.
class Folder {
 public:
  using OnFact = std::function<void(plan::Fact)>;

  static constexpr std::size_t kDeepest = 8;
  static constexpr std::size_t kMostFiles = 100'000;

  Folder(io::asio::any_io_executor executor, io::TaskGroup& tasks, std::string path,
         OnFact on_fact);
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() = default;

  // Tells every object in path order, then Synced, then changes. Synced waits until the folder was
  // read once.
  void start();

  [[nodiscard]] FolderCounters counters() const;
  // What concerns no single object: broken documents, unreadable files.
  [[nodiscard]] std::vector<FileProblem> file_problems() const { return index_.file_problems(); }
  // Why the folder as a whole cannot be followed as it should be; none: all is well.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return standing_.trouble(); }

 private:
  struct Read {
    io::FileStamp stamp;
    bool is_settled = false;  // old enough to trust that equal stamps mean equal content
    bool is_link = false;
  };
  struct Found {
    std::string path;
    io::FileStatus status;
    bool is_link = false;
  };
  // One walk through (a part of) the folder.
  struct Walk {
    std::vector<std::pair<std::string, std::size_t>> todo;  // folder ("" or "shop/"), depth
    std::vector<Found> found;
    std::set<std::string> unlisted;  // folders that could not be listed
    bool is_cut = false;             // there was more than we follow
  };

  // folder.cpp
  io::Task<> work();
  io::Task<> read_pending();
  void apply_gone();
  io::Task<> read(std::string path, Duration grace);
  io::Task<> read_documents(const std::string& path, std::string_view text, Duration grace);
  io::Task<> read_document(std::size_t index, DocumentSplitter::Document document);
  io::Task<> breathe();
  void bury_due();
  void bury(const std::string& path);
  [[nodiscard]] bool may_say_synced();
  void say_whole();
  void tell(plan::Fact fact);
  void log_file_problems(const std::string& path);
  void wake() { timer_.cancel(); }

  // folder_scan.cpp
  [[nodiscard]] bool is_root_there();
  void beat();
  io::Task<> scan(std::string folder, Duration grace);
  io::Task<> walk(Walk& walk);
  void list(Walk& walk, const std::string& folder, std::size_t depth);
  void take_entry(Walk& walk, const std::string& folder, std::size_t depth,
                  const io::Listed& entry);
  void compare(const Walk& walk, const std::string& folder, Duration grace);
  void say(std::optional<std::string> trouble);

  // folder_events.cpp
  io::Task<> listen();
  void note(const io::Inotify::Event& event);
  void note_folder(const io::Inotify::Event& event, const std::string& path);
  void note_created(const std::string& path);
  void watch(const std::string& folder);
  void unwatch(const std::string& folder);  // and what lies below

  [[nodiscard]] std::string full(const std::string& path) const { return root_ + "/" + path; }
  [[nodiscard]] bool has_work() const {
    return !pending_files_.empty() || !pending_folders_.empty() || !pending_gone_.empty();
  }
  void look_at(const std::string& path, Duration grace);
  void went(const std::string& path);
  void look_through(const std::string& folder, Duration grace);

  io::asio::any_io_executor executor_;
  io::TaskGroup& tasks_;
  std::string root_;
  OnFact on_fact_;
  FolderIndex index_;
  io::asio::steady_timer timer_;
  std::unique_ptr<io::Inotify> inotify_;
  std::map<int, std::string> folder_of_watch_;
  std::map<std::string, Duration>
      pending_files_;  // to be read, with the grace of what they no longer say
  std::map<std::string, Duration> pending_folders_;  // to be walked through
  std::set<std::string> pending_gone_;
  std::map<std::string, TimePoint> being_written_;  // created, not closed yet
  std::map<std::string, Read> reads_;
  std::set<std::string> unread_;  // to be tried again
  io::FileStamp root_stamp_;
  Standing standing_;
  std::optional<std::string> watch_trouble_;
  std::optional<std::string> walk_trouble_;
  std::map<std::string, std::string> said_;  // file problems as last logged
  FolderCounters counters_;
  TimePoint turn_end_{};
  TimePoint next_beat_{};
  TimePoint next_rescan_{};
  TimePoint unsettled_till_{};
  unsigned waited_ = 0;
  bool is_read_ = false;  // the whole folder, once
  bool is_synced_ = false;
  bool is_whole_ = true;  // as last told
};

}  // namespace porter::manifests
