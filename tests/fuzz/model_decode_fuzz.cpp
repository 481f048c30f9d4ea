// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "model/check.hpp"
#include "model/decode.hpp"
#include "model/request.hpp"

// Bytes are a script that builds a document: the words of the API are one octet each, so that the
// fuzzer soon writes objects which are nearly right. What is decoded must stand further looks
// without harm.
namespace {

using porter::ByteReader;
using porter::Bytes;
using porter::Tree;

constexpr unsigned kDeepest = 12;

constexpr auto kWords = std::to_array<std::string_view>({
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "status",
    "name",
    "namespace",
    "labels",
    "annotations",
    "network.kubesphere.io/v1alpha1",
    "network.kubesphere.io/v1alpha2",
    "v1",
    "discovery.k8s.io/v1",
    "Eip",
    "BgpConf",
    "BgpPeer",
    "EipAddress",
    "Service",
    "EndpointSlice",
    "Node",
    "Secret",
    "Namespace",
    "address",
    "addresses",
    "exclude",
    "protocol",
    "namespaceSelector",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
    "In",
    "Exists",
    "reclaim",
    "policy",
    "holdSeconds",
    "as",
    "asPerRack",
    "routerId",
    "routerID",
    "port",
    "listenPort",
    "listenAddresses",
    "conf",
    "config",
    "peerAs",
    "neighborAddress",
    "neighborPrefix",
    "cidr",
    "authPassword",
    "authSecretRef",
    "timers",
    "holdTime",
    "transport",
    "portForward",
    "usingPortForward",
    "gracefulRestart",
    "enabled",
    "restartTime",
    "afiSafis",
    "family",
    "afi",
    "safi",
    "AFI_IP",
    "AFI_IP6",
    "SAFI_UNICAST",
    "addPaths",
    "sendMax",
    "nodeSelector",
    "services",
    "retainUntil",
    "type",
    "LoadBalancer",
    "ports",
    "ipFamilies",
    "IPv4",
    "IPv6",
    "addressType",
    "endpoints",
    "conditions",
    "ready",
    "data",
    "192.0.2.0/24",
    "2001:db8::/64",
    "192.0.2.1-192.0.2.9",
    "fe80::1%eth0",
    "2024-05-01T10:00:00Z",
    "default",
    "bgp",
    "layer2",
    "vip",
    "eip.porter.kubesphere.io/v1alpha1",
    "eip.openelb.kubesphere.io/v1alpha2",
    "creationTimestamp",
    "loadBalancerIP",
});

std::string text(ByteReader& in) {
  const std::uint8_t which = in.take<std::uint8_t>();
  if (which < kWords.size()) return std::string{kWords.at(which)};
  const Bytes raw = in.take_bytes(which % 16U);
  std::string free;
  for (const std::uint8_t octet : raw)
    free += static_cast<char>(octet);
  return free;
}

Tree tree(ByteReader& in, unsigned depth) {
  const std::uint8_t what = in.take<std::uint8_t>();
  Tree made;
  switch (what % 7U) {
    case 0: break;
    case 1: made = Tree{what > 127U}; break;
    case 2: made = Tree::number(text(in)); break;
    case 3: made = Tree{static_cast<std::int64_t>(in.take<std::uint32_t>())}; break;
    case 4: made = Tree{text(in)}; break;
    default: {
      const bool is_map = what % 7U == 5U;
      made = is_map ? Tree::map() : Tree::list();
      const unsigned count = depth < kDeepest ? in.take<std::uint8_t>() % 8U : 0U;
      for (unsigned i = 0; i < count && in.ok(); ++i) {
        if (is_map) {
          std::string key = text(in);
          made.add_entry(std::move(key), tree(in, depth + 1), i + 1);
        } else {
          made.push(tree(in, depth + 1));
        }
      }
    }
  }
  made.set_line(depth + 1U);
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader in{Bytes{data, size}};
  std::vector<porter::model::Object> objects;
  while (in.ok() && in.remaining() > 0 && objects.size() < 16) {
    porter::model::Decoded decoded = porter::model::decode(tree(in, 0));
    if (!decoded.object) continue;
    if (decoded.key != porter::model::key_of(*decoded.object)) __builtin_trap();
    if (const auto* service = std::get_if<porter::model::Service>(&*decoded.object))
      (void)porter::model::request_of(*service);
    objects.push_back(std::move(*decoded.object));
  }
  (void)porter::model::check(objects);
  return 0;
}
