// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/decode.hpp"

namespace porter::model {

// What a Service asks for, in annotations and in its spec (api.md 3), read and checked once.
struct ServiceRequest {
  std::vector<Address> addresses;        // wanted, in the order written; at most one per family
  bool address_from_annotation = false;  // else from spec.loadBalancerIP
  std::vector<std::string> pools;        // wanted Eips, in the order written
  std::optional<Protocol> protocol;      // only pools of this protocol
  std::string share_key;
  std::string layer2_node;  // a hint
  // An Error (reason InvalidRequest or ConflictingRequest) means that the request cannot be met as
  // it stands: the Service gets nothing new. `field` names the annotation as it was spelled.
  std::vector<Problem> problems;
  friend bool operator==(const ServiceRequest&, const ServiceRequest&) = default;

  // The first Error, or null.
  [[nodiscard]] const Problem* refusal() const;
};

[[nodiscard]] ServiceRequest request_of(const Service& service);

// The value of annotation lb.kubesphere.io/v1alpha1 where it opts in: "porter" or "openelb".
[[nodiscard]] std::optional<std::string> opt_in_of(const Meta& meta);

}  // namespace porter::model
