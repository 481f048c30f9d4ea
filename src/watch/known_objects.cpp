// SPDX-License-Identifier: Apache-2.0
#include "watch/known_objects.hpp"

namespace porter::watch {

KnownObjects::News KnownObjects::see(const model::NamespacedName& name, std::string_view version) {
  auto found = objects_.find(name);
  if (found == objects_.end()) {
    if (objects_.size() >= most_) return News::Full;
    found = objects_.emplace(name, Known{}).first;
  }
  Known& known = found->second;
  known.round = round_;
  if (known.version == version) return News::Unchanged;
  known.version = version;
  return News::Changed;
}

std::vector<model::NamespacedName> KnownObjects::end_round() {
  std::vector<model::NamespacedName> gone;
  for (auto it = objects_.begin(); it != objects_.end();) {
    if (it->second.round == round_) {
      ++it;
    } else {
      gone.push_back(it->first);
      it = objects_.erase(it);
    }
  }
  return gone;
}

void KnownObjects::forget_versions() {
  for (auto& [name, known] : objects_)
    known.version.clear();
}

}  // namespace porter::watch
