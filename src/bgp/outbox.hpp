// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "bgp/route_source.hpp"

namespace porter::bgp {

// What one connection has to send: control messages (OPEN, KEEPALIVE, NOTIFICATION, ROUTE-REFRESH,
// End-of-RIB), kept here, and UPDATEs, which stay with the RouteSource until the kernel takes them.
// Control goes first, but never into the middle of an UPDATE that was written in part.
//
// Bounded by its users: each kind of control message is queued at most once until it was written.
class Outbox {
 public:
  // Whole control messages are appended to this.
  [[nodiscard]] std::vector<std::uint8_t>& control() { return control_; }

  // Valid until the next call of anything. `source`: null while no UPDATE may be sent.
  [[nodiscard]] std::span<const Bytes> writable(RouteSource* source, std::size_t budget);
  // The first `octets` of what writable() gave were written. Returns the number of UPDATEs
  // completed.
  std::uint64_t written(RouteSource* source, std::size_t octets);

  // The source is about to forget what it has pending: keep the rest of a partly written UPDATE
  // here, else the peer would take what follows for the rest of it. It goes out before any other
  // control.
  void detach(RouteSource& source);

  [[nodiscard]] bool has_control() const { return gone_ < control_.size(); }
  [[nodiscard]] bool in_update() const { return update_left_ > 0; }
  // Counts octets of control messages from the beginning: a message whose end lies at or below
  // gone() was written.
  [[nodiscard]] std::uint64_t put() const { return dropped_ + control_.size(); }
  [[nodiscard]] std::uint64_t gone() const { return dropped_ + gone_; }

  // The octets not yet written, for a connection that is only waiting to be closed.
  [[nodiscard]] std::vector<std::uint8_t> take_rest();

 private:
  void offer_source(RouteSource& source, std::size_t budget, std::size_t limit);
  void control_written(std::size_t octets);
  void forget_offer();
  std::uint64_t walk(std::size_t octets);

  std::vector<std::uint8_t> control_;
  std::size_t gone_ = 0;         // octets of control_ already written
  std::uint64_t dropped_ = 0;    // octets erased from the front of control_
  std::size_t update_left_ = 0;  // octets of a partly written UPDATE

  // What the last writable() offered, in this order: the rest of an UPDATE, control, UPDATEs.
  // Either the first or the last is empty.
  std::vector<Bytes> offer_;
  std::size_t control_at_ = SIZE_MAX;  // index in offer_; SIZE_MAX: no control offered
  std::size_t offered_before_ = 0;
  std::size_t offered_control_ = 0;
  std::size_t offered_after_ = 0;
};

}  // namespace porter::bgp
