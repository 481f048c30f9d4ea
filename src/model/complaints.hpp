// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "model/decode.hpp"

namespace porter::model {

// Collects what is wrong with one object. Bounded: an object that is nothing but mistakes is told
// the first of them and how many more there are.
class Complaints {
 public:
  static constexpr std::size_t kMost = 50;

  void error(std::string field, unsigned line, std::string message) {
    has_error_ = true;
    add(Problem{.severity = Problem::Severity::Error,
                .reason = "Invalid",
                .field = std::move(field),
                .message = std::move(message),
                .line = line});
  }
  void warn(std::string_view reason, std::string field, unsigned line, std::string message) {
    add(Problem{.severity = Problem::Severity::Warning,
                .reason = std::string{reason},
                .field = std::move(field),
                .message = std::move(message),
                .line = line});
  }

  [[nodiscard]] bool has_error() const { return has_error_; }
  [[nodiscard]] std::vector<Problem> take() {
    if (left_out_ > 0) {
      const auto severity = has_error_ ? Problem::Severity::Error : Problem::Severity::Warning;
      problems_.push_back(Problem{.severity = severity,
                                  .reason = "Invalid",
                                  .field = "",
                                  .message = "and " + std::to_string(left_out_) + " more"});
    }
    return std::move(problems_);
  }

 private:
  void add(Problem problem) {
    if (problems_.size() < kMost) {
      problems_.push_back(std::move(problem));
    } else {
      ++left_out_;
    }
  }

  std::vector<Problem> problems_;
  std::size_t left_out_ = 0;
  bool has_error_ = false;
};

}  // namespace porter::model
