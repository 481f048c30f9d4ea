// SPDX-License-Identifier: Apache-2.0
#include "cluster/secrets.hpp"

#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "kube/resource.hpp"
#include "model/decode.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {

Secrets::Secrets(const io::asio::any_io_executor& executor, kube::Client& client, std::string ns,
                 std::function<void(plan::Fact)> on_fact)
    : client_{client},
      ns_{std::move(ns)},
      on_fact_{std::move(on_fact)},
      timer_{executor, TimePoint::max()} {}

void Secrets::want(std::set<std::string> names) {
  if (names == wanted_) return;
  for (const std::string& name : wanted_) {
    if (names.contains(name)) continue;
    settled_.erase(name);
    on_fact_(plan::ObjectSeen{
        .key = {.kind = model::Kind::Secret, .name = {.ns = ns_, .name = name}}, .object = {}});
  }
  wanted_ = std::move(names);
  timer_.expires_at(TimePoint::min());
}

io::Task<> Secrets::follow() {
  for (;;) {
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(io::kAwait);
    timer_.expires_at(wanted_.empty() ? TimePoint::max() : Clock::now() + kEvery);
    const std::set<std::string> names = wanted_;
    for (const std::string& name : names)
      co_await ask(name);
  }
}

io::Task<> Secrets::ask(std::string name) {
  const model::ObjectKey key{.kind = model::Kind::Secret, .name = {.ns = ns_, .name = name}};
  kube::Request request;
  request.path = kube::object_path(kube::resource_of(model::Kind::Secret), key.name, {});
  const Result<kube::Response> response = co_await client_.send(std::move(request));
  std::string trouble;
  if (!response) {
    trouble = response.error().message;
  } else if (response->status == 404) {
    settled_.insert(name);
    on_fact_(plan::ObjectSeen{.key = key, .object = {}});
  } else if (!response->is_ok()) {
    trouble = fmt::format("cannot get secrets {}: {}", to_string(key.name),
                          kube::api_status(*response).message);
  } else if (const Result<Tree> tree = watch::parse_json(response->body)) {
    settled_.insert(name);
    model::Decoded decoded = model::decode(*tree);
    on_fact_(plan::ObjectSeen{.key = key, .object = std::move(decoded.object)});
  }
  if (!trouble.empty() && trouble != trouble_) log::warn("kube", trouble);
  trouble_ = std::move(trouble);
}

}  // namespace porter::cluster
