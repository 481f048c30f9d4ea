// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/decode.hpp"

// Manifests read once, for `porter validate`: the same splitting, parsing and decoding as Folder,
// without following anything.
namespace porter::manifests {

struct LoadedObject {
  model::Object object;
  std::string file;  // as the caller would open it
  unsigned line = 0;
};
struct LoadedProblem {
  std::string file;
  std::optional<model::ObjectKey> key;  // none: the file, or a document that cannot be told
  model::Problem problem;
};
struct Loaded {
  std::vector<LoadedObject> objects;  // in path order; Meta::order counts them
  std::vector<LoadedProblem> problems;
  std::size_t files = 0;
  std::size_t documents = 0;
};

// Files as named, whatever their ending; of folders every manifest, subfolders included. Of an
// object that comes twice the first one is loaded, and the other is a problem (DuplicateObject).
[[nodiscard]] Loaded load_files(const std::vector<std::string>& paths);

}  // namespace porter::manifests
