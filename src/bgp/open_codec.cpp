// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bgp/message.hpp"

// The OPEN on the wire. Every capability is decoded inside its own length and from nothing else;
// one whose value is not what its RFC describes is kept among the unknown ones, so that it means
// nothing and is seen.
namespace porter::bgp {
namespace {

constexpr std::uint8_t kVersion = 4;
constexpr std::size_t kFixedBody = 10;  // up to and with Opt Parm Len
constexpr std::uint8_t kCapabilitiesParameter = 2;
constexpr std::uint8_t kExtendedLength = 255;  // RFC 9072 §2
constexpr std::size_t kMostPlain = 255;        // octets of parameters in the plain form

// Subcodes of the OPEN Message Error (RFC 4271 §6.2).
constexpr std::uint8_t kMalformed = 0;
constexpr std::uint8_t kUnsupportedVersion = 1;
constexpr std::uint8_t kUnsupportedParameter = 4;

enum class CapabilityCode : std::uint8_t {
  Multiprotocol = 1,
  RouteRefresh = 2,
  ExtendedNextHop = 5,
  ExtendedMessage = 6,
  Role = 9,
  GracefulRestart = 64,
  FourOctetAs = 65,
  AddPath = 69,
  EnhancedRouteRefresh = 70,
  LongLivedGracefulRestart = 71,
};

constexpr std::uint8_t kAddPathReceive = 1;
constexpr std::uint8_t kAddPathSend = 2;
constexpr unsigned kRestartFlag = 0x8000;       // R
constexpr unsigned kNotificationFlag = 0x4000;  // N, RFC 8538 §2
constexpr unsigned kRestartTime = 0x0fff;
constexpr std::uint8_t kForwardingFlag = 0x80;  // F
constexpr std::uint32_t kMaxLongLivedTime = 0x00ff'ffff;

Failure<Notification> refuse(std::uint8_t subcode, Bytes data = Bytes()) {
  return Failure<Notification>{notification(ErrorCode::OpenMessage, subcode, data)};
}

AfiSafi take_family(ByteReader& in) {
  AfiSafi family;
  family.afi = in.take<std::uint16_t>();
  family.safi = in.take<std::uint8_t>();
  return family;
}

// Outcome of one capability's value.
enum class Value : std::uint8_t {
  Understood,
  Ignored,  // malformed, and the session can do without
  Fatal,    // malformed, and the session cannot
};

Value decode_multiprotocol(Bytes value, Capabilities& out) {
  if (value.size() != 4) return Value::Ignored;  // RFC 4760 §8
  ByteReader in{value};
  AfiSafi family;
  family.afi = in.take<std::uint16_t>();
  [[maybe_unused]] const auto reserved = in.take<std::uint8_t>();
  family.safi = in.take<std::uint8_t>();
  if (std::ranges::find(out.families, family) == out.families.end()) out.families.push_back(family);
  return Value::Understood;
}

Value decode_flag(Bytes value, bool& flag) {
  if (!value.empty()) return Value::Ignored;
  flag = true;
  return Value::Understood;
}

// Of several, RFC 4724 §3 has the last one count.
Value decode_restart(Bytes value, Capabilities& out) {
  if (value.size() < 2 || value.size() % 4 != 2) return Value::Ignored;
  ByteReader in{value};
  const unsigned head = in.take<std::uint16_t>();
  RestartCapability restart{.restarting = (head & kRestartFlag) != 0,
                            .notification = (head & kNotificationFlag) != 0,
                            .time = static_cast<std::uint16_t>(head & kRestartTime),
                            .families = {}};
  while (in.remaining() > 0) {
    RestartFamily entry;
    entry.family = take_family(in);
    entry.forwarding_kept = (in.take<std::uint8_t>() & kForwardingFlag) != 0;
    restart.families.push_back(entry);
  }
  out.restart = std::move(restart);
  return Value::Understood;
}

// Of several the last one counts, as for RFC 4724.
Value decode_long_lived(Bytes value, Capabilities& out) {
  if (value.size() % 7 != 0) return Value::Ignored;
  ByteReader in{value};
  std::vector<LongLivedFamily>& families = out.long_lived.emplace();
  while (in.remaining() > 0) {
    LongLivedFamily& entry = families.emplace_back();
    entry.family = take_family(in);
    const auto tail = in.take<std::uint32_t>();  // flags, and 24 bits of time
    entry.forwarding_kept = (tail >> 24U & kForwardingFlag) != 0;
    entry.time = tail & kMaxLongLivedTime;
  }
  return Value::Understood;
}

// A peer whose AS number we cannot read would have us misread every AS_PATH it sends.
Value decode_four_octet_as(Bytes value, Capabilities& out) {
  if (value.size() != 4) return Value::Fatal;
  ByteReader in{value};
  const Asn as{in.take<std::uint32_t>()};
  if (out.as4 && *out.as4 != as) return Value::Fatal;
  out.as4 = as;
  return Value::Understood;
}

// RFC 7911 §4: any other Send/Receive value makes the capability one that is not understood. There
// may be one instance; of several the first counts.
Value decode_add_path(Bytes value, Capabilities& out) {
  if (value.empty() || value.size() % 4 != 0 || !out.add_path.empty()) return Value::Ignored;
  ByteReader in{value};
  std::vector<AddPathFamily> families;
  while (in.remaining() > 0) {
    AddPathFamily entry;
    entry.family = take_family(in);
    const auto mode = in.take<std::uint8_t>();
    if (mode == 0 || mode > (kAddPathReceive | kAddPathSend)) return Value::Ignored;
    entry.receive = (mode & kAddPathReceive) != 0;
    entry.send = (mode & kAddPathSend) != 0;
    families.push_back(entry);
  }
  out.add_path = std::move(families);
  return Value::Understood;
}

// RFC 8950 §4: several add up.
Value decode_extended_next_hop(Bytes value, Capabilities& out) {
  if (value.empty() || value.size() % 6 != 0) return Value::Ignored;
  ByteReader in{value};
  while (in.remaining() > 0) {
    NextHopFamily entry;
    entry.afi = in.take<std::uint16_t>();
    entry.safi = in.take<std::uint16_t>();
    entry.next_hop_afi = in.take<std::uint16_t>();
    const bool is_known =
        std::ranges::find(out.extended_next_hop, entry) != out.extended_next_hop.end();
    if (!is_known) out.extended_next_hop.push_back(entry);
  }
  return Value::Understood;
}

// RFC 9234 §4.2: that several differ is for the one who compares.
Value decode_role(Bytes value, Capabilities& out) {
  if (value.size() != 1) return Value::Ignored;
  if (std::ranges::find(out.roles, value.front()) == out.roles.end())
    out.roles.push_back(value.front());
  return Value::Understood;
}

Value decode_capability(std::uint8_t code, Bytes value, Capabilities& out) {
  switch (static_cast<CapabilityCode>(code)) {
    case CapabilityCode::Multiprotocol: return decode_multiprotocol(value, out);
    case CapabilityCode::RouteRefresh: return decode_flag(value, out.route_refresh);
    case CapabilityCode::ExtendedNextHop: return decode_extended_next_hop(value, out);
    case CapabilityCode::ExtendedMessage: return decode_flag(value, out.extended_message);
    case CapabilityCode::Role: return decode_role(value, out);
    case CapabilityCode::GracefulRestart: return decode_restart(value, out);
    case CapabilityCode::FourOctetAs: return decode_four_octet_as(value, out);
    case CapabilityCode::AddPath: return decode_add_path(value, out);
    case CapabilityCode::LongLivedGracefulRestart: return decode_long_lived(value, out);
    case CapabilityCode::EnhancedRouteRefresh:
      return decode_flag(value, out.enhanced_route_refresh);
  }
  return Value::Ignored;
}

// The value of one Capabilities parameter (RFC 5492 §4). False: malformed.
bool decode_capabilities(Bytes parameter, Capabilities& out) {
  ByteReader in{parameter};
  while (in.remaining() > 0) {
    const auto code = in.take<std::uint8_t>();
    const auto length = in.take<std::uint8_t>();
    const Bytes value = in.take_bytes(length);
    if (!in.ok()) return false;
    switch (decode_capability(code, value, out)) {
      case Value::Understood: break;
      case Value::Ignored:
        out.others.push_back({.code = code, .value = {value.begin(), value.end()}});
        break;
      case Value::Fatal: return false;
    }
  }
  return true;
}

enum class LengthWidth : std::uint8_t { One, Two };

// Nothing: fine. Otherwise the subcode.
std::optional<std::uint8_t> decode_parameters(Bytes parameters, LengthWidth width,
                                              Capabilities& out) {
  ByteReader in{parameters};
  while (in.remaining() > 0) {
    const auto type = in.take<std::uint8_t>();
    const std::size_t length =
        width == LengthWidth::Two ? in.take<std::uint16_t>() : in.take<std::uint8_t>();
    const Bytes value = in.take_bytes(length);
    if (!in.ok()) return kMalformed;
    if (type != kCapabilitiesParameter) return kUnsupportedParameter;
    if (!decode_capabilities(value, out)) return kMalformed;
  }
  return std::nullopt;
}

// What follows Opt Parm Len; `length` is its value. It has to be the rest of the message, neither
// more nor less.
std::optional<std::uint8_t> decode_optional(std::uint8_t length, Bytes rest, Capabilities& out) {
  const bool is_extended = length != 0 && !rest.empty() && rest.front() == kExtendedLength;
  if (!is_extended) {
    if (rest.size() != length) return kMalformed;
    return decode_parameters(rest, LengthWidth::One, out);
  }
  // RFC 9072 §2: the one-octet length is ignored from here on.
  ByteReader in{rest.subspan(1)};
  const std::size_t extended = in.take<std::uint16_t>();
  if (!in.ok() || in.remaining() != extended) return kMalformed;
  return decode_parameters(rest.subspan(3), LengthWidth::Two, out);
}

void put_capability(CapabilityCode code, Bytes value, std::vector<std::uint8_t>& out) {
  PORTER_ASSERT(value.size() <= 255);
  out.push_back(static_cast<std::uint8_t>(code));
  out.push_back(static_cast<std::uint8_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
}

void put_family(AfiSafi family, ByteWriter& to) {
  to.put(family.afi);
  to.put(family.safi);
}

void put_restart(const RestartCapability& restart, std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> value;
  ByteWriter to{value};
  to.put(static_cast<std::uint16_t>((restart.restarting ? kRestartFlag : 0U) |
                                    (restart.notification ? kNotificationFlag : 0U) |
                                    std::min<unsigned>(restart.time, kRestartTime)));
  for (const RestartFamily& entry : restart.families) {
    put_family(entry.family, to);
    to.put(static_cast<std::uint8_t>(entry.forwarding_kept ? kForwardingFlag : 0U));
  }
  put_capability(CapabilityCode::GracefulRestart, value, out);
}

void put_long_lived(const std::vector<LongLivedFamily>& families, std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> value;
  ByteWriter to{value};
  for (const LongLivedFamily& entry : families) {
    put_family(entry.family, to);
    const std::uint32_t flags = entry.forwarding_kept ? kForwardingFlag : 0U;
    to.put(flags << 24U | std::min(entry.time, kMaxLongLivedTime));
  }
  put_capability(CapabilityCode::LongLivedGracefulRestart, value, out);
}

void put_add_path(const std::vector<AddPathFamily>& families, std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> value;
  ByteWriter to{value};
  for (const AddPathFamily& entry : families) {
    put_family(entry.family, to);
    to.put(static_cast<std::uint8_t>((entry.receive ? kAddPathReceive : 0U) |
                                     (entry.send ? kAddPathSend : 0U)));
  }
  put_capability(CapabilityCode::AddPath, value, out);
}

void put_extended_next_hop(const std::vector<NextHopFamily>& families,
                           std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> value;
  ByteWriter to{value};
  for (const NextHopFamily& entry : families) {
    to.put(entry.afi);
    to.put(entry.safi);
    to.put(entry.next_hop_afi);
  }
  put_capability(CapabilityCode::ExtendedNextHop, value, out);
}

std::vector<std::uint8_t> encode_capabilities(const Capabilities& capabilities) {
  std::vector<std::uint8_t> out;
  for (const AfiSafi& family : capabilities.families) {
    const std::array<std::uint8_t, 4> value{static_cast<std::uint8_t>(family.afi >> 8U),
                                            static_cast<std::uint8_t>(family.afi), 0, family.safi};
    put_capability(CapabilityCode::Multiprotocol, value, out);
  }
  if (capabilities.route_refresh) put_capability(CapabilityCode::RouteRefresh, {}, out);
  if (!capabilities.extended_next_hop.empty())
    put_extended_next_hop(capabilities.extended_next_hop, out);
  if (capabilities.extended_message) put_capability(CapabilityCode::ExtendedMessage, {}, out);
  for (const std::uint8_t role : capabilities.roles)
    put_capability(CapabilityCode::Role, std::array{role}, out);
  if (capabilities.restart) put_restart(*capabilities.restart, out);
  if (capabilities.as4) {
    std::vector<std::uint8_t> value;
    ByteWriter{value}.put(capabilities.as4->number);
    put_capability(CapabilityCode::FourOctetAs, value, out);
  }
  if (!capabilities.add_path.empty()) put_add_path(capabilities.add_path, out);
  if (capabilities.enhanced_route_refresh) {
    put_capability(CapabilityCode::EnhancedRouteRefresh, {}, out);
  }
  if (capabilities.long_lived) put_long_lived(*capabilities.long_lived, out);
  for (const UnknownCapability& other : capabilities.others) {
    put_capability(static_cast<CapabilityCode>(other.code), other.value, out);
  }
  return out;
}

}  // namespace

Result<Open, Notification> decode_open(Bytes body) {
  ByteReader in{body};
  Open open;
  open.version = in.take<std::uint8_t>();
  open.as = in.take<std::uint16_t>();
  open.hold_time = in.take<std::uint16_t>();
  open.id = RouterId{in.take<std::uint32_t>()};
  const auto optional_length = in.take<std::uint8_t>();
  if (!in.ok()) return refuse(kMalformed);
  // RFC 4271 §6.2: the data is the version we would have taken, in two octets. Another version may
  // have another layout, so nothing else is looked at.
  if (open.version != kVersion) {
    return refuse(kUnsupportedVersion, std::array<std::uint8_t, 2>{0, kVersion});
  }
  const std::optional<std::uint8_t> error =
      decode_optional(optional_length, body.subspan(kFixedBody), open.capabilities);
  if (error) return refuse(*error);
  return open;
}

void encode(const Open& open, std::vector<std::uint8_t>& out) {
  const std::vector<std::uint8_t> capabilities = encode_capabilities(open.capabilities);
  const std::size_t plain = capabilities.empty() ? 0 : 2 + capabilities.size();
  const bool is_extended = plain > kMostPlain;  // RFC 9072 §2
  const std::size_t optional = is_extended ? 6 + capabilities.size() : plain;
  const std::size_t size = kHeaderSize + kFixedBody + optional;
  PORTER_ASSERT(size <= kMaxMessage);

  out.insert(out.end(), 16, 0xff);
  ByteWriter to{out};
  to.put(static_cast<std::uint16_t>(size));
  to.put(static_cast<std::uint8_t>(MessageType::Open));
  to.put(open.version);
  to.put(open.as);
  to.put(open.hold_time);
  to.put(open.id.bits);
  to.put(static_cast<std::uint8_t>(is_extended ? kExtendedLength : plain));
  if (is_extended) {
    to.put(kExtendedLength);
    to.put(static_cast<std::uint16_t>(3 + capabilities.size()));
  }
  if (capabilities.empty()) return;
  to.put(kCapabilitiesParameter);
  if (is_extended) {
    to.put(static_cast<std::uint16_t>(capabilities.size()));
  } else {
    to.put(static_cast<std::uint8_t>(capabilities.size()));
  }
  out.insert(out.end(), capabilities.begin(), capabilities.end());
}

}  // namespace porter::bgp
