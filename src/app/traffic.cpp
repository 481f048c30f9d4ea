// SPDX-License-Identifier: Apache-2.0
#include "app/traffic.hpp"

namespace porter::app {

local::Traffic traffic_of(const kube::Client& client, const kube::Writer* writer,
                          const cluster::Source* source) {
  local::Traffic traffic;
  const kube::ClientCounters& asked = client.counters();
  for (const auto& [what, durations] : asked.durations)
    traffic.requests[{what.verb, what.kind}] = durations;
  traffic.connections = asked.connections;
  traffic.failures = asked.failures;
  traffic.throttled_by_server = asked.throttled;
  if (writer != nullptr) {
    const kube::WriterCounters& written = writer->counters();
    traffic.writes = written.written_by;
    traffic.refused = written.refused;
    traffic.conflicts = written.conflicts;
    traffic.throttled_by_us = written.throttled;
    traffic.waiting = writer->waiting();
  }
  if (source == nullptr) return traffic;
  for (const cluster::Source::Followed& followed : source->followed()) {
    traffic.watches.push_back({.kind = followed.kind,
                               .watches = followed.counters.watches,
                               .lists = followed.counters.lists,
                               .relists = followed.counters.relists,
                               .failures = followed.counters.failures});
  }
  return traffic;
}

local::WebhookTraffic webhook_traffic(const kube::WebhookCounters& counted) {
  return {.connections = counted.connections,
          .refused = counted.refused,
          .handshakes_failed = counted.handshakes_failed,
          .requests = counted.requests,
          .bad_requests = counted.bad_requests};
}

}  // namespace porter::app
