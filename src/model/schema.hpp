// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <limits>
#include <map>
#include <span>
#include <type_traits>
#include <variant>

#include "model/decode.hpp"

// The API of our own kinds, as data: one constexpr table per kind, one row per field of any
// version. A row says what the field is called, what it may hold, what it does where it is absent,
// what an edit of it disturbs, and where its value goes. Everything else walks these tables:
// decoding and its complaints, the names that are suggested for a mistyped one, and
// docs/configuration.md. A field exists once: here.
//
// Rows stand in the order of their paths, parents before children. "spec.afiSafis[]" is one element
// of the list "spec.afiSafis". A parent's setter runs when its map or element begins, before those
// of its children.
namespace porter::model {

enum class FieldType : std::uint8_t {
  Group,   // a map with rows of its own
  List,    // a list; its elements are the row "path[]"
  Opaque,  // known, not looked into
  Bool,
  Integer,
  Digits,  // an integer, or the same as a string of digits (OpenELB's timers)
  String,
  Password,       // a string that no message ever shows
  Choice,         // one of `words`
  Name,           // of an object: RFC 1123 subdomain
  PoolInterface,  // or "can_reach:<address>"
  Address,
  ZonedAddress,  // "fe80::1%eth0"
  LocalAddress,  // address, CIDR or interface
  RouterId,
  Prefix,
  Range,
  Time,           // RFC 3339
  Selector,       // metav1.LabelSelector
  SelectorOrMap,  // or a plain map of labels
  AsnMap,         // any key -> AS number
  BgpCommunity,
  CommunityPattern,
  // Of a status only, which is written and not read:
  Map,         // any key -> the row "path{}"
  TextMap,     // any key -> text
  Conditions,  // metav1.Condition, one of each type
};

struct ZonedAddress {
  porter::Address address;
  std::string zone;
};

// What one field holds, checked. Choice: the index of the word. Time: Unix seconds. Group and List
// carry nothing: that they are there is all.
using Value = std::variant<std::monostate, bool, std::int64_t, std::string, porter::Address,
                           ZonedAddress, porter::RouterId, porter::Prefix, porter::Range, Selector,
                           std::map<std::string, Asn>, Community, CommunityPattern>;
using Setter = void (*)(Object& object, Value&& value);

enum class Versions : std::uint8_t { V1alpha1, V1alpha2, Both };
[[nodiscard]] constexpr bool is_in(Versions versions, ApiVersion version) {
  return versions == Versions::Both ||
         (versions == Versions::V1alpha1) == (version == ApiVersion::V1alpha1);
}

// What an edit of a field disturbs (api.md 7).
enum class Edit : std::uint8_t {
  Nothing,        // in force at once, nothing is reset
  NewAddresses,   // governs addresses given from now on
  KeepsUsed,      // refused while it would leave out an address in use
  Session,        // resets the session of this peer
  EverySession,   // resets all sessions
  NextSession,    // waits for the next session (PendingReset)
  ListenSockets,  // the listening sockets are opened anew; sessions stay
  NoEffect,
};
[[nodiscard]] std::string_view to_string(Edit edit);

enum class Support : std::uint8_t {
  Full,
  Ignored,  // of OpenELB, and never did anything there: FieldIgnored
  Later,    // of our API, and not in this release: FieldIgnored
};

struct Bounds {
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};
inline constexpr Bounds kAsNumber{.least = 1, .most = 4'294'967'295};
inline constexpr Bounds kPort{.least = 1, .most = 65'535};
inline constexpr Bounds kUnsigned{.least = 0, .most = 4'294'967'295};

using Words = std::span<const std::string_view>;
inline constexpr Words kNoWords;
inline constexpr std::string_view kNone;

struct Field {
  std::string_view path;
  FieldType type{};
  Setter set = nullptr;
  std::string_view doc;               // one sentence or two, in Markdown
  std::string_view fallback = kNone;  // the default as people would write it; empty: none
  Edit edit = Edit::Nothing;
  Bounds bounds{};
  Words words = kNoWords;
  Versions versions = Versions::V1alpha2;
  Support support = Support::Full;
  bool required = false;
};

// What an object is before its fields are read: the defaults of its version.
struct Schema {
  Kind kind{};
  std::string_view doc;
  std::span<const Field> fields;
  Versions versions = Versions::Both;
};

[[nodiscard]] const Schema& eip_schema();
[[nodiscard]] const Schema& bgp_conf_schema();
[[nodiscard]] const Schema& bgp_peer_schema();
[[nodiscard]] const Schema& bgp_advertisement_schema();
[[nodiscard]] const Schema& eip_address_schema();
[[nodiscard]] const Schema& bgp_node_state_schema();
[[nodiscard]] std::span<const Schema* const> schemas();  // all, in the order of the documents
[[nodiscard]] const Schema* schema_of(Kind kind);        // null: not a kind of ours

[[nodiscard]] const Field* find_field(const Schema& schema, std::string_view path,
                                      ApiVersion version);
// What the other version calls a field that has another name or place there; else empty.
// twin_of(Kind::BgpPeer, "spec.addPaths", ApiVersion::V1alpha1): "spec.afiSafis[].addPaths".
[[nodiscard]] std::string_view twin_of(Kind kind, std::string_view path, ApiVersion version);
// The last names of the fields below `parent` in this version.
[[nodiscard]] std::vector<std::string_view> names_below(const Schema& schema,
                                                        std::string_view parent,
                                                        ApiVersion version);
// The rows of the status of a kind, for whoever describes it: "status.usage". Porter writes it, in
// all versions alike, and reads it nowhere; so for decoding the status is one Opaque row. Empty for
// a kind that is nothing but a status.
[[nodiscard]] std::span<const Field> status_fields(Kind kind);
// Is this row an immediate child of `parent`? "spec.a" is one of "spec"; "spec.l[]" one of
// "spec.l", "status.m{}" one of "status.m".
[[nodiscard]] bool is_child(std::string_view path, std::string_view parent);
[[nodiscard]] std::string_view last_name(std::string_view path);

// --- setters
// ------------------------------------------------------------------------------------------

template <class M>
struct MemberOf;
template <class C, class T>
struct MemberOf<T C::*> {
  using Class = C;
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

// Through an optional (made if absent) and through a list (its last element).
template <class T>
auto& entered(T& place) {
  if constexpr (kIsOptional<T>) {
    if (!place) place.emplace(typename T::value_type{});
    return *place;
  } else if constexpr (kIsVector<T>) {
    return place.back();
  } else {
    return place;
  }
}

// The value as a field of the domain keeps it: a list takes one more element.
template <class T>
void assign(T& place, Value&& value) {
  if constexpr (kIsOptional<T>) {
    assign(place.emplace(typename T::value_type{}), std::move(value));
  } else if constexpr (kIsVector<T>) {
    assign(place.emplace_back(), std::move(value));
  } else if constexpr (std::is_same_v<T, Asn>) {
    place.number = static_cast<std::uint32_t>(std::get<std::int64_t>(value));
  } else if constexpr (std::is_same_v<T, bool>) {
    place = std::get<bool>(value);
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    place = static_cast<T>(std::get<std::int64_t>(value));
  } else {
    place = std::get<T>(std::move(value));
  }
}

// put<&Eip::disable>, put_in<&BgpPeer::families, &PeerFamily::receive>: the place of a value, as a
// Setter.
template <auto Member>
void put(Object& object, Value&& value) {
  assign(std::get<typename MemberOf<decltype(Member)>::Class>(object).*Member, std::move(value));
}
template <auto Outer, auto Inner>
void put_in(Object& object, Value&& value) {
  auto& outer = std::get<typename MemberOf<decltype(Outer)>::Class>(object).*Outer;
  assign(entered(outer).*Inner, std::move(value));
}
// A group that is there makes an optional of the domain, an element of a list of groups one more
// element.
template <auto Member>
void begin(Object& object, Value&& /*nothing*/) {
  auto& place = std::get<typename MemberOf<decltype(Member)>::Class>(object).*Member;
  using Place = std::remove_cvref_t<decltype(place)>;
  if constexpr (kIsVector<Place>) {
    place.emplace_back();
  } else {
    place.emplace(typename Place::value_type{});
  }
}

template <std::size_t... N>
constexpr auto joined(const std::array<Field, N>&... parts) {
  std::array<Field, (N + ...)> all{};
  std::size_t next = 0;
  const auto add = [&](const auto& part) {
    for (const Field& field : part)
      all.at(next++) = field;
  };
  (add(parts), ...);
  return all;
}

}  // namespace porter::model
