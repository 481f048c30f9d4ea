// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/object.hpp"

namespace porter::model {

enum class Advertise : std::uint8_t { All, Selected };

enum class NextHopMode : std::uint8_t { Self, Nodes };
[[nodiscard]] std::string_view to_string(NextHopMode mode);

struct GracefulRestart {
  bool enabled = true;              // absent means enabled, 20 s (api.md 8)
  std::uint16_t restart_time = 20;  // seconds, at most 4095 (RFC 4724)
  bool helper_only = false;
  std::uint16_t deferral_time = 360;
  bool notification_enabled = false;  // N bit, RFC 8538
  bool long_lived = false;
  friend bool operator==(const GracefulRestart&, const GracefulRestart&) = default;
};

struct BgpConf {
  Meta meta;
  Asn as;
  std::map<std::string, Asn> as_per_rack;
  std::optional<RouterId> router_id;
  std::uint16_t listen_port = 179;  // 0 in the domain value: do not listen (negative in the API)
  std::vector<Address> listen_addresses;  // none: all of both families
  std::optional<NextHopMode> next_hop_mode;
  std::optional<GracefulRestart> graceful_restart;
  Advertise advertise = Advertise::All;
  bool graceful_shutdown = false;
  std::int64_t drain_hold_seconds = 10;
  bool drain_on_cordon = false;
  std::string policy;  // OpenELB's GoBGP policy ConfigMap: no session while set and not ignored
  friend bool operator==(const BgpConf&, const BgpConf&) = default;
};

struct PeerFamily {
  Family family = Family::V4;
  std::uint32_t send_max = 10;  // ADD-PATH paths per prefix that we send; 0: ADD-PATH send off
  bool receive = false;         // ADD-PATH receive
  bool graceful_restart = true;
  friend bool operator==(const PeerFamily&, const PeerFamily&) = default;
};

struct SecretRef {
  std::string name;
  std::string key;
  friend bool operator==(const SecretRef&, const SecretRef&) = default;
};

// In the order of the API, not of sizes: there are few of them.
struct BgpPeer {  // NOLINT(clang-analyzer-optin.performance.Padding)
  Meta meta;
  std::optional<Address> neighbor;  // exactly one of neighbor and neighbor_prefix
  std::string neighbor_zone;        // of a link-local address: "eth0"
  std::optional<Prefix> neighbor_prefix;
  std::uint32_t neighbor_limit = 64;
  Asn peer_as;
  std::optional<Asn> local_as;
  std::string auth_password;
  std::optional<SecretRef> auth_secret;
  std::string description;
  bool admin_down = false;
  std::uint32_t allow_own_as = 0;
  bool ebgp_multihop = false;
  std::uint8_t multihop_ttl = 255;
  bool ttl_security = false;
  std::int64_t connect_retry = 0;                   // seconds; 0: the speaker's own back-off
  std::uint16_t hold_time = 90;                     // 0, or 3..65535
  std::optional<std::uint16_t> keepalive_interval;  // absent: hold/3
  bool passive = false;
  std::uint16_t remote_port = 179;
  std::string local_address;  // address, CIDR or interface name; empty: the kernel chooses
  bool port_forward = false;
  std::optional<GracefulRestart> graceful_restart;
  std::vector<PeerFamily> families;       // defaulted: the family of the neighbour's address
  std::optional<Selector> node_selector;  // none: all nodes
  std::optional<NextHopMode> next_hop_mode;
  bool graceful_shutdown = false;
  struct Budget {
    std::uint32_t max = 0;
    enum class Action : std::uint8_t { Warn, Refuse } action{};
    friend bool operator==(const Budget&, const Budget&) = default;
  };
  std::optional<Budget> prefix_budget;
  std::uint32_t max_prefixes_v4 = 10'000;
  std::uint32_t max_prefixes_v6 = 10'000;
  bool max_prefixes_cease = false;
  bool extended_next_hop = false;  // RFC 8950
  std::string role;                // RFC 9234: provider, rs, rs-client, customer, peer; empty: none
  bool left_to_cni = false;        // label <p>.kubesphere.io/cni
  friend bool operator==(const BgpPeer&, const BgpPeer&) = default;
};

}  // namespace porter::model
