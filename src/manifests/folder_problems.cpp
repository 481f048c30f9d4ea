// SPDX-License-Identifier: Apache-2.0
// What the index tells about an object that is not as its files say.
#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "manifests/folder_index.hpp"

namespace porter::manifests {
namespace {

using model::Problem;

std::size_t hash_of(const plan::ProblemsSeen& seen) {
  std::string text = seen.where;
  for (const Problem& problem : seen.problems) {
    text += fmt::format("\n{} {} {} {} {}", static_cast<int>(problem.severity), problem.reason,
                        problem.field, problem.line, problem.message);
  }
  return std::max<std::size_t>(std::hash<std::string>{}(text), 1);
}

Problem duplicate(unsigned line, std::string message) {
  return Problem{.severity = Problem::Severity::Error,
                 .reason = "DuplicateObject",
                 .field = {},
                 .message = std::move(message),
                 .line = line};
}

// A ProblemsSeen has one `where`; what stands in another file says so in its words.
void add(plan::ProblemsSeen& seen, const std::string& file, Problem problem) {
  if (seen.where.empty()) seen.where = file;
  if (seen.where != file) {
    problem.message = fmt::format("{}:{}: {}", file, problem.line, problem.message);
    problem.line = 0;
  }
  seen.problems.push_back(std::move(problem));
}

}  // namespace

void FolderIndex::tell_problems(Object& object) {
  Holding& holding = object.second;
  plan::ProblemsSeen seen{.key = object.first, .where = {}, .problems = {}};
  const Claim* const holder = find_claim(holding, holding.holder);
  for (const Claim& claim : holding.claims) {
    const File& file = *claim.file;
    if (!is_backed(claim)) {
      // Kept because its file is broken. One that is about to die has nothing to say.
      if (file.is_whole || holding.holder != &file) continue;
      for (const Problem& problem : file.problems)
        add(seen, file.path, problem);
      continue;
    }
    for (const Problem& problem : claim.problems)
      add(seen, file.path, problem);
    if (claim.second_line != 0) {
      add(seen, file.path,
          duplicate(
              claim.second_line,
              fmt::format("{} stands twice in {}: line {} is in force, line {} is not; remove one",
                          to_string(object.first), file.path, claim.line, claim.second_line)));
    }
    if (claim.good && holder != nullptr && holder != &claim && is_backed(*holder)) {
      add(seen, file.path,
          duplicate(claim.line,
                    fmt::format("{} is in force from {}:{}, the first in path order; {}:{} "
                                "is not; remove one",
                                to_string(object.first), holder->file->path, holder->line,
                                file.path, claim.line)));
    }
  }
  const std::size_t told = seen.problems.empty() ? 0 : hash_of(seen);
  if (std::exchange(holding.told, told) != told) sink_(std::move(seen));
}

}  // namespace porter::manifests
