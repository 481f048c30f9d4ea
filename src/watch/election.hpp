// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "base/tree.hpp"
#include "watch/backoff.hpp"

// Who leads, by a coordination.k8s.io/v1 Lease, as client-go's leaderelection does it.
//
//   driver ── event, now ──> Election ── Get | Create | Update ──> driver ──> API server
//                                     ── Acquired | Lost ──> the controller
//
// Nobody's clock is trusted but one's own monotonic one: a candidate takes the Lease over when it
// has looked at the same record for the record's own duration; the times in the record are for
// people. The Lease is a register with compare-and-swap: every Update carries the resourceVersion.
//
// Why two never lead at once: a leader's right ends `renew` after it *sent* the last write that was
// acknowledged. A candidate waits `lease` from when it *received* the record that this write made,
// which is later; and its own right begins with the acknowledgement of its own write, later still.
// So between the end of one right and the beginning of the next lies lease - renew: that much the
// clocks may drift apart within one lease (25 % with our figures), and that long may what a leader
// began rightly still be under way. A leader that was paused finds out by its own clock:
// may_act(now) is a comparison with a fixed time, true only if asked *after* waking. What no clock
// can see, a write that lay in a queue for longer, is stopped by the resourceVersion it carries.
// The clock should go on while the machine is suspended (CLOCK_BOOTTIME).
//
// Why 4 s, 3 s, 1 s: what has to be done within 5 s of a leader's death is: see its last record (at
// most `retry`/2 after it was written), wait out the lease, write. 0.5 + 4 + two round trips < 5 s.
// client-go's 15/10/2 s take up to 17 s. The price is a write a second of the leader and two reads
// a second of the candidate: nothing to an API server. 3 s of it must answer, or the leader steps
// down; then nothing moves that was announced, and nothing new is assigned until somebody leads.
namespace porter::watch {

using RequestId = std::uint64_t;

// The fields of a Lease we know. Times are opaque texts.
struct LeaseState {
  std::string holder;  // empty: nobody's
  std::int64_t duration_seconds = 0;
  std::int64_t transitions = 0;
  std::string acquire_time, renew_time;
  std::string resource_version;
  friend bool operator==(const LeaseState&, const LeaseState&) = default;
};
[[nodiscard]] Result<LeaseState> read_lease(const Tree& object);

}  // namespace porter::watch

namespace porter::watch::election {

// Events. Those of a request that is over or was given up are ignored.
struct Start {};
struct Stop {};  // release what is held, then Stopped
struct Seen {    // answer to Get: the Lease as it is
  RequestId id = 0;
  LeaseState lease;
};
struct NotFound {  // answer to Get (404); to Update too: the Lease is gone
  RequestId id = 0;
};
struct Written {  // answer to Create or Update: the Lease as it is now
  RequestId id = 0;
  LeaseState lease;
};
struct Conflict {  // 409, of Create or Update
  RequestId id = 0;
};
struct Failed {  // anything else
  RequestId id = 0;
  std::string why;
};
using Event = std::variant<Start, Stop, Seen, NotFound, Written, Conflict, Failed>;

// What is to be written. renewTime is the driver's wall clock; acquireTime too where it is empty.
struct Record {
  std::string holder;
  std::int64_t duration_seconds = 0;
  std::int64_t transitions = 0;
  std::string acquire_time;
  std::string resource_version;  // of the Lease it replaces; empty for Create
  friend bool operator==(const Record&, const Record&) = default;
};

// Actions, to be performed in order. At most one request is under way: one that is issued gives up
// the one before it (close it; a write may still arrive, and does no harm).
struct Get {
  RequestId id = 0;
};
struct Create {
  RequestId id = 0;
  Record record;
};
struct Update {  // also the release: a record without holder
  RequestId id = 0;
  Record record;
};
struct Acquired {};
struct Lost {  // stop acting before anything else is done
  std::string why;
};
struct LeaderSeen {  // for people: who it is now; empty: nobody
  std::string holder;
};
struct Trouble {  // the Lease cannot be read or written. Said once until Recovered
  std::string text;
};
struct Recovered {};
struct Stopped {};
using Action =
    std::variant<Get, Create, Update, Acquired, Lost, LeaderSeen, Trouble, Recovered, Stopped>;
using Actions = std::vector<Action>;

struct Config {
  std::string identity;  // unique for every start of a process: host name and a random part
  std::chrono::milliseconds lease{4000};  // whole seconds: the record says it
  std::chrono::milliseconds renew{3000};  // less than `lease`
  std::chrono::milliseconds retry{1000};  // less than `renew`
  std::uint64_t jitter_seed = 1;
};
// What would be wrong with it, in words.
[[nodiscard]] Result<void> check(const Config& config);

// The Lease to send: `unix_micros` is the wall clock, for people.
[[nodiscard]] Tree to_tree(const Record& record, std::string_view ns, std::string_view name,
                           std::int64_t unix_micros);

}  // namespace porter::watch::election

namespace porter::watch {

// Pure: the owner performs the actions in order and calls tick() no later than deadline(). After
// handle() and tick() at `now` the deadline lies after `now`. Not thread-safe.
class Election {
 public:
  explicit Election(election::Config config);  // asserts check(config); does nothing before Start

  [[nodiscard]] election::Actions handle(const election::Event& event, TimePoint now);
  [[nodiscard]] election::Actions tick(TimePoint now);
  [[nodiscard]] TimePoint deadline() const { return deadline_; }

  // To be asked with a fresh `now` before every act that only the leader may do. False before
  // Acquired, after Lost, and from `renew` after the last acknowledged write was sent, whether or
  // not tick() was called since.
  [[nodiscard]] bool may_act(TimePoint now) const { return is_leading_ && now < right_ends_; }
  [[nodiscard]] TimePoint right_ends() const {
    return is_leading_ ? right_ends_ : TimePoint::min();
  }
  [[nodiscard]] bool is_leading() const { return is_leading_; }
  [[nodiscard]] const std::string& leader() const { return leader_; }  // as last seen; may be us

 private:
  enum class Step : std::uint8_t { Stopped, Waiting, Leading, Releasing };
  enum class Ask : std::uint8_t { Nothing, Get, Create, Update };
  struct Request {
    RequestId id = 0;
    Ask ask = Ask::Nothing;
    TimePoint sent_at;
  };

  void take(const election::Start& event, TimePoint now);
  void take(const election::Stop& event, TimePoint now);
  void take(const election::Seen& event, TimePoint now);
  void take(const election::NotFound& event, TimePoint now);
  void take(const election::Written& event, TimePoint now);
  void take(const election::Conflict& event, TimePoint now);
  void take(const election::Failed& event, TimePoint now);

  void due(TimePoint now);
  void attempt(TimePoint now);
  void send(Ask ask, TimePoint now);
  void send_release(TimePoint now);
  void written(const Request& request, TimePoint now);
  void observe(const LeaseState& lease, TimePoint now);
  void lose(std::string why, TimePoint now);
  void stopped();
  void failed(const std::string& why, TimePoint now);
  void answered();
  [[nodiscard]] bool take_request(RequestId id);
  [[nodiscard]] bool may_take(TimePoint now) const;
  [[nodiscard]] TimePoint free_at() const;
  [[nodiscard]] Duration poll();
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] bool is_writing() const {
    return request_.ask == Ask::Create || request_.ask == Ask::Update;
  }

  election::Config config_;
  Jitter jitter_;
  election::Actions actions_;  // of the call under way

  Step step_ = Step::Stopped;
  bool is_leading_ = false;
  TimePoint right_ends_ = TimePoint::min();
  TimePoint next_at_ = kNever;  // of the next request, while none is under way
  TimePoint deadline_ = kNever;

  Request request_;  // under way
  Request last_;     // the one whose answer is being handled
  RequestId last_id_ = 0;
  bool must_get_ = true;  // what we know of the Lease may be outdated
  bool is_absent_ = false;
  unsigned conflicts_in_row_ = 0;
  std::optional<LeaseState> seen_;
  TimePoint seen_at_ = TimePoint::min();  // when this record was first seen
  std::string leader_;
  std::string trouble_;
};

}  // namespace porter::watch
