// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "kube/link.hpp"

namespace porter::kube {

// PEM texts. Secret: never to be printed.
struct TlsMaterial {
  std::string authority;         // empty: the system's
  std::string certificate, key;  // of the client; empty: none
  bool insecure_skip_tls_verify = false;
  friend bool operator==(const TlsMaterial&, const TlsMaterial&) = default;
};

// A TLS client's settings: at least TLS 1.2, the server's certificate verified against `authority`
// and against its name or address. Connections keep it alive.
class TlsContext {
 public:
  [[nodiscard]] static Result<std::shared_ptr<TlsContext>> open(const TlsMaterial& material);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  // The handshake on a connected socket. `name`: host name or address that the certificate must be
  // for. The socket is given back closed when it fails; errors say why in words.
  static io::Task<Result<std::unique_ptr<Link>>> handshake(std::shared_ptr<TlsContext> self,
                                                           io::asio::ip::tcp::socket socket,
                                                           std::string name,
                                                           std::chrono::milliseconds limit);

 private:
  struct State;
  explicit TlsContext(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace porter::kube
