// SPDX-License-Identifier: Apache-2.0
#include "bgp/message.hpp"

namespace {

using namespace porter::bgp;  // NOLINT(google-build-using-namespace): a program of its own

void expect(bool claim) {
  if (!claim) __builtin_trap();
}

// The whole message again, and the same inside it.
template <class Message, class Decode>
void round_trip(const Message& message, Decode decode) {
  std::vector<std::uint8_t> wire;
  encode(message, wire);
  const auto framed = frame(wire, kMaxMessage);
  expect(std::holds_alternative<Frame>(framed));
  expect(std::get<Frame>(framed).size == wire.size());
  expect(decode(std::get<Frame>(framed).body) == message);
}

void look_into(const Frame& message) {
  switch (static_cast<MessageType>(message.type)) {
    case MessageType::Notification: {
      const auto notification = decode_notification(message.body);
      expect(notification.has_value());
      expect(!describe(*notification).empty());
      if (message.size <= kMaxMessage) round_trip(*notification, decode_notification);
      return;
    }
    case MessageType::RouteRefresh: {
      const auto refresh = decode_route_refresh(message.body);
      if (refresh) {
        round_trip(*refresh, decode_route_refresh);
      } else {
        expect(refresh.error().code == static_cast<std::uint8_t>(ErrorCode::RouteRefreshMessage));
        expect(refresh.error().data.size() == message.size);
      }
      return;
    }
    case MessageType::Keepalive: expect(message.body.empty()); return;
    case MessageType::Open:
    case MessageType::Update: return;  // they have targets of their own
  }
  __builtin_trap();
}

void read_stream(porter::Bytes stream, std::size_t max_size) {
  for (;;) {
    const auto framed = frame(stream, max_size);
    if (std::holds_alternative<NeedMore>(framed)) {
      expect(stream.size() < max_size);
      return;
    }
    if (const auto* const error = std::get_if<Notification>(&framed)) {
      round_trip(*error, decode_notification);
      return;
    }
    const Frame& message = std::get<Frame>(framed);
    expect(message.size <= max_size && message.size == kHeaderSize + message.body.size());
    look_into(message);
    stream = stream.subspan(message.size);
  }
}

}  // namespace

// A byte stream as a peer may send it: every message of it, and the error that ends it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_stream({data, size}, kMaxMessage);
  read_stream({data, size}, kMaxExtendedMessage);
  return 0;
}
