// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace porter::cli {

// Red is for what a person must act on, and only on a terminal (NO_COLOR honoured).
enum class Colour : std::uint8_t { Never, Always };
[[nodiscard]] Colour colour_of_stdout();

struct Cell {
  std::string text;
  bool alarming = false;
};

// Rows under one header line, columns aligned, two blanks between; trailing blanks are cut. Cells
// that are empty show as "-".
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_{std::move(header)} {}

  void add(std::vector<Cell> row);
  [[nodiscard]] std::string print(Colour colour) const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
};

[[nodiscard]] std::string red(std::string_view text, Colour colour);
// "12s", "5m", "3h12m", "3d4h": as kubectl writes ages.
[[nodiscard]] std::string age(long long seconds);

}  // namespace porter::cli
