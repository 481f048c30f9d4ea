// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/decode.hpp"

namespace porter::model {

// The object as a document of network.kubesphere.io/v1alpha2, which decode() reads back. An empty
// share key, an empty uid and no retention are left out; so is an empty list of Services: a
// reservation.
[[nodiscard]] Tree to_tree(const EipAddress& address);

// The same, below 100 kB whatever it holds: no more than kMostSessions sessions, those that are not
// Established first, and long texts cut. Zeros and empty texts are left out.
[[nodiscard]] Tree to_tree(const BgpNodeState& state);

}  // namespace porter::model
