// SPDX-License-Identifier: Apache-2.0
#include "manifests/load.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "io/file.hpp"
#include "manifests/folder.hpp"
#include "manifests/reading.hpp"

namespace porter::manifests {
namespace {

using model::Problem;

class Loader {
 public:
  void take(const std::string& path) {
    const auto status = io::status_of(path);
    if (!status) return refuse(path, 0, "Unreadable", status.error().message);
    if (status->kind == io::FileKind::Folder) return take_folder(path, 0);
    take_file(path);
  }

  Loaded finish() { return std::move(loaded_); }

 private:
  struct Place {
    std::string file;
    unsigned line = 0;
  };

  void take_folder(const std::string& folder, std::size_t depth) {
    if (depth >= Folder::kDeepest)
      return refuse(folder, 0, "TooDeep",
                    fmt::format("deeper than {} folders, not read", Folder::kDeepest));
    auto entries = io::list_folder(folder, Folder::kMostFiles);
    if (!entries) return refuse(folder, 0, "Unreadable", entries.error().message);
    std::sort(
        entries->begin(), entries->end(),
        [](const io::Listed& left, const io::Listed& right) { return left.name < right.name; });
    const std::string prefix = folder.ends_with('/') ? folder : folder + "/";
    for (const io::Listed& entry : *entries) {
      const std::string path = prefix + entry.name;
      if (entry.name.starts_with('.')) continue;
      if (entry.kind == io::FileKind::Folder) {
        take_folder(path, depth + 1);
      } else if (is_manifest_name(entry.name)) {
        take_file(path);
      }
    }
  }

  void take_file(const std::string& path) {
    if (loaded_.files >= Folder::kMostFiles)
      return refuse(path, 0, "TooManyFiles",
                    fmt::format("more than {} files, not read", Folder::kMostFiles));
    ++loaded_.files;
    const auto contents = io::read_file(path, kLargestFile);
    if (!contents) return refuse(path, 0, "Unreadable", contents.error().message);
    DocumentSplitter splitter{contents->text};
    while (const auto document = splitter.next())
      take_document(path, *document);
  }

  void take_document(const std::string& path, const DocumentSplitter::Document& document) {
    ++loaded_.documents;
    DocumentReader reader{document.text, document.line};
    while (!reader.step()) {
    }
    auto objects = reader.take();
    if (!objects) {
      const YamlError& error = objects.error();
      return refuse(path, error.line, "Syntax",
                    fmt::format("column {}: {}", error.column, error.message));
    }
    for (ObjectRead& read : *objects)
      take_object(path, std::move(read));
  }

  void take_object(const std::string& path, ObjectRead read) {
    model::Decoded& decoded = read.decoded;
    if (!decoded.known_kind) return;
    for (Problem& problem : decoded.problems)
      loaded_.problems.push_back(
          LoadedProblem{.file = path, .key = decoded.key, .problem = std::move(problem)});
    if (!decoded.object) return;
    const auto [place, is_new] =
        places_.try_emplace(*decoded.key, Place{.file = path, .line = read.line});
    if (!is_new) {
      Problem problem{
          .severity = Problem::Severity::Error,
          .reason = "DuplicateObject",
          .field = {},
          .message = fmt::format("{} is in force from {}:{}, this one is not; remove one",
                                 to_string(*decoded.key), place->second.file, place->second.line),
          .line = read.line};
      loaded_.problems.push_back(
          LoadedProblem{.file = path, .key = decoded.key, .problem = std::move(problem)});
      return;
    }
    meta_of(*decoded.object).order = loaded_.objects.size() + 1;
    loaded_.objects.push_back(
        LoadedObject{.object = *std::move(decoded.object), .file = path, .line = read.line});
  }

  void refuse(const std::string& file, unsigned line, std::string reason, std::string message) {
    Problem problem{.severity = Problem::Severity::Error,
                    .reason = std::move(reason),
                    .field = {},
                    .message = std::move(message),
                    .line = line};
    loaded_.problems.push_back(
        LoadedProblem{.file = file, .key = std::nullopt, .problem = std::move(problem)});
  }

  std::map<model::ObjectKey, Place> places_;
  Loaded loaded_;
};

}  // namespace

Loaded load_files(const std::vector<std::string>& paths) {
  Loader loader;
  for (const std::string& path : paths)
    loader.take(path);
  return loader.finish();
}

}  // namespace porter::manifests
