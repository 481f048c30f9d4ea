// SPDX-License-Identifier: Apache-2.0
#include "model/convert.hpp"

namespace porter::model {
namespace {

constexpr std::uint32_t kSendMax = 8;          // of Porter 0.3
constexpr std::uint16_t kRestartSeconds = 60;  // of Porter 0.3, whose manager flag -r was on

Eip v1alpha1_eip() {
  Eip eip;
  eip.using_known_ips = false;
  return eip;
}

// Porter 0.3 announced all next hops from one place.
BgpConf v1alpha1_bgp_conf() {
  BgpConf conf;
  conf.next_hop_mode = NextHopMode::Nodes;
  return conf;
}

BgpPeer v1alpha1_bgp_peer() {
  BgpPeer peer;
  peer.next_hop_mode = NextHopMode::Nodes;
  peer.graceful_restart = GracefulRestart{.enabled = true, .restart_time = kRestartSeconds};
  peer.families = {PeerFamily{.send_max = kSendMax}};
  return peer;
}

}  // namespace

Object defaults_of(Kind kind, ApiVersion version) {
  const bool is_old = version == ApiVersion::V1alpha1;
  switch (kind) {
    case Kind::Eip: return is_old ? v1alpha1_eip() : Eip{};
    case Kind::BgpConf: return is_old ? v1alpha1_bgp_conf() : BgpConf{};
    case Kind::BgpPeer: return is_old ? v1alpha1_bgp_peer() : BgpPeer{};
    case Kind::BgpAdvertisement: return BgpAdvertisement{};
    case Kind::BgpNodeState: return BgpNodeState{};
    default: break;
  }
  PORTER_ASSERT(kind == Kind::EipAddress);
  return EipAddress{};
}

}  // namespace porter::model
