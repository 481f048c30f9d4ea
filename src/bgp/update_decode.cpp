// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "bgp/as_path.hpp"
#include "bgp/attribute_table.hpp"

// An UPDATE from its fields to one verdict. The three fields are cut apart by the lengths of the
// message alone (RFC 7606 §4), so that a malformed attribute never hides which routes it spoke of.
namespace porter::bgp {
namespace {

// Of one UPDATE so many errors are put into words; the verdict counts all of them.
constexpr std::size_t kMaxErrors = 16;

// The NOTIFICATION, if the session has to be reset.
using Outcome = std::optional<Notification>;

Notification update_error(UpdateError subcode, Bytes data = Bytes()) {
  return notification(ErrorCode::UpdateMessage, static_cast<std::uint8_t>(subcode), data);
}

struct Fields {
  Bytes withdrawn;
  Bytes attributes;
  Bytes nlri;
};

std::optional<Fields> cut(Bytes body) {
  ByteReader in{body};
  Fields fields;
  fields.withdrawn = in.take_bytes(in.take<std::uint16_t>());
  fields.attributes = in.take_bytes(in.take<std::uint16_t>());
  fields.nlri = in.take_bytes(in.remaining());
  if (!in.ok()) return std::nullopt;
  return fields;
}

class Decoder {
 public:
  explicit Decoder(const UpdateContext& context) : state_{context} {}

  [[nodiscard]] Outcome decode(Bytes body);
  [[nodiscard]] Update take() { return std::move(state_.update); }

 private:
  [[nodiscard]] Outcome decode_ipv4(const Fields& fields);
  [[nodiscard]] Outcome decode_attributes(Bytes list);
  [[nodiscard]] Outcome decode_attribute(const RawAttribute& attribute);
  [[nodiscard]] Outcome decode_unrecognized(const RawAttribute& attribute);
  [[nodiscard]] Outcome decode_repeated(const RawAttribute& attribute);
  [[nodiscard]] Outcome decode_recognized(const AttributeRow& row, const RawAttribute& attribute);
  void note(Verdict verdict, std::uint8_t type, std::string what);
  void merge_as4();
  void check_mandatory();
  void recognize_end_of_rib(const Fields& fields);
  void finish_attributes();

  Decoding state_;
  Notification worst_;  // what a reset for the strongest error so far would say
};

void Decoder::note(Verdict verdict, std::uint8_t type, std::string what) {
  Update& update = state_.update;
  update.verdict = std::max(update.verdict, verdict);
  if (update.errors.size() < kMaxErrors) {
    update.errors.push_back({.verdict = verdict, .type = type, .what = std::move(what)});
  }
}

// RFC 7606 §3 i, §5.3: both are checked whether or not IPv4 was agreed on, and kept only then.
Outcome Decoder::decode_ipv4(const Fields& fields) {
  const bool is_negotiated = state_.context.families.has(Family::V4);
  const PathIds ids =
      state_.context.add_path_receive.has(Family::V4) ? PathIds::Present : PathIds::Absent;
  Update& update = state_.update;
  if (!decode_nlri(fields.withdrawn, Family::V4, ids, update.withdrawn) ||
      !decode_nlri(fields.nlri, Family::V4, ids, update.announced)) {
    return update_error(UpdateError::InvalidNetworkField);
  }
  state_.reaches = !fields.nlri.empty();
  if (!is_negotiated) {
    update.withdrawn.clear();
    update.announced.clear();
  }
  return std::nullopt;
}

// RFC 7606 §4: an attribute that is cut short ends the list, and the routes are withdrawn; unless
// it holds routes itself (§3 j).
Outcome Decoder::decode_attributes(Bytes list) {
  while (!list.empty()) {
    ByteReader in{list};
    RawAttribute attribute;
    attribute.flags = in.take<std::uint8_t>();
    attribute.type = in.take<std::uint8_t>();
    const std::size_t length =
        (attribute.flags & kExtended) != 0 ? in.take<std::uint16_t>() : in.take<std::uint8_t>();
    attribute.value = in.take_bytes(length);
    if (!in.ok()) {
      const bool holds_routes = list.size() > 1 && (attribute.type == type_code::kMpReachNlri ||
                                                    attribute.type == type_code::kMpUnreachNlri);
      if (holds_routes) return update_error(UpdateError::MalformedAttributeList);
      worst_ = update_error(UpdateError::MalformedAttributeList);
      note(Verdict::TreatAsWithdraw, 0,
           fmt::format("attribute list ends inside an attribute ({} octets left)", list.size()));
      return std::nullopt;
    }
    attribute.whole = list.first(list.size() - in.remaining());
    list = list.subspan(attribute.whole.size());
    if (Outcome reset = decode_attribute(attribute)) return reset;
  }
  return std::nullopt;
}

Outcome Decoder::decode_attribute(const RawAttribute& attribute) {
  if (state_.seen.test(attribute.type)) return decode_repeated(attribute);
  state_.seen.set(attribute.type);
  if (is_ignored_attribute(attribute.type)) return std::nullopt;
  const AttributeRow* const row = find_attribute(attribute.type);
  return row != nullptr ? decode_recognized(*row, attribute) : decode_unrecognized(attribute);
}

// RFC 7606 §3 g.
Outcome Decoder::decode_repeated(const RawAttribute& attribute) {
  const AttributeRow* const row = find_attribute(attribute.type);
  if (row != nullptr && row->on_error == Verdict::Reset) {
    return update_error(UpdateError::MalformedAttributeList);
  }
  note(Verdict::AttributeDiscard, attribute.type,
       row != nullptr ? fmt::format("{}: repeated", row->name)
                      : fmt::format("attribute {}: repeated", attribute.type));
  return std::nullopt;
}

// RFC 4271 §5, §6.3: who marks an attribute as well-known expects everybody to know it.
Outcome Decoder::decode_unrecognized(const RawAttribute& attribute) {
  if ((attribute.flags & kOptional) == 0) {
    return update_error(UpdateError::UnrecognizedWellKnown, attribute.whole);
  }
  if ((attribute.flags & kTransitive) == 0) return std::nullopt;
  state_.update.attributes.others.push_back(
      {.flags = kOptional | kTransitive | kPartial,
       .type = attribute.type,
       .value = {attribute.value.begin(), attribute.value.end()}});
  return std::nullopt;
}

Outcome Decoder::decode_recognized(const AttributeRow& row, const RawAttribute& attribute) {
  using From = AttributeRow::From;
  // Discarded unread: neither flags nor value can make it worse.
  if (row.from == From::Internal && state_.context.kind == PeerKind::External) {
    note(Verdict::AttributeDiscard, attribute.type,
         fmt::format("{}: from an external peer", row.name));
    return std::nullopt;
  }
  if (row.from == From::OldSpeakers && state_.context.as_width == AsWidth::Four) {
    note(Verdict::AttributeDiscard, attribute.type,
         fmt::format("{}: from a peer with four-octet AS numbers", row.name));
    return std::nullopt;
  }
  Checked problem;
  if ((attribute.flags & (kOptional | kTransitive)) != row.flags) {
    // RFC 4760 §7 has one error for all that may be wrong with MP_*.
    const bool is_mp = row.on_error == Verdict::Reset;
    problem =
        Problem{.subcode = is_mp ? UpdateError::OptionalAttribute : UpdateError::AttributeFlags,
                .what = fmt::format("flags {:#04x}, not {:#04x}", attribute.flags, row.flags),
                .verdict = std::nullopt};
  } else {
    problem = row.decode(attribute, state_);
  }
  if (!problem) return std::nullopt;

  const Verdict verdict = problem->verdict.value_or(row.on_error);
  Notification reset = update_error(problem->subcode, attribute.whole);
  if (verdict == Verdict::Reset) return reset;
  if (verdict > state_.update.verdict) worst_ = std::move(reset);
  note(verdict, attribute.type, fmt::format("{}: {}", row.name, problem->what));
  return std::nullopt;
}

// RFC 6793 §4.2.3. AS4_AGGREGATOR only says something new where AGGREGATOR says AS_TRANS; if that
// was rewritten by somebody who knows no AS4_* attributes, both of them are out of date.
void Decoder::merge_as4() {
  Attributes& attributes = state_.update.attributes;
  if (attributes.aggregator && state_.as4_aggregator) {
    if (attributes.aggregator->as.number != kAsTrans) return;
    attributes.aggregator = state_.as4_aggregator;
  }
  if (attributes.as_path && state_.as4_path) {
    attributes.as_path = merge_as4_path(*attributes.as_path, *state_.as4_path);
  }
}

// RFC 7606 §3 d; RFC 4760 §3: NEXT_HOP is for the NLRI field alone. LOCAL_PREF may be missing: some
// internal peers leave it out, and the default of RFC 4271 §9.1.1 is as good.
void Decoder::check_mandatory() {
  const Update& update = state_.update;
  if (update.announced.empty() && update.mp_announced.empty()) return;
  for (const std::uint8_t type : {type_code::kOrigin, type_code::kAsPath, type_code::kNextHop}) {
    const bool is_needed = type != type_code::kNextHop || !update.announced.empty();
    if (!is_needed || state_.seen.test(type)) continue;
    note(Verdict::TreatAsWithdraw, type, fmt::format("{}: missing", find_attribute(type)->name));
  }
}

// RFC 4724 §2: an UPDATE that says nothing, or nothing but an MP_UNREACH_NLRI without routes.
void Decoder::recognize_end_of_rib(const Fields& fields) {
  if (!fields.withdrawn.empty() || !fields.nlri.empty()) return;
  if (fields.attributes.empty()) {
    state_.update.end_of_rib = unicast(Family::V4);
  } else if (state_.seen.count() == 1 && state_.update.verdict == Verdict::Accept) {
    state_.update.end_of_rib = state_.emptied;
  }
}

void Decoder::finish_attributes() {
  Update& update = state_.update;
  std::ranges::sort(update.attributes.others, {}, &UnknownAttribute::type);
  if (!state_.mp_next_hop) return;
  update.mp_attributes = update.attributes;
  update.mp_attributes.next_hop = state_.mp_next_hop;
  update.mp_attributes.link_local_next_hop = state_.mp_link_local;
}

Outcome Decoder::decode(Bytes body) {
  const std::optional<Fields> fields = cut(body);
  if (!fields) return update_error(UpdateError::MalformedAttributeList);  // RFC 7606 §3 b
  if (Outcome reset = decode_ipv4(*fields)) return reset;
  if (Outcome reset = decode_attributes(fields->attributes)) return reset;
  // RFC 7606 §5.2: attributes that speak of no route, and one of them is wrong. The routes may be
  // in it.
  if (!state_.reaches && state_.update.verdict > Verdict::AttributeDiscard) return worst_;
  merge_as4();
  check_mandatory();
  recognize_end_of_rib(*fields);
  finish_attributes();
  return std::nullopt;
}

}  // namespace

Result<Update, Notification> decode_update(Bytes body, const UpdateContext& context) {
  Decoder decoder{context};
  if (Outcome reset = decoder.decode(body)) return Failure<Notification>{std::move(*reset)};
  return decoder.take();
}

}  // namespace porter::bgp
