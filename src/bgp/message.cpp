// SPDX-License-Identifier: Apache-2.0
#include "bgp/message.hpp"

#include <algorithm>

#include "bgp/attribute_table.hpp"

namespace porter::bgp {
namespace {

constexpr std::size_t kMarkerSize = 16;
constexpr std::uint8_t kMarkerOctet = 0xff;
constexpr std::size_t kRefreshBody = 4;
constexpr std::size_t kMaxCommunication = 255;  // RFC 9003 §2
// RFC 8654 §4 lets only peers with the capability have more, and nobody needs it.
constexpr std::size_t kMaxErrorData = kMaxMessage - kHeaderSize - 2;

// Subcodes of the Message Header Error (RFC 4271 §6.1).
constexpr std::uint8_t kNotSynchronized = 1;
constexpr std::uint8_t kBadMessageLength = 2;
constexpr std::uint8_t kBadMessageType = 3;
// Of the ROUTE-REFRESH Message Error (RFC 7313 §5).
constexpr std::uint8_t kInvalidMessageLength = 1;

struct Bounds {
  std::size_t least;
  std::size_t most;
};

// The whole-message lengths of a type, header included; nothing: not a type we know. OPEN and
// KEEPALIVE are never extended (RFC 8654 §4).
std::optional<Bounds> bounds_of(std::uint8_t type, std::size_t max_size) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::Open: return Bounds{.least = 29, .most = kMaxMessage};
    case MessageType::Update: return Bounds{.least = 23, .most = max_size};
    case MessageType::Notification: return Bounds{.least = 21, .most = max_size};
    case MessageType::Keepalive: return Bounds{.least = kHeaderSize, .most = kHeaderSize};
    case MessageType::RouteRefresh: return Bounds{.least = 23, .most = max_size};
  }
  return std::nullopt;
}

Notification bad_length(std::size_t length) {
  const std::array<std::uint8_t, 2> data{static_cast<std::uint8_t>(length >> 8U),
                                         static_cast<std::uint8_t>(length)};
  return notification(ErrorCode::MessageHeader, kBadMessageLength, data);
}

void put_header(MessageType type, std::size_t body, std::vector<std::uint8_t>& out) {
  out.insert(out.end(), kMarkerSize, kMarkerOctet);
  ByteWriter to{out};
  to.put(static_cast<std::uint16_t>(kHeaderSize + body));
  to.put(static_cast<std::uint8_t>(type));
}

// The longest front of at most `most` octets that does not cut a UTF-8 sequence in two.
std::string_view cut_text(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t size = most;
  while (size > 0 && (static_cast<std::uint8_t>(text[size]) & 0xc0U) == 0x80U)
    --size;
  return text.substr(0, size);
}

}  // namespace

Notification notification(ErrorCode code, std::uint8_t subcode, Bytes data) {
  return {.code = static_cast<std::uint8_t>(code),
          .subcode = subcode,
          .data = {data.begin(), data.end()}};
}

Notification cease(Cease subcode, std::string_view communication) {
  Notification made = notification(ErrorCode::Cease, static_cast<std::uint8_t>(subcode));
  const bool may_speak =
      subcode == Cease::AdministrativeShutdown || subcode == Cease::AdministrativeReset;
  if (!may_speak || communication.empty()) return made;
  const std::string_view text = cut_text(communication, kMaxCommunication);
  made.data.push_back(static_cast<std::uint8_t>(text.size()));
  made.data.insert(made.data.end(), text.begin(), text.end());
  return made;
}

std::variant<NeedMore, Frame, Notification> frame(Bytes stream, std::size_t max_size) {
  // A marker that is wrong already need not be waited for: whoever speaks HTTP to us learns it at
  // once.
  const Bytes marker = stream.first(std::min(stream.size(), kMarkerSize));
  if (std::ranges::any_of(marker, [](std::uint8_t octet) { return octet != kMarkerOctet; })) {
    return notification(ErrorCode::MessageHeader, kNotSynchronized);
  }
  if (stream.size() < kHeaderSize) return NeedMore{};

  ByteReader in{stream.subspan(kMarkerSize)};
  const std::size_t length = in.take<std::uint16_t>();
  const auto type = in.take<std::uint8_t>();
  if (length < kHeaderSize || length > max_size) return bad_length(length);
  const std::optional<Bounds> bounds = bounds_of(type, max_size);
  if (!bounds) {
    return notification(ErrorCode::MessageHeader, kBadMessageType, std::array{type});
  }
  if (length < bounds->least || length > bounds->most) return bad_length(length);
  if (stream.size() < length) return NeedMore{};
  return Frame{
      .type = type, .body = stream.subspan(kHeaderSize, length - kHeaderSize), .size = length};
}

Result<Notification, Notification> decode_notification(Bytes body) {
  ByteReader in{body};
  Notification decoded;
  decoded.code = in.take<std::uint8_t>();
  decoded.subcode = in.take<std::uint8_t>();
  if (!in.ok()) return Failure<Notification>{bad_length(kHeaderSize + body.size())};
  const Bytes data = in.take_bytes(in.remaining());
  decoded.data.assign(data.begin(), data.end());
  return decoded;
}

Result<RouteRefresh, Notification> decode_route_refresh(Bytes body) {
  ByteReader in{body};
  RouteRefresh refresh;
  refresh.family.afi = in.take<std::uint16_t>();
  refresh.subtype = in.take<std::uint8_t>();
  refresh.family.safi = in.take<std::uint8_t>();
  if (!in.ok()) return Failure<Notification>{bad_length(kHeaderSize + body.size())};
  // RFC 7313 §5: BoRR and EoRR have no more than these four octets, and the data of the error is
  // the whole message. A plain request may carry ORF entries (RFC 5291), which we did not ask for.
  const bool is_marker = refresh.subtype == 1 || refresh.subtype == 2;
  if (is_marker && body.size() != kRefreshBody) {
    std::vector<std::uint8_t> message;
    put_header(MessageType::RouteRefresh, body.size(), message);
    message.insert(message.end(), body.begin(), body.end());
    return Failure<Notification>{
        notification(ErrorCode::RouteRefreshMessage, kInvalidMessageLength, message)};
  }
  return refresh;
}

void encode(const Notification& notification, std::vector<std::uint8_t>& out) {
  const Bytes data =
      Bytes{notification.data}.first(std::min(notification.data.size(), kMaxErrorData));
  put_header(MessageType::Notification, 2 + data.size(), out);
  out.push_back(notification.code);
  out.push_back(notification.subcode);
  out.insert(out.end(), data.begin(), data.end());
}

void encode(const RouteRefresh& refresh, std::vector<std::uint8_t>& out) {
  put_header(MessageType::RouteRefresh, kRefreshBody, out);
  ByteWriter to{out};
  to.put(refresh.family.afi);
  to.put(refresh.subtype);
  to.put(refresh.family.safi);
}

void encode_keepalive(std::vector<std::uint8_t>& out) {
  put_header(MessageType::Keepalive, 0, out);
}

void encode_end_of_rib(Family family, std::vector<std::uint8_t>& out) {
  const bool is_empty =
      family == Family::V4;  // an UPDATE that says nothing; others name their family
  put_header(MessageType::Update, is_empty ? 4 : 10, out);
  ByteWriter to{out};
  to.put(std::uint16_t{0});  // Withdrawn Routes Length
  to.put(static_cast<std::uint16_t>(is_empty ? 0 : 6));
  if (is_empty) return;
  to.put(kOptional);
  to.put(type_code::kMpUnreachNlri);
  to.put(std::uint8_t{3});
  to.put(unicast(family).afi);
  to.put(unicast(family).safi);
}

}  // namespace porter::bgp
