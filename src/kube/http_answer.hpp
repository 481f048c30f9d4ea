// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace porter::kube {

// One HTTP/1.1 response (RFC 9112), cut anywhere: Beast's parser without its I/O.
class HttpAnswer {
 public:
  static constexpr std::size_t kLongestHead = 64U << 10U;

  enum class Body : unsigned char { AsTold, None };  // None: the answer to a CONNECT

  explicit HttpAnswer(Body body);
  HttpAnswer(const HttpAnswer&) = delete;
  HttpAnswer& operator=(const HttpAnswer&) = delete;
  ~HttpAnswer();

  // Takes bytes as they came. Interim answers (1xx) are passed over.
  [[nodiscard]] Result<void> take(std::string_view bytes);
  // The connection ended.
  [[nodiscard]] Result<void> end();

  // What of the body came since the last time.
  [[nodiscard]] std::string take_body();

  [[nodiscard]] bool has_begun() const;  // something came
  [[nodiscard]] bool has_head() const;
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] bool may_keep_alive() const;  // done, nothing behind it, and the server keeps it
  [[nodiscard]] unsigned status() const;
  [[nodiscard]] const std::string& retry_after() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace porter::kube
