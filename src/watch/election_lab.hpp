// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "watch/election.hpp"

// For tests: the one Lease of an API server, with compare-and-swap.
namespace porter::watch::lab {

class LeaseStore {
 public:
  [[nodiscard]] const std::optional<LeaseState>& lease() const { return lease_; }
  void remove() { lease_.reset(); }

  // What the API server answers, with the request's id.
  [[nodiscard]] election::Event get(RequestId id) const {
    if (!lease_) return election::NotFound{.id = id};
    return election::Seen{.id = id, .lease = *lease_};
  }
  [[nodiscard]] election::Event create(RequestId id, const election::Record& record) {
    if (lease_) return election::Conflict{.id = id};
    return write(id, record);
  }
  [[nodiscard]] election::Event update(RequestId id, const election::Record& record) {
    if (!lease_) return election::NotFound{.id = id};
    if (lease_->resource_version != record.resource_version) return election::Conflict{.id = id};
    return write(id, record);
  }

 private:
  election::Event write(RequestId id, const election::Record& record) {
    ++version_;
    const std::string now = fmt::format("t{}", version_);
    lease_ = LeaseState{.holder = record.holder,
                        .duration_seconds = record.duration_seconds,
                        .transitions = record.transitions,
                        .acquire_time = record.acquire_time.empty() ? now : record.acquire_time,
                        .renew_time = now,
                        .resource_version = std::to_string(version_)};
    return election::Written{.id = id, .lease = *lease_};
  }

  std::optional<LeaseState> lease_;
  std::uint64_t version_ = 0;
};

inline std::string text_of(const election::Action& action) {
  struct Words {
    std::string operator()(const election::Get& /*get*/) const { return "Get"; }
    std::string operator()(const election::Create& create) const {
      return "Create " + create.record.holder;
    }
    std::string operator()(const election::Update& update) const {
      return fmt::format("Update {} at {}", update.record.holder, update.record.resource_version);
    }
    std::string operator()(const election::Acquired& /*acquired*/) const { return "Acquired"; }
    std::string operator()(const election::Lost& lost) const { return "Lost: " + lost.why; }
    std::string operator()(const election::LeaderSeen& seen) const {
      return "LeaderSeen " + seen.holder;
    }
    std::string operator()(const election::Trouble& trouble) const {
      return "Trouble: " + trouble.text;
    }
    std::string operator()(const election::Recovered& /*recovered*/) const { return "Recovered"; }
    std::string operator()(const election::Stopped& /*stopped*/) const { return "Stopped"; }
  };
  return std::visit(Words{}, action);
}

}  // namespace porter::watch::lab
