// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/task_group.hpp"

namespace porter::io {

// What was freed stays with the process wherever something younger lies behind it: after a large
// list was read that is a third of the heap. Every minute it is given back to the kernel, if it is
// at least 8 MB. Never ends by itself.
Task<> give_back_memory(asio::any_io_executor executor);

// The same at once; true: there was something to give back.
bool give_back_memory_now();

}  // namespace porter::io
