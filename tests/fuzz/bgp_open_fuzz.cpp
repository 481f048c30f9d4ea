// SPDX-License-Identifier: Apache-2.0
#include "bgp/message.hpp"

namespace {

using namespace porter::bgp;  // NOLINT(google-build-using-namespace): a program of its own

void expect(bool claim) {
  if (!claim) __builtin_trap();
}

OpenConfig config(const Open& theirs) {
  OpenConfig ours;
  ours.local_as = porter::Asn{65000};
  ours.remote_as = theirs.capabilities.as4.value_or(porter::Asn{theirs.as});
  ours.id = porter::RouterId{1};
  ours.families = {.v4 = true, .v6 = true};
  ours.add_path_send = {.v4 = true, .v6 = false};
  ours.add_path_receive = {.v4 = true, .v6 = true};
  ours.restart_families = ours.families;
  ours.restart_time = std::uint16_t{20};
  ours.restart_notification = true;
  return ours;
}

void agree(const Open& theirs) {
  const OpenConfig ours = config(theirs);
  const auto agreed = negotiate(ours, theirs);
  if (!agreed) {
    expect(agreed.error().code == static_cast<std::uint8_t>(ErrorCode::OpenMessage));
    return;
  }
  expect(!agreed->families.none());
  expect(agreed->hold_time == 0 || agreed->hold_time >= 3);
  expect(agreed->hold_time <= ours.hold_time);
  for (const porter::Family family : {porter::Family::V4, porter::Family::V6}) {
    const bool has_add_path =
        agreed->add_path_send.has(family) || agreed->add_path_receive.has(family);
    expect(!has_add_path || agreed->families.has(family));
  }
}

}  // namespace

// The body of an OPEN: what decodes must encode to something that decodes to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kMaxMessage - kHeaderSize) return 0;  // frame() lets no more through
  const auto open = decode_open({data, size});
  if (!open) {
    expect(open.error().code == static_cast<std::uint8_t>(ErrorCode::OpenMessage));
    return 0;
  }
  std::vector<std::uint8_t> wire;
  encode(*open, wire);
  const auto framed = frame(wire, kMaxMessage);
  expect(std::holds_alternative<Frame>(framed));
  expect(decode_open(std::get<Frame>(framed).body) == *open);
  agree(*open);
  return 0;
}
