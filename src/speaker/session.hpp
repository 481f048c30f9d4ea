// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "bgp/adj_rib_out.hpp"
#include "speaker/bgp_runner.hpp"
#include "speaker/peer_runner.hpp"

namespace porter::speaker {

// One neighbour we have or want a session with: its routes, its Peer and what was last seen of it.
struct BgpRunner::Session {
  Session(BgpRunner& owner, std::string session, std::string configured, plan::PeerSpec spec,
          bgp::Restarting restarting)
      : name{std::move(session)},
        peer{std::move(configured)},
        routes{owner.groups_},
        left{owner.executor_},
        runner{owner.executor_,
               std::move(spec),
               routes,
               restarting,
               owner.scratch_,
               {.state_changed =
                    [this, &owner](const bgp::StateChanged& change) {
                      why = change.why;
                      if (change.from == bgp::State::Established) ended = change.why;
                      owner.state_changed(*this, change);
                    },
                .moved = [this, &owner] { owner.moved(*this); },
                .closed = [this, &owner] { owner.closed(*this); }}} {}

  [[nodiscard]] bool is_dynamic() const { return name != peer; }

  std::string name;
  std::string peer;  // of the BgpPeer
  bgp::AdjRibOut routes;
  io::asio::steady_timer left;  // take_leave() waits here
  std::int64_t since = 0;       // of the state, Unix seconds
  std::string why;              // of its last change
  std::string ended;            // why Established was left the last time
  bool started = false;
  bool moved = false;  // octets went in or out since it was last told
  bool retired = false;
  PeerRunner runner;
};

}  // namespace porter::speaker
