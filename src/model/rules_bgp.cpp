// SPDX-License-Identifier: Apache-2.0
#include "model/rules_bgp.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/rules.hpp"

namespace porter::model {
namespace {

constexpr std::uint16_t kLongestRestart = 4095;  // 12 bits (RFC 4724 section 3)
constexpr std::uint32_t kSendMax = 10;           // of OpenELB, where afiSafis is absent
constexpr std::string_view kConf = "spec.conf";

class PeerRules {
 public:
  PeerRules(const Tree& document, BgpPeer& peer, Complaints& complaints)
      : document_{document}, peer_{peer}, complaints_{complaints} {}

  void apply() {
    peer_.left_to_cni = label_of(peer_.meta, "", "/cni") != nullptr;
    check_who();
    check_timers();
    check_transport();
    check_password();
    settle_graceful_restart(document_, peer_.graceful_restart, peer_.hold_time, complaints_);
    settle_families();
  }

 private:
  void refuse(std::string_view path, std::string message) {
    complaints_.error(std::string{path}, line_of(path), std::move(message));
  }

  // Of the field, or of what it would stand in.
  [[nodiscard]] unsigned line_of(std::string_view path) const {
    while (!path.empty()) {
      if (const unsigned line = document_.at_path(path).line(); line != 0) return line;
      const std::size_t dot = path.rfind('.');
      path = path.substr(0, dot == std::string_view::npos ? 0 : dot);
    }
    return document_.line();
  }

  [[nodiscard]] std::string_view address_path() const {
    const bool is_old = peer_.meta.written_as == ApiVersion::V1alpha1;
    return is_old ? "spec.config.neighborAddress" : "spec.conf.neighborAddress";
  }

  void check_who() {
    if (peer_.neighbor && peer_.neighbor_prefix)
      refuse(kConf, "neighborAddress and neighborPrefix: write one of them");
    if (!peer_.neighbor && !peer_.neighbor_prefix && !complaints_.has_error())
      refuse(kConf, "neighborAddress is required, or neighborPrefix");
    if (!peer_.neighbor) return;
    const Address& address = *peer_.neighbor;
    if (address.is_multicast() || address.is_unspecified())
      refuse(address_path(), fmt::format("{}: not the address of a router", to_string(address)));
    if (address.is_v6() && address.is_link_local() && peer_.neighbor_zone.empty()) {
      refuse(address_path(),
             fmt::format("{0}: a link-local address needs its interface, as in {0}%eth0",
                         to_string(address)));
    }
  }

  void check_timers() {
    const std::uint16_t hold = peer_.hold_time;
    if (hold == 1 || hold == 2)
      refuse("spec.timers.config.holdTime",
             fmt::format("{}: must be 0 or 3 to 65535 (RFC 4271)", hold));
    if (peer_.keepalive_interval && hold > 2 && *peer_.keepalive_interval >= hold) {
      refuse("spec.timers.config.keepaliveInterval",
             fmt::format("{}: must be less than the hold time, which is {}",
                         *peer_.keepalive_interval, hold));
    }
  }

  void check_transport() {
    const Result<Prefix> local = Prefix::parse(peer_.local_address, Prefix::HostBits::Clear);
    const std::optional<Family> family = neighbor_family();
    if (!local || !family || local->family() == *family) return;
    refuse("spec.transport.localAddress",
           fmt::format("{}: the neighbour is an {} address", shown(peer_.local_address),
                       to_string(*family)));
  }

  void check_password() {
    const bool has_password = !peer_.auth_password.empty() || peer_.auth_secret.has_value();
    if (!peer_.auth_password.empty() && peer_.auth_secret)
      refuse("spec.conf.authSecretRef", "authPassword is there too; write one of them");
    if (has_password && peer_.port_forward) {
      refuse("spec.transport.portForward",
             "true: not together with a password, as a TCP-MD5 signature covers the port; remove "
             "one of them");
    }
  }

  [[nodiscard]] std::optional<Family> neighbor_family() const {
    if (peer_.neighbor) return peer_.neighbor->family();
    if (peer_.neighbor_prefix) return peer_.neighbor_prefix->family();
    return std::nullopt;
  }

  void settle_families() {
    const Family default_family = neighbor_family().value_or(Family::V4);
    if (peer_.meta.written_as == ApiVersion::V1alpha1) {
      for (PeerFamily& family : peer_.families)
        family.family = default_family;
      return;
    }
    const Tree::List& entries = document_.at_path("spec.afiSafis").items();
    if (entries.empty()) {
      peer_.families = {PeerFamily{.family = default_family, .send_max = kSendMax}};
      return;
    }
    if (peer_.families.size() != entries.size())
      return;  // an element that is no map: refused already
    std::vector<PeerFamily> enabled;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      PeerFamily family = peer_.families[i];
      const Tree& written = entries[i].at_path("config.family.afi");
      if (written.is_null() || written.text().empty()) family.family = default_family;
      const Tree& is_enabled = entries[i].at_path("config.enabled");
      if (is_enabled.kind() == Tree::Kind::Bool && !is_enabled.as_bool()) continue;
      if (has(enabled, family.family)) {
        complaints_.error(fmt::format("spec.afiSafis[{}]", i), entries[i].line(),
                          fmt::format("{} is there already", to_string(family.family)));
      }
      enabled.push_back(family);
    }
    if (enabled.empty()) refuse("spec.afiSafis", "no family is enabled");
    peer_.families = std::move(enabled);
  }

  static bool has(const std::vector<PeerFamily>& families, Family family) {
    return std::any_of(families.begin(), families.end(),
                       [&](const PeerFamily& other) { return other.family == family; });
  }

  const Tree& document_;
  BgpPeer& peer_;
  Complaints& complaints_;
};

}  // namespace

void settle_graceful_restart(const Tree& document, std::optional<GracefulRestart>& block,
                             std::uint16_t hold_time, Complaints& complaints) {
  const Tree& written = document.at_path("spec.gracefulRestart");
  if (block && written.is_map() && written["enabled"].is_null()) {
    complaints.warn(
        "NotEnabled", "spec.gracefulRestart", written.line(),
        "enabled is not there, so graceful restart is off, as in OpenELB; write enabled: true, "
        "or leave the block out for the default, which is on");
  }
  if (block && block->restart_time == 0) block->restart_time = std::min(hold_time, kLongestRestart);
}

void apply_rules(const Tree& document, BgpPeer& peer, Complaints& complaints) {
  PeerRules{document, peer, complaints}.apply();
}

}  // namespace porter::model
