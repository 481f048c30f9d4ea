// SPDX-License-Identifier: Apache-2.0
#include "kube/webhook_server.hpp"

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>

#include "kube/tls_link.hpp"

namespace porter::kube {
namespace {

namespace asio = io::asio;
namespace ssl = asio::ssl;
namespace http = boost::beast::http;
using io::Connection;

constexpr std::size_t kPiece = 16U << 10U;
constexpr auto kAfterAcceptError = std::chrono::milliseconds{100};
constexpr int kBacklog = 64;
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2; 1.3 has no bad ones

io::HttpResponse refusal(unsigned status, std::string_view words) {
  return io::HttpResponse{
      .status = status, .content_type = "text/plain", .body = fmt::format("{}\n", words)};
}

io::HttpResponse refusal_of(const boost::system::error_code& error, const WebhookLimits& limits) {
  if (error == http::error::header_limit)
    return refusal(431, fmt::format("a header of more than {} octets", limits.head));
  if (error == http::error::body_limit)
    return refusal(413, fmt::format("a body of more than {} octets", limits.body));
  return refusal(400, "bad request: " + error.message());
}

}  // namespace

// One certificate. Connections made with it keep it.
class WebhookServer::Settings {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Settings>> open(const std::string& certificate,
                                                              const std::string& key) {
    auto settings = std::make_shared<Settings>();
    ssl::context& context = settings->context;
    SSL_CTX* const native = context.native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
    boost::system::error_code error;
    const auto no_password = [](std::size_t, ssl::context::password_purpose) {
      return std::string{};
    };
    context.set_password_callback(no_password, error);
    if (error || SSL_CTX_set_cipher_list(native, kCiphers) != 1)
      return fail(Errc::Unavailable, "TLS: " + tls_words(error));
    context.use_certificate_chain(asio::buffer(certificate), error);
    if (error) return fail(Errc::Invalid, "the certificate: " + tls_words(error));
    context.use_private_key(asio::buffer(key), ssl::context::pem, error);
    if (error || SSL_CTX_check_private_key(native) != 1)
      return fail(Errc::Invalid, "the key is not the certificate's");
    return settings;
  }

  ssl::context context{ssl::context::tls_server};
};

class WebhookServer::ServerLink final : public TlsLink {
 public:
  ServerLink(Tcp::socket socket, std::shared_ptr<Settings> settings)
      : TlsLink{std::move(socket), settings->context}, settings_{std::move(settings)} {}

  io::Task<bool> handshake() {
    const auto [error] = co_await stream().async_handshake(ssl::stream_base::server, io::kAwait);
    co_return !error;
  }

 private:
  std::shared_ptr<Settings> settings_;
};

// One request: Beast's parser without its I/O, and what is reserved for its body.
class WebhookServer::Question {
 public:
  explicit Question(WebhookServer& server) : server_{server} {
    parser_.header_limit(static_cast<std::uint32_t>(server.limits_.head));
    parser_.body_limit(server.limits_.body);
  }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;
  ~Question() { server_.reserved_ -= reserved_; }

  // Takes bytes off the front of `pending`. False: `refused` says why this is no request of ours.
  [[nodiscard]] bool take(std::string& pending) {
    while (!pending.empty() && !parser_.is_done()) {
      boost::system::error_code error;
      const std::size_t used = parser_.put(asio::buffer(pending), error);
      pending.erase(0, used);
      if (error && error != http::error::need_more) {
        refused = refusal_of(error, server_.limits_);
        return false;
      }
      if (parser_.is_header_done() && !has_head_ && !begin_body()) return false;
      if (used == 0) break;
    }
    return true;
  }

  [[nodiscard]] bool is_done() const { return parser_.is_done(); }
  [[nodiscard]] bool keeps_alive() const { return parser_.get().keep_alive(); }
  // RFC 9110 §10.1.1; once.
  [[nodiscard]] bool take_expectation() { return std::exchange(expects_, false); }

  [[nodiscard]] WebhookRequest request() {
    auto& message = parser_.get();
    const std::string_view target{message.target().data(), message.target().size()};
    return WebhookRequest{.method = std::string{message.method_string()},
                          .path = std::string{target.substr(0, target.find('?'))},
                          .body = std::make_shared<const std::string>(std::move(message.body()))};
  }

  io::HttpResponse refused;

 private:
  [[nodiscard]] bool begin_body() {
    has_head_ = true;
    // What does not say how long it is may become as long as one may be.
    const auto told = parser_.content_length();
    const bool has_body = told || parser_.chunked();
    const std::size_t size = told ? static_cast<std::size_t>(*told) : server_.limits_.body;
    if (!has_body) return true;
    if (server_.reserved_ + size > server_.limits_.bodies) {
      refused = refusal(503, "too many large requests at once");
      return false;
    }
    reserved_ = size;
    server_.reserved_ += size;
    expects_ = parser_.get()[http::field::expect] == "100-continue" && !parser_.is_done();
    return true;
  }

  WebhookServer& server_;
  http::request_parser<http::string_body> parser_;
  std::size_t reserved_ = 0;
  bool has_head_ = false;
  bool expects_ = false;
};

WebhookServer::WebhookServer(asio::any_io_executor executor, WebhookLimits limits, Handler handler)
    : executor_{std::move(executor)},
      limits_{limits},
      handler_{std::move(handler)},
      tasks_{executor_} {}

WebhookServer::~WebhookServer() = default;

Result<std::uint16_t> WebhookServer::listen(const Tcp::endpoint& endpoint) {
  auto acceptor = std::make_unique<Tcp::acceptor>(executor_);
  boost::system::error_code error;
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address{true}, error);
  if (!error && endpoint.address() == asio::ip::address_v6::any())
    acceptor->set_option(asio::ip::v6_only{false}, error);  // every address of either family
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(kBacklog, error);
  if (error) {
    return fail(Errc::Unavailable, fmt::format("{} port {}: {}", endpoint.address().to_string(),
                                               endpoint.port(), error.message()));
  }
  acceptor_ = std::move(acceptor);
  tasks_.spawn(accept());
  return acceptor_->local_endpoint().port();
}

io::Task<> WebhookServer::stop() {
  co_await tasks_.stop();
}

Result<void> WebhookServer::use(const std::string& certificate, const std::string& key) {
  auto settings = Settings::open(certificate, key);
  if (!settings) return Failure<>{std::move(settings.error())};
  settings_ = *std::move(settings);
  return {};
}

io::Task<> WebhookServer::accept() {
  asio::steady_timer pause{executor_};
  for (;;) {
    auto [error, socket] = co_await acceptor_->async_accept(io::kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // out of descriptors, say: an error that lasts must not spin
      pause.expires_after(kAfterAcceptError);
      [[maybe_unused]] const auto woken = co_await pause.async_wait(io::kAwait);
      continue;
    }
    if (open_ >= limits_.connections || settings_ == nullptr) {
      ++counters_.refused;
      continue;  // closed by its destructor
    }
    ++counters_.connections;
    ++open_;
    tasks_.spawn(serve(std::move(socket)));
  }
}

io::Task<> WebhookServer::serve(Tcp::socket socket) {
  boost::system::error_code ignored;  // it is faster with it, and works without
  socket.set_option(Tcp::no_delay{true}, ignored);
  ServerLink link{std::move(socket), settings_};
  TimeLimit time{link.socket()};
  time.within(limits_.handshake);
  const bool is_secure = co_await link.handshake();
  time.off();
  if (!is_secure) ++counters_.handshakes_failed;
  std::string pending;
  bool goes_on = is_secure;
  while (goes_on)
    goes_on = co_await exchange(link, pending);
  --open_;
}

// False: the connection is over.
io::Task<bool> WebhookServer::exchange(Link& link, std::string& pending) {
  Question question{*this};
  const bool is_whole = co_await receive(link, pending, question);
  if (!is_whole) co_return false;
  ++counters_.requests;
  const Connection connection = question.keeps_alive() ? Connection::Kept : Connection::Closed;
  WebhookRequest request = question.request();
  io::HttpResponse response = co_await handler_(std::move(request));
  const bool is_sent = co_await answer(link, std::move(response), connection);
  co_return is_sent&& connection == Connection::Kept;
}

io::Task<bool> WebhookServer::receive(Link& link, std::string& pending, Question& question) {
  std::array<char, kPiece> buffer{};
  TimeLimit time{link.socket()};
  bool has_begun = !pending.empty();
  time.within(has_begun ? limits_.request : limits_.idle);
  for (;;) {
    if (!question.take(pending)) {
      ++counters_.bad_requests;
      co_await answer(link, std::move(question.refused), Connection::Closed);
      co_return false;
    }
    if (question.is_done()) co_return true;
    if (question.take_expectation()) {
      const std::string words = co_await link.write("HTTP/1.1 100 Continue\r\n\r\n");
      if (!words.empty()) co_return false;
    }
    const Link::Read read = co_await link.read_some(buffer);
    if (read.is_end || !read.error.empty()) co_return false;
    pending.append(buffer.data(), read.octets);
    if (!has_begun) time.within(limits_.request);
    has_begun = true;
  }
}

io::Task<bool> WebhookServer::answer(Link& link, io::HttpResponse response,
                                     Connection connection) const {
  std::string wire = response_head(response, connection);
  wire += response.body;
  TimeLimit time{link.socket()};
  time.within(limits_.response);
  const std::string trouble = co_await link.write(wire);
  const bool is_sent = trouble.empty();
  co_return is_sent;
}

}  // namespace porter::kube
