// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/object.hpp"

namespace porter::watch {

// Which objects of a kind there are, and in which version they were last handed on: what it takes
// to tell news from repetition, and after a relist what is gone.
class KnownObjects {
 public:
  enum class News : std::uint8_t { Changed, Unchanged, Full };

  explicit KnownObjects(std::size_t most) : most_{most} {}

  // The object is there in this version. Full: it is new, and one too many; it is not kept.
  [[nodiscard]] News see(const model::NamespacedName& name, std::string_view version);
  // The object is gone. False: it was not known.
  [[nodiscard]] bool erase(const model::NamespacedName& name) { return objects_.erase(name) > 0; }

  // All objects are about to be seen; which are not seen until end_round() are gone.
  void begin_round() { ++round_; }
  [[nodiscard]] std::vector<model::NamespacedName> end_round();

  // Versions mean nothing any more: the next sight of each object is news.
  void forget_versions();

  [[nodiscard]] std::size_t size() const { return objects_.size(); }

 private:
  struct Known {
    std::string version;
    std::uint64_t round = 0;  // in which it was last seen
  };

  std::size_t most_;
  std::uint64_t round_ = 0;
  std::map<model::NamespacedName, Known> objects_;
};

}  // namespace porter::watch
