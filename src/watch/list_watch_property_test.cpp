// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <optional>
#include <rapidcheck.h>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "watch/list_watch.hpp"
#include "watch/list_watch_server.hpp"

// A ListWatch under a driver that reads real bytes of a model server, cut anywhere, through
// everything that can go wrong.
namespace porter::watch {
namespace {

using namespace std::chrono_literals;
using lab::Server;

class World {
 public:
  explicit World(Server::WatchLists watch_lists)
      : server_{watch_lists},
        machine_{{.resource = "services", .jitter_seed = *rc::gen::arbitrary<std::uint64_t>()}} {
    for (int i = *rc::gen::inRange(0, 7); i > 0; --i)
      server_.put(some_name());
    perform(machine_.handle(Start{}, now_));
  }

  void step() {
    switch (*rc::gen::weightedElement<int>(
        {{8, 0}, {4, 1}, {14, 2}, {2, 3}, {2, 4}, {2, 5}, {1, 6}, {2, 7}, {4, 8}, {1, 9}})) {
      case 0: server_.put(some_name()); break;
      case 1: server_.remove(some_name()); break;
      case 2: deliver(*rc::gen::inRange<std::size_t>(1, 600)); break;
      case 3: server_.compact(); break;
      case 4: break_connection(); break;
      case 5: refuse_next_ = *rc::gen::element(403, 410, 429, 500, 503); break;
      case 6: garble(); break;
      case 7: say_bookmark(); break;
      case 8: wait(); break;
      default: end_watch();
    }
    server_.pass();
  }

  // The server is well, and time passes.
  void rest() {
    refuse_next_ = 0;
    for (int turns = 0; !is_at_rest(); ++turns) {
      RC_ASSERT(turns < 200);
      if (answer_ || !pending_.empty()) {
        deliver(pending_.size());
      } else {
        wait();
      }
    }
    RC_ASSERT(seen_ == server_.objects());
    RC_ASSERT(machine_.status().objects == seen_.size());
  }

 private:
  static std::string some_name() { return *rc::gen::element<std::string>("a", "b", "c", "d", "e"); }

  [[nodiscard]] bool is_at_rest() {
    if (!stream_ || !is_watch_ || !machine_.status().is_watching) return false;
    pending_ += server_.events(position_);
    return pending_.empty();
  }

  void wait() {
    now_ = std::max(now_, machine_.deadline());
    perform(machine_.tick(now_));
  }

  void tell(Event event) { perform(machine_.handle(std::move(event), now_)); }

  void perform(Actions actions) {
    int requests = 0;
    for (Action& action : actions) {
      if (auto* applied = std::get_if<Applied>(&action)) {
        const Tree& metadata = applied->object["metadata"];
        const std::uint64_t version = std::stoull(metadata["resourceVersion"].text());
        std::uint64_t& seen = seen_[metadata["name"].text()];
        RC_ASSERT(seen < version);  // neither twice nor back in time
        seen = version;
      } else if (auto* deleted = std::get_if<Deleted>(&action)) {
        RC_ASSERT(seen_.erase(deleted->name.name) == 1U);
      } else if (auto* cancel = std::get_if<Cancel>(&action)) {
        RC_ASSERT(cancel->id == request_);
        close();
      } else if (auto* list = std::get_if<List>(&action)) {
        ++requests;
        begin(list->id);
        answer(*list);
      } else if (auto* watch = std::get_if<Watch>(&action)) {
        ++requests;
        begin(watch->id);
        answer(*watch);
      }
    }
    RC_ASSERT(requests <= 1);
    RC_ASSERT(machine_.deadline() > now_);
  }

  void begin(RequestId id) {
    RC_ASSERT(request_ == 0U);
    RC_ASSERT(id > last_request_);
    request_ = id;
    last_request_ = id;
  }
  void close() {
    request_ = 0;
    stream_.reset();
    pending_.clear();
    answer_.reset();
  }
  void open(Body body, std::string bytes) {
    answer_ = ApiStatus{.code = 200, .reason = {}, .message = {}, .retry_after = {}};
    stream_.emplace(ItemStream::Config{
        .body = body, .type = {.api_version = "v1", .kind = "Service"}, .limits = {}});
    is_watch_ = body == Body::Watch;
    pending_ = std::move(bytes);
  }
  // Answers wait for deliver(): nothing is answered inline.
  void refuse(int code) {
    close_stream();
    answer_ = ApiStatus{.code = code, .reason = {}, .message = "no", .retry_after = {}};
  }
  void close_stream() { stream_.reset(); }

  void answer(const List& list) {
    if (refuse_next_ != 0) return refuse(std::exchange(refuse_next_, 0));
    std::optional<std::string> body = server_.list(list);
    if (!body) return refuse(410);
    open(Body::List, *std::move(body));
  }
  void answer(const Watch& watch) {
    if (refuse_next_ != 0) return refuse(std::exchange(refuse_next_, 0));
    if (watch.begin == Watch::Begin::WithAllObjects) return answer_watch_list();
    position_ = std::stoull(watch.resource_version);
    if (server_.is_compacted(position_)) {
      if (*rc::gen::arbitrary<bool>()) return refuse(410);
      return open(Body::Watch, Server::expired_line());
    }
    open(Body::Watch, server_.events(position_));
  }
  void answer_watch_list() {
    switch (server_.watch_lists()) {
      case Server::WatchLists::Refused: return refuse(422);
      case Server::WatchLists::RefusedInStream:
        return open(
            Body::Watch,
            Server::line("ERROR", lab::status(500, "", "RequestWatchProgress is disabled")));
      case Server::WatchLists::Served:
        position_ = server_.version();
        open(Body::Watch, server_.initial_events());
    }
  }

  void deliver(std::size_t most) {
    if (request_ == 0) return;
    const RequestId id = request_;
    if (answer_) {
      const ApiStatus status = *std::exchange(answer_, std::nullopt);
      if (!status.is_ok()) request_ = 0;
      tell(Answered{.id = id, .status = status});
      if (request_ != id) return;
    }
    if (is_watch_ && machine_.status().is_watching) pending_ += server_.events(position_);
    const std::string bytes = pending_.substr(0, most);
    pending_.erase(0, bytes.size());
    stream_->offer(bytes);
    while (request_ == id) {
      Result<std::optional<Item>> item = stream_->next();
      if (!item) return fail(item.error());
      if (!*item) break;
      tell(Received{.id = id, .item = *std::move(*item)});
    }
    if (request_ == id && !is_watch_ && pending_.empty()) end();
  }
  void end() {
    const RequestId id = request_;
    const Result<void> end = stream_->finish();
    if (!end) return fail(end.error());
    close();
    tell(Ended{.id = id});
  }
  void fail(Error error) {
    const RequestId id = request_;
    close();
    tell(Failed{.id = id, .error = std::move(error)});
  }

  void break_connection() {
    if (request_ != 0) fail({.code = Errc::Unavailable, .message = "connection reset"});
  }
  void end_watch() {
    if (!stream_ || answer_ || !is_watch_ || !pending_.empty()) return;
    now_ += *rc::gen::element<Duration>(0s, 5s);
    end();
  }
  void garble() {
    if (!stream_) return;
    // A control character is wrong wherever it stands.
    pending_.insert(*rc::gen::inRange<std::size_t>(0, pending_.size() + 1), 1, '\x01');
  }
  void say_bookmark() {
    if (!stream_ || answer_ || !is_watch_ || !machine_.status().is_watching) return;
    pending_ += server_.events(position_);
    pending_ += server_.bookmark_line();
  }

  TimePoint now_{1h};
  Server server_;
  ListWatch machine_;
  std::map<std::string, std::uint64_t> seen_;  // by what was emitted

  RequestId request_ = 0;
  RequestId last_request_ = 0;
  std::optional<ApiStatus> answer_;  // not yet told
  std::optional<ItemStream> stream_;
  bool is_watch_ = false;
  std::string pending_;         // on its way to us
  std::uint64_t position_ = 0;  // of the watch, at the server
  int refuse_next_ = 0;
};

RC_GTEST_PROP(ListWatchProperty, AtRestWhatWasEmittedIsWhatThereIs, ()) {
  World world{*rc::gen::element(Server::WatchLists::Served, Server::WatchLists::Refused,
                                Server::WatchLists::RefusedInStream)};
  for (int rounds = *rc::gen::inRange(1, 4); rounds > 0; --rounds) {
    for (int steps = *rc::gen::inRange(0, 60); steps > 0; --steps)
      world.step();
    world.rest();
  }
}

// Whatever is said in whatever order: the deadline stays ahead, or there is none to keep.
RC_GTEST_PROP(ListWatchProperty, NeverSpins, ()) {
  ListWatch machine{{.resource = "services", .most_objects = 3}};
  TimePoint now{1h};
  RequestId request = 0;
  int requests = 0;
  const TimePoint start = now;
  const auto heed = [&](const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* list = std::get_if<List>(&action)) request = list->id;
      if (const auto* watch = std::get_if<Watch>(&action)) request = watch->id;
      const bool asks =
          std::holds_alternative<List>(action) || std::holds_alternative<Watch>(action);
      requests += asks ? 1 : 0;
    }
    RC_ASSERT(machine.deadline() > now);
  };
  heed(machine.handle(Start{}, now));
  for (int i = 0; i < 200; ++i) {
    // An API server that answers everything at once, and always wrong.
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        heed(machine.handle(
            Answered{.id = request,
                     .status = {.code = *rc::gen::element(403, 404, 410, 422, 429, 500, 504),
                                .reason = "",
                                .message = "x",
                                .retry_after = {}}},
            now));
        break;
      case 1: heed(machine.handle(Ended{.id = request}, now)); break;
      case 2:
        heed(machine.handle(Received{.id = request,
                                     .item = WatchEvent{.type = WatchEvent::Type::Error,
                                                        .object = lab::status(
                                                            *rc::gen::element(410, 500), "", "")}},
                            now));
        break;
      default: heed(machine.handle(Failed{.id = request, .error = {}}, now));
    }
    now = std::max(now, machine.deadline());
    heed(machine.tick(now));
  }
  // After a dozen failures each costs 15 s at least.
  RC_ASSERT(requests > 100);
  RC_ASSERT(now - start > 15s * (requests - 15));
}

}  // namespace
}  // namespace porter::watch
