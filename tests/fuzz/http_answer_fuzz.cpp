// SPDX-License-Identifier: Apache-2.0
// What an answer says does not depend on how it was cut: the first octet is the size of the pieces.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "kube/http_answer.hpp"

namespace {

using porter::kube::HttpAnswer;

struct Read {
  std::string body;
  unsigned status = 0;
  bool is_good = true;
  bool is_done = false;
};

Read read(std::string_view bytes, std::size_t cut) {
  HttpAnswer answer{HttpAnswer::Body::AsTold};
  Read read;
  while (!bytes.empty() && read.is_good && !answer.is_done()) {
    const std::string_view piece = bytes.substr(0, cut);
    bytes.remove_prefix(piece.size());
    read.is_good = answer.take(piece).has_value();
    if (answer.has_head()) read.body += answer.take_body();
  }
  if (read.is_good) read.is_good = answer.end().has_value();
  read.is_done = answer.is_done();
  read.status = read.is_good ? answer.status() : 0;
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data + 1), size - 1};
  const Read whole = read(bytes, bytes.size());
  const Read pieces = read(bytes, std::size_t{data[0]} + 1);
  PORTER_ASSERT(whole.is_good == pieces.is_good);
  if (whole.is_good) PORTER_ASSERT(whole.body == pieces.body && whole.status == pieces.status);
  return 0;
}
