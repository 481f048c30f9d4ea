// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>
#include <variant>

#include "watch/item_stream_lab.hpp"

// The first octet chooses the kind of body and limits, the second the size of the chunks; the rest
// is the body. However it is cut, the same comes out; what comes out can be written and read again.
namespace {

using namespace porter;
using namespace porter::watch;
using lab::Outcome;
using lab::read;

void require(bool claim) {
  if (!claim) __builtin_trap();
}

// Of two errors in one place the JSON parser names one or the other, as the octets come.
bool is_alike(const Outcome& left, const Outcome& right) {
  return left.items == right.items && left.error.empty() == right.error.empty();
}

void check_round_trip(const Tree& tree) {
  const Result<Tree> again = parse_json(to_json(tree, 0));
  require(again.has_value() && *again == tree);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view body{reinterpret_cast<const char*>(data) + 2, size - 2};
  ItemStream::Config config{.body = (data[0] & 1U) != 0 ? Body::Watch : Body::List,
                            .type = {.api_version = "v1", .kind = "Service"},
                            .limits = {}};
  if ((data[0] & 2U) != 0) config.managed_fields = ManagedFields::Keep;
  if ((data[0] & 4U) != 0) config.limits = {.octets = 64, .depth = 4, .values = 12};

  const Outcome whole = read(config, body, body.size() + 1);
  require(is_alike(read(config, body, data[1] % 64U + 1U), whole));
  require(is_alike(read(config, body, 1), whole));
  for (const Item& item : whole.items) {
    if (const auto* listed = std::get_if<Listed>(&item)) check_round_trip(listed->object);
    if (const auto* event = std::get_if<WatchEvent>(&item)) check_round_trip(event->object);
  }
  if (const Result<Tree> document = parse_json(body)) check_round_trip(*document);
  return 0;
}
