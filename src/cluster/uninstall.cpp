// SPDX-License-Identifier: Apache-2.0
#include "cluster/uninstall.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "io/wall_clock.hpp"
#include "kube/listing.hpp"
#include "model/crd.hpp"
#include "model/time_text.hpp"
#include "plan/finalizers.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

using kube::Request;
using kube::Resource;
using kube::Verb;
using model::Kind;

constexpr std::string_view kHolder = "porter-uninstall";
constexpr std::int64_t kHoldSeconds = 120;  // longer than a run takes; it ends by itself
constexpr std::array kOurKinds{Kind::Eip,        Kind::BgpConf,          Kind::BgpPeer,
                               Kind::EipAddress, Kind::BgpAdvertisement, Kind::BgpNodeState};
// What users write, or OpenELB did. EipAddresses and BgpNodeStates go with their CRDs.
constexpr std::array kMayBeHeld{Kind::Eip, Kind::BgpPeer, Kind::BgpConf, Kind::BgpAdvertisement};

Resource resource(std::string_view group, std::string_view version, std::string_view plural,
                  std::string_view kind) {
  return {.group = std::string{group},
          .version = std::string{version},
          .plural = std::string{plural},
          .kind = std::string{kind}};
}

Resource namespaced(std::string_view group, std::string_view version, std::string_view plural,
                    std::string_view kind) {
  Resource found = resource(group, version, plural, kind);
  found.is_namespaced = true;
  return found;
}

Resource crd_resource() {
  return resource("apiextensions.k8s.io", "v1", "customresourcedefinitions",
                  "CustomResourceDefinition");
}

std::string words(const Resource& resource, const model::NamespacedName& name) {
  return fmt::format("{} {}", kube::words(resource), to_string(name));
}

Tree tree_in(const kube::Response& response) {
  auto tree = watch::parse_json(response.body);
  return tree ? *std::move(tree) : Tree{};
}

bool goes(const std::string& finalizer) {
  return finalizer == plan::kAddressesInUse || plan::is_of_openelb(finalizer);
}

Request patch(std::string path, const Tree& body) {
  Request request;
  request.verb = Verb::Patch;
  request.path = std::move(path);
  request.content_type = "application/merge-patch+json";
  request.body = to_json(body, 0);
  return request;
}

Request removal(std::string path) {
  Request request;
  request.verb = Verb::Delete;
  request.path = std::move(path);
  request.body = R"({"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"})";
  return request;
}

Request get(std::string path) {
  Request request;
  request.path = std::move(path);
  return request;
}

}  // namespace

Uninstall::Uninstall(const io::asio::any_io_executor& executor, kube::Client& client,
                     Options options, Say say)
    : client_{client}, options_{std::move(options)}, say_{std::move(say)}, timer_{executor} {}

io::Task<> Uninstall::run() {
  co_await take_lease();
  if (!is_reached_) co_return;
  Target webhook{
      .resource = resource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations",
                           "ValidatingWebhookConfiguration"),
      .name = {.ns = {}, .name = "porter"}};
  co_await remove(std::move(webhook));
  for (const Kind kind : kOurKinds) {
    std::string crd = model::crd_name(kind);
    co_await stop_conversion(std::move(crd));
  }
  for (const Kind kind : kMayBeHeld)
    co_await delete_kind(kind);
  co_await delete_crds();
  const auto named = [this](Resource what, std::string name) {
    model::NamespacedName full{.ns = {}, .name = std::move(name)};
    if (what.is_namespaced) full.ns = options_.ns;
    return Target{.resource = std::move(what), .name = std::move(full)};
  };
  constexpr std::string_view kRbac = "rbac.authorization.k8s.io";
  std::vector<Target> rest{
      named(namespaced("apps", "v1", "daemonsets", "DaemonSet"), "porter-speaker"),
      named(namespaced("apps", "v1", "deployments", "Deployment"), "porter-controller"),
      named(namespaced("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
            "porter-controller"),
      named(namespaced("", "v1", "services", "Service"), "porter-webhook")};
  for (const std::string_view account : {"porter-controller", "porter-speaker"}) {
    const std::string name{account};
    rest.push_back(named(resource(kRbac, "v1", "clusterrolebindings", "ClusterRoleBinding"), name));
    rest.push_back(named(resource(kRbac, "v1", "clusterroles", "ClusterRole"), name));
    rest.push_back(named(namespaced(kRbac, "v1", "rolebindings", "RoleBinding"), name));
    rest.push_back(named(namespaced(kRbac, "v1", "roles", "Role"), name));
    rest.push_back(named(namespaced("", "v1", "serviceaccounts", "ServiceAccount"), name));
  }
  rest.push_back(named(kube::lease_resource(), "porter-controller"));
  rest.push_back(named(kube::resource_of(Kind::Secret), "porter-webhook"));
  for (Target& target : rest)
    co_await remove(std::move(target));
  say_(fmt::format("left as they are: Services with their addresses, and namespace {}",
                   options_.ns));
}

// A controller that is still there stops acting before anything vanishes: else it would take the
// addresses off the Services.
io::Task<> Uninstall::take_lease() {
  const model::NamespacedName name{.ns = options_.ns, .name = "porter-controller"};
  const std::string what = words(kube::lease_resource(), name);
  const std::string path = kube::object_path(kube::lease_resource(), name, {});
  Request asked = get(path);
  std::string doing = "get " + what;
  const auto found = co_await ask(std::move(asked), std::move(doing));
  if (!found || !found->is_ok()) co_return;
  const Tree lease = tree_in(*found);
  const std::string holder = lease.at_path("spec.holderIdentity").text();
  if (holder.empty()) co_return;
  if (is_dry()) {
    say_(fmt::format("would take the Lease from {}", holder));
    co_return;
  }
  std::string now = model::format_time(io::unix_now());
  now.replace(now.size() - 1, 1, ".000000Z");
  Tree spec = Tree::map();
  spec.set("holderIdentity", kHolder).set("leaseDurationSeconds", kHoldSeconds);
  spec.set("acquireTime", now).set("renewTime", now);
  Request taken = patch(path, Tree::map().set("spec", std::move(spec)));
  doing = "take " + what;
  const auto answer = co_await ask(std::move(taken), std::move(doing));
  if (!answer || !answer->is_ok() || holder == kHolder) co_return;
  say_(fmt::format("took the Lease from {}: no controller acts any more", holder));
  // By its own clock, at the latest.
  const Tree& seconds = lease.at_path("spec.leaseDurationSeconds");
  timer_.expires_after(std::chrono::seconds{seconds.text() == "4" ? 4 : 15});
  [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
}

// What is stored as v1alpha1 must be readable when the webhook is gone.
io::Task<> Uninstall::stop_conversion(std::string crd) {
  const std::string path = kube::object_path(crd_resource(), {.ns = {}, .name = crd}, {});
  Request asked = get(path);
  std::string doing = "get CRD " + crd;
  const auto found = co_await ask(std::move(asked), std::move(doing));
  if (!found || !found->is_ok()) co_return;
  const Tree object = tree_in(*found);
  if (object.at_path("spec.conversion.strategy").text() != "Webhook") co_return;
  if (is_dry()) {
    say_("would stop the conversion of " + crd);
    co_return;
  }
  Tree conversion = Tree::map();
  conversion.set("strategy", "None").set("webhook", Tree{});
  Tree spec = Tree::map();
  spec.set("conversion", std::move(conversion));
  Request stopped = patch(path, Tree::map().set("spec", std::move(spec)));
  doing = "stop the conversion of " + crd;
  const auto answer = co_await ask(std::move(stopped), std::move(doing));
  if (answer && answer->is_ok()) say_("stopped the conversion of " + crd);
}

io::Task<> Uninstall::delete_kind(Kind kind) {
  const Resource resource = kube::resource_of(kind);
  std::vector<Held> objects;
  const bool is_listed = co_await list(resource, objects);
  if (!is_listed) co_return;
  std::size_t deleted = 0;
  for (const Held& object : objects)
    co_await delete_object(resource, object, deleted);
  if (deleted > 0) say_(fmt::format("{} {} {}", deleted_word(), deleted, kube::words(resource)));
}

// Deleted first: to what is being deleted nobody can add a finalizer any more.
io::Task<> Uninstall::delete_object(Resource resource, Held object, std::size_t& deleted) {
  const model::NamespacedName name{.ns = {}, .name = object.name};
  if (!is_dry()) {
    Request request = removal(kube::object_path(resource, name, {}));
    std::string doing = "delete " + words(resource, name);
    const auto answer = co_await ask(std::move(request), std::move(doing));
    if (!answer) co_return;
    if (std::ranges::any_of(object.finalizers, goes)) co_await let_go(resource, object);
  }
  ++deleted;
  std::erase_if(object.finalizers, goes);
  if (!object.finalizers.empty()) {
    failures_.push_back(fmt::format("{} is held by somebody else's finalizer: {}",
                                    words(resource, name), fmt::join(object.finalizers, ", ")));
  }
}

io::Task<> Uninstall::let_go(const Resource& resource, const Held& object) {
  Tree finalizers = Tree::list();
  for (const std::string& finalizer : object.finalizers) {
    if (!goes(finalizer)) finalizers.push(finalizer);
  }
  Tree metadata = Tree::map();
  metadata.set("finalizers", std::move(finalizers));
  const model::NamespacedName name{.ns = {}, .name = object.name};
  Tree body = Tree::map();
  body.set("metadata", std::move(metadata));
  Resource as_stored = resource;
  for (const char* version : {"v1alpha2", "v1alpha1"}) {
    as_stored.version = version;
    Request request = patch(kube::object_path(as_stored, name, {}), body);
    const std::string what = "take the finalizers off " + words(resource, name);
    const std::size_t before = failures_.size();
    const auto answer = co_await ask(std::move(request), what);
    if (answer) co_return;
    // Stored as v1alpha1, it does not pass as v1alpha2 once conversion was stopped.
    if (as_stored.version == "v1alpha2") failures_.resize(before);
  }
}

io::Task<> Uninstall::delete_crds() {
  std::vector<Target> targets;
  targets.reserve(std::size(kOurKinds));
  for (const Kind kind : kOurKinds)
    targets.push_back(
        {.resource = crd_resource(), .name = {.ns = {}, .name = model::crd_name(kind)}});
  for (const Target& target : targets)
    co_await remove(target);
  if (is_dry()) co_return;
  for (const Target& target : targets)
    co_await await_gone(target);
}

// The API server deletes the objects first.
io::Task<> Uninstall::await_gone(Target target) {
  const TimePoint end = Clock::now() + options_.crd_patience;
  for (;;) {
    Request request = get(kube::object_path(target.resource, target.name, {}));
    const std::string what = words(target.resource, target.name);
    std::string doing = "get " + what;
    const auto answer = co_await ask(std::move(request), std::move(doing));
    if (!answer || answer->status == 404) co_return;
    if (Clock::now() >= end) {
      failures_.push_back(what + " is still being deleted; kubectl describe says what holds it");
      co_return;
    }
    timer_.expires_after(options_.poll);
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
  }
}

io::Task<> Uninstall::remove(Target target) {
  const std::string what = words(target.resource, target.name);
  const std::string path = kube::object_path(target.resource, target.name, {});
  Request request = is_dry() ? get(path) : removal(path);
  std::string doing = "delete " + what;
  const auto answer = co_await ask(std::move(request), std::move(doing));
  if (!answer) co_return;
  say_(answer->status == 404 ? "gone already: " + what
                             : fmt::format("{} {}", deleted_word(), what));
}

io::Task<bool> Uninstall::list(const Resource& resource, std::vector<Held>& into) {
  std::function<void(const Tree&)> each = [&into](const Tree& item) {
    Held& object = into.emplace_back();
    object.name = item.at_path("metadata.name").text();
    for (const Tree& finalizer : item.at_path("metadata.finalizers").items())
      object.finalizers.push_back(finalizer.text());
  };
  const Result<void> listed = co_await kube::list(client_, resource, std::move(each));
  if (!listed && listed.error().code != Errc::NotFound) {
    failures_.push_back(
        fmt::format("cannot list {}: {}", kube::words(resource), listed.error().message));
  }
  co_return listed.has_value();
}

io::Task<std::optional<kube::Response>> Uninstall::ask(Request request, std::string what) {
  auto response = co_await client_.send(std::move(request));
  std::optional<kube::Response> answer;
  if (!response) {
    failures_.push_back(fmt::format("cannot {}: {}", what, response.error().message));
    co_return answer;
  }
  is_reached_ = true;
  if (response->is_ok() || response->status == 404) {
    answer = *std::move(response);
  } else {
    failures_.push_back(fmt::format("cannot {}: {}", what, kube::api_status(*response).message));
  }
  co_return answer;
}

}  // namespace porter::cluster
