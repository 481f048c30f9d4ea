// SPDX-License-Identifier: Apache-2.0
#include "kube/base64_encode.hpp"

#include <vector>

#include <openssl/evp.h>

namespace porter::kube {

std::string encode_base64(std::string_view text) {
  const std::vector<unsigned char> in{text.begin(), text.end()};
  std::vector<unsigned char> out((in.size() + 2) / 3 * 4 + 1);
  const int size = EVP_EncodeBlock(out.data(), in.data(), static_cast<int>(in.size()));
  return {out.begin(), out.begin() + size};
}

}  // namespace porter::kube
