// SPDX-License-Identifier: Apache-2.0
#include "model/rules.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/rules_bgp.hpp"

namespace porter::model {
namespace {

constexpr std::uint16_t kHoldTime = 90;  // of peers that do not say otherwise

bool is_true(const std::string* text) {
  static constexpr std::string_view kTrue = "true";
  return text != nullptr && text->size() == kTrue.size() &&
         std::equal(text->begin(), text->end(), kTrue.begin(), [](char left, char right) {
           return left == right || (left >= 'A' && left <= 'Z' && left - 'A' + 'a' == right);
         });
}

void warn_about_vip(const Tree& document, Complaints& complaints) {
  const Tree& protocol = document.at_path("spec.protocol");
  if (protocol.text() == "vip")
    complaints.warn("ReadAsLayer2", "spec.protocol", protocol.line(),
                    "vip: read as layer2; write layer2");
}

// Sorted, two pieces that overlap stand beside each other.
void refuse_overlaps(const Tree& document, const Eip& eip, Complaints& complaints) {
  std::vector<Range> sorted = eip.addresses;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (!sorted[i - 1].overlaps(sorted[i])) continue;
    complaints.error(
        "spec.addresses", document.at_path("spec.addresses").line(),
        fmt::format("{} and {} overlap", to_string(sorted[i - 1]), to_string(sorted[i])));
    return;
  }
}

void warn_about_idle_excludes(const Tree& document, const Eip& eip, Complaints& complaints) {
  const Tree::List& items = document.at_path("spec.exclude").items();
  for (std::size_t i = 0; i < eip.exclude.size() && i < items.size(); ++i) {
    const Range& range = eip.exclude[i];
    const bool is_idle = std::none_of(eip.addresses.begin(), eip.addresses.end(),
                                      [&](const Range& piece) { return piece.overlaps(range); });
    if (!is_idle) continue;
    complaints.warn("NoEffect", fmt::format("spec.exclude[{}]", i), items[i].line(),
                    fmt::format("{}: no address of this pool", to_string(range)));
  }
}

void refuse_multicast(const Tree& document, const Eip& eip, Complaints& complaints) {
  for (const Range& range : eip.addresses) {
    if (!range.first().is_multicast()) continue;
    complaints.error(
        "spec.address", document["spec"].line(),
        fmt::format("{}: multicast addresses cannot be given to Services", to_string(range)));
  }
}

void clear_ignored_policy(const Tree& document, BgpConf& conf, Complaints& complaints) {
  if (conf.policy.empty() || !is_true(conf.meta.annotation("network.kubesphere.io/ignore-policy")))
    return;
  complaints.warn("FieldIgnored", "spec.policy", document.at_path("spec.policy").line(),
                  fmt::format("{}: ignored, as annotation network.kubesphere.io/ignore-policy says",
                              shown(conf.policy)));
  conf.policy.clear();
}

}  // namespace

void apply_rules(const Tree& document, Eip& eip, Complaints& complaints) {
  eip.is_default = is_true(annotation_of(eip.meta, "eip", "/is-default-eip"));
  eip.evict = is_true(eip.meta.annotation("network.kubesphere.io/evict"));
  warn_about_vip(document, complaints);
  if (eip.addresses.empty() && !complaints.has_error() && document["spec"].is_map()) {
    complaints.error("spec.address", document["spec"].line(),
                     "is required: an address, a CIDR or first-last");
  }
  refuse_multicast(document, eip, complaints);
  refuse_overlaps(document, eip, complaints);
  warn_about_idle_excludes(document, eip, complaints);
}

void apply_rules(const Tree& document, EipAddress& address, Complaints& complaints) {
  const std::string& name = address.meta.name.name;
  const Result<Address> named = address_of_name(name);
  if (!named) {
    complaints.error("metadata.name", document.at_path("metadata.name").line(),
                     named.error().message);
    return;
  }
  const Tree& written = document.at_path("spec.address");
  if (written.is_null() || written.text().empty()) {
    address.address = *named;
  } else if (address.address != *named && !complaints.has_error()) {
    complaints.error("spec.address", written.line(),
                     fmt::format("{}: the name {} says {}", to_string(address.address), name,
                                 to_string(*named)));
  }
}

// In order and each once, so that a list that was only rearranged says nothing new.
void apply_rules(const Tree& /*document*/, BgpAdvertisement& advertisement,
                 Complaints& /*complaints*/) {
  const auto settle = [](auto& values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  };
  settle(advertisement.communities);
  settle(advertisement.large_communities);
}

void apply_rules(const Tree& document, BgpConf& conf, Complaints& complaints) {
  clear_ignored_policy(document, conf, complaints);
  settle_graceful_restart(document, conf.graceful_restart, kHoldTime, complaints);
}

}  // namespace porter::model
