// SPDX-License-Identifier: Apache-2.0
#include "kube/test_server.hpp"

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace porter::kube {
namespace {

namespace asio = io::asio;
namespace ssl = asio::ssl;

template <class Write>
std::string pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory{BIO_new(BIO_s_mem()), &BIO_free};
  write(memory.get());
  char* start = nullptr;
  const auto size = BIO_get_mem_data(memory.get(), &start);
  return {start, static_cast<std::size_t>(size)};
}

template <class Read>
auto from_pem(const std::string& text, Read read) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory{
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
  return read(memory.get(), nullptr, nullptr, nullptr);
}

void extend(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  PORTER_ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

TestIdentity make(const std::string& name, const std::string& names, const TestIdentity* authority,
                  Validity validity) {
  static long serial = 1;
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  constexpr long kDay = 86'400;
  X509_gmtime_adj(X509_getm_notBefore(certificate), -2 * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate), validity == Validity::Now ? kDay : -kDay);
  X509_set_pubkey(certificate, key);
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const std::vector<unsigned char> octets{name.begin(), name.end()};
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, octets.data(),
                             static_cast<int>(octets.size()), -1, 0);
  extend(certificate, NID_basic_constraints,
         authority == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (!names.empty()) extend(certificate, NID_subject_alt_name, names);
  if (authority == nullptr) {
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
  } else {
    X509* const issuer = from_pem(authority->certificate, PEM_read_bio_X509);
    EVP_PKEY* const signer = from_pem(authority->key, PEM_read_bio_PrivateKey);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    X509_sign(certificate, signer, EVP_sha256());
    X509_free(issuer);
    EVP_PKEY_free(signer);
  }
  TestIdentity made{.certificate = pem([&](BIO* out) { PEM_write_bio_X509(out, certificate); }),
                    .key = pem([&](BIO* out) {
                      PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
                    })};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return made;
}

std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text)
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c);
  return out;
}

// A whole request at the front of `text`; it is taken off.
std::optional<TestServer::Seen> request_in(std::string& text) {
  const std::size_t head = text.find("\r\n\r\n");
  if (head == std::string::npos) return std::nullopt;
  TestServer::Seen seen;
  std::string_view rest{text.data(), head + 2};
  const std::string_view first = rest.substr(0, rest.find("\r\n"));
  rest.remove_prefix(first.size() + 2);
  seen.method = first.substr(0, first.find(' '));
  const std::string_view behind = first.substr(seen.method.size() + 1);
  seen.target = behind.substr(0, behind.find(' '));
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    const std::size_t colon = line.find(": ");
    seen.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
  }
  const std::string& told = seen.headers["content-length"];
  const std::size_t length = told.empty() ? 0 : std::stoul(told);
  if (text.size() < head + 4 + length) return std::nullopt;
  seen.body = text.substr(head + 4, length);
  text.erase(0, head + 4 + length);
  return seen;
}

}  // namespace

struct TestServer::State {
  State(TestServer& server, manifests::Bench& bench, Handler answer)
      : owner{server},
        handler{std::move(answer)},
        acceptor{bench.context, Tcp::endpoint{asio::ip::address_v4::loopback(), 0}},
        pushed{bench.context, asio::steady_timer::time_point::max()},
        tasks{bench.context.get_executor()},
        loop{bench} {}

  io::Task<> accept();
  io::Task<> serve(std::unique_ptr<Tcp::socket> socket, unsigned number);
  template <class Stream>
  io::Task<> converse(Stream& stream, Tcp::socket& socket, unsigned number);
  template <class Stream>
  io::Task<bool> send(Stream& stream, const Answer& answer);
  template <class Stream>
  io::Task<> hang(Stream& stream);

  TestServer& owner;
  Handler handler;
  std::optional<TestIdentity> identity;
  Speaks speaks = Speaks::Tls;
  std::string client_authority;
  Tcp::acceptor acceptor;
  std::map<unsigned, Tcp::socket*> sockets;
  asio::steady_timer pushed;
  std::string more;
  unsigned hanging = 0;
  bool is_dropped = false;
  io::TaskGroup tasks;
  manifests::Bench& loop;
};

io::Task<> TestServer::State::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(io::kAwait);
    if (error) co_return;
    const unsigned number = ++owner.connections_;
    auto owned = std::make_unique<Tcp::socket>(std::move(socket));
    owned->set_option(Tcp::no_delay{true});
    sockets[number] = owned.get();
    tasks.spawn(serve(std::move(owned), number));
  }
}

io::Task<> TestServer::State::serve(std::unique_ptr<Tcp::socket> socket, unsigned number) {
  if (identity && speaks == Speaks::Tls) {
    ssl::context context{ssl::context::tls_server};
    context.use_certificate_chain(asio::buffer(identity->certificate));
    context.use_private_key(asio::buffer(identity->key), ssl::context::pem);
    if (!client_authority.empty()) {
      context.add_certificate_authority(asio::buffer(client_authority));
      context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    }
    ssl::stream<Tcp::socket&> stream{*socket, context};
    const auto [error] = co_await stream.async_handshake(ssl::stream_base::server, io::kAwait);
    if (!error) co_await converse(stream, *socket, number);
  } else {
    co_await converse(*socket, *socket, number);
  }
  sockets.erase(number);
}

// In the pieces it asks for. False: the client has gone.
template <class Stream>
io::Task<bool> TestServer::State::send(Stream& stream, const Answer& answer) {
  const std::size_t cut = answer.cut == 0 ? answer.bytes.size() : answer.cut;
  for (std::size_t at = 0; at < answer.bytes.size(); at += cut) {
    const auto piece =
        asio::buffer(answer.bytes.data() + at, std::min(cut, answer.bytes.size() - at));
    const auto [error, size] = co_await asio::async_write(stream, piece, io::kAwait);
    if (error) co_return false;
  }
  co_return true;
}

template <class Stream>
io::Task<> TestServer::State::converse(Stream& stream, Tcp::socket& socket, unsigned number) {
  std::string pending;
  std::array<char, 4096> buffer{};
  for (;;) {
    auto seen = request_in(pending);
    if (!seen) {
      const auto [error, size] = co_await stream.async_read_some(asio::buffer(buffer), io::kAwait);
      if (error) co_return;
      pending.append(buffer.data(), size);
      continue;
    }
    seen->connection = number;
    owner.seen_.push_back(*seen);
    const Answer answer = handler(*seen);
    const bool is_sent = co_await send(stream, answer);
    if (!is_sent || answer.then == Then::Close) co_return;
    if (answer.then == Then::Hang) co_await hang(stream);
    if (!socket.is_open()) co_return;
    if constexpr (std::is_same_v<Stream, Tcp::socket>) {
      if (seen->method != "CONNECT" || !identity) continue;
      ssl::context context{ssl::context::tls_server};
      context.use_certificate_chain(asio::buffer(identity->certificate));
      context.use_private_key(asio::buffer(identity->key), ssl::context::pem);
      ssl::stream<Tcp::socket&> secure{socket, context};
      const auto [error] = co_await secure.async_handshake(ssl::stream_base::server, io::kAwait);
      if (!error) co_await converse(secure, socket, number);
      co_return;
    }
  }
}

template <class Stream>
io::Task<> TestServer::State::hang(Stream& stream) {
  ++hanging;
  is_dropped = false;
  while (!is_dropped) {
    if (!more.empty()) {
      const std::string bytes = std::exchange(more, {});
      const auto [error, size] =
          co_await asio::async_write(stream, asio::buffer(bytes), io::kAwait);
      if (error) break;
      continue;
    }
    [[maybe_unused]] const auto woken = co_await pushed.async_wait(io::kAwait);
  }
  --hanging;
  stream.lowest_layer().close();
}

TestServer::TestServer(manifests::Bench& bench, Handler handler)
    : state_{std::make_unique<State>(*this, bench, std::move(handler))} {
  state_->tasks.spawn(state_->accept());
}

TestServer::TestServer(manifests::Bench& bench, Handler handler, TestIdentity identity,
                       Speaks speaks)
    : TestServer{bench, std::move(handler)} {
  state_->identity = std::move(identity);
  state_->speaks = speaks;
}

TestServer::~TestServer() {
  finish(state_->loop, state_->tasks.stop());
}

std::uint16_t TestServer::port() const {
  return state_->acceptor.local_endpoint().port();
}

void TestServer::push(const std::string& bytes) {
  state_->more += bytes;
  state_->pushed.cancel();
}

void TestServer::drop() {
  state_->is_dropped = true;
  state_->pushed.cancel();
}

void TestServer::close_all() {
  for (const auto& [number, socket] : state_->sockets)
    socket->close();
}

void TestServer::become(TestIdentity identity) {
  state_->identity = std::move(identity);
}

void TestServer::demand_certificate(const std::string& authority) {
  state_->client_authority = authority;
}

bool TestServer::is_hanging() const {
  return state_->hanging > 0;
}

TestIdentity make_authority(const std::string& name) {
  return make(name, {}, nullptr, Validity::Now);
}

TestIdentity issue(const TestIdentity& authority, const std::string& names, Validity validity) {
  return make("test-server", names, &authority, validity);
}

std::string http_answer(unsigned status, const std::string& body, const std::string& more_headers) {
  return fmt::format(
      "HTTP/1.1 {} Whatever\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}",
      status, body.size(), more_headers, body);
}

std::string chunked_head() {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
}

std::string chunk(const std::string& body) {
  return fmt::format("{:x}\r\n{}\r\n", body.size(), body);
}

Access access_to(const std::string& url) {
  Access access;
  access.cluster.server = url;
  access.origin = "the test";
  return access;
}

Client::Options quick_options(int limit) {
  Client::Options options;
  const std::chrono::milliseconds time{limit};
  options.limits = {.resolve = time, .connect = time, .proxy = time, .handshake = time};
  options.silence = time;
  return options;
}

std::unique_ptr<Client> open_client(manifests::Bench& bench, io::Worker& worker, Access access,
                                    Client::Options options) {
  auto client =
      Client::open(bench.context.get_executor(), worker, std::move(access), std::move(options));
  PORTER_ASSERT(client.has_value());
  return *std::move(client);
}

namespace {
io::Task<> send_into(Client& client, Request request, std::optional<Result<Response>>& answer) {
  answer = co_await client.send(std::move(request));
}
}  // namespace

Result<Response> ask(manifests::Bench& bench, Client& client, Request request) {
  std::optional<Result<Response>> answer;
  bench.tasks.spawn(send_into(client, std::move(request), answer));
  if (!bench.run_until([&] { return answer.has_value(); })) {
    finish(bench, bench.tasks.stop());
    return fail(Errc::Unavailable, "the test waited too long");
  }
  return *std::move(answer);
}

void finish(manifests::Bench& bench, io::Task<> task) {
  bool is_over = false;
  asio::co_spawn(bench.context, std::move(task), [&](const std::exception_ptr& failure) {
    PORTER_ASSERT(!failure);
    is_over = true;
  });
  PORTER_ASSERT(bench.run_until([&] { return is_over; }));
}

Request get(const std::string& path) {
  Request request;
  request.path = path;
  return request;
}

}  // namespace porter::kube
