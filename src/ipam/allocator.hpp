// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "ipam/pool.hpp"

// IP address management: what is given to whom, and what is free.
//
//   plan::Assigner ── lowest_free(), is_open_to() ──> decides ── take(), leave() ──> Allocator
//                  <── take_unsent() ── records to be written        answered() <── they are
//                  durable
//
// Parts: Pool (one Eip: its ranges and which addresses are taken), Sharing (who may share an
// address), Allocator (the leases). An address is an address, whoever's pool contains it: leases
// lie in one map by Address, and a taken address is taken in every pool that contains it, so
// overlapping pools cannot give it twice. Which pool a Service may use is no question of this
// folder; plan/ asks it.
namespace porter::ipam {

// What is known of one address that is not simply free.
struct Lease {
  struct Held {
    model::Holder holder;
    bool recorded = false;  // a record that names it is durable, and none without it was sent since
    std::int64_t since = 0;  // Unix seconds
    friend bool operator==(const Held&, const Held&) = default;
  };
  std::string eip;                  // the pool it was given from
  std::string share_key;            // of the first holder
  std::vector<Held> holders;        // in the order they joined
  std::vector<model::Holder> kept;  // nobody holds it; it is kept for these until `retain_until`
  std::int64_t retain_until = 0;    // Unix seconds; kForEver: until the pool goes
  bool reserved = false;            // a person wrote an EipAddress for it …
  std::vector<model::NamespacedName> reserved_for;  // … naming these Services
  bool releasing = false;  // free but for the record's answer; nobody gets it before
  TimePoint released_at;
  std::int64_t created = 0;    // Unix seconds
  std::uint64_t revision = 0;  // of the last record sent; 0: as it was loaded
  std::uint64_t answered = 0;
};

inline constexpr std::int64_t kForEver = 253'402'300'799;  // 9999-12-31T23:59:59Z

// A record to be written. None: to be removed.
struct Unsent {
  Address address;
  std::optional<model::EipAddress> value;
  std::uint64_t revision = 0;
};

// Owned by plan::Assigner; not thread-safe.
class Allocator {
 public:
  // A lately released address is passed over while others are free: clients and routers remember
  // it.
  static constexpr Duration kCooling = std::chrono::seconds{60};
  // So many at most; beyond, the longest released ones are like any other again.
  static constexpr std::size_t kMostCooling = 16'384;

  void set_pool(const model::Eip& eip);
  void drop_pool(const std::string& name);
  [[nodiscard]] const Pool* pool(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, Pool>& pools() const { return pools_; }

  [[nodiscard]] const std::map<Address, Lease>& leases() const { return leases_; }
  [[nodiscard]] const Lease* lease(const Address& address) const;
  // Addresses given from this pool that are held or kept; in order.
  [[nodiscard]] const std::set<Address>& given_from(const std::string& eip) const;
  [[nodiscard]] std::size_t used(const std::string& eip) const;      // of these, the held ones
  [[nodiscard]] std::size_t services(const std::string& eip) const;  // that hold them
  [[nodiscard]] const std::set<Address>& held_by(const model::NamespacedName& service) const;
  [[nodiscard]] const std::set<Address>& kept_for(const model::NamespacedName& service) const;
  [[nodiscard]] const std::set<Address>& with_share_key(const std::string& key) const;

  // Nobody holds it, and it is neither reserved nor kept, or it is for this Service. It need not be
  // in a pool, and may have been released a moment ago.
  [[nodiscard]] bool is_open_to(const Address& address, const model::NamespacedName& service) const;
  // The lowest free one that was not released lately, else the lowest free one.
  [[nodiscard]] std::optional<Address> lowest_free(const Pool& pool, Family family) const;
  void cool_down(TimePoint now);  // what was released long enough ago is like any other again

  void load(const model::EipAddress& record);
  // Joins the holders, behind those that are there.
  void take(const Address& address, const std::string& eip, const model::Holder& holder,
            const std::string& share_key, std::int64_t unix_now);
  void leave(const Address& address, const model::NamespacedName& service, TimePoint now);
  void keep(const Address& address, const model::Holder& holder, std::int64_t until);
  void expire(const Address& address, TimePoint now);  // what was kept is kept no longer
  void move(const Address& address, const std::string& eip);
  void rename(const Address& address, std::size_t index, const model::Holder& holder);
  void set_share_key(const Address& address, const std::string& key);
  void reserve(const Address& address, const std::vector<model::Holder>& services);
  void unreserve(const Address& address);
  // What another authority says instead of all that is known here; none: the address is free.
  void replace(const Address& address, const model::EipAddress* record);
  void rewrite(const Address& address);  // its record was changed or removed by somebody else

  // The record of this revision is durable. False: an answer to an older one, which says nothing.
  bool answered(const Address& address, std::uint64_t revision);
  [[nodiscard]] std::vector<Unsent> take_unsent();  // removals first
  [[nodiscard]] bool has_unsent() const { return !unsent_.empty(); }
  // The earliest retain_until of what is kept for a time; kForEver: none.
  [[nodiscard]] std::int64_t next_expiry() const;
  [[nodiscard]] std::optional<Address> expired(std::int64_t unix_now) const;

 private:
  using Addresses = std::set<Address>;

  // What was given from one pool.
  struct Given {
    Addresses addresses;
    std::size_t used = 0;
    std::size_t services = 0;
  };

  Lease& open(const Address& address);
  void close_if_free(const Address& address);
  void release(const Address& address, Lease& lease, TimePoint now);
  void write(const Address& address, Lease& lease);
  // A lease is taken out of the counts before it is changed, and put back afterwards.
  void count_in(const Address& address, const Lease& lease);
  void count_out(const Address& address, const Lease& lease);
  void drop_holder(const Address& address, Lease& lease, const model::NamespacedName& service);
  void set_kept(const Address& address, Lease& lease, std::vector<model::Holder> kept,
                std::int64_t until);
  void set_reserved(const Address& address, Lease& lease,
                    std::vector<model::NamespacedName> services);
  void mark_taken(const Address& address);
  void mark_free(const Address& address);
  [[nodiscard]] std::optional<Address> lowest_cooling(const Pool& pool, Family family) const;

  std::map<std::string, Pool> pools_;
  std::map<Address, Lease> leases_;
  std::map<Address, TimePoint> cooling_;                // taken in the pools, and in no lease
  std::set<std::pair<TimePoint, Address>> by_release_;  // the same, longest released first
  std::map<std::string, Given> by_eip_;
  std::map<model::NamespacedName, Addresses> by_holder_;
  std::map<model::NamespacedName, Addresses> by_kept_;
  std::map<std::string, Addresses> by_share_key_;
  std::set<std::pair<std::int64_t, Address>> expiry_;
  std::set<Address> unsent_;
  std::uint64_t revisions_ = 0;
};

}  // namespace porter::ipam
