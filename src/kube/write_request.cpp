// SPDX-License-Identifier: Apache-2.0
#include "kube/write_request.hpp"

#include <utility>

#include <fmt/format.h>

namespace porter::kube {
namespace {

Tree metadata_with(const std::string& uid, const std::string& resource_version) {
  Tree metadata = Tree::map();
  if (!uid.empty()) metadata.set("uid", uid);
  if (!resource_version.empty()) metadata.set("resourceVersion", resource_version);
  return metadata;
}

void fill(Request& request, const WriteKey& key, const Wish& /*wish*/, const Create& create) {
  request.verb = Verb::Post;
  request.path = collection_path(key.resource, key.name.ns);
  request.body = to_json(create.object, 0);
}

void fill(Request& request, const WriteKey& key, const Wish& /*wish*/, const Update& update) {
  request.verb = Verb::Put;
  request.path = object_path(key.resource, key.name, {});
  request.body = to_json(update.object, 0);
}

void fill(Request& request, const WriteKey& key, const Wish& wish, const Delete& gone) {
  request.verb = Verb::Delete;
  request.path = object_path(key.resource, key.name, {});
  Tree options = Tree::map();
  options.set("kind", "DeleteOptions").set("apiVersion", "v1");
  Tree conditions = metadata_with(gone.uid.empty() ? wish.uid : gone.uid, gone.resource_version);
  if (!conditions.entries().empty()) options.set("preconditions", std::move(conditions));
  request.body = to_json(options, 0);
}

void fill(Request& request, const WriteKey& key, const Wish& wish, const PatchMetadata& patch) {
  request.verb = Verb::Patch;
  request.path = object_path(key.resource, key.name, {});
  request.content_type = "application/merge-patch+json";
  Tree metadata = metadata_with(wish.uid, patch.resource_version);
  for (const Tree::Entry& entry : patch.metadata.entries())
    metadata.set(entry.key, entry.value);
  Tree body = Tree::map();
  body.set("metadata", std::move(metadata));
  request.body = to_json(body, 0);
}

void fill(Request& request, const WriteKey& key, const Wish& wish, const PatchStatus& patch) {
  request.verb = Verb::Patch;
  request.path = object_path(key.resource, key.name, "status");
  request.content_type = "application/merge-patch+json";
  Tree body = Tree::map();
  body.set("metadata", metadata_with(wish.uid, patch.resource_version)).set("status", patch.status);
  request.body = to_json(body, 0);
}

void fill(Request& request, const WriteKey& key, const Wish& wish, const ApplyStatus& apply) {
  request.verb = Verb::Patch;
  request.path =
      fmt::format("{}?fieldManager={}&force=true", object_path(key.resource, key.name, "status"),
                  percent_encoded(apply.manager));
  request.content_type = "application/apply-patch+yaml";  // JSON is YAML
  Tree metadata = metadata_with(wish.uid, apply.resource_version);
  metadata.set("name", key.name.name);
  if (!key.name.ns.empty()) metadata.set("namespace", key.name.ns);
  Tree body = Tree::map();
  body.set("apiVersion", api_version(key.resource))
      .set("kind", key.resource.kind)
      .set("metadata", std::move(metadata))
      .set("status", apply.status);
  request.body = to_json(body, 0);
}

}  // namespace

Request request_for(const Wish& wish) {
  Request request;
  request.retry = Retry::Never;  // the queue waits, and lets others pass
  std::visit([&](const auto& operation) { fill(request, wish.key, wish, operation); },
             wish.operation);
  return request;
}

bool says(const Tree& object, const Tree& wanted) {
  if (wanted.is_map()) {
    for (const Tree::Entry& entry : wanted.entries()) {
      if (!says(object[entry.key], entry.value)) return false;
    }
    return object.is_map() || wanted.entries().empty();
  }
  if (!wanted.is_list()) return object == wanted;
  if (object.items().size() != wanted.items().size()) return false;
  for (std::size_t i = 0; i < wanted.items().size(); ++i) {
    if (!says(object.items()[i], wanted.items()[i])) return false;
  }
  return true;
}

}  // namespace porter::kube
