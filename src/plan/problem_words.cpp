// SPDX-License-Identifier: Apache-2.0
#include "plan/problem_words.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace porter::plan {
namespace {

constexpr std::size_t kMostProblems = 5;  // by their words

bool is_error(const model::Problem& problem) {
  return problem.severity == model::Problem::Severity::Error;
}

std::string words_of(const View::Problems& problems) {
  std::string text;
  std::size_t told = 0;
  for (const model::Problem& problem : problems.list) {
    if (told == kMostProblems)
      return fmt::format("{}; and {} more", text, problems.list.size() - told);
    if (told++ > 0) text += "; ";
    if (!problems.where.empty()) text += problems.where;
    if (problem.line > 0) text += fmt::format(":{}", problem.line);
    if (!problems.where.empty() || problem.line > 0) text += ": ";
    if (!problem.field.empty()) text += problem.field + ": ";
    text += problem.message;
  }
  return text;
}

}  // namespace

Condition accepted(const View& view, const model::ObjectKey& key, bool has_version) {
  Condition condition{
      .type = "Accepted", .is_true = true, .reason = "Accepted", .message = "in force as written"};
  const std::string_view rest =
      has_version ? "; the last good version stays in force" : "; nothing of it is in force";
  if (const auto refused = view.refused.find(key); refused != view.refused.end()) {
    condition.is_true = false;
    condition.reason = to_string(Reason::InvalidObject);
    condition.message = fmt::format("{}{}", refused->second.message, rest);
    return condition;
  }
  const auto problems = view.problems.find(key);
  if (problems == view.problems.end() || problems->second.list.empty()) return condition;
  condition.message = words_of(problems->second);
  if (!std::ranges::any_of(problems->second.list, is_error)) {
    condition.reason = "AcceptedWithWarnings";
    return condition;
  }
  condition.is_true = false;
  condition.reason = to_string(Reason::InvalidObject);
  condition.message += rest;
  return condition;
}

}  // namespace porter::plan
