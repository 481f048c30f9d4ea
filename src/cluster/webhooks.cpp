// SPDX-License-Identifier: Apache-2.0
#include "cluster/webhooks.hpp"

#include <chrono>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "io/log.hpp"
#include "io/tcp.hpp"
#include "io/wall_clock.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

namespace asio = io::asio;

constexpr std::chrono::seconds kListenAgain{5};
// A list of v1alpha1 is converted in one piece: 500 objects, as clients ask for them, are a tenth.
constexpr watch::Limits kConversion{.octets = 8U << 20U, .depth = 72, .values = 500'000};
// An object before and after.
constexpr watch::Limits kAdmission{.octets = 4U << 20U, .depth = 72, .values = 200'000};

io::HttpResponse plain(unsigned status, std::string_view text) {
  return io::HttpResponse{
      .status = status, .content_type = "text/plain", .body = fmt::format("{}\n", text)};
}

io::HttpResponse json(const Tree& tree) {
  return io::HttpResponse{.status = 200, .body = to_json(tree, 0)};
}

io::HttpResponse converted(const std::string& body) {
  const Result<Tree> review = watch::parse_json(body, kConversion);
  return review ? json(model::answer_conversion(*review)) : plain(400, review.error().message);
}

}  // namespace

Webhooks::Webhooks(const asio::any_io_executor& executor, kube::Client& client, Options options)
    : options_{std::move(options)},
      worker_{executor},
      addresses_{executor, client, options_.jitter_seed},
      server_{executor, options_.limits,
              [this](kube::WebhookRequest request) { return answer(std::move(request)); }},
      certificate_{executor, client, options_.certificate,
                   [this](const kube::Leaf& leaf) { show(leaf); }},
      timer_{executor},
      tasks_{executor} {}

void Webhooks::start() {
  // Until the Secret's is there: nobody trusts it, and the kubelet's probes do not ask.
  const std::int64_t now = io::unix_now();
  const kube::LeafRequest unknown{
      .names = {"porter-webhook.invalid"}, .not_before = now - 300, .not_after = now + 86'400};
  if (const Result<kube::Leaf> leaf = kube::make_leaf(unknown)) show(*leaf);
  tasks_.spawn(keep_listening());
  tasks_.spawn(certificate_.follow());
  addresses_.start();
}

io::Task<> Webhooks::stop() {
  co_await tasks_.stop();
  co_await server_.stop();
  co_await addresses_.stop();
}

std::vector<std::string> Webhooks::troubles() const {
  std::vector<std::string> list = certificate_.troubles();
  if (!trouble_.empty()) list.insert(list.begin(), trouble_);
  if (!addresses_.trouble().empty()) list.push_back(addresses_.trouble());
  return list;
}

Result<void> Webhooks::listen() {
  const auto endpoint = io::listen_endpoint(options_.listen);
  if (!endpoint) return Failure<>{endpoint.error()};
  Result<std::uint16_t> port = server_.listen(*endpoint);
  if (!port && endpoint->address() == asio::ip::address_v6::any())  // a host without IPv6
    port = server_.listen({asio::ip::address_v4::any(), endpoint->port()});
  if (!port) return Failure<>{std::move(port.error())};
  port_ = *port;
  return {};
}

io::Task<> Webhooks::keep_listening() {
  for (;;) {
    const Result<void> listening = listen();
    if (listening) break;
    std::string trouble = "the webhooks cannot be served: " + listening.error().message;
    if (trouble != trouble_) log::warn("webhook", trouble);
    trouble_ = std::move(trouble);
    timer_.expires_after(kListenAgain);
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
  }
  trouble_.clear();
  log::info("webhook", "listens", {{"port", port_}});
}

void Webhooks::show(const kube::Leaf& leaf) {
  const Result<void> used = server_.use(leaf.certificate, leaf.key);
  if (!used) log::warn("webhook", used.error().message);
}

io::Task<io::HttpResponse> Webhooks::answer(kube::WebhookRequest request) {
  if (request.path == "/healthz") co_return plain(200, "ok");
  if (request.path == "/readyz") co_return readiness();
  const bool is_convert = request.path == "/convert";
  if (!is_convert && request.path != "/validate")
    co_return plain(404, "not found: /convert, /validate, /healthz or /readyz");
  if (request.method != "POST") co_return plain(405, "only POST is understood here");
  if (!is_convert) co_return validate(*request.body);
  io::HttpResponse response = co_await convert(std::move(request.body));
  co_return response;
}

// A list may be long, and the loop has other things to do.
io::Task<io::HttpResponse> Webhooks::convert(std::shared_ptr<const std::string> body) {
  std::function<io::HttpResponse()> job = [body = std::move(body)] { return converted(*body); };
  std::optional<io::HttpResponse> response = co_await worker_.run<io::HttpResponse>(std::move(job));
  if (!response) co_return plain(503, "too many conversions at once");
  co_return *std::move(response);
}

io::HttpResponse Webhooks::validate(const std::string& body) const {
  const Result<Tree> review = watch::parse_json(body, kAdmission);
  if (!review) return plain(400, review.error().message);
  const model::AdmissionFacts facts{
      .in_use = [this](const std::string& eip) { return addresses_.in_use(eip); }};
  return json(model::answer_admission(*review, facts));
}

// Ready as soon as the API server can be answered: it waits for no list and no Lease, for those
// may wait for us.
io::HttpResponse Webhooks::readiness() const {
  if (certificate_.is_shown()) return plain(200, "ok");
  return plain(503,
               fmt::format("no certificate yet: {}", fmt::join(certificate_.troubles(), "; ")));
}

}  // namespace porter::cluster
