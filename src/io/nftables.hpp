// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/result.hpp"

// The kernel's packet filter, as far as we need it: a table of our own (family inet) that leads TCP
// to one port of this node to another port. Spoken over netlink without a library: the one there is
// (libnftables) is under GPL-2, which our licence cannot be linked with.
namespace porter::io {

// TCP from `source` to port `from` of an address of this node arrives at port `to` of that address.
struct Redirect {
  Prefix source;
  std::string interface;  // by which it comes in; empty: any
  std::uint16_t from = 0;
  std::uint16_t to = 0;
  friend auto operator<=>(const Redirect&, const Redirect&) = default;
};

// Table `name` holds exactly these redirects from now on, whatever was in it; none: there is no
// such table. All or nothing. The error says what to do about it.
[[nodiscard]] Result<void> set_redirects(std::string_view name,
                                         const std::vector<Redirect>& redirects);

}  // namespace porter::io
