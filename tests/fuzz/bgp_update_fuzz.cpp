// SPDX-License-Identifier: Apache-2.0
#include "bgp/adj_rib_in.hpp"

namespace {

using namespace porter::bgp;  // NOLINT(google-build-using-namespace): a program of its own
using porter::Family;

void expect(bool claim) {
  if (!claim) __builtin_trap();
}

// The first octet of an input chooses the session.
UpdateContext context_of(std::uint8_t choice) {
  const unsigned bits = choice;
  const auto bit = [bits](unsigned index) { return ((bits >> index) & 1U) != 0; };
  return {.kind = bit(0) ? PeerKind::Internal : PeerKind::External,
          .as_width = bit(1) ? AsWidth::Two : AsWidth::Four,
          .families = {.v4 = !bit(2), .v6 = !bit(3)},
          .add_path_receive = {.v4 = bit(4), .v6 = bit(5)},
          .extended_next_hop = bit(6)};
}

void append_u16(std::size_t value, std::vector<std::uint8_t>& out) {
  porter::ByteWriter{out}.put(static_cast<std::uint16_t>(value));
}

// An UPDATE that says the attributes and IPv4 routes of another one again.
void round_trip(const Update& update, const UpdateContext& context) {
  // Of two octets each, more numbers fit into an UPDATE than can be said again beside AS4_PATH.
  std::size_t numbers = 0;
  for (const AsSegment& segment : *update.attributes.as_path)
    numbers += segment.numbers.size();
  if (numbers > 10'000) return;
  std::vector<std::uint8_t> attributes;
  encode_attributes(update.attributes, context.as_width, NextHopAttribute::Write, attributes);
  if (attributes.size() > 0xffff) return;
  std::vector<std::uint8_t> body;
  append_u16(0, body);
  append_u16(attributes.size(), body);
  body.insert(body.end(), attributes.begin(), attributes.end());
  const bool has_ids = context.add_path_receive.v4;
  for (const Nlri& nlri : update.announced) {
    encode_nlri(nlri.prefix, has_ids ? std::optional{nlri.id} : std::nullopt, body);
  }
  const auto again = decode_update(body, context);
  expect(again.has_value());
  expect(again->attributes == update.attributes);
  expect(again->announced == update.announced);
}

void apply_twice(const Update& update) {
  AdjRibIn::Config config;
  config.local_as = porter::Asn{65000};
  config.max_v4 = 20;
  config.max_v6 = 20;
  AdjRibIn routes{config};
  for (int i = 0; i < 2; ++i) {
    expect(!routes.apply(update));
    std::size_t accepted = 0;
    const std::vector<AdjRibIn::Entry> entries = routes.entries(100);
    for (const AdjRibIn::Entry& entry : entries) {
      accepted += entry.accepted ? 1U : 0U;
      expect(!entry.accepted || routes.holds(entry.nlri.prefix));
    }
    expect(entries.size() == routes.received(Family::V4) + routes.received(Family::V6));
    expect(accepted == routes.accepted(Family::V4) + routes.accepted(Family::V6));
    routes.mark_stale(Family::V4, AdjRibIn::Earlier::Drop);
  }
  routes.clear();
  expect(routes.entries(1).empty());
}

}  // namespace

// The body of an UPDATE on some session: a verdict for everything, and what is accepted can be said
// again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > kMaxExtendedMessage) return 0;
  const UpdateContext context = context_of(*data);
  const auto update = decode_update({data + 1, size - 1}, context);
  if (!update) {
    expect(update.error().code == static_cast<std::uint8_t>(ErrorCode::UpdateMessage));
    return 0;
  }
  expect(update->verdict != Verdict::Reset);
  expect((update->verdict == Verdict::Accept) == update->errors.empty());
  for (const Nlri& nlri : update->announced)
    expect(nlri.prefix.family() == Family::V4);
  if (update->verdict < Verdict::TreatAsWithdraw && !update->announced.empty()) {
    round_trip(*update, context);
  }
  apply_twice(*update);
  return 0;
}
