// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "model/complaints.hpp"
#include "model/value.hpp"

namespace porter::model {

// A map of Kubernetes' own, read field by field. A null field is absent; a field of another type is
// an Error, and reads as absent.
class Reader {
 public:
  // `tree` may be null: then every field is absent.
  Reader(const Tree& tree, std::string path, Complaints& complaints);

  [[nodiscard]] std::optional<std::string> text(std::string_view name) const;
  [[nodiscard]] std::optional<bool> boolean(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name,
                                                    const Bounds& bounds) const;
  // The index of one of `words`.
  [[nodiscard]] std::optional<std::size_t> choice(std::string_view name, Words words) const;
  [[nodiscard]] Reader group(std::string_view name) const;
  [[nodiscard]] std::vector<Reader> groups(std::string_view name) const;  // a list of maps
  [[nodiscard]] std::vector<Place> items(std::string_view name) const;    // a list of anything
  [[nodiscard]] StringMap string_map(std::string_view name) const;

  void refuse(std::string_view name, std::string message) const;
  [[nodiscard]] const Tree& operator[](std::string_view name) const { return tree_[name]; }
  [[nodiscard]] std::string path_of(std::string_view name) const;
  [[nodiscard]] Complaints& complaints() const { return complaints_; }

 private:
  const Tree& tree_;
  std::string path_;
  Complaints& complaints_;
};

}  // namespace porter::model
