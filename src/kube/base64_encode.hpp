// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace porter::kube {

[[nodiscard]] std::string encode_base64(std::string_view text);  // RFC 4648 §4, padded, one line

}  // namespace porter::kube
