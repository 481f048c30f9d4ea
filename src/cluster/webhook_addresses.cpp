// SPDX-License-Identifier: Apache-2.0
#include "cluster/webhook_addresses.hpp"

#include <utility>

#include <fmt/format.h>

namespace porter::cluster {
namespace {

kube::Reflector::Config config(std::uint64_t jitter_seed) {
  kube::Reflector::Config config;
  config.resource = kube::resource_of(model::Kind::EipAddress);
  config.list_watch.jitter_seed = jitter_seed;
  return config;
}

// "shop/web", "shop/web and 2 more"; empty: a reservation.
std::string holder_of(const model::EipAddress& address) {
  if (address.services.empty()) return {};
  const auto& first = address.services.front();
  std::string words = fmt::format("{}/{}", first.service.ns, first.service.name);
  if (address.services.size() > 1)
    words += fmt::format(" and {} more", address.services.size() - 1);
  return words;
}

}  // namespace

WebhookAddresses::WebhookAddresses(io::asio::any_io_executor executor, kube::Client& client,
                                   std::uint64_t jitter_seed)
    : reflector_{std::move(executor), client, config(jitter_seed),
                 kube::Reflector::Told{.fact = [this](const plan::Fact& fact) { take(fact); },
                                       .synced = {},
                                       .went_back = {},
                                       .other = {},
                                       .trouble = {}}} {}

io::Task<> WebhookAddresses::stop() {
  co_await reflector_.stop();
}

std::vector<model::AddressUse> WebhookAddresses::in_use(const std::string& eip) const {
  std::vector<model::AddressUse> list;
  const auto found = uses_.find(eip);
  if (found == uses_.end()) return list;
  for (const auto& [name, use] : found->second)
    list.push_back(use);
  return list;
}

void WebhookAddresses::take(const plan::Fact& fact) {
  const auto* const seen = std::get_if<plan::ObjectSeen>(&fact);
  if (seen == nullptr) return;
  const std::string& name = seen->key.name.name;
  if (const auto before = eips_.find(name); before != eips_.end()) {
    const auto uses = uses_.find(before->second);
    uses->second.erase(name);
    if (uses->second.empty()) uses_.erase(uses);
    eips_.erase(before);
  }
  if (!seen->object) return;
  const auto& address = std::get<model::EipAddress>(*seen->object);
  eips_[name] = address.eip;
  uses_[address.eip][name] =
      model::AddressUse{.address = address.address, .holder = holder_of(address)};
}

}  // namespace porter::cluster
