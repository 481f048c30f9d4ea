// SPDX-License-Identifier: Apache-2.0
#include "kube/http_answer.hpp"

#include <optional>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>

namespace porter::kube {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using Text = boost::beast::string_view;

constexpr std::size_t kLongestRetryAfter = 64;

class Parser final : public http::basic_parser<false> {
 public:
  explicit Parser(HttpAnswer::Body expected) {
    eager(true);
    body_limit(boost::none);  // a watch has no end; who reads limits what it holds
    header_limit(static_cast<std::uint32_t>(HttpAnswer::kLongestHead));
    skip(expected == HttpAnswer::Body::None);
  }

  unsigned status = 0;
  std::string retry_after;
  std::string body;

 private:
  void on_request_impl(http::verb, Text, Text, int, error_code&) override {}
  void on_response_impl(int code, Text, int, error_code&) override {
    status = static_cast<unsigned>(code);
  }
  void on_field_impl(http::field name, Text, Text value, error_code&) override {
    if (name == http::field::retry_after && value.size() <= kLongestRetryAfter)
      retry_after.assign(value.data(), value.size());
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(Text text, error_code&) override {
    body.append(text.data(), text.size());
    return text.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text text, error_code&) override {
    body.append(text.data(), text.size());
    return text.size();
  }
  void on_finish_impl(error_code&) override {}
};

Failure<> not_http(const error_code& error) {
  if (error == http::error::partial_message || error == http::error::end_of_stream)
    return fail(Errc::Unavailable, "the connection ended in the middle of the answer");
  if (error == http::error::header_limit)
    return fail(Errc::Unavailable, "an answer with a head of more than 64 KiB");
  return fail(Errc::Unavailable, "not an answer of HTTP/1.1: " + error.message());
}

}  // namespace

struct HttpAnswer::State {
  Body body;
  std::optional<Parser> parser;
  std::string pending;  // of a head, or of a chunk's first line, that is not whole yet
  bool has_begun = false;
};

HttpAnswer::HttpAnswer(Body body) : state_{std::make_unique<State>()} {
  state_->body = body;
  state_->parser.emplace(body);
}

HttpAnswer::~HttpAnswer() = default;

Result<void> HttpAnswer::take(std::string_view bytes) {
  std::string& pending = state_->pending;
  pending.append(bytes);
  if (!bytes.empty()) state_->has_begun = true;
  while (!pending.empty() && !is_done()) {
    Parser& parser = *state_->parser;
    error_code error;
    const std::size_t used = parser.put(boost::asio::buffer(pending), error);
    pending.erase(0, used);
    if (error && error != http::error::need_more) return not_http(error);
    const bool is_interim = parser.is_done() && parser.status / 100 == 1 && parser.status != 101;
    if (is_interim) {  // RFC 9110 §15.2: the answer proper follows
      state_->parser.emplace(state_->body);
      continue;
    }
    if (used == 0) break;
  }
  return {};
}

Result<void> HttpAnswer::end() {
  if (is_done()) return {};
  if (!state_->has_begun) return not_http(http::error::end_of_stream);
  error_code error;
  state_->parser->put_eof(error);
  if (error) return not_http(error);
  return {};
}

std::string HttpAnswer::take_body() {
  return std::exchange(state_->parser->body, {});
}

bool HttpAnswer::has_begun() const {
  return state_->has_begun;
}

bool HttpAnswer::has_head() const {
  return state_->parser->is_header_done() &&
         (state_->parser->status / 100 != 1 || state_->parser->status == 101);
}

bool HttpAnswer::is_done() const {
  return state_->parser->is_done();
}

bool HttpAnswer::may_keep_alive() const {
  return is_done() && state_->pending.empty() && state_->parser->keep_alive();
}

unsigned HttpAnswer::status() const {
  return state_->parser->status;
}

const std::string& HttpAnswer::retry_after() const {
  return state_->parser->retry_after;
}

}  // namespace porter::kube
