// SPDX-License-Identifier: Apache-2.0
#include "cluster/webhook_certificate.hpp"

#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "io/wall_clock.hpp"
#include "kube/base64_encode.hpp"
#include "kube/resource.hpp"
#include "model/time_text.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

using kube::CertificateSeen;
using kube::CertificateStep;

constexpr std::chrono::seconds kCheckEvery{30};
constexpr std::chrono::milliseconds kAfterTrouble{2'000};

std::string_view words_of(CertificateStep step) {
  switch (step) {
    case CertificateStep::Keep: return "nothing";
    case CertificateStep::Issue: return "a certificate was made";
    case CertificateStep::Stage: return "the next certificate was made";
    case CertificateStep::Promote: return "the next certificate is shown from now on";
    case CertificateStep::Retire: return "the old authority is not trusted any more";
  }
  return {};
}

std::vector<std::string> names_of(const WebhookPlace& place) {
  std::vector<std::string> names{webhook_host(place)};
  if (place.url.empty()) names.push_back(names.front() + ".cluster.local");
  return names;
}

}  // namespace

WebhookCertificate::WebhookCertificate(const io::asio::any_io_executor& executor,
                                       kube::Client& client, Options options, OnLeaf on_leaf)
    : client_{client},
      options_{std::move(options)},
      on_leaf_{std::move(on_leaf)},
      plan_{options_.times, names_of(options_.place)},
      bundle_{client, options_.place},
      timer_{executor} {}

io::Task<> WebhookCertificate::follow() {
  for (;;) {
    const Next next = co_await look();
    if (next == Next::Soon) continue;  // a write of ours went well: see what it made of things
    timer_.expires_after(next == Next::Later ? plan_.times().look() : kAfterTrouble);
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
  }
}

std::vector<std::string> WebhookCertificate::troubles() const {
  std::vector<std::string> list = bundle_.troubles();
  if (!trouble_.empty()) list.insert(list.begin(), trouble_);
  return list;
}

io::Task<WebhookCertificate::Next> WebhookCertificate::look() {
  Result<Tree> secret = co_await read();
  if (!secret) {
    say(std::move(secret.error().message));
    co_return Next::AfterTrouble;
  }
  CertificateSeen seen = kube::read_certificate_secret(*secret, webhook_host(options_.place));
  const kube::CertificateAdvice first = plan_.advise(seen, published_, io::unix_now());
  show(first);
  co_await publish(first.trust);
  const kube::CertificateAdvice advice = plan_.advise(seen, published_, io::unix_now());
  show(advice);
  if (advice.step == CertificateStep::Keep) {
    const bool is_unusable = seen.owner == CertificateSeen::Owner::Other && !seen.current;
    say(is_unusable ? fmt::format("secrets {}/{} is not Porter's, and of no use: {}",
                                  options_.place.ns, options_.secret, seen.trouble)
                    : std::string{});
    co_return Next::Later;
  }
  const Result<void> written = co_await write(advice.step, std::move(seen));
  if (!written) {
    say(written.error().message);
    co_return Next::AfterTrouble;
  }
  log::info("webhook", words_of(advice.step));
  say({});
  co_return Next::Soon;
}

io::Task<Result<Tree>> WebhookCertificate::read() {
  kube::Request request;
  request.path = kube::object_path(kube::resource_of(model::Kind::Secret),
                                   {.ns = options_.place.ns, .name = options_.secret}, {});
  const Result<kube::Response> response = co_await client_.send(std::move(request));
  if (!response) co_return Failure<>{response.error()};
  if (response->status == 404) co_return Tree{};
  if (!response->is_ok()) {
    co_return fail(Errc::Unavailable,
                   fmt::format("cannot get secrets {}/{}: {}", options_.place.ns, options_.secret,
                               kube::api_status(*response).message));
  }
  co_return watch::parse_json(response->body);
}

// Only where the bundle is another, or it is time to see whether somebody took it away.
io::Task<> WebhookCertificate::publish(std::vector<std::string> trust) {
  if (trust.empty()) co_return;
  std::string bundle = kube::bundle_of(std::move(trust));
  if (bundle == published_ && Clock::now() < next_check_) co_return;
  const bool is_everywhere = co_await bundle_.publish(bundle);
  published_ = is_everywhere ? std::move(bundle) : std::string{};
  next_check_ = Clock::now() + kCheckEvery;
}

io::Task<Result<void>> WebhookCertificate::write(CertificateStep step, CertificateSeen seen) {
  std::optional<kube::Leaf> fresh;
  const std::int64_t now = io::unix_now();
  if (step == CertificateStep::Issue || step == CertificateStep::Stage) {
    Result<kube::Leaf> made = kube::make_leaf(plan_.request(now));
    if (!made) co_return Failure<>{std::move(made.error())};
    fresh = *std::move(made);
  }
  kube::Request request = write_request(plan_.data_after(step, seen, fresh, now), seen);
  const Result<kube::Response> response = co_await client_.send(std::move(request));
  if (!response) co_return Failure<>{response.error()};
  // Another replica was first: what it wrote is as good.
  if (response->is_ok() || response->status == 409) co_return Result<void>{};
  co_return fail(
      Errc::Unavailable,
      fmt::format("cannot {} secrets {}/{}: {}",
                  seen.owner == CertificateSeen::Owner::Nobody ? "create" : "patch",
                  options_.place.ns, options_.secret, kube::api_status(*response).message));
}

kube::Request WebhookCertificate::write_request(const kube::CertificatePlan::Data& data,
                                                const CertificateSeen& seen) const {
  Tree values = Tree::map();
  const bool is_new = seen.owner == CertificateSeen::Owner::Nobody;
  for (const auto& [key, value] : data) {
    if (value || !is_new) values.set(key, value ? Tree{kube::encode_base64(*value)} : Tree{});
  }
  Tree metadata = Tree::map();
  metadata.set("annotations", Tree::map().set(std::string{kube::kSinceAnnotation},
                                              model::format_time(io::unix_now())));
  const kube::Resource secrets = kube::resource_of(model::Kind::Secret);
  kube::Request request;
  Tree body = Tree::map();
  if (is_new) {
    request.verb = kube::Verb::Post;
    request.path = kube::collection_path(secrets, options_.place.ns);
    metadata.set("name", options_.secret);
    metadata.set("labels", Tree::map()
                               .set("app.kubernetes.io/name", "porter")
                               .set(std::string{kube::kManagedByLabel}, "porter"));
    body.set("apiVersion", "v1").set("kind", "Secret").set("type", "kubernetes.io/tls");
  } else {
    request.verb = kube::Verb::Patch;
    request.path =
        kube::object_path(secrets, {.ns = options_.place.ns, .name = options_.secret}, {});
    request.content_type = "application/merge-patch+json";
    metadata.set("resourceVersion", seen.resource_version);
  }
  body.set("metadata", std::move(metadata)).set("data", std::move(values));
  request.body = to_json(body, 0);
  return request;
}

void WebhookCertificate::show(const kube::CertificateAdvice& advice) {
  if (!advice.show || advice.show == shown_) return;
  shown_ = advice.show;
  log::info("webhook", "shows a certificate", {{"until", model::format_time(shown_->not_after)}});
  on_leaf_(*shown_);
}

void WebhookCertificate::say(std::string trouble) {
  if (!trouble.empty() && trouble != trouble_) log::warn("webhook", trouble);
  trouble_ = std::move(trouble);
}

}  // namespace porter::cluster
