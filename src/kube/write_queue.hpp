// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/time.hpp"
#include "base/tree.hpp"
#include "kube/resource.hpp"
#include "watch/api_status.hpp"
#include "watch/backoff.hpp"

namespace porter::kube {

// What is to be written of one object.
struct Create {  // POST; 409 is told with the object that is there
  Tree object;
};
struct Update {  // PUT of the whole, on condition of its metadata.resourceVersion
  Tree object;
};
struct Delete {  // on condition of both, where they are not empty
  std::string uid;
  std::string resource_version;
};
struct PatchMetadata {  // JSON merge patch of the object, on condition of the resourceVersion
  Tree metadata;        // what of it changes
  std::string resource_version;
};
struct PatchStatus {  // JSON merge patch (RFC 7386) of /status, on condition of the resourceVersion
  Tree status;
  std::string resource_version;
};
struct ApplyStatus {  // server-side apply of /status: owns the fields it names, takes them by force
  Tree status;
  std::string manager;             // "porter-controller"
  std::string resource_version{};  // a condition, where it is not empty
};
using Operation = std::variant<Create, Update, Delete, PatchMetadata, PatchStatus, ApplyStatus>;
[[nodiscard]] std::string_view verb_of(const Operation& operation);  // as RBAC calls it: "create"
[[nodiscard]] bool is_status(const Operation& operation);            // of the subresource

// The same on condition that the object is still as `current`.
[[nodiscard]] Operation based_on(Operation operation, const Tree& current);

// One wish at a time for each key; a newer one takes the place of the older.
struct WriteKey {
  Resource resource;
  model::NamespacedName name;
  std::string part;  // "ingress" and "conditions" of one Service are two keys; may be empty
};
[[nodiscard]] bool operator<(const WriteKey& left, const WriteKey& right);
[[nodiscard]] std::string words(const WriteKey& key);  // "services shop/web"
// "patch services/status": what the right to do it is called.
[[nodiscard]] std::string rbac_words(const WriteKey& key, const Operation& operation);

enum class WriteOutcome : std::uint8_t {
  Written,
  Conflict,    // somebody else was first; `object` is what stands there
  Gone,        // no such object (any more), or one of another uid
  Refused,     // the API server will never take it; `status` says why
  Superseded,  // a newer wish took its place, or it was forgotten
};
struct WriteResult {
  WriteOutcome outcome{};
  Tree object;  // as the API server has it now; null where it did not say
  watch::ApiStatus status;
};

struct Wish {
  WriteKey key;
  Operation operation;
  std::string uid;  // of the object meant; empty: whichever has the name
  // After a conflict, with the object as it is: what is wanted on top of that, or nothing any more.
  // based_on() says: the same as before. Without it, and for nothing, the conflict is told.
  std::function<std::optional<Operation>(const Tree& current)> rebase;
  std::function<void(const WriteResult&)> done;  // exactly once
};

struct WriterCounters {
  std::uint64_t wishes = 0;
  std::uint64_t written = 0;
  std::uint64_t superseded = 0;
  std::uint64_t conflicts = 0;
  std::uint64_t retries = 0;    // 429, 5xx, no connection, 403
  std::uint64_t throttled = 0;  // times the next write had to wait for its token
  std::uint64_t refused = 0;    // by the API server, for good
  std::uint64_t overflows = 0;  // wishes not taken: the queue was full
  std::map<std::pair<std::string, std::string>, std::uint64_t> written_by;  // verb, kind
};

// Which wish goes next, and when. Pure: does no I/O, reads no clock. A wish is kept until it is
// done: what fails for a while waits, with a back-off of its own and jitter, and does not hold up
// others. Among those that are due the oldest goes first.
class WriteQueue {
 public:
  struct Options {
    double rate = 200;  // writes a second, and
    double burst = 400;
    std::size_t in_flight = 16;
    std::size_t most_wishes = 100'000;
    std::uint64_t jitter_seed = 1;
  };
  using Ticket = std::uint64_t;
  struct Job {
    Ticket ticket = 0;
    Wish wish;
  };

  WriteQueue(const Options& options, TimePoint now);

  // False: the queue is full, and the wish was not taken. Calls done() of the wish it replaces,
  // unless that one is on its way: then it is told what came of it.
  [[nodiscard]] bool put(Wish wish, TimePoint now);
  // What is not on its way is dropped.
  void forget(const WriteKey& key);

  // The next one to be sent; nothing: not before deadline().
  [[nodiscard]] std::optional<Job> next(TimePoint now);
  [[nodiscard]] TimePoint deadline(TimePoint now) const;

  // How it went. finished(): over, and done() was called by whoever ran it. failed(): again later,
  // unless there is a newer wish; `wish` may have been brought up to date.
  void finished(Ticket ticket, TimePoint now);
  void failed(Ticket ticket, Wish wish, std::optional<Duration> retry_after, TimePoint now);

  [[nodiscard]] std::size_t waiting() const { return wishes_.size() - running_.size(); }
  [[nodiscard]] std::size_t in_flight() const { return running_.size(); }
  [[nodiscard]] bool is_idle() const { return wishes_.empty(); }
  [[nodiscard]] const WriterCounters& counters() const { return counters_; }
  [[nodiscard]] WriterCounters& counters() { return counters_; }

 private:
  struct Entry {
    std::optional<Wish> wish;  // waits; none while nothing newer than the one on its way is wanted
    TimePoint due{};
    std::uint64_t order = 0;
    watch::Backoff backoff;
    bool is_running = false;
  };
  using Wishes = std::map<WriteKey, Entry>;

  void line_up(Wishes::iterator entry, TimePoint due);
  void leave_line(Wishes::iterator entry);
  [[nodiscard]] double tokens_at(TimePoint now) const;
  [[nodiscard]] TimePoint token_at(TimePoint now) const;

  Options options_;
  watch::Jitter jitter_;
  Wishes wishes_;
  std::map<std::pair<TimePoint, std::uint64_t>, Wishes::iterator> line_;
  std::map<Ticket, Wishes::iterator> running_;
  Ticket next_ticket_ = 1;
  std::uint64_t next_order_ = 1;
  double tokens_;
  TimePoint tokens_since_;
  bool is_throttled_ = false;
  WriterCounters counters_;
};

}  // namespace porter::kube
