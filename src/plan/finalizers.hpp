// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plan/assign.hpp"

// What holds an object back when it is deleted. An Eip is held from the moment we see it until it
// is deleted and its last address was released; nothing else is held by us. Finalizers of Porter
// 0.3 and OpenELB are taken off whatever carries them: nobody is left who would.
namespace porter::plan {

inline constexpr std::string_view kAddressesInUse = "network.kubesphere.io/addresses-in-use";

[[nodiscard]] bool is_of_openelb(std::string_view finalizer);

// The list as it is to be. A finalizer cannot be added any more to what is being deleted.
[[nodiscard]] std::vector<std::string> finalizers_after(const std::vector<std::string>& current,
                                                        bool is_deleting, bool is_held);

// None: they are as they should be, or the object is not there.
[[nodiscard]] std::optional<FinalizersWanted> finalizers_wanted(const View& view,
                                                                const Assigner& assigner,
                                                                const model::ObjectKey& key);

}  // namespace porter::plan
