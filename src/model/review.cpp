// SPDX-License-Identifier: Apache-2.0
#include "model/review.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/conversion.hpp"

namespace porter::model {
namespace {

constexpr std::size_t kMostTold = 20;      // objects that cannot be converted, by their words
constexpr std::size_t kMostNamed = 10;     // addresses in use
constexpr std::size_t kMostWarnings = 10;  // the API server hands out 4096 octets of them
constexpr std::size_t kLongestWarning = 256;
constexpr std::size_t kLongestUid = 128;

using Severity = Problem::Severity;

Tree uid_of(const Tree& request) {
  return Tree{request["uid"].text().substr(0, kLongestUid)};
}

Tree reviewed(std::string_view api_version, std::string_view kind, Tree response) {
  return Tree::map()
      .set("apiVersion", api_version)
      .set("kind", kind)
      .set("response", std::move(response));
}

// "Eip lan"; as far as it can be told.
std::string name_of(const Tree& object) {
  const std::string& kind = object["kind"].text();
  const std::string& name = object["metadata"]["name"].text();
  if (kind.empty() || name.empty()) return "object";
  return fmt::format("{} {}", shown(kind), shown(name));
}

// --- conversion ---

Tree conversion_response(const Tree& request, Tree objects, const std::string& message) {
  Tree result = Tree::map();
  result.set("status", message.empty() ? "Success" : "Failure");
  if (!message.empty()) result.set("message", message);
  return reviewed("apiextensions.k8s.io/v1", "ConversionReview",
                  Tree::map()
                      .set("uid", uid_of(request))
                      .set("convertedObjects", std::move(objects))
                      .set("result", std::move(result)));
}

// --- admission ---

struct Verdict {
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
};

std::vector<Problem> problems_of(Decoded decoded) {
  if (!decoded.object && decoded.problems.empty()) {
    decoded.problems.push_back(Problem{.severity = Severity::Error,
                                       .reason = "Invalid",
                                       .field = "kind",
                                       .message = "not a kind of Porter's"});
  }
  return std::move(decoded.problems);
}

// The server makes the name of `generateName` itself, before or after it asks us.
Tree named(const Tree& object) {
  const Tree& metadata = object["metadata"];
  const std::string& stem = metadata["generateName"].text();
  if (stem.empty() || !metadata["name"].text().empty()) return object;
  Tree named = metadata;
  named.set("name", stem + "00000");
  Tree result = object;
  return result.set("metadata", std::move(named));
}

bool is_told_by(const std::vector<Problem>& problems, const Problem& problem) {
  return std::any_of(problems.begin(), problems.end(), [&](const Problem& other) {
    return other.severity == problem.severity && other.field == problem.field &&
           other.message == problem.message;
  });
}

void refuse_lost_addresses(const Eip& eip, const AdmissionFacts& facts, Verdict& verdict) {
  if (!facts.in_use) return;
  std::string names;
  std::size_t count = 0;
  for (const AddressUse& use : facts.in_use(eip.meta.name.name)) {
    if (eip.contains(use.address) || ++count > kMostNamed) continue;
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", to_string(use.address),
                         use.holder.empty() ? "reserved" : use.holder);
  }
  if (count == 0) return;
  if (count > kMostNamed) names += fmt::format(" and {} more", count - kMostNamed);
  verdict.errors.push_back(Problem{
      .severity = Severity::Error,
      .reason = "AddressInUse",
      .field = "spec.address",
      .message = fmt::format("leaves out addresses in use: {}; release them first", names)});
}

Verdict judge(const Tree& request, const AdmissionFacts& facts) {
  Verdict verdict;
  const bool is_update = request["operation"].text() == "UPDATE";
  Decoded decoded = decode(named(request["object"]));
  const std::optional<Object> object = decoded.object;
  std::vector<Problem> old;
  if (is_update) old = problems_of(decode(request["oldObject"]));
  for (Problem& problem : problems_of(std::move(decoded))) {
    const bool is_new = problem.severity == Severity::Error && !is_told_by(old, problem);
    (is_new ? verdict.errors : verdict.warnings).push_back(std::move(problem));
  }
  const Eip* const eip = object ? std::get_if<Eip>(&*object) : nullptr;
  if (is_update && eip != nullptr) refuse_lost_addresses(*eip, facts, verdict);
  return verdict;
}

bool is_judged(const Tree& request) {
  const std::string& operation = request["operation"].text();
  if (operation != "CREATE" && operation != "UPDATE") return false;
  if (!request["subResource"].text().empty()) return false;
  return request["object"]["metadata"]["deletionTimestamp"].is_null();
}

// Cut at a whole character of UTF-8.
std::string cut(std::string text) {
  if (text.size() <= kLongestWarning) return text;
  std::size_t size = kLongestWarning - 3;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U)
    --size;
  return text.substr(0, size) + "...";
}

Tree warnings_of(const std::vector<Problem>& problems, const std::string& name) {
  Tree warnings = Tree::list();
  for (const Problem& problem : problems) {
    if (warnings.items().size() == kMostWarnings) break;
    warnings.push(cut(fmt::format("{}: {}", name, words_of(problem))));
  }
  return warnings;
}

Tree refusal_of(const std::vector<Problem>& problems, const std::string& name) {
  std::string text = name;
  for (const Problem& problem : problems)
    text += fmt::format("{}{}", text.size() == name.size() ? ": " : "; ", words_of(problem));
  return Tree::map()
      .set("status", "Failure")
      .set("reason", "Invalid")
      .set("code", 422)
      .set("message", std::move(text));
}

}  // namespace

std::string words_of(const Problem& problem) {
  if (problem.field.empty()) return problem.message;
  return fmt::format("{}: {}", problem.field, problem.message);
}

Tree answer_conversion(const Tree& review) {
  const Tree& request = review["request"];
  if (!request.is_map() || !request["objects"].is_list())
    return conversion_response(request, Tree::list(), "not a ConversionReview with a request");
  const std::string& wanted = request["desiredAPIVersion"].text();
  Tree objects = Tree::list();
  std::string message;
  std::size_t failed = 0;
  for (const Tree& object : request["objects"].items()) {
    Result<Tree> converted = convert(object, wanted);
    if (converted) {
      objects.push(std::move(*converted));
    } else if (++failed <= kMostTold) {
      message += fmt::format("{}{}: {}", message.empty() ? "" : "; ", name_of(object),
                             converted.error().message);
    }
  }
  if (failed > kMostTold) message += fmt::format("; and {} more", failed - kMostTold);
  if (failed > 0) objects = Tree::list();
  return conversion_response(request, std::move(objects), message);
}

Tree answer_admission(const Tree& review, const AdmissionFacts& facts) {
  const Tree& request = review["request"];
  Tree response = Tree::map();
  response.set("uid", uid_of(request));
  Verdict verdict;
  if (!request.is_map() || !request["operation"].is_string()) {
    verdict.errors.push_back(Problem{.severity = Severity::Error,
                                     .reason = "Invalid",
                                     .field = "",
                                     .message = "not an AdmissionReview with a request"});
  } else if (is_judged(request)) {
    verdict = judge(request, facts);
  }
  const std::string name = name_of(request["object"]);
  response.set("allowed", verdict.errors.empty());
  if (!verdict.errors.empty()) response.set("status", refusal_of(verdict.errors, name));
  if (!verdict.warnings.empty()) response.set("warnings", warnings_of(verdict.warnings, name));
  return reviewed("admission.k8s.io/v1", "AdmissionReview", std::move(response));
}

}  // namespace porter::model
