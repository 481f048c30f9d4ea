// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/tree.hpp"

// Other load balancers' objects -> ours, and what a person has to do beside that. Pure: documents
// in, documents and words out.
//
// Nothing is left out in silence: every field that means something there and cannot be said here
// becomes a Note with what to do. Addresses that Services show are pinned: an EipAddress for each
// names the Service by its uid, so that Porter takes them over as they are.
namespace porter::migrate {

struct Source {
  Tree document;
  std::string file;  // empty: of a cluster
  unsigned line = 0;
};

struct Note {
  std::string place;   // "metallb.yaml:12"; empty: not of one document
  std::string object;  // "BGPPeer tor"
  std::string words;   // what has no equivalent, and what to do
  friend bool operator==(const Note&, const Note&) = default;
};

struct Migration {
  std::vector<Tree> objects;      // pools, BgpConf, peers, advertisements, EipAddresses
  std::vector<Note> notes;        // in the order of the documents
  std::vector<std::string> plan;  // the cut-over, a step each
  std::size_t understood = 0;     // documents that were translated
};

// metallb.io IPAddressPool, BGPPeer, BGPAdvertisement, L2Advertisement, Community and BFDProfile
// (v1beta1, v1beta2), and Services of type LoadBalancer.
[[nodiscard]] Migration from_metallb(const std::vector<Source>& sources);

// network.kubesphere.io Eip, BgpConf and BgpPeer of OpenELB and Porter 0.3, which work unchanged
// here: what is printed is what has to change, and the addresses in Eip.status.used.
[[nodiscard]] Migration from_openelb(const std::vector<Source>& sources);

}  // namespace porter::migrate
