// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "kube/link.hpp"

namespace porter::kube {

// "certificate verify failed", "the connection was closed".
[[nodiscard]] std::string tls_words(const boost::system::error_code& error);

// A Link over TLS, once the handshake is done: of a client or of a server.
class TlsLink : public Link {
 public:
  TlsLink(Tcp::socket socket, io::asio::ssl::context& context);

  io::Task<Read> read_some(std::span<char> buffer) override;
  io::Task<std::string> write(std::string_view text) override;
  [[nodiscard]] Tcp::socket& socket() override { return stream_.next_layer(); }
  [[nodiscard]] io::asio::ssl::stream<Tcp::socket>& stream() { return stream_; }

 private:
  io::asio::ssl::stream<Tcp::socket> stream_;
};

}  // namespace porter::kube
