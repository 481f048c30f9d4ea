// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kube/client.hpp"

namespace porter::cluster {

// One thing that may be done, in the words of RBAC.
struct Right {
  std::string group;     // empty: core
  std::string resource;  // "services/status"
  std::string name;      // of the one object; empty: any
  std::string verb;
  friend auto operator<=>(const Right&, const Right&) = default;
};
[[nodiscard]] std::string words(const Right& right);  // "patch services/status"

// deploy/rbac.yaml, as it was when this was built: what is granted there is what we need.
[[nodiscard]] std::string_view delivered_roles();
// What such a manifest grants a ServiceAccount; none: it cannot be read, or does not name it.
[[nodiscard]] std::vector<Right> rights_of(std::string_view roles, const std::string& account);
// Whether resourceRules of a SelfSubjectRulesReview grant it.
[[nodiscard]] bool grants(const Tree& rules, const Right& right);

// Asks the API server, in one request, what we may do, and says what is missing: a right that is
// used once a year is missed now. Asked again, for people repair their roles while we run.
class Rights {
 public:
  static constexpr std::chrono::seconds kOften{10};  // at first, and while something is missing
  static constexpr std::chrono::seconds kSeldom{60};

  Rights(const io::asio::any_io_executor& executor, kube::Client& client, std::string ns,
         std::vector<Right> needed);
  Rights(const Rights&) = delete;
  Rights& operator=(const Rights&) = delete;
  ~Rights() = default;

  io::Task<> follow();  // to be spawned
  // "may not patch services/status: …", one for each.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  io::Task<> ask();
  void judge(const Tree& rules);

  kube::Client& client_;
  std::string ns_;
  std::vector<Right> needed_;
  std::set<Right> missing_;
  io::asio::steady_timer timer_;
};

}  // namespace porter::cluster
