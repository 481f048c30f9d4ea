// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/arguments.hpp"

namespace porter::app {

// `porter speaker`: announces, from one node, what the controller assigned; to its end. The exit
// status.
[[nodiscard]] int run_speaker(const cli::SpeakerOptions& options);

}  // namespace porter::app
