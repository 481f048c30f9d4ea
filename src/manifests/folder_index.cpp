// SPDX-License-Identifier: Apache-2.0
#include "manifests/folder_index.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace porter::manifests {
namespace {

using model::Problem;

// Meta::order: 26 bits for the file, 22 for the document, 16 for the item of a List. Labels are
// spread, so that a new file or document finds room between its neighbours and nobody else has to
// be told again.
constexpr std::uint32_t kFileLabels = 1U << 26U;
constexpr std::uint32_t kFirstFile = 1U << 20U;
constexpr std::uint32_t kFileStride = 512;
constexpr std::uint32_t kDocumentLabels = 1U << 22U;
constexpr std::uint32_t kDocumentStride = 32;

std::uint64_t order_of(std::uint32_t file, std::uint32_t document, std::size_t item) {
  return (std::uint64_t{file} << 38U) | (std::uint64_t{document} << 16U) | (item & 0xffffU);
}

std::uint64_t version_of(std::uint64_t hash, std::size_t item) {
  const std::uint64_t version = hash ^ ((item + 1) * 0x9e3779b97f4a7c15U);
  return version == 0 ? 1 : version;
}

}  // namespace

FolderIndex::File& FolderIndex::file_at(const std::string& path) {
  const auto [place, is_new] = files_.try_emplace(path);
  File& file = place->second;
  if (!is_new) return file;
  file.path = path;
  if (files_.size() == 1) {
    file.label = kFirstFile;
    return file;
  }
  const std::uint32_t low = place == files_.begin() ? 0 : std::prev(place)->second.label;
  const bool is_last = std::next(place) == files_.end();
  const std::uint32_t high = is_last ? kFileLabels : std::next(place)->second.label;
  const std::uint32_t room = high - low;
  file.label = low + (is_last ? std::min(room / 2, kFileStride) : room / 2);
  if (file.label == low) relabel_files();
  return file;
}

// No room between two files: all get new labels, and are read again because `order` is part of what
// was told of their objects.
void FolderIndex::relabel_files() {
  const auto stride =
      std::max<std::uint32_t>(kFileLabels / (static_cast<std::uint32_t>(files_.size()) + 1), 1);
  std::uint32_t label = 0;
  for (auto& [path, file] : files_) {
    label = std::min(label + stride, kFileLabels - 1);
    file.label = label;
    file.documents.clear();
    reloads_.insert(path);
  }
}

void FolderIndex::begin(const std::string& path, const std::vector<DocumentSeen>& documents) {
  File& file = file_at(path);
  ++file.reading;
  file.is_whole = true;
  file.is_gone = false;
  file.problems.clear();
  set_deadline(file, kNever);
  reading_ = Reading{};
  reading_.file = &file;
  reading_.old = std::exchange(file.documents, {});
  for (const DocumentSeen& seen : documents) {
    Document& document = reading_.documents.emplace_back();
    document.hash = seen.hash;
    document.line = seen.line;
  }
  match_documents();
  label_documents();
}

// Finds each document in the last reading by its hash. One that moved past another counts as new:
// its place is part of what was told.
void FolderIndex::match_documents() {
  struct Same {
    std::vector<const Document*> documents;
    std::size_t next = 0;
  };
  std::unordered_map<std::uint64_t, Same> by_hash;
  for (const Document& old : reading_.old)
    by_hash[old.hash].documents.push_back(&old);
  std::uint32_t last = 0;
  for (const Document& document : reading_.documents) {
    const Document* match = nullptr;
    if (const auto found = by_hash.find(document.hash); found != by_hash.end()) {
      Same& same = found->second;
      while (same.next < same.documents.size() && same.documents[same.next]->label <= last)
        ++same.next;
      if (same.next < same.documents.size()) match = same.documents[same.next];
    }
    if (match != nullptr) last = match->label;
    reading_.before.push_back(match);
  }
}

void FolderIndex::label_documents() {
  std::vector<Document>& documents = reading_.documents;
  std::uint32_t low = 0;
  for (std::size_t i = 0; i < documents.size();) {
    if (reading_.before[i] != nullptr) {
      low = documents[i].label = reading_.before[i]->label;
      ++i;
      continue;
    }
    const auto known =
        std::find_if(reading_.before.begin() + static_cast<std::ptrdiff_t>(i),
                     reading_.before.end(), [](const Document* d) { return d != nullptr; });
    const auto end = static_cast<std::size_t>(known - reading_.before.begin());
    const std::uint32_t high = known == reading_.before.end() ? kDocumentLabels : (*known)->label;
    const auto count = static_cast<std::uint32_t>(end - i);
    std::uint32_t stride = (high - low) / (count + 1);
    if (known == reading_.before.end()) stride = std::min(stride, kDocumentStride);
    if (stride == 0) {  // no room: all of them count as new
      std::fill(reading_.before.begin(), reading_.before.end(), nullptr);
      low = 0;
      i = 0;
      continue;
    }
    for (; i < end; ++i)
      low = documents[i].label = low + stride;
  }
}

// What this document said of this object is what counts, or would not count anyway.
bool FolderIndex::is_current(const Document& document, std::size_t item) const {
  const File* const file = reading_.file;
  const Holding& holding = document.objects[item]->second;
  const Claim* const claim = find_claim(holding, file);
  if (claim == nullptr) return false;
  if (is_backed(*claim)) return true;  // an earlier document of this reading has it
  if (claim->version != version_of(document.hash, item)) return false;
  if (holding.holder == file || !claim->good) return true;
  const Claim* const holder = find_claim(holding, holding.holder);
  return holder != nullptr && is_backed(*holder) && holder->file->path < file->path;
}

bool FolderIndex::needs_parsing(std::size_t document) const {
  const Document* const before = reading_.before[document];
  if (before == nullptr) return true;
  if (before->has_problems && before->line != reading_.documents[document].line) return true;
  for (std::size_t i = 0; i < before->objects.size(); ++i) {
    if (before->objects[i] != nullptr && !is_current(*before, i)) return true;
  }
  return false;
}

void FolderIndex::keep(std::size_t index) {
  const Document& before = *reading_.before[index];
  Document& document = reading_.documents[index];
  document.has_problems = before.has_problems;
  document.objects = before.objects;
  for (std::size_t i = 0; i < document.objects.size(); ++i) {
    Object* const object = document.objects[i];
    if (object == nullptr) continue;
    Claim& claim = claim_of(*object, *reading_.file);
    see(claim, *object, claim.line - before.line + document.line);
    tell_problems(*object);
  }
}

void FolderIndex::parsed(std::size_t index, std::vector<ObjectRead> objects) {
  Document& document = reading_.documents[index];
  for (ObjectRead& read : objects) {
    const std::size_t item = document.objects.size();
    document.objects.push_back(nullptr);
    if (read.decoded.known_kind) take(document, item, std::move(read));
  }
}

void FolderIndex::take(Document& document, std::size_t item, ObjectRead read) {
  File& file = *reading_.file;
  model::Decoded& decoded = read.decoded;
  document.has_problems |= !decoded.problems.empty();
  if (!decoded.key) {
    // Whose last version is to stay in force? That of any object this file told of before.
    file.is_whole = false;
    document.hash = 0;
    file.problems.insert(file.problems.end(), decoded.problems.begin(), decoded.problems.end());
    return;
  }
  Object* const found = room_for(*decoded.key, document, read.line);
  if (found == nullptr) return;
  Object& object = *found;
  document.objects[item] = found;
  Holding& holding = object.second;
  Claim& claim = claim_of(object, file);
  const bool is_first = !is_backed(claim);
  see(claim, object, read.line);
  if (!is_first) {
    document.hash = 0;  // always parsed, so that its line stays right
    return tell_problems(object);
  }
  claim.version = version_of(document.hash, item);
  claim.problems = std::move(decoded.problems);
  const Claim* const holder = find_claim(holding, holding.holder);
  claim.good = decoded.object || holding.holder == &file;
  if (decoded.object && (holder == nullptr || holder->file == &file || !is_backed(*holder) ||
                         file.path < holder->file->path)) {
    if (holding.holder == nullptr) ++in_force_;
    holding.holder = &file;
    meta_of(*decoded.object).order = order_of(file.label, document.label, item);
    sink_(plan::ObjectSeen{.key = object.first, .object = std::move(decoded.object)});
  }
  tell_problems(object);
}

// Null, and told, where there is one object or one copy too many.
FolderIndex::Object* FolderIndex::room_for(const model::ObjectKey& key, Document& document,
                                           unsigned line) {
  File& file = *reading_.file;
  const auto found = objects_.find(key);
  const bool is_new = found == objects_.end();
  const bool fits = is_new ? objects_.size() < kMostObjects
                           : found->second.claims.size() < kMostCopies ||
                                 find_claim(found->second, &file) != nullptr;
  if (!fits) {
    file.is_whole = false;
    document.hash = 0;
    refuse(file, line, "TooManyObjects",
           is_new ? fmt::format("{}: the folder has more than {} objects", to_string(key),
                                kMostObjects)
                  : fmt::format("{} is in more than {} files", to_string(key), kMostCopies));
    return nullptr;
  }
  return is_new ? &*objects_.try_emplace(key).first : &*found;
}

void FolderIndex::broken(std::size_t document, const YamlError& error) {
  File& file = *reading_.file;
  file.is_whole = false;
  reading_.documents[document].hash = 0;  // never kept: its problem is to be told anew
  refuse(file, error.line, "Syntax", fmt::format("column {}: {}", error.column, error.message));
}

void FolderIndex::finish(TimePoint now, Duration grace) {
  File& file = *reading_.file;
  std::vector<Object*> objects = std::move(reading_.seen);
  const std::size_t seen = objects.size();
  for (Object* const object : file.objects) {
    const Claim* const claim = find_claim(object->second, &file);
    if (claim != nullptr && !is_backed(*claim)) objects.push_back(object);
  }
  if (reading_.documents.empty() && !objects.empty()) {
    file.is_whole = false;
    refuse(file, 1, "FileEmpty",
           "the file is empty: its objects stay as they were; delete the file to delete them");
  }
  file.documents = std::move(reading_.documents);
  file.objects = std::move(objects);
  reading_ = Reading{};
  if (file.objects.size() > seen && file.is_whole) set_deadline(file, now + grace);
  if (!file.is_whole) tell_unbacked(file);
  note_whole(file);
}

// An object that was refused is one that exists: its last good version counts, or nothing does.
void FolderIndex::note_whole(const File& file) {
  const bool is_refused =
      std::any_of(file.objects.begin(), file.objects.end(), [&](const Object* object) {
        const Claim* const claim = find_claim(object->second, &file);
        return claim != nullptr && !claim->good;
      });
  const bool is_empty = file.documents.empty() && !file.is_gone;
  if (file.is_whole && !is_empty && !is_refused) {
    partial_.erase(file.path);
  } else {
    partial_.insert(file.path);
  }
}

void FolderIndex::unreadable(const std::string& path, const std::string& why) {
  File& file = file_at(path);
  ++file.reading;
  file.is_whole = false;
  file.is_gone = false;
  file.problems.clear();
  set_deadline(file, kNever);
  refuse(file, 0, "Unreadable", why);
  tell_unbacked(file);
  note_whole(file);
}

void FolderIndex::gone(const std::string& path, TimePoint now, Duration grace) {
  const auto found = files_.find(path);
  if (found == files_.end() || found->second.is_gone) return;
  File& file = found->second;
  ++file.reading;
  file.is_whole = true;
  file.is_gone = true;
  file.problems.clear();
  set_deadline(file, now + grace);
}

TimePoint FolderIndex::deadline() const {
  return dying_.empty() ? kNever : dying_.begin()->first;
}

std::vector<std::string> FolderIndex::due(TimePoint now) const {
  std::vector<std::string> paths;
  for (const auto& [deadline, path] : dying_) {
    if (deadline > now) break;
    paths.push_back(path);
  }
  return paths;
}

void FolderIndex::bury(const std::string& path) {
  const auto found = files_.find(path);
  if (found == files_.end() || found->second.deadline == kNever) return;
  File& file = found->second;
  set_deadline(file, kNever);
  std::vector<Object*> left;
  for (Object* const object : std::exchange(file.objects, {})) {
    if (is_backed(*find_claim(object->second, &file))) {
      left.push_back(object);
    } else {
      drop_claim(*object, &file);
    }
  }
  file.objects = std::move(left);
  if (!file.is_gone) return;
  partial_.erase(path);
  files_.erase(found);
}

void FolderIndex::drop_claim(Object& object, const File* file) {
  Holding& holding = object.second;
  std::erase_if(holding.claims, [&](const Claim& claim) { return claim.file == file; });
  if (holding.holder == file) choose_holder(object);
  tell_problems(object);
  if (holding.claims.empty()) objects_.erase(objects_.find(object.first));
}

// The holder's claim died. Its successor is read again; till then the last version stays in force.
void FolderIndex::choose_holder(Object& object) {
  Holding& holding = object.second;
  Claim* next = nullptr;
  for (Claim& claim : holding.claims) {
    if (!claim.good) continue;
    if (next == nullptr || (is_backed(claim) && !is_backed(*next))) next = &claim;
  }
  holding.holder = next != nullptr ? next->file : nullptr;
  if (next != nullptr) {
    next->version = 0;
    reloads_.insert(next->file->path);
    return;
  }
  --in_force_;
  sink_(plan::ObjectSeen{.key = object.first, .object = std::nullopt});
}

FolderIndex::Claim& FolderIndex::claim_of(Object& object, const File& file) {
  std::vector<Claim>& claims = object.second.claims;
  const auto place = std::find_if(claims.begin(), claims.end(), [&](const Claim& claim) {
    return claim.file->path >= file.path;
  });
  if (place != claims.end() && place->file == &file) return *place;
  Claim claim;
  claim.file = &file;
  return *claims.insert(place, std::move(claim));
}

const FolderIndex::Claim* FolderIndex::find_claim(const Holding& holding, const File* file) {
  const auto found = std::find_if(holding.claims.begin(), holding.claims.end(),
                                  [&](const Claim& claim) { return claim.file == file; });
  return found != holding.claims.end() ? &*found : nullptr;
}

void FolderIndex::see(Claim& claim, Object& object, unsigned line) {
  if (is_backed(claim)) {
    claim.second_line = line;
    return;
  }
  claim.reading = claim.file->reading;
  claim.line = line;
  claim.second_line = 0;
  reading_.seen.push_back(&object);
}

void FolderIndex::tell_unbacked(const File& file) {
  for (Object* const object : file.objects)
    tell_problems(*object);
}

void FolderIndex::refuse(File& file, unsigned line, std::string reason, std::string message) {
  file.problems.push_back(Problem{.severity = Problem::Severity::Error,
                                  .reason = std::move(reason),
                                  .field = {},
                                  .message = std::move(message),
                                  .line = line});
}

void FolderIndex::set_deadline(File& file, TimePoint deadline) {
  if (file.deadline != kNever) dying_.erase({file.deadline, file.path});
  file.deadline = deadline;
  if (file.deadline != kNever) dying_.emplace(file.deadline, file.path);
}

void FolderIndex::postpone(const std::string& path, TimePoint deadline) {
  const auto found = files_.find(path);
  if (found != files_.end() && found->second.deadline != kNever)
    set_deadline(found->second, deadline);
}

bool FolderIndex::is_gone(const std::string& path) const {
  const auto found = files_.find(path);
  return found == files_.end() || found->second.is_gone;
}

std::vector<std::string> FolderIndex::paths(const std::string& folder) const {
  std::vector<std::string> paths;
  for (auto each = files_.lower_bound(folder); each != files_.end(); ++each) {
    if (!each->first.starts_with(folder)) break;
    if (!each->second.is_gone) paths.push_back(each->first);
  }
  return paths;
}

std::vector<FileProblem> FolderIndex::file_problems() const {
  std::vector<FileProblem> problems;
  for (const auto& [path, file] : files_) {
    for (const Problem& problem : file.problems)
      problems.push_back(FileProblem{.file = path, .problem = problem});
  }
  return problems;
}

const std::vector<Problem>* FolderIndex::problems_of_file(const std::string& path) const {
  const auto found = files_.find(path);
  return found != files_.end() ? &found->second.problems : nullptr;
}

std::optional<std::string> FolderIndex::holder_of(const model::ObjectKey& key) const {
  const auto found = objects_.find(key);
  if (found == objects_.end() || found->second.holder == nullptr) return std::nullopt;
  return found->second.holder->path;
}

}  // namespace porter::manifests
