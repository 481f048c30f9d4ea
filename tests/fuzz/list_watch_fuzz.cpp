// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "base/bytes.hpp"
#include "watch/list_watch_lab.hpp"

// The input is a script of answers and time for one ListWatch, sensible or not. Whatever it is: the
// deadline lies ahead, at most one request is under way, what is Deleted was Applied before, and
// the machine knows exactly what it has handed on.
namespace porter::watch {
namespace {

using namespace std::chrono_literals;

void require(bool claim) {
  if (!claim) __builtin_trap();
}

class Script {
 public:
  explicit Script(Bytes input) : in_{input}, machine_{config(in_.take<std::uint8_t>())} {}

  void run() {
    tell(Start{});
    while (in_.ok() && in_.remaining() > 0)
      step(in_.take<std::uint8_t>());
    tell(Stop{});
    require(request_ == 0 && machine_.deadline() == kNever);
    require(machine_.status().objects == seen_.size());
  }

 private:
  static ListWatchConfig config(std::uint8_t bits) {
    return {.resource = "services",
            .initial = (bits & 1U) != 0 ? ListWatchConfig::Initial::List
                                        : ListWatchConfig::Initial::WatchList,
            .jitter_seed = bits,
            .most_objects = std::size_t{bits} >> 4U};
  }

  // Four bits choose what happens, the rest how.
  void step(std::uint8_t what) {
    const unsigned how = what >> 4U;
    switch (what & 15U) {
      case 0: return answer(200);
      case 1: return answer(kCodes.at(how % kCodes.size()));
      case 2: return receive(Listed{.object = lab::object(name(how), version())});
      case 3:
        return receive(ListEnd{.resource_version = version(),
                               .continue_token = how > 7 ? "token" + std::to_string(how) : "",
                               .remaining = {}});
      case 4: return receive(event(WatchEvent::Type::Added, lab::object(name(how), version())));
      case 5: return receive(event(WatchEvent::Type::Modified, lab::object(name(how), version())));
      case 6: return receive(event(WatchEvent::Type::Deleted, lab::object(name(how), version())));
      case 7: return receive(event(WatchEvent::Type::Bookmark, lab::bookmark(version(), how > 7)));
      case 8:
        return receive(event(WatchEvent::Type::Error,
                             lab::status(kCodes.at(how % kCodes.size()), "", "WatchList")));
      case 9: request_ = 0; return tell(Ended{.id = id_});
      case 10:
        request_ = 0;
        return tell(
            Failed{.id = id_,
                   .error = {.code = how > 7 ? Errc::Invalid : Errc::Unavailable, .message = "x"}});
      case 11: return pass(how * 100ms);
      case 12: return pass(how * 20s);
      case 13: return tell(Stop{});
      case 14: return tell(Start{});
      default: pass(std::max<Duration>(machine_.deadline() - now_, 0s));
    }
  }

  static constexpr auto kCodes =
      std::to_array<int>({400, 401, 403, 404, 410, 422, 429, 500, 501, 503, 504});

  static std::string name(unsigned how) {
    return how == 0 ? "" : std::string(1, "xabcdefgh"[how % 9U]);
  }
  std::string version() {
    const std::uint8_t number = in_.take<std::uint8_t>();
    return number == 0 ? "" : std::to_string(number);
  }
  static WatchEvent event(WatchEvent::Type type, Tree object) {
    return {.type = type, .object = std::move(object)};
  }

  void answer(int code) {
    if (code != 200 && !is_open_) request_ = 0;
    is_open_ = true;
    ApiStatus status;
    status.code = code;
    status.message = "sendInitialEvents";
    if (code == 429) status.retry_after = std::chrono::seconds{in_.take<std::uint8_t>()};
    tell(Answered{.id = id_, .status = std::move(status)});
  }
  void receive(Item item) {
    is_open_ = true;
    tell(Received{.id = id_, .item = std::move(item)});
  }
  void pass(Duration span) {
    if (machine_.deadline() == kNever) return;
    now_ += span;
    perform(machine_.tick(now_));
  }
  void tell(Event event) { perform(machine_.handle(std::move(event), now_)); }

  void perform(Actions actions) {
    for (Action& action : actions) {
      if (const auto* applied = std::get_if<Applied>(&action))
        seen_.insert(applied->object["metadata"]["name"].text());
      if (const auto* deleted = std::get_if<Deleted>(&action))
        require(seen_.erase(deleted->name.name) == 1);
      if (const auto* cancel = std::get_if<Cancel>(&action)) {
        require(cancel->id == request_);
        request_ = 0;
      }
      if (const auto* list = std::get_if<List>(&action)) begin(list->id);
      if (const auto* watch = std::get_if<Watch>(&action)) begin(watch->id);
    }
    require(machine_.deadline() > now_);
  }
  void begin(RequestId id) {
    require(id > id_ && request_ == 0);
    request_ = id;
    id_ = id;
    is_open_ = false;
  }

  ByteReader in_;
  TimePoint now_{1h};
  ListWatch machine_;
  std::set<std::string> seen_;
  RequestId request_ = 0;  // under way
  RequestId id_ = 0;       // the last one there was
  bool is_open_ = false;   // its response has begun
};

}  // namespace
}  // namespace porter::watch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  porter::watch::Script{porter::Bytes{data, size}}.run();
  return 0;
}
