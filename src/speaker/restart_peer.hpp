// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "plan/fact.hpp"

// The sessions to run, and where to listen, as records of the restart file: octets in which every
// field has its place. Read back they equal what was written, so that the plan that follows resets
// nothing. A reader takes the whole record; none: harmed.
namespace porter::speaker {

// Another layout of the fields is another number.
inline constexpr std::uint8_t kPeerLayout = 3;

struct NamedPeer {
  std::string name;  // of the BgpPeer
  plan::PeerSpec spec;
};
void put_peer(const std::string& name, const plan::PeerSpec& spec, std::vector<std::uint8_t>& out);
[[nodiscard]] std::optional<NamedPeer> take_peer(Bytes record);

void put_listen(const plan::ListenSpec& listen, std::vector<std::uint8_t>& out);
[[nodiscard]] std::optional<plan::ListenSpec> take_listen(Bytes record);

}  // namespace porter::speaker
