// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>

#include "plan/candidate.hpp"
#include "plan/view.hpp"

// BgpConf and BgpPeers to the sessions of this process (api.md 7). Pure functions of the View: what
// is common to all peers is worked out once (SessionGround), then each peer on it.
namespace porter::plan {

// What became of one BgpPeer or BgpConf object.
struct PeerOutcome {
  Reason reason =
      Reason::NotThisNode;  // Established/NotEstablished when it runs; else why it does not
  std::string message;
  std::string fix;
  std::optional<PeerSpec> spec;  // runs here
  friend bool operator==(const PeerOutcome&, const PeerOutcome&) = default;
};

// Two BgpPeers with one key are one session (api.md 7): neighbour with zone and port, or the range.
using SessionKey =
    std::tuple<std::optional<Address>, std::string, std::uint16_t, std::optional<Prefix>>;
[[nodiscard]] SessionKey session_key(const model::BgpPeer& peer);

struct SessionGround {
  const model::BgpConf* conf = nullptr;  // the one that counts; null: none
  const model::Node* node = nullptr;     // ours, where there is an object of it
  Asn local_as;
  RouterId router_id;
  std::size_t peering_nodes = 1;            // of which we know
  bool router_id_ignored = false;           // BgpConf has one, and it cannot be everybody's
  std::set<std::string> named;              // BgpPeers with an audience of their own
  std::map<SessionKey, std::string> owner;  // the oldest BgpPeer of each session on this node
};
// Holds pointers into the View: for use at once.
[[nodiscard]] SessionGround session_ground(const View& view);

// Without an object of our node, or without --node, only peers without a nodeSelector are ours.
[[nodiscard]] bool is_selected(const View& view, const model::BgpPeer& peer);
// Self or Nodes: the peer's own word, else BgpConf's, else Nodes where v1alpha1 wrote it, else as
// started.
[[nodiscard]] model::NextHopMode mode_asked_for(const View& view, const model::BgpConf* conf,
                                                const model::BgpPeer& peer);
// The same; but a controller, which plans for all nodes at once, has Nodes.
[[nodiscard]] model::NextHopMode mode_of(const View& view, const model::BgpConf* conf,
                                         const model::BgpPeer& peer);
[[nodiscard]] Modes modes_of(const View& view);

[[nodiscard]] PeerOutcome plan_peer(const View& view, const SessionGround& ground,
                                    const model::BgpPeer& peer);
[[nodiscard]] PeerOutcome plan_conf(const View& view, const SessionGround& ground,
                                    const std::string& name);
// None: do not listen.
[[nodiscard]] std::optional<ListenSpec> plan_listen(const SessionGround& ground, bool any_session);

}  // namespace porter::plan
