// SPDX-License-Identifier: Apache-2.0
#include "kube/kubeconfig.hpp"

#include <array>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "manifests/yaml.hpp"
#include "model/base64.hpp"

namespace porter::kube {
namespace {

constexpr std::string_view kExecExtension = "client.authentication.k8s.io/exec";

// Reads the fields of one map. The first thing that is wrong is kept: what, where, and what would
// be right, without the value, which may be a secret.
class Fields {
 public:
  Fields(const Tree& tree, std::string where, std::string folder, std::optional<Error>& error)
      : tree_{tree}, where_{std::move(where)}, folder_{std::move(folder)}, error_{error} {
    if (!tree_.is_map() && !tree_.is_null()) refuse("", tree_, "must be a map");
  }

  void refuse(std::string_view name, const Tree& at, std::string_view right) {
    if (error_) return;
    const std::string field = name.empty() ? where_ : fmt::format("{}.{}", where_, name);
    const unsigned line = at.line() != 0 ? at.line() : tree_.line();
    error_ =
        Error{.code = Errc::Invalid, .message = fmt::format("line {}: {}: {}", line, field, right)};
  }

  std::string text(std::string_view name) {
    const Tree& at = tree_[name];
    if (at.is_null() || at.is_string()) return at.text();
    refuse(name, at, "must be a text; put it in quotes");
    return {};
  }

  std::string required(std::string_view name) {
    std::string found = text(name);
    if (found.empty()) refuse(name, tree_[name], "is required");
    return found;
  }

  bool truth(std::string_view name) {
    const Tree& at = tree_[name];
    if (!at.is_null() && at.kind() != Tree::Kind::Bool) refuse(name, at, "must be true or false");
    return at.as_bool();
  }

  // A path, as seen from the folder of the file.
  std::string path(std::string_view name) {
    std::string found = text(name);
    if (found.empty() || found.starts_with('/')) return found;
    return (std::filesystem::path{folder_} / found).lexically_normal().string();
  }

  Pem pem(const std::string& name) {
    Pem pem{.text = {}, .file = path(name)};
    const std::string key = name + "-data";
    const std::string data = text(key);
    if (data.empty()) return pem;
    auto decoded = model::decode_base64(data);
    if (!decoded || decoded->find("-----BEGIN ") == std::string::npos) {
      refuse(key, tree_[key], "must be PEM in base64");
      return pem;
    }
    pem.text = *std::move(decoded);
    pem.file.clear();
    return pem;
  }

  std::vector<std::string> texts(std::string_view name) {
    const Tree& at = tree_[name];
    std::vector<std::string> found;
    if (!at.is_list() && !at.is_null()) refuse(name, at, "must be a list");
    for (const Tree& item : at.items()) {
      if (!item.is_string()) refuse(name, item, "must be a list of texts; put them in quotes");
      found.push_back(item.text());
    }
    return found;
  }

  [[nodiscard]] const Tree& tree() const { return tree_; }
  [[nodiscard]] std::string inside(std::string_view name) const {
    return fmt::format("{}.{}", where_, name);
  }

 private:
  const Tree& tree_;
  std::string where_;
  std::string folder_;
  std::optional<Error>& error_;
};

class Decoder {
 public:
  explicit Decoder(const std::string& path)
      : folder_{std::filesystem::path{path}.parent_path().string()} {}

  Result<Kubeconfig> decode(const Tree& document) {
    Fields top{document, "kubeconfig", folder_, error_};
    // A file without kind and apiVersion is read by kubectl too.
    const Tree& kind = document["kind"];
    if (!kind.is_null() && kind.text() != "Config") top.refuse("kind", kind, "must be Config");
    const Tree& version = document["apiVersion"];
    if (!version.is_null() && version.text() != "v1")
      top.refuse("apiVersion", version, "must be v1");
    Kubeconfig config;
    config.current_context = top.text("current-context");
    named(top, "clusters", "cluster", [&](std::string name, const Tree& tree, std::string where) {
      config.clusters.emplace(std::move(name), cluster(tree, std::move(where)));
    });
    named(top, "users", "user", [&](std::string name, const Tree& tree, std::string where) {
      config.users.emplace(std::move(name), user(tree, std::move(where)));
    });
    named(top, "contexts", "context", [&](std::string name, const Tree& tree, std::string where) {
      config.contexts.emplace(std::move(name), context(tree, std::move(where)));
    });
    if (error_) return Failure<>{*std::move(error_)};
    return config;
  }

 private:
  // clusters: [{name: …, cluster: {…}}]. Of equal names the first one counts.
  template <class Take>
  void named(Fields& top, std::string_view list, std::string_view key, Take take) {
    const Tree& at = top.tree()[list];
    if (!at.is_list() && !at.is_null()) top.refuse(list, at, "must be a list");
    for (const Tree& item : at.items()) {
      Fields fields{item, std::string{list}, folder_, error_};
      std::string name = fields.required("name");
      if (error_) return;
      std::string where = fmt::format("{}[{}].{}", list, shown(name), key);
      take(std::move(name), item[key], std::move(where));
    }
  }

  Cluster cluster(const Tree& tree, std::string where) {
    Fields fields{tree, std::move(where), folder_, error_};
    Cluster cluster;
    cluster.server = fields.text("server");
    cluster.authority = fields.pem("certificate-authority");
    cluster.insecure_skip_tls_verify = fields.truth("insecure-skip-tls-verify");
    cluster.tls_server_name = fields.text("tls-server-name");
    cluster.proxy_url = fields.text("proxy-url");
    for (const Tree& extension : tree["extensions"].items()) {
      if (extension["name"].text() == kExecExtension) cluster.exec_config = extension["extension"];
    }
    return cluster;
  }

  User user(const Tree& tree, std::string where) {
    Fields fields{tree, std::move(where), folder_, error_};
    User user;
    user.certificate = fields.pem("client-certificate");
    user.key = fields.pem("client-key");
    user.token = fields.text("token");
    user.token_file = fields.path("tokenFile");
    user.username = fields.text("username");
    user.password = fields.text("password");
    user.impersonate = fields.text("as");
    user.impersonate_groups = fields.texts("as-groups");
    if (!tree["auth-provider"].is_null()) {
      fields.refuse("auth-provider", tree["auth-provider"],
                    "kubectl does not know it since 1.26 and porter neither; use exec");
    }
    const Tree& exec = tree["exec"];
    if (!exec.is_null()) user.exec = plugin(exec, fields.inside("exec"));
    return user;
  }

  ExecPlugin plugin(const Tree& tree, std::string where) {
    Fields fields{tree, std::move(where), folder_, error_};
    ExecPlugin plugin;
    const std::string version = fields.required("apiVersion");
    if (version == "client.authentication.k8s.io/v1beta1") {
      plugin.version = ExecPlugin::Version::V1beta1;
    } else if (version != "client.authentication.k8s.io/v1") {
      fields.refuse(
          "apiVersion", tree["apiVersion"],
          "must be client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1");
    }
    plugin.command = fields.required("command");
    // A path with a folder in it is relative to the file; a bare name is looked up in PATH.
    if (plugin.command.find('/') != std::string::npos) plugin.command = fields.path("command");
    plugin.arguments = fields.texts("args");
    const Tree& environment = tree["env"];
    if (!environment.is_list() && !environment.is_null())
      fields.refuse("env", environment, "must be a list of {name, value}");
    for (const Tree& variable : environment.items()) {
      Fields pair{variable, fields.inside("env"), folder_, error_};
      std::string name = pair.required("name");
      plugin.environment.emplace_back(std::move(name), pair.text("value"));
    }
    plugin.install_hint = fields.text("installHint");
    plugin.provide_cluster_info = fields.truth("provideClusterInfo");
    plugin.interactive = interactive(fields, plugin.version);
    return plugin;
  }

  static ExecPlugin::Interactive interactive(Fields& fields, ExecPlugin::Version version) {
    const std::string mode = fields.text("interactiveMode");
    if (mode == "Never") return ExecPlugin::Interactive::Never;
    if (mode == "Always") return ExecPlugin::Interactive::Always;
    const bool may_be_absent = version == ExecPlugin::Version::V1beta1;
    if (mode != "IfAvailable" && !(mode.empty() && may_be_absent)) {
      fields.refuse("interactiveMode", fields.tree()["interactiveMode"],
                    "must be Never, IfAvailable or Always");
    }
    return ExecPlugin::Interactive::IfAvailable;
  }

  Kubeconfig::Context context(const Tree& tree, std::string where) {
    Fields fields{tree, std::move(where), folder_, error_};
    Kubeconfig::Context context;
    context.cluster = fields.text("cluster");
    context.user = fields.text("user");
    context.ns = fields.text("namespace");
    return context;
  }

  std::string folder_;
  std::optional<Error> error_;
};

}  // namespace

Result<Kubeconfig> decode_kubeconfig(std::string_view text, const std::string& path) {
  manifests::DocumentSplitter splitter{text};
  const auto document = splitter.next();
  if (!document) return Kubeconfig{};  // empty: says nothing, as an absent one
  const auto tree = manifests::parse_document(document->text, document->line);
  if (!tree) return fail(Errc::Invalid, fmt::format("{}: {}", path, to_string(tree.error())));
  if (tree->is_null()) return Kubeconfig{};
  auto config = Decoder{path}.decode(*tree);
  if (!config) return Failure<>{std::move(config.error()).within(path)};
  return config;
}

}  // namespace porter::kube
