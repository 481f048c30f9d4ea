// SPDX-License-Identifier: Apache-2.0
#include "local/api.hpp"

#include <utility>

namespace porter::local {
namespace {

using io::HttpRequest;
using io::HttpResponse;

std::string parameter(const HttpRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string{} : found->second;
}

HttpResponse json(const Tree& tree) {
  return {.status = 200, .content_type = "application/json", .body = to_json(tree, 0)};
}

HttpResponse text(unsigned status, std::string body) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::move(body)};
}

HttpResponse json_or_error(const Result<Tree>& answer) {
  if (answer) return json(*answer);
  const unsigned status = answer.error().code == Errc::NotFound ? 404 : 400;
  return text(status, "porter: " + answer.error().message + '\n');
}

}  // namespace

Api::Api(Sources sources, const Counters& counters, PerService per_service,
         std::int64_t unix_started)
    : sources_{std::move(sources)},
      counters_{counters},
      per_service_{per_service},
      unix_started_{unix_started} {}

HttpResponse Api::answer(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD") return text(405, "GET only\n");
  const TimePoint now = Clock::now();
  const std::string peer = parameter(request, "peer");
  if (request.path == "/v1/status") return json(status_report(sources_, now));
  if (request.path == "/v1/peers") return json_or_error(peers_report(sources_, peer, now));
  if (request.path == "/v1/routes") return json_or_error(routes_report(sources_, peer));
  if (request.path == "/v1/received") {
    return json_or_error(received_report(sources_, peer, parameter(request, "prefix")));
  }
  if (request.path == "/v1/pools") return json(pools_report(sources_.engine));
  if (request.path == "/v1/explain") return explain(request);
  if (request.path == "/healthz") return text(200, "ok\n");
  if (request.path == "/readyz") {
    const std::string missing = not_ready();
    return missing.empty() ? text(200, "ok\n") : text(503, missing + '\n');
  }
  if (request.path == "/metrics") {
    HttpResponse response =
        text(200, metrics_text(sources_, counters_, per_service_, unix_started_));
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  }
  return text(404,
              "no such path; there is /v1/status, /v1/peers, /v1/routes, /v1/received, /v1/pools, "
              "/v1/explain, /metrics, /healthz, /readyz\n");
}

std::string Api::not_ready() const {
  if (!sources_.engine.view().synced) return "the manifests have not been read yet";
  if (!sources_.engine.planned()) return "the first plan is not done yet";
  for (const speaker::ListenerStatus& listener : sources_.speaker.listeners()) {
    if (!listener.error.empty()) return listener.error;
  }
  return {};
}

HttpResponse Api::explain(const HttpRequest& request) const {
  const ExplainAs as = parameter(request, "output") == "text" ? ExplainAs::Text : ExplainAs::Tree;
  return json_or_error(explain_report(sources_.engine, parameter(request, "service"),
                                      sources_.engine.unix_at(Clock::now()), as));
}

}  // namespace porter::local
