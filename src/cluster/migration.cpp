// SPDX-License-Identifier: Apache-2.0
#include "cluster/migration.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "kube/resource.hpp"
#include "model/crd.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

using model::Kind;

constexpr std::array kKinds{Kind::Eip, Kind::BgpConf, Kind::BgpPeer};
constexpr std::chrono::minutes kEvery{5};
constexpr std::chrono::seconds kAgain{5};  // after a trouble
constexpr unsigned kPage = 50;
constexpr std::string_view kStored = "v1alpha2";
constexpr const char* kMergePatch = "application/merge-patch+json";

Error lost_lead() {
  return Error{.code = Errc::Conflict, .message = "another controller leads"};
}

std::string definition_path(Kind kind) {
  return "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + model::crd_name(kind);
}

}  // namespace

bool needs_migration(const Tree& definition) {
  const auto& versions = definition["spec"]["versions"].items();
  const bool is_stored = std::any_of(versions.begin(), versions.end(), [](const Tree& version) {
    return version["name"].text() == kStored && version["storage"].as_bool();
  });
  const auto& stored = definition["status"]["storedVersions"].items();
  return is_stored && std::any_of(stored.begin(), stored.end(),
                                  [](const Tree& version) { return version.text() != kStored; });
}

Migration::Migration(const io::asio::any_io_executor& executor, kube::Client& client,
                     std::function<bool()> may_act)
    : client_{client}, may_act_{std::move(may_act)}, timer_{executor} {}

std::vector<std::string> Migration::troubles() const {
  std::vector<std::string> list;
  list.reserve(troubles_.size());
  for (const auto& [kind, trouble] : troubles_)
    list.push_back(trouble);
  return list;
}

io::Task<> Migration::follow() {
  for (;;) {
    for (const Kind kind : kKinds) {
      const Result<void> migrated = co_await migrate(kind);
      if (migrated) {
        troubles_.erase(kind);
        continue;
      }
      std::string& trouble = troubles_[kind];
      if (trouble != migrated.error().message) log::warn("migration", migrated.error().message);
      trouble = migrated.error().message;
    }
    timer_.expires_after(troubles_.empty() ? Duration{kEvery} : Duration{kAgain});
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
  }
}

io::Task<Result<void>> Migration::migrate(Kind kind) {
  const std::string name = model::crd_name(kind);
  kube::Request read;
  read.path = definition_path(kind);
  const Result<Tree> definition =
      co_await ask(std::move(read), "get customresourcedefinitions " + name);
  if (!definition) co_return Failure<>{definition.error()};
  if (!needs_migration(*definition)) co_return Result<void>{};
  const Result<std::size_t> rewritten = co_await rewrite_all(kind);
  if (!rewritten) co_return Failure<>{rewritten.error()};
  if (!may_act_()) co_return Failure<>{lost_lead()};
  // On condition that the CRD is as it was: nobody made another version the stored one since.
  Tree metadata = Tree::map();
  metadata.set("resourceVersion", (*definition)["metadata"]["resourceVersion"].text());
  Tree versions = Tree::list();
  versions.push(kStored);
  Tree status = Tree::map();
  status.set("storedVersions", std::move(versions));
  Tree body = Tree::map();
  body.set("metadata", std::move(metadata)).set("status", std::move(status));
  kube::Request trim;
  trim.verb = kube::Verb::Patch;
  trim.path = definition_path(kind) + "/status";
  trim.content_type = kMergePatch;
  trim.body = to_json(body, 0);
  const Result<Tree> trimmed =
      co_await ask(std::move(trim), "patch customresourcedefinitions/status " + name);
  if (!trimmed) co_return Failure<>{trimmed.error()};
  log::info("migration", "nothing is stored as v1alpha1 any more",
            {{"crd", name}, {"rewritten", std::uint64_t{*rewritten}}});
  co_return Result<void>{};
}

// Every object is patched with nothing: the API server encodes it anew, and stores it where that is
// another text than before. One that somebody else wrote or deleted meanwhile needs it no more.
io::Task<Result<std::size_t>> Migration::rewrite_all(Kind kind) {
  const kube::Resource resource = kube::resource_of(kind);
  const std::string collection = kube::collection_path(resource, {});
  std::size_t rewritten = 0;
  std::string token;
  do {
    kube::Request list;
    list.path = fmt::format("{}?limit={}", collection, kPage);
    if (!token.empty()) list.path += "&continue=" + kube::percent_encoded(token);
    const Result<Tree> page =
        co_await ask(std::move(list), fmt::format("list {}", kube::words(resource)));
    if (!page) co_return Failure<>{page.error()};
    for (const Tree& object : (*page)["items"].items()) {
      if (!may_act_()) co_return Failure<>{lost_lead()};
      const Tree& now = object["metadata"];
      Tree metadata = Tree::map();
      metadata.set("uid", now["uid"]).set("resourceVersion", now["resourceVersion"]);
      Tree body = Tree::map();
      body.set("metadata", std::move(metadata));
      kube::Request patch;
      patch.verb = kube::Verb::Patch;
      patch.path = kube::object_path(resource, {.ns = {}, .name = now["name"].text()}, {});
      patch.content_type = kMergePatch;
      patch.body = to_json(body, 0);
      const Result<kube::Response> answer = co_await client_.send(std::move(patch));
      if (!answer) co_return Failure<>{answer.error()};
      if (!answer->is_ok() && answer->status != 404 && answer->status != 409) {
        co_return fail(Errc::Unavailable,
                       fmt::format("cannot patch {} {}: {}", kube::words(resource),
                                   now["name"].text(), kube::api_status(*answer).message));
      }
      ++rewritten;
    }
    token = (*page)["metadata"]["continue"].text();
  } while (!token.empty());
  co_return rewritten;
}

io::Task<Result<Tree>> Migration::ask(kube::Request request, std::string what) {
  const Result<kube::Response> response = co_await client_.send(std::move(request));
  if (!response) co_return Failure<>{response.error()};
  if (!response->is_ok()) {
    co_return fail(Errc::Unavailable,
                   fmt::format("cannot {}: {}", what, kube::api_status(*response).message));
  }
  const watch::Limits whole{.octets = kube::Client::kLargestBody, .depth = 64, .values = 1'000'000};
  co_return watch::parse_json(response->body, whole);
}

}  // namespace porter::cluster
