// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "io/file.hpp"
#include "kube/dial.hpp"
#include "kube/kubeconfig.hpp"

namespace porter::kube {
namespace {

constexpr std::size_t kLargestFile = 1U << 20U;  // what the YAML reader takes
constexpr std::size_t kMostFiles = 64;

template <class Map>
std::string names_of(const Map& map) {
  std::string names;
  std::size_t count = 0;
  for (const auto& [name, value] : map) {
    if (++count > 8) return names + ", …";
    names += (names.empty() ? "" : ", ") + shown(name);
  }
  return names.empty() ? "there is none" : "there is " + names;
}

template <class Map>
Result<typename Map::mapped_type> find(const Map& map, const std::string& name,
                                       std::string_view what) {
  const auto found = map.find(name);
  if (found != map.end()) return found->second;
  return fail(Errc::NotFound,
              fmt::format("{} {} is not in it; {}", what, shown(name), names_of(map)));
}

std::vector<std::string> split_paths(std::string_view list) {
  std::vector<std::string> paths;
  while (!list.empty() && paths.size() < kMostFiles) {
    const std::string_view path = list.substr(0, list.find(':'));
    if (!path.empty()) paths.emplace_back(path);
    list.remove_prefix(std::min(list.size(), path.size() + 1));
  }
  return paths;
}

struct Files {
  std::vector<std::string> paths;
  bool must_exist = false;
};

Files files_of(const AccessOptions& options, const Environment& environment) {
  if (!options.kubeconfig.empty()) return {.paths = {options.kubeconfig}, .must_exist = true};
  const std::string list = environment.get("KUBECONFIG");
  if (!list.empty()) return {.paths = split_paths(list), .must_exist = false};
  const std::string home = environment.get("HOME");
  if (home.empty()) return {};
  return {.paths = {home + "/.kube/config"}, .must_exist = false};
}

// None: none of the files is there.
Result<std::optional<Kubeconfig>> read_files(const Files& files) {
  std::optional<Kubeconfig> merged;
  for (const std::string& path : files.paths) {
    const auto contents = io::read_file(path, kLargestFile);
    const bool is_absent = !contents && contents.error().code == Errc::NotFound;
    if (is_absent && !files.must_exist) continue;
    if (!contents) return Failure<>{Error{contents.error()}.within("kubeconfig")};
    auto config = decode_kubeconfig(contents->text, path);
    if (!config) return Failure<>{std::move(config.error()).within("kubeconfig")};
    if (merged) {
      merge(*merged, *std::move(config));
    } else {
      merged = *std::move(config);
    }
  }
  return merged;
}

Result<void> check_user(const User& user, const std::string& name) {
  const std::string where = fmt::format("user {}", shown(name));
  if (user.certificate.is_empty() != user.key.is_empty()) {
    return fail(Errc::Invalid,
                where + ": client-certificate and client-key go together; one is missing");
  }
  const bool has_token = !user.token.empty() || !user.token_file.empty();
  if (has_token && !user.username.empty())
    return fail(Errc::Invalid, where + ": has a token and a username; one of them is right");
  if (user.exec && (has_token || !user.username.empty()))
    return fail(Errc::Invalid, where + ": has exec and a token or username; one of them is right");
  if (user.impersonate.empty() && !user.impersonate_groups.empty())
    return fail(Errc::Invalid, where + ": as-groups needs as");
  return {};
}

Result<void> check_cluster(const Cluster& cluster, const std::string& name) {
  const std::string where = fmt::format("cluster {}", shown(name));
  if (cluster.server.empty())
    return fail(Errc::Invalid, where + ": server is required, like https://192.0.2.1:6443");
  if (auto url = parse_server(cluster.server); !url)
    return Failure<>{std::move(url.error()).within("server").within(where)};
  if (cluster.insecure_skip_tls_verify && !cluster.authority.is_empty()) {
    return fail(Errc::Invalid, where +
                                   ": insecure-skip-tls-verify and certificate-authority exclude "
                                   "each other");
  }
  return {};
}

}  // namespace

void merge(Kubeconfig& first, Kubeconfig other) {
  first.clusters.merge(other.clusters);  // keeps what is there
  first.users.merge(other.users);
  first.contexts.merge(other.contexts);
  if (first.current_context.empty()) first.current_context = std::move(other.current_context);
}

Result<Access> choose(const Kubeconfig& config, const std::string& context,
                      const std::string& origin) {
  const std::string& wanted = context.empty() ? config.current_context : context;
  if (wanted.empty()) {
    return fail(Errc::Invalid, fmt::format("{}: current-context is not set; choose one with "
                                           "--context: {}",
                                           origin, names_of(config.contexts)));
  }
  auto chosen = find(config.contexts, wanted, "context");
  if (!chosen) return Failure<>{std::move(chosen.error()).within(origin)};
  Access access;
  access.origin = fmt::format("context {} of {}", shown(wanted), origin);
  if (!chosen->ns.empty()) access.ns = chosen->ns;
  auto cluster = find(config.clusters, chosen->cluster, "cluster");
  if (!cluster) return Failure<>{std::move(cluster.error()).within(access.origin)};
  access.cluster = *std::move(cluster);
  if (!chosen->user.empty()) {
    auto user = find(config.users, chosen->user, "user");
    if (!user) return Failure<>{std::move(user.error()).within(access.origin)};
    access.user = *std::move(user);
  }
  Result<void> checked = check_cluster(access.cluster, chosen->cluster);
  if (checked) checked = check_user(access.user, chosen->user);
  if (!checked) return Failure<>{std::move(checked.error()).within(access.origin)};
  return access;
}

Environment Environment::of_process() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text{*entry};
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

std::string Environment::get(const std::string& name) const {
  const auto found = variables.find(name);
  return found != variables.end() ? found->second : std::string{};
}

Result<Access> in_cluster_access(const std::string& folder, const Environment& environment) {
  const std::string host = environment.get("KUBERNETES_SERVICE_HOST");
  const std::string port = environment.get("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return fail(Errc::NotFound,
                "not in a Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  }
  Access access;
  access.origin = "the Pod's service account";
  access.cluster.server = host.find(':') == std::string::npos
                              ? fmt::format("https://{}:{}", host, port)
                              : fmt::format("https://[{}]:{}", host, port);
  access.cluster.authority.file = folder + "/ca.crt";
  access.user.token_file = folder + "/token";
  if (auto url = parse_server(access.cluster.server); !url)
    return Failure<>{std::move(url.error()).within("KUBERNETES_SERVICE_HOST")};
  const auto token = io::status_of(access.user.token_file);
  if (!token) {
    return fail(token.error().code, fmt::format("{}; the Pod needs automountServiceAccountToken",
                                                token.error().message));
  }
  if (const auto ns = io::read_file(folder + "/namespace", 4096); ns && !ns->text.empty())
    access.ns = ns->text.substr(0, ns->text.find_first_of(" \n"));
  return access;
}

Result<Access> load_access(const AccessOptions& options, const Environment& environment) {
  const Files files = files_of(options, environment);
  auto config = read_files(files);
  if (!config) return Failure<>{std::move(config.error())};
  // A file that says nothing is as good as none.
  if (*config && !((*config)->contexts.empty() && (*config)->clusters.empty())) {
    std::string origin = files.paths.front();
    if (files.paths.size() > 1) origin += fmt::format(" and {} more", files.paths.size() - 1);
    return choose(**config, options.context, origin);
  }
  auto access = in_cluster_access(options.service_account_folder, environment);
  if (access || access.error().code != Errc::NotFound ||
      !environment.get("KUBERNETES_SERVICE_HOST").empty())
    return access;
  const std::string looked =
      files.paths.empty() ? std::string{"nowhere: HOME is not set"} : files.paths.front();
  return fail(Errc::NotFound,
              fmt::format("no cluster is told: no kubeconfig (looked at {}), and this is no Pod; "
                          "say where with --kubeconfig FILE",
                          looked));
}

}  // namespace porter::kube
