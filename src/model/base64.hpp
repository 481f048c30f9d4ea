// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace porter::model {

// RFC 4648 section 4, padded; line breaks inside are passed over. None: malformed.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace porter::model
