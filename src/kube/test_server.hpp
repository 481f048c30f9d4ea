// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "io/task_group.hpp"
#include "kube/client.hpp"
#include "manifests/test_bench.hpp"

// For tests: an API server on loopback that says what it is told to, over TCP or TLS, also behind a
// proxy; and certificates for it.
namespace porter::kube {

struct TestIdentity {
  std::string certificate, key;  // PEM
};
enum class Validity : std::uint8_t { Now, Past };
// Signed by itself; an authority for others.
[[nodiscard]] TestIdentity make_authority(const std::string& name);
// `names`: as OpenSSL writes them, "DNS:localhost,IP:127.0.0.1".
[[nodiscard]] TestIdentity issue(const TestIdentity& authority, const std::string& names,
                                 Validity validity = Validity::Now);

class TestServer {
 public:
  struct Seen {
    std::string method, target, body;
    std::map<std::string, std::string> headers;  // names in lower case
    unsigned connection = 0;                     // 1, 2, …
  };
  enum class Then : std::uint8_t { Keep, Close, Hang };
  struct Answer {
    std::string bytes;
    std::size_t cut = 0;  // written in pieces of that size; 0: at once
    Then then = Then::Keep;
  };
  using Handler = std::function<Answer(const Seen&)>;

  // With an identity it speaks TLS: at once, or behind a CONNECT, as if it were proxy and server.
  enum class Speaks : std::uint8_t { Tls, TlsAfterConnect };

  TestServer(manifests::Bench& bench, Handler handler);
  TestServer(manifests::Bench& bench, Handler handler, TestIdentity identity,
             Speaks speaks = Speaks::Tls);
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer();

  [[nodiscard]] std::uint16_t port() const;
  // More of the last answer that hangs; drop(): it is cut off.
  void push(const std::string& bytes);
  void drop();
  // All connections are closed, idle ones too.
  void close_all();
  void become(TestIdentity identity);  // for connections to come
  void demand_certificate(const std::string& authority);

  [[nodiscard]] const std::vector<Seen>& seen() const { return seen_; }
  [[nodiscard]] unsigned connections() const { return connections_; }
  [[nodiscard]] bool is_hanging() const;

  struct State;  // of the implementation

 private:
  std::unique_ptr<State> state_;
  std::vector<Seen> seen_;
  unsigned connections_ = 0;
};

[[nodiscard]] std::string http_answer(unsigned status, const std::string& body,
                                      const std::string& more_headers = {});
// The same with a chunked body, in chunks of that size.
[[nodiscard]] std::string chunked_head();
[[nodiscard]] std::string chunk(const std::string& body);

// An Access to it.
[[nodiscard]] Access access_to(const std::string& url);
// `limit` of everything, in ms: tests that wait for one give a small one.
[[nodiscard]] Client::Options quick_options(int limit = 5000);
[[nodiscard]] std::unique_ptr<Client> open_client(manifests::Bench& bench, io::Worker& worker,
                                                  Access access, Client::Options options);
// Sends it and waits for what comes.
[[nodiscard]] Result<Response> ask(manifests::Bench& bench, Client& client, Request request);
// Runs it to its end, while other things go on.
void finish(manifests::Bench& bench, io::Task<> task);
[[nodiscard]] Request get(const std::string& path);

// Runs until `story`, which somebody goes on writing, is `wanted`; else says what it was.
[[nodiscard]] inline testing::AssertionResult comes_to(manifests::Bench& bench,
                                                       const std::string& story,
                                                       const std::string& wanted) {
  if (bench.run_until([&] { return story == wanted; })) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "\"" << story << "\", not \"" << wanted << "\"";
}

}  // namespace porter::kube
