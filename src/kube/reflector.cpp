// SPDX-License-Identifier: Apache-2.0
#include "kube/reflector.hpp"

#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "model/decode.hpp"

namespace porter::kube {
namespace {

watch::ListWatchConfig named(watch::ListWatchConfig config, const Resource& resource) {
  config.resource = words(resource);
  return config;
}

std::string selectors(const Reflector::Config& config) {
  std::string text;
  if (!config.label_selector.empty())
    text += "&labelSelector=" + percent_encoded(config.label_selector);
  if (!config.field_selector.empty())
    text += "&fieldSelector=" + percent_encoded(config.field_selector);
  return text;
}

}  // namespace

Reflector::Reflector(io::asio::any_io_executor executor, Client& client, Config config, Told told)
    : executor_{std::move(executor)},
      client_{client},
      config_{std::move(config)},
      told_{std::move(told)},
      machine_{named(config_.list_watch, config_.resource)},
      timer_{executor_, TimePoint::max()},
      kind_{model::kind_named(config_.resource.kind)},
      reading_{executor_},
      tasks_{executor_} {}

Reflector::~Reflector() = default;

void Reflector::start() {
  tasks_.spawn(keep_time());
  tell(watch::Start{});
}

io::Task<> Reflector::stop() {
  co_await io::asio::this_coro::reset_cancellation_state(io::asio::disable_cancellation());
  is_stopped_ = true;
  current_ = 0;
  co_await tasks_.stop();
  co_await reading_.stop();
}

std::string Reflector::trouble() const {
  return trouble_;
}

io::Task<> Reflector::keep_time() {
  for (;;) {
    timer_.expires_at(machine_.deadline());
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    if (machine_.deadline() <= Clock::now()) perform(machine_.tick(Clock::now()));
  }
}

// What an event calls for is done at once: an action may cause no further event from inside.
void Reflector::tell(watch::Event event) {
  if (is_stopped_) return;
  perform(machine_.handle(std::move(event), Clock::now()));
  timer_.cancel();
}

void Reflector::perform(watch::Actions actions) {
  for (watch::Action& action : actions)
    perform(action);
}

void Reflector::perform(watch::Action& action) {
  if (const auto* const list = std::get_if<watch::List>(&action)) {
    begin(list->id, watch::Body::List, query_of(*list));
  } else if (const auto* const watch = std::get_if<watch::Watch>(&action)) {
    begin(watch->id, watch::Body::Watch, query_of(*watch));
  } else if (const auto* const cancelled = std::get_if<watch::Cancel>(&action)) {
    cancel(cancelled->id);
  } else if (const auto* const object = std::get_if<watch::Applied>(&action)) {
    applied(object->object);
  } else if (const auto* const gone = std::get_if<watch::Deleted>(&action)) {
    deleted(gone->name);
  } else if (std::holds_alternative<watch::Synced>(action)) {
    const bool is_first = !std::exchange(is_synced_, true);
    if (is_first && told_.synced) told_.synced();
  } else if (const auto* const trouble = std::get_if<watch::Trouble>(&action)) {
    trouble_ = trouble->text;
    log::warn("kube", trouble_, {{"resource", words(config_.resource)}});
    if (told_.trouble) told_.trouble();
  } else if (std::holds_alternative<watch::Recovered>(action)) {
    trouble_.clear();
    log::info("kube", "followed again", {{"resource", words(config_.resource)}});
    if (told_.trouble) told_.trouble();
  } else if (std::holds_alternative<watch::WentBack>(action)) {
    log::warn("kube", "the API server's storage went back in time: it was restored from a backup",
              {{"resource", words(config_.resource)}});
    if (told_.went_back) told_.went_back();
  }
}

void Reflector::begin(watch::RequestId id, watch::Body body, std::string query) {
  if (is_stopped_) return;
  current_ = id;
  reading_.start(request(id, body, std::move(query)));
}

void Reflector::cancel(watch::RequestId id) {
  if (id != current_ || is_stopped_) return;
  current_ = 0;
  reading_.cancel();
}

io::Task<> Reflector::request(watch::RequestId id, watch::Body body, std::string query) {
  watch::ItemStream::Config shape;
  shape.body = body;
  shape.type = {.api_version = api_version(config_.resource), .kind = config_.resource.kind};
  shape.limits = config_.limits;
  watch::ItemStream items{shape};
  bool is_good = true;  // what came made sense so far
  Sink sink;
  sink.began = [&] {
    watch::ApiStatus status;
    status.code = 200;
    if (id == current_) tell(watch::Answered{.id = id, .status = std::move(status)});
  };
  sink.body = [&](std::string_view bytes) {
    is_good = take(id, items, bytes);
    return is_good ? Sink::Flow::More : Sink::Flow::Enough;
  };
  Request wanted;
  wanted.path = fmt::format("{}?{}{}", collection_path(config_.resource, config_.ns), query,
                            selectors(config_));
  wanted.patience = watch::ListWatch::kPatience + watch::ListWatch::kGrace;  // the machine's first
  const auto end = co_await client_.stream(std::move(wanted), sink);
  if (id != current_ || !is_good) co_return;
  if (!end) {
    tell(watch::Failed{.id = id, .error = end.error()});
  } else if (!end->status.is_ok()) {
    tell(watch::Answered{.id = id, .status = end->status});
  } else if (const auto whole = items.finish(); !whole) {
    tell(watch::Failed{.id = id, .error = whole.error()});
  } else {
    tell(watch::Ended{.id = id});
  }
}

// False: no more of this, it was cancelled or makes no sense.
bool Reflector::take(watch::RequestId id, watch::ItemStream& items, std::string_view bytes) {
  items.offer(bytes);
  while (id == current_) {
    auto item = items.next();
    if (!item) {
      tell(watch::Failed{.id = id, .error = std::move(item.error())});
      return false;
    }
    if (!*item) return true;
    tell(watch::Received{.id = id, .item = **std::move(item)});
  }
  return false;
}

void Reflector::applied(const Tree& object) {
  if (!kind_) {
    if (!told_.other) return;
    const model::NamespacedName name{.ns = object.at_path("metadata.namespace").text(),
                                     .name = object.at_path("metadata.name").text()};
    return told_.other(name, &object);
  }
  model::Decoded decoded = model::decode(object);
  if (!decoded.key) return;  // without a name; the machine passes it over
  const model::ObjectKey key = *decoded.key;
  if (decoded.object) {
    told_.fact(
        plan::ObjectSeen{.key = key,
                         .object = std::move(decoded.object),
                         .resource_version = object.at_path("metadata.resourceVersion").text(),
                         .status = config_.tells_status ? object["status"] : Tree{}});
  }
  problems_seen({.key = key,
                 .where = {},
                 .problems = std::move(decoded.problems),
                 .meta = std::move(decoded.refused),
                 .resource_version = object.at_path("metadata.resourceVersion").text()});
}

void Reflector::deleted(const model::NamespacedName& name) {
  if (!kind_) {
    if (told_.other) told_.other(name, nullptr);
    return;
  }
  const model::ObjectKey key{.kind = *kind_, .name = name};
  troubled_.erase(key);
  told_.fact(plan::ObjectSeen{.key = key, .object = {}});
}

void Reflector::problems_seen(plan::ProblemsSeen seen) {
  if (seen.problems.empty() && troubled_.erase(seen.key) == 0) return;
  if (seen.problems.empty()) {
    log::info("kube", "the object is in order again", {{"object", to_string(seen.key)}});
  } else {
    troubled_.insert(seen.key);
  }
  for (const model::Problem& problem : seen.problems) {
    log::warn(
        "kube", problem.message,
        {{"object", to_string(seen.key)}, {"field", problem.field}, {"reason", problem.reason}});
  }
  told_.fact(std::move(seen));
}

}  // namespace porter::kube
