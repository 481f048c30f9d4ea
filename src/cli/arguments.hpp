// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace porter::cli {

// The command line of api.md 9, parsed. Exit status: 0 good, 1 the answer is no, 2 usage, 3 cannot
// reach.
inline constexpr int kGood = 0;
inline constexpr int kNo = 1;
inline constexpr int kUsage = 2;
inline constexpr int kCannotReach = 3;

enum class Output : unsigned char { Text, Json, Yaml };

struct RunOptions {
  std::string manifests;
  std::string state = "/var/lib/porter";
  std::string node;
  std::string socket;          // empty: STATE/porter.sock
  std::string listen;          // "127.0.0.1:7471": the API on loopback TCP too; empty: not
  std::string metrics_listen;  // ":7472": /metrics and health for everybody; empty: not
  std::string load_balancer_class = "network.kubesphere.io/porter";
  std::string secret_namespace = "porter-system";
  bool claim_unclassed = false;
  bool ignore_exclude_label = false;
  bool metrics_per_service = false;
  std::string log_level = "info";
};

// What `porter controller` and `porter speaker` have in common.
struct ClusterOptions {
  std::string kubeconfig;  // empty: $KUBECONFIG, ~/.kube/config, the Pod's service account
  std::string context;
  std::string ns = "porter-system";  // Porter's own: its Lease, and the Secrets of BgpPeers
  std::string load_balancer_class = "network.kubesphere.io/porter";
  bool ignore_exclude_label = false;
  std::string log_level = "info";
};

struct ControllerOptions {
  ClusterOptions cluster;
  std::string identity;  // empty: the host's name and a random part
  std::string listen;    // health, on loopback TCP; empty: not
  std::string metrics_listen;
  bool claim_unclassed = false;
  std::string webhook_listen = ":9443";            // empty: no webhooks
  std::string webhook_service = "porter-webhook";  // in Porter's namespace
  std::string webhook_url;                         // empty: the API server asks at the Service
  std::int64_t webhook_certificate_lifetime = std::int64_t{90} * 86'400;  // seconds
};

struct SpeakerOptions {
  ClusterOptions cluster;
  std::string node;
  std::string state = "/run/porter";
  std::string socket;  // empty: STATE/porter.sock
  std::string listen;
  std::string metrics_listen;
  bool metrics_per_service = false;
  // OpenELB's flags of these names, where they were given.
  std::optional<bool> enable_layer2;
  std::optional<bool> enable_keepalived_vip;
};

struct UninstallOptions {
  ClusterOptions cluster;
  bool dry_run = false;
  bool yes = false;
};

struct QueryOptions {
  enum class Verb : unsigned char { Status, Peers, Routes, Received, Pools, Explain } verb{};
  std::string socket;      // empty: found alone
  std::string kubeconfig;  // these ask a cluster in a socket's place
  std::string context;
  std::string load_balancer_class = "network.kubesphere.io/porter";
  bool claim_unclassed = false;
  bool ignore_exclude_label = false;
  Output output = Output::Text;
  bool watch = false;
  std::string peer;     // routes, peers
  std::string prefix;   // received
  std::string service;  // explain: NS/NAME
};

struct ValidateOptions {
  std::vector<std::string> files;
  bool strict = false;
};

struct MigrateOptions {
  enum class From : unsigned char { MetalLb, OpenElb } from{};
  std::vector<std::string> files;  // empty: the cluster is asked
  std::string kubeconfig;
  std::string context;
};

struct Said {  // help, version, completion, CRDs, or a usage error: already printed
  int status = kGood;
};

using Arguments = std::variant<RunOptions, ControllerOptions, SpeakerOptions, UninstallOptions,
                               QueryOptions, ValidateOptions, MigrateOptions, Said>;
[[nodiscard]] Arguments parse_arguments(int count, const char* const* arguments);

}  // namespace porter::cli
