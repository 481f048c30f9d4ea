// SPDX-License-Identifier: Apache-2.0
#include "speaker/bgp_runner.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <variant>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "bgp/message.hpp"
#include "io/interfaces.hpp"
#include "io/wall_clock.hpp"
#include "speaker/session.hpp"

namespace porter::speaker {
namespace {

namespace asio = boost::asio;
using io::kAwait;

// A change of counters is told this long after its first sign, so that a burst is told as one.
constexpr auto kGather = std::chrono::milliseconds{50};

// Prefixes that a budget keeps back are told by name up to here, by number always.
constexpr std::size_t kRefusedNamed = 256;

// The spec of one neighbour out of a neighbour prefix: it dials us.
plan::PeerSpec spec_of(const plan::PeerSpec& prefix, const Address& neighbor,
                       const std::string& zone) {
  plan::PeerSpec spec = prefix;
  spec.neighbor = neighbor;
  spec.zone = zone;
  spec.neighbor_prefix.reset();
  spec.config.dial = bgp::PeerConfig::Dial::Passive;
  spec.config.encoding.exclude = neighbor;
  return spec;
}

bool tells_the_same(const plan::SessionSeen& left, const plan::SessionSeen& right) {
  const auto counts = [](const plan::SessionSeen& seen) {
    return std::array{seen.flaps,       seen.sent_v4,     seen.sent_v6,
                      seen.received_v4, seen.received_v6, seen.paths_v4,
                      seen.paths_v6,    seen.refused_v4,  seen.refused_v6};
  };
  return left.state == right.state && left.caught_up == right.caught_up &&
         counts(left) == counts(right) && left.refused == right.refused;
}

}  // namespace

BgpRunner::BgpRunner(asio::any_io_executor executor, Options options, Hooks hooks)
    : executor_{std::move(executor)},
      options_{std::move(options)},
      hooks_{std::move(hooks)},
      scratch_(kTurn),
      listener_{executor_, [this](io::Tcp::socket socket) { admit(std::move(socket)); },
                hooks_.warn},
      md5_before_{io::md5_counters()},
      pace_{executor_, TimePoint::max()},
      tasks_{executor_} {
  if (!options_.restart_file.empty()) {
    RestartFile::Sources sources{.routes =
                                     [this](std::size_t limit, const std::optional<Prefix>& after) {
                                       return routes_behind(limit, after);
                                     },
                                 .peers = [this] { return peers_to_keep(); }};
    restart_file_.emplace(executor_, options_.restart_file, options_.boot_id, std::move(sources),
                          hooks_.warn);
    restart_file_->start(tasks_);
  }
  if (!options_.redirects.empty()) {
    const auto set = [table = options_.redirects](const std::vector<io::Redirect>& redirects) {
      return io::set_redirects(table, redirects);
    };
    port_forward_.emplace(executor_, set, hooks_.warn);
    port_forward_->start(tasks_);
  }
  if (!options_.last.routes.empty())
    told_before_ = std::make_shared<const bgp::RouteTable>(options_.last.routes);
  tasks_.spawn(tell_at_pace());
}

BgpRunner::~BgpRunner() = default;

std::vector<plan::Route> BgpRunner::routes_behind(std::size_t limit,
                                                  const std::optional<Prefix>& after) const {
  std::vector<plan::Route> routes;
  std::map<bgp::PathSet, bgp::PathList> lists;
  for (const Prefix& prefix : rib_.prefixes(limit, after)) {
    const auto [list, is_new] = lists.try_emplace(rib_.path_set(*rib_.find(prefix)));
    if (is_new) list->second = rib_.paths(prefix);
    routes.push_back({.prefix = prefix, .paths = list->second});
  }
  return routes;
}

void BgpRunner::apply(std::span<const plan::Change> changes) {
  for (const plan::Change& change : changes) {
    std::visit([this](const auto& what) { perform(what); }, change);
  }
  end_batch();
}

void BgpRunner::perform(const plan::Route& route) {
  rib_.set(route.prefix, route.paths);
  unconfirmed_.erase(route.prefix);
}

void BgpRunner::perform(const plan::ListenWanted& wanted) {
  peers_changed_ = peers_changed_ || listen_ != wanted.value;
  listen_ = wanted.value;
  if (running_) listen();
}

void BgpRunner::perform(const plan::Planned& /*planned*/) {
  for (const Prefix& prefix : std::exchange(unconfirmed_, {}))
    rib_.withdraw(prefix);
  for (const std::string& peer : std::exchange(unconfirmed_peers_, {}))
    perform(plan::PeerWanted{.peer = peer, .value = std::nullopt});
  planned_ = true;
}

void BgpRunner::perform(const plan::PeerWanted& wanted) {
  rules_changed_ = true;
  unconfirmed_peers_.erase(wanted.peer);
  if (wanted.value) {
    want(wanted.peer, *wanted.value);
    return;
  }
  const auto known = wanted_.find(wanted.peer);
  if (known == wanted_.end()) return;
  for (const std::string& session : gate_.disallow(wanted.peer))
    end(session, wanted.why);
  end(wanted.peer, wanted.why);
  wanted_.erase(known);
  peers_changed_ = true;
  plan::SessionSeen gone;
  gone.peer = wanted.peer;
  gone.since = io::unix_now();
  gone.gone = true;
  if (hooks_.session_seen) hooks_.session_seen(std::move(gone));
}

void BgpRunner::want(const std::string& peer, const plan::PeerSpec& spec) {
  const auto known = wanted_.find(peer);
  const bool is_new = known == wanted_.end();
  if (!is_new && known->second.spec == spec) return;
  peers_changed_ = true;
  if (!is_new &&
      known->second.spec.neighbor_prefix.has_value() != spec.neighbor_prefix.has_value()) {
    for (const std::string& session : gate_.disallow(peer))
      end(session, bgp::Cease::ConfigurationChange);
    end(peer, bgp::Cease::ConfigurationChange);
  }
  wanted_[peer].spec = spec;
  if (spec.neighbor_prefix) {
    const bgp::Gate::NeighborPrefix prefix{.prefix = *spec.neighbor_prefix,
                                           .limit = spec.neighbor_limit};
    for (const std::string& session : gate_.allow(peer, prefix))
      end(session, bgp::Cease::ConfigurationChange);
    for (const auto& [name, session] : sessions_) {
      const plan::PeerSpec& old = session->runner.spec();
      if (session->peer == peer) session->runner.configure(spec_of(spec, old.neighbor, old.zone));
    }
  } else {
    const bgp::Gate::Neighbor neighbor{.remote = spec.neighbor, .zone = spec.zone};
    for (const std::string& session : gate_.allow(peer, neighbor))
      end(session, bgp::Cease::ConfigurationChange);
    const auto session = sessions_.find(peer);
    if (session == sessions_.end()) {
      make(peer, peer, spec);
    } else {
      session->second->runner.configure(spec);
    }
  }
  if (is_new) tell(peer);
}

// The keys are on the listeners before anybody dials, and what was planned together goes out
// together.
void BgpRunner::end_batch() {
  if (std::exchange(rules_changed_, false)) update_rules();
  if (port_forward_) forward_ports();
  if (planned_ && !std::exchange(running_, true)) listen();
  if (!running_) return;
  for (const auto& [name, session] : sessions_) {
    if (!session->started) start(*session);
  }
  if (planned_) forget_last_run();
  const bool routes_changed = std::exchange(told_version_, rib_.version()) != rib_.version();
  const bool peers_changed = std::exchange(peers_changed_, false);
  if (restart_file_ && (routes_changed || peers_changed)) restart_file_->changed();
  if (!routes_changed) return;
  for (const auto& [name, session] : sessions_) {
    session->runner.routes_changed();
    // What a budget keeps back shows in no message sent.
    if (session->runner.spec().config.encoding.budget > 0) moved(*session);
  }
}

// Who is new from here on knows nothing of an earlier run.
void BgpRunner::forget_last_run() {
  options_.restarting = bgp::Restarting::No;
  options_.last = {};
  told_before_.reset();
}

std::optional<std::chrono::seconds> BgpRunner::shortest_restart_time() const {
  std::optional<std::chrono::seconds> shortest;
  for (const auto& [name, spec] : options_.last.peers.peers) {
    const std::chrono::seconds time{spec.config.open.restart_time.value_or(0)};
    if (!shortest || time < *shortest) shortest = time;
  }
  return shortest;
}

std::size_t BgpRunner::replay() {
  const RestartState last = std::exchange(options_.last, {});
  if (running_ || last.peers.peers.empty()) return 0;
  for (const auto& [name, spec] : last.peers.peers) {
    want(name, spec);
    unconfirmed_peers_.insert(name);
  }
  for (const auto& [prefix, paths] : last.routes) {
    rib_.set(prefix, paths);
    unconfirmed_.insert(prefix);
  }
  listen_ = last.peers.listen;
  rules_changed_ = true;
  running_ = true;
  listen();
  end_batch();
  return last.peers.peers.size();
}

RestartPeers BgpRunner::peers_to_keep() const {
  RestartPeers kept;
  if (options_.keep_peers == KeepPeers::No) return kept;
  kept.listen = listen_;
  for (const auto& [name, wanted] : wanted_) {
    const bool may_keep = options_.keep_peers == KeepPeers::All || wanted.spec.password.empty();
    if (may_keep) kept.peers.emplace(name, wanted.spec);
  }
  return kept;
}

void BgpRunner::listen() {
  if (listen_ && listen_->port != 0) {
    listener_.listen(listen_->addresses, listen_->port);
  } else {
    listener_.close();
  }
}

void BgpRunner::update_rules() {
  ListenRules rules;
  for (const auto& [name, wanted] : wanted_) {
    const plan::PeerSpec& spec = wanted.spec;
    const Prefix from = spec.neighbor_prefix ? *spec.neighbor_prefix : Prefix::host(spec.neighbor);
    if (!spec.password.empty()) rules.keys.push_back({.peer = from, .password = spec.password});
    if (spec.min_ttl != 0) rules.ttl.push_back({.source = from, .min_ttl = spec.min_ttl});
  }
  listener_.set_rules(std::move(rules));
}

void BgpRunner::forward_ports() {
  std::vector<io::Redirect> redirects;
  const std::uint16_t port = listen_ ? listen_->port : 0;
  for (const auto& [name, wanted] : wanted_) {
    const plan::PeerSpec& spec = wanted.spec;
    if (!spec.port_forward || port == 0 || port == PortForward::kBgp) continue;
    redirects.push_back(
        {.source = spec.neighbor_prefix ? *spec.neighbor_prefix : Prefix::host(spec.neighbor),
         .interface = spec.zone,
         .from = PortForward::kBgp,
         .to = port});
  }
  port_forward_->want(std::move(redirects));
}

void BgpRunner::admit(io::Tcp::socket socket) {
  boost::system::error_code error;
  const io::Tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // reset before we looked
  bgp::Gate::Arrival arrival;
  arrival.remote = io::address_of(remote.address());
  if (const unsigned scope = io::scope_of(remote)) arrival.zone = io::interface_name(scope);
  arrival.local_port =
      bgp::Gate::Neighbor{}.local_port;  // there is one port: the Gate need not tell them apart
  const bgp::Gate::Verdict verdict = gate_.admit(arrival, Clock::now());
  if (const auto* refused = std::get_if<bgp::Gate::Refused>(&verdict)) {
    refuse(socket, arrival, *refused);
    return;
  }
  const auto& admitted = std::get<bgp::Gate::Admitted>(verdict);
  if (!sessions_.contains(admitted.session)) {
    start(make(admitted.session, admitted.peer,
               spec_of(wanted_.at(admitted.peer).spec, arrival.remote, arrival.zone)));
  }
  Session& session = *sessions_.at(admitted.session);
  session.runner.accept(std::move(socket));
  if (session.runner.connections() == 0) closed(session);
}

// Nothing is waited for: a stranger that does not read its NOTIFICATION goes without.
void BgpRunner::refuse(io::Tcp::socket& socket, const bgp::Gate::Arrival& arrival,
                       const bgp::Gate::Refused& refused) {
  if (refused.courtesy == bgp::Gate::Courtesy::Silent) return;
  std::vector<std::uint8_t> octets;
  bgp::encode(bgp::cease(bgp::Cease::ConnectionRejected), octets);
  const std::array<Bytes, 1> spans{octets};
  [[maybe_unused]] const io::Sent sent =
      io::send_some(socket.native_handle(), spans, octets.size());
  boost::system::error_code ignored;  // as said
  socket.shutdown(io::Tcp::socket::shutdown_send, ignored);
  [[maybe_unused]] const io::Got got = io::receive_some(socket.native_handle(), scratch_);
  if (!hooks_.warn) return;
  const bool stranger = refused.reason == bgp::Gate::Reason::Stranger;
  hooks_.warn(fmt::format(
      "refused a connection from {}: {}", to_string(arrival.remote),
      stranger ? "no such neighbour" : "its prefix has as many sessions as it may have"));
}

BgpRunner::Session& BgpRunner::make(const std::string& name, const std::string& peer,
                                    plan::PeerSpec spec) {
  auto session = std::make_unique<Session>(*this, name, peer, std::move(spec), options_.restarting);
  session->since = io::unix_now();
  if (options_.restarting == bgp::Restarting::Yes) session->routes.told_before(told_before_);
  return *sessions_.insert_or_assign(name, std::move(session)).first->second;
}

void BgpRunner::start(Session& session) {
  session.started = true;
  session.runner.rib_synced();
  session.runner.start();
}

void BgpRunner::end(const std::string& name, bgp::Cease why) {
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) return;
  Session& session = *found->second;
  retire(session);
  bgp::Stop stop;
  stop.subcode = why;
  session.runner.halt(stop);
}

// Out of everybody's sight; it lives until its connections are closed.
void BgpRunner::retire(Session& session) {
  session.retired = true;
  const auto found = sessions_.find(session.name);
  retired_.push_back(std::move(found->second));
  sessions_.erase(found);
  tasks_.spawn(take_leave(session));
}

io::Task<> BgpRunner::take_leave(Session& session) {
  // An end that was begun is brought to its end, whoever else stops meanwhile.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  session.left.expires_after(kFarewellWithin);
  while (session.runner.connections() > 0) {
    const auto [cancelled] = co_await session.left.async_wait(kAwait);
    if (!cancelled) break;
  }
  co_await session.runner.stop();
  std::erase_if(retired_, [&session](const auto& each) { return each.get() == &session; });
}

// The last connection of a session is gone. One that came out of a neighbour prefix goes with it.
void BgpRunner::closed(Session& session) {
  session.left.cancel();
  if (session.retired || !session.is_dynamic()) return;
  gate_.ended(session.name);
  const std::string peer = session.peer;
  retire(session);
  tell(peer);
}

io::Task<> BgpRunner::stop(Farewell farewell) {
  if (restart_file_ && farewell == Farewell::Shutdown) restart_file_->forget();
  if (restart_file_ && farewell == Farewell::Restart) {
    [[maybe_unused]] const Result<void> saved = restart_file_->save();  // a failure was said
  }
  if (port_forward_) port_forward_->want({});
  co_await listener_.stop();
  while (!sessions_.empty()) {
    Session& session = *sessions_.begin()->second;
    retire(session);
    bgp::Stop stop;
    const std::optional<bgp::Negotiated> negotiated = session.runner.peer().status().negotiated;
    stop.silent = farewell == Farewell::Restart && negotiated && negotiated->restart;
    session.runner.halt(stop);
  }
  co_await tasks_.stop();
  for (const auto& session : retired_)
    co_await session->runner.stop();
}

void BgpRunner::state_changed(Session& session, const bgp::StateChanged& change) {
  if (change.from != change.to) session.since = io::unix_now();
  if (!session.retired) tell(session.peer);
}

void BgpRunner::moved(Session& session) {
  session.moved = true;
  if (std::exchange(any_moved_, true)) return;
  pace_.expires_at(std::max(Clock::now() + kGather, last_told_ + kPace));
}

io::Task<> BgpRunner::tell_at_pace() {
  for (;;) {
    const auto [cancelled] = co_await pace_.async_wait(kAwait);
    if (cancelled) continue;  // moved() has set another time
    pace_.expires_at(TimePoint::max());
    last_told_ = Clock::now();
    any_moved_ = false;
    std::set<std::string> peers;
    for (const auto& [name, session] : sessions_) {
      if (std::exchange(session->moved, false)) peers.insert(session->peer);
    }
    for (const std::string& peer : peers) {
      if (!tells_the_same(seen(peer), wanted_.at(peer).told)) tell(peer);
    }
  }
}

// Of several sessions out of one prefix: the best state, and the sum of what is counted.
plan::SessionSeen BgpRunner::seen(const std::string& peer) const {
  plan::SessionSeen seen;
  seen.peer = peer;
  bool first = true;
  for (const auto& [name, session] : sessions_) {
    if (session->peer != peer) continue;
    const bgp::PeerStatus status = session->runner.peer().status();
    if (std::exchange(first, false) || status.state > seen.state) {
      seen.state = status.state;
      seen.since = session->since;
      seen.why = session->why;
      seen.ended = session->ended;
      seen.negotiated = status.negotiated;
      seen.ends = status.ends;
      seen.caught_up = status.caught_up;
    }
    seen.flaps += status.flaps;
    const bgp::AdjRibIn& received = session->runner.peer().received();
    seen.received_v4 += received.received(Family::V4);
    seen.received_v6 += received.received(Family::V6);
    if (const bgp::Subscription* subscription = session->routes.subscription()) {
      seen.sent_v4 += subscription->group().counts(Family::V4).prefixes;
      seen.sent_v6 += subscription->group().counts(Family::V6).prefixes;
      // The budget is one of each session: the fullest counts.
      const bgp::UpdateGroup& group = subscription->group();
      seen.paths_v4 = std::max<std::uint64_t>(seen.paths_v4, group.counts(Family::V4).paths);
      seen.paths_v6 = std::max<std::uint64_t>(seen.paths_v6, group.counts(Family::V6).paths);
      seen.refused_v4 = std::max<std::uint64_t>(seen.refused_v4, group.refused(Family::V4));
      seen.refused_v6 = std::max<std::uint64_t>(seen.refused_v6, group.refused(Family::V6));
      for (const Prefix& prefix : group.refused(kRefusedNamed))
        seen.refused.insert(prefix);
    }
  }
  if (first) seen.since = io::unix_now();
  return seen;
}

void BgpRunner::tell(const std::string& peer) {
  const auto known = wanted_.find(peer);
  if (known == wanted_.end()) return;
  known->second.told = seen(peer);
  if (hooks_.session_seen) hooks_.session_seen(known->second.told);
}

}  // namespace porter::speaker
