// SPDX-License-Identifier: Apache-2.0
// Folder: walking through it, at the start, when something was missed, and once a second the little
// that tells whether something was.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "manifests/folder.hpp"
#include "manifests/reading.hpp"

namespace porter::manifests {
namespace {

constexpr Duration kBeat = std::chrono::seconds{1};
constexpr Duration kRescanGrace = std::chrono::seconds{1};
constexpr Duration kSlowWriter = std::chrono::seconds{10};
constexpr int kScanShare = 20;                 // where we must poll, at most one 20th of the time
constexpr std::size_t kMostEntries = 200'000;  // of one folder

}  // namespace

// The folder may be mounted, unmounted, or a link that is pointed elsewhere, none of which inotify
// tells.
bool Folder::is_root_there() {
  const auto status = io::status_of(root_);
  if (!status || status->kind != io::FileKind::Folder) {
    say(status ? root_ + ": not a folder" : status.error().message);
    root_stamp_ = {};
    return false;
  }
  const bool is_same =
      status->stamp.device == root_stamp_.device && status->stamp.inode == root_stamp_.inode;
  if (!is_same) {
    unwatch("");
    root_stamp_ = status->stamp;
    look_through("", kRescanGrace);
  }
  return is_same;
}

void Folder::beat() {
  const TimePoint now = Clock::now();
  if (now < next_beat_) return;
  next_beat_ = now + kBeat;
  if (!is_root_there()) return;
  if ((watch_trouble_ || walk_trouble_) && now >= next_rescan_) look_through("", kRescanGrace);
  std::erase_if(being_written_, [&](const auto& each) {
    const bool is_slow = now >= each.second + kSlowWriter;
    if (is_slow) look_at(each.first, kRescanGrace);
    return is_slow;
  });
  for (const std::string& path : unread_)
    look_at(path, kRescanGrace);
  for (const auto& [path, read] : reads_) {
    if (!read.is_link) continue;
    const auto status = io::status_of(full(path));
    if (!status || status->stamp != read.stamp) look_at(path, kRescanGrace);
  }
}

io::Task<> Folder::scan(std::string folder, Duration grace) {
  ++counters_.rescans;
  const TimePoint began = Clock::now();
  if (folder.empty()) {
    walk_trouble_.reset();
    if (inotify_) watch_trouble_.reset();
  }
  Walk found;
  const std::size_t depth = static_cast<std::size_t>(std::count(folder.begin(), folder.end(), '/'));
  found.todo.emplace_back(folder, depth);
  co_await walk(found);
  compare(found, folder, grace);
  const TimePoint now = Clock::now();
  next_rescan_ = now + kScanShare * (now - began);
}

io::Task<> Folder::walk(Walk& walk) {
  while (!walk.todo.empty()) {
    const auto [folder, depth] = std::move(walk.todo.back());
    walk.todo.pop_back();
    list(walk, folder, depth);
    co_await breathe();
  }
}

void Folder::list(Walk& walk, const std::string& folder, std::size_t depth) {
  watch(folder);  // before it is listed, so that nothing falls between the two
  auto entries = io::list_folder(full(folder), kMostEntries);
  if (!entries) {
    // Below a folder that went away everything is gone; one that cannot be read says nothing.
    const bool is_gone = entries.error().code == Errc::NotFound && !folder.empty();
    if (!is_gone) walk.unlisted.insert(folder);
    if (!is_gone) walk_trouble_ = entries.error().message;
    return;
  }
  std::sort(entries->begin(), entries->end(),
            [](const io::Listed& left, const io::Listed& right) { return left.name < right.name; });
  for (const io::Listed& entry : *entries)
    take_entry(walk, folder, depth, entry);
}

void Folder::take_entry(Walk& walk, const std::string& folder, std::size_t depth,
                        const io::Listed& entry) {
  if (entry.name.starts_with('.')) return;
  const std::string path = folder + entry.name;
  if (entry.kind == io::FileKind::Folder) {
    if (depth + 1 < kDeepest) {
      walk.todo.emplace_back(path + "/", depth + 1);
    } else {
      walk.is_cut = true;
      walk_trouble_ = fmt::format("{}: deeper than {} folders, not followed", path, kDeepest);
    }
    return;
  }
  if (!is_manifest_name(entry.name)) return;
  if (walk.found.size() >= kMostFiles) {
    walk.is_cut = true;
    walk_trouble_ =
        fmt::format("{}: more than {} files, the rest is not followed", root_, kMostFiles);
    return;
  }
  const auto status = io::status_of(full(path));
  const bool is_link = entry.kind == io::FileKind::Link;
  if (!status) {
    // Gone since it was listed, or a link to nowhere. What cannot be looked at is reported by
    // reading it.
    if (status.error().code != Errc::NotFound)
      walk.found.push_back(Found{.path = path, .status = {}, .is_link = is_link});
    return;
  }
  if (status->kind == io::FileKind::Regular)
    walk.found.push_back(Found{.path = path, .status = *status, .is_link = is_link});
}

void Folder::compare(const Walk& walk, const std::string& folder, Duration grace) {
  const bool is_whole = folder.empty();
  if (is_whole && walk.unlisted.contains("")) return say(walk_trouble_);
  if (is_whole && walk.found.empty() && index_.file_count() > 0) {
    // More likely an unmounted volume than a wish.
    walk_trouble_ =
        root_ + ": no manifests there any more; what they said stays in force until there are some";
    return say(walk_trouble_);
  }
  std::set<std::string> found;
  for (const Found& file : walk.found) {
    found.insert(file.path);
    const auto read = reads_.find(file.path);
    const bool is_known = read != reads_.end() && read->second.is_settled &&
                          read->second.stamp == file.status.stamp && !index_.is_gone(file.path);
    if (!is_known) look_at(file.path, grace);
  }
  if (!walk.is_cut) {
    for (const std::string& path : index_.paths(folder)) {
      const bool is_unlisted =
          std::any_of(walk.unlisted.begin(), walk.unlisted.end(),
                      [&](const std::string& hidden) { return path.starts_with(hidden); });
      if (!found.contains(path) && !is_unlisted) index_.gone(path, Clock::now(), grace);
    }
  }
  if (!is_whole) return;
  is_read_ = true;
  say(walk_trouble_ ? walk_trouble_ : watch_trouble_);
}

void Folder::say(std::optional<std::string> trouble) {
  switch (standing_.is(std::move(trouble))) {
    case Standing::News::None: break;
    case Standing::News::Trouble:
      log::error("manifests", *standing_.trouble(), {{"folder", root_}});
      break;
    case Standing::News::Over:
      log::info("manifests", "the folder is followed again", {{"folder", root_}});
      break;
  }
}

}  // namespace porter::manifests
