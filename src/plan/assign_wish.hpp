// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/eip.hpp"
#include "model/kube.hpp"
#include "model/request.hpp"

namespace porter::plan {

// What one Service wants, worked out once per version of the object (api.md 3, 4).
struct Wish {
  enum class Mode : std::uint8_t {
    One,      // SingleStack
    Any,      // no family is told: one address of the first family that can be had
    Prefer,   // one address per family; one that cannot be had is no failure
    Require,  // one per family, all or nothing
  };

  model::ServiceRequest request;
  Mode mode = Mode::One;
  std::vector<Family> families;  // in the order they are tried; never empty

  [[nodiscard]] bool wants(Family family) const;
  [[nodiscard]] std::optional<Address> address(Family family) const;  // asked for
  [[nodiscard]] bool asks_for(const Address& address) const;
  [[nodiscard]] bool names_pool(const std::string& eip) const;
  // It asks for addresses, and for none of a family that it can have.
  [[nodiscard]] bool asks_in_vain() const;
};

[[nodiscard]] Wish wish_of(const model::Service& service);
// "any address of pool "edge" (annotation eip.porter.kubesphere.io/v1alpha2)".
[[nodiscard]] std::string to_text(const Wish& wish, const model::Service& service);

// Where Services stand in line: those that are restored first, then the older first
// (model::is_older).
struct Age {
  enum class Rank : std::uint8_t { Restored, New } rank = Rank::New;
  std::int64_t created = 0;
  std::uint64_t order = 0;
  model::NamespacedName service;
  friend auto operator<=>(const Age&, const Age&) = default;
};
[[nodiscard]] Age age_of(const model::Meta& meta, Age::Rank rank);

}  // namespace porter::plan
