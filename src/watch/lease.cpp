// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include <fmt/format.h>

#include "model/time_text.hpp"
#include "watch/election.hpp"

// The Lease object (coordination.k8s.io/v1) from and to a Tree.
namespace porter::watch {
namespace {

constexpr std::int64_t kMicros = 1'000'000;

std::int64_t number(const Tree& tree) {
  std::int64_t value = 0;
  const std::string& text = tree.text();
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  return error == std::errc{} && end == last ? value : 0;
}

// metav1.MicroTime.
std::string micro_time(std::int64_t unix_micros) {
  const std::int64_t micros = (unix_micros % kMicros + kMicros) % kMicros;
  std::string text = model::format_time((unix_micros - micros) / kMicros);
  text.pop_back();  // Z
  return fmt::format("{}.{:06}Z", text, micros);
}

}  // namespace

Result<LeaseState> read_lease(const Tree& object) {
  const std::string& kind = object["kind"].text();
  if (kind != "Lease")
    return fail(Errc::Invalid, fmt::format("a {} where a Lease should be", shown(kind)));
  const Tree& spec = object["spec"];
  LeaseState lease;
  lease.holder = spec["holderIdentity"].text();
  lease.duration_seconds = number(spec["leaseDurationSeconds"]);
  lease.transitions = number(spec["leaseTransitions"]);
  lease.acquire_time = spec["acquireTime"].text();
  lease.renew_time = spec["renewTime"].text();
  lease.resource_version = object["metadata"]["resourceVersion"].text();
  if (lease.resource_version.empty()) return fail(Errc::Invalid, "a Lease without resourceVersion");
  return lease;
}

namespace election {

Tree to_tree(const Record& record, std::string_view ns, std::string_view name,
             std::int64_t unix_micros) {
  const std::string now = micro_time(unix_micros);
  Tree metadata = Tree::map();
  metadata.set("name", name).set("namespace", ns);
  if (!record.resource_version.empty()) metadata.set("resourceVersion", record.resource_version);
  Tree spec = Tree::map();
  spec.set("holderIdentity", record.holder);
  spec.set("leaseDurationSeconds", record.duration_seconds);
  spec.set("acquireTime", record.acquire_time.empty() ? now : record.acquire_time);
  spec.set("renewTime", now);
  spec.set("leaseTransitions", record.transitions);
  Tree lease = Tree::map();
  lease.set("apiVersion", "coordination.k8s.io/v1").set("kind", "Lease");
  lease.set("metadata", std::move(metadata)).set("spec", std::move(spec));
  return lease;
}

Result<void> check(const Config& config) {
  using std::chrono::milliseconds;
  if (config.identity.empty()) return fail(Errc::Invalid, "the identity of a candidate is empty");
  if (config.lease < milliseconds{1000} || config.lease % milliseconds{1000} != milliseconds{0})
    return fail(Errc::Invalid, fmt::format("the lease is {} ms; it must be whole seconds, one at "
                                           "least",
                                           config.lease.count()));
  if (config.renew >= config.lease)
    return fail(Errc::Invalid, fmt::format("renew is {} ms; it must be less than the lease, {} ms",
                                           config.renew.count(), config.lease.count()));
  if (config.retry >= config.renew || config.retry < milliseconds{10})
    return fail(Errc::Invalid,
                fmt::format("retry is {} ms; it must be 10 ms at least and less than renew, {} ms",
                            config.retry.count(), config.renew.count()));
  return {};
}

}  // namespace election
}  // namespace porter::watch
