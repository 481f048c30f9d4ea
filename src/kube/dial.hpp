// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "kube/kubeconfig.hpp"
#include "kube/link.hpp"
#include "kube/tls.hpp"

namespace porter::kube {

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};
[[nodiscard]] std::string to_string(const HostPort& at);  // "[2001:db8::1]:6443"

enum class Scheme : std::uint8_t { Http, Https };
struct ServerUrl {
  Scheme scheme{};
  HostPort at;
  std::string prefix;  // "/k8s/clusters/c-1", or empty
  friend bool operator==(const ServerUrl&, const ServerUrl&) = default;
};
// "https://host:6443/prefix"; without a scheme as kubectl takes it: http, and no user or query.
[[nodiscard]] Result<ServerUrl> parse_server(const std::string& text);

struct Proxy {
  HostPort at;
  std::string authorization;  // "Basic …", or empty. Secret
  friend bool operator==(const Proxy&, const Proxy&) = default;
};
// Errors never repeat the URL: it may hold a password.
[[nodiscard]] Result<Proxy> parse_proxy(const std::string& text, std::string_view field);
// HTTPS_PROXY, HTTP_PROXY and NO_PROXY (or in lower case) as Go's net/http takes them.
[[nodiscard]] Result<std::optional<Proxy>> proxy_for(const ServerUrl& server,
                                                     const Environment& environment);
[[nodiscard]] bool is_exempt(const HostPort& at, std::string_view no_proxy);

// How an API server is reached.
struct Route {
  ServerUrl server;
  std::string tls_name;
  std::optional<Proxy> proxy;
};
[[nodiscard]] Result<Route> route_to(const Cluster& cluster, const Environment& environment);

struct DialLimits {
  std::chrono::milliseconds resolve{5'000};
  std::chrono::milliseconds connect{5'000};  // each address
  std::chrono::milliseconds proxy{10'000};
  std::chrono::milliseconds handshake{10'000};
};
// `tls` is null where the scheme is http. Both references outlive the call.
io::Task<Result<std::unique_ptr<Link>>> dial(const Route& route, const DialLimits& limits,
                                             std::shared_ptr<TlsContext> tls);

}  // namespace porter::kube
