// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "watch/api_status.hpp"
#include "watch/list_watch.hpp"

// What answers mean and what is said about them; no state.
namespace porter::watch {

// Both are numbers, and the left one is smaller. (KEP-5504: resourceVersions of one resource can be
// compared as numbers. Of what is no number nothing is concluded.)
[[nodiscard]] bool is_older_version(std::string_view left, std::string_view right);

// The answer to a watch with sendInitialEvents: this API server does not have it, now or with this
// etcd.
[[nodiscard]] bool refuses_watch_list(const ApiStatus& status);

[[nodiscard]] Trouble::Cause cause_of(const ApiStatus& status);
[[nodiscard]] std::string words_of(const ApiStatus& status);  // "403 Forbidden: …"
[[nodiscard]] Trouble trouble_of(Trouble::Cause cause, std::string_view verb,
                                 std::string_view resource, std::string_view why);
[[nodiscard]] Trouble too_many(std::string_view verb, std::string_view resource, std::size_t most);

}  // namespace porter::watch
