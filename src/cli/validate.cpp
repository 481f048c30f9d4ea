// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "cli/query.hpp"
#include "manifests/load.hpp"
#include "model/check.hpp"

namespace porter::cli {
namespace {

using model::Problem;

// One line of the answer, in the order of files and lines.
struct Line {
  std::string file;
  unsigned line = 0;
  std::string words;
  bool is_error = false;
};

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

Line line_of(std::string file, unsigned line, const std::string& object, const Problem& problem) {
  std::string words = object;
  if (!problem.field.empty()) words += (words.empty() ? "" : ": ") + problem.field;
  words += (words.empty() ? "" : ": ") + problem.message;
  const bool is_error = problem.severity == Problem::Severity::Error;
  if (!is_error) words += " (warning)";
  return {.file = std::move(file), .line = line, .words = std::move(words), .is_error = is_error};
}

std::vector<Line> lines_of(const manifests::Loaded& loaded) {
  std::vector<Line> lines;
  lines.reserve(loaded.problems.size());
  for (const manifests::LoadedProblem& each : loaded.problems) {
    lines.push_back(line_of(each.file, each.problem.line,
                            each.key ? to_string(*each.key) : std::string{}, each.problem));
  }
  std::vector<model::Object> objects;
  objects.reserve(loaded.objects.size());
  for (const manifests::LoadedObject& each : loaded.objects)
    objects.push_back(each.object);
  for (const model::Located& located : model::check(objects)) {
    const manifests::LoadedObject& at = loaded.objects[located.object];
    Problem problem = located.problem;
    if (located.other) {
      const manifests::LoadedObject& other = loaded.objects[*located.other];
      problem.message += fmt::format(" ({}:{})", other.file, other.line);
    }
    const unsigned line = problem.line != 0 ? problem.line : at.line;
    lines.push_back(line_of(at.file, line, to_string(key_of(at.object)), problem));
  }
  std::sort(lines.begin(), lines.end(), [](const Line& left, const Line& right) {
    return std::tie(left.file, left.line, left.words) <
           std::tie(right.file, right.line, right.words);
  });
  return lines;
}

}  // namespace

int run_validate(const ValidateOptions& options) {
  const manifests::Loaded loaded = manifests::load_files(options.files);
  std::size_t errors = 0;
  std::size_t warnings = 0;
  for (const Line& line : lines_of(loaded)) {
    ++(line.is_error ? errors : warnings);
    const std::string place =
        line.line == 0 ? line.file : fmt::format("{}:{}", line.file, line.line);
    (void)std::printf("%s: %s\n", place.c_str(), line.words.c_str());
  }
  (void)std::printf("%s, %s in %s\n", plural(errors, "error").c_str(),
                    plural(warnings, "warning").c_str(), plural(loaded.files, "file").c_str());
  if (loaded.files == 0) return kNo;  // a path that holds no manifest was not meant
  return errors > 0 || (options.strict && warnings > 0) ? kNo : kGood;
}

}  // namespace porter::cli
