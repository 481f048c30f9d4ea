// SPDX-License-Identifier: Apache-2.0
#include "cluster/webhook_bundle.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "kube/base64_encode.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

constexpr unsigned kTries = 3;
constexpr std::array<const char*, 4> kPaths{
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/eips.network.kubesphere.io",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bgpconfs.network.kubesphere.io",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bgppeers.network.kubesphere.io",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/porter"};

// "customresourcedefinitions eips.network.kubesphere.io", as RBAC calls it.
std::string words_of(const std::string& path) {
  const std::size_t name = path.rfind('/');
  const std::size_t plural = path.rfind('/', name - 1);
  return fmt::format("{} {}", path.substr(plural + 1, name - plural - 1), path.substr(name + 1));
}

// Of cert-manager's CA injector.
bool is_injected(const Tree& configuration) {
  const Tree& annotations = configuration["metadata"]["annotations"];
  return annotations.find("cert-manager.io/inject-ca-from") != nullptr ||
         annotations.find("cert-manager.io/inject-ca-from-secret") != nullptr;
}

Tree operation(std::string_view op, std::string path) {
  return Tree::map().set("op", op).set("path", std::move(path));
}

struct ClientConfig {
  std::string path;  // a JSON pointer
  std::string_view webhook_path;
  const Tree& now;
};

// What of one clientConfig has to change.
Result<void> add_changes(const ClientConfig& config, const WebhookPlace& place,
                         const std::string& bundle, Tree& patch) {
  const Tree& service = config.now["service"];
  if (!place.url.empty()) {
    const std::string url = place.url + std::string{config.webhook_path};
    if (!service.is_null()) patch.push(operation("remove", config.path + "/service"));
    if (config.now["url"].text() != url)
      patch.push(operation("add", config.path + "/url").set("value", url));
  } else if (service["namespace"].text() != place.ns || service["name"].text() != place.service) {
    const std::string asked = service.is_null() ? config.now["url"].text()
                                                : fmt::format("{}/{}", service["namespace"].text(),
                                                              service["name"].text());
    return fail(Errc::Conflict, fmt::format("asks {} and not {}/{}; change it, or --namespace and "
                                            "--webhook-service",
                                            shown(asked), place.ns, place.service));
  }
  if (!bundle.empty() && config.now["caBundle"].text() != bundle)
    patch.push(operation("add", config.path + "/caBundle").set("value", bundle));
  return {};
}

}  // namespace

std::string webhook_host(const WebhookPlace& place) {
  if (place.url.empty()) return fmt::format("{}.{}.svc", place.service, place.ns);
  std::string host = place.url.substr(place.url.find("://") + 3);
  host = host.substr(0, host.find('/'));
  if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

Result<Tree> bundle_patch(const Tree& configuration, const WebhookPlace& place,
                          const std::string& bundle) {
  const std::string encoded =
      is_injected(configuration) ? std::string{} : kube::encode_base64(bundle);
  Tree patch = Tree::list();
  patch.push(operation("test", "/metadata/resourceVersion")
                 .set("value", configuration["metadata"]["resourceVersion"].text()));
  const Tree& conversion = configuration["spec"]["conversion"];
  if (conversion["strategy"].text() == "Webhook") {
    const ClientConfig config{.path = "/spec/conversion/webhook/clientConfig",
                              .webhook_path = "/convert",
                              .now = conversion["webhook"]["clientConfig"]};
    if (auto added = add_changes(config, place, encoded, patch); !added)
      return Failure<>{std::move(added.error())};
  }
  std::size_t index = 0;
  for (const Tree& webhook : configuration["webhooks"].items()) {
    const ClientConfig config{.path = fmt::format("/webhooks/{}/clientConfig", index++),
                              .webhook_path = "/validate",
                              .now = webhook["clientConfig"]};
    if (auto added = add_changes(config, place, encoded, patch); !added)
      return Failure<>{std::move(added.error())};
  }
  return patch.items().size() == 1 ? Tree::list() : patch;
}

WebhookBundle::WebhookBundle(kube::Client& client, WebhookPlace place)
    : client_{client}, place_{std::move(place)} {}

io::Task<bool> WebhookBundle::publish(std::string bundle) {
  bool is_everywhere = true;
  for (const char* const path : kPaths) {
    std::string trouble = co_await publish_in(path, bundle);
    is_everywhere = is_everywhere && trouble.empty();
    say(path, std::move(trouble));
  }
  co_return is_everywhere;
}

// Empty: it is there, or there is no such configuration, which then asks nobody. Who was overtaken,
// by the other replica or by the API server itself, looks again.
io::Task<std::string> WebhookBundle::publish_in(std::string path, std::string bundle) {
  std::string trouble;
  for (unsigned tries = 0; tries < kTries; ++tries) {
    bool is_overtaken = false;
    trouble = co_await attempt(path, bundle, is_overtaken);
    if (!is_overtaken) break;
  }
  co_return trouble;
}

io::Task<std::string> WebhookBundle::attempt(std::string path, std::string bundle,
                                             bool& is_overtaken) {
  std::string trouble;
  kube::Request read;
  read.path = path;
  const Result<kube::Response> now = co_await client_.send(std::move(read));
  if (!now) {
    trouble = now.error().message;
  } else if (!now->is_ok() && now->status != 404) {
    trouble = fmt::format("cannot get {}: {}", words_of(path), kube::api_status(*now).message);
  }
  if (!trouble.empty() || now->status == 404) co_return trouble;
  const Result<Tree> configuration = watch::parse_json(now->body);
  if (!configuration) co_return configuration.error().message;
  const Result<Tree> patch = bundle_patch(*configuration, place_, bundle);
  if (!patch) co_return fmt::format("{} {}", words_of(path), patch.error().message);
  if (patch->items().empty()) co_return trouble;
  kube::Request write;
  write.verb = kube::Verb::Patch;
  write.path = path + "?fieldManager=porter-webhook";
  write.content_type = "application/json-patch+json";
  write.body = to_json(*patch, 0);
  const Result<kube::Response> written = co_await client_.send(std::move(write));
  if (!written) {
    trouble = written.error().message;
  } else if (!written->is_ok()) {
    is_overtaken = written->status == 409 || written->status == 422;  // a "test" that does not hold
    trouble =
        fmt::format("cannot patch {}: {}", words_of(path), kube::api_status(*written).message);
  } else {
    log::info("webhook", "the API server was told whom to trust", {{"in", words_of(path)}});
  }
  co_return trouble;
}

std::vector<std::string> WebhookBundle::troubles() const {
  std::vector<std::string> list;
  list.reserve(troubles_.size());
  for (const auto& [path, trouble] : troubles_)
    list.push_back(trouble);
  return list;
}

void WebhookBundle::say(const std::string& path, std::string trouble) {
  const auto before = troubles_.find(path);
  if (trouble.empty()) {
    if (before != troubles_.end()) troubles_.erase(before);
    return;
  }
  if (before == troubles_.end() || before->second != trouble) log::warn("webhook", trouble);
  troubles_[path] = std::move(trouble);
}

}  // namespace porter::cluster
