// SPDX-License-Identifier: Apache-2.0
#include "kube/link.hpp"

#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "io/tcp.hpp"

namespace porter::kube {
namespace {

namespace asio = io::asio;

class PlainLink final : public Link {
 public:
  explicit PlainLink(Tcp::socket socket) : socket_{std::move(socket)} {}

  io::Task<Read> read_some(std::span<char> buffer) override {
    const auto into = asio::buffer(buffer.data(), buffer.size());
    const auto [error, octets] = co_await socket_.async_read_some(into, io::kAwait);
    Read read;
    read.octets = octets;
    read.is_end = error == asio::error::eof;
    if (error && !read.is_end) read.error = io::words(error);
    co_return read;
  }

  io::Task<std::string> write(std::string_view text) override {
    const auto from = asio::buffer(text.data(), text.size());
    const auto [error, octets] = co_await asio::async_write(socket_, from, io::kAwait);
    std::string words;
    if (error) words = io::words(error);
    co_return words;
  }

  [[nodiscard]] Tcp::socket& socket() override { return socket_; }

 private:
  Tcp::socket socket_;
};

}  // namespace

struct TimeLimit::State {
  explicit State(Tcp::socket& limited) : socket{&limited}, timer{limited.get_executor()} {}
  Tcp::socket* socket;  // null once the limit is gone
  io::asio::steady_timer timer;
  unsigned round = 0;
  bool is_over = false;
};

TimeLimit::TimeLimit(Tcp::socket& socket) : state_{std::make_shared<State>(socket)} {}

TimeLimit::~TimeLimit() {
  state_->socket = nullptr;
  state_->timer.cancel();
}

void TimeLimit::within(std::chrono::milliseconds limit) {
  const unsigned round = ++state_->round;
  state_->timer.expires_after(limit);
  state_->timer.async_wait([state = state_, round](const boost::system::error_code& cancelled) {
    if (cancelled || state->socket == nullptr || state->round != round) return;
    state->is_over = true;
    boost::system::error_code ignored;  // whatever it says, it is closed
    state->socket->close(ignored);
  });
}

void TimeLimit::off() {
  ++state_->round;
  state_->timer.cancel();
}

bool TimeLimit::is_over() const {
  return state_->is_over;
}

bool Link::is_quiet() {
  char octet = 0;
  const int number = socket().native_handle();
  return ::recv(number, &octet, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

std::unique_ptr<Link> plain_link(Tcp::socket socket) {
  return std::make_unique<PlainLink>(std::move(socket));
}

}  // namespace porter::kube
