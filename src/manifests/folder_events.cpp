// SPDX-License-Identifier: Apache-2.0
// Folder: what inotify tells. Proved: `git checkout` gives DELETE, CREATE, CLOSE_WRITE of one name;
// an editor's save is a rename over it; a ConfigMap volume renames the link ..data.
#include <sys/inotify.h>
#include <utility>

#include "manifests/folder.hpp"
#include "manifests/reading.hpp"

namespace porter::manifests {
namespace {

constexpr Duration kRescanGrace = std::chrono::seconds{1};

}  // namespace

io::Task<> Folder::listen() {
  for (;;) {
    const auto events = co_await inotify_->next();
    if (!events) {
      // Not seen so far; from here on the folder is read once a second.
      watch_trouble_ = events.error().message + "; the folder is read once a second instead";
      folder_of_watch_.clear();
      inotify_.reset();
      co_return;
    }
    for (const io::Inotify::Event& event : *events)
      note(event);
  }
}

void Folder::note(const io::Inotify::Event& event) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    ++counters_.overflows;
    return look_through("", kRescanGrace);
  }
  const auto found = folder_of_watch_.find(event.watch);
  if (found == folder_of_watch_.end()) return;
  const std::string folder = found->second;
  if ((event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0) folder_of_watch_.erase(found);
  if (event.name.empty()) {
    // The root itself moved, went or was unmounted: the next beat finds out.
    if (folder.empty() && (event.mask & IN_ATTRIB) == 0) {
      next_beat_ = {};
      wake();
    }
    return;
  }
  const std::string path = folder + event.name;
  if ((event.mask & IN_ISDIR) != 0) return note_folder(event, path + "/");
  if (event.name == "..data") return look_through(folder, FolderIndex::kGrace);
  if (!is_manifest_name(event.name)) return;
  const bool is_new = !index_.knows(path);
  if (is_new && index_.file_count() >= kMostFiles) return look_through("", kRescanGrace);
  if ((event.mask & IN_CREATE) != 0) return note_created(path);
  if ((event.mask & IN_ATTRIB) != 0) {
    // It may have become readable. Of others the content did not change.
    if (!reads_.contains(path) && !index_.is_gone(path)) look_at(path, FolderIndex::kGrace);
    return;
  }
  being_written_.erase(path);
  if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0) return went(path);
  look_at(path, FolderIndex::kGrace);
}

void Folder::note_folder(const io::Inotify::Event& event, const std::string& path) {
  if (event.name.starts_with('.')) return;
  if ((event.mask & (IN_CREATE | IN_MOVED_TO)) != 0) return look_through(path, kRescanGrace);
  if ((event.mask & (IN_DELETE | IN_MOVED_FROM)) == 0) {
    if ((event.mask & IN_ATTRIB) != 0 && walk_trouble_) look_through("", kRescanGrace);
    return;
  }
  unwatch(path);
  for (const std::string& file : index_.paths(path))
    went(file);
}

// A file that is being written is not looked at before it is closed. Links are there at once.
void Folder::note_created(const std::string& path) {
  const auto status = io::status_of(full(path), io::Links::Show);
  if (!status) return;
  const bool is_link = status->kind == io::FileKind::Link || status->links > 1;
  if (is_link) return look_at(path, FolderIndex::kGrace);
  being_written_.insert_or_assign(path, Clock::now());
}

void Folder::watch(const std::string& folder) {
  if (!inotify_) return;
  const auto watch = inotify_->watch(full(folder));
  if (watch) {
    folder_of_watch_.insert_or_assign(*watch, folder);
  } else if (watch.error().code == Errc::Unavailable) {
    watch_trouble_ = watch.error().message + "; the folder is read once a second instead";
  }
}

void Folder::unwatch(const std::string& folder) {
  std::erase_if(folder_of_watch_, [&](const auto& each) {
    const bool is_below = each.second.starts_with(folder);
    if (is_below) inotify_->unwatch(each.first);
    return is_below;
  });
}

}  // namespace porter::manifests
