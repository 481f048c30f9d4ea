// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kube/client.hpp"
#include "kube/resource.hpp"

namespace porter::cluster {

// Takes everything of ours out of a cluster, in the one order in which nothing blocks and nothing
// of other people's is touched; what is gone already is passed over, so it can be run again:
//
//   the Lease is taken, so that no controller acts on what vanishes: Services stay as they are
//   webhook configurations, conversion    nothing is asked any more that may be down
//   our kinds are deleted and let go      finalizers; none can be added to what is being deleted
//   CRDs                                  with all objects; speakers close their sessions (Cease)
//   programs, rights, Lease, Secret       whoever runs on cannot make them anew
//
// Owned by app for one run.
class Uninstall {
 public:
  enum class Mode : std::uint8_t { Perform, DryRun };
  struct Options {
    std::string ns;
    Mode mode = Mode::Perform;
    std::chrono::milliseconds crd_patience{60'000};
    std::chrono::milliseconds poll{200};
  };
  // One line for people: what was done.
  using Say = std::function<void(const std::string&)>;

  Uninstall(const io::asio::any_io_executor& executor, kube::Client& client, Options options,
            Say say);
  Uninstall(const Uninstall&) = delete;
  Uninstall& operator=(const Uninstall&) = delete;
  ~Uninstall() = default;

  io::Task<> run();
  // What could not be done, in words; empty: all is gone.
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  [[nodiscard]] bool is_reached() const { return is_reached_; }  // the API server answered

 private:
  struct Target {
    kube::Resource resource;
    model::NamespacedName name;
  };
  // An object of ours and what holds it back.
  struct Held {
    std::string name;
    std::vector<std::string> finalizers;
  };

  io::Task<> take_lease();
  io::Task<> stop_conversion(std::string crd);
  io::Task<> delete_kind(model::Kind kind);
  io::Task<> delete_object(kube::Resource resource, Held object, std::size_t& deleted);
  io::Task<> let_go(const kube::Resource& resource, const Held& object);
  io::Task<> delete_crds();
  io::Task<> await_gone(Target target);
  io::Task<> remove(Target target);
  io::Task<bool> list(const kube::Resource& resource, std::vector<Held>& into);
  // 404 is no failure; others are noted. None: not answered, or refused.
  io::Task<std::optional<kube::Response>> ask(kube::Request request, std::string what);
  [[nodiscard]] bool is_dry() const { return options_.mode == Mode::DryRun; }
  [[nodiscard]] const char* deleted_word() const { return is_dry() ? "would delete" : "deleted"; }

  kube::Client& client_;
  Options options_;
  Say say_;
  io::asio::steady_timer timer_;
  std::vector<std::string> failures_;
  bool is_reached_ = false;
};

}  // namespace porter::cluster
