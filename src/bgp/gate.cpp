// SPDX-License-Identifier: Apache-2.0
#include "bgp/gate.hpp"

#include <algorithm>
#include <utility>

namespace porter::bgp {
namespace {

std::string session_name(const std::string& peer, const Gate::Arrival& arrival) {
  std::string name = peer + "/" + to_string(arrival.remote);
  if (!arrival.zone.empty()) name += "%" + arrival.zone;
  return name;
}

bool covers(const Gate::NeighborPrefix& prefix, const Gate::Arrival& arrival) {
  return prefix.local_port == arrival.local_port && prefix.prefix.contains(arrival.remote);
}

}  // namespace

std::vector<std::string> Gate::allow(const std::string& peer, Neighbor neighbor) {
  std::vector<std::string> over = disallow(peer);
  by_address_.try_emplace(neighbor, peer);  // of two with one address, the one that was first
  neighbors_.emplace(peer, std::move(neighbor));
  return over;
}

std::vector<std::string> Gate::allow(const std::string& peer, NeighborPrefix prefix) {
  if (neighbors_.contains(peer)) (void)disallow(peer);  // had no dynamic sessions
  std::vector<std::string> over;
  std::uint32_t kept = 0;
  for (const auto& [name, session] : sessions_) {
    if (session.peer != peer) continue;
    if (covers(prefix, session.arrival) && kept < prefix.limit) {
      ++kept;
    } else {
      over.push_back(name);
    }
  }
  for (const std::string& name : over) {
    sessions_.erase(name);
  }
  prefixes_.insert_or_assign(peer, prefix);
  return over;
}

std::vector<std::string> Gate::disallow(const std::string& peer) {
  if (const auto known = neighbors_.find(peer); known != neighbors_.end()) {
    const Neighbor address = std::move(known->second);
    neighbors_.erase(known);
    if (const auto holder = by_address_.find(address);
        holder != by_address_.end() && holder->second == peer) {
      by_address_.erase(holder);
      const auto next = std::ranges::find_if(
          neighbors_, [&](const auto& other) { return other.second == address; });
      if (next != neighbors_.end()) by_address_.emplace(address, next->first);
    }
  }
  prefixes_.erase(peer);
  std::vector<std::string> over;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    if (it->second.peer != peer) {
      ++it;
      continue;
    }
    over.push_back(it->first);
    it = sessions_.erase(it);
  }
  return over;
}

Gate::Verdict Gate::admit(const Arrival& arrival, TimePoint now) {
  if (const std::string* peer = configured(arrival)) {
    ++counts_.admitted;
    return Admitted{.session = *peer, .peer = *peer};
  }
  const std::string* peer = by_prefix(arrival);
  if (peer == nullptr) return refuse(Reason::Stranger, now);

  Admitted admitted{.session = session_name(*peer, arrival), .peer = *peer};
  if (!sessions_.contains(admitted.session)) {
    const bool full = sessions_.size() >= limits_.dynamic_sessions ||
                      sessions_of(*peer) >= prefixes_.at(*peer).limit;
    if (full) return refuse(Reason::TooManySessions, now);
    sessions_.emplace(admitted.session, Dynamic{.peer = *peer, .arrival = arrival});
    admitted.is = Session::New;
  }
  ++counts_.admitted;
  return admitted;
}

void Gate::ended(const std::string& session) {
  sessions_.erase(session);
}

const std::string* Gate::configured(const Arrival& arrival) const {
  Neighbor key{.remote = arrival.remote, .zone = arrival.zone, .local_port = arrival.local_port};
  auto found = by_address_.find(key);
  if (found == by_address_.end() && !key.zone.empty()) {
    key.zone.clear();
    found = by_address_.find(key);
  }
  return found == by_address_.end() ? nullptr : &found->second;
}

const std::string* Gate::by_prefix(const Arrival& arrival) const {
  const std::string* best = nullptr;
  unsigned longest = 0;
  for (const auto& [peer, prefix] : prefixes_) {
    if (!covers(prefix, arrival)) continue;
    if (best != nullptr && prefix.prefix.length() <= longest) continue;
    best = &peer;
    longest = prefix.prefix.length();
  }
  return best;
}

std::size_t Gate::sessions_of(const std::string& peer) const {
  const auto count = std::ranges::count_if(
      sessions_, [&](const auto& session) { return session.second.peer == peer; });
  return static_cast<std::size_t>(count);
}

Gate::Refused Gate::refuse(Reason reason, TimePoint now) {
  ++(reason == Reason::Stranger ? counts_.strangers : counts_.too_many_sessions);
  if (second_began_ == TimePoint::min() || now >= second_began_ + std::chrono::seconds{1}) {
    second_began_ = now;
    refused_this_second_ = 0;
  }
  if (refused_this_second_ >= limits_.strangers_per_second) {
    ++counts_.silent;
    return {.reason = reason, .courtesy = Courtesy::Silent};
  }
  ++refused_this_second_;
  return {.reason = reason, .courtesy = Courtesy::Tell};
}

}  // namespace porter::bgp
