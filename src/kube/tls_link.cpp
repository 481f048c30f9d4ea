// SPDX-License-Identifier: Apache-2.0
#include "kube/tls_link.hpp"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <openssl/err.h>

#include "io/tcp.hpp"

namespace porter::kube {

namespace asio = io::asio;

std::string tls_words(const boost::system::error_code& error) {
  if (error.category() != asio::error::get_ssl_category()) {
    if (error == asio::ssl::error::stream_truncated) return "the connection was cut off";
    return error == asio::error::eof ? "the connection was closed" : io::words(error);
  }
  const char* const reason = ERR_reason_error_string(static_cast<unsigned long>(error.value()));
  return reason != nullptr ? std::string{reason} : error.message();
}

TlsLink::TlsLink(Tcp::socket socket, asio::ssl::context& context)
    : stream_{std::move(socket), context} {}

io::Task<Link::Read> TlsLink::read_some(std::span<char> buffer) {
  const auto into = asio::buffer(buffer.data(), buffer.size());
  const auto [error, octets] = co_await stream_.async_read_some(into, io::kAwait);
  Read read;
  read.octets = octets;
  read.is_end = error == asio::error::eof;
  if (error && !read.is_end) read.error = tls_words(error);
  co_return read;
}

io::Task<std::string> TlsLink::write(std::string_view text) {
  const auto from = asio::buffer(text.data(), text.size());
  const auto [error, octets] = co_await asio::async_write(stream_, from, io::kAwait);
  std::string words;
  if (error) words = tls_words(error);
  co_return words;
}

}  // namespace porter::kube
