// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kube/client.hpp"
#include "model/object.hpp"

namespace porter::cluster {

// What the leader does so that v1alpha1 can be dropped one day: where a CRD says that objects may
// still be stored as v1alpha1 (status.storedVersions), each of them is written once, unchanged,
// which stores it as v1alpha2, and then the CRD says so. Small pages, one write at a time: it has
// no hurry.
class Migration {
 public:
  Migration(const io::asio::any_io_executor& executor, kube::Client& client,
            std::function<bool()> may_act);
  Migration(const Migration&) = delete;
  Migration& operator=(const Migration&) = delete;
  ~Migration() = default;

  io::Task<> follow();  // to be spawned
  // "cannot patch customresourcedefinitions/status eips.network.kubesphere.io: …"
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  io::Task<Result<void>> migrate(model::Kind kind);
  io::Task<Result<std::size_t>> rewrite_all(model::Kind kind);
  io::Task<Result<Tree>> ask(kube::Request request, std::string what);

  kube::Client& client_;
  std::function<bool()> may_act_;
  io::asio::steady_timer timer_;
  std::map<model::Kind, std::string> troubles_;
};

// Whether objects may be stored in another version than the one the CRD stores now, which has to be
// v1alpha2.
[[nodiscard]] bool needs_migration(const Tree& definition);

}  // namespace porter::cluster
