// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "plan/advertise.hpp"

// Inside advertise: which advertisements select one address, and what they make of it.
namespace porter::plan {

[[nodiscard]] bool selects_audience(const Advertisement& advertisement,
                                    const std::string& audience);
[[nodiscard]] bool selects_node(const View& view, const Advertisement& advertisement,
                                const std::string& node);
// The kernel route of an aggregate stands. The controller announces nothing: it takes that for
// granted.
[[nodiscard]] bool is_held(const AdvertiseGround& ground, const Prefix& aggregate);

// Of the advertisements of an outlet that select the node: communities add up, of everything else
// the oldest that says something counts.
[[nodiscard]] bgp::PathAttributes merged_attributes(const View& view, const Outlet& outlet,
                                                    const std::string& node);

using AttributesOf = std::function<bgp::PathAttributes(const std::string& node)>;
// Sorted; of nodes with one next hop a single path.
[[nodiscard]] std::vector<bgp::Path> paths_of(const Carriers& carriers, Family family,
                                              const PathIds& ids, const AttributesOf& attributes);

class Selection {
 public:
  Selection(const AdvertiseGround& ground, const Claim& claim, const Address& address);

  // Peers that selecting advertisements name.
  [[nodiscard]] const std::set<std::string>& peers() const { return peers_; }
  [[nodiscard]] std::vector<Outlet> outlets(const std::string& audience) const;  // by prefix
  [[nodiscard]] Carriers carriers_of(const Outlet& outlet) const;
  // With what the annotations of the Services wish, as far as it is allowed.
  [[nodiscard]] bgp::PathAttributes attributes(const Outlet& outlet, const std::string& node) const;

  // All addresses with the same outlets, and reach, have the same attributes.
  [[nodiscard]] bool is_plain() const;

  // The oldest first.
  [[nodiscard]] const std::vector<const Advertisement*>& advertisements() const {
    return advertisements_;
  }
  // May this Service, by one of these advertisements?
  using Allows = std::function<bool(const Advertisement::Overrides&)>;
  [[nodiscard]] bool is_allowed(const std::vector<const Advertisement*>& by, const Holder& holder,
                                const Allows& allows) const;
  // The aggregate of an advertisement; none: it asks for host routes.
  [[nodiscard]] std::optional<Prefix> aggregate_of(const Advertisement& advertisement) const;
  [[nodiscard]] bool lies_in_one_pool(const Prefix& aggregate) const;

 private:
  [[nodiscard]] bool selects(const Advertisement& advertisement, const Holder& holder) const;
  [[nodiscard]] unsigned weight_on(const std::string& node) const;

  const AdvertiseGround& ground_;
  const Claim& claim_;
  Address address_;
  std::vector<const Advertisement*> advertisements_;
  std::set<std::string> peers_;
  bool is_weighed_ = false;
  std::map<std::string, unsigned> ready_on_;  // endpoints; where an advertisement weighs them
};

}  // namespace porter::plan
