// SPDX-License-Identifier: Apache-2.0
#include "model/value.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "model/names.hpp"
#include "model/time_text.hpp"

namespace porter::model {
namespace {

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kLongestPassword = 80;  // TCP_MD5SIG_MAXKEYLEN

using TreeKind = Tree::Kind;

void refuse(const Place& place, Complaints& complaints, std::string message) {
  complaints.error(place.path, place.tree.line(), std::move(message));
}

// The text of a string; of anything else none, with a complaint that says what would be right.
const std::string* text_of(const Place& place, std::string_view what, Complaints& complaints) {
  if (place.tree.is_string()) return &place.tree.text();
  const TreeKind kind = place.tree.kind();
  const bool is_scalar = kind == TreeKind::Number || kind == TreeKind::Bool;
  refuse(place, complaints,
         fmt::format("{}: must be {}{}", found(place.tree), what,
                     is_scalar ? "; put it in quotes" : ""));
  return nullptr;
}

std::optional<Value> read_bool(const Place& place, Complaints& complaints) {
  if (place.tree.kind() == TreeKind::Bool) return place.tree.as_bool();
  refuse(place, complaints, fmt::format("{}: must be true or false", found(place.tree)));
  return std::nullopt;
}

std::string bounds_text(const Bounds& bounds) {
  static constexpr Bounds kAny;
  if (bounds.least == kAny.least && bounds.most == kAny.most) return "a whole number";
  if (bounds.most == kAny.most) return fmt::format("a whole number, {} or more", bounds.least);
  return fmt::format("a whole number from {} to {}", bounds.least, bounds.most);
}

std::optional<std::int64_t> read_integer(const Place& place, const Bounds& bounds, bool may_be_text,
                                         Complaints& complaints) {
  std::optional<std::int64_t> number = integer_of(place.tree);
  if (!number && may_be_text && place.tree.is_string())
    number = integer_of(Tree::number(place.tree.text()));
  if (number && *number >= bounds.least && *number <= bounds.most) return number;
  refuse(place, complaints, fmt::format("{}: must be {}", found(place.tree), bounds_text(bounds)));
  return std::nullopt;
}

std::optional<Value> read_choice(const Place& place, Words words, Complaints& complaints) {
  const std::string expected = one_of(words);
  const std::string* const text = text_of(place, expected, complaints);
  if (text == nullptr || text->empty()) return std::nullopt;
  const auto word = std::find(words.begin(), words.end(), *text);
  if (word != words.end()) return std::int64_t{word - words.begin()};
  refuse(place, complaints, fmt::format("{}: must be {}", shown(*text), expected));
  return std::nullopt;
}

std::optional<Value> read_asn_map(const Place& place, const Bounds& bounds,
                                  Complaints& complaints) {
  if (!place.tree.is_map()) {
    refuse(place, complaints,
           fmt::format("{}: must be a map from rack to AS number", found(place.tree)));
    return std::nullopt;
  }
  std::map<std::string, Asn> map;
  for (const Tree::Entry& entry : place.tree.entries()) {
    const Place inner{.path = join_path(place.path, entry.key), .tree = entry.value};
    const std::optional<std::int64_t> number = read_integer(inner, bounds, false, complaints);
    if (number) map[entry.key] = Asn{static_cast<std::uint32_t>(*number)};
  }
  return map;
}

// --- texts with a syntax of their own: an Error says what would be right ---

Result<Value> parse_name(const std::string& text) {
  if (is_dns_subdomain(text)) return Value{text};
  return fail(Errc::Invalid,
              fmt::format("{}: not the name of an object: lower-case letters, digits, '-' "
                          "and '.', at most 253",
                          shown(text)));
}

Result<Value> parse_pool_interface(const std::string& text) {
  static constexpr std::string_view kCanReach = "can_reach:";
  if (text.starts_with(kCanReach)) {
    const Result<Address> address = Address::parse(std::string_view{text}.substr(kCanReach.size()));
    if (!address) return Failure<>{address.error()};
    return Value{text};
  }
  if (text == "lo") return fail(Errc::Invalid, "lo: nobody can be reached through it");
  if (is_interface_name(text)) return Value{text};
  return fail(Errc::Invalid,
              fmt::format("{}: must be an interface name or can_reach:<address>", shown(text)));
}

Result<Value> parse_zoned(const std::string& text) {
  const std::string_view all{text};
  const std::size_t percent = all.find('%');
  const Result<Address> address = Address::parse(all.substr(0, percent));
  if (!address) return Failure<>{address.error()};
  ZonedAddress zoned{.address = *address, .zone = {}};
  if (percent == std::string_view::npos) return Value{std::move(zoned)};
  zoned.zone = all.substr(percent + 1);
  if (!address->is_v6() || !address->is_link_local()) {
    return fail(Errc::Invalid,
                fmt::format("{}: only a link-local IPv6 address has an interface", shown(text)));
  }
  if (!is_interface_name(zoned.zone)) {
    return fail(Errc::Invalid, fmt::format("{}: an interface name must follow '%'", shown(text)));
  }
  return Value{std::move(zoned)};
}

Result<Value> parse_local_address(const std::string& text) {
  if (Prefix::parse(text, Prefix::HostBits::Clear) || is_interface_name(text)) return Value{text};
  return fail(Errc::Invalid,
              fmt::format("{}: must be an address, a CIDR or an interface name", shown(text)));
}

Result<Value> parse_router_id(const std::string& text) {
  const Result<Address> address = Address::parse(text);
  if (address && address->is_v4() && !address->is_unspecified())
    return Value{RouterId{address->v4_bits()}};
  return fail(Errc::Invalid,
              fmt::format("{}: must be a dotted quad like 192.0.2.1, not 0.0.0.0", shown(text)));
}

Result<Value> parse_time_value(const std::string& text) {
  const std::optional<std::int64_t> seconds = parse_time(text);
  if (seconds) return Value{*seconds};
  return fail(Errc::Invalid,
              fmt::format("{}: must be a time like 2024-05-01T10:00:00Z", shown(text)));
}

Result<Value> parse_text(FieldType type, const std::string& text) {
  const auto as_value = [](auto&& value) { return Value{std::forward<decltype(value)>(value)}; };
  switch (type) {
    case FieldType::Name: return parse_name(text);
    case FieldType::PoolInterface: return parse_pool_interface(text);
    case FieldType::Address: return Address::parse(text).map(as_value);
    case FieldType::ZonedAddress: return parse_zoned(text);
    case FieldType::LocalAddress: return parse_local_address(text);
    case FieldType::RouterId: return parse_router_id(text);
    case FieldType::Prefix: return Prefix::parse(text).map(as_value);
    case FieldType::Range: return Range::parse(text).map(as_value);
    case FieldType::Time: return parse_time_value(text);
    case FieldType::BgpCommunity: return parse_community(text).map(as_value);
    case FieldType::CommunityPattern: return parse_community_pattern(text).map(as_value);
    default: break;
  }
  if (text.size() <= kLongestText) return Value{text};
  return fail(Errc::Invalid, fmt::format("{} characters: at most {}", text.size(), kLongestText));
}

std::string_view text_type(FieldType type) {
  switch (type) {
    case FieldType::Name: return "a name";
    case FieldType::PoolInterface: return "an interface name or can_reach:<address>";
    case FieldType::Address:
    case FieldType::ZonedAddress: return "an IPv4 or IPv6 address";
    case FieldType::LocalAddress: return "an address, a CIDR or an interface name";
    case FieldType::RouterId: return "a dotted quad";
    case FieldType::Prefix: return "a CIDR";
    case FieldType::Range: return "an address, a CIDR or first-last";
    case FieldType::Time: return "a time";
    case FieldType::BgpCommunity:
    case FieldType::CommunityPattern: return "a community";
    default: return "a text";
  }
}

// An empty text is what Kubernetes' own clients write for "not set"; in a list nothing is to be not
// set.
std::optional<Value> read_text(const Place& place, const Field& field, Complaints& complaints) {
  const std::string* const text = text_of(place, text_type(field.type), complaints);
  if (text == nullptr) return std::nullopt;
  if (text->empty() && !field.required && !field.path.ends_with("[]")) return std::nullopt;
  if (text->empty()) {
    refuse(place, complaints, fmt::format("\"\": must be {}, not empty", text_type(field.type)));
    return std::nullopt;
  }
  Result<Value> value = parse_text(field.type, *text);
  if (value) return std::move(*value);
  refuse(place, complaints, value.error().message);
  return std::nullopt;
}

std::optional<Value> read_password(const Place& place, Complaints& complaints) {
  if (!place.tree.is_string()) {
    refuse(place, complaints, "must be a text; put it in quotes");
    return std::nullopt;
  }
  const std::string& text = place.tree.text();
  if (text.empty()) return std::nullopt;
  if (text.size() <= kLongestPassword) return text;
  refuse(place, complaints,
         fmt::format("{} octets: TCP-MD5 takes at most {}", text.size(), kLongestPassword));
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> integer_of(const Tree& tree) {
  if (tree.kind() != TreeKind::Number) return std::nullopt;
  const std::string_view text = tree.text();
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  // "017" is fifteen to YAML 1.1 and seventeen to YAML 1.2.
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  std::int64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

std::string found(const Tree& tree) {
  switch (tree.kind()) {
    case TreeKind::Null: return "null";
    case TreeKind::Bool:
    case TreeKind::Number: return shown(tree.text());
    case TreeKind::String: return fmt::format("the text {}", shown(tree.text()));
    case TreeKind::List: return "a list";
    case TreeKind::Map: return "a map";
  }
  return {};
}

std::string join_path(const std::string& parent, std::string_view name) {
  if (name.size() > 64) name = name.substr(0, 64);
  return parent.empty() ? std::string{name} : fmt::format("{}.{}", parent, name);
}

void complain_unknown(const std::string& parent, const Tree::Entry& entry,
                      std::span<const std::string_view> names, Complaints& complaints) {
  const std::string_view meant = nearest(entry.key, names);
  const std::string message =
      meant.empty() ? "unknown field"
                    : fmt::format("unknown field, did you mean {}?", join_path(parent, meant));
  const unsigned line = entry.key_line != 0 ? entry.key_line : entry.value.line();
  complaints.warn("UnknownField", join_path(parent, entry.key), line, message);
}

std::optional<Value> read_value(const Place& place, const Field& field, Complaints& complaints) {
  switch (field.type) {
    case FieldType::Bool: return read_bool(place, complaints);
    case FieldType::Integer:
    case FieldType::Digits: {
      const bool may_be_text = field.type == FieldType::Digits;
      if (may_be_text && place.tree.is_string() && place.tree.text().empty()) return std::nullopt;
      return read_integer(place, field.bounds, may_be_text, complaints);
    }
    case FieldType::Choice: return read_choice(place, field.words, complaints);
    case FieldType::Password: return read_password(place, complaints);
    case FieldType::AsnMap: return read_asn_map(place, field.bounds, complaints);
    case FieldType::Selector: return read_selector(place, complaints);
    case FieldType::SelectorOrMap: return read_selector_or_map(place, complaints);
    default: return read_text(place, field, complaints);
  }
}

}  // namespace porter::model
