// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "bgp/test_open.hpp"

// OPENs that must not make a session, and OPENs that must. One row, one OPEN.
namespace porter::bgp {
namespace {

using namespace wire;  // NOLINT(google-build-using-namespace): the rows are written in its words

Result<Negotiated, Notification> receive(const Octets& body, const OpenConfig& ours) {
  const Result<Open, Notification> decoded = decode_open(body);
  if (!decoded) return Failure<Notification>{decoded.error()};
  return negotiate(ours, *decoded);
}

// ----- the OPENs that must not make a session

struct RefusedCase {
  std::string_view id;
  std::string_view title;
  Octets body;
  std::uint8_t subcode;
  Octets data = {};
  OpenConfig ours = config();
};

class RefusedOpen : public testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedOpen, IsAnsweredWithItsNotification) {
  const RefusedCase& c = GetParam();
  const auto outcome = receive(c.body, c.ours);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error(), (Notification{.code = 2, .subcode = c.subcode, .data = c.data}));
}

OpenConfig only_v6() {
  OpenConfig ours = config();
  ours.families = {.v4 = false, .v6 = true};
  return ours;
}

OpenConfig as_customer() {
  OpenConfig ours = config();
  ours.role = Role::Customer;
  return ours;
}

Octets parameters(const Octets& octets, std::optional<std::uint8_t> length = std::nullopt) {
  return open({.parameters = octets, .length = length});
}

std::vector<RefusedCase> refused_cases() {
  const Octets usual_parameter = parameter(2, usual());
  return {
      {"OPN-01", "version 3", open({.version = 3}), 1, {0, 4}},
      {"OPN-02", "version 5", open({.version = 5}), 1, {0, 4}},
      {"OPN-03", "version 0", open({.version = 0}), 1, {0, 4}},
      {"OPN-04", "version 255 and garbage", open({.version = 255, .length = 9}), 1, {0, 4}},
      {"OPN-07", "four octet AS 0",
       open({.as = kAsTrans, .parameters = parameter(2, four_octet_as(0))}), 2},
      {"OPN-07a", "two octet AS 0", open({.as = 0, .parameters = usual_parameter}), 2},
      {"OPN-08", "AS_TRANS without the capability", open({.as = kAsTrans}), 2},
      {"OPN-09", "four octet AS is another", with(four_octet_as(kPeerAs + 7)), 2},
      {"OPN-09a", "two octet AS is another", open({.as = 64999}), 2},
      {"OPN-12a", "identifier 0", open({.id = "0.0.0.0"}), 3},
      {"OPN-13",
       "our identifier inside our AS",
       open({.id = "192.0.2.2", .parameters = usual_parameter}),
       3,
       {},
       internal()},
      {"OPN-16", "hold time 1", open({.hold_time = 1}), 6},
      {"OPN-17", "hold time 2", open({.hold_time = 2}), 6},
      {"OPN-22", "authentication parameter", parameters(parameter(1, {0, 's'})), 4},
      {"OPN-24", "parameters longer than the message", parameters(usual_parameter, 200), 0},
      {"OPN-25", "parameters shorter than the message", parameters(usual_parameter, 4), 0},
      {"OPN-25a", "parameters behind length 0", parameters(usual_parameter, 0), 0},
      {"OPN-25b", "RFC 9072 behind length 0", parameters(extended(usual()), 0), 0},
      {"OPN-29", "parameter overruns", parameters(join({{2, 40}, multiprotocol(kV4)})), 0},
      {"OPN-29a", "parameter of one octet", parameters({2}), 0},
      {"OPN-30", "capability of one octet", with({65}), 0},
      {"OPN-31", "capability overruns", with({65, 60, 0, 0, 0, 1}), 0},
      {"OPN-42", "four octet AS of length 0",
       with(join({multiprotocol(kV4), capability(65, {}), capability(200, u32(kPeerAs))})), 0},
      {"OPN-43", "four octet AS of length 2", with(capability(65, u16(kPeerAs))), 0},
      {"OPN-45", "two different four octet AS", usual_and(four_octet_as(kPeerAs + 5)), 0},
      {"OPN-60", "two different roles", usual_and(join({capability(9, {0}), capability(9, {3})})),
       11},
      {"OPN-60a",
       "a customer of its customer",
       usual_and(capability(9, {3})),
       11,
       {},
       as_customer()},
      {"OPN-60b", "an unknown role", usual_and(capability(9, {200})), 11, {}, as_customer()},
      {"OPN-77", "RFC 9072 cut behind the type", parameters({255}, 255), 0},
      {"OPN-78", "RFC 9072 cut inside the length", parameters({255, 0}, 255), 0},
      {"OPN-78a", "RFC 9072 length too long", parameters({255, 0, 1}, 255), 0},
      {"OPN-78b", "RFC 9072 length too short", parameters({255, 0, 0, 2, 0, 0}, 255), 0},
      {"OPN-78c", "RFC 9072 parameter overruns", parameters({255, 0, 3, 2, 0, 9}, 255), 0},
      {"OPN-82", "parameter 255 in second place",
       parameters(join({usual_parameter, parameter(255, {0, 0})})), 4},
      {"OPN-85a", "no capability and only IPv6 wanted", open({}), 7, {1, 4, 0, 2, 0, 1}, only_v6()},
      {"OPN-85b",
       "no common family",
       with(multiprotocol({.afi = 25, .safi = 70})),
       7,
       {1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1}},
      {"HDR-13", "shorter than its fixed part", Octets(9, 4), 0},
  };
}

INSTANTIATE_TEST_SUITE_P(Rfc4271, RefusedOpen, testing::ValuesIn(refused_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

// ----- the OPENs that must make one

struct AcceptedCase {
  std::string_view id;
  std::string_view title;
  Octets body;
};

class AcceptedOpen : public testing::TestWithParam<AcceptedCase> {};

TEST_P(AcceptedOpen, MakesASession) {
  const auto outcome = receive(GetParam().body, config());
  ASSERT_TRUE(outcome.has_value()) << describe(outcome.error());
  EXPECT_TRUE(outcome->families.v4);
  EXPECT_EQ(outcome->kind, PeerKind::External);
}

// What comes behind a malformed capability counts all the same: v6 and RFC 6793 stand there.
Octets before_usual(const Octets& capability) {
  return with(join({capability, usual()}));
}

Octets every_capability_alone() {
  return parameters(join({parameter(2, multiprotocol(kV4)), parameter(2, capability(2, {})),
                          parameter(2, four_octet_as(kPeerAs))}));
}

Octets all_codes_empty_but_four_octet_as() {
  Octets list;
  for (std::uint8_t code = 0; code < 64; ++code)
    list = join({list, capability(code, {})});
  return with(list);
}

std::vector<AcceptedCase> accepted_cases() {
  const Octets more_than_255 = repeat(capability(200, Octets(200, 'y')), 6);
  const auto identified = [](std::string_view id) {
    return open({.id = id, .parameters = parameter(2, usual())});
  };
  return {
      {"OPN-10", "two octet AS is another",
       open({.as = 64999, .parameters = parameter(2, usual())})},
      {"OPN-12", "our identifier from outside", identified("192.0.2.2")},
      {"OPN-14", "identifier 255.255.255.255", identified("255.255.255.255")},
      {"OPN-15", "identifier 224.0.0.1", identified("224.0.0.1")},
      {"OPN-19", "hold time 3", open({.hold_time = 3})},
      {"OPN-20", "hold time 65535", open({.hold_time = 65535})},
      {"OPN-20a", "hold time 0", open({.hold_time = 0})},
      {"OPN-33", "unknown capability", usual_and(capability(200, text("0123456789")))},
      {"OPN-34", "capability 0", usual_and(capability(0, {}))},
      {"OPN-36", "every capability in its own parameter", every_capability_alone()},
      {"OPN-38", "multiprotocol of length 3", before_usual(capability(1, {0, 1, 0}))},
      {"OPN-39", "multiprotocol of length 0", before_usual(capability(1, {}))},
      {"OPN-40", "unknown family", usual_and(multiprotocol({.afi = 16385, .safi = 200}))},
      {"OPN-47", "graceful restart of length 0", before_usual(capability(64, {}))},
      {"OPN-48", "graceful restart of length 5", before_usual(capability(64, {0, 0x78, 0, 1, 1}))},
      {"OPN-49", "graceful restart with reserved bits",
       usual_and(capability(64, {0x70, 120, 0, 1, 1, 0x7f}))},
      {"OPN-51", "add-path value 0", usual_and(capability(69, {0, 1, 1, 0}))},
      {"OPN-52", "add-path value 255", usual_and(capability(69, {0, 1, 1, 255}))},
      {"OPN-53", "add-path of length 3", before_usual(capability(69, {0, 1, 1}))},
      {"OPN-54", "add-path of length 0", before_usual(capability(69, {}))},
      {"OPN-55", "extended next hop of length 5", before_usual(capability(5, {0, 1, 0, 1, 0}))},
      {"OPN-56", "extended next hop of AFI 9", before_usual(capability(5, {0, 1, 0, 1, 0, 9}))},
      {"OPN-57", "role of length 0", before_usual(capability(9, {}))},
      {"OPN-60c", "one role twice", usual_and(repeat(capability(9, {3}), 2))},
      {"OPN-59", "role 200", before_usual(capability(9, {200}))},
      {"OPN-61", "FQDN overruns", before_usual(capability(73, text("\xffhost")))},
      {"OPN-62", "FQDN of length 0", before_usual(capability(73, {}))},
      {"OPN-63", "FQDN with controls", before_usual(capability(73, {8, '%', 'n', 27, 0}))},
      {"OPN-64", "software version overruns", before_usual(capability(75, {0x40, 'a', 'b', 'c'}))},
      {"OPN-66", "LLGR of length 6", before_usual(capability(71, {0, 1, 1, 0x80, 0, 0}))},
      {"OPN-67", "LLGR without graceful restart",
       before_usual(capability(71, {0, 1, 1, 0x80, 0, 0, 60}))},
      {"OPN-68", "ORF truncated", before_usual(capability(3, {0, 1, 0, 1, 255}))},
      {"OPN-69", "route refresh with data", before_usual(capability(2, zeros(4)))},
      {"OPN-70", "extended message with data", before_usual(capability(6, {0}))},
      {"OPN-71", "many unknown capabilities", usual_and(repeat(capability(180, {'z', 'z'}), 55))},
      {"OPN-73", "RFC 9072 below 256 octets", parameters(extended(usual()), 255)},
      {"OPN-74", "RFC 9072 behind length 1", parameters(extended(usual()), 1)},
      {"OPN-75", "RFC 9072 with 1200 octets",
       parameters(extended(join({usual(), more_than_255})), 255)},
      {"OPN-79", "RFC 9072 of length 0", parameters({255, 0, 0}, 255)},
      {"OPN-84", "every capability of length 0", all_codes_empty_but_four_octet_as()},
      {"OPN-85", "no multiprotocol capability",
       with(join({capability(2, {}), four_octet_as(kPeerAs)}))},
      {"OPN-85c", "no capability", open({})},
      {"OPN-85d", "an empty parameter", parameters(parameter(2, {}))},
  };
}

INSTANTIATE_TEST_SUITE_P(Rfc5492, AcceptedOpen, testing::ValuesIn(accepted_cases()),
                         [](const auto& row) { return test_name(row.param.id, row.param.title); });

}  // namespace
}  // namespace porter::bgp
