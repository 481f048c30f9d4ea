// SPDX-License-Identifier: Apache-2.0
// A journal, damaged at will: what is believed of it is believed again, and survives being written
// anew.
#include <cstdint>
#include <string_view>

#include "manifests/journal.hpp"

using namespace porter;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto contents = manifests::decode_journal(text);
  if (!contents) return 0;
  PORTER_ASSERT(contents->committed <= size);
  const auto again = manifests::decode_journal(text.substr(0, contents->committed));
  PORTER_ASSERT(again && again->entries == contents->entries && again->torn_lines == 0);
  const std::string batch = manifests::encode_batch(contents->entries);
  const auto anew = manifests::decode_journal(manifests::journal_header() + batch);
  PORTER_ASSERT(anew && manifests::encode_batch(anew->entries) == batch);
  return 0;
}
