// SPDX-License-Identifier: Apache-2.0
#include "migrate/migrate.hpp"

#include <cstdio>

#include <fmt/format.h>

#include "cli/query.hpp"
#include "io/file.hpp"
#include "manifests/yaml.hpp"

namespace porter::cli {
namespace {

constexpr std::size_t kLargestFile = 64U << 20U;

void complain(const std::string& words) {
  (void)std::fputs((words + "\n").c_str(), stderr);
}

// Every document of a file. False: something could not be read, and that was said.
bool read_documents(const std::string& path, std::vector<migrate::Source>& sources) {
  const auto contents = io::read_file(path, kLargestFile);
  if (!contents) {
    complain(fmt::format("{}: {}", path, contents.error().message));
    return false;
  }
  bool good = true;
  manifests::DocumentSplitter splitter{contents->text};
  while (const auto document = splitter.next()) {
    auto tree = manifests::parse_document(document->text, document->line);
    if (tree) {
      sources.push_back({.document = std::move(*tree), .file = path, .line = document->line});
    } else {
      complain(fmt::format("{}: {}", path, to_string(tree.error())));
      good = false;
    }
  }
  return good;
}

// What is for people goes to standard error: what is printed can be applied as it is.
void print(const migrate::Migration& migration) {
  for (const Tree& object : migration.objects)
    (void)std::printf("---\n%s", to_yaml(object).c_str());
  for (const migrate::Note& note : migration.notes)
    complain(fmt::format("{}{}{}: {}", note.place, note.place.empty() ? "" : ": ", note.object,
                         note.words));
  if (!migration.plan.empty()) complain("\nThe cut-over:");
  for (std::size_t i = 0; i < migration.plan.size(); ++i)
    complain(fmt::format("{:>3}. {}", i + 1, migration.plan[i]));
}

}  // namespace

int run_migrate(const MigrateOptions& options) {
  std::vector<migrate::Source> sources;
  bool good = true;
  for (const std::string& file : options.files)
    good = read_documents(file, sources) && good;
  if (!good) return kNo;  // half a translation is none
  const migrate::Migration migration = options.from == MigrateOptions::From::MetalLb
                                           ? migrate::from_metallb(sources)
                                           : migrate::from_openelb(sources);
  print(migration);
  if (migration.understood != 0) return kGood;
  complain("nothing to translate was found");
  return kNo;
}

}  // namespace porter::cli
