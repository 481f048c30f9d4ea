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

// A status of these kinds is ours to write.
[[nodiscard]] bool has_our_status(model::Kind kind);

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

// What of a status is ours to say, in one spelling, and of that the hash: 10,000 texts would be
// most of a small process. Two texts with one hash, 1 in 2^64, would keep one write from happening.
struct OurWords {
  std::uint64_t announced = 0;  // a Service's condition Announced; 0: none
  std::uint64_t rest = 0;       // 0: nothing
  friend bool operator==(const OurWords&, const OurWords&) = default;
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
    std::uint64_t type = 0;  // of condition, its hash
    std::int64_t since = 0;  // Unix seconds
    bool is_true = false;
  };
  struct Said {
    OurWords words;
    std::vector<Transition> transitions;
    bool is_ours = false;  // there is something of ours to take back
  };

  [[nodiscard]] std::optional<StatusDraft> draft(const model::ObjectKey& key) const;
  static std::vector<Transition> add_conditions(StatusDraft& draft, const Said& said,
                                                std::int64_t unix_now);
  static const Transition* find(const Said& said, std::string_view type);

  const View& view_;
  const Assigner& assigner_;
  const Announcer& announcer_;
  std::map<model::ObjectKey, Said> said_;
};

}  // namespace porter::plan
