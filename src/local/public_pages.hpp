// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "io/http_server.hpp"

namespace porter::local {

// What of the local API strangers may see: /metrics, /healthz and /readyz. Nothing is looked up by
// what they send: the query is not passed on.
[[nodiscard]] io::HttpResponse public_answer(const io::HttpRequest& request,
                                             const io::HttpServer::Handler& all);

// These pages over plain HTTP, for Prometheus and the kubelet's probes. A server of its own:
// whoever takes all of its connections takes none from the local API.
class PublicPages {
 public:
  PublicPages(io::asio::any_io_executor executor, io::TaskGroup& tasks,
              io::HttpServer::Handler all);

  // "192.0.2.11:7472", ":7472": all addresses; empty: not at all.
  [[nodiscard]] Result<void> open(const std::string& listen);

 private:
  io::HttpServer http_;
};

}  // namespace porter::local
