// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/kube.hpp"

namespace porter::ipam {

// One Service on an address, as far as sharing is concerned. Refers to the Service.
struct Sharer {
  const model::Service* service = nullptr;
  std::string share_key;
  bool asks = false;  // for this very address, in its annotation or spec
};

// Why two Services cannot be on one address (api.md 5).
struct Collision {
  enum class Kind : std::uint8_t {
    NoConsent,       // neither do both ask for the address nor carry both the same share key
    OtherNamespace,  // across namespaces only the same share key will do
    TrafficPolicy,   // one Cluster, one Local
    Selector,        // both Local: the selectors must be equal, and select something
    Port,            // both have `port`
    TooMany,         // kMostSharers are there already
  };
  Kind kind{};
  model::NamespacedName with;
  model::ServicePort port;  // of Kind::Port
  friend bool operator==(const Collision&, const Collision&) = default;
};

// So that the record of one address stays far below what an API server stores in one object.
inline constexpr std::size_t kMostSharers = 1'000;

// The Services on one address, in the order they joined. Refers to them; lives for one decision.
class Sharing {
 public:
  // Joins, or says with whom it collides.
  [[nodiscard]] std::optional<Collision> admit(const Sharer& sharer);
  [[nodiscard]] std::optional<Collision> collision(const Sharer& sharer) const;

 private:
  using Port = std::pair<std::uint16_t, model::IpProtocol>;

  std::size_t count_ = 0;
  std::vector<Sharer> kinds_;  // one of all that are alike but for their ports
  std::map<Port, const model::Service*> ports_;
};

}  // namespace porter::ipam
