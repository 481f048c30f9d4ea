// SPDX-License-Identifier: Apache-2.0
#include "bgp/adj_rib_out.hpp"

#include <algorithm>
#include <set>

namespace porter::bgp {
namespace {

// Of the message at `begin`: messages lie back to back, and each says its length behind the marker.
std::size_t message_end(Bytes octets, std::size_t begin) {
  constexpr std::size_t kMarker = 16;
  const std::size_t high = octets[begin + kMarker];
  return begin + (high << 8U) + octets[begin + kMarker + 1];
}

}  // namespace

void AdjRibOut::opened(const Encoding& encoding) {
  closed();
  encoding_ = encoding;
  join();
  if (told_before_) withdraw_left_over();
}

// What was handed out or begun was told under the old rules, and counts as told.
void AdjRibOut::moved(const Encoding& encoding) {
  if (!subscription_ || encoding == encoding_) return;
  encoding_ = encoding;
  join();
}

// A router is a node but seldom. Where it is none, its own address sets it apart from nobody.
Encoding AdjRibOut::shared_encoding() const {
  Encoding shared = encoding_;
  const auto& address = shared.exclude;
  if (address && !groups_.rib().is_next_hop(*address) && address != shared.self_v4 &&
      address != shared.self_v6)
    shared.exclude.reset();
  return shared;
}

void AdjRibOut::join() {
  next_hops_at_ = groups_.rib().next_hops_version();
  const Encoding shared = shared_encoding();
  if (!subscription_) {
    subscription_ = std::make_unique<Subscription>(groups_, shared);
  } else if (shared != subscription_->group().encoding()) {
    subscription_ = std::make_unique<Subscription>(groups_, shared, *subscription_);
  }
}

void AdjRibOut::follow_next_hops() {
  if (subscription_ && next_hops_at_ != groups_.rib().next_hops_version()) join();
}

void AdjRibOut::withdraw_left_over() {
  const Rib& rib = groups_.rib();
  const Encoding& encoding = encoding_;
  left_over_at_ = rib.version();
  begun_.clear();
  queued_ = 0;
  UpdatePacker packer{rib, encoding};
  const auto was_told = [&](const Path& path) { return may_be_told(path, encoding); };
  for (const auto& [prefix, paths] : *told_before_) {
    if (!encoding.families.has(prefix.family())) continue;
    const std::vector<Exported> told = exported(rib, encoding, prefix);
    if (!encoding.add_path.has(prefix.family())) {  // one NLRI says it for every path
      if (told.empty() && std::ranges::any_of(paths, was_told)) packer.withdraw(prefix, 0);
      continue;
    }
    std::set<PathId> gone;
    for (const Path& path : paths) {
      if (was_told(path)) gone.insert(path.id);
    }
    for (const Exported& path : told)
      gone.erase(path.id);
    for (const PathId id : gone)
      packer.withdraw(prefix, id);
  }
  Chunk chunk = packer.finish();
  if (chunk.octets.empty()) return;
  queued_ += chunk.octets.size();
  begun_.push_back(std::make_shared<const Chunk>(std::move(chunk)));
}

void AdjRibOut::closed() {
  subscription_.reset();
  begun_.clear();
  pulled_.clear();
  message_ = consumed_ = queued_ = 0;
  pulled_before_ = false;
}

void AdjRibOut::refresh(Family family) {
  if (subscription_) subscription_->refresh(family);
}

bool AdjRibOut::pending() {
  follow_next_hops();
  return queued_ > 0 || (subscription_ && subscription_->pending());
}

std::span<const Bytes> AdjRibOut::pull(std::size_t budget) {
  pulled_.clear();
  follow_next_hops();
  // The subscription takes its table now: what left the Rib since opened() would be in neither.
  if (subscription_ && !pulled_before_ && told_before_ && left_over_at_ != groups_.rib().version())
    withdraw_left_over();
  pulled_before_ = subscription_ != nullptr;
  while (subscription_ && (queued_ == 0 || queued_ < budget)) {
    std::shared_ptr<const Chunk> chunk = subscription_->take();
    if (!chunk) break;
    queued_ += chunk->octets.size();
    begun_.push_back(std::move(chunk));
  }
  std::size_t begin = message_;
  std::size_t skip = consumed_ - message_;
  std::size_t total = 0;
  for (const std::shared_ptr<const Chunk>& chunk : begun_) {
    const Bytes octets = chunk->octets;
    while (begin < octets.size()) {
      const std::size_t end = message_end(octets, begin);
      const Bytes rest = octets.subspan(begin + skip, end - begin - skip);
      total += rest.size();
      if (!pulled_.empty() && total > budget) return pulled_;
      pulled_.push_back(rest);
      begin = end;
      skip = 0;
    }
    begin = 0;
  }
  return pulled_;
}

void AdjRibOut::consumed(std::size_t octets) {
  pulled_.clear();
  if (!subscription_) return;
  PORTER_ASSERT(octets <= queued_);
  queued_ -= octets;
  consumed_ += octets;
  while (!begun_.empty() && consumed_ >= begun_.front()->octets.size()) {
    consumed_ -= begun_.front()->octets.size();
    message_ = 0;
    begun_.pop_front();
  }
  if (begun_.empty()) {
    told_before_.reset();
    return;
  }
  const Bytes chunk = begun_.front()->octets;
  for (std::size_t end = message_end(chunk, message_); end <= consumed_;
       end = message_end(chunk, message_)) {
    message_ = end;
  }
}

}  // namespace porter::bgp
