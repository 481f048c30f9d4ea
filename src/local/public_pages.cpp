// SPDX-License-Identifier: Apache-2.0
#include "local/public_pages.hpp"

#include <utility>

#include "io/log.hpp"
#include "io/tcp.hpp"

namespace porter::local {

io::HttpResponse public_answer(const io::HttpRequest& request, const io::HttpServer::Handler& all) {
  const auto refuse = [](unsigned status, const char* text) {
    return io::HttpResponse{
        .status = status, .content_type = "text/plain; charset=utf-8", .body = text};
  };
  if (request.method != "GET" && request.method != "HEAD") return refuse(405, "GET only\n");
  if (request.path != "/metrics" && request.path != "/healthz" && request.path != "/readyz")
    return refuse(404, "no such path; there is /metrics, /healthz, /readyz\n");
  return all({.method = request.method, .path = request.path, .query = {}});
}

PublicPages::PublicPages(io::asio::any_io_executor executor, io::TaskGroup& tasks,
                         io::HttpServer::Handler all)
    : http_{std::move(executor), tasks, [all = std::move(all)](const io::HttpRequest& request) {
              return public_answer(request, all);
            }} {}

Result<void> PublicPages::open(const std::string& listen) {
  if (listen.empty()) return {};
  Result<io::Tcp::endpoint> endpoint = io::listen_endpoint(listen);
  if (!endpoint) return Failure<>{std::move(endpoint.error()).within("--metrics-listen")};
  Result<std::uint16_t> port = http_.listen_tcp(*endpoint);
  if (!port && endpoint->address() == io::asio::ip::address_v6::any())  // a host without IPv6
    port = http_.listen_tcp({io::asio::ip::address_v4::any(), endpoint->port()});
  if (!port) return Failure<>{std::move(port.error()).within("--metrics-listen")};
  log::info("metrics", "served over plain HTTP", {{"listen", listen}});
  return {};
}

}  // namespace porter::local
