// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "bgp/message.hpp"

// NOTIFICATIONs in words. Names are those of the IANA registry "BGP Error (Notification) Codes";
// what has no name stays a number, and what the peer wrote is shown, never trusted.
namespace porter::bgp {
namespace {

// RFC 4271 §4.5, 7313 §5, 9687 §4.
constexpr std::array<std::string_view, 9> kCodes{
    "",
    "Message Header Error",
    "OPEN Message Error",
    "UPDATE Message Error",
    "Hold Timer Expired",
    "Finite State Machine Error",
    "Cease",
    "ROUTE-REFRESH Message Error",
    "Send Hold Timer Expired",
};

// The subcodes of one code, from 1 on; an empty name is not assigned.
std::span<const std::string_view> subcodes_of(std::uint8_t code) {
  static constexpr std::array<std::string_view, 3> kHeader{
      "Connection Not Synchronized", "Bad Message Length", "Bad Message Type"};
  static constexpr std::array<std::string_view, 11> kOpen{// RFC 4271, 5492, 9234
                                                          "Unsupported Version Number",
                                                          "Bad Peer AS",
                                                          "Bad BGP Identifier",
                                                          "Unsupported Optional Parameter",
                                                          "Authentication Failure",
                                                          "Unacceptable Hold Time",
                                                          "Unsupported Capability",
                                                          "",
                                                          "",
                                                          "",
                                                          "Role Mismatch"};
  static constexpr std::array<std::string_view, 11> kUpdate{"Malformed Attribute List",
                                                            "Unrecognized Well-known Attribute",
                                                            "Missing Well-known Attribute",
                                                            "Attribute Flags Error",
                                                            "Attribute Length Error",
                                                            "Invalid ORIGIN Attribute",
                                                            "AS Routing Loop",
                                                            "Invalid NEXT_HOP Attribute",
                                                            "Optional Attribute Error",
                                                            "Invalid Network Field",
                                                            "Malformed AS_PATH"};
  static constexpr std::array<std::string_view, 3> kStateMachine{
      // RFC 6608
      "Receive Unexpected Message in OpenSent State",
      "Receive Unexpected Message in OpenConfirm State",
      "Receive Unexpected Message in Established State"};
  static constexpr std::array<std::string_view, 10> kCease{// RFC 4486, 8538, 9384
                                                           "Maximum Number of Prefixes Reached",
                                                           "Administrative Shutdown",
                                                           "Peer De-configured",
                                                           "Administrative Reset",
                                                           "Connection Rejected",
                                                           "Other Configuration Change",
                                                           "Connection Collision Resolution",
                                                           "Out of Resources",
                                                           "Hard Reset",
                                                           "BFD Down"};
  static constexpr std::array<std::string_view, 1> kRefresh{"Invalid Message Length"};

  switch (static_cast<ErrorCode>(code)) {
    case ErrorCode::MessageHeader: return kHeader;
    case ErrorCode::OpenMessage: return kOpen;
    case ErrorCode::UpdateMessage: return kUpdate;
    case ErrorCode::FiniteStateMachine: return kStateMachine;
    case ErrorCode::Cease: return kCease;
    case ErrorCode::RouteRefreshMessage: return kRefresh;
    case ErrorCode::HoldTimerExpired:
    case ErrorCode::SendHoldTimerExpired: break;
  }
  return {};
}

// "Cease/Administrative Shutdown"; subcode 0 says nothing and is left out.
std::string names(std::uint8_t code, std::uint8_t subcode) {
  if (code == 0 || code >= kCodes.size()) return fmt::format("{}/{}", code, subcode);
  const std::string_view name = kCodes.at(code);
  if (subcode == 0) return std::string{name};
  const std::span<const std::string_view> known = subcodes_of(code);
  if (subcode <= known.size() && !known[subcode - 1U].empty()) {
    return fmt::format("{}/{}", name, known[subcode - 1U]);
  }
  return fmt::format("{}/{}", name, subcode);
}

struct CodePoint {
  char32_t value = 0;
  std::size_t octets = 0;  // 0: not UTF-8
};

// The code point at the front of `text`, by the table of RFC 3629 §4: no overlong forms, no
// surrogates.
CodePoint first_code_point(Bytes text) {
  const std::uint8_t lead = text.front();
  if (lead < 0x80) return {.value = lead, .octets = 1};
  const std::size_t octets = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < octets) return {};
  char32_t value = lead & (0xffU >> (octets + 1));
  for (const std::uint8_t octet : text.subspan(1, octets - 1)) {
    if ((octet & 0xc0U) != 0x80U) return {};
    value = (value << 6U) | (octet & 0x3fU);
  }
  static constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kLeast.at(octets) || value > 0x10ffff || is_surrogate) return {};
  return {.value = value, .octets = octets};
}

// Whether it may stand in a terminal or a log: not a control, a line end, or one of those that turn
// round, hide or pretend what stands beside them.
bool is_harmless(char32_t c) {
  struct Span {
    char32_t first;
    char32_t last;
  };
  static constexpr std::array<Span, 11> kHarmful{{
      {0x00, 0x1f},
      {0x7f, 0xa0},
      {0xad, 0xad},
      {0x61c, 0x61c},
      {0x200b, 0x200f},
      {0x2028, 0x202f},
      {0x2060, 0x206f},
      {0xe000, 0xf8ff},
      {0xfe00, 0xfeff},
      {0xfff0, 0xffff},
      {0xe0000, 0x10ffff},
  }};
  return std::ranges::none_of(kHarmful,
                              [c](const Span& span) { return c >= span.first && c <= span.last; });
}

std::string escaped(Bytes text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const std::size_t octets = std::max<std::size_t>(point.octets, 1);
    if (point.octets == 0) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", text.front());
    } else if (point.value == '"' || point.value == '\\') {
      out += '\\';
      out += static_cast<char>(point.value);
    } else if (is_harmless(point.value)) {
      for (const std::uint8_t octet : text.first(octets))
        out += static_cast<char>(octet);
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{{{:x}}}",
                     static_cast<std::uint32_t>(point.value));
    }
    text = text.subspan(octets);
  }
  return out;
}

// RFC 9003 §2. The length octet may claim more than there is (CVE-2019-16159) or less.
std::string communication(Bytes data) {
  if (data.empty()) return {};
  const Bytes text = data.subspan(1).first(std::min<std::size_t>(data.front(), data.size() - 1));
  return text.empty() ? std::string{} : fmt::format(" \"{}\"", escaped(text));
}

bool carries_communication(std::uint8_t code, std::uint8_t subcode) {
  return code == static_cast<std::uint8_t>(ErrorCode::Cease) &&
         (subcode == static_cast<std::uint8_t>(Cease::AdministrativeShutdown) ||
          subcode == static_cast<std::uint8_t>(Cease::AdministrativeReset));
}

// Code, subcode and what their data says in words.
std::string plainly(std::uint8_t code, std::uint8_t subcode, Bytes data) {
  std::string text = names(code, subcode);
  if (carries_communication(code, subcode)) text += communication(data);
  return text;
}

}  // namespace

std::string describe(const Notification& notification) {
  const Bytes data{notification.data};
  std::string text = plainly(notification.code, notification.subcode, data);
  // RFC 8538 §3.1: a Hard Reset carries the NOTIFICATION it stands for; never another Hard Reset.
  const bool is_hard_reset = notification.code == static_cast<std::uint8_t>(ErrorCode::Cease) &&
                             notification.subcode == static_cast<std::uint8_t>(Cease::HardReset);
  if (is_hard_reset && data.size() >= 2) {
    text += fmt::format(" ({})", plainly(data[0], data[1], data.subspan(2)));
  }
  return text;
}

}  // namespace porter::bgp
