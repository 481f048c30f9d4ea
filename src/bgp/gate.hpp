// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/time.hpp"

namespace porter::bgp {

// Who may have a connection that somebody opened to us: a configured neighbour, one of a neighbour
// prefix (a session of its own is made for it, up to a limit), or nobody. Stands before all Peers
// and is asked before any octet is read. The owner makes, runs and ends the Peers; the Gate only
// knows their names. Pure; not thread-safe.
class Gate {
 public:
  struct Limits {
    std::uint32_t strangers_per_second =
        10;                               // told why they are refused, and worth a line in the log
    std::size_t dynamic_sessions = 1024;  // of all prefixes together
  };

  struct Neighbor {
    Address remote;
    std::string zone;  // interface of a link-local address; empty: any
    std::uint16_t local_port = 179;
    friend auto operator<=>(const Neighbor&, const Neighbor&) = default;
  };
  struct NeighborPrefix {
    Prefix prefix;
    std::uint32_t limit = 64;
    std::uint16_t local_port = 179;
    friend bool operator==(const NeighborPrefix&, const NeighborPrefix&) = default;
  };

  struct Arrival {
    Address remote;
    std::string zone;  // of the interface, for a link-local address
    std::uint16_t local_port = 0;
  };

  enum class Session : std::uint8_t { Existing, New };
  struct Admitted {
    std::string session;  // the name of the Peer: of the neighbour, or "tor/192.0.2.7" of a prefix
    std::string peer;     // the configured name: "tor"
    Session is =
        Session::Existing;  // New: the owner makes the Peer before it hands the connection over
    friend bool operator==(const Admitted&, const Admitted&) = default;
  };
  enum class Reason : std::uint8_t { Stranger, TooManySessions };
  enum class Courtesy : std::uint8_t {
    Tell,   // send Cease/5 and log
    Silent  // over the budget of this second: close, no word, no log line
  };
  struct Refused {
    Reason reason{};
    Courtesy courtesy{};
    friend bool operator==(const Refused&, const Refused&) = default;
  };
  using Verdict = std::variant<Admitted, Refused>;

  struct Counts {
    std::uint64_t admitted = 0;
    std::uint64_t strangers = 0;
    std::uint64_t too_many_sessions = 0;
    std::uint64_t silent = 0;  // of both kinds of refusal
  };

  Gate() : Gate{Limits{}} {}
  explicit Gate(Limits limits) : limits_{limits} {}

  // Configures a peer, in place of what it was before. Returns the dynamic sessions that may no
  // longer be: the owner ends them (they are forgotten here).
  [[nodiscard]] std::vector<std::string> allow(const std::string& peer, Neighbor neighbor);
  [[nodiscard]] std::vector<std::string> allow(const std::string& peer, NeighborPrefix prefix);
  [[nodiscard]] std::vector<std::string> disallow(const std::string& peer);

  // A configured neighbour wins over a prefix, a longer prefix over a shorter one.
  [[nodiscard]] Verdict admit(const Arrival& arrival, TimePoint now);
  // The owner has ended a dynamic session: its place is free.
  void ended(const std::string& session);

  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t dynamic_sessions() const { return sessions_.size(); }

 private:
  struct Dynamic {
    std::string peer;
    Arrival arrival;
  };

  [[nodiscard]] const std::string* configured(const Arrival& arrival) const;
  [[nodiscard]] const std::string* by_prefix(const Arrival& arrival) const;
  [[nodiscard]] std::size_t sessions_of(const std::string& peer) const;
  [[nodiscard]] Refused refuse(Reason reason, TimePoint now);

  Limits limits_;
  std::map<std::string, Neighbor> neighbors_;
  std::map<Neighbor, std::string> by_address_;
  std::map<std::string, NeighborPrefix> prefixes_;
  std::map<std::string, Dynamic> sessions_;
  Counts counts_;
  TimePoint second_began_ = TimePoint::min();
  std::uint32_t refused_this_second_ = 0;
};

}  // namespace porter::bgp
