// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/tree.hpp"
#include "plan/engine.hpp"

// What of a report is known from the plan alone: the same on a node that announces, and from afar
// where only the API's objects are there.
namespace porter::local {

inline constexpr std::size_t kMaxItems =
    100'000;  // of one answer; `truncated` says that there were more

[[nodiscard]] Tree pools_report(const plan::Engine& engine);
// What is announced, as planned.
[[nodiscard]] Tree planned_routes_report(const plan::Engine& engine);

// `service` as NAMESPACE/NAME; a name alone is one in `default`, as kubectl has it. For programs
// the links and addresses; for people {announced, text}. Invalid: not a name.
enum class ExplainAs : std::uint8_t { Tree, Text };
[[nodiscard]] Result<Tree> explain_report(const plan::Engine& engine, const std::string& service,
                                          std::int64_t unix_now, ExplainAs as);

// Parts.
[[nodiscard]] Tree addresses_item(const plan::Engine& engine);  // {used, total, pools}
[[nodiscard]] Tree services_item(
    const plan::Engine& engine);  // {ours, announced, waiting, notAnnounced}
// A BgpPeer that does not run, and why.
[[nodiscard]] Tree idle_item(const std::string& name, const plan::Engine& engine);
// The Services that hold an address.
[[nodiscard]] Tree services_of(const Prefix& prefix, const plan::Engine& engine);
[[nodiscard]] Tree communities_item(const std::vector<std::uint32_t>& communities);

// Status is a page: of more than these, the rest is in metrics and in explain.
inline constexpr std::size_t kMaxProblems = 20;
void add_problem(Tree& list, const std::string& object, std::string_view reason,
                 const std::string& message);
void add_object_problems(Tree& list, const plan::Engine& engine);
void add_waiting_services(Tree& list, const plan::Engine& engine);

}  // namespace porter::local
