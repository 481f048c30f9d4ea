// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/schema.hpp"

// CustomResourceDefinitions from the tables of schema.hpp: what the API server checks, completes,
// explains and prints. It refuses nothing that decode() takes, and less than decode() refuses: what
// a schema cannot say is left to the webhook, which calls decode().
namespace porter::model {

struct CrdNames {
  std::string_view plural;
  std::string_view singular;
  std::vector<std::string_view> short_names;
};
[[nodiscard]] const CrdNames& crd_names(Kind kind);  // of a kind of ours

// "eips.network.kubesphere.io"
[[nodiscard]] std::string crd_name(Kind kind);
// The CRD of a kind of ours. Its conversion webhook has no caBundle: Porter adds that in the
// cluster, and an apply of the manifest does not take it away again.
[[nodiscard]] Tree crd(Kind kind);

struct Crd {
  std::string name;  // "eips.network.kubesphere.io"
  std::string file;  // "network.kubesphere.io_eips.yaml"
  std::string yaml;
};
[[nodiscard]] std::vector<Crd> crds();  // of all our kinds, in the order of the documents

// A rule that spans several fields of one map, in CEL. `path` is the map's row.
struct CelRule {
  Kind kind{};
  Versions versions{};
  std::string_view path;
  std::string_view rule;
  std::string_view message;  // the words of decode()
};
[[nodiscard]] std::span<const CelRule> cel_rules();

}  // namespace porter::model
