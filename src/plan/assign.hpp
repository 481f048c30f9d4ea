// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ipam/allocator.hpp"
#include "plan/assign_choice.hpp"
#include "plan/assign_waiting.hpp"
#include "plan/view.hpp"

namespace porter::plan {

// What stage 1 says about one Service.
struct Assignment {
  struct Item {
    Address address;
    std::string eip;
    bool recorded = false;   // only then may it be announced and shown
    std::int64_t since = 0;  // Unix seconds
    friend bool operator==(const Item&, const Item&) = default;
  };
  std::vector<Item> addresses;  // at most one per family, IPv4 first
  bool ours = false;
  Reason reason = Reason::NotLoadBalancer;  // of the condition Assigned, or why it is not ours
  std::string message;     // the condition's message: names, numbers, colliding ports
  std::string fix;         // what to do about it; empty when all is well
  std::string wants;       // "any address of pool \"edge\" (annotation …)"
  std::int64_t since = 0;  // Unix seconds, of `reason`
  friend bool operator==(const Assignment&, const Assignment&) = default;
};

// Stage 1: Services, pools and records in; Records out (api.md 2-5). Owned by the Engine, which has
// put the fact into the View before it calls here. Nothing is planned before the View is synced;
// assigned Services are settled before new ones; waiting Services are retried when something that
// could help them changed, not on every fact.
//
//   facts ──> settle_ (addresses whose holders are checked)  ── step() ──> leave, move, keep ─┐
//        └──> todo_   (Services, oldest first)               ── step() ──> take, or wait ─────┤
//                ^ freed addresses, one waiter each <── recorded() <── Recorded <── Records <─┘
//
// A holder keeps its address while it is legal: nothing but its own edit, its pool's end, or a
// sharing rule takes it away. An address that was released is given to nobody before its removal is
// durable, so no two Services ever take one from each other. Everything that is decided follows
// from the order of the two sets, so the outcome does not depend on how the work is cut into steps.
//
// Parts: assign.cpp (facts in, the step), assign_settle.cpp (who keeps what), assign_plan.cpp (who
// gets what), assign_follow.cpp (the speaker, which decides nothing), assign_import.cpp (what
// OpenELB left), Chooser (which address, or why none), Waiting (who waits for what), words (what
// people read).
class Assigner {
 public:
  explicit Assigner(const View& view);
  ~Assigner() = default;
  Assigner(const Assigner&) = delete;
  Assigner& operator=(const Assigner&) = delete;

  void service_changed(const model::NamespacedName& service);
  void eip_changed(const std::string& eip, const model::Eip* before);
  void namespace_changed(const std::string& ns);
  void record_loaded(const model::EipAddress& record);  // from the store, before Synced
  // From OpenELB, once, before synced(): status.used of an Eip, {"192.0.2.17":
  // "shop/web;shop/api"}.
  void import_used(const std::string& eip, const Tree& used);
  // A reservation by a user; it may name the Services the address is for.
  void record_edited(const Address& address, const model::EipAddress* record);
  void recorded(const Address& address, std::uint64_t revision);
  // Somebody else was first: what is there counts, and our holders look for another address.
  void record_refused(const Address& address, std::uint64_t revision,
                      const model::EipAddress* actual);
  // The speaker: what the controller decided.
  void record_followed(const Address& address, const model::EipAddress* record);
  void synced();
  void source_whole();  // what the source did not tell does not exist

  // May this version of a pool come into force? A Problem names the addresses in use it leaves out.
  [[nodiscard]] std::optional<model::Problem> accepts(const model::Eip& next) const;

  [[nodiscard]] bool has_work() const;
  // When time alone makes something possible (retainUntil); kNever otherwise. Reuse after 60 s
  // makes nothing possible that was not: an address released lately is only passed over.
  [[nodiscard]] TimePoint deadline() const;
  // Plans at most `budget` Services. Appends Records (releases before takings) and Notices.
  void step(TimePoint now, std::int64_t unix_now, std::size_t budget, Changes& out);

  [[nodiscard]] const Assignment* of(const model::NamespacedName& service) const;
  // Who holds the address, in the order they joined; empty: nobody.
  [[nodiscard]] std::vector<model::NamespacedName> holders(const Address& address) const;
  [[nodiscard]] const ipam::Allocator& allocator() const { return allocator_; }
  // Services that are ours and wait for an address.
  [[nodiscard]] std::size_t waiting() const { return waiting_.all().size(); }
  // Services and pools whose outcome changed since the last call: for announce and status.
  [[nodiscard]] std::set<model::NamespacedName> take_changed_services();
  [[nodiscard]] std::set<std::string> take_changed_eips();
  // Addresses whose holders or recorded state changed since the last call: for announce.
  [[nodiscard]] std::set<Address> take_changed_addresses();
  [[nodiscard]] bool has_news() const {  // one of the three has something to tell
    return !changed_addresses_.empty() || !changed_services_.empty() || !changed_eips_.empty();
  }

  // How many that wait for the same are told anew when others take it: their message names these.
  static constexpr std::size_t kMostRefreshed = 16;

 private:
  using Name = model::NamespacedName;

  // Why a Service may not keep an address.
  struct Objection {
    enum class Cause : std::uint8_t { Gone, NotOurs, PoolGone, OwnEdit, Sharing } cause{};
    std::string why;
  };
  struct Turn {  // one call of step()
    TimePoint now;
    std::int64_t unix_now;
    Changes& out;
  };

  // assign.cpp
  void enqueue(const Name& service);
  void enqueue(const Waiting::Line& line);
  void settle(const Name& service);
  void expire(const Turn& turn, std::size_t& budget);
  void send(Changes& out);
  void touched(const Address& address, const ipam::Lease& lease);
  void freed(const Address& address);
  void refresh_waiting(const Address& address);
  void start_pump(const PoolFamily& pool);
  void advance_pumps(const Age& tried);
  void point_pump(const PoolFamily& pool, const Age* next);
  [[nodiscard]] const PoolOrder& order() const;
  [[nodiscard]] Chooser chooser() const;

  // assign_settle.cpp
  void settle_address(const Address& address, const Turn& turn);
  void settle_kept(const Address& address, const ipam::Lease& lease, const Turn& turn);
  [[nodiscard]] std::optional<Objection> alone(const Name& service, const Address& address,
                                               const std::string& eip) const;
  [[nodiscard]] std::optional<Objection> pool_objection(const Address& address,
                                                        const std::string& eip) const;
  [[nodiscard]] std::optional<Objection> wish_objection(const Name& service, const Address& address,
                                                        const std::string& eip) const;
  [[nodiscard]] bool is_leaving(const std::string& eip) const;  // it is being deleted
  [[nodiscard]] bool is_broken(const std::string& eip) const;
  void settle_all();
  void settle_leaving();
  void reassert(const Address& address, const model::EipAddress* record);
  [[nodiscard]] bool is_of_a_controller(const model::EipAddress& record) const;
  [[nodiscard]] bool is_surplus(const Name& service, const Address& address) const;
  bool find_home(const Name& service, const Address& address);
  void release(const Name& service, const Address& address, const Objection& objection,
               const Turn& turn);
  void adopt_records();

  // assign_follow.cpp
  [[nodiscard]] bool follows() const { return view_.identity.role == Role::Speaker; }
  void follow(const Name& name, const Turn& turn);
  [[nodiscard]] Assignment followed(const model::Service& service) const;

  // assign_plan.cpp
  void plan(const Name& name, const Turn& turn);
  void plan_ours(const model::Service& service, const Turn& turn);
  [[nodiscard]] std::vector<Family> missing(const Name& service, const Wish& wish) const;
  [[nodiscard]] std::vector<Address> preferred(const model::Service& service) const;
  void restore(const model::Service& service, const Turn& turn);
  [[nodiscard]] std::optional<Refusal> take_missing(const model::Service& service,
                                                    const Turn& turn);
  void take(const model::Service& service, const Choice& choice, const Turn& turn);
  [[nodiscard]] Assignment outcome(const model::Service& service,
                                   const std::optional<Refusal>& refusal) const;
  void conclude(const model::Service& service, Assignment next, const Turn& turn, bool is_news);
  void fill_items(const Name& service, Assignment& into) const;

  const View& view_;
  ipam::Allocator allocator_;
  KnownServices known_;
  std::set<std::string> known_eips_;  // seen since the start
  std::map<Name, Assignment> assignments_;
  Waiting waiting_;
  mutable PoolOrder order_;
  mutable bool order_is_stale_ = true;
  std::set<Address> settle_;
  std::set<Age> todo_;
  // Pools with a free address: the waiter that is tried next, and the pools of each such waiter.
  std::map<PoolFamily, Age> pumps_;
  std::map<Name, std::set<PoolFamily>> pumped_;
  std::set<Name> changed_services_;
  std::set<std::string> changed_eips_;
  std::set<Address> changed_addresses_;
  TimePoint stepped_at_ = kNever;
  std::int64_t unix_stepped_at_ = 0;
};

}  // namespace porter::plan
