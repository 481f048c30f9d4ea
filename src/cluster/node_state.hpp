// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kube/writer.hpp"
#include "model/bgp_node_state.hpp"
#include "plan/told.hpp"
#include "speaker/snapshot.hpp"

namespace porter::cluster {

// What a speaker tells of its node.
[[nodiscard]] model::BgpNodeState node_state(const plan::View& view, const std::string& version,
                                             const std::vector<speaker::PeerSnapshot>& peers,
                                             const plan::PeerOutcomes& planned, TimePoint now,
                                             std::int64_t unix_now);

// Keeps the BgpNodeState of one node as it should be: made once, owned by the Node so that it goes
// with it, and written only when it changed (the counters in it alone do not hurry).
class NodeStateWriter {
 public:
  NodeStateWriter(kube::Writer& writer, std::string node)
      : writer_{writer}, node_{std::move(node)} {}
  NodeStateWriter(const NodeStateWriter&) = delete;
  NodeStateWriter& operator=(const NodeStateWriter&) = delete;
  ~NodeStateWriter() = default;

  // `node_uid` empty: the Node is not known yet, and nothing is written.
  void tell(const model::BgpNodeState& state, const std::string& node_uid);

 private:
  void create(const std::string& node_uid);
  void apply(Tree status);

  kube::Writer& writer_;
  std::string node_;
  bool is_there_ = false;
  std::string said_;
};

}  // namespace porter::cluster
