// SPDX-License-Identifier: Apache-2.0
#include "local/metrics.hpp"

#include <chrono>
#include <fstream>
#include <limits>
#include <sys/resource.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace porter::local {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

class Families {
 public:
  Families& family(const char* name, const char* help, MetricType type) {
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    all_.push_back(std::move(family));
    return *this;
  }
  Families& gauge(const char* name, const char* help) {
    return family(name, help, MetricType::Gauge);
  }
  Families& counter(const char* name, const char* help) {
    return family(name, help, MetricType::Counter);
  }

  Families& add(double value, const Labels& labels) {
    ClientMetric metric = labelled(labels);
    (all_.back().type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    all_.back().metric.push_back(std::move(metric));
    return *this;
  }
  template <class Number>
  Families& add(Number value, const Labels& labels) {
    return add(static_cast<double>(value), labels);
  }
  template <class Number>
  Families& add(Number value) {
    return add(static_cast<double>(value), Labels{});
  }

  void histogram(const char* name, const char* help, const Histogram& histogram) {
    family(name, help, MetricType::Histogram);
    add(histogram, {});
  }
  void add(const Histogram& histogram, const Labels& labels) {
    ClientMetric metric = labelled(labels);
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
      so_far += histogram.counts[i];
      const bool last = i == Histogram::kBounds.size();
      ClientMetric::Bucket bucket;
      bucket.cumulative_count = so_far;
      bucket.upper_bound = last ? std::numeric_limits<double>::infinity() : Histogram::kBounds[i];
      metric.histogram.bucket.push_back(bucket);
    }
    metric.histogram.sample_count = so_far;
    metric.histogram.sample_sum = histogram.sum;
    all_.back().metric.push_back(std::move(metric));
  }

  [[nodiscard]] std::string text() const { return prometheus::TextSerializer{}.Serialize(all_); }

 private:
  static ClientMetric labelled(const Labels& labels) {
    ClientMetric metric;
    for (const auto& [name, value] : labels) {
      ClientMetric::Label label;
      label.name = name;
      label.value = value;
      metric.label.push_back(std::move(label));
    }
    return metric;
  }

  std::vector<MetricFamily> all_;
};

double resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

void add_process(Families& out, const std::string& version, std::int64_t unix_started) {
  out.gauge("porter_build_info", "Always 1; the labels say what runs.")
      .add(1.0, {{"version", version}});
  out.gauge("porter_start_time_seconds", "Unix time the process started.").add(unix_started);
  out.gauge("porter_resident_memory_bytes", "Resident memory.").add(resident_bytes());
  out.counter("porter_cpu_seconds_total", "Processor time used.").add(cpu_seconds());
}

void add_loop(Families& out, const Counters& counters) {
  out.histogram("porter_event_loop_lag_seconds", "How late the loop ran a timer.",
                counters.loop_lag);
  out.histogram("porter_change_to_wire_seconds",
                "From an event received to its last UPDATE handed to the kernel.",
                counters.change_to_wire);
  out.counter("porter_facts_total", "Facts taken in.").add(counters.facts);
  out.counter("porter_http_refused_total", "Connections to the local API over its limit.")
      .add(counters.http_refused);
  out.counter("porter_log_lines_dropped_total", "Log lines lost to a blocked stderr.")
      .add(counters.log_lines_dropped);
}

double usable(const ipam::Allocator& allocator, const std::string& eip) {
  const ipam::Pool* pool = allocator.pool(eip);
  return pool == nullptr ? 0 : static_cast<double>(pool->usable().clamped());
}

void add_pools(Families& out, const plan::Engine& engine) {
  const auto& allocator = engine.assigner().allocator();
  const auto& eips = engine.view().eips;
  const auto labels = [](const auto& entry) {
    const bool v4 = entry.second.addresses.front().family() == Family::V4;
    return Labels{{"eip", entry.first}, {"family", v4 ? "ipv4" : "ipv6"}};
  };
  out.gauge("porter_pool_addresses", "Addresses of a pool that can be given.");
  for (const auto& entry : eips)
    out.add(usable(allocator, entry.first), labels(entry));
  out.gauge("porter_pool_addresses_used", "Addresses of a pool in use.");
  for (const auto& entry : eips)
    out.add(allocator.used(entry.first), labels(entry));
}

void add_failures(Families& out, const std::map<std::string, std::uint64_t>& by_reason) {
  out.counter("porter_assign_failures_total", "Refused assignments, by reason.");
  for (const auto& [reason, count] : by_reason)
    out.add(count, {{"reason", reason}});
}

void add_services(Families& out, const plan::Engine& engine, PerService per_service) {
  std::map<std::string, std::uint64_t> states;
  for (const auto& [name, service] : engine.view().services) {
    const plan::Assignment* assignment = engine.assigner().of(name);
    if (assignment != nullptr && assignment->ours) {
      ++states[assignment->addresses.empty() ? "waiting" : "assigned"];
    }
  }
  out.gauge("porter_services", "Services that are ours, by state.");
  for (const char* state : {"assigned", "waiting"})
    out.add(states[state], {{"state", state}});
  if (per_service == PerService::No) return;
  out.gauge("porter_service_announced", "1 while the address has a route.");
  for (const auto& [name, service] : engine.view().services) {
    const plan::Assignment* assignment = engine.assigner().of(name);
    if (assignment == nullptr) continue;
    for (const auto& item : assignment->addresses) {
      const bool announced = engine.announcer().routes().contains(Prefix::host(item.address));
      out.add(
          announced ? 1 : 0,
          {{"namespace", name.ns}, {"service", name.name}, {"address", to_string(item.address)}});
    }
  }
}

void add_messages(Families& out, const std::vector<speaker::PeerSnapshot>& peers) {
  out.counter("porter_bgp_messages_total", "BGP messages.");
  for (const auto& peer : peers) {
    for (const auto& [direction, counts] :
         {std::pair{"sent", peer.status.sent}, std::pair{"received", peer.status.received}}) {
      for (const auto& [type, count] : {std::pair{"open", counts.open},
                                        {"update", counts.update},
                                        {"notification", counts.notification},
                                        {"keepalive", counts.keepalive},
                                        {"refresh", counts.refresh}}) {
        out.add(count, {{"peer", peer.session}, {"type", type}, {"direction", direction}});
      }
    }
  }
}

void add_peers(Families& out, const Sources& sources) {
  const auto peers = sources.speaker.peers();
  out.gauge("porter_bgp_session_state", "1 for the state a session is in.");
  for (const auto& peer : peers) {
    for (const bgp::State state :
         {bgp::State::Idle, bgp::State::Connect, bgp::State::Active, bgp::State::OpenSent,
          bgp::State::OpenConfirm, bgp::State::Established}) {
      out.add(peer.status.state == state ? 1 : 0,
              {{"peer", peer.session}, {"state", std::string{to_string(state)}}});
    }
  }
  out.counter("porter_bgp_session_flaps_total", "Times Established was left.");
  for (const auto& peer : peers)
    out.add(peer.status.flaps, {{"peer", peer.session}});
  add_messages(out, peers);
  out.gauge("porter_bgp_prefixes", "NLRI in force, with path identifiers.");
  for (const auto& peer : peers) {
    for (const auto& [family, direction, count] : {std::tuple{"ipv4", "sent", peer.sent_v4.paths},
                                                   {"ipv6", "sent", peer.sent_v6.paths},
                                                   {"ipv4", "received", peer.received_v4},
                                                   {"ipv6", "received", peer.received_v6}}) {
      out.add(count, {{"peer", peer.session}, {"family", family}, {"direction", direction}});
    }
  }
  out.gauge("porter_bgp_budget_refused", "Prefixes that prefixBudget keeps back.");
  for (const auto& peer : peers) {
    out.add(peer.sent_v4.refused, {{"peer", peer.session}, {"family", "ipv4"}});
    out.add(peer.sent_v6.refused, {{"peer", peer.session}, {"family", "ipv6"}});
  }
  out.counter("porter_bgp_malformed_total", "UPDATEs with errors, by the verdict of RFC 7606.");
  for (const auto& peer : peers) {
    out.add(peer.status.treated_as_withdraw,
            {{"peer", peer.session}, {"verdict", "treat-as-withdraw"}});
    out.add(peer.status.attributes_discarded,
            {{"peer", peer.session}, {"verdict", "attribute-discard"}});
  }
  out.counter("porter_bgp_received_over_limit_total", "Routes not kept: beyond maxPrefixes.");
  for (const auto& peer : peers)
    out.add(peer.ignored_v4 + peer.ignored_v6, {{"peer", peer.session}});
  out.gauge("porter_bgp_hold_time_seconds", "Negotiated hold time; 0: none.");
  for (const auto& peer : peers)
    out.add(peer.status.negotiated ? peer.status.negotiated->hold_time : 0,
            {{"peer", peer.session}});
  out.counter("porter_bgp_strangers_total", "Connections from nobody we know.")
      .add(sources.speaker.gate().strangers);
}

void add_problems(Families& out, const plan::Engine& engine) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  for (const auto& [key, problems] : engine.view().problems) {
    for (const model::Problem& problem : problems.list)
      ++counts[{std::string{to_string(key.kind)}, problem.reason}];
  }
  for (const auto& [key, problem] : engine.view().refused)
    ++counts[{std::string{to_string(key.kind)}, problem.reason}];
  out.gauge("porter_config_problems", "Objects with something wrong, by reason.");
  for (const auto& [key, count] : counts)
    out.add(count, {{"kind", key.first}, {"reason", key.second}});
}

Labels labels_of(const Traffic::VerbAndKind& what) {
  return {{"verb", what.first}, {"kind", what.second}};
}

void add_traffic(Families& out, const Traffic& traffic) {
  out.family("porter_api_request_seconds",
             "From a request to its answer; of a watch, to its first octet.",
             MetricType::Histogram);
  for (const auto& [what, histogram] : traffic.requests)
    out.add(histogram, labels_of(what));
  out.counter("porter_api_writes_total", "Writes that the API server took.");
  for (const auto& [what, count] : traffic.writes)
    out.add(count, labels_of(what));
  const auto by_kind = [&](std::uint64_t Traffic::Watch::* member) {
    for (const Traffic::Watch& watch : traffic.watches)
      out.add(watch.*member, {{"kind", watch.kind}});
  };
  out.counter("porter_api_watches_total", "Watches begun; each one after the first is a restart.");
  by_kind(&Traffic::Watch::watches);
  out.counter("porter_api_lists_total", "Requests for a list, pages included.");
  by_kind(&Traffic::Watch::lists);
  out.counter("porter_api_relists_total", "Times a kind was read anew after the first time.");
  by_kind(&Traffic::Watch::relists);
  out.counter("porter_api_watch_failures_total",
              "Lists and watches that did not end as they should.");
  by_kind(&Traffic::Watch::failures);
  out.counter("porter_api_throttled_total",
              "By the server: answers 429. By us: writes that waited.")
      .add(traffic.throttled_by_server, {{"by", "server"}})
      .add(traffic.throttled_by_us, {{"by", "us"}});
  out.counter("porter_api_failures_total", "Requests without an answer.").add(traffic.failures);
  out.counter("porter_api_connections_total", "Connections made.").add(traffic.connections);
  out.counter("porter_api_write_conflicts_total", "Writes that somebody else was faster than.")
      .add(traffic.conflicts);
  out.counter("porter_api_writes_refused_total", "Writes that the API server will never take.")
      .add(traffic.refused);
  out.gauge("porter_api_writes_waiting", "Writes that wait.").add(traffic.waiting);
}

void add_webhooks(Families& out, const WebhookTraffic& webhooks) {
  out.counter("porter_webhook_requests_total", "Questions of the API server, answered.")
      .add(webhooks.requests);
  out.counter("porter_webhook_bad_requests_total", "No HTTP, or over a limit of size.")
      .add(webhooks.bad_requests);
  out.counter("porter_webhook_connections_total", "Connections taken.").add(webhooks.connections);
  out.counter("porter_webhook_connections_refused_total",
              "Connections closed at once: too many, or no certificate yet.")
      .add(webhooks.refused);
  out.counter("porter_webhook_handshakes_failed_total", "TLS handshakes that did not end well.")
      .add(webhooks.handshakes_failed);
}

}  // namespace

std::string metrics_text(const Sources& sources, const Counters& counters, PerService per_service,
                         std::int64_t unix_started) {
  Families out;
  add_process(out, sources.version, unix_started);
  add_loop(out, counters);
  add_pools(out, sources.engine);
  add_services(out, sources.engine, per_service);
  add_failures(out, counters.assign_failures);
  add_peers(out, sources);
  add_problems(out, sources.engine);
  if (sources.traffic) add_traffic(out, sources.traffic());
  return out.text();
}

std::string metrics_text(const ControllerSources& sources) {
  Families out;
  add_process(out, sources.version, sources.unix_started);
  out.gauge("porter_leader", "1 while this controller leads.").add(sources.leads ? 1 : 0);
  add_failures(out, sources.assign_failures);
  if (sources.engine != nullptr) {
    add_pools(out, *sources.engine);
    add_services(out, *sources.engine, PerService::No);
    add_problems(out, *sources.engine);
  }
  add_traffic(out, sources.traffic);
  if (sources.webhooks) add_webhooks(out, *sources.webhooks);
  return out.text();
}

}  // namespace porter::local
