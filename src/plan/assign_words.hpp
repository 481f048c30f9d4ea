// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/assign_choice.hpp"

// What stage 1 says to people.
namespace porter::plan::words {

// "198.51.100.8/30, 192.0.2.1-192.0.2.9 and 3 more", of one family.
[[nodiscard]] std::string ranges(const model::Eip& eip, Family family);
// "Eip lan is disabled".
[[nodiscard]] std::string bar(const model::Eip& eip, Bar why, const model::Service& service,
                              Family family);
// "Eip lan excludes 192.0.2.1".
[[nodiscard]] std::string not_given(const model::Eip& eip, const ipam::Pool& pool,
                                    const Address& address);
[[nodiscard]] Reason reason_of(Bar why);
// "all 4 addresses of Eip edge (198.51.100.8/30) are in use: shop/web, shop/api and 2 more".
[[nodiscard]] std::string exhausted(const ipam::Allocator& allocator, const model::Eip& eip,
                                    Family family);
// "add a pool or widen one (kubectl edit eip edge), free one of the four".
[[nodiscard]] std::string free_one(const ipam::Allocator& allocator, const model::Eip& eip,
                                   Family family);
// "cannot be shared with shop/web: both have TCP 80".
[[nodiscard]] std::string collision(const ipam::Collision& collision);
[[nodiscard]] std::string collision_fix(const ipam::Collision& collision);
// "shop/web", "shop/web and 2 more", "reserved".
[[nodiscard]] std::string holders(const ipam::Lease& lease);

}  // namespace porter::plan::words
