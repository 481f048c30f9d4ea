// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cluster/source.hpp"
#include "kube/writer.hpp"

namespace porter::cluster {

// The controller's hand: Records become EipAddresses, statuses are applied. One write of an address
// at a time, so that each is made on what the one before it left. Nothing is put to the Writer
// without the leader's right; what waits there is stopped by the resourceVersion it carries.
class Recorder {
 public:
  struct Hooks {
    std::function<void(plan::Fact)> fact;  // Recorded, RecordRefused
    std::function<std::string(const model::ObjectKey&)> uid_of;
    std::function<bool()> may_act;
  };

  Recorder(kube::Writer& writer, Source& source, Hooks hooks);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder() = default;

  void apply(const plan::Changes& changes);
  // What was not taken because we might not act, or the queue was full: once a second.
  void retry();

 private:
  struct Slot {
    std::optional<plan::Record> next;  // the latest that waits
    bool is_busy = false;
  };

  void write(const Address& address);
  [[nodiscard]] kube::Wish wish_for(const plan::Record& record);
  // After a conflict: the same on top of what is there now, while we may.
  [[nodiscard]] std::function<std::optional<kube::Operation>(const Tree&)> again(
      kube::Operation operation) const;
  void recorded(const plan::Record& record, const kube::WriteResult& result);
  void status(const model::ObjectKey& key);
  void hold(const model::ObjectKey& key);

  kube::Writer& writer_;
  Source& source_;
  Hooks hooks_;
  std::map<Address, Slot> slots_;
  std::map<model::ObjectKey, Tree> statuses_;  // not with the Writer yet
  struct Holding {
    std::optional<plan::FinalizersWanted> next;
    std::optional<bool> under_way;  // is_held of the one that is with the Writer
  };
  std::map<model::ObjectKey, Holding> holdings_;
};

}  // namespace porter::cluster
