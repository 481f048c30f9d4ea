// SPDX-License-Identifier: Apache-2.0
#include "model/encode.hpp"

#include <array>

#include "model/time_text.hpp"

namespace porter::model {
namespace {

Tree to_tree(const Holder& holder) {
  Tree tree = Tree::map();
  tree.set("namespace", holder.service.ns).set("name", holder.service.name);
  if (!holder.uid.empty()) tree.set("uid", holder.uid);
  return tree;
}

Tree to_tree(const StringMap& map) {
  Tree tree = Tree::map();
  for (const auto& [key, value] : map)
    tree.set(key, value);
  return tree;
}

Tree metadata(const EipAddress& address) {
  Tree tree = Tree::map();
  tree.set("name", eip_address_name(address.address));
  if (!address.meta.labels.empty()) tree.set("labels", to_tree(address.meta.labels));
  if (!address.meta.annotations.empty()) tree.set("annotations", to_tree(address.meta.annotations));
  return tree;
}

// --- BgpNodeState ---

// Of what people read; the shorter ones where many sessions have much to say.
constexpr std::array<std::size_t, 3> kLongestWords{120, 64, 32};
constexpr std::size_t kLongestName = 64;     // of what a machine made: addresses, states
constexpr std::size_t kMostOctets = 96'000;  // of all sessions, as JSON
constexpr std::size_t kMostCapabilities = 8;
constexpr std::size_t kLongestCapability = 32;

// Cut at a whole character of UTF-8.
std::string cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string{text};
  std::size_t size = most - 3;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U)
    --size;
  return std::string{text.substr(0, size)} + "...";
}

void set_text(Tree& tree, const char* name, const std::string& text, std::size_t most) {
  if (!text.empty()) tree.set(name, cut(text, most));
}

template <class T>
void set_number(Tree& tree, const char* name, T number) {
  if (number != 0) tree.set(name, number);
}

void set_time(Tree& tree, const char* name, std::int64_t seconds) {
  if (seconds > 0) tree.set(name, format_time(seconds));
}

Tree to_tree(const BgpNodeState::Counts& counts) {
  return Tree::map().set("ipv4", counts.ipv4).set("ipv6", counts.ipv6);
}

void set_notification(Tree& tree, const char* name,
                      const std::optional<BgpNodeState::Notification>& notification,
                      std::size_t most) {
  if (!notification) return;
  Tree inner = Tree::map();
  set_text(inner, "text", notification->text, most);
  set_time(inner, "at", notification->at);
  tree.set(name, std::move(inner));
}

Tree to_tree(const BgpNodeState::Session& session, std::size_t most) {
  static constexpr BgpNodeState::Counts kNothing;
  Tree tree = Tree::map();
  // The name of an object is at most 253 octets: cut, it would be the name of another.
  tree.set("peer", session.peer).set("neighbor", cut(session.neighbor, kLongestName));
  tree.set("state", cut(session.state, kLongestName));
  set_time(tree, "since", session.since);
  set_number(tree, "peerAs", session.peer_as);
  set_number(tree, "localAs", session.local_as);
  set_text(tree, "routerId", session.router_id, kLongestName);
  set_number(tree, "holdTime", session.hold_time);
  Tree capabilities = Tree::list();
  for (const std::string& capability : session.capabilities) {
    if (capabilities.items().size() == kMostCapabilities) break;
    capabilities.push(cut(capability, kLongestCapability));
  }
  if (!capabilities.items().empty()) tree.set("capabilities", std::move(capabilities));
  if (session.sent != kNothing) tree.set("sent", to_tree(session.sent));
  if (session.kept_back != kNothing) tree.set("keptBack", to_tree(session.kept_back));
  if (session.received != kNothing) tree.set("received", to_tree(session.received));
  set_number(tree, "flaps", session.flaps);
  set_notification(tree, "notificationSent", session.notification_sent, most);
  set_notification(tree, "notificationReceived", session.notification_received, most);
  set_text(tree, "lastError", session.last_error, most);
  set_text(tree, "bfd", session.bfd, kLongestName);
  return tree;
}

// All sessions where they fit; else first those somebody will look for.
std::vector<const BgpNodeState::Session*> listed(const BgpNodeState& state) {
  const bool is_long = state.sessions.size() > BgpNodeState::kMostSessions;
  std::vector<const BgpNodeState::Session*> first;
  std::vector<const BgpNodeState::Session*> later;
  for (const BgpNodeState::Session& session : state.sessions)
    (is_long && session.state == "Established" ? later : first).push_back(&session);
  first.insert(first.end(), later.begin(), later.end());
  if (is_long) first.resize(BgpNodeState::kMostSessions);
  return first;
}

// As many as fit, in words of at most `most` octets.
Tree sessions_of(const std::vector<const BgpNodeState::Session*>& sessions, std::size_t most) {
  Tree list = Tree::list();
  std::size_t size = 0;
  for (const BgpNodeState::Session* const session : sessions) {
    Tree tree = to_tree(*session, most);
    size += to_json(tree, 0).size() + 1;
    if (size > kMostOctets) break;
    list.push(std::move(tree));
  }
  return list;
}

Tree sessions_of(const BgpNodeState& state) {
  const std::vector<const BgpNodeState::Session*> sessions = listed(state);
  Tree list;
  for (const std::size_t most : kLongestWords) {
    list = sessions_of(sessions, most);
    if (list.items().size() == sessions.size()) break;
  }
  return list;
}

}  // namespace

Tree to_tree(const EipAddress& address) {
  Tree spec = Tree::map();
  spec.set("address", to_string(address.address));
  if (!address.eip.empty()) spec.set("eip", address.eip);
  if (!address.share_key.empty()) spec.set("shareKey", address.share_key);
  if (!address.services.empty()) {
    Tree services = Tree::list();
    for (const Holder& holder : address.services)
      services.push(to_tree(holder));
    spec.set("services", std::move(services));
  }
  if (address.retain_until != 0) spec.set("retainUntil", format_time(address.retain_until));
  Tree document = Tree::map();
  document.set("apiVersion", "network.kubesphere.io/v1alpha2")
      .set("kind", "EipAddress")
      .set("metadata", metadata(address))
      .set("spec", std::move(spec));
  return document;
}

Tree to_tree(const BgpNodeState& state) {
  Tree status = Tree::map();
  status.set("total", state.total).set("established", state.established);
  set_text(status, "routerId", state.router_id, kLongestName);
  set_number(status, "as", state.as);
  set_text(status, "version", state.version, kLongestName);
  status.set("sessions", sessions_of(state));
  return Tree::map()
      .set("apiVersion", "network.kubesphere.io/v1alpha2")
      .set("kind", "BgpNodeState")
      .set("metadata", Tree::map().set("name", state.meta.name.name))
      .set("status", std::move(status));
}

}  // namespace porter::model
