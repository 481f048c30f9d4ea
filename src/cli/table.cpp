// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

namespace porter::cli {
namespace {

// Columns on a screen: UTF-8 continuation octets take none.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

Colour colour_of_stdout() {
  const char* unwanted = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): one thread
  if (unwanted != nullptr && *unwanted != '\0') return Colour::Never;
  return ::isatty(STDOUT_FILENO) == 1 ? Colour::Always : Colour::Never;
}

std::string red(std::string_view text, Colour colour) {
  if (colour == Colour::Never) return std::string{text};
  return "\x1b[31m" + std::string{text} + "\x1b[0m";
}

void Table::add(std::vector<Cell> row) {
  row.resize(header_.size());
  for (Cell& cell : row) {
    if (cell.text.empty()) cell.text = "-";
  }
  rows_.push_back(std::move(row));
}

std::string Table::print(Colour colour) const {
  std::vector<std::size_t> widths;
  widths.reserve(header_.size());
  for (const std::string& name : header_)
    widths.push_back(width(name));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width(row[i].text));
  }
  std::string out;
  const auto line = [&](const auto& cells, const auto& text_of, const auto& shown_of) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      out += shown_of(cells[i]);
      if (i + 1 < cells.size()) out.append(widths[i] - width(text_of(cells[i])) + 2, ' ');
    }
    out += '\n';
  };
  const auto itself = [](std::string_view text) { return text; };
  line(header_, itself, itself);
  for (const auto& row : rows_) {
    line(
        row, [](const Cell& cell) -> const std::string& { return cell.text; },
        [&](const Cell& cell) { return cell.alarming ? red(cell.text, colour) : cell.text; });
  }
  return out;
}

std::string age(long long seconds) {
  const auto two = [](long long high, char high_unit, long long low, char low_unit) {
    std::string out = std::to_string(high) + high_unit;
    if (low > 0) out += std::to_string(low) + low_unit;
    return out;
  };
  seconds = std::max(seconds, 0LL);
  if (seconds < 120) return std::to_string(seconds) + 's';
  if (seconds < 600) return two(seconds / 60, 'm', seconds % 60, 's');
  if (seconds < 7200) return std::to_string(seconds / 60) + 'm';
  if (seconds < 172'800) return two(seconds / 3600, 'h', seconds % 3600 / 60, 'm');
  return two(seconds / 86400, 'd', seconds % 86400 / 3600, 'h');
}

}  // namespace porter::cli
