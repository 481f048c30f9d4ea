// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/histogram.hpp"
#include "base/result.hpp"
#include "io/task_group.hpp"
#include "io/worker.hpp"
#include "kube/credentials.hpp"
#include "kube/dial.hpp"
#include "kube/http_answer.hpp"
#include "watch/api_status.hpp"

// A cluster as a source of facts and a sink of wishes, through its API server.
//
//   kubeconfig, service account ─► Access ─► Credentials (files, tokens, plugins) ─► Identity
//                                                                                       │
//   watch::ListWatch ◄─ Reflector ─┐                                                    ▼
//   watch::Election ◄─ ElectionDriver ─┼─► Client ─► pool of Links (TCP, TLS, CONNECT) ─► API
//   server WriteQueue ◄─ Writer ──────────┤ Events ────────────────────────┘
//
// The Client knows HTTP and nothing of objects. The Reflector turns a resource into plan::Facts,
// the Writer turns wishes into writes, each wish until it is fulfilled, refused or replaced by a
// newer one. Decisions live in the pure machines; what stands here moves bytes and time.
//
// HTTP/1.1 (RFC 9112): a watch is a connection. TLS 1.2 or later, always verified unless the
// kubeconfig says otherwise. No secret is ever part of an Error or of a log line.
namespace porter::kube {

enum class Verb : std::uint8_t { Get, Post, Put, Patch, Delete };
[[nodiscard]] std::string_view to_string(Verb verb);  // "GET"

// What to do when the API server says 429 or 503 with Retry-After.
enum class Retry : std::uint8_t { Idempotent, Never };  // up to three times, GET PUT DELETE; or not

struct Request {
  Verb verb = Verb::Get;
  std::string path;                               // "/api/v1/nodes?limit=500", encoded
  std::string content_type = "application/json";  // of the body
  std::string body;
  std::chrono::milliseconds patience{30'000};  // for the whole answer; of a stream for its head
  Retry retry = Retry::Idempotent;
};

struct Response {
  unsigned status = 0;
  std::string retry_after;  // the header as it stands
  std::string body;
  [[nodiscard]] bool is_ok() const { return status >= 200 && status < 300; }
};
// The answer of the API server in its own words, for one that is not 2xx; with the Errc that fits.
[[nodiscard]] watch::ApiStatus api_status(const Response& response);
[[nodiscard]] Error refusal(const watch::ApiStatus& status);

// A body too long to be held: given as it comes, in pieces of at most 64 KiB, each in its own turn
// of the loop.
struct Sink {
  enum class Flow : std::uint8_t { More, Enough };
  std::function<void()> began;  // the head came, and it was 2xx
  std::function<Flow(std::string_view)> body;
};
struct StreamEnd {
  watch::ApiStatus status;  // 2xx: `code` alone, and the sink had the body; else nothing went there
  bool is_whole = true;     // false: the sink said Enough
};

struct VerbAndKind {
  std::string verb;  // as RBAC calls it: "list"
  std::string kind;  // "services/status"
  friend auto operator<=>(const VerbAndKind&, const VerbAndKind&) = default;
};

struct ClientCounters {
  std::uint64_t requests = 0;
  std::uint64_t connections = 0;               // made
  std::uint64_t reused = 0;                    // requests on a connection that was there
  std::uint64_t failures = 0;                  // requests without an answer
  std::uint64_t throttled = 0;                 // answers 429
  std::map<VerbAndKind, Histogram> durations;  // to the answer; of what is streamed, to its head
};

// Used on one loop. Destroyed after every task that uses it has ended.
class Client {
 public:
  static constexpr std::size_t kLargestBody = 8U << 20U;  // of an answer that is held
  static constexpr std::size_t kMostIdle = 4;
  static constexpr std::size_t kMostConnections = 64;  // further requests are refused: Exhausted
  static constexpr std::size_t kPiece = 64U << 10U;

  struct Options {
    Credentials::Options credentials;
    DialLimits limits;
    std::chrono::milliseconds idle{60'000};      // for how long a connection is kept
    std::chrono::milliseconds silence{360'000};  // of a stream, until it counts as dead
    std::chrono::milliseconds longest_retry_after{10'000};
    Environment environment;  // proxies
  };

  // Errors: the server's URL or the proxy's makes no sense.
  [[nodiscard]] static Result<std::unique_ptr<Client>> open(io::asio::any_io_executor executor,
                                                            io::Worker& worker, Access access,
                                                            Options options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // Any answer is a Response; an Error means that there was none.
  io::Task<Result<Response>> send(Request request);
  // `sink` outlives the call.
  io::Task<Result<StreamEnd>> stream(Request request, Sink& sink);

  [[nodiscard]] const Access& access() const { return credentials_.access(); }
  [[nodiscard]] const ClientCounters& counters() const { return counters_; }
  // Why the last connection attempt or request without an answer failed; empty: the last one went
  // well.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct Exchange;
  struct Idle {
    std::unique_ptr<Link> link;
    TimePoint since;
    std::uint64_t tls_serial = 0;
  };
  class Slot;

  Client(io::asio::any_io_executor executor, io::Worker& worker, Access access, Options options,
         Route route);

  io::Task<Result<Response>> attempt(const Request& request, Sink* sink);
  io::Task<Result<Response>> exchange(const Request& request, Sink* sink,
                                      std::shared_ptr<const Identity> identity);
  io::Task<Result<Response>> talk(Exchange& exchange) const;
  [[nodiscard]] static Result<void> receive(Exchange& exchange, HttpAnswer& answer,
                                            const std::string& trouble);
  io::Task<Result<std::unique_ptr<Link>>> connect(std::shared_ptr<const Identity> identity);
  [[nodiscard]] Result<std::string> wire(const Request& request, const Identity& identity) const;
  [[nodiscard]] std::unique_ptr<Link> take_idle(std::uint64_t tls_serial);
  void keep(std::unique_ptr<Link> link, std::uint64_t tls_serial);
  [[nodiscard]] std::optional<Duration> pause_after(const Request& request,
                                                    const Response& response,
                                                    unsigned retries) const;

  io::asio::any_io_executor executor_;
  Options options_;
  Route route_;
  Credentials credentials_;
  std::list<Idle> idle_;
  std::shared_ptr<TlsContext> tls_;
  std::uint64_t tls_serial_ = 0;  // of tls_
  std::size_t busy_ = 0;
  ClientCounters counters_;
  std::string trouble_;
};

}  // namespace porter::kube
