// SPDX-License-Identifier: Apache-2.0
#include "kube/request_label.hpp"

#include <string_view>
#include <vector>

namespace porter::kube {
namespace {

// "/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUBRESOURCE" without what stands before PLURAL.
std::vector<std::string_view> resource_parts(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (!part.empty()) parts.push_back(part);
  }
  const bool is_core = !parts.empty() && parts.front() == "api";
  const bool is_grouped = !parts.empty() && parts.front() == "apis";
  std::size_t prefix = is_core ? 2 : 3;
  if ((!is_core && !is_grouped) || parts.size() <= prefix) return {};
  if (parts[prefix] == "namespaces" && parts.size() > prefix + 2) prefix += 2;
  parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(prefix));
  return parts;
}

std::string_view verb_of(Verb verb, std::string_view query, bool is_collection) {
  switch (verb) {
    case Verb::Get: break;
    case Verb::Post: return "create";
    case Verb::Put: return "update";
    case Verb::Patch: return "patch";
    case Verb::Delete: return "delete";
  }
  if (!is_collection) return "get";
  return query.find("watch=true") != std::string_view::npos ? "watch" : "list";
}

}  // namespace

VerbAndKind verb_and_kind(const Request& request) {
  const std::string_view target = request.path;
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string_view query = target.substr(path.size());
  const auto parts = resource_parts(path);
  VerbAndKind label;
  label.verb = verb_of(request.verb, query, parts.size() == 1);
  if (!parts.empty()) label.kind = parts.front();
  if (parts.size() == 3) label.kind += '/' + std::string{parts[2]};
  return label;
}

}  // namespace porter::kube
