// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/tree.hpp"

namespace porter::kube {

// PEM where it stands: in a file, which is read again when it changes, or in the kubeconfig itself.
struct Pem {
  std::string text;  // wins
  std::string file;
  [[nodiscard]] bool is_empty() const { return text.empty() && file.empty(); }
  friend bool operator==(const Pem&, const Pem&) = default;
};

struct Cluster {
  std::string server;  // "https://192.0.2.1:6443/prefix"
  Pem authority;       // empty: the system's
  bool insecure_skip_tls_verify = false;
  std::string tls_server_name;  // empty: the host of `server`
  std::string proxy_url;
  Tree exec_config;  // extension client.authentication.k8s.io/exec, for plugins
  friend bool operator==(const Cluster&, const Cluster&) = default;
};

// A credential plugin (client.authentication.k8s.io).
struct ExecPlugin {
  enum class Version : std::uint8_t { V1, V1beta1 };
  enum class Interactive : std::uint8_t { Never, IfAvailable, Always };
  Version version{};
  std::string command;  // a path (never relative), or a name to be looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string install_hint;
  bool provide_cluster_info = false;
  Interactive interactive = Interactive::IfAvailable;
  friend bool operator==(const ExecPlugin&, const ExecPlugin&) = default;
};

struct User {
  Pem certificate, key;
  std::string token;
  std::string token_file;  // wins while it can be read
  std::string username, password;
  std::optional<ExecPlugin> exec;
  std::string impersonate;
  std::vector<std::string> impersonate_groups;
  friend bool operator==(const User&, const User&) = default;
};

// How to reach an API server, and as whom. Holds secrets: never to be printed.
struct Access {
  Cluster cluster;
  User user;
  std::string ns = "default";
  std::string origin;  // "context 'lab' of ~/.kube/config", "the Pod's service account"
};

// One kubeconfig file, decoded. Relative paths in it are made absolute by its folder.
struct Kubeconfig {
  struct Context {
    std::string cluster, user, ns;
    friend bool operator==(const Context&, const Context&) = default;
  };
  std::map<std::string, Cluster> clusters;
  std::map<std::string, User> users;
  std::map<std::string, Context> contexts;
  std::string current_context;
  friend bool operator==(const Kubeconfig&, const Kubeconfig&) = default;
};

// Total. Errors name file, field and what would be right, and never a value that may be secret.
[[nodiscard]] Result<Kubeconfig> decode_kubeconfig(std::string_view text, const std::string& path);
// As kubectl merges: what `first` says stands, entry by entry.
void merge(Kubeconfig& first, Kubeconfig other);
// `context` empty: the current one. `origin`: the file or files, for words.
[[nodiscard]] Result<Access> choose(const Kubeconfig& config, const std::string& context,
                                    const std::string& origin);

// What of the process's environment counts. A value, so that tests need not touch the process.
struct Environment {
  std::map<std::string, std::string> variables;
  [[nodiscard]] static Environment of_process();
  [[nodiscard]] std::string get(const std::string& name) const;  // empty where it is not set
};

inline constexpr std::string_view kServiceAccountFolder =
    "/var/run/secrets/kubernetes.io/serviceaccount";

struct AccessOptions {
  std::string kubeconfig;  // a file; empty: $KUBECONFIG, then ~/.kube/config, then the Pod's own
  std::string context;
  std::string service_account_folder{kServiceAccountFolder};
};
// Reads the files named; blocks for as long as the disk does.
[[nodiscard]] Result<Access> load_access(const AccessOptions& options,
                                         const Environment& environment);
// Of a Pod: its service account, at KUBERNETES_SERVICE_HOST and _PORT.
[[nodiscard]] Result<Access> in_cluster_access(const std::string& folder,
                                               const Environment& environment);

}  // namespace porter::kube
