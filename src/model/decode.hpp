// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <variant>

#include "base/tree.hpp"
#include "model/bgp.hpp"
#include "model/bgp_advertisement.hpp"
#include "model/bgp_node_state.hpp"
#include "model/eip.hpp"
#include "model/kube.hpp"

namespace porter::model {

using Object = std::variant<Service, EndpointSlice, Node, Namespace, Secret, Eip, BgpConf, BgpPeer,
                            EipAddress, BgpAdvertisement, BgpNodeState>;
[[nodiscard]] Kind kind_of(const Object& object);
[[nodiscard]] const Meta& meta_of(const Object& object);
[[nodiscard]] Meta& meta_of(Object& object);
[[nodiscard]] ObjectKey key_of(const Object& object);

// Something to tell the author of an object. An Error means this version of the object is not used.
struct Problem {
  enum class Severity : std::uint8_t { Warning, Error };
  Severity severity = Severity::Error;
  std::string
      reason;  // CamelCase: "Invalid", "UnknownField", "FieldIgnored", "DuplicateNeighbor", …
  std::string field;    // "spec.conf.peerAs"; empty: the object
  std::string message;  // what was found, and what would be right
  unsigned line = 0;    // in its source; 0: none
  friend bool operator==(const Problem&, const Problem&) = default;
};

struct Decoded {
  std::optional<ObjectKey> key;  // as far as it could be told, also when the object is refused
  std::optional<Object> object;  // none: an Error among the problems, or a kind that is not ours
  bool known_kind =
      true;  // false: some other kind, passed over in silence (a Deployment in the file)
  std::vector<Problem> problems;
  std::optional<Meta> refused;  // the metadata of an object with an Error among the problems
};

// Total: any Tree gives a Decoded. Unknown fields of our kinds warn with the nearest known name;
// known fields are strict; v1alpha1 is converted; defaults are applied (api.md 7).
[[nodiscard]] Decoded decode(const Tree& document);

}  // namespace porter::model
