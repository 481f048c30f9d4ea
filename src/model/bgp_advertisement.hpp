// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/community.hpp"
#include "model/object.hpp"

namespace porter::model {

// How the addresses it selects are announced (api.md 7). What is left out selects everything; what
// is there must all match.
struct BgpAdvertisement {
  Meta meta;
  std::vector<std::string> eips;         // by name; these and those of `eip_selector` add up
  std::optional<Selector> eip_selector;  // by labels of the Eip
  std::optional<Selector> service_selector;
  std::optional<Selector> namespace_selector;
  std::optional<Selector> node_selector;  // of the nodes that carry the address
  std::vector<std::string> peers;         // names of BgpPeers
  // Members of one aggregate go out as it; 32 and 128, or absent: as host routes only.
  std::optional<std::uint8_t> aggregation_length;
  std::optional<std::uint8_t> aggregation_length_v6;
  std::vector<std::uint32_t> communities;         // sorted, each once
  std::vector<LargeCommunity> large_communities;  // the same
  std::optional<std::uint32_t> local_preference;  // told to iBGP peers only
  std::optional<std::uint32_t> med;
  std::uint8_t prepend = 0;  // how often our AS number stands in front once more (eBGP)
  enum class Weight : std::uint8_t { None, Endpoints };
  Weight weight = Weight::None;  // Endpoints: link bandwidth follows the ready local endpoints
  // What the annotations of a Service may change.
  struct Overrides {
    std::vector<CommunityPattern> communities;
    bool local_preference = false;
    bool med = false;
    bool prepend = false;
    friend bool operator==(const Overrides&, const Overrides&) = default;

    [[nodiscard]] bool allows(const Community& community) const;
  };
  Overrides overrides;
  friend bool operator==(const BgpAdvertisement&, const BgpAdvertisement&) = default;

  [[nodiscard]] bool selects_all_eips() const { return eips.empty() && !eip_selector; }
  [[nodiscard]] bool selects_eip(std::string_view name, const StringMap& labels) const;
  [[nodiscard]] bool selects_peer(std::string_view name) const;
};

// The annotations network.kubesphere.io/communities, /local-preference, /med and /prepend of a
// Service: what it asks for, whether or not an advertisement allows it (api.md 3).
struct BgpWish {
  std::vector<std::uint32_t> communities;         // sorted, each once
  std::vector<LargeCommunity> large_communities;  // the same
  std::optional<std::uint32_t> local_preference;
  std::optional<std::uint32_t> med;
  std::optional<std::uint8_t> prepend;
  friend bool operator==(const BgpWish&, const BgpWish&) = default;
};

}  // namespace porter::model
