// SPDX-License-Identifier: Apache-2.0
#include "model/request.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/names.hpp"

namespace porter::model {
namespace {

constexpr std::string_view kOptIn = "lb.kubesphere.io/v1alpha1";
constexpr std::string_view kShare = "network.kubesphere.io/share";
constexpr std::size_t kMostPools = 2;  // one per family

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The non-empty words of a comma list; stops behind `most` + 1, which is one too many already.
std::vector<std::string> words_of(std::string_view list, std::size_t most) {
  std::vector<std::string> words;
  while (!list.empty() && words.size() <= most) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string word{trimmed(list.substr(0, comma))};
    list.remove_prefix(std::min(comma + 1, list.size()));
    const bool is_new = std::find(words.begin(), words.end(), word) == words.end();
    if (!word.empty() && is_new) words.push_back(std::move(word));
  }
  return words;
}

void refuse(ServiceRequest& request, std::string reason, std::string field, std::string message) {
  request.problems.push_back(Problem{.severity = Problem::Severity::Error,
                                     .reason = std::move(reason),
                                     .field = std::move(field),
                                     .message = std::move(message)});
}

void read_addresses(const Spelled& annotation, ServiceRequest& request) {
  const std::string field = annotation_field(annotation.key);
  for (const std::string& word : words_of(*annotation.value, kMostPools)) {
    const Result<Address> address = Address::parse(word);
    if (!address) {
      refuse(request, "InvalidRequest", field, address.error().message);
      return;
    }
    const auto is_same_family = [&](const Address& other) {
      return other.family() == address->family();
    };
    if (std::any_of(request.addresses.begin(), request.addresses.end(), is_same_family)) {
      refuse(request, "InvalidRequest", field,
             fmt::format("{}: more than one {} address; at most one per family",
                         shown(*annotation.value), to_string(address->family())));
      return;
    }
    request.addresses.push_back(*address);
    request.address_from_annotation = true;
  }
}

// spec.loadBalancerIP, which the annotation beats. An author who wrote both and meant two different
// addresses is told, rather than given one of them.
void read_load_balancer_ip(const Service& service, const Spelled& annotation,
                           ServiceRequest& request) {
  static constexpr std::string_view kField = "spec.loadBalancerIP";
  if (!service.load_balancer_ip) return;
  const std::string_view text = trimmed(*service.load_balancer_ip);
  if (text.empty()) return;
  const Result<Address> address = Address::parse(text);
  if (!address) {
    refuse(request, "InvalidRequest", std::string{kField}, address.error().message);
    return;
  }
  if (!request.address_from_annotation) {
    if (request.problems.empty()) request.addresses.push_back(*address);
    return;
  }
  const std::vector<Address>& wanted = request.addresses;
  if (std::find(wanted.begin(), wanted.end(), *address) != wanted.end()) return;
  refuse(request, "ConflictingRequest", std::string{kField},
         fmt::format("{}: annotation {} asks for {}; make them agree or remove one",
                     to_string(*address), annotation.key, trimmed(*annotation.value)));
}

void read_pools(const Spelled& annotation, ServiceRequest& request) {
  if (annotation.value == nullptr) return;
  request.pools = words_of(*annotation.value, kMostPools);
  if (request.pools.size() <= kMostPools) return;
  request.pools.clear();
  refuse(request, "InvalidRequest", annotation_field(annotation.key),
         fmt::format("{}: more than two pools; at most one per family", shown(*annotation.value)));
}

void read_protocol(const Spelled& annotation, ServiceRequest& request) {
  if (annotation.value == nullptr) return;
  const std::string_view word = trimmed(*annotation.value);
  if (word.empty()) return;
  if (word == "bgp") {
    request.protocol = Protocol::Bgp;
  } else if (word == "layer2") {
    request.protocol = Protocol::Layer2;
  } else if (word == "vip") {
    request.protocol = Protocol::Layer2;
    request.problems.push_back(Problem{.severity = Problem::Severity::Warning,
                                       .reason = "ReadAsLayer2",
                                       .field = annotation_field(annotation.key),
                                       .message = "vip: read as layer2; write layer2"});
  } else {
    refuse(request, "InvalidRequest", annotation_field(annotation.key),
           fmt::format("{}: protocol must be bgp or layer2", shown(word)));
  }
}

}  // namespace

const Problem* ServiceRequest::refusal() const {
  const auto found = std::find_if(problems.begin(), problems.end(), [](const Problem& problem) {
    return problem.severity == Problem::Severity::Error;
  });
  return found != problems.end() ? &*found : nullptr;
}

ServiceRequest request_of(const Service& service) {
  const Meta& meta = service.meta;
  ServiceRequest request;
  const Spelled address = spelled_annotation(meta, "eip", "/v1alpha1");
  if (address.value != nullptr) read_addresses(address, request);
  read_load_balancer_ip(service, address, request);
  read_pools(spelled_annotation(meta, "eip", "/v1alpha2"), request);
  read_protocol(spelled_annotation(meta, "protocol", "/v1alpha1"), request);
  if (const std::string* const key = meta.annotation(kShare)) request.share_key = trimmed(*key);
  if (const std::string* const node = annotation_of(meta, "layer2", "/v1alpha1"))
    request.layer2_node = trimmed(*node);
  return request;
}

std::optional<std::string> opt_in_of(const Meta& meta) {
  const std::string* const value = meta.annotation(kOptIn);
  if (value == nullptr || (*value != "porter" && *value != "openelb")) return std::nullopt;
  return *value;
}

}  // namespace porter::model
