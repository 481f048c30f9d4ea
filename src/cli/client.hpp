// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/tree.hpp"

namespace porter::cli {

struct Answer {
  unsigned status = 0;
  std::string body;
};

// One GET over a Unix socket, blocking, within ten seconds. Unavailable: nobody answers there.
[[nodiscard]] Result<Answer> get(const std::string& socket, const std::string& target);

// The socket to ask: as given, else $STATE's usual places. Unavailable names where it looked.
[[nodiscard]] Result<std::string> find_socket(const std::string& given);

[[nodiscard]] Result<Tree> parse_json(const std::string& text);
[[nodiscard]] std::string percent_encoded(const std::string& text);

}  // namespace porter::cli
