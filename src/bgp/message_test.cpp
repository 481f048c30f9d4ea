// SPDX-License-Identifier: Apache-2.0
#include "bgp/message.hpp"

#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bgp/test_wire.hpp"

namespace porter::bgp {
namespace {

using wire::join;
using wire::Octets;

// ----- header errors (RFC 4271 §6.1)

struct HeaderCase {
  std::string_view id;
  std::string_view title;
  Octets stream;
  std::uint8_t subcode;
  Octets data;
  std::size_t max_size = kMaxMessage;
};

class BadHeader : public testing::TestWithParam<HeaderCase> {};

TEST_P(BadHeader, IsAnsweredWithItsNotification) {
  const HeaderCase& c = GetParam();
  const auto framed = frame(c.stream, c.max_size);
  ASSERT_TRUE(std::holds_alternative<Notification>(framed));
  const Notification expected{.code = 1, .subcode = c.subcode, .data = c.data};
  EXPECT_EQ(std::get<Notification>(framed), expected);
}

Octets with_marker(Octets message, std::size_t at, std::uint8_t octet) {
  message[at] = octet;
  return message;
}

std::vector<HeaderCase> header_cases() {
  const Octets keepalive = wire::message(4, {});
  const Octets open = wire::message(1, wire::open({}));
  const Octets update = wire::message(2, wire::zeros(4));
  return {
      {"HDR-02", "KEEPALIVE, marker last octet 0xfe", with_marker(keepalive, 15, 0xfe), 1, {}},
      {"HDR-04", "UPDATE, marker with one bit flipped", with_marker(update, 7, 0x7f), 1, {}},
      {"HDR-05", "OPEN with bad marker", with_marker(open, 0, 0), 1, {}},
      {"HDR-06", "length 0", wire::message(4, {}, 0), 2, {0, 0}},
      {"HDR-07", "length 1", wire::message(4, {}, 1), 2, {0, 1}},
      {"HDR-08", "length 18", wire::message(4, {}, 18), 2, {0, 18}},
      {"HDR-09", "UPDATE of 4097 octets", wire::message(2, wire::zeros(4078)), 2, {0x10, 0x01}},
      {"HDR-10", "UPDATE of 65535 octets, header only", wire::message(2, {}, 65535), 2, {255, 255}},
      {"HDR-12", "KEEPALIVE of 4096 octets", wire::message(4, wire::zeros(4077)), 2, {0x10, 0}},
      {"HDR-12a", "KEEPALIVE of 20 octets", wire::message(4, {0}), 2, {0, 20}},
      {"HDR-13", "OPEN of 28 octets", wire::message(1, wire::zeros(9)), 2, {0, 28}},
      {"HDR-14", "OPEN without a body", wire::message(1, {}), 2, {0, 19}},
      {"HDR-16", "UPDATE without a body", wire::message(2, {}), 2, {0, 19}},
      {"HDR-16a", "UPDATE of 22 octets", wire::message(2, wire::zeros(3)), 2, {0, 22}},
      {"HDR-17", "NOTIFICATION of 20 octets", wire::message(3, {6}), 2, {0, 20}},
      {"HDR-18", "NOTIFICATION without a body", wire::message(3, {}), 2, {0, 19}},
      {"HDR-19", "ROUTE-REFRESH without a body", wire::message(5, {}), 2, {0, 19}},
      {"HDR-22", "type 7", wire::message(7, {}), 3, {7}},
      {"HDR-22a", "type 0", wire::message(0, {}), 3, {0}},
      {"HDR-24", "type 255 with a body", wire::message(255, Octets(100, 'A')), 3, {255}},
      {"HDR-25", "type 9", wire::message(9, {}), 3, {9}},
      {"HDR-26", "HTTP GET", wire::text("GET / HTTP/1.1\r\nHost: bgp\r\n\r\n"), 1, {}},
      {"HDR-26a", "HTTP shorter than a header", wire::text("GET /\r\n"), 1, {}},
      {"HDR-27", "TLS ClientHello", join({{0x16, 3, 1, 0, 0xc8}, Octets(200, 'B')}), 1, {}},
      {"HDR-28", "4096 octets of 0xff", Octets(4096, 0xff), 2, {255, 255}},
      {"RRF-03", "ROUTE-REFRESH of 3 octets", wire::message(5, {0, 1, 0}), 2, {0, 22}},
      {"OPN-81",
       "OPEN of 4099 octets",
       wire::message(1, wire::zeros(4080)),
       2,
       {0x10, 0x03},
       kMaxExtendedMessage},
      {"XMG-03",
       "KEEPALIVE of 4097 octets",
       wire::message(4, wire::zeros(4078)),
       2,
       {0x10, 0x01},
       kMaxExtendedMessage},
  };
}

INSTANTIATE_TEST_SUITE_P(Rfc4271, BadHeader, testing::ValuesIn(header_cases()),
                         [](const auto& row) {
                           return wire::test_name(row.param.id, row.param.title);
                         });

TEST(Frame, WaitsForTheHeaderAndThenForTheBody) {
  const Octets message = wire::message(3, {6, 2, 1, 'x'});
  for (std::size_t size = 0; size < message.size(); ++size) {
    EXPECT_TRUE(std::holds_alternative<NeedMore>(frame(Bytes{message}.first(size), kMaxMessage)));
  }
  const auto framed = frame(message, kMaxMessage);
  ASSERT_TRUE(std::holds_alternative<Frame>(framed));
  EXPECT_EQ(std::get<Frame>(framed).type, 3);
  EXPECT_EQ(std::get<Frame>(framed).size, message.size());
  EXPECT_TRUE(std::ranges::equal(std::get<Frame>(framed).body, Octets{6, 2, 1, 'x'}));
}

TEST(Frame, RefusesALengthBeforeTheBodyIsThere) {
  const Octets header = wire::message(2, {}, 5000);
  EXPECT_TRUE(std::holds_alternative<Notification>(frame(header, kMaxMessage)));
  EXPECT_TRUE(std::holds_alternative<NeedMore>(frame(header, kMaxExtendedMessage)));
}

TEST(Frame, LeavesWhatFollowsAlone) {
  const Octets stream = join({wire::message(4, {}), {0, 1, 2}});
  const auto framed = frame(stream, kMaxMessage);
  ASSERT_TRUE(std::holds_alternative<Frame>(framed));
  EXPECT_EQ(std::get<Frame>(framed).size, kHeaderSize);
}

TEST(Frame, TakesTheLargestMessageOfEachKind) {
  const Octets plain = wire::message(2, wire::zeros(kMaxMessage - kHeaderSize));
  EXPECT_TRUE(std::holds_alternative<Frame>(frame(plain, kMaxMessage)));
  const Octets extended = wire::message(2, wire::zeros(kMaxExtendedMessage - kHeaderSize));
  EXPECT_TRUE(std::holds_alternative<Frame>(frame(extended, kMaxExtendedMessage)));
  const Octets xmg06 = wire::message(3, join({{6, 4}, Octets(64979, 'z')}));
  EXPECT_TRUE(std::holds_alternative<Frame>(frame(xmg06, kMaxExtendedMessage)));
}

// ----- NOTIFICATION

Notification arbitrary_notification() {
  return {.code = *rc::gen::arbitrary<std::uint8_t>(),
          .subcode = *rc::gen::arbitrary<std::uint8_t>(),
          .data = *rc::gen::arbitrary<Octets>()};
}

RC_GTEST_PROP(NotificationMessage, DecodeUndoesEncode, ()) {
  const Notification notification = arbitrary_notification();
  Octets message;
  encode(notification, message);
  const auto framed = frame(message, kMaxMessage);
  RC_ASSERT(std::holds_alternative<Frame>(framed));
  RC_ASSERT(std::get<Frame>(framed).size == message.size());
  RC_ASSERT(decode_notification(std::get<Frame>(framed).body) == notification);
}

RC_GTEST_PROP(NotificationMessage, IsDescribedInPrintableText, ()) {
  Notification notification = arbitrary_notification();
  if (*rc::gen::arbitrary<bool>()) {
    notification.code = 6;
    notification.subcode = *rc::gen::element<std::uint8_t>(2, 4, 9);
  }
  const std::string text = describe(notification);
  RC_ASSERT(!text.empty());
  RC_ASSERT(text.size() < 2000U);
  for (const char c : text) {
    const auto octet = static_cast<std::uint8_t>(c);
    RC_ASSERT(octet >= 0x20 && octet != 0x7f);
  }
}

TEST(NotificationMessage, WithTooMuchDataIsCutToAMessage) {
  Octets message;
  encode(Notification{.code = 7, .subcode = 1, .data = Octets(60'000, 'x')}, message);
  EXPECT_EQ(message.size(), kMaxMessage);
  EXPECT_TRUE(std::holds_alternative<Frame>(frame(message, kMaxMessage)));
}

TEST(NotificationMessage, TooShortIsALengthError) {
  const auto decoded = decode_notification(Octets{6});
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error(), (Notification{.code = 1, .subcode = 2, .data = {0, 20}}));
}

TEST(Describe, NamesWhatIsKnownAndKeepsTheNumbersOfTheRest) {
  const auto words = [](std::uint8_t code, std::uint8_t subcode) {
    return describe(Notification{.code = code, .subcode = subcode, .data = {}});
  };
  EXPECT_EQ(words(1, 2), "Message Header Error/Bad Message Length");
  EXPECT_EQ(words(2, 2), "OPEN Message Error/Bad Peer AS");
  EXPECT_EQ(words(2, 11), "OPEN Message Error/Role Mismatch");
  EXPECT_EQ(words(2, 8), "OPEN Message Error/8");
  EXPECT_EQ(words(3, 11), "UPDATE Message Error/Malformed AS_PATH");
  EXPECT_EQ(words(4, 0), "Hold Timer Expired");
  EXPECT_EQ(words(4, 3), "Hold Timer Expired/3");
  EXPECT_EQ(words(5, 3),
            "Finite State Machine Error/Receive Unexpected Message in Established State");
  EXPECT_EQ(words(6, 10), "Cease/BFD Down");
  EXPECT_EQ(words(6, 77), "Cease/77");
  EXPECT_EQ(words(7, 1), "ROUTE-REFRESH Message Error/Invalid Message Length");
  EXPECT_EQ(words(8, 0), "Send Hold Timer Expired");
  EXPECT_EQ(words(99, 99), "99/99");
  EXPECT_EQ(words(0, 0), "0/0");
}

std::string described(std::uint8_t subcode, const Octets& data) {
  return describe(Notification{.code = 6, .subcode = subcode, .data = data});
}

TEST(Describe, ShowsTheShutdownCommunication) {
  EXPECT_EQ(described(2, join({{14}, wire::text("upgrade window")})),
            "Cease/Administrative Shutdown \"upgrade window\"");
  EXPECT_EQ(described(4, join({{6}, wire::text("维护")})), "Cease/Administrative Reset \"维护\"");
  EXPECT_EQ(described(3, join({{2}, wire::text("no")})), "Cease/Peer De-configured");
}

TEST(Describe, DoesNotTrustTheLengthOfTheCommunication) {
  EXPECT_EQ(described(2, join({{255}, wire::text("abc")})),  // FSM-17
            "Cease/Administrative Shutdown \"abc\"");
  EXPECT_EQ(described(2, join({{2}, wire::text("abc")})), "Cease/Administrative Shutdown \"ab\"");
  EXPECT_EQ(described(4, {0}), "Cease/Administrative Reset");  // FSM-20
  EXPECT_EQ(described(2, {}), "Cease/Administrative Shutdown");
  const std::string longest(255, 'm');  // FSM-18
  EXPECT_EQ(described(2, join({{255}, wire::text(longest)})),
            "Cease/Administrative Shutdown \"" + longest + "\"");
}

TEST(Describe, EscapesWhatCouldHarmATerminal) {
  EXPECT_EQ(described(2, join({{8}, wire::text("a\n\x1b[2J\"\\")})),
            "Cease/Administrative Shutdown \"a\\u{a}\\u{1b}[2J\\\"\\\\\"");
  EXPECT_EQ(described(2, {3, 0xff, 0xc0, 0x80}),
            "Cease/Administrative Shutdown \"\\xff\\xc0\\x80\"");
  EXPECT_EQ(described(2, {3, 0xed, 0xa0, 0x80}),  // a surrogate
            "Cease/Administrative Shutdown \"\\xed\\xa0\\x80\"");
  EXPECT_EQ(described(2, {3, 0xe2, 0x80, 0xae}),  // right-to-left override
            "Cease/Administrative Shutdown \"\\u{202e}\"");
  EXPECT_EQ(described(2, {2, 0xe2, 0x80}), "Cease/Administrative Shutdown \"\\xe2\\x80\"");
}

TEST(Describe, LooksIntoAHardReset) {
  EXPECT_EQ(described(9, join({{6, 2, 3}, wire::text("bye")})),
            "Cease/Hard Reset (Cease/Administrative Shutdown \"bye\")");
  EXPECT_EQ(described(9, {}), "Cease/Hard Reset");   // FSM-21
  EXPECT_EQ(described(9, {6}), "Cease/Hard Reset");  // FSM-22
  EXPECT_EQ(described(9, {6, 9, 6, 9, 6, 9}), "Cease/Hard Reset (Cease/Hard Reset)");
}

TEST(CeaseNotification, CarriesACommunicationOnlyWhereRfc9003HasOne) {
  EXPECT_EQ(cease(Cease::AdministrativeShutdown, "bye"),
            (Notification{.code = 6, .subcode = 2, .data = {3, 'b', 'y', 'e'}}));
  EXPECT_EQ(cease(Cease::AdministrativeShutdown),
            (Notification{.code = 6, .subcode = 2, .data = {}}));
  EXPECT_EQ(cease(Cease::ConnectionCollision, "bye"),
            (Notification{.code = 6, .subcode = 7, .data = {}}));
}

TEST(CeaseNotification, CutsTheCommunicationBetweenCharacters) {
  std::string text(254, 'x');
  text += "\u00e9";  // two octets, of which one would fit
  const Notification made = cease(Cease::AdministrativeReset, text);
  ASSERT_EQ(made.data.size(), 255U);
  EXPECT_EQ(made.data.front(), 254);
  EXPECT_EQ(made.data.back(), 'x');
}

// ----- ROUTE-REFRESH

RC_GTEST_PROP(RouteRefreshMessage, DecodeUndoesEncode, ()) {
  const RouteRefresh refresh{.family = {.afi = *rc::gen::arbitrary<std::uint16_t>(),
                                        .safi = *rc::gen::arbitrary<std::uint8_t>()},
                             .subtype = *rc::gen::arbitrary<std::uint8_t>()};
  Octets message;
  encode(refresh, message);
  const auto framed = frame(message, kMaxMessage);
  RC_ASSERT(std::holds_alternative<Frame>(framed));
  RC_ASSERT(decode_route_refresh(std::get<Frame>(framed).body) == refresh);
}

TEST(RouteRefreshMessage, OfAnyFamilyAndSubtypeIsUnderstood) {
  EXPECT_EQ(decode_route_refresh(Octets{0, 25, 0, 70}),  // RRF-01
            (RouteRefresh{.family = {.afi = 25, .safi = 70}, .subtype = 0}));
  EXPECT_EQ(decode_route_refresh(Octets{0, 0, 0, 0}),  // RRF-02
            (RouteRefresh{.family = {.afi = 0, .safi = 0}, .subtype = 0}));
  EXPECT_EQ(decode_route_refresh(Octets{0, 1, 3, 1}),  // RRF-07
            (RouteRefresh{.family = {.afi = 1, .safi = 1}, .subtype = 3}));
}

TEST(RouteRefreshMessage, WithOrfEntriesIsAPlainRequest) {
  const RouteRefresh plain{.family = {.afi = 1, .safi = 1}, .subtype = 0};
  EXPECT_EQ(decode_route_refresh(Octets{0, 1, 0, 1, 1}), plain);                // RRF-04
  EXPECT_EQ(decode_route_refresh(Octets{0, 1, 0, 1, 1, 64, 0, 8, 0}), plain);   // RRF-12
  EXPECT_EQ(decode_route_refresh(Octets{0, 1, 0, 1, 1, 64, 255, 255}), plain);  // RRF-13
}

TEST(RouteRefreshMessage, MarkerOfAnotherLengthIsReturnedWhole) {
  for (const Octets& body : {Octets{0, 1, 1, 1, 0}, Octets{0, 1, 2, 1, 0, 0}}) {  // RRF-05, RRF-06
    const auto decoded = decode_route_refresh(body);
    ASSERT_FALSE(decoded.has_value());
    EXPECT_EQ(decoded.error(),
              (Notification{.code = 7, .subcode = 1, .data = wire::message(5, body)}));
  }
}

// ----- fixed messages

TEST(FixedMessages, AreWhatTheRfcsDraw) {
  Octets out;
  encode_keepalive(out);
  EXPECT_EQ(out, wire::message(4, {}));
  out.clear();
  encode_end_of_rib(Family::V4, out);
  EXPECT_EQ(out, wire::message(2, {0, 0, 0, 0}));
  out.clear();
  encode_end_of_rib(Family::V6, out);
  EXPECT_EQ(out, wire::message(2, {0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1}));
}

}  // namespace
}  // namespace porter::bgp
