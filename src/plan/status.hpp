// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/announce.hpp"

namespace porter::plan {

inline constexpr std::string_view kOurConditions = "network.kubesphere.io/";  // on a Service

struct Condition {
  std::string type;
  bool is_true = false;
  std::string reason;
  std::string message;
  friend bool operator==(const Condition&, const Condition&) = default;
};

// The status of one object but for its times: what it holds beside the conditions, and these.
struct StatusDraft {
  Tree fields = Tree::map();
  std::vector<Condition> conditions;
};
// None: there is no such object, or it is not ours to speak about. Pure; the shapes are those of
// Kubernetes and of OpenELB's kinds, with our own fields added (api.md 7).
[[nodiscard]] std::optional<StatusDraft> service_status(const View& view, const Assigner& assigner,
                                                        const Announcer& announcer,
                                                        const model::NamespacedName& name);
[[nodiscard]] std::optional<StatusDraft> eip_status(const View& view, const Assigner& assigner,
                                                    const std::string& name);
[[nodiscard]] std::optional<StatusDraft> conf_status(const View& view, const Announcer& announcer,
                                                     const std::string& name);
[[nodiscard]] std::optional<StatusDraft> peer_status(const View& view, const Announcer& announcer,
                                                     const std::string& name);
[[nodiscard]] std::optional<StatusDraft> advertisement_status(const View& view,
                                                              const std::string& name);

// What of a status is ours to say, in one spelling.
struct OurText {
  std::string announced;  // a Service's condition Announced
  std::string rest;
  friend bool operator==(const OurText&, const OurText&) = default;
};

// Builds the status of one object, what stands below `status:`, from what the stages say, keeping
// lastTransitionTime of conditions that did not change. None: nothing changed since the last time
// it was asked for this key. An object that is gone gives a StatusWanted without a value, once.
class StatusWriter {
 public:
  StatusWriter(const View& view, const Assigner& assigner, const Announcer& announcer);

  [[nodiscard]] std::optional<StatusWanted> write(const model::ObjectKey& key,
                                                  std::int64_t unix_now);
  // A cluster: what stands there. What agrees with it is not written, not after a restart either;
  // times of conditions go on from it. True: it is not what was said last.
  bool seen(const model::ObjectKey& key, const Tree& status);
  // Something of ours stands there.
  [[nodiscard]] bool has_said(const model::ObjectKey& key) const;
  // A Service's address and all else stays as it was said; what changes is why, or whether, it is
  // announced, for a reason it shares with thousands of others: a session, the nodes. If that
  // passes, nothing has to be written.
  [[nodiscard]] bool may_pass(const model::ObjectKey& key) const;

 private:
  struct Transition {
    bool is_true = false;
    std::int64_t since = 0;
  };
  using Transitions = std::map<std::string, Transition>;  // by type of condition
  struct Said {
    OurText text;  // empty: nothing yet
    Transitions transitions;
    bool is_ours = false;  // there is something of ours to take back
  };

  [[nodiscard]] std::optional<StatusDraft> draft(const model::ObjectKey& key) const;
  static Transitions add_conditions(StatusDraft& draft, const Said& said, std::int64_t unix_now);

  const View& view_;
  const Assigner& assigner_;
  const Announcer& announcer_;
  std::map<model::ObjectKey, Said> said_;
};

}  // namespace porter::plan
