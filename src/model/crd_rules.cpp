// SPDX-License-Identifier: Apache-2.0
#include "model/crd.hpp"

// Only rules that the webhook has too, for the time it is not there. Cheap ones: the API server
// refuses a CRD whose rules could cost too much for the longest lists and texts it allows.
namespace porter::model {
namespace {

constexpr auto kRules = std::to_array<CelRule>({
    {.kind = Kind::Eip,
     .versions = Versions::V1alpha2,
     .path = "spec",
     .rule = "(has(self.address) && self.address != '') || "
             "(has(self.addresses) && size(self.addresses) > 0)",
     .message = "spec.address: is required: an address, a CIDR or first-last"},
    {.kind = Kind::Eip,
     .versions = Versions::V1alpha1,
     .path = "spec",
     .rule = "has(self.address) && self.address != ''",
     .message = "spec.address: is required: an address, a CIDR or first-last"},
    {.kind = Kind::BgpPeer,
     .versions = Versions::V1alpha2,
     .path = "spec.conf",
     .rule = "!(has(self.neighborPrefix) && has(self.neighborAddress) && "
             "self.neighborAddress != '')",
     .message = "spec.conf: neighborAddress and neighborPrefix: write one of them"},
    {.kind = Kind::BgpPeer,
     .versions = Versions::V1alpha2,
     .path = "spec.conf",
     .rule = "has(self.neighborPrefix) || (has(self.neighborAddress) && "
             "self.neighborAddress != '')",
     .message = "spec.conf: neighborAddress is required, or neighborPrefix"},
    {.kind = Kind::BgpPeer,
     .versions = Versions::V1alpha2,
     .path = "spec.conf",
     .rule = "!(has(self.authSecretRef) && has(self.authPassword) && self.authPassword != '')",
     .message = "spec.conf.authSecretRef: authPassword is there too; write one of them"},
    {.kind = Kind::BgpPeer,
     .versions = Versions::V1alpha2,
     .path = "spec",
     .rule = "!(has(self.transport) && has(self.transport.portForward) && "
             "self.transport.portForward && has(self.conf) && (has(self.conf.authSecretRef) || "
             "(has(self.conf.authPassword) && self.conf.authPassword != '')))",
     .message = "spec.transport.portForward: true: not together with a password, as a TCP-MD5 "
                "signature covers the port; remove one of them"},
    {.kind = Kind::BgpPeer,
     .versions = Versions::V1alpha2,
     .path = "spec.timers.config",
     .rule = "!has(self.holdTime) || !(self.holdTime == 1 || self.holdTime == 2 || "
             "self.holdTime == '1' || self.holdTime == '2')",
     .message = "spec.timers.config.holdTime: must be 0 or 3 to 65535 (RFC 4271)"},
});

}  // namespace

std::span<const CelRule> cel_rules() {
  return kRules;
}

}  // namespace porter::model
