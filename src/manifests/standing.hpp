// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace porter::manifests {

// A trouble that lasts and is tried again and again: said when it comes, when its words change, and
// when it is over, not each time.
class Standing {
 public:
  enum class News : unsigned char { None, Trouble, Over };

  // What there is to say now.
  [[nodiscard]] News is(std::optional<std::string> trouble) {
    if (trouble == trouble_) return News::None;
    trouble_ = std::move(trouble);
    return trouble_ ? News::Trouble : News::Over;
  }
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }

 private:
  std::optional<std::string> trouble_;
};

}  // namespace porter::manifests
