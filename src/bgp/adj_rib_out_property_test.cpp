// SPDX-License-Identifier: Apache-2.0
#include <rapidcheck.h>
#include <utility>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bgp/adj_rib_out.hpp"
#include "bgp/test_receiver.hpp"

namespace porter::bgp {
namespace {

Prefix prefix_of(int number) {
  if (number % 3 == 0) {
    Address::Octets octets{0x20, 0x01, 0x0d, 0xb8};
    octets[15] = static_cast<std::uint8_t>(number);
    return Prefix{Address::v6(octets), number % 2 == 0 ? 128U : 64U};
  }
  const auto bits = 0xc6336400U + static_cast<std::uint32_t>(number);
  return Prefix{Address::v4(bits), number % 5 == 0 ? 31U : 32U};
}

Address node_address(Family family, int node) {
  if (family == Family::V4) return Address::v4(0xc0000200U + static_cast<std::uint32_t>(node));
  Address::Octets octets{0x20, 0x01, 0x0d, 0xb8, 0xff};
  octets[15] = static_cast<std::uint8_t>(node);
  return Address::v6(octets);
}

std::vector<Path> arbitrary_paths(Family family) {
  std::vector<Path> paths;
  const auto nodes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 9));
  for (const int node : nodes) {
    Path path;
    path.id = static_cast<PathId>(node);
    // Node 8 has no IPv4 address.
    path.next_hop = node_address(node == 8 ? Family::V6 : family, node);
    path.own = node == 1;
    path.own_address = path.own && *rc::gen::arbitrary<bool>();
    if (*rc::gen::inRange(0, 5) == 0) path.audience = 7;
    if (*rc::gen::arbitrary<bool>())
      path.attributes.med = static_cast<std::uint32_t>(*rc::gen::inRange(0, 2));
    if (*rc::gen::inRange(0, 4) == 0) path.attributes.communities = {0xfde80001U};
    paths.push_back(std::move(path));
  }
  return paths;
}

std::vector<Encoding> encodings() {
  std::vector<Encoding> all(7);
  for (Encoding& encoding : all) {
    encoding.local_as = Asn{65000};
    encoding.families = {.v4 = true, .v6 = true};
    encoding.self_v4 = Address::v4(0xc00002c8U);
    encoding.self_v6 = node_address(Family::V6, 200);
  }
  all[1].add_path = {.v4 = true, .v6 = true};
  all[1].send_max_v4 = 3;
  all[1].send_max_v6 = 64;
  all[2].mode = Encoding::Mode::Self;
  all[3].kind = PeerKind::Internal;
  all[3].add_path = {.v4 = false, .v6 = true};
  all[3].send_max_v6 = 2;
  all[3].graceful_shutdown = true;
  all[3].exclude = node_address(Family::V4, 3);
  all[4].families = {.v4 = false, .v6 = true};
  all[4].as_width = AsWidth::Two;
  all[4].local_as = Asn{70000};
  all[4].shared_v6 = Prefix{node_address(Family::V6, 0), 126};
  all[5] = all[1];
  all[5].message_size = kMaxExtendedMessage;
  all[6] = all[1];
  all[6].send_max_v4 = 64;
  all[6].extended_next_hop = true;
  all[6].only_to_customer = true;
  return all;
}

struct Session {
  Session(UpdateGroups& groups, const Encoding& like)
      : out{groups}, encoding{like}, receiver{like} {}

  void open() {
    out.opened(encoding);
    receiver = testing::Receiver{encoding};
    opened = true;
    refreshed = false;
  }
  void close() {
    out.closed();
    opened = false;
  }
  // Other rules for the same session.
  void move() {
    encoding.audience = *rc::gen::element<std::uint64_t>(0, 7);
    const bool drains = *rc::gen::arbitrary<bool>();
    // A drain that is called off before the peer heard of it says again what the peer knows.
    if (std::exchange(encoding.graceful_shutdown, drains) != drains) refreshed = true;
    if (opened) out.moved(encoding);
  }
  // Takes up to `octets` of one pull.
  void read(std::size_t budget, std::size_t octets) {
    const bool pending = out.pending();
    const auto spans = out.pull(budget);
    RC_ASSERT(pending || spans.empty());  // what is pending may come to nothing
    std::size_t total = 0;
    for (const Bytes span : spans)
      total += span.size();
    RC_ASSERT(spans.size() <= 1 || total <= budget);
    std::size_t left = std::min(octets, total);
    const std::size_t taken = left;
    for (const Bytes span : spans) {
      const Bytes part = span.first(std::min(left, span.size()));
      receiver.feed(part);
      left -= part.size();
    }
    out.consumed(taken);
  }
  void drain() {
    for (int reads = 0; out.pending(); ++reads) {
      RC_ASSERT(reads < 1000);
      read(4096, 1U << 20U);
    }
  }
  void check(const Rib& rib) const {
    RC_ASSERT(receiver.complaints() == std::vector<std::string>{});
    RC_ASSERT(!receiver.is_inside_message());
    RC_ASSERT(receiver.table() == testing::expected_table(rib, encoding));
    if (!refreshed) RC_ASSERT(receiver.repeats() == 0U);
  }

  AdjRibOut out;
  Encoding encoding;
  testing::Receiver receiver;
  bool opened = false;
  bool refreshed = false;
};

void change(Rib& rib, int prefixes) {
  const Prefix prefix = prefix_of(*rc::gen::inRange(0, prefixes));
  rib.set(prefix,
          *rc::gen::inRange(0, 4) == 0 ? std::vector<Path>{} : arbitrary_paths(prefix.family()));
}

void disturb(Session& session) {
  switch (*rc::gen::inRange(0, 9)) {
    case 8: session.move(); break;
    case 0: session.open(); break;
    case 1: session.close(); break;
    case 2:
      session.out.refresh(*rc::gen::arbitrary<bool>() ? Family::V4 : Family::V6);
      session.refreshed = true;
      break;
    default:
      session.read(static_cast<std::size_t>(*rc::gen::inRange(0, 6000)),
                   static_cast<std::size_t>(*rc::gen::inRange(0, 300)));
  }
}

RC_GTEST_PROP(AdjRibOutProperty, EveryPeerEndsWithWhatTheRibExports, ()) {
  Rib rib;
  // Small, so that peers lag and tables come in parts.
  UpdateGroups groups{
      rib, GroupLimits{.behind_chunks = static_cast<std::size_t>(*rc::gen::inRange(1, 5)),
                       .dump_octets = 100,
                       .chunk_octets = 200,
                       .owed_octets = 150,
                       .backlog = 10}};
  std::vector<std::unique_ptr<Session>> sessions;
  for (const Encoding& encoding : encodings()) {
    sessions.push_back(std::make_unique<Session>(groups, encoding));
    sessions.push_back(std::make_unique<Session>(groups, encoding));
  }
  const int prefixes = *rc::gen::inRange(1, 40);
  for (int step = *rc::gen::inRange(0, 200); step > 0; --step) {
    if (*rc::gen::inRange(0, 3) == 0) {
      change(rib, prefixes);
    } else {
      disturb(*sessions[*rc::gen::inRange<std::size_t>(0, sessions.size())]);
    }
  }
  for (const auto& session : sessions) {
    if (!session->opened) continue;
    session->drain();
    session->check(rib);
    for (const Family family : {Family::V4, Family::V6}) {
      std::size_t paths = 0;
      for (const auto& [key, path] : session->receiver.table())
        paths += key.first.family() == family ? 1U : 0U;
      RC_ASSERT(session->out.subscription()->group().counts(family).paths == paths);
    }
  }
  // Everybody has been told: nothing of the past is kept.
  Rib fresh;
  for (const Prefix& prefix : rib.prefixes(rib.size()))
    fresh.set(prefix, rib.paths(prefix));
  RC_ASSERT(rib.footprint() == fresh.footprint());
  for (const auto& session : sessions) {
    if (session->opened) RC_ASSERT(session->out.subscription()->group().chunks() == 0U);
    session->close();
  }
  RC_ASSERT(groups.size() == 0U);
}

}  // namespace
}  // namespace porter::bgp
