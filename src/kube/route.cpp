// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include "base/address.hpp"
#include "kube/base64_encode.hpp"
#include "kube/dial.hpp"

namespace porter::kube {
namespace {

namespace urls = boost::urls;

constexpr std::string_view kRight = "must be a URL like https://192.0.2.1:6443";

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text)
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
  return out;
}

// A host without its brackets; zones (fe80::1%25eth0) are decoded.
std::string host_of(const urls::url_view& url) {
  std::string host = url.host();
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return host;
}

std::uint16_t port_of(const urls::url_view& url, std::uint16_t usual) {
  if (!url.has_port() || url.port().empty()) return usual;
  return url.port_number();  // 0: none of 1 to 65535
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  const auto address = Address::parse(host);
  return address && (host.starts_with("127.") || host == "::1");
}

bool is_exempt_by(const HostPort& at, std::string_view rule) {
  if (rule == "*") return true;
  const auto address = Address::parse(at.host);
  if (const auto prefix = Prefix::parse(rule); prefix && rule.find('/') != std::string_view::npos)
    return address && prefix->contains(*address);
  std::string_view host = rule;
  const std::size_t colon = rule.rfind(':');
  const bool is_v6 =
      rule.find(':') != colon && !rule.ends_with(']') && rule.find(']') == std::string_view::npos;
  if (colon != std::string_view::npos && !is_v6 && !rule.ends_with(']')) {
    if (rule.substr(colon + 1) != std::to_string(at.port)) return false;
    host = rule.substr(0, colon);
  }
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  if (const auto wanted = Address::parse(host)) return address && *address == *wanted;
  if (host.starts_with("*.")) host.remove_prefix(1);
  const std::string name = lower(at.host);
  if (host.starts_with('.')) return name.ends_with(host) && name.size() > host.size();
  return name == host || name.ends_with("." + std::string{host});  // and what lies below it
}

}  // namespace

std::string to_string(const HostPort& at) {
  return at.host.find(':') == std::string::npos ? fmt::format("{}:{}", at.host, at.port)
                                                : fmt::format("[{}]:{}", at.host, at.port);
}

Result<ServerUrl> parse_server(const std::string& text) {
  const std::string whole = text.find("://") == std::string::npos ? "http://" + text : text;
  const auto url = urls::parse_uri(whole);
  if (!url) return fail(Errc::Invalid, fmt::format("{}: {}", shown(text), kRight));
  ServerUrl server;
  const std::string scheme = lower(std::string_view{url->scheme().data(), url->scheme().size()});
  if (scheme != "http" && scheme != "https")
    return fail(Errc::Invalid, fmt::format("the scheme {}: must be https or http", shown(scheme)));
  server.scheme = scheme == "https" ? Scheme::Https : Scheme::Http;
  if (url->has_userinfo() || url->has_query() || url->has_fragment())
    return fail(Errc::Invalid, "must be a URL without user, '?' and '#'");
  server.at = {.host = host_of(*url),
               .port = port_of(*url, server.scheme == Scheme::Https ? 443 : 80)};
  if (server.at.host.empty() || server.at.port == 0)
    return fail(Errc::Invalid, fmt::format("{}: {}", shown(text), kRight));
  const auto path = url->encoded_path();
  server.prefix.assign(path.data(), path.size());
  while (server.prefix.ends_with('/'))
    server.prefix.pop_back();
  return server;
}

Result<Proxy> parse_proxy(const std::string& text, std::string_view field) {
  const std::string whole = text.find("://") == std::string::npos ? "http://" + text : text;
  const auto url = urls::parse_uri(whole);
  const bool is_http =
      url && lower(std::string_view{url->scheme().data(), url->scheme().size()}) == "http";
  if (!is_http) {
    return fail(Errc::Invalid, fmt::format("{}: must be a URL like http://proxy.example:3128 "
                                           "(https and socks5 proxies are not supported)",
                                           field));
  }
  Proxy proxy;
  proxy.at = {.host = host_of(*url), .port = port_of(*url, 80)};
  if (proxy.at.host.empty() || proxy.at.port == 0)
    return fail(Errc::Invalid, fmt::format("{}: its host or port is missing", field));
  if (url->has_userinfo())
    proxy.authorization = "Basic " + encode_base64(url->user() + ":" + url->password());
  return proxy;
}

bool is_exempt(const HostPort& at, std::string_view no_proxy) {
  while (!no_proxy.empty()) {
    std::string_view rule = no_proxy.substr(0, no_proxy.find(','));
    no_proxy.remove_prefix(std::min(no_proxy.size(), rule.size() + 1));
    while (!rule.empty() && rule.front() == ' ')
      rule.remove_prefix(1);
    while (!rule.empty() && rule.back() == ' ')
      rule.remove_suffix(1);
    if (!rule.empty() && is_exempt_by(at, lower(rule))) return true;
  }
  return false;
}

Result<std::optional<Proxy>> proxy_for(const ServerUrl& server, const Environment& environment) {
  const auto either = [&](const std::string& name) {
    std::string value = environment.get(name);
    if (value.empty()) value = environment.get(lower(name));
    return value;
  };
  const std::string name = server.scheme == Scheme::Https ? "HTTPS_PROXY" : "HTTP_PROXY";
  const std::string text = either(name);
  const bool is_direct =
      text.empty() || is_loopback(server.at.host) || is_exempt(server.at, either("NO_PROXY"));
  if (is_direct) return std::optional<Proxy>{};
  auto proxy = parse_proxy(text, name);
  if (!proxy) return Failure<>{std::move(proxy.error())};
  return std::optional<Proxy>{*std::move(proxy)};
}

Result<Route> route_to(const Cluster& cluster, const Environment& environment) {
  auto server = parse_server(cluster.server);
  if (!server) return Failure<>{std::move(server.error()).within("server")};
  Route route{.server = *std::move(server), .tls_name = cluster.tls_server_name, .proxy = {}};
  if (route.tls_name.empty()) route.tls_name = route.server.at.host;
  if (!cluster.proxy_url.empty()) {
    auto proxy = parse_proxy(cluster.proxy_url, "proxy-url");
    if (!proxy) return Failure<>{std::move(proxy.error())};
    route.proxy = *std::move(proxy);
    return route;
  }
  auto proxy = proxy_for(route.server, environment);
  if (!proxy) return Failure<>{std::move(proxy.error())};
  route.proxy = *std::move(proxy);
  return route;
}

}  // namespace porter::kube
