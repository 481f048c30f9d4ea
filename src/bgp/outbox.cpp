// SPDX-License-Identifier: Apache-2.0
#include "bgp/outbox.hpp"

#include <algorithm>
#include <utility>

#include "base/result.hpp"

namespace porter::bgp {
namespace {

constexpr std::size_t kLengthAt = 16;  // behind the marker (RFC 4271 §4.1)

// Length of the message that begins at `message`.
std::size_t message_length(Bytes message) {
  PORTER_ASSERT(message.size() >= kHeaderSize);  // a RouteSource gives whole messages
  const std::size_t length = (std::size_t{message[kLengthAt]} << 8U) | message[kLengthAt + 1];
  PORTER_ASSERT(length >= kHeaderSize);
  return length;
}

}  // namespace

std::span<const Bytes> Outbox::writable(RouteSource* source, std::size_t budget) {
  forget_offer();
  if (source != nullptr && update_left_ > 0 && has_control()) {
    offer_source(*source, update_left_, update_left_);
    offered_before_ = std::exchange(offered_after_, 0);
  }
  if (has_control()) {
    control_at_ = offer_.size();
    offer_.push_back(Bytes{control_}.subspan(gone_));
    offered_control_ = control_.size() - gone_;
  }
  // With a rest of an UPDATE before control, more UPDATEs wait for the next call: what pull() gave
  // may not outlive another pull().
  const std::size_t so_far = offered_before_ + offered_control_;
  if (source != nullptr && offered_before_ == 0 && so_far < budget) {
    offer_source(*source, budget - so_far, SIZE_MAX);
  }
  return offer_;
}

void Outbox::offer_source(RouteSource& source, std::size_t budget, std::size_t limit) {
  for (const Bytes chunk : source.pull(budget)) {
    const Bytes part = chunk.first(std::min(chunk.size(), limit - offered_after_));
    if (part.empty()) continue;
    offer_.push_back(part);
    offered_after_ += part.size();
  }
}

std::uint64_t Outbox::written(RouteSource* source, std::size_t octets) {
  std::uint64_t updates = 0;
  const auto take = [&octets](std::size_t& offered) {
    const std::size_t taken = std::min(octets, std::exchange(offered, 0));
    octets -= taken;
    return taken;
  };
  const std::size_t before = take(offered_before_);
  const std::size_t control = take(offered_control_);
  const std::size_t after = take(offered_after_);
  if (source != nullptr && before + after > 0) {
    updates = walk(before + after);
    source->consumed(before + after);
  }
  control_written(control);
  forget_offer();
  return updates;
}

// Follows the message boundaries through the first `octets` of UPDATEs offered.
std::uint64_t Outbox::walk(std::size_t octets) {
  std::uint64_t updates = 0;
  for (std::size_t i = 0; i < offer_.size(); ++i) {
    if (i == control_at_) continue;
    Bytes chunk = offer_[i];
    while (!chunk.empty() && octets > 0) {
      if (update_left_ == 0) update_left_ = message_length(chunk);
      const std::size_t step = std::min({update_left_, chunk.size(), octets});
      update_left_ -= step;
      octets -= step;
      chunk = chunk.subspan(step);
      if (update_left_ == 0) ++updates;
    }
  }
  return updates;
}

void Outbox::control_written(std::size_t octets) {
  gone_ += octets;
  if (gone_ < control_.size()) return;
  dropped_ += control_.size();
  control_.clear();
  gone_ = 0;
}

void Outbox::forget_offer() {
  offer_.clear();
  control_at_ = SIZE_MAX;
  offered_before_ = offered_control_ = offered_after_ = 0;
}

void Outbox::detach(RouteSource& source) {
  forget_offer();
  if (update_left_ == 0) return;
  std::vector<std::uint8_t> rest;
  for (const Bytes chunk : source.pull(update_left_)) {
    const Bytes part = chunk.first(std::min(chunk.size(), update_left_ - rest.size()));
    rest.insert(rest.end(), part.begin(), part.end());
  }
  PORTER_ASSERT(rest.size() == update_left_);
  // Control that was written in part cannot be here: it would have been finished before the UPDATE.
  dropped_ += gone_;
  rest.insert(rest.end(), control_.begin() + static_cast<std::ptrdiff_t>(gone_), control_.end());
  control_ = std::move(rest);
  gone_ = 0;
  update_left_ = 0;
}

std::vector<std::uint8_t> Outbox::take_rest() {
  control_.erase(control_.begin(), control_.begin() + static_cast<std::ptrdiff_t>(gone_));
  gone_ = 0;
  return std::exchange(control_, {});
}

}  // namespace porter::bgp
