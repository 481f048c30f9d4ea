// SPDX-License-Identifier: Apache-2.0
#include "cluster/rights.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "manifests/yaml.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

constexpr unsigned kSoonAtFirst = 3;  // times

std::vector<Tree> documents_in(std::string_view text) {
  constexpr std::string_view kBetween = "\n---\n";
  std::vector<Tree> documents;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(kBetween));
    text.remove_prefix(std::min(text.size(), one.size() + kBetween.size()));
    auto tree = manifests::parse_document(one);
    if (tree) documents.push_back(*std::move(tree));
  }
  return documents;
}

bool binds(const Tree& binding, const std::string& account) {
  const std::string& kind = binding["kind"].text();
  if (kind != "ClusterRoleBinding" && kind != "RoleBinding") return false;
  return std::ranges::any_of(binding["subjects"].items(), [&](const Tree& subject) {
    return subject["name"].text() == account;
  });
}

void add_rule(const Tree& rule, std::vector<Right>& into) {
  const Tree& names = rule["resourceNames"];
  for (const Tree& group : rule["apiGroups"].items()) {
    for (const Tree& resource : rule["resources"].items()) {
      for (const Tree& verb : rule["verbs"].items()) {
        Right right{
            .group = group.text(), .resource = resource.text(), .name = {}, .verb = verb.text()};
        if (names.items().empty()) into.push_back(right);
        for (const Tree& name : names.items()) {
          right.name = name.text();
          into.push_back(right);
        }
      }
    }
  }
}

bool names(const Tree& list, std::string_view wanted) {
  return std::ranges::any_of(
      list.items(), [&](const Tree& each) { return each.text() == wanted || each.text() == "*"; });
}

bool names_resource(const Tree& list, std::string_view resource) {
  if (names(list, resource)) return true;
  const std::size_t slash = resource.find('/');
  return slash != std::string_view::npos && names(list, "*" + std::string{resource.substr(slash)});
}

}  // namespace

std::string words(const Right& right) {
  std::string text = fmt::format("{} {}", right.verb, right.resource);
  if (!right.group.empty()) text += fmt::format(" ({})", right.group);
  if (!right.name.empty()) text += fmt::format(" {}", right.name);
  return text;
}

std::vector<Right> rights_of(std::string_view roles, const std::string& account) {
  const std::vector<Tree> documents = documents_in(roles);
  std::vector<Right> rights;
  for (const Tree& binding : documents) {
    if (!binds(binding, account)) continue;
    const Tree& wanted = binding["roleRef"];
    for (const Tree& role : documents) {
      if (role["kind"].text() != wanted["kind"].text() ||
          role.at_path("metadata.name").text() != wanted["name"].text())
        continue;
      for (const Tree& rule : role["rules"].items())
        add_rule(rule, rights);
    }
  }
  return rights;
}

bool grants(const Tree& rules, const Right& right) {
  return std::ranges::any_of(rules.items(), [&](const Tree& rule) {
    const Tree& only = rule["resourceNames"];
    return names(rule["verbs"], right.verb) && names(rule["apiGroups"], right.group) &&
           names_resource(rule["resources"], right.resource) &&
           (only.items().empty() || (!right.name.empty() && names(only, right.name)));
  });
}

Rights::Rights(const io::asio::any_io_executor& executor, kube::Client& client, std::string ns,
               std::vector<Right> needed)
    : client_{client},
      ns_{std::move(ns)},
      needed_{std::move(needed)},
      timer_{executor, TimePoint::min()} {}

std::vector<std::string> Rights::troubles() const {
  std::vector<std::string> list;
  list.reserve(missing_.size());
  for (const Right& right : missing_)
    list.push_back(fmt::format("may not {}: no role grants it", words(right)));
  return list;
}

io::Task<> Rights::follow() {
  for (unsigned times = 0;; ++times) {
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    co_await ask();
    timer_.expires_after(times < kSoonAtFirst || !missing_.empty() ? kOften : kSeldom);
  }
}

io::Task<> Rights::ask() {
  Tree spec = Tree::map();
  spec.set("namespace", ns_);
  Tree review = Tree::map();
  review.set("apiVersion", "authorization.k8s.io/v1").set("kind", "SelfSubjectRulesReview");
  review.set("spec", std::move(spec));
  kube::Request request;
  request.verb = kube::Verb::Post;
  request.path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
  request.body = to_json(review, 0);
  const Result<kube::Response> response = co_await client_.send(std::move(request));
  // Without an answer nothing is claimed; an authorizer that cannot list its rules grants more.
  if (!response || !response->is_ok()) co_return;
  const Result<Tree> tree = watch::parse_json(response->body);
  if (!tree || tree->at_path("status.incomplete").text() == "true") co_return;
  judge(tree->at_path("status.resourceRules"));
}

void Rights::judge(const Tree& rules) {
  std::set<Right> missing;
  for (const Right& right : needed_) {
    if (!grants(rules, right)) missing.insert(right);
  }
  for (const Right& right : missing) {
    if (!missing_.contains(right))
      log::warn("kube", fmt::format("may not {}: no role grants it", words(right)));
  }
  for (const Right& right : missing_) {
    if (!missing.contains(right)) log::info("kube", fmt::format("may {} again", words(right)));
  }
  missing_ = std::move(missing);
}

}  // namespace porter::cluster
