// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

#include "kube/client.hpp"
#include "kube/resource.hpp"

namespace porter::kube {

// Every object of a kind as it is now, page by page, for programs that look once; what follows
// changes is the Reflector. Held at once is a page, and what `each` keeps of its objects, which
// come without the kind and apiVersion of the list. Errors: NotFound where the API server does not
// know the kind; its own words for other refusals; the Client's where nobody answers.
inline constexpr std::size_t kPage = 50;  // the status of an Eip may name thousands of addresses
inline constexpr std::size_t kMostPages = 10'000;  // then Exhausted
[[nodiscard]] io::Task<Result<void>> list(Client& client, Resource resource,
                                          std::function<void(const Tree&)> each);

}  // namespace porter::kube
