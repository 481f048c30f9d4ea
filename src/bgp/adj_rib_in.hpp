// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>

#include "bgp/update.hpp"

namespace porter::bgp {

// The routes one peer sent: counted and shown, never installed. Bounded: beyond `max` per family
// routes are not kept but counted (api.md 7, maxPrefixes Ignore), or the session ends with Cease/1
// (action Cease). Keeps stale marks for graceful restart (RFC 4724 §4.2). Pure; not thread-safe.
class AdjRibIn {
 public:
  enum class WhenFull : std::uint8_t { Ignore, Cease };
  struct Config {
    Asn local_as;
    std::uint32_t allow_own_as = 0;  // occurrences of our AS in a path that are no loop
    std::uint32_t max_v4 = 10'000;
    std::uint32_t max_v6 = 10'000;
    WhenFull when_full = WhenFull::Ignore;
    std::vector<Address> own_addresses;  // a route via ourselves is not usable
    // An ORIGINATOR_ID or CLUSTER_LIST with it is a loop (RFC 4456 §8); zero: not checked.
    RouterId own_id{};
    Asn remote_as{};
    std::optional<Role> role{};  // ours, towards an external peer: decides what is a route leak
    friend bool operator==(const Config&, const Config&) = default;
  };
  // Attribute sets are shared by their routes; together they take no more than this. A route whose
  // new set does not fit is not kept, like one beyond `max`.
  static constexpr std::size_t kMaxAttributeOctets = std::size_t{32} * 1024 * 1024;

  explicit AdjRibIn(Config config);
  AdjRibIn(const AdjRibIn&) = delete;
  AdjRibIn& operator=(const AdjRibIn&) = delete;
  AdjRibIn(AdjRibIn&&) = default;
  AdjRibIn& operator=(AdjRibIn&&) = default;
  ~AdjRibIn() = default;

  // Judges the routes that are there again. A lower limit holds for what comes from now on.
  void configure(Config config);

  // Applies what decode_update() accepted. A route that is a loop or has no usable next hop
  // replaces the earlier one and counts as not accepted. True: the limit with action Cease was
  // passed.
  [[nodiscard]] bool apply(const Update& update);

  // Of routes already stale: RFC 4724 §4.2 does not let them live through a second restart, RFC
  // 9494 §4.2 does.
  enum class Earlier : std::uint8_t { Drop, Keep };
  void mark_stale(Family family, Earlier earlier);
  void drop_stale(Family family);
  void drop_stale_with(Family family, std::uint32_t community);
  void clear();
  void clear(Family family);

  [[nodiscard]] bool holds(const Prefix& prefix) const;     // some accepted path
  [[nodiscard]] std::size_t received(Family family) const;  // NLRI in force, refused ones too
  [[nodiscard]] std::size_t accepted(Family family) const;
  [[nodiscard]] std::uint64_t ignored_over_limit(Family family) const;  // since the last clear()

  struct Entry {
    Nlri nlri;
    Attributes attributes;
    bool accepted = true;
    bool stale = false;
  };
  // In order of prefix, then path identifier, at most `count` of them.
  [[nodiscard]] std::vector<Entry> entries(std::size_t count) const;

 private:
  struct Shared {
    std::uint32_t routes = 0;  // that use it
    std::size_t octets = 0;    // of memory
    bool usable = false;       // no loop, no leak, a next hop to send to
  };
  using Sets = std::map<Attributes, Shared>;
  struct Route {
    Sets::iterator set;
    bool accepted = false;
    bool stale = false;
  };
  using Key = std::pair<Prefix, PathId>;
  struct Table {
    std::map<Key, Route> routes;
    std::size_t accepted = 0;
    std::uint64_t ignored = 0;
  };

  [[nodiscard]] Table& table(Family family) { return family == Family::V4 ? v4_ : v6_; }
  [[nodiscard]] const Table& table(Family family) const { return family == Family::V4 ? v4_ : v6_; }
  [[nodiscard]] bool usable(const Attributes& attributes) const;
  [[nodiscard]] bool is_loop(const Attributes& attributes) const;
  [[nodiscard]] bool is_leak(const Attributes& attributes) const;
  [[nodiscard]] bool is_usable_next_hop(const Address& address) const;
  [[nodiscard]] bool announce(const std::vector<Nlri>& routes, const Attributes& attributes);
  void withdraw(const Nlri& nlri);
  template <class Condition>
  void erase_if(Table& table, const Condition& condition);
  void erase(Table& table, std::map<Key, Route>::iterator route);
  void release(Sets::iterator set);
  void rejudge(Table& table);

  Config config_;
  Sets sets_;
  std::size_t octets_ = 0;  // of all sets
  Table v4_;
  Table v6_;
};

}  // namespace porter::bgp
