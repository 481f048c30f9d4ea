// SPDX-License-Identifier: Apache-2.0
#include "bgp/adj_rib_in.hpp"

#include <algorithm>
#include <rapidcheck.h>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace porter::bgp {
namespace {

constexpr Asn kOwnAs{65000};

AdjRibIn::Config config() {
  AdjRibIn::Config made;
  made.local_as = kOwnAs;
  made.own_addresses = {*Address::parse("192.0.2.2"), *Address::parse("2001:db8::2")};
  return made;
}

Prefix prefix(std::string_view text) {
  return *Prefix::parse(text);
}

Attributes attributes(std::string_view next_hop, std::vector<Asn> path) {
  Attributes made;
  made.origin = Origin::Igp;
  made.as_path = AsPath{{.type = AsSegment::Type::Sequence, .numbers = std::move(path)}};
  made.next_hop = *Address::parse(next_hop);
  return made;
}

Attributes attributes(std::string_view next_hop = "192.0.2.1") {
  return attributes(next_hop, {Asn{65001}});
}

Update announcing(const std::vector<Nlri>& routes, const Attributes& with = attributes()) {
  Update update;
  update.attributes = with;
  update.announced = routes;
  return update;
}

Update withdrawing(const std::vector<Nlri>& routes) {
  Update update;
  update.withdrawn = routes;
  return update;
}

Nlri nlri(std::string_view text, PathId id = 0) {
  return {.id = id, .prefix = prefix(text)};
}

// Applies, and says whether the session may go on.
bool goes_on(AdjRibIn& routes, const Update& update) {
  return !routes.apply(update);
}

TEST(AdjRibIn, CountsWhatWasAnnouncedAndNotWithdrawn) {
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/8"), nlri("10.1.0.0/16")})));
  EXPECT_EQ(routes.received(Family::V4), 2U);
  EXPECT_EQ(routes.accepted(Family::V4), 2U);
  EXPECT_TRUE(goes_on(routes, withdrawing({nlri("10.0.0.0/8"), nlri("10.9.0.0/16")})));
  EXPECT_EQ(routes.received(Family::V4), 1U);
  EXPECT_FALSE(routes.holds(prefix("10.0.0.0/8")));
  EXPECT_TRUE(routes.holds(prefix("10.1.0.0/16")));
  EXPECT_FALSE(routes.holds(prefix("10.1.0.0/17")));
}

TEST(AdjRibIn, PutsEachRouteIntoItsFamily) {
  AdjRibIn routes{config()};
  Update update = announcing({nlri("10.0.0.0/8")});
  update.mp_announced = {nlri("2001:db8::/32"), nlri("10.2.0.0/16")};
  update.mp_attributes = attributes("2001:db8::1");
  EXPECT_TRUE(goes_on(routes, update));
  EXPECT_EQ(routes.received(Family::V4), 2U);
  EXPECT_EQ(routes.received(Family::V6), 1U);
}

TEST(AdjRibIn, TakesARouteThatIsWithdrawnAndAnnouncedAtOnce) {  // RFC 4271 §4.3
  AdjRibIn routes{config()};
  Update update = announcing({nlri("10.0.0.0/8")});
  update.withdrawn = {nlri("10.0.0.0/8")};
  EXPECT_TRUE(goes_on(routes, update));
  EXPECT_TRUE(routes.holds(prefix("10.0.0.0/8")));
}

TEST(AdjRibIn, WithdrawsTheRoutesOfAMalformedUpdate) {
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/8"), nlri("10.1.0.0/16")})));
  Update malformed = announcing({nlri("10.0.0.0/8")});
  malformed.mp_announced = {nlri("10.1.0.0/16")};
  malformed.verdict = Verdict::TreatAsWithdraw;
  EXPECT_TRUE(goes_on(routes, malformed));
  EXPECT_EQ(routes.received(Family::V4), 0U);
}

TEST(AdjRibIn, ReplacesAnAcceptedRouteByALoop) {
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/8")})));
  const Attributes loop = attributes("192.0.2.1", {Asn{65001}, kOwnAs});
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/8")}, loop)));
  EXPECT_FALSE(routes.holds(prefix("10.0.0.0/8")));
  EXPECT_EQ(routes.received(Family::V4), 1U);
  EXPECT_EQ(routes.accepted(Family::V4), 0U);
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/8")})));
  EXPECT_EQ(routes.accepted(Family::V4), 1U);
}

TEST(AdjRibIn, AllowsOwnAsAsOftenAsConfigured) {
  AdjRibIn::Config two = config();
  two.allow_own_as = 2;
  AdjRibIn routes{two};
  EXPECT_TRUE(goes_on(
      routes, announcing({nlri("10.1.0.0/16")}, attributes("192.0.2.1", {kOwnAs, kOwnAs}))));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.2.0.0/16")},
                                         attributes("192.0.2.1", {kOwnAs, kOwnAs, kOwnAs}))));
  EXPECT_TRUE(routes.holds(prefix("10.1.0.0/16")));
  EXPECT_FALSE(routes.holds(prefix("10.2.0.0/16")));
}

TEST(AdjRibIn, SeesItsIdentifierInAReflectedRoute) {
  AdjRibIn::Config known = config();
  known.own_id = RouterId{7};
  AdjRibIn routes{known};
  Attributes ours = attributes();
  ours.originator = RouterId{7};
  Attributes cluster = attributes();
  cluster.cluster_list = {3, 7};
  Attributes others = attributes();
  others.originator = RouterId{8};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16")}, ours)));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.2.0.0/16")}, cluster)));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.3.0.0/16")}, others)));
  EXPECT_FALSE(routes.holds(prefix("10.1.0.0/16")));
  EXPECT_FALSE(routes.holds(prefix("10.2.0.0/16")));
  EXPECT_TRUE(routes.holds(prefix("10.3.0.0/16")));
}

bool takes_next_hop(std::string_view next_hop) {
  AdjRibIn routes{config()};
  const bool went_on = goes_on(routes, announcing({nlri("10.0.0.0/8")}, attributes(next_hop)));
  return went_on && routes.received(Family::V4) == 1 && routes.holds(prefix("10.0.0.0/8"));
}

TEST(AdjRibIn, RefusesNextHopsThatAreNoOtherHost) {
  for (const std::string_view bad :
       {"0.0.0.0", "0.0.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.2", "::", "::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:192.0.2.1", "2001:db8::2"}) {
    EXPECT_FALSE(takes_next_hop(bad)) << bad;
  }
  for (const std::string_view good : {"192.0.2.1", "169.254.0.1", "2001:db8::1", "fe80::1"}) {
    EXPECT_TRUE(takes_next_hop(good)) << good;
  }
}

TEST(AdjRibIn, TakesALinkLocalNextHopBesideNone) {
  AdjRibIn routes{config()};
  Attributes with = attributes("::");
  with.link_local_next_hop = *Address::parse("fe80::1");
  EXPECT_TRUE(goes_on(routes, announcing({nlri("2001:db8::/32")}, with)));
  EXPECT_TRUE(routes.holds(prefix("2001:db8::/32")));
}

TEST(AdjRibIn, RefusesPrefixesThatAreNoUnicast) {
  AdjRibIn routes{config()};
  const std::vector<Nlri> bad{nlri("224.0.0.0/4"), nlri("239.1.0.0/16"), nlri("ff00::/8"),
                              nlri("fe80::/10"), nlri("fe80::/64")};
  EXPECT_TRUE(goes_on(routes, announcing(bad)));
  EXPECT_EQ(routes.received(Family::V4) + routes.received(Family::V6), bad.size());
  EXPECT_EQ(routes.accepted(Family::V4) + routes.accepted(Family::V6), 0U);
  EXPECT_TRUE(goes_on(routes, announcing({nlri("0.0.0.0/0"), nlri("::/0")})));
  EXPECT_TRUE(routes.holds(prefix("0.0.0.0/0")));
  EXPECT_TRUE(routes.holds(prefix("::/0")));
}

// ----- ADD-PATH

TEST(AdjRibIn, KeepsPathsOfOnePrefixApart) {  // ADP-01, ADP-02, ADP-03
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/8", 1), nlri("10.0.0.0/8", 2)})));
  EXPECT_EQ(routes.received(Family::V4), 2U);
  EXPECT_TRUE(goes_on(routes, withdrawing({nlri("10.0.0.0/8", 777), nlri("10.0.0.0/8", 1)})));
  EXPECT_TRUE(routes.holds(prefix("10.0.0.0/8")));
  EXPECT_TRUE(goes_on(routes, withdrawing({nlri("10.0.0.0/8", 2)})));
  EXPECT_FALSE(routes.holds(prefix("10.0.0.0/8")));
}

TEST(AdjRibIn, HoldsAPrefixOfWhichOnePathIsAccepted) {
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/8", 1)}, attributes("127.0.0.1"))));
  EXPECT_FALSE(routes.holds(prefix("10.0.0.0/8")));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/8", 0xffff'ffff)})));
  EXPECT_TRUE(routes.holds(prefix("10.0.0.0/8")));
}

// ----- limits

TEST(AdjRibIn, CountsWhatIsBeyondTheLimit) {
  AdjRibIn::Config small = config();
  small.max_v4 = 2;
  small.max_v6 = 0;
  AdjRibIn routes{small};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16"), nlri("10.2.0.0/16"),
                                          nlri("10.3.0.0/16"), nlri("2001:db8::/32")})));
  EXPECT_EQ(routes.received(Family::V4), 2U);
  EXPECT_EQ(routes.ignored_over_limit(Family::V4), 1U);
  EXPECT_EQ(routes.ignored_over_limit(Family::V6), 1U);
  EXPECT_FALSE(routes.holds(prefix("10.3.0.0/16")));
  // A route that is there can change; one that goes makes room.
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16")}, attributes("192.0.2.9"))));
  EXPECT_TRUE(goes_on(routes, withdrawing({nlri("10.2.0.0/16")})));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.3.0.0/16")})));
  EXPECT_TRUE(routes.holds(prefix("10.3.0.0/16")));
  EXPECT_EQ(routes.ignored_over_limit(Family::V4), 1U);
  routes.clear();
  EXPECT_EQ(routes.ignored_over_limit(Family::V4), 0U);
}

TEST(AdjRibIn, EndsTheSessionBeyondTheLimitWhereConfigured) {
  AdjRibIn::Config small = config();
  small.max_v4 = 1;
  small.when_full = AdjRibIn::WhenFull::Cease;
  AdjRibIn routes{small};
  EXPECT_FALSE(routes.apply(announcing({nlri("10.1.0.0/16")})));
  EXPECT_FALSE(routes.apply(announcing({nlri("10.1.0.0/16")})));
  EXPECT_TRUE(routes.apply(announcing({nlri("10.2.0.0/16")})));
}

TEST(AdjRibIn, BoundsTheMemoryOfAttributes) {
  AdjRibIn routes{config()};
  static constexpr std::size_t kValue = 64'000;
  static constexpr std::uint32_t kRoutes = AdjRibIn::kMaxAttributeOctets / kValue + 10;
  for (std::uint32_t i = 0; i < kRoutes; ++i) {
    Attributes large = attributes();
    large.med = i;
    large.others = {{.flags = 0xe0, .type = 200, .value = std::vector<std::uint8_t>(kValue, 1)}};
    const Prefix each{Address::v4(0x0a00'0000U + (i << 8U)), 24};
    EXPECT_TRUE(goes_on(routes, announcing({{.id = 0, .prefix = each}}, large)));
  }
  EXPECT_LT(routes.received(Family::V4), kRoutes);
  EXPECT_EQ(routes.received(Family::V4) + routes.ignored_over_limit(Family::V4), kRoutes);
  // What is not kept must not leave behind what it replaced.
  Attributes changed = attributes();
  changed.others = {{.flags = 0xe0, .type = 201, .value = std::vector<std::uint8_t>(65'000, 1)}};
  EXPECT_TRUE(routes.holds(prefix("10.0.0.0/24")));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.0.0.0/24")}, changed)));
  EXPECT_FALSE(routes.holds(prefix("10.0.0.0/24")));
}

// ----- graceful restart (RFC 4724 §4.2)

TEST(AdjRibIn, DropsWhatIsStillStaleAtTheEnd) {
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(
      routes, announcing({nlri("10.1.0.0/16"), nlri("10.2.0.0/16"), nlri("2001:db8::/32")})));
  routes.mark_stale(Family::V4, AdjRibIn::Earlier::Drop);
  EXPECT_TRUE(routes.entries(1).at(0).stale);
  EXPECT_EQ(routes.accepted(Family::V4), 2U);
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16")})));
  routes.drop_stale(Family::V4);
  EXPECT_TRUE(routes.holds(prefix("10.1.0.0/16")));
  EXPECT_FALSE(routes.holds(prefix("10.2.0.0/16")));
  EXPECT_TRUE(routes.holds(prefix("2001:db8::/32")));
}

TEST(AdjRibIn, DoesNotKeepAStaleRouteThroughASecondRestart) {
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16"), nlri("10.2.0.0/16")})));
  routes.mark_stale(Family::V4, AdjRibIn::Earlier::Drop);
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16")})));
  routes.mark_stale(Family::V4, AdjRibIn::Earlier::Drop);
  EXPECT_TRUE(routes.holds(prefix("10.1.0.0/16")));
  EXPECT_FALSE(routes.holds(prefix("10.2.0.0/16")));
}

// ----- roles (RFC 9234 §5)

TEST(AdjRibIn, DoesNotTakeALeak) {
  AdjRibIn::Config ours = config();
  ours.remote_as = Asn{65001};
  AdjRibIn routes{ours};
  Attributes marked = attributes();
  marked.only_to_customer = Asn{65001};
  Attributes passed_on = attributes();
  passed_on.only_to_customer = Asn{65009};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16")})));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.2.0.0/16")}, marked)));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.3.0.0/16")}, passed_on)));
  const auto accepted_as = [&](std::optional<Role> role) {
    ours.role = role;
    routes.configure(ours);
    return routes.accepted(Family::V4);
  };
  EXPECT_EQ(accepted_as(std::nullopt), 3U);
  EXPECT_EQ(accepted_as(Role::Customer), 3U);
  EXPECT_EQ(accepted_as(Role::RouteServerClient), 3U);
  EXPECT_EQ(accepted_as(Role::Peer), 2U);
  EXPECT_EQ(accepted_as(Role::Provider), 1U);
  EXPECT_EQ(accepted_as(Role::RouteServer), 1U);
}

TEST(AdjRibIn, ClearsOneFamilyAndLeavesTheOther) {
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16"), nlri("2001:db8::/32")})));
  routes.clear(Family::V4);
  EXPECT_EQ(routes.received(Family::V4), 0U);
  EXPECT_EQ(routes.received(Family::V6), 1U);
}

// ----- configuration and display

TEST(AdjRibIn, JudgesItsRoutesAgainWhenConfigured) {
  AdjRibIn routes{config()};
  const Attributes via_self = attributes("192.0.2.2");
  EXPECT_TRUE(goes_on(routes, announcing({nlri("10.1.0.0/16")}, via_self)));
  EXPECT_TRUE(goes_on(routes, announcing({nlri("224.0.0.0/24")}, via_self)));
  EXPECT_FALSE(routes.holds(prefix("10.1.0.0/16")));
  AdjRibIn::Config other = config();
  other.own_addresses.clear();
  routes.configure(other);
  EXPECT_TRUE(routes.holds(prefix("10.1.0.0/16")));
  EXPECT_EQ(routes.accepted(Family::V4), 1U);
}

TEST(AdjRibIn, ListsByPrefixThenPath) {
  AdjRibIn routes{config()};
  EXPECT_TRUE(goes_on(routes, announcing({nlri("2001:db8::/32"), nlri("10.2.0.0/16", 1),
                                          nlri("10.1.0.0/16", 9), nlri("10.1.0.0/16", 2)})));
  std::vector<Nlri> listed;
  for (const AdjRibIn::Entry& entry : routes.entries(100))
    listed.push_back(entry.nlri);
  EXPECT_EQ(listed, (std::vector<Nlri>{nlri("10.1.0.0/16", 2), nlri("10.1.0.0/16", 9),
                                       nlri("10.2.0.0/16", 1), nlri("2001:db8::/32")}));
  EXPECT_EQ(routes.entries(3).size(), 3U);
  EXPECT_EQ(routes.entries(0).size(), 0U);
  EXPECT_EQ(routes.entries(1).at(0).attributes, attributes());
}

// ----- against a model that does it the slow way

struct ModelRoute {
  Nlri nlri;
  Attributes attributes;
  bool stale = false;
};
using Model = std::vector<ModelRoute>;

std::vector<Nlri> few_routes() {
  std::vector<Nlri> out;
  for (int count = *rc::gen::inRange(0, 4); count > 0; --count) {
    const bool is_v4 = *rc::gen::arbitrary<bool>();
    const auto index = *rc::gen::inRange<std::uint32_t>(0, 4);
    const Address address = is_v4 ? Address::v4(0x0a00'0000U + (index << 16U))
                                  : Address::from_number(Family::V6, Uint128{index + 1} << 100U);
    out.push_back(
        {.id = *rc::gen::inRange<PathId>(0, 2), .prefix = Prefix{address, is_v4 ? 16U : 28U}});
  }
  return out;
}

void model_withdraw(Model& model, const std::vector<Nlri>& routes) {
  std::erase_if(model, [&](const ModelRoute& route) {
    return std::ranges::find(routes, route.nlri) != routes.end();
  });
}

std::size_t of_family(const Model& model, Family family) {
  return static_cast<std::size_t>(std::ranges::count_if(
      model, [&](const ModelRoute& route) { return route.nlri.prefix.family() == family; }));
}

void model_apply(Model& model, const Update& update, std::uint32_t most) {
  model_withdraw(model, update.withdrawn);
  if (update.verdict == Verdict::TreatAsWithdraw) {
    model_withdraw(model, update.announced);
    return;
  }
  for (const Nlri& each : update.announced) {
    const auto found = std::ranges::find(model, each, &ModelRoute::nlri);
    if (found != model.end()) {
      *found = {.nlri = each, .attributes = update.attributes};
    } else if (of_family(model, each.prefix.family()) < most) {
      model.push_back({.nlri = each, .attributes = update.attributes});
    }
  }
}

void step(AdjRibIn& routes, Model& model, std::uint32_t most) {
  const Family family = *rc::gen::element(Family::V4, Family::V6);
  const auto in_family = [family](const ModelRoute& route) {
    return route.nlri.prefix.family() == family;
  };
  const auto is_stale = [&](const ModelRoute& route) { return in_family(route) && route.stale; };
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
      routes.mark_stale(family, AdjRibIn::Earlier::Drop);
      std::erase_if(model, is_stale);
      for (ModelRoute& route : model)
        route.stale = route.stale || in_family(route);
      return;
    case 1:
      routes.drop_stale(family);
      std::erase_if(model, is_stale);
      return;
    case 2:
      routes.clear(family);
      std::erase_if(model, in_family);
      return;
    default: break;
  }
  Update update =
      announcing(few_routes(),
                 attributes(*rc::gen::element<const char*>("192.0.2.1", "192.0.2.9", "0.0.0.0")));
  update.withdrawn = few_routes();
  if (*rc::gen::inRange(0, 5) == 0) update.verdict = Verdict::TreatAsWithdraw;
  RC_ASSERT(!routes.apply(update));
  model_apply(model, update, most);
}

RC_GTEST_PROP(AdjRibIn, DoesWhatASimpleListDoes, ()) {
  AdjRibIn::Config small = config();
  small.max_v4 = 5;
  small.max_v6 = 5;
  AdjRibIn routes{small};
  Model model;
  for (int steps = *rc::gen::inRange(0, 40); steps > 0; --steps) {
    step(routes, model, small.max_v4);
    std::ranges::sort(model, [](const ModelRoute& left, const ModelRoute& right) {
      return std::pair{left.nlri.prefix, left.nlri.id} <
             std::pair{right.nlri.prefix, right.nlri.id};
    });
    const std::vector<AdjRibIn::Entry> entries = routes.entries(1000);
    RC_ASSERT(entries.size() == model.size());
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < model.size(); ++i) {
      RC_ASSERT(entries[i].nlri == model[i].nlri);
      RC_ASSERT(entries[i].attributes == model[i].attributes);
      RC_ASSERT(entries[i].stale == model[i].stale);
      RC_ASSERT(entries[i].accepted == !model[i].attributes.next_hop->is_unspecified());
      accepted += entries[i].accepted ? 1U : 0U;
    }
    RC_ASSERT(routes.received(Family::V4) == of_family(model, Family::V4));
    RC_ASSERT(routes.accepted(Family::V4) + routes.accepted(Family::V6) == accepted);
  }
}

}  // namespace
}  // namespace porter::bgp
