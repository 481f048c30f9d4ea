// SPDX-License-Identifier: Apache-2.0
#include "model/base64.hpp"

#include <cstdint>

namespace porter::model {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;  // characters, padding too
  unsigned padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r') continue;
    const std::size_t value = c == '=' ? 0 : kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    if (c == '=') {
      ++padding;
    } else if (padding > 0) {
      return std::nullopt;
    }
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    if (++count % 4 != 0) continue;
    for (const unsigned shift : {16U, 8U, 0U})
      out += static_cast<char>((bits >> shift) & 0xffU);
    bits = 0;
  }
  if (count % 4 != 0 || padding > 2) return std::nullopt;
  for (unsigned i = 0; i < padding; ++i) {
    if (out.back() != '\0') return std::nullopt;  // bits beyond the last octet
    out.pop_back();
  }
  return out;
}

}  // namespace porter::model
