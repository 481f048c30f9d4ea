// SPDX-License-Identifier: Apache-2.0
#include "model/conversion_leaves.hpp"

#include <array>

#include "model/value.hpp"

namespace porter::model {
namespace {

Wish value_at(const Tree& spec, std::string_view path) {
  const Tree& value = spec.at_path(path);
  if (value.is_null()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> number_of(const Wish& wish) {
  return wish ? integer_of(*wish) : std::nullopt;
}

// --- Eip ---

const Tree* first_address(const Tree& new_spec) {
  const Tree::List& more = new_spec["addresses"].items();
  const bool is_written = !new_spec["address"].is_null() && !new_spec["address"].text().empty();
  return is_written || more.empty() ? nullptr : &more.front();
}

Wish address_down(const Leaf& leaf, const Tree& new_spec) {
  const Tree* const first = first_address(new_spec);
  return first != nullptr ? Wish{*first} : same_down(leaf, new_spec);
}

Tree put_address(const Leaf& leaf, const Tree& new_spec, const Wish& wish) {
  if (first_address(new_spec) == nullptr || !wish) return put_at_path(leaf, new_spec, wish);
  Tree list = Tree::list();
  list.push(*wish);
  const Tree::List& items = new_spec["addresses"].items();
  for (std::size_t i = 1; i < items.size(); ++i)
    list.push(items[i]);
  return placed(new_spec, "addresses", std::move(list));
}

Wish protocol_down(const Leaf& leaf, const Tree& new_spec) {
  const Wish protocol = same_down(leaf, new_spec);
  return protocol && protocol->text() == "vip" ? Tree{"layer2"} : protocol;
}

// Absent, it is false in v1alpha1 and true in v1alpha2.
Wish known_ips_up(const Leaf& leaf, const Tree& old_spec) {
  const Wish known = same_up(leaf, old_spec);
  return known ? known : Tree{false};
}
Wish known_ips_down(const Leaf& leaf, const Tree& new_spec) {
  const Wish known = same_down(leaf, new_spec);
  if (!known) return Tree{true};
  return known->kind() == Tree::Kind::Bool && !known->as_bool() ? std::nullopt : known;
}

// --- BgpConf ---

// Required in v1alpha1, which has no word for "do not listen".
Wish port_down(const Leaf& leaf, const Tree& new_spec) {
  static constexpr int kBgp = 179;
  const Wish port = same_down(leaf, new_spec);
  const std::optional<std::int64_t> number = number_of(port);
  return !port || (number && *number <= 0) ? Tree{kBgp} : port;
}

Wish nodes_up(const Leaf& /*leaf*/, const Tree& /*old_spec*/) {
  return Tree{"Nodes"};
}
Wish no_word(const Leaf& /*leaf*/, const Tree& /*new_spec*/) {
  return std::nullopt;
}

// --- BgpPeer ---

constexpr std::string_view kSendMax = "addPaths.config.sendMax";  // of the first of afiSafis
constexpr std::int64_t kOldSendMax = 8;                           // of Porter 0.3
constexpr std::int64_t kNewSendMax = 10;                          // of OpenELB
constexpr std::int64_t kMostOldSendMax = 255;

Wish restart_up(const Leaf& /*leaf*/, const Tree& /*old_spec*/) {
  return Tree::map().set("enabled", true).set("restartTime", 60);
}

Wish send_max_up(const Leaf& leaf, const Tree& old_spec) {
  const Wish wanted = same_up(leaf, old_spec);
  return !wanted || number_of(wanted) == 0 ? Tree{kOldSendMax} : wanted;
}

// v1alpha1 cannot switch ADD-PATH off; one path is next to it.
Wish send_max_down(const Leaf& leaf, const Tree& new_spec) {
  const Tree::List& families = new_spec.at_path(leaf.new_path).items();
  if (families.empty()) return Tree{kNewSendMax};
  const Wish wanted = value_at(families.front(), kSendMax);
  const std::optional<std::int64_t> number = number_of(wanted);
  if (!wanted || number == 0) return Tree{1};
  if (number == kOldSendMax) return std::nullopt;
  return number && *number > kMostOldSendMax ? Tree{kMostOldSendMax} : wanted;
}

Tree put_send_max(const Leaf& leaf, const Tree& new_spec, const Wish& wish) {
  const Tree::List& families = new_spec.at_path(leaf.new_path).items();
  Tree list = Tree::list();
  list.push(placed(families.empty() ? Tree::map() : families.front(), kSendMax, wish));
  for (std::size_t i = 1; i < families.size(); ++i)
    list.push(families[i]);
  return placed(new_spec, leaf.new_path, std::move(list));
}

constexpr auto kLeaves = std::to_array<Leaf>({
    {.kind = Kind::Eip,
     .old_path = "address",
     .new_path = "address",
     .down = address_down,
     .put_new = put_address},
    {.kind = Kind::Eip, .old_path = "protocol", .new_path = "protocol", .down = protocol_down},
    {.kind = Kind::Eip, .old_path = "disable", .new_path = "disable"},
    {.kind = Kind::Eip,
     .old_path = "usingKnownIPs",
     .new_path = "usingKnownIPs",
     .up = known_ips_up,
     .down = known_ips_down},
    {.kind = Kind::BgpConf, .old_path = "as", .new_path = "as"},
    {.kind = Kind::BgpConf, .old_path = "routerID", .new_path = "routerId"},
    {.kind = Kind::BgpConf, .old_path = "port", .new_path = "listenPort", .down = port_down},
    {.kind = Kind::BgpConf,
     .old_path = "",
     .new_path = "nextHopMode",
     .up = nodes_up,
     .down = no_word},
    {.kind = Kind::BgpPeer, .old_path = "config.peerAs", .new_path = "conf.peerAs"},
    {.kind = Kind::BgpPeer,
     .old_path = "config.neighborAddress",
     .new_path = "conf.neighborAddress"},
    {.kind = Kind::BgpPeer,
     .old_path = "addPaths.sendMax",
     .new_path = "afiSafis",
     .up = send_max_up,
     .down = send_max_down,
     .put_new = put_send_max},
    {.kind = Kind::BgpPeer,
     .old_path = "transport.passiveMode",
     .new_path = "transport.passiveMode"},
    {.kind = Kind::BgpPeer, .old_path = "transport.remotePort", .new_path = "transport.remotePort"},
    {.kind = Kind::BgpPeer, .old_path = "usingPortForward", .new_path = "transport.portForward"},
    {.kind = Kind::BgpPeer,
     .old_path = "",
     .new_path = "nextHopMode",
     .up = nodes_up,
     .down = no_word},
    {.kind = Kind::BgpPeer,
     .old_path = "",
     .new_path = "gracefulRestart",
     .up = restart_up,
     .down = no_word},
});

}  // namespace

Tree placed(const Tree& tree, std::string_view path, const Wish& wish) {
  const std::size_t dot = path.find('.');
  const std::string_view name = path.substr(0, dot);
  const bool is_last = dot == std::string_view::npos;
  const std::string_view rest = is_last ? std::string_view{} : path.substr(dot + 1);
  Tree result = Tree::map();
  bool is_there = false;
  for (const Tree::Entry& entry : tree.entries()) {
    if (entry.key != name) {
      result.add_entry(entry.key, entry.value, 0);
      continue;
    }
    is_there = true;
    if (is_last) {
      if (wish) result.add_entry(entry.key, *wish, 0);
      continue;
    }
    Tree inner = placed(entry.value, rest, wish);
    if (wish || !inner.entries().empty()) result.add_entry(entry.key, std::move(inner), 0);
  }
  if (!is_there && wish)
    result.add_entry(std::string{name}, is_last ? *wish : placed(Tree::map(), rest, wish), 0);
  return result;
}

Wish same_up(const Leaf& leaf, const Tree& old_spec) {
  return value_at(old_spec, leaf.old_path);
}
Wish same_down(const Leaf& leaf, const Tree& new_spec) {
  return value_at(new_spec, leaf.new_path);
}
Tree put_at_path(const Leaf& leaf, const Tree& new_spec, const Wish& wish) {
  return placed(new_spec, leaf.new_path, wish);
}

std::span<const Leaf> leaves() {
  return kLeaves;
}

}  // namespace porter::model
