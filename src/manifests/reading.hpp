// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "manifests/folder_index.hpp"
#include "manifests/yaml.hpp"

namespace porter::manifests {

inline constexpr std::size_t kLargestFile = 64U << 20U;
inline constexpr std::size_t kMostDocuments = 100'000;  // of a file

// *.yaml, *.yml, *.json; not hidden, and not what an editor left behind (x~, .x.swp, #x#).
[[nodiscard]] bool is_manifest_name(std::string_view name);

[[nodiscard]] std::uint64_t hash_of(std::string_view text);  // never 0; of this process

// One document -> objects, in steps. A List (v1 List, ServiceList, …) tells of each of its items.
class DocumentReader {
 public:
  DocumentReader(std::string_view text, unsigned first_line);  // borrowed
  [[nodiscard]] bool step();  // some 100 microseconds of work; true: done
  [[nodiscard]] Result<std::vector<ObjectRead>, YamlError> take();  // once, when step() said true

 private:
  DocumentParser parser_;
  std::optional<YamlError> error_;
  std::optional<Tree> tree_;
  std::size_t next_ = 0;  // item of the list
  std::vector<ObjectRead> objects_;
};

}  // namespace porter::manifests
