// SPDX-License-Identifier: Apache-2.0
#include "kube/election_driver.hpp"

#include <chrono>
#include <utility>

#include "base/tree.hpp"
#include "io/log.hpp"
#include "io/wall_clock.hpp"
#include "kube/resource.hpp"
#include "watch/item_stream.hpp"

namespace porter::kube {
namespace {

namespace election = watch::election;

// Of one request: a leader must know within a second or two whether it still is one.
constexpr std::chrono::milliseconds kPatience{2500};

Result<watch::LeaseState> lease_in(const std::string& body) {
  const auto tree = watch::parse_json(body);
  if (!tree) return Failure<>{tree.error()};
  return watch::read_lease(*tree);
}

}  // namespace

ElectionDriver::ElectionDriver(io::asio::any_io_executor executor, Client& client, Config config,
                               Told told)
    : executor_{std::move(executor)},
      client_{client},
      config_{std::move(config)},
      told_{std::move(told)},
      machine_{config_.election},
      timer_{executor_, TimePoint::max()},
      released_{executor_, TimePoint::max()},
      asking_{executor_},
      tasks_{executor_} {}

ElectionDriver::~ElectionDriver() = default;

void ElectionDriver::start() {
  tasks_.spawn(keep_time());
  tell(election::Start{});
}

io::Task<> ElectionDriver::resign(std::chrono::milliseconds limit) {
  released_.expires_after(limit);
  tell(election::Stop{});
  if (!is_released_) {
    [[maybe_unused]] const auto woken = co_await released_.async_wait(io::kAwait);
  }
  co_await stop();
}

io::Task<> ElectionDriver::stop() {
  co_await io::asio::this_coro::reset_cancellation_state(io::asio::disable_cancellation());
  is_stopped_ = true;
  co_await tasks_.stop();
  co_await asking_.stop();
}

io::Task<> ElectionDriver::keep_time() {
  for (;;) {
    timer_.expires_at(machine_.deadline());
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    if (machine_.deadline() <= Clock::now()) perform(machine_.tick(Clock::now()));
  }
}

void ElectionDriver::tell(const election::Event& event) {
  if (is_stopped_) return;
  perform(machine_.handle(event, Clock::now()));
  timer_.cancel();
}

void ElectionDriver::perform(const election::Actions& actions) {
  for (const election::Action& action : actions)
    perform(action);
}

void ElectionDriver::perform(const election::Action& action) {
  if (const auto* const get_lease = std::get_if<election::Get>(&action)) {
    Request request;
    request.path = object_path(lease_resource(), {.ns = config_.ns, .name = config_.name}, {});
    asking_.start(ask(get_lease->id, std::move(request)));
  } else if (const auto* const create = std::get_if<election::Create>(&action)) {
    asking_.start(ask(create->id, write_request(Verb::Post, create->record)));
  } else if (const auto* const update = std::get_if<election::Update>(&action)) {
    asking_.start(ask(update->id, write_request(Verb::Put, update->record)));
  } else if (std::holds_alternative<election::Acquired>(action)) {
    log::info("election", "we lead", {{"identity", config_.election.identity}});
    if (told_.acquired) told_.acquired();
  } else if (const auto* const lost = std::get_if<election::Lost>(&action)) {
    if (told_.lost) told_.lost(lost->why);
    log::warn("election", "we lead no more: " + lost->why);
  } else if (const auto* const seen = std::get_if<election::LeaderSeen>(&action)) {
    log::info("election", "the leader changed", {{"leader", seen->holder}});
    if (told_.leader) told_.leader(seen->holder);
  } else if (const auto* const trouble = std::get_if<election::Trouble>(&action)) {
    trouble_ = trouble->text;
    log::warn("election", trouble_);
    if (told_.trouble) told_.trouble();
  } else if (std::holds_alternative<election::Recovered>(action)) {
    trouble_.clear();
    log::info("election", "the Lease can be used again");
    if (told_.trouble) told_.trouble();
  } else if (std::holds_alternative<election::Stopped>(action)) {
    is_released_ = true;
    released_.cancel();
  }
}

Request ElectionDriver::write_request(Verb verb, const election::Record& record) const {
  Request request;
  request.verb = verb;
  request.path = verb == Verb::Post
                     ? collection_path(lease_resource(), config_.ns)
                     : object_path(lease_resource(), {.ns = config_.ns, .name = config_.name}, {});
  request.body = to_json(election::to_tree(record, config_.ns, config_.name, io::unix_micros()), 0);
  return request;
}

io::Task<> ElectionDriver::ask(watch::RequestId id, Request request) {
  const Verb verb = request.verb;
  request.patience = kPatience;
  request.retry = Retry::Never;
  const auto response = co_await client_.send(std::move(request));
  if (!response) {
    tell(election::Failed{.id = id, .why = response.error().message});
    co_return;
  }
  if (response->status == 404 && verb != Verb::Post) {
    tell(election::NotFound{.id = id});
  } else if (response->status == 409 && verb != Verb::Get) {
    tell(election::Conflict{.id = id});
  } else if (!response->is_ok()) {
    tell(election::Failed{.id = id, .why = api_status(*response).message});
  } else if (auto lease = lease_in(response->body); !lease) {
    tell(election::Failed{.id = id, .why = lease.error().message});
  } else if (verb == Verb::Get) {
    tell(election::Seen{.id = id, .lease = *std::move(lease)});
  } else {
    tell(election::Written{.id = id, .lease = *std::move(lease)});
  }
}

}  // namespace porter::kube
