// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/tree.hpp"
#include "model/object.hpp"
#include "watch/api_status.hpp"
#include "watch/backoff.hpp"
#include "watch/item_stream.hpp"
#include "watch/known_objects.hpp"

// The Kubernetes machines: what to ask an API server next, and what its answers mean. PURE; the
// kube folder moves the bytes and the time.
//
//   item_stream.hpp   bytes -> objects, in constant memory
//   list_watch.hpp    one kind: list, watch, and again after whatever went wrong
//   election.hpp      who of the controllers leads: a Lease
//   api_status.hpp    how the API server says no
//
// ListWatch keeps a copy of one kind up to date at whoever performs its actions:
//
//   driver ── Event, now ──> ListWatch ── List | Watch | Cancel ──> driver ──> API server
//                                      ── Applied | Deleted | Synced | Trouble ──> whoever reads
//
// Phases: Starting (a WatchList, or a list in pages) -> Watching -> Watching again from the last
// resourceVersion, for ever. What leads back to Starting: 410 Gone, and storage that went back in
// time. After a connection that broke a list of one object ("checking") tells which: an API server
// over an etcd restored from a backup would serve a watch from our resourceVersion, and be silent
// until its own has caught up. (Kubernetes API concepts, "Efficient detection of changes",
// "Streaming lists", "410 Gone responses".)
//
// What holds whatever happens: an object that is there is Applied once for each resourceVersion
// seen; one that is gone is Deleted once, after a relist too, for which the names and
// resourceVersions of all objects are kept, and nothing else of them. While the API server is away
// nothing is Deleted. An action is never issued in a loop: between two requests that failed lies a
// back-off of 0.1 s to 30 s with jitter, or what Retry-After says.
namespace porter::watch {

using RequestId = std::uint64_t;  // never used twice; 0 is none

struct ListWatchConfig {
  std::string resource;  // for words: "services", "eips.network.kubesphere.io"
  enum class Initial : std::uint8_t { WatchList, List } initial = Initial::WatchList;
  std::uint64_t jitter_seed = 1;
  // Objects beyond are passed over, with a Trouble that says so.
  std::size_t most_objects = 200'000;
};

// Events. Those of a request that was cancelled or is over are ignored.
struct Start {};  // also after Stop: goes on where it was
struct Stop {};
// The response head. Not 2xx: the request is over, nothing more is said of it.
struct Answered {
  RequestId id = 0;
  ApiStatus status;  // 2xx: `code` alone; else read_status()
};
struct Received {
  RequestId id = 0;
  Item item;
};
// The body ended, and ItemStream::finish() was content.
struct Ended {
  RequestId id = 0;
};
// No connection, a broken one, or an error of the ItemStream: close the connection. Errc::Invalid:
// what came was garbled.
struct Failed {
  RequestId id = 0;
  Error error;
};
using Event = std::variant<Start, Stop, Answered, Received, Ended, Failed>;

// Actions, to be performed in order. At most one request is under way.
struct List {
  RequestId id = 0;
  std::string continue_token;  // empty: from the start, most recent state
  unsigned limit = 0;          // 0: everything in one response
  friend bool operator==(const List&, const List&) = default;
};
struct Watch {
  RequestId id = 0;
  std::string resource_version;  // empty with `initial_events`
  std::chrono::seconds timeout{};
  enum class Begin : std::uint8_t { HereOn, WithAllObjects } begin{};  // sendInitialEvents
  friend bool operator==(const Watch&, const Watch&) = default;
};
struct Cancel {  // close its connection; whatever it still says is ignored
  RequestId id = 0;
  friend bool operator==(const Cancel&, const Cancel&) = default;
};
struct Applied {  // new or changed
  Tree object;
};
struct Deleted {
  model::NamespacedName name;
  friend bool operator==(const Deleted&, const Deleted&) = default;
};
// All there is has been Applied, all that is gone Deleted. After the first list and each relist.
struct Synced {};
// Something keeps us from following. Said once while it stays the same, until Recovered.
struct Trouble {
  enum class Cause : std::uint8_t {
    Denied,       // 401, 403: RBAC or credentials
    NotServed,    // 404: the kind is not (or no longer) there
    Refused,      // any other refusal, 429 and 5xx among them
    Unreachable,  // no connection, or it broke or fell silent
    Garbled,      // not what the API promises
    TooMany,      // more objects than most_objects
  };
  Cause cause{};
  std::string verb;  // "list" or "watch": what RBAC calls it
  std::string text;  // "cannot watch services: 403 Forbidden: services is forbidden: User …"
  friend bool operator==(const Trouble&, const Trouble&) = default;
};
struct Recovered {};  // the last Trouble is over
// The storage was restored from a backup: versions seen so far mean nothing, all there is follows.
struct WentBack {};
using Action =
    std::variant<List, Watch, Cancel, Applied, Deleted, Synced, Trouble, Recovered, WentBack>;
using Actions = std::vector<Action>;

// The query of a request: "watch=true&resourceVersion=17&…". The driver appends selectors.
[[nodiscard]] std::string query_of(const List& list);
[[nodiscard]] std::string query_of(const Watch& watch);

struct ListWatchCounters {
  std::uint64_t lists = 0;      // list requests, pages and checks included
  std::uint64_t watches = 0;    // watch requests
  std::uint64_t relists = 0;    // times the state was read anew after the first time
  std::uint64_t failures = 0;   // requests that did not end as they should
  std::uint64_t garbled = 0;    // of them: answers that made no sense
  std::uint64_t applied = 0;    // objects handed on
  std::uint64_t unchanged = 0;  // objects passed over: known in that resourceVersion
  std::uint64_t deleted = 0;
  std::uint64_t passed_over = 0;  // objects beyond most_objects
};

struct ListWatchStatus {
  bool is_synced = false;    // Synced was said at least once
  bool is_watching = false;  // a watch is open, and behind its initial events
  std::size_t objects = 0;
  std::string resource_version;    // where a watch would resume; empty: nowhere yet
  std::optional<Trouble> trouble;  // the last one, until Recovered
  ListWatchCounters counters;
};

// Pure: the owner performs the actions in order and calls tick() no later than deadline(). After
// handle() and tick() at `now` the deadline lies after `now`. Not thread-safe.
class ListWatch {
 public:
  static constexpr unsigned kPageSize = 500;
  static constexpr std::chrono::seconds kShortestWatch{240};
  static constexpr std::chrono::seconds kLongestWatch{300};
  // A watch that has not ended this long after its timeout is dead.
  static constexpr std::chrono::seconds kGrace{5};
  // For a response to begin, and between two items of what must come without a pause. The API
  // server itself gives up a request after 60 s.
  static constexpr std::chrono::seconds kPatience{65};
  // A watch that ended sooner counts as failed, whatever it brought.
  static constexpr std::chrono::seconds kShortLived{1};
  // Retry-After is honoured up to here.
  static constexpr std::chrono::minutes kLongestRetryAfter{5};

  explicit ListWatch(ListWatchConfig config);  // does nothing before Start

  [[nodiscard]] Actions handle(Event event, TimePoint now);
  [[nodiscard]] Actions tick(TimePoint now);
  [[nodiscard]] TimePoint deadline() const { return deadline_; }

  [[nodiscard]] ListWatchStatus status() const;
  [[nodiscard]] const ListWatchConfig& config() const { return config_; }
  // False once the API server has refused WatchList.
  [[nodiscard]] bool uses_watch_list() const {
    return initial_ == ListWatchConfig::Initial::WatchList;
  }

 private:
  // What the request under way is for, or the next one.
  enum class Phase : std::uint8_t {
    Stopped,
    Streaming,  // a watch that begins with all objects
    Listing,    // page by page
    Checking,   // whether the storage still knows our resourceVersion
    Watching,   // from resource_version_ on
  };

  void take(const Start& event, TimePoint now);
  void take(const Stop& event, TimePoint now);
  void take(const Answered& event, TimePoint now);
  void take(Received& event, TimePoint now);
  void take(const Ended& event, TimePoint now);
  void take(const Failed& event, TimePoint now);

  void due(TimePoint now);
  void issue(TimePoint now);
  void issue_watch(Watch::Begin begin, TimePoint now);
  void issue_list(std::string continue_token, unsigned limit);
  void opened(TimePoint now);
  void prove();
  void page_done(TimePoint now);
  void check_done(TimePoint now);
  void synced(const std::string& resource_version);
  void relist();
  void storage_went_back();

  void take_listed(Listed& listed, TimePoint now);
  void take_list_end(ListEnd& end, TimePoint now);
  void take_event(WatchEvent& event, TimePoint now);
  void take_bookmark(const Tree& object, TimePoint now);
  void apply(Tree object, const model::NamespacedName& name, const std::string& version);
  void moved_to(const std::string& resource_version);

  void refused(const ApiStatus& status, TimePoint now);
  void garbled(std::string_view what, TimePoint now);
  void failed(Trouble::Cause cause, std::string_view why, std::optional<Duration> retry_after,
              TimePoint now);
  void retry(std::optional<Duration> retry_after, TimePoint now);
  void cancel();
  void say(Trouble trouble);
  [[nodiscard]] Phase first_phase() const;
  [[nodiscard]] std::string_view verb() const;
  [[nodiscard]] bool is_under_way(RequestId id) const { return id != 0 && id == request_; }

  ListWatchConfig config_;
  ListWatchConfig::Initial initial_;
  Jitter jitter_;
  Backoff backoff_;
  KnownObjects known_;
  Actions actions_;  // of the call under way

  Phase phase_ = Phase::Stopped;
  RequestId request_ = 0;  // 0: none; the next one at deadline_
  RequestId last_request_ = 0;
  bool is_open_ = false;    // the response has begun
  bool is_proven_ = false;  // and a watch has lived kShortLived
  TimePoint opened_at_;
  TimePoint watch_ends_ = kNever;
  TimePoint deadline_ = kNever;

  std::string resource_version_;  // of the last sync, moved by events and bookmarks
  bool must_list_ = true;         // it is of no use to a watch
  bool is_synced_ = false;
  std::string continue_token_;
  std::string list_version_;         // of the first page
  std::optional<ListEnd> page_end_;  // of the page under way, when its closing brace was seen
  unsigned limit_ = kPageSize;
  unsigned broken_streams_ = 0;  // WatchLists in a row that ended before their time
  std::uint64_t failures_in_row_ = 0;
  std::uint64_t passed_over_in_round_ = 0;
  std::optional<Trouble> trouble_;
  ListWatchCounters counters_;
};

}  // namespace porter::watch
