// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include <gtest/gtest.h>

#include "model/test_tree.hpp"

namespace porter::model {
namespace {

Decoded decode_as(std::string_view kind, std::string_view spec, std::string_view version,
                  std::string_view metadata) {
  std::string text = "{apiVersion: network.kubesphere.io/";
  text.append(version).append(", kind: ").append(kind).append(",\nmetadata: ").append(metadata);
  return decode(flow(text.append(",\nspec: ").append(spec).append("}")));
}

template <class T>
T object_of(std::string_view kind, std::string_view spec, std::string_view version = "v1alpha2",
            std::string_view metadata = "{name: default}") {
  const Decoded decoded = decode_as(kind, spec, version, metadata);
  EXPECT_EQ(text_of(decoded.problems), "") << spec;
  if (!decoded.object) return {};
  return std::get<T>(*decoded.object);
}

BgpConf conf_of(std::string_view spec, std::string_view version = "v1alpha2") {
  return object_of<BgpConf>("BgpConf", spec, version);
}

// A peer that is in order, with more fields below spec.
BgpPeer peer_with(std::string_view fields) {
  std::string spec{"{conf: {peerAs: 65001, neighborAddress: 192.0.2.1}, "};
  return object_of<BgpPeer>("BgpPeer", spec.append(fields).append("}"));
}

std::string peer_problems(std::string_view fields) {
  std::string spec{"{conf: {peerAs: 65001, neighborAddress: 192.0.2.1},\n"};
  return text_of(
      decode_as("BgpPeer", spec.append(fields).append("}"), "v1alpha2", "{name: tor}").problems);
}

std::string conf_problems(std::string_view conf) {
  std::string spec{"{conf: "};
  return text_of(
      decode_as("BgpPeer", spec.append(conf).append("}"), "v1alpha2", "{name: tor}").problems);
}

Address addr(std::string_view text) {
  return Address::parse(text).value();
}

template <class T>
void expect_meta(T& expected, ApiVersion version) {
  expected.meta.name.name = "default";
  expected.meta.uid = "default";
  expected.meta.written_as = version;
}

TEST(BgpConfDecode, OfPorter03) {
  BgpConf expected;
  expect_meta(expected, ApiVersion::V1alpha1);
  expected.as = Asn{65000};
  expected.router_id = RouterId{0xc0a80002U};
  expected.listen_port = 17900;
  expected.next_hop_mode = NextHopMode::Nodes;
  EXPECT_EQ(conf_of("{as: 65000, routerID: 192.168.0.2, port: 17900}", "v1alpha1"), expected);
}

TEST(BgpConfDecode, OfOpenElb) {
  BgpConf expected;
  expect_meta(expected, ApiVersion::V1alpha2);
  expected.as = Asn{50001};
  expected.router_id = RouterId{0xac16000aU};
  expected.listen_port = 17900;
  EXPECT_EQ(conf_of("{as: 50001, listenPort: 17900, routerId: 172.22.0.10}"), expected);
}

TEST(BgpConfDecode, EveryFieldLandsInItsPlace) {
  const BgpConf conf = conf_of(R"({as: 4294967295, asPerRack: {a: 65001, b: 0}, listenPort: -1,
    listenAddresses: [192.0.2.1, "2001:db8::1"], nextHopMode: Self, advertise: All, gracefulShutdown: true,
    drain: {holdSeconds: 5, onCordon: true}, policy: filter,
    gracefulRestart: {enabled: true, restartTime: 30, helperOnly: true, deferralTime: 100, notificationEnabled: true,
      longlivedEnabled: true, mode: "", peerRestartTime: 0}, families: [], useMultiplePaths: false})");
  EXPECT_EQ(conf.as, Asn{4'294'967'295U});
  EXPECT_EQ(conf.as_per_rack, (std::map<std::string, Asn>{{"a", Asn{65001}}}));
  EXPECT_FALSE(conf.router_id);
  EXPECT_EQ(conf.listen_port, 0);
  EXPECT_EQ(conf.listen_addresses, (std::vector{addr("192.0.2.1"), addr("2001:db8::1")}));
  EXPECT_EQ(conf.next_hop_mode, NextHopMode::Self);
  EXPECT_EQ(conf.advertise, Advertise::All);
  EXPECT_TRUE(conf.graceful_shutdown);
  EXPECT_EQ(conf.drain_hold_seconds, 5);
  EXPECT_TRUE(conf.drain_on_cordon);
  EXPECT_EQ(conf.policy, "filter");
  const GracefulRestart expected{.enabled = true,
                                 .restart_time = 30,
                                 .helper_only = true,
                                 .deferral_time = 100,
                                 .notification_enabled = true,
                                 .long_lived = true};
  EXPECT_EQ(conf.graceful_restart, expected);
}

TEST(BgpConfDecode, ListenPortZeroIsTheDefault) {
  EXPECT_EQ(conf_of("{as: 1}").listen_port, 179);
  EXPECT_EQ(conf_of("{as: 1, listenPort: 0}").listen_port, 179);
  EXPECT_EQ(conf_of("{as: 1, listenPort: 65535}").listen_port, 65535);
}

TEST(BgpConfDecode, PolicyIsIgnoredOnlyWhereThatIsAskedFor) {
  const Decoded decoded =
      decode_as("BgpConf", "{as: 1, policy: filter}", "v1alpha2",
                R"({name: default, annotations: {network.kubesphere.io/ignore-policy: "true"}})");
  EXPECT_EQ(text_of(decoded.problems),
            "Warning FieldIgnored spec.policy:3: filter: ignored, as annotation "
            "network.kubesphere.io/ignore-policy says");
  EXPECT_EQ(std::get<BgpConf>(decoded.object.value()).policy, "");
}

TEST(BgpConfDecode, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{}", "Error Invalid spec.as:3: is required"},
      {"{as: 0}", "Error Invalid spec.as:3: 0: must be a whole number from 1 to 4294967295"},
      {"{as: 4294967296}",
       "Error Invalid spec.as:3: 4294967296: must be a whole number from 1 to 4294967295"},
      {"{as: \"65000\"}",
       "Error Invalid spec.as:3: the text 65000: must be a whole number from 1 to 4294967295"},
      {"{as: 1.10}", "Error Invalid spec.as:3: 1.10: must be a whole number from 1 to 4294967295"},
      {"{as: 1, asPerRack: [1]}",
       "Error Invalid spec.asPerRack:3: a list: must be a map from rack to AS number"},
      {"{as: 1, asPerRack: {a: -1}}",
       "Error Invalid spec.asPerRack.a:3: -1: must be a whole number from 0 to 4294967295"},
      {"{as: 1, routerId: 0.0.0.0}",
       "Error Invalid spec.routerId:3: 0.0.0.0: must be a dotted quad like 192.0.2.1, not 0.0.0.0"},
      {"{as: 1, routerId: 2001:db8::1}",
       "Error Invalid spec.routerId:3: 2001:db8::1: must be a dotted quad like 192.0.2.1, not "
       "0.0.0.0"},
      {"{as: 1, routerId: 5}",
       "Error Invalid spec.routerId:3: 5: must be a dotted quad; put it in quotes"},
      {"{as: 1, listenPort: 65536}",
       "Error Invalid spec.listenPort:3: 65536: must be a whole number from -2147483648 to 65535"},
      {"{as: 1, listenAddresses: [eth0]}",
       "Error Invalid spec.listenAddresses[0]:3: eth0: not an IPv4 or IPv6 address"},
      {"{as: 1, nextHopMode: self}",
       "Error Invalid spec.nextHopMode:3: self: must be Self or Nodes"},
      {"{as: 1, advertise: None}", "Error Invalid spec.advertise:3: None: must be All or Selected"},
      {"{as: 1, gracefulShutdown: 1}",
       "Error Invalid spec.gracefulShutdown:3: 1: must be true or false"},
      {"{as: 1, drain: {holdSeconds: -1}}",
       "Error Invalid spec.drain.holdSeconds:3: -1: must be a whole number from 0 to 86400"},
      {"{as: 1, drain: {onCordon: x}}",
       "Error Invalid spec.drain.onCordon:3: the text x: must be true or false"},
      {"{as: 1, policy: {}}", "Error Invalid spec.policy:3: a map: must be a text"},
      {"{as: 1, gracefulRestart: {enabled: true, restartTime: 4096}}",
       "Error Invalid spec.gracefulRestart.restartTime:3: 4096: must be a whole number from 0 to "
       "4095"},
      {"{as: 1, families: [x]}",
       "Warning FieldIgnored spec.families:3: has no effect: The families of a session are those "
       "of `afiSafis` of its BgpPeer."},
      {"{as: 1, useMultiplePaths: true}",
       "Warning FieldIgnored spec.useMultiplePaths:3: has no effect: It governed what GoBGP's own "
       "table shows, never what is announced."},
      {"{as: 1, port: 179}",
       "Warning UnknownField spec.port:3: unknown field in v1alpha2, did you mean "
       "spec.listenPort?"},
      {"{as: 1, routerid: 1.1.1.1}",
       "Warning UnknownField spec.routerid:3: unknown field, did you mean spec.routerId?"},
  };
  for (const auto& [spec, expected] : cases) {
    EXPECT_EQ(text_of(decode_as("BgpConf", spec, "v1alpha2", "{name: default}").problems), expected)
        << spec;
  }
  EXPECT_EQ(text_of(decode_as("BgpConf", "{as: 1, port: 0}", "v1alpha1", "{name: a}").problems),
            "Error Invalid spec.port:3: 0: must be a whole number from 1 to 65535\n"
            "Error Invalid spec.routerID:3: is required");
}

TEST(BgpPeerDecode, OfPorter03) {
  BgpPeer expected;
  expect_meta(expected, ApiVersion::V1alpha1);
  expected.neighbor = addr("192.168.0.6");
  expected.peer_as = Asn{65001};
  expected.families = {PeerFamily{.family = Family::V4, .send_max = 10}};
  expected.graceful_restart = GracefulRestart{.enabled = true, .restart_time = 60};
  expected.next_hop_mode = NextHopMode::Nodes;
  EXPECT_EQ(object_of<BgpPeer>(
                "BgpPeer",
                "{config: {peerAs: 65001, neighborAddress: 192.168.0.6}, addPaths: {sendMax: 10}}",
                "v1alpha1"),
            expected);
  expected.families[0].send_max = 8;
  expected.passive = true;
  expected.remote_port = 1790;
  expected.port_forward = true;
  EXPECT_EQ(object_of<BgpPeer>(
                "BgpPeer",
                R"({config: {peerAs: 65001, neighborAddress: 192.168.0.6}, addPaths: {sendMax: 0},
      transport: {passiveMode: true, remotePort: 1790}, usingPortForward: true})",
                "v1alpha1"),
            expected);
  const BgpPeer v6 = object_of<BgpPeer>(
      "BgpPeer", "{config: {peerAs: 1, neighborAddress: 2001:db8::1}}", "v1alpha1");
  EXPECT_EQ(v6.families, (std::vector{PeerFamily{.family = Family::V6, .send_max = 8}}));
}

// The typo stands in Porter 0.3's own documentation.
TEST(BgpPeerDecode, AFieldOfTheOtherVersionIsNamedAsItIsCalledHere) {
  const auto problems = [](const std::string& more) {
    return text_of(decode_as("BgpPeer",
                             "{conf: {peerAs: 1, neighborAddress: 192.0.2.1}, " + more + "}",
                             "v1alpha2", "{name: a}")
                       .problems);
  };
  EXPECT_EQ(problems("addAaths: {sendMax: 10}"),
            "Warning UnknownField spec.addAaths:3: unknown field, did you mean "
            "spec.afiSafis[].addPaths?");
  EXPECT_EQ(problems("addPaths: {sendMax: 10}"),
            "Warning UnknownField spec.addPaths:3: unknown field in v1alpha2, did you mean "
            "spec.afiSafis[].addPaths?");
  EXPECT_EQ(problems("usingPortForwrad: true"),
            "Warning UnknownField spec.usingPortForwrad:3: unknown field, did you mean "
            "spec.transport.portForward?");
  EXPECT_EQ(problems("transprot: {}"),
            "Warning UnknownField spec.transprot:3: unknown field, did you mean spec.transport?");
}

TEST(BgpPeerDecode, OfPorter03NamesItsFieldsInItsOwnWords) {
  EXPECT_EQ(
      text_of(
          decode_as("BgpPeer",
                    "{config: {peerAs: 65001, neighborAddress: 1.1.1.1},\naddAaths: {sendMax: 10}}",
                    "v1alpha1", "{name: a}")
              .problems),
      "Warning UnknownField spec.addAaths:4: unknown field, did you mean spec.addPaths?");
  EXPECT_EQ(
      text_of(decode_as("BgpPeer", "{conf: {}}", "v1alpha1", "{name: a}").problems),
      "Warning UnknownField spec.conf:3: unknown field in v1alpha1, did you mean spec.config?\n"
      "Error Invalid spec.config:3: is required");
  EXPECT_EQ(text_of(decode_as("BgpPeer", "{config: {peerAs: 1, neighborAddress: 224.0.0.1}}",
                              "v1alpha1", "{name: a}")
                        .problems),
            "Error Invalid spec.config.neighborAddress:3: 224.0.0.1: not the address of a router");
}

TEST(BgpPeerDecode, OfOpenElbHasItsDefaults) {
  BgpPeer expected;
  expect_meta(expected, ApiVersion::V1alpha2);
  expected.neighbor = addr("172.22.0.2");
  expected.peer_as = Asn{50000};
  expected.families = {PeerFamily{.family = Family::V4, .send_max = 10}};
  EXPECT_EQ(object_of<BgpPeer>("BgpPeer", "{conf: {peerAs: 50000, neighborAddress: 172.22.0.2}}"),
            expected);
  EXPECT_EQ(expected.graceful_restart, std::nullopt);  // on, 20 s
  EXPECT_EQ(expected.hold_time, 90);
  EXPECT_EQ(expected.remote_port, 179);
}

TEST(BgpPeerDecode, ConfLandsInItsPlace) {
  const BgpPeer peer = object_of<BgpPeer>(
      "BgpPeer", R"({conf: {peerAs: 4200000000, neighborAddress: fe80::1%eth0, localAs: 65010,
      authPassword: secret, description: tor a, adminDown: true, allowOwnAs: 2, sendCommunity: 0, vrf: ""}})");
  EXPECT_EQ(peer.peer_as, Asn{4'200'000'000U});
  EXPECT_EQ(peer.neighbor, addr("fe80::1"));
  EXPECT_EQ(peer.neighbor_zone, "eth0");
  EXPECT_EQ(peer.local_as, Asn{65010});
  EXPECT_EQ(peer.auth_password, "secret");
  EXPECT_EQ(peer.description, "tor a");
  EXPECT_TRUE(peer.admin_down);
  EXPECT_EQ(peer.allow_own_as, 2U);
  EXPECT_EQ(peer.families.at(0).family, Family::V6);
}

TEST(BgpPeerDecode, DynamicNeighboursAreNotDialled) {
  const BgpPeer peer = object_of<BgpPeer>(
      "BgpPeer", R"({conf: {peerAs: 1, neighborPrefix: {cidr: 2001:db8::/64, limit: 5},
      authSecretRef: {name: bgp, key: password}}})");
  EXPECT_EQ(peer.neighbor, std::nullopt);
  EXPECT_EQ(peer.neighbor_prefix, Prefix::parse("2001:db8::/64").value());
  EXPECT_EQ(peer.neighbor_limit, 5U);
  EXPECT_TRUE(peer.passive);
  EXPECT_EQ(peer.auth_secret, (SecretRef{.name = "bgp", .key = "password"}));
  EXPECT_EQ(peer.families.at(0).family, Family::V6);
}

using FieldCase = std::pair<std::string, std::function<bool(const BgpPeer&)>>;

TEST(BgpPeerDecode, EveryFieldLandsInItsPlace) {
  const std::vector<FieldCase> cases{
      {"ebgpMultihop: {enabled: true}",
       [](const BgpPeer& p) { return p.ebgp_multihop && p.multihop_ttl == 255; }},
      {"ebgpMultihop: {enabled: true, multihopTtl: 0}",
       [](const BgpPeer& p) { return p.multihop_ttl == 255; }},
      {"ebgpMultihop: {multihopTtl: 3}",
       [](const BgpPeer& p) { return !p.ebgp_multihop && p.multihop_ttl == 3; }},
      {"timers: {config: {connectRetry: \"10\"}}",
       [](const BgpPeer& p) { return p.connect_retry == 10; }},
      {"timers: {config: {connectRetry: 10}}",
       [](const BgpPeer& p) { return p.connect_retry == 10; }},
      {"timers: {config: {holdTime: \"9\", keepaliveInterval: \"3\"}}",
       [](const BgpPeer& p) { return p.hold_time == 9 && p.keepalive_interval == 3; }},
      {"timers: {config: {holdTime: 0}}", [](const BgpPeer& p) { return p.hold_time == 0; }},
      {"timers: {config: {holdTime: 65535}}",
       [](const BgpPeer& p) { return p.hold_time == 65535; }},
      {"timers: {config: {holdTime: \"\", keepaliveInterval: \"0\"}}",
       [](const BgpPeer& p) { return p.hold_time == 90 && !p.keepalive_interval; }},
      {"transport: {passiveMode: true}", [](const BgpPeer& p) { return p.passive; }},
      {"transport: {remotePort: 17900}", [](const BgpPeer& p) { return p.remote_port == 17900; }},
      {"transport: {remotePort: 0}", [](const BgpPeer& p) { return p.remote_port == 179; }},
      {"transport: {localAddress: eth0}",
       [](const BgpPeer& p) { return p.local_address == "eth0"; }},
      {"transport: {localAddress: 192.0.2.0/24}",
       [](const BgpPeer& p) { return p.local_address == "192.0.2.0/24"; }},
      {"transport: {localAddress: 192.0.2.9}",
       [](const BgpPeer& p) { return p.local_address == "192.0.2.9"; }},
      {"transport: {ttlSecurity: true}", [](const BgpPeer& p) { return p.ttl_security; }},
      {"transport: {portForward: true}", [](const BgpPeer& p) { return p.port_forward; }},
      {"gracefulRestart: {enabled: true}",
       [](const BgpPeer& p) { return p.graceful_restart == GracefulRestart{}; }},
      {"gracefulRestart: {enabled: true, restartTime: 0}",
       [](const BgpPeer& p) { return p.graceful_restart->restart_time == 90; }},
      {"gracefulRestart: {enabled: true, restartTime: 0}, timers: {config: {holdTime: 65535}}",
       [](const BgpPeer& p) { return p.graceful_restart->restart_time == 4095; }},
      {"gracefulRestart: {enabled: true, deferralTime: 0}",
       [](const BgpPeer& p) { return p.graceful_restart->deferral_time == 360; }},
      {"gracefulRestart: {enabled: false}",
       [](const BgpPeer& p) { return !p.graceful_restart->enabled; }},
      {"nodeSelector: {matchLabels: {rack: a}}",
       [](const BgpPeer& p) { return to_string(*p.node_selector) == "rack=a"; }},
      {"nodeSelector: {}", [](const BgpPeer& p) { return p.node_selector->is_empty(); }},
      {"nextHopMode: Nodes",
       [](const BgpPeer& p) { return p.next_hop_mode == NextHopMode::Nodes; }},
      {"gracefulShutdown: true", [](const BgpPeer& p) { return p.graceful_shutdown; }},
      {"prefixBudget: {max: 1000}",
       [](const BgpPeer& p) { return p.prefix_budget == BgpPeer::Budget{.max = 1000}; }},
      {"prefixBudget: {max: 1, action: Refuse}",
       [](const BgpPeer& p) { return p.prefix_budget->action == BgpPeer::Budget::Action::Refuse; }},
      {"maxPrefixes: {ipv4: 5, ipv6: 6, action: Cease}",
       [](const BgpPeer& p) {
         return p.max_prefixes_v4 == 5 && p.max_prefixes_v6 == 6 && p.max_prefixes_cease;
       }},
      {"maxPrefixes: {action: Ignore}",
       [](const BgpPeer& p) {
         return p.max_prefixes_v4 == 10'000 && p.max_prefixes_v6 == 10'000 && !p.max_prefixes_cease;
       }},
      {"bfd: {enabled: false, minTxMillis: null}, extendedNextHop: false",
       [](const BgpPeer& p) { return !p.extended_next_hop; }},
      {"afiSafis: []",
       [](const BgpPeer& p) { return p.families == std::vector{PeerFamily{.send_max = 10}}; }},
      {"afiSafis: [{}]",
       [](const BgpPeer& p) { return p.families == std::vector{PeerFamily{.send_max = 0}}; }},
      {"afiSafis: [{addPaths: {config: {sendMax: 4, receive: true}}}]",
       [](const BgpPeer& p) {
         return p.families == std::vector{PeerFamily{.send_max = 4, .receive = true}};
       }},
      {"afiSafis: [{config: {family: {afi: AFI_IP6, safi: SAFI_UNICAST}, enabled: true}}]",
       [](const BgpPeer& p) {
         return p.families == std::vector{PeerFamily{.family = Family::V6, .send_max = 0}};
       }},
      {"afiSafis: [{config: {enabled: false}}, {config: {family: {afi: AFI_IP6}}}]",
       [](const BgpPeer& p) {
         return p.families.size() == 1 && p.families[0].family == Family::V6;
       }},
      {"afiSafis: [{mpGracefulRestart: {config: {enabled: false}}}]",
       [](const BgpPeer& p) { return !p.families.at(0).graceful_restart; }},
  };
  for (const auto& [fields, holds] : cases)
    EXPECT_TRUE(holds(peer_with(fields))) << fields;
}

TEST(BgpPeerDecode, SaysWhatIsWrongWithTheNeighbour) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"{neighborAddress: 1.1.1.1}", "Error Invalid spec.conf.peerAs:3: is required"},
      {"{peerAs: 0, neighborAddress: 1.1.1.1}",
       "Error Invalid spec.conf.peerAs:3: 0: must be a whole number from 1 to 4294967295"},
      {"{peerAs: 1}", "Error Invalid spec.conf:3: neighborAddress is required, or neighborPrefix"},
      {"{peerAs: 1,\nneighborAddress: tor}",
       "Error Invalid spec.conf.neighborAddress:4: tor: not an IPv4 or IPv6 address"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1%eth0}",
       "Error Invalid spec.conf.neighborAddress:3: 1.1.1.1%eth0: only a link-local IPv6 address "
       "has an interface"},
      {"{peerAs: 1, neighborAddress: fe80::1%}",
       "Error Invalid spec.conf.neighborAddress:3: fe80::1%: an interface name must follow '%'"},
      {"{peerAs: 1, neighborAddress: fe80::1}",
       "Error Invalid spec.conf.neighborAddress:3: fe80::1: a link-local address needs its "
       "interface, as in fe80::1%eth0"},
      {"{peerAs: 1, neighborAddress: 0.0.0.0}",
       "Error Invalid spec.conf.neighborAddress:3: 0.0.0.0: not the address of a router"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, neighborPrefix: {cidr: 1.1.1.0/24}}",
       "Error Invalid spec.conf:3: neighborAddress and neighborPrefix: write one of them"},
      {"{peerAs: 1, neighborPrefix: {}}",
       "Error Invalid spec.conf.neighborPrefix.cidr:3: is required"},
      {"{peerAs: 1, neighborPrefix: {cidr: 1.1.1.1/24}}",
       "Error Invalid spec.conf.neighborPrefix.cidr:3: 1.1.1.1/24: bits are set beyond the prefix "
       "length; meant 1.1.1.0/24?"},
      {"{peerAs: 1, neighborPrefix: {cidr: 1.1.1.0/24, limit: 0}}",
       "Error Invalid spec.conf.neighborPrefix.limit:3: 0: must be a whole number from 1 to 4096"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, authPassword: 12345}",
       "Error Invalid spec.conf.authPassword:3: must be a text; put it in quotes"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, authPassword: a, authSecretRef: {name: b, key: c}}",
       "Error Invalid spec.conf.authSecretRef:3: authPassword is there too; write one of them"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, authSecretRef: {name: b}}",
       "Error Invalid spec.conf.authSecretRef.key:3: is required"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, localAs: -1}",
       "Error Invalid spec.conf.localAs:3: -1: must be a whole number from 0 to 4294967295"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, allowOwnAs: 256}",
       "Error Invalid spec.conf.allowOwnAs:3: 256: must be a whole number from 0 to 255"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, adminDown: down}",
       "Error Invalid spec.conf.adminDown:3: the text down: must be true or false"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, description: 7}",
       "Error Invalid spec.conf.description:3: 7: must be a text; put it in quotes"},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, vrf: red}",
       "Warning FieldIgnored spec.conf.vrf:3: has no effect: OpenELB had no way to make a VRF."},
      {"{peerAs: 1, neighborAddress: 1.1.1.1, peeras: 2}",
       "Warning UnknownField spec.conf.peeras:3: unknown field, did you mean spec.conf.peerAs?"},
      {"null", "Error Invalid spec.conf:3: is required"},
  };
  for (const auto& [conf, expected] : cases)
    EXPECT_EQ(conf_problems(conf), expected) << conf;
}

TEST(BgpPeerDecode, NeverShowsAPassword) {
  const std::string secret(81, 'x');
  const std::string problems =
      conf_problems("{peerAs: 1, neighborAddress: 1.1.1.1, authPassword: " + secret + "}");
  EXPECT_EQ(problems,
            "Error Invalid spec.conf.authPassword:3: 81 octets: TCP-MD5 takes at most 80");
}

TEST(BgpPeerDecode, SaysWhatIsWrongWithTheRest) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"ebgpMultihop: {multihopTtl: 256}",
       "Error Invalid spec.ebgpMultihop.multihopTtl:4: 256: must be a whole number from 0 to 255"},
      {"ebgpMultihop: {enabled: 1}",
       "Error Invalid spec.ebgpMultihop.enabled:4: 1: must be true or false"},
      {"timers: {config: {holdTime: 2}}",
       "Error Invalid spec.timers.config.holdTime:4: 2: must be 0 or 3 to 65535 (RFC 4271)"},
      {"timers: {config: {holdTime: \"90s\"}}",
       "Error Invalid spec.timers.config.holdTime:4: the text 90s: must be a whole number from 0 "
       "to 65535"},
      {"timers: {config: {holdTime: 9, keepaliveInterval: 9}}",
       "Error Invalid spec.timers.config.keepaliveInterval:4: 9: must be less than the hold time, "
       "which is 9"},
      {"timers: {config: {connectRetry: 65536}}",
       "Error Invalid spec.timers.config.connectRetry:4: 65536: must be a whole number from 0 to "
       "65535"},
      {"timers: {holdTime: 9}", "Warning UnknownField spec.timers.holdTime:4: unknown field"},
      {"timers: {config: {minimumAdvertisementInterval: \"5\"}}",
       "Warning FieldIgnored spec.timers.config.minimumAdvertisementInterval:4: has no effect: "
       "GoBGP never waited between UPDATEs, nor does Porter."},
      {"transport: {remotePort: -1}",
       "Error Invalid spec.transport.remotePort:4: -1: must be a whole number from 0 to 65535"},
      {"transport: {passiveMode: on}",
       "Error Invalid spec.transport.passiveMode:4: the text on: must be true or false"},
      {"transport: {localAddress: a/b}",
       "Error Invalid spec.transport.localAddress:4: a/b: must be an address, a CIDR or an "
       "interface name"},
      {"transport: {localAddress: 2001:db8::1}",
       "Error Invalid spec.transport.localAddress:4: 2001:db8::1: the neighbour is an IPv4 "
       "address"},
      {"transport: {tcpMss: 1400}",
       "Warning FieldIgnored spec.transport.tcpMss:4: has no effect: GoBGP did not set it."},
      {"gracefulRestart: {restartTime: 120}",
       "Warning NotEnabled spec.gracefulRestart:4: enabled is not there, so graceful restart is "
       "off, as in OpenELB; write enabled: true, or leave the block out for the default, which is "
       "on"},
      {"gracefulRestart: {enabled: true, localRestarting: true}",
       "Warning FieldIgnored spec.gracefulRestart.localRestarting:4: has no effect: Porter knows "
       "by itself whether it restarts."},
      {"gracefulRestart: true", "Error Invalid spec.gracefulRestart:4: true: must be a map"},
      {"afiSafis: {}", "Error Invalid spec.afiSafis:4: a map: must be a list"},
      {"afiSafis: [ipv4]", "Error Invalid spec.afiSafis[0]:4: the text ipv4: must be a map"},
      {"afiSafis: [{config: {family: {afi: AFI_L2VPN}}}]",
       "Error Invalid spec.afiSafis[0].config.family.afi:4: AFI_L2VPN: must be AFI_IP or AFI_IP6"},
      {"afiSafis: [{config: {family: {safi: SAFI_EVPN}}}]",
       "Error Invalid spec.afiSafis[0].config.family.safi:4: SAFI_EVPN: must be SAFI_UNICAST"},
      {"afiSafis: [{config: {family: {afi: AFI_IP}}}, {}]",
       "Error Invalid spec.afiSafis[1]:4: IPv4 is there already"},
      {"afiSafis: [{config: {enabled: false}}]",
       "Error Invalid spec.afiSafis:4: no family is enabled"},
      {"afiSafis: [{addPath: {}}]",
       "Warning UnknownField spec.afiSafis[0].addPath:4: unknown field, did you mean "
       "spec.afiSafis[0].addPaths?"},
      {"afiSafis: [{addPaths: {config: {sendMax: -1}}}]",
       "Error Invalid spec.afiSafis[0].addPaths.config.sendMax:4: -1: must be a whole number from "
       "0 to 4294967295"},
      {"afiSafis: [{addPaths: {config: {receive: 1}}}]",
       "Error Invalid spec.afiSafis[0].addPaths.config.receive:4: 1: must be true or false"},
      {"afiSafis: [{mpGracefulRestart: {config: {enabled: 1}}}]",
       "Error Invalid spec.afiSafis[0].mpGracefulRestart.config.enabled:4: 1: must be true or "
       "false"},
      {"nodeSelector: {rack: a}",
       "Warning UnknownField spec.nodeSelector.rack:4: unknown field; labels stand below "
       "matchLabels"},
      {"nodeSelector: x",
       "Error Invalid spec.nodeSelector:4: the text x: must be a label selector with matchLabels "
       "or matchExpressions"},
      {"nextHopMode: Both", "Error Invalid spec.nextHopMode:4: Both: must be Self or Nodes"},
      {"gracefulShutdown: x",
       "Error Invalid spec.gracefulShutdown:4: the text x: must be true or false"},
      {"prefixBudget: {action: Warn}", "Error Invalid spec.prefixBudget.max:4: is required"},
      {"prefixBudget: {max: 0}",
       "Error Invalid spec.prefixBudget.max:4: 0: must be a whole number from 1 to 4294967295"},
      {"prefixBudget: {max: 1, action: Drop}",
       "Error Invalid spec.prefixBudget.action:4: Drop: must be Warn or Refuse"},
      {"maxPrefixes: {ipv4: x}",
       "Error Invalid spec.maxPrefixes.ipv4:4: the text x: must be a whole number from 0 to "
       "4294967295"},
      {"maxPrefixes: {ipv6: -1}",
       "Error Invalid spec.maxPrefixes.ipv6:4: -1: must be a whole number from 0 to 4294967295"},
      {"maxPrefixes: {action: Stop}",
       "Error Invalid spec.maxPrefixes.action:4: Stop: must be Ignore or Cease"},
      {"extendedNextHop: 1", "Error Invalid spec.extendedNextHop:4: 1: must be true or false"},
      {"role: boss",
       "Error Invalid spec.role:4: boss: must be provider, rs, rs-client, customer or peer"},
      {"bfd: {enabled: true}",
       "Warning FieldIgnored spec.bfd.enabled:4: has no effect yet: this release does not have it"},
      {"bfd: {multiplier: 0}",
       "Error Invalid spec.bfd.multiplier:4: 0: must be a whole number from 1 to 255"},
  };
  for (const auto& [fields, expected] : cases)
    EXPECT_EQ(peer_problems(fields), expected) << fields;
}

TEST(BgpPeerDecode, RefusesPortForwardTogetherWithAPassword) {
  const std::string expected =
      "Error Invalid spec.transport.portForward:3: true: not together with a password, as a "
      "TCP-MD5 signature covers "
      "the port; remove one of them";
  for (const std::string_view password : {"authPassword: a", "authSecretRef: {name: a, key: b}"}) {
    std::string spec{
        "{transport: {portForward: true}, conf: {peerAs: 1, neighborAddress: 1.1.1.1, "};
    spec.append(password).append("}}");
    EXPECT_EQ(text_of(decode_as("BgpPeer", spec, "v1alpha2", "{name: a}").problems), expected);
  }
}

TEST(BgpPeerDecode, LabelLeavesItToTheCni) {
  for (const std::string_view key : {"porter.kubesphere.io/cni", "openelb.kubesphere.io/cni"}) {
    std::string metadata{"{name: a, labels: {"};
    metadata.append(key).append(": calico}}");
    EXPECT_TRUE(object_of<BgpPeer>("BgpPeer", "{conf: {peerAs: 1, neighborAddress: 1.1.1.1}}",
                                   "v1alpha2", metadata)
                    .left_to_cni);
  }
}

}  // namespace
}  // namespace porter::model
