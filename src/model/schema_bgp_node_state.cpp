// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"

namespace porter::model {
namespace {

using Session = BgpNodeState::Session;
using Counts = BgpNodeState::Counts;
using Notification = BgpNodeState::Notification;

// put_session<&Session::peer>: a field of the last session.
template <auto Member>
void put_session(Object& object, Value&& value) {
  assign(std::get<BgpNodeState>(object).sessions.back().*Member, std::move(value));
}
template <auto Outer, auto Inner>
void put_session_in(Object& object, Value&& value) {
  auto& outer = std::get<BgpNodeState>(object).sessions.back().*Outer;
  assign(entered(outer).*Inner, std::move(value));
}

constexpr auto kNodeFields = std::to_array<Field>({
    {.path = "status", .type = FieldType::Group, .doc = "What the speaker of the node sees."},
    {.path = "status.total",
     .type = FieldType::Integer,
     .set = put<&BgpNodeState::total>,
     .doc = "How many sessions the node should have.",
     .bounds = kUnsigned},
    {.path = "status.established",
     .type = FieldType::Integer,
     .set = put<&BgpNodeState::established>,
     .doc = "How many of them are Established.",
     .bounds = kUnsigned},
    {.path = "status.routerId",
     .type = FieldType::String,
     .set = put<&BgpNodeState::router_id>,
     .doc = "The BGP Identifier of the speaker."},
    {.path = "status.as",
     .type = FieldType::Integer,
     .set = put<&BgpNodeState::as>,
     .doc = "The AS number of the speaker.",
     .bounds = kUnsigned},
    {.path = "status.version",
     .type = FieldType::String,
     .set = put<&BgpNodeState::version>,
     .doc = "The release of Porter that runs there."},
    {.path = "status.sessions",
     .type = FieldType::List,
     .doc = "The sessions, at most 128 of them; `total` counts all."},
    {.path = "status.sessions[]",
     .type = FieldType::Group,
     .set = begin<&BgpNodeState::sessions>,
     .doc = "One session."},
    {.path = "status.sessions[].peer",
     .type = FieldType::Name,
     .set = put_session<&Session::peer>,
     .doc = "The name of the BgpPeer.",
     .required = true},
    {.path = "status.sessions[].neighbor",
     .type = FieldType::String,
     .set = put_session<&Session::neighbor>,
     .doc = "The address of the neighbour, a link-local one with its interface.",
     .required = true},
    {.path = "status.sessions[].state",
     .type = FieldType::String,
     .set = put_session<&Session::state>,
     .doc = "The state of RFC 4271: Idle, Connect, Active, OpenSent, OpenConfirm or Established.",
     .required = true},
    {.path = "status.sessions[].since",
     .type = FieldType::Time,
     .set = put_session<&Session::since>,
     .doc = "Since when it is in this state."},
    {.path = "status.sessions[].peerAs",
     .type = FieldType::Integer,
     .set = put_session<&Session::peer_as>,
     .doc = "The AS number of the neighbour.",
     .bounds = kUnsigned},
    {.path = "status.sessions[].localAs",
     .type = FieldType::Integer,
     .set = put_session<&Session::local_as>,
     .doc = "Our AS number towards it.",
     .bounds = kUnsigned},
    {.path = "status.sessions[].routerId",
     .type = FieldType::String,
     .set = put_session<&Session::router_id>,
     .doc = "The BGP Identifier of the neighbour."},
    {.path = "status.sessions[].holdTime",
     .type = FieldType::Integer,
     .set = put_session<&Session::hold_time>,
     .doc = "The negotiated hold time, in seconds.",
     .bounds = kUnsigned},
    {.path = "status.sessions[].capabilities",
     .type = FieldType::List,
     .doc = "What both sides agreed on."},
    {.path = "status.sessions[].capabilities[]",
     .type = FieldType::String,
     .set = put_session<&Session::capabilities>,
     .doc = "A capability, in words."},
});

constexpr auto kSessionFields = std::to_array<Field>({
    {.path = "status.sessions[].sent",
     .type = FieldType::Group,
     .doc = "How many paths the neighbour is sent."},
    {.path = "status.sessions[].sent.ipv4",
     .type = FieldType::Integer,
     .set = put_session_in<&Session::sent, &Counts::ipv4>,
     .doc = "Of IPv4 prefixes.",
     .bounds = {.least = 0}},
    {.path = "status.sessions[].sent.ipv6",
     .type = FieldType::Integer,
     .set = put_session_in<&Session::sent, &Counts::ipv6>,
     .doc = "Of IPv6 prefixes.",
     .bounds = {.least = 0}},
    {.path = "status.sessions[].keptBack",
     .type = FieldType::Group,
     .doc = "How many prefixes the peer's prefixBudget keeps back, in whole or in part."},
    {.path = "status.sessions[].keptBack.ipv4",
     .type = FieldType::Integer,
     .set = put_session_in<&Session::kept_back, &Counts::ipv4>,
     .doc = "Of IPv4 prefixes.",
     .bounds = {.least = 0}},
    {.path = "status.sessions[].keptBack.ipv6",
     .type = FieldType::Integer,
     .set = put_session_in<&Session::kept_back, &Counts::ipv6>,
     .doc = "Of IPv6 prefixes.",
     .bounds = {.least = 0}},
    {.path = "status.sessions[].received",
     .type = FieldType::Group,
     .doc = "How many paths the neighbour sent."},
    {.path = "status.sessions[].received.ipv4",
     .type = FieldType::Integer,
     .set = put_session_in<&Session::received, &Counts::ipv4>,
     .doc = "Of IPv4 prefixes.",
     .bounds = {.least = 0}},
    {.path = "status.sessions[].received.ipv6",
     .type = FieldType::Integer,
     .set = put_session_in<&Session::received, &Counts::ipv6>,
     .doc = "Of IPv6 prefixes.",
     .bounds = {.least = 0}},
    {.path = "status.sessions[].flaps",
     .type = FieldType::Integer,
     .set = put_session<&Session::flaps>,
     .doc = "How often it was Established and ended.",
     .bounds = kUnsigned},
    {.path = "status.sessions[].notificationSent",
     .type = FieldType::Group,
     .doc = "The last NOTIFICATION we sent."},
    {.path = "status.sessions[].notificationSent.text",
     .type = FieldType::String,
     .set = put_session_in<&Session::notification_sent, &Notification::text>,
     .doc = "In words."},
    {.path = "status.sessions[].notificationSent.at",
     .type = FieldType::Time,
     .set = put_session_in<&Session::notification_sent, &Notification::at>,
     .doc = "When."},
    {.path = "status.sessions[].notificationReceived",
     .type = FieldType::Group,
     .doc = "The last NOTIFICATION we received."},
    {.path = "status.sessions[].notificationReceived.text",
     .type = FieldType::String,
     .set = put_session_in<&Session::notification_received, &Notification::text>,
     .doc = "In words."},
    {.path = "status.sessions[].notificationReceived.at",
     .type = FieldType::Time,
     .set = put_session_in<&Session::notification_received, &Notification::at>,
     .doc = "When."},
    {.path = "status.sessions[].lastError",
     .type = FieldType::String,
     .set = put_session<&Session::last_error>,
     .doc = "Why it ended last, or does not come up."},
    {.path = "status.sessions[].bfd",
     .type = FieldType::String,
     .set = put_session<&Session::bfd>,
     .doc = "The state of the BFD session beside it."},
});

constexpr auto kFields = joined(kNodeFields, kSessionFields);

constexpr Schema kSchema{
    .kind = Kind::BgpNodeState,
    .doc =
        "The BGP sessions of one node, written by its speaker and named by the node. Nobody "
        "else writes these objects.",
    .fields = kFields,
    .versions = Versions::V1alpha2,
};

}  // namespace

const Schema& bgp_node_state_schema() {
  return kSchema;
}

}  // namespace porter::model
