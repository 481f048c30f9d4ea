// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <variant>

#include "bgp/open.hpp"
#include "bgp/types.hpp"

// Messages of RFC 4271 §4 and RFC 2918, decoded in two steps: frame() finds the next whole message
// in a byte stream and checks its header; decode_*() look into its body. UPDATEs have a file of
// their own (update.hpp), since their errors have verdicts (RFC 7606), not one outcome.
namespace porter::bgp {

// What goes into a NOTIFICATION, ours or theirs. Codes and subcodes are raw: unknown ones survive.
struct Notification {
  std::uint8_t code = 0;
  std::uint8_t subcode = 0;
  std::vector<std::uint8_t> data;
  friend bool operator==(const Notification&, const Notification&) = default;
};
[[nodiscard]] Notification notification(ErrorCode code, std::uint8_t subcode, Bytes data = Bytes());
[[nodiscard]] Notification cease(
    Cease subcode,
    std::string_view communication = std::string_view());  // RFC 9003 for 2 and 4
// "Cease/Administrative Shutdown \"upgrade window\"", "OPEN Message Error/Bad Peer AS", "99/99".
// Text from the peer is escaped and cut; its length octet and UTF-8 are not trusted.
[[nodiscard]] std::string describe(const Notification& notification);

struct Frame {
  std::uint8_t type = 0;  // a MessageType after frame() accepted it
  Bytes body;             // behind the header
  std::size_t size = 0;   // of the whole message
};
struct NeedMore {};
// Looks at the front of `stream`. A Notification is the error to send: marker 1/1, length 1/2 with
// the length as data, type 1/3 with the type as data. Lengths are checked as soon as the header is
// there, before the body is. `max_size`: kMaxMessage, or kMaxExtendedMessage once negotiated (not
// for OPEN and KEEPALIVE, RFC 8654 §4).
[[nodiscard]] std::variant<NeedMore, Frame, Notification> frame(Bytes stream, std::size_t max_size);

struct RouteRefresh {
  AfiSafi family;
  std::uint8_t subtype = 0;  // 0 request, 1 BoRR, 2 EoRR (RFC 7313); others ignored
  friend bool operator==(const RouteRefresh&, const RouteRefresh&) = default;
};

// The error, if any, is the NOTIFICATION to send.
[[nodiscard]] Result<Open, Notification> decode_open(Bytes body);
[[nodiscard]] Result<Notification, Notification> decode_notification(Bytes body);
[[nodiscard]] Result<RouteRefresh, Notification> decode_route_refresh(Bytes body);

// Each appends one whole message, header included.
void encode(const Open& open, std::vector<std::uint8_t>& out);
void encode(const Notification& notification, std::vector<std::uint8_t>& out);
void encode(const RouteRefresh& refresh, std::vector<std::uint8_t>& out);
void encode_keepalive(std::vector<std::uint8_t>& out);
void encode_end_of_rib(Family family, std::vector<std::uint8_t>& out);  // RFC 4724 §2

}  // namespace porter::bgp
