// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "io/task_group.hpp"
#include "kube/client.hpp"
#include "model/object.hpp"
#include "watch/backoff.hpp"

namespace porter::kube {

// An Event of events.k8s.io/v1, as far as it is ours to say.
struct EventNote {
  struct Regarding {
    std::string api_version, kind;
    model::NamespacedName name;
    std::string uid;
    friend auto operator<=>(const Regarding&, const Regarding&) = default;
  };
  Regarding regarding;
  enum class Type : std::uint8_t { Normal, Warning } type{};
  std::string reason;  // "Assigned"
  std::string action;  // "Assign"; empty: the reason
  std::string note;    // for people
};

// Tells people what happens, and never holds anything up for it. The same thing said again becomes
// one more of a series: the first one at once, counts after. Bounded: what cannot be told in time
// is counted and dropped. One request at a time; refusals are counted, said once, and not repeated.
class Events {
 public:
  struct Options {
    std::string controller;                     // "network.kubesphere.io/porter-controller"
    std::string instance;                       // "porter-controller-7d9f"
    std::string default_namespace = "default";  // of events about what has none
    std::size_t most_series = 4096;
    std::chrono::milliseconds series_every{10'000};  // between two writes of one series
    std::chrono::seconds series_ends{360};           // without news; then it is a new Event
    double rate = 10;                                // writes a second, and
    double burst = 50;
    std::uint64_t jitter_seed = 1;
  };
  struct Counters {
    std::uint64_t noted = 0;
    std::uint64_t written = 0;     // requests that went well
    std::uint64_t aggregated = 0;  // notes that became part of a series
    std::uint64_t dropped = 0;     // notes beyond a limit, or refused
  };

  Events(io::asio::any_io_executor executor, Client& client, Options options);
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;
  ~Events();

  void start();
  io::Task<> stop();  // awaited before it is destroyed

  void note(EventNote note);
  [[nodiscard]] const Counters& counters() const { return counters_; }
  // Why events cannot be written; empty: all is well, or nothing was tried.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }
  [[nodiscard]] bool is_idle() const;  // nothing waits to be written

 private:
  struct Key {
    EventNote::Regarding regarding;
    std::string reason;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Series {
    EventNote said;    // what the Event says
    std::string name;  // of the Event; empty: not written yet
    std::int64_t first_micros = 0;
    std::int64_t last_micros = 0;
    std::uint64_t count = 1;    // times it was said
    std::uint64_t written = 0;  // of them, the API server knows
    std::uint64_t edition = 0;  // another one: the Event says something else
    TimePoint last{};           // said
    TimePoint last_write{};
    TimePoint due = kNever;  // to be written; kNever: nothing to write
  };
  using All = std::map<Key, Series>;

  io::Task<> pump();
  io::Task<> write(Key key);
  void set_due(All::iterator entry, TimePoint due);
  void written(All::iterator entry, std::uint64_t count, TimePoint now);
  void refused(All::iterator entry, const watch::ApiStatus& status, TimePoint now);
  [[nodiscard]] bool make_room(TimePoint now);
  [[nodiscard]] Request request_for(const Series& series) const;
  [[nodiscard]] static std::string event_name(const Series& series);
  [[nodiscard]] TimePoint token_at(TimePoint now);

  io::asio::any_io_executor executor_;
  Client& client_;
  Options options_;
  All series_;
  std::multimap<TimePoint, All::iterator> due_;  // those whose `due` is not kNever
  io::asio::steady_timer timer_;
  watch::Jitter jitter_;
  watch::Backoff backoff_;
  TimePoint rest_until_{};  // after a failure
  double tokens_;
  TimePoint tokens_since_;
  Counters counters_;
  std::string trouble_;
  io::TaskGroup tasks_;
};

}  // namespace porter::kube
