// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "io/http_server.hpp"
#include "local/metrics.hpp"

namespace porter::local {

// The local API: GET only, answers built when asked. Paths: /v1/status, /v1/peers, /v1/routes,
// /v1/received, /v1/pools, /v1/explain, /metrics, /healthz, /readyz. Errors are text: 400, 404,
// 503.
class Api {
 public:
  Api(Sources sources, const Counters& counters, PerService per_service, std::int64_t unix_started);

  [[nodiscard]] io::HttpResponse answer(const io::HttpRequest& request) const;
  // What is not ready, in words; empty: all is.
  [[nodiscard]] std::string not_ready() const;

 private:
  [[nodiscard]] io::HttpResponse explain(const io::HttpRequest& request) const;

  Sources sources_;
  const Counters& counters_;
  PerService per_service_;
  std::int64_t unix_started_;
};

}  // namespace porter::local
