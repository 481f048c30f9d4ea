// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "manifests/yaml.hpp"
#include "plan/fact.hpp"

namespace porter::manifests {

// A document of a file, before anybody parsed it.
struct DocumentSeen {
  std::uint64_t hash = 0;
  unsigned line = 1;
};

// An object a document told of, good or refused.
struct ObjectRead {
  model::Decoded decoded;
  unsigned line = 0;
};

struct FileProblem {
  std::string file;
  model::Problem problem;
};

// Which object is in force from which file. Does no I/O and reads no clock: Folder reads files and
// tells what it found; the index answers with Facts, in order, through the sink.
//
// Each file has at most one *claim* on an object: what its first document for that object said. A
// claim is *backed* while the last reading of its file saw the object. Of several backed claims the
// first in path order (octets of the path) is in force, and the others are told that they are
// duplicates. A claim that is no longer backed
//
//   - is kept, with the last good version, while its file is broken, empty or unreadable: that says
//     nothing about what its author wants;
//   - dies after a grace when its file is whole and does not contain the object any more, or is
//   gone. Till then
//     the object may reappear, here or in another file, and nobody notices.
//
// The document is not kept: what is remembered of an object is its key, place and hash.
class FolderIndex {
 public:
  using Sink = std::function<void(plan::Fact)>;

  static constexpr Duration kGrace = std::chrono::milliseconds{50};
  static constexpr std::size_t kMostObjects = 500'000;
  static constexpr std::size_t kMostCopies = 64;  // of one object

  explicit FolderIndex(Sink sink) : sink_{std::move(sink)} {}
  FolderIndex(const FolderIndex&) = delete;
  FolderIndex& operator=(const FolderIndex&) = delete;
  ~FolderIndex() = default;

  // One reading of one file: begin(), then for each document in order keep() or parsed() or
  // broken(), then finish(). keep() is allowed where needs_parsing() says no. Objects are in force
  // as soon as they are parsed. Objects the reading did not see die `grace` later.
  void begin(const std::string& path, const std::vector<DocumentSeen>& documents);
  [[nodiscard]] bool needs_parsing(std::size_t document) const;
  void keep(std::size_t document);
  void parsed(std::size_t document, std::vector<ObjectRead> objects);
  void broken(std::size_t document, const YamlError& error);
  void finish(TimePoint now, Duration grace);

  void unreadable(const std::string& path, const std::string& why);
  void gone(const std::string& path, TimePoint now, Duration grace);

  [[nodiscard]] TimePoint deadline() const;
  // Files some of whose claims are due to die. Look at each once more: either read it again or
  // bury().
  [[nodiscard]] std::vector<std::string> due(TimePoint now) const;
  void bury(const std::string& path);
  void postpone(const std::string& path, TimePoint deadline);

  // Files to be read again though they did not change: one of their objects came into force.
  [[nodiscard]] std::set<std::string> take_reloads() { return std::exchange(reloads_, {}); }

  // Files that are not gone, in path order: all, or those of a folder ("shop/").
  [[nodiscard]] std::vector<std::string> paths(const std::string& folder) const;
  [[nodiscard]] std::size_t file_count() const { return files_.size(); }
  [[nodiscard]] bool knows(const std::string& path) const { return files_.contains(path); }
  [[nodiscard]] bool is_gone(const std::string& path) const;
  [[nodiscard]] std::size_t object_count() const { return in_force_; }
  // No file is broken, empty or unreadable: what is in none of them does not exist.
  [[nodiscard]] bool is_whole() const { return partial_.empty(); }
  // What no object can be told: broken documents, documents without a name. Sorted by path.
  [[nodiscard]] std::vector<FileProblem> file_problems() const;
  [[nodiscard]] const std::vector<model::Problem>* problems_of_file(const std::string& path) const;
  // The file an object is in force from.
  [[nodiscard]] std::optional<std::string> holder_of(const model::ObjectKey& key) const;

 private:
  struct File;
  struct Claim {
    const File* file = nullptr;
    std::uint64_t version = 0;  // hash and place of what it said; 0: to be read again
    std::uint64_t reading = 0;  // of the file, that saw it last
    unsigned line = 0;
    unsigned second_line = 0;  // the same object again in this file; 0: no
    bool good = false;         // has a version that can be in force
    std::vector<model::Problem> problems;
  };
  struct Holding {
    std::vector<Claim> claims;  // in path order
    const File* holder = nullptr;
    std::size_t told = 0;  // hash of the problems told last; 0: none
  };
  using Objects = std::map<model::ObjectKey, Holding>;
  using Object = Objects::value_type;
  struct Document {
    std::uint64_t hash = 0;  // 0: to be parsed again however it looks
    unsigned line = 1;
    std::uint32_t label = 0;
    bool has_problems = false;
    std::vector<Object*> objects;  // null: nothing that concerns us
  };
  struct File {
    std::string path;
    std::uint32_t label = 0;
    std::uint64_t reading = 0;
    std::vector<Document> documents;
    std::vector<Object*> objects;  // on which it has a claim
    std::vector<model::Problem> problems;
    bool is_whole = true;
    bool is_gone = false;
    TimePoint deadline = kNever;
  };
  // The reading under way.
  struct Reading {
    File* file = nullptr;
    std::vector<Document> documents;
    std::vector<const Document*> before;  // the same document of the last reading, or null
    std::vector<Document> old;
    std::vector<Object*> seen;
  };

  [[nodiscard]] File& file_at(const std::string& path);
  void relabel_files();
  void match_documents();
  void label_documents();
  [[nodiscard]] bool is_current(const Document& document, std::size_t item) const;
  void take(Document& document, std::size_t item, ObjectRead read);
  [[nodiscard]] Object* room_for(const model::ObjectKey& key, Document& document, unsigned line);
  [[nodiscard]] Claim& claim_of(Object& object, const File& file);
  void see(Claim& claim, Object& object, unsigned line);
  [[nodiscard]] static bool is_backed(const Claim& claim) {
    return claim.reading == claim.file->reading;
  }
  [[nodiscard]] static const Claim* find_claim(const Holding& holding, const File* file);
  void drop_claim(Object& object, const File* file);
  void choose_holder(Object& object);
  void tell_problems(Object& object);
  void tell_unbacked(const File& file);
  void refuse(File& file, unsigned line, std::string reason, std::string message);
  void set_deadline(File& file, TimePoint deadline);
  void note_whole(const File& file);

  Sink sink_;
  std::map<std::string, File> files_;
  Objects objects_;
  Reading reading_;
  std::set<std::pair<TimePoint, std::string>> dying_;
  std::set<std::string> reloads_;
  std::set<std::string> partial_;  // files that may say less than they should
  std::size_t in_force_ = 0;
};

}  // namespace porter::manifests
