// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cluster/source.hpp"
#include "kube/webhook_server.hpp"
#include "kube/writer.hpp"
#include "local/metrics.hpp"

namespace porter::app {

// What /metrics shows of the API server. Null: there is none at the moment.
[[nodiscard]] local::Traffic traffic_of(const kube::Client& client, const kube::Writer* writer,
                                        const cluster::Source* source);
[[nodiscard]] local::WebhookTraffic webhook_traffic(const kube::WebhookCounters& counted);

}  // namespace porter::app
