// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/tree.hpp"
#include "cli/table.hpp"

// The answers of the local API (local/report.hpp says their shape) as text for people. Total: a
// field that is missing shows as "-".
namespace porter::cli {

[[nodiscard]] std::string render_status(const Tree& answer, Colour colour);
[[nodiscard]] std::string render_peers(const Tree& answer, Colour colour);
[[nodiscard]] std::string render_peer(const Tree& item, Colour colour);
[[nodiscard]] std::string render_routes(const Tree& answer, Colour colour);
[[nodiscard]] std::string render_received(const Tree& answer, Colour colour);
[[nodiscard]] std::string render_pools(const Tree& answer, Colour colour);

}  // namespace porter::cli
