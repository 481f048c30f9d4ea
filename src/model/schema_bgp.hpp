// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/schema.hpp"

// What the tables of BgpConf and BgpPeer have in common.
namespace porter::model {

inline constexpr std::array<std::string_view, 2> kNextHopModes{"Self", "Nodes"};

// A block that is there says `enabled` itself, as it did in OpenELB; only its absence means
// enabled.
template <class Owner>
void begin_graceful_restart(Object& object, Value&& /*nothing*/) {
  std::get<Owner>(object).graceful_restart.emplace(GracefulRestart{.enabled = false});
}

// 0 meant 360 to OpenELB.
template <class Owner>
void put_deferral_time(Object& object, Value&& value) {
  const std::int64_t seconds = std::get<std::int64_t>(value);
  auto& restart = std::get<Owner>(object).graceful_restart;
  if (seconds != 0 && restart) restart->deferral_time = static_cast<std::uint16_t>(seconds);
}

template <class Owner>
constexpr auto graceful_restart_fields(std::string_view doc) {
  return std::to_array<Field>({
      {.path = "spec.gracefulRestart",
       .type = FieldType::Group,
       .set = begin_graceful_restart<Owner>,
       .doc = doc,
       .fallback = "enabled, 20 s",
       .edit = Edit::NextSession},
      {.path = "spec.gracefulRestart.enabled",
       .type = FieldType::Bool,
       .set = put_in<&Owner::graceful_restart, &GracefulRestart::enabled>,
       .doc = "Negotiate graceful restart (RFC 4724). A block without it means `false`, as in "
              "OpenELB, with "
              "a warning; no block at all means enabled.",
       .fallback = "false, with a warning",
       .edit = Edit::NextSession},
      {.path = "spec.gracefulRestart.restartTime",
       .type = FieldType::Integer,
       .set = put_in<&Owner::graceful_restart, &GracefulRestart::restart_time>,
       .doc = "How long the router keeps our routes while we are away, in seconds. 0: as long as "
              "the hold "
              "time.",
       .fallback = "20",
       .edit = Edit::NextSession,
       .bounds = {.least = 0, .most = 4095}},
      {.path = "spec.gracefulRestart.helperOnly",
       .type = FieldType::Bool,
       .set = put_in<&Owner::graceful_restart, &GracefulRestart::helper_only>,
       .doc = "Help the router to restart, ask it for nothing.",
       .fallback = "false",
       .edit = Edit::NextSession},
      {.path = "spec.gracefulRestart.deferralTime",
       .type = FieldType::Integer,
       .set = put_deferral_time<Owner>,
       .doc = "How long we wait for the routers' End-of-RIB after a restart of ours, in seconds.",
       .fallback = "360",
       .edit = Edit::NextSession,
       .bounds = {.least = 0, .most = 65'535}},
      {.path = "spec.gracefulRestart.notificationEnabled",
       .type = FieldType::Bool,
       .set = put_in<&Owner::graceful_restart, &GracefulRestart::notification_enabled>,
       .doc = "The N bit (RFC 8538): the routes also survive a NOTIFICATION and an expired hold "
              "timer. A "
              "node that died keeps its routes that much longer.",
       .fallback = "false",
       .edit = Edit::NextSession},
      {.path = "spec.gracefulRestart.longlivedEnabled",
       .type = FieldType::Bool,
       .set = put_in<&Owner::graceful_restart, &GracefulRestart::long_lived>,
       .doc = "Long-lived graceful restart (RFC 9494): once the restart time is over, each side "
              "keeps the other's routes for an hour more, as its last choice.",
       .fallback = "false",
       .edit = Edit::NextSession},
      {.path = "spec.gracefulRestart.localRestarting",
       .type = FieldType::Bool,
       .doc = "Porter knows by itself whether it restarts.",
       .edit = Edit::NoEffect,
       .support = Support::Ignored},
      {.path = "spec.gracefulRestart.staleRoutesTime",
       .type = FieldType::Integer,
       .doc = "No version of OpenELB read it.",
       .edit = Edit::NoEffect,
       .bounds = kUnsigned,
       .support = Support::Ignored},
      {.path = "spec.gracefulRestart.peerRestartTime",
       .type = FieldType::Integer,
       .doc = "It is what the peer tells, not what we ask for.",
       .edit = Edit::NoEffect,
       .bounds = kUnsigned,
       .support = Support::Ignored},
      {.path = "spec.gracefulRestart.peerRestarting",
       .type = FieldType::Bool,
       .doc = "It is what the peer tells, not what we ask for.",
       .edit = Edit::NoEffect,
       .support = Support::Ignored},
      {.path = "spec.gracefulRestart.mode",
       .type = FieldType::String,
       .doc = "No version of OpenELB read it.",
       .edit = Edit::NoEffect,
       .support = Support::Ignored},
  });
}

}  // namespace porter::model
