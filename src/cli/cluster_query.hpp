// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.hpp"
#include "base/tree.hpp"
#include "cli/arguments.hpp"

namespace porter::cli {

// Is a cluster named, or told of by a kubeconfig or the Pod's own account?
[[nodiscard]] bool has_cluster(const QueryOptions& options);

// The answer from a cluster's API objects, for who has no porter beside him: each kind is listed
// once, and an Engine plans on them as the controller's does, so that the words are its words. What
// only a speaker knows is not there, and the answer says so (`note`). The errors: NotFound: the
// answer is no; Invalid: the question makes no sense; else the cluster cannot be asked.
[[nodiscard]] Result<Tree> ask_cluster(const QueryOptions& options);

}  // namespace porter::cli
