// SPDX-License-Identifier: Apache-2.0
#include "kube/client.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "io/log.hpp"
#include "kube/http_answer.hpp"
#include "kube/request_label.hpp"

namespace porter::kube {
namespace {

constexpr std::size_t kReadAtOnce = 16U << 10U;      // one record of TLS
constexpr std::size_t kLongestRefusal = 64U << 10U;  // the body of an answer that is not 2xx
constexpr unsigned kMostRetries = 3;
constexpr auto kUsualPause = std::chrono::seconds{1};  // a 429 that does not say how long

bool is_idempotent(Verb verb) {  // RFC 9110 §9.2.2
  return verb == Verb::Get || verb == Verb::Put || verb == Verb::Delete;
}

bool is_clean(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet < 0x7f;
  });
}

bool is_line(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet >= 0x20 && octet != 0x7f;
  });
}

}  // namespace

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::Get: return "GET";
    case Verb::Post: return "POST";
    case Verb::Put: return "PUT";
    case Verb::Patch: return "PATCH";
    case Verb::Delete: return "DELETE";
  }
  return "GET";
}

watch::ApiStatus api_status(const Response& response) {
  if (response.is_ok()) {
    watch::ApiStatus status;
    status.code = static_cast<int>(response.status);
    return status;
  }
  return watch::read_status(static_cast<int>(response.status), response.retry_after, response.body);
}

Error refusal(const watch::ApiStatus& status) {
  Error error{.code = Errc::Unavailable, .message = status.message};
  switch (status.code) {
    case 400:
    case 405:
    case 406:
    case 413:
    case 415:
    case 422: error.code = Errc::Invalid; break;
    case 401:
    case 403: error.code = Errc::Denied; break;
    case 404:
    case 410: error.code = Errc::NotFound; break;
    case 409: error.code = Errc::Conflict; break;
    default: break;
  }
  return error;
}

// One request on one connection.
struct Client::Exchange {
  const Request& request;
  Sink* sink;  // null: the body is held
  const std::string& wire;
  std::unique_ptr<Link> link;
  Response response{};
  bool has_begun = false;  // something of the answer came
  bool is_enough = false;  // the sink wants no more
  bool may_keep = false;   // the connection is good for another one
  bool is_told = false;    // the sink knows that it begins
};

// Counts the connections in use.
class Client::Slot {
 public:
  explicit Slot(std::size_t& busy) : busy_{busy} { ++busy_; }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { --busy_; }

 private:
  std::size_t& busy_;
};

Result<std::unique_ptr<Client>> Client::open(io::asio::any_io_executor executor, io::Worker& worker,
                                             Access access, Options options) {
  auto route = route_to(access.cluster, options.environment);
  if (!route) return Failure<>{std::move(route.error()).within(access.origin)};
  const bool is_clean_user = is_line(access.user.impersonate) &&
                             std::all_of(access.user.impersonate_groups.begin(),
                                         access.user.impersonate_groups.end(), is_line);
  if (!is_clean_user) return fail(Errc::Invalid, access.origin + ": as: must be one line of text");
  return std::unique_ptr<Client>{new Client{std::move(executor), worker, std::move(access),
                                            std::move(options), *std::move(route)}};
}

Client::Client(io::asio::any_io_executor executor, io::Worker& worker, Access access,
               Options options, Route route)
    : executor_{std::move(executor)},
      options_{std::move(options)},
      route_{std::move(route)},
      credentials_{executor_, worker, std::move(access), options_.credentials} {}

Client::~Client() = default;

io::Task<Result<Response>> Client::send(Request request) {
  for (unsigned retries = 0;; ++retries) {
    auto response = co_await attempt(request, nullptr);
    if (!response) co_return response;
    const std::optional<Duration> pause = pause_after(request, *response, retries);
    if (!pause) co_return response;
    io::asio::steady_timer timer{executor_};
    timer.expires_after(*pause);
    [[maybe_unused]] const auto woken = co_await timer.async_wait(io::kAwait);
  }
}

io::Task<Result<StreamEnd>> Client::stream(Request request, Sink& sink) {
  bool is_enough = false;
  // The sink as we need it: that it had enough is not seen in the response.
  const TimePoint asked = Clock::now();
  const VerbAndKind label = verb_and_kind(request);
  Sink noting{.began =
                  [&] {
                    counters_.durations[label].observe(Clock::now() - asked);
                    if (sink.began) sink.began();
                  },
              .body =
                  [&](std::string_view piece) {
                    const Sink::Flow flow = sink.body(piece);
                    is_enough = is_enough || flow == Sink::Flow::Enough;
                    return flow;
                  }};
  const auto response = co_await attempt(request, &noting);
  if (!response) co_return Failure<>{response.error()};
  StreamEnd end;
  end.status = api_status(*response);
  end.is_whole = !is_enough;
  co_return end;
}

// 401: the credential was revoked or has expired. Nothing was done, so whatever the request was, it
// may be sent again with a new one.
io::Task<Result<Response>> Client::attempt(const Request& request, Sink* sink) {
  const TimePoint asked = Clock::now();
  for (bool is_first = true;; is_first = false) {
    auto identity = co_await credentials_.current();
    if (!identity) {
      trouble_ = identity.error().message;
      co_return Failure<>{std::move(identity.error())};
    }
    auto response = co_await exchange(request, sink, *identity);
    if (!response) {
      // When we are being cancelled that is no failure: our task ends here.
      co_await io::asio::post(executor_, io::asio::use_awaitable);
      ++counters_.failures;
      trouble_ = response.error().message;
      co_return response;
    }
    trouble_.clear();
    if (response->status == 429) ++counters_.throttled;
    if (sink == nullptr || !response->is_ok())
      counters_.durations[verb_and_kind(request)].observe(Clock::now() - asked);
    if (response->status != 401 || !is_first || !credentials_.refused(**identity))
      co_return response;
  }
}

io::Task<Result<Response>> Client::exchange(const Request& request, Sink* sink,
                                            std::shared_ptr<const Identity> identity) {
  if (busy_ >= kMostConnections) {
    co_return fail(Errc::Exhausted,
                   fmt::format("{} requests are under way, at most that are", busy_));
  }
  const Slot slot{busy_};
  const auto text = wire(request, *identity);
  if (!text) co_return Failure<>{text.error()};
  ++counters_.requests;
  Exchange once{.request = request, .sink = sink, .wire = *text, .link = {}};
  once.link = take_idle(identity->tls_serial);
  if (once.link != nullptr) {
    ++counters_.reused;
    auto response = co_await talk(once);
    // RFC 9112 §9.3.1: the server may have closed it while our request was on its way.
    const bool may_repeat = !response && !once.has_begun && is_idempotent(request.verb);
    if (!may_repeat) {
      if (response && once.may_keep) keep(std::move(once.link), identity->tls_serial);
      co_return response;
    }
  }
  auto link = co_await connect(identity);
  if (!link) co_return Failure<>{std::move(link.error())};
  once.link = *std::move(link);
  once.response = Response();
  auto response = co_await talk(once);
  if (response && once.may_keep) keep(std::move(once.link), identity->tls_serial);
  co_return response;
}

io::Task<Result<Response>> Client::talk(Exchange& exchange) const {
  TimeLimit time{exchange.link->socket()};
  time.within(exchange.request.patience);
  HttpAnswer answer{HttpAnswer::Body::AsTold};
  std::vector<char> buffer(kReadAtOnce);
  const std::span<char> whole{buffer};
  const std::string unsent = co_await exchange.link->write(exchange.wire);
  Result<void> good;
  if (!unsent.empty()) good = fail(Errc::Unavailable, unsent);
  while (good && !answer.is_done() && !exchange.is_enough) {
    const Link::Read read = co_await exchange.link->read_some(whole);
    if (time.is_over()) break;
    good = answer.take(std::string_view(buffer.data(), read.octets));
    if (good && read.is_end) good = answer.end();
    if (good) good = receive(exchange, answer, read.error);
    if (exchange.is_told) time.within(options_.silence);
  }
  exchange.has_begun = answer.has_begun();
  exchange.may_keep = answer.may_keep_alive() && !exchange.is_enough;
  if (time.is_over()) {
    const auto limit = exchange.is_told ? options_.silence : exchange.request.patience;
    good = fail(Errc::Unavailable, fmt::format("no answer within {} ms", limit.count()));
  }
  if (good) co_return std::move(exchange.response);
  co_return Failure<>{std::move(good.error()).within(to_string(route_.server.at))};
}

// Hands on what has come. `trouble` of the connection is told last: what came before it counts.
Result<void> Client::receive(Exchange& exchange, HttpAnswer& answer, const std::string& trouble) {
  if (answer.has_head()) {
    Response& response = exchange.response;
    response.status = answer.status();
    response.retry_after = answer.retry_after();
    const bool is_streamed = exchange.sink != nullptr && response.is_ok();
    if (is_streamed && !exchange.is_told) {
      exchange.is_told = true;
      exchange.sink->began();
    }
    const std::string body = answer.take_body();
    if (is_streamed) {
      if (!body.empty()) exchange.is_enough = exchange.sink->body(body) == Sink::Flow::Enough;
    } else {
      response.body += body;
      const std::size_t limit = response.is_ok() ? kLargestBody : kLongestRefusal;
      if (response.body.size() > limit) {
        return fail(Errc::Exhausted,
                    fmt::format("an answer of more than {} octets to {} {}", limit,
                                to_string(exchange.request.verb), exchange.request.path));
      }
    }
  }
  if (!trouble.empty() && !answer.is_done()) return fail(Errc::Unavailable, trouble);
  return {};
}

io::Task<Result<std::unique_ptr<Link>>> Client::connect(std::shared_ptr<const Identity> identity) {
  if (route_.server.scheme == Scheme::Https && (!tls_ || tls_serial_ != identity->tls_serial)) {
    auto opened = TlsContext::open(identity->tls);
    if (!opened && !tls_) co_return Failure<>{std::move(opened.error()).within(access().origin)};
    idle_.clear();
    if (opened) {
      tls_ = *std::move(opened);
    } else {
      // Files are exchanged one after the other: a key may not fit its certificate for a moment.
      log::warn("kube", "the last TLS settings stay in use: " + opened.error().message);
    }
    tls_serial_ = identity->tls_serial;
  }
  ++counters_.connections;
  co_return co_await dial(route_, options_.limits, tls_);
}

Result<std::string> Client::wire(const Request& request, const Identity& identity) const {
  if (!request.path.starts_with('/') || !is_clean(request.path))
    return fail(Errc::Invalid, fmt::format("{}: no path of the API", shown(request.path)));
  std::string text = fmt::format(
      "{} {}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: porter/{}\r\nAccept: application/json\r\n",
      to_string(request.verb), route_.server.prefix, request.path, to_string(route_.server.at),
      PORTER_VERSION);
  if (!identity.authorization.empty())
    text += fmt::format("Authorization: {}\r\n", identity.authorization);
  const User& user = access().user;
  if (!user.impersonate.empty()) text += fmt::format("Impersonate-User: {}\r\n", user.impersonate);
  for (const std::string& group : user.impersonate_groups)
    text += fmt::format("Impersonate-Group: {}\r\n", group);
  if (request.verb != Verb::Get) {
    text += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", request.content_type,
                        request.body.size());
  }
  return text + "\r\n" + request.body;
}

std::unique_ptr<Link> Client::take_idle(std::uint64_t tls_serial) {
  const TimePoint now = Clock::now();
  while (!idle_.empty()) {
    Idle last = std::move(idle_.back());
    idle_.pop_back();
    const bool is_good =
        last.tls_serial == tls_serial && now - last.since < options_.idle && last.link->is_quiet();
    if (is_good) return std::move(last.link);
  }
  return nullptr;
}

void Client::keep(std::unique_ptr<Link> link, std::uint64_t tls_serial) {
  if (tls_serial != tls_serial_ && tls_) return;  // the certificates changed meanwhile
  if (idle_.size() >= kMostIdle) idle_.pop_front();
  idle_.push_back(Idle{.link = std::move(link), .since = Clock::now(), .tls_serial = tls_serial});
}

std::optional<Duration> Client::pause_after(const Request& request, const Response& response,
                                            unsigned retries) const {
  const bool may_repeat = request.retry == Retry::Idempotent && is_idempotent(request.verb);
  if (!may_repeat || retries >= kMostRetries) return std::nullopt;
  if (response.status != 429 && response.status != 503) return std::nullopt;
  const std::optional<Duration> told = api_status(response).retry_after;
  if (!told && response.status == 503) return std::nullopt;
  const Duration pause = told.value_or(kUsualPause);
  if (pause > options_.longest_retry_after) return std::nullopt;  // the caller knows better
  return pause;
}

}  // namespace porter::kube
