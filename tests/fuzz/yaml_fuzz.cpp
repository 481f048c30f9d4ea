// SPDX-License-Identifier: Apache-2.0
// A file of manifests: split, parsed in steps, decoded. What parses, reads back as it was written.
#include <cstdint>
#include <string_view>

#include "manifests/reading.hpp"
#include "manifests/yaml.hpp"

using namespace porter;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file{reinterpret_cast<const char*>(data), size};
  manifests::DocumentSplitter splitter{file};
  while (const auto document = splitter.next()) {
    manifests::DocumentReader reader{document->text, document->line};
    while (!reader.step()) {
    }
    const bool is_read = reader.take().has_value();
    const auto tree = manifests::parse_document(document->text, document->line);
    PORTER_ASSERT(is_read == tree.has_value());
    if (!tree || document->text.size() > 10'000) continue;
    // JSON has no infinity: such numbers are written as text.
    const auto again = manifests::parse_document(to_json(*tree));
    if (again) PORTER_ASSERT(to_json(*again) == to_json(*tree));
  }
  return 0;
}
