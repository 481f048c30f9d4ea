// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <string>

#include "local/report.hpp"

// /metrics in Prometheus' text format. The cores keep plain counters; this is the one place that
// names them, once per scrape. docs/metrics.md lists every one with type, labels and unit.
namespace porter::local {

// A histogram of seconds with fixed bounds.
class Histogram {
 public:
  static constexpr std::array kBounds{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
                                      0.05,   0.1,   0.2,   0.5,   1.0,  5.0};
  void observe(Duration value);

  std::array<std::uint64_t, kBounds.size() + 1> counts{};  // the last: above all bounds
  double sum = 0;
};

// What the process counts beside the cores.
struct Counters {
  Histogram change_to_wire;
  Histogram loop_lag;
  std::map<std::string, std::uint64_t> assign_failures;  // by reason
  std::uint64_t facts = 0;
  std::uint64_t http_refused = 0;
  std::uint64_t log_lines_dropped = 0;
};

enum class PerService : std::uint8_t { No, Yes };
[[nodiscard]] std::string metrics_text(const Sources& sources, const Counters& counters,
                                       PerService per_service, std::int64_t unix_started);

}  // namespace porter::local
