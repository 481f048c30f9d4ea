// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "plan/candidate.hpp"

namespace {

void expect(bool claim) {
  if (!claim) __builtin_trap();
}

}  // namespace

// Annotation network.kubesphere.io/next-hop is text from a person: it gives an address that a
// router can send to, or says why not, or leaves it to the InternalIPs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace porter;  // NOLINT(google-build-using-namespace): a program of its own
  model::Node node;
  node.internal_ips = {Address::v4(0xac1e000bU)};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): libFuzzer's octets as text
  node.meta.annotations[std::string{plan::kNextHopAnnotation}] =
      std::string{reinterpret_cast<const char*>(data), size};
  for (const Family family : {Family::V4, Family::V6}) {
    const plan::NextHop found =
        plan::next_hop_of(node, family, false, {.self = false, .nodes = true});
    expect(found.address.has_value() == found.missing.empty());
    if (!found.address) continue;
    expect(found.address->family() == family);
    expect(!found.address->is_unspecified() && !found.address->is_loopback() &&
           !found.address->is_multicast());
    expect(family == Family::V4 || !found.address->is_link_local());
  }
  return 0;
}
