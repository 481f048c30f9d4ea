// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>

#include "bgp/path_list.hpp"
#include "bgp/subscription.hpp"

namespace porter::bgp {

// What one peer is sent: the octets it was handed and has not taken. A chunk that was begun is
// finished, whatever changes meanwhile; what comes behind it is for the Subscription to say. So
// memory is bounded by the budget of pull() and one chunk, however long the peer does not read.
// Owned beside its Peer.
class AdjRibOut final : public RouteSource {
 public:
  explicit AdjRibOut(UpdateGroups& groups) : groups_{groups} {}

  // What an earlier run of ours told the peer: where the table does not have it any more, it is
  // withdrawn outright, ahead of the table. End-of-RIB says as much (RFC 4724 §4.2), but FRR 8.4
  // then takes only one stale path of each prefix out. Forgotten once the peer has taken it.
  void told_before(std::shared_ptr<const RouteTable> routes) { told_before_ = std::move(routes); }

  void opened(const Encoding& encoding) override;
  void moved(const Encoding& encoding) override;
  void closed() override;
  void refresh(Family family) override;
  [[nodiscard]] std::span<const Bytes> pull(
      std::size_t budget) override;  // each is one message or its rest
  void consumed(std::size_t octets) override;
  [[nodiscard]] bool pending() override;

  // While open: who it shares with, how many prefixes of its own it is behind. Null: closed.
  [[nodiscard]] const Subscription* subscription() const { return subscription_.get(); }

 private:
  void withdraw_left_over();
  [[nodiscard]] Encoding shared_encoding() const;
  void join();
  void follow_next_hops();

  UpdateGroups& groups_;
  std::shared_ptr<const RouteTable> told_before_;
  std::uint64_t left_over_at_ = 0;  // version of the Rib that told_before_ was compared with
  bool pulled_before_ = false;      // since opened()
  Encoding encoding_;               // while open
  std::uint64_t next_hops_at_ = 0;  // version of the Rib's next hops that shared_encoding() saw
  std::unique_ptr<Subscription> subscription_;
  std::deque<std::shared_ptr<const Chunk>> begun_;
  std::size_t consumed_ = 0;  // of the first chunk
  std::size_t message_ = 0;   // where the message that holds that octet begins
  std::size_t queued_ = 0;    // octets of begun_ not consumed
  std::vector<Bytes> pulled_;
};

}  // namespace porter::bgp
