// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipam/allocator.hpp"
#include "ipam/sharing.hpp"
#include "plan/assign_waiting.hpp"
#include "plan/view.hpp"

namespace porter::plan {

// One Service as stage 1 remembers it.
struct Known {
  Wish wish;
  Age age;
  bool is_named_ours = false;  // by class or annotation, when last seen
  bool is_dropped = false;  // was named ours and is no longer: what it holds does not keep it ours
  bool edited = false;      // since it was last planned
};
using KnownServices = std::map<model::NamespacedName, Known>;

// The Eips in the order they are tried: ascending priority, then name. Points into the View.
struct PoolOrder {
  std::vector<const model::Eip*> eips;
  bool has_default = false;
};
[[nodiscard]] PoolOrder pool_order(const View& view);

// Why a pool is passed over.
enum class Bar : std::uint8_t {
  None,
  Namespace,  // namespaces, namespaceSelector
  Service,    // serviceSelector
  Disabled,
  Deleting,
  Protocol,      // not the one asked for
  Family,        // has no address of it
  Layer2,        // given only to those that ask for it: this release does not announce it
  NotAutomatic,  // autoAssign: false, and not named
  NotDefault,    // another Eip is marked default
};

struct Choice {
  Address address;
  std::string eip;
};
struct Refusal {
  Reason reason = Reason::NoPool;
  std::string message;
  std::string fix;
  Needs needs;
  bool momentary = false;  // the address is on its way back: no news for people
};

// Which address a Service gets: the order of api.md 4. Decides and changes nothing; lives for one
// call.
class Chooser {
 public:
  Chooser(const View& view, const ipam::Allocator& allocator, const PoolOrder& order,
          const KnownServices& known)
      : view_{view}, allocator_{allocator}, order_{order}, known_{known} {}

  // `preferred` are tried first where the Service asks for no address: what it showed or lost.
  [[nodiscard]] Result<Choice, Refusal> choose(const model::Service& service, Family family,
                                               const std::vector<Address>& preferred) const;
  // An address that its status shows, with no record: taken if it is free and legal.
  [[nodiscard]] std::optional<Choice> restore(const model::Service& service, Family family) const;
  // Another pool that contains the address and would give it to the Service today.
  [[nodiscard]] const model::Eip* home_for(const model::Service& service, const Address& address,
                                           const std::string& not_this) const;
  // What of today's policy would not give the Service this address; empty: nothing.
  [[nodiscard]] std::string outside_policy(const model::Service& service, const Address& address,
                                           const model::Eip& eip) const;
  // A holder that may exist though the source never told of it; null: none.
  [[nodiscard]] const model::NamespacedName* unheard(const ipam::Lease& lease) const;
  // The Service as it stands on this address.
  [[nodiscard]] ipam::Sharer sharer(const model::Service& service, const Address& address) const;

  static constexpr std::size_t kMostJoinsTried = 64;  // addresses under one share key

 private:
  struct Passed {
    const model::Eip* eip = nullptr;
    Bar bar = Bar::None;
  };
  struct Candidates {
    std::vector<const model::Eip*> eips;
    std::vector<Passed> passed;
    std::vector<std::string> missing;  // named, and not there
  };

  [[nodiscard]] const Wish& wish_of(const model::Service& service) const;
  [[nodiscard]] Bar policy_bar(const model::Eip& eip, const model::Service& service) const;
  [[nodiscard]] Bar automatic_bar(const model::Eip& eip, const model::Service& service) const;
  [[nodiscard]] Candidates named(const model::Service& service, Family family) const;
  [[nodiscard]] Candidates automatic(const model::Service& service, Family family) const;
  [[nodiscard]] Candidates candidates(const model::Service& service, Family family) const;

  [[nodiscard]] Result<Choice, Refusal> choose_asked(const model::Service& service,
                                                     const Address& address) const;
  [[nodiscard]] std::optional<Choice> choose_preferred(const model::Service& service, Family family,
                                                       const Candidates& from,
                                                       const std::vector<Address>& preferred) const;
  [[nodiscard]] std::optional<Choice> choose_joining(const model::Service& service, Family family,
                                                     const Candidates& from) const;
  [[nodiscard]] const model::Eip* legal_pool(const model::Service& service,
                                             const Address& address) const;
  // None: it can be taken now, or joined.
  [[nodiscard]] std::optional<Refusal> objection(const model::Service& service,
                                                 const Address& address) const;
  [[nodiscard]] std::optional<ipam::Collision> collision(const model::Service& service,
                                                         const Address& address,
                                                         const ipam::Lease& lease) const;

  [[nodiscard]] Refusal refuse_candidates(const model::Service& service, Family family,
                                          const Candidates& from) const;
  [[nodiscard]] Refusal refuse_exhausted(const model::Service& service, Family family,
                                         const Candidates& from) const;
  [[nodiscard]] Refusal refuse_passed(const model::Service& service, Family family,
                                      const Candidates& from) const;
  [[nodiscard]] Refusal refuse_asked(const model::Service& service, const Address& address,
                                     const model::Eip& eip, Bar bar) const;
  [[nodiscard]] Refusal refuse_not_in_pool(const model::Service& service,
                                           const Address& address) const;
  [[nodiscard]] std::string way_out(const model::Service& service, Family family,
                                    const model::Eip& full) const;

  const View& view_;
  const ipam::Allocator& allocator_;
  const PoolOrder& order_;
  const KnownServices& known_;
};

}  // namespace porter::plan
