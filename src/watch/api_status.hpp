// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "base/tree.hpp"

namespace porter::watch {

// How the API server answered: the HTTP status and what the body, a metav1.Status, adds to it.
struct ApiStatus {
  int code = 0;         // 200
  std::string reason;   // "Forbidden", "Expired"; empty where the body says none
  std::string message;  // for people; never empty in what read_status() gives for a failure
  std::optional<Duration> retry_after;
  friend bool operator==(const ApiStatus&, const ApiStatus&) = default;

  [[nodiscard]] bool is_ok() const { return code >= 200 && code < 300; }
  // 410 Gone, or its Status inside a stream: the resourceVersion or continue token is too old.
  [[nodiscard]] bool is_expired() const;
};

// From a response that is not 2xx. `retry_after`: the header as it stands (seconds; a date is not
// taken), empty where there is none. `body` may be anything.
[[nodiscard]] ApiStatus read_status(int code, std::string_view retry_after, std::string_view body);

// From a Status object: the body of a failure, or the object of an ERROR event.
[[nodiscard]] ApiStatus status_from(const Tree& object);

}  // namespace porter::watch
