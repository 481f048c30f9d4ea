// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/histogram.hpp"
#include "local/report.hpp"

// /metrics in Prometheus' text format. The cores keep plain counters; this is the one place that
// names them, once per scrape. docs/metrics.md lists every one with type, labels and unit.
namespace porter::local {

// What the process counts beside the cores.
struct Counters {
  Histogram change_to_wire;
  Histogram loop_lag;
  std::map<std::string, std::uint64_t> assign_failures;  // by reason
  std::uint64_t facts = 0;
  std::uint64_t http_refused = 0;
  std::uint64_t log_lines_dropped = 0;
};

struct WebhookTraffic {
  std::uint64_t connections = 0;
  std::uint64_t refused = 0;
  std::uint64_t handshakes_failed = 0;
  std::uint64_t requests = 0;
  std::uint64_t bad_requests = 0;
};

// What `porter controller` shows.
struct ControllerSources {
  const plan::Engine* engine = nullptr;  // null: it does not lead
  std::string version;
  std::int64_t unix_started = 0;
  bool leads = false;
  const std::map<std::string, std::uint64_t>& assign_failures;  // by reason, of all its terms
  Traffic traffic;
  std::optional<WebhookTraffic> webhooks;  // none: it serves none
};
[[nodiscard]] std::string metrics_text(const ControllerSources& sources);

enum class PerService : std::uint8_t { No, Yes };
[[nodiscard]] std::string metrics_text(const Sources& sources, const Counters& counters,
                                       PerService per_service, std::int64_t unix_started);

}  // namespace porter::local
