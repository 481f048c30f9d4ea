// SPDX-License-Identifier: Apache-2.0
#include "plan/explain_peers.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "plan/phrase.hpp"

namespace porter::plan {
namespace {

using Verdict = Explanation::Verdict;
using Link = Explanation::Link;

std::string neighbor_of(const View& view, const std::string& peer) {
  const auto known = view.bgp_peers.find(peer);
  if (known == view.bgp_peers.end()) return peer;
  const model::BgpPeer& object = known->second;
  if (object.neighbor_prefix) return to_string(*object.neighbor_prefix);
  if (!object.neighbor) return peer;
  const std::string& zone = object.neighbor_zone;
  return to_string(*object.neighbor) + (zone.empty() ? "" : "%" + zone);
}

// None of this node's business, or somebody else's words say it already.
bool is_beside_the_point(Reason reason) {
  return reason == Reason::NotThisNode || reason == Reason::LeftToCni ||
         reason == Reason::Deleting || reason == Reason::DuplicateNeighbor ||
         reason == Reason::NoBgpConf;
}

// A controller sees the nodes of a peer in Self mode together.
bool is_told_by_each(const View& view, const std::string& name) {
  if (view.identity.role != Role::Controller) return false;
  const auto peer = view.bgp_peers.find(name);
  return peer != view.bgp_peers.end() &&
         mode_asked_for(view, effective_conf(view), peer->second) == model::NextHopMode::Self;
}

class PeerLink {
 public:
  PeerLink(const View& view, const PeerOutcome& outcome, const std::string& peer,
           std::int64_t unix_now)
      : view_{view},
        outcome_{outcome},
        peer_{peer},
        neighbor_{neighbor_of(view, peer)},
        unix_now_{unix_now} {}

  [[nodiscard]] Link idle() const {
    const Verdict verdict =
        outcome_.reason == Reason::AdminDown ? Verdict::NotReached : Verdict::Fail;
    return link(verdict, fmt::format("{}: {}", to_string(outcome_.reason), outcome_.message),
                outcome_.fix);
  }

  [[nodiscard]] Link running(const Told& told, const Announcement& one) const {
    if (!told.is_established) return down();
    const bool is_out =
        std::ranges::any_of(one.routes, [](const Route& route) { return !route.paths.empty(); });
    if (!is_announced(one.reason) && !is_out)
      return link(Verdict::Ok, "Established; nothing to tell");
    if (!told.has_family) return without_family(one.address.family());
    if (!told.is_selected) {
      return link(Verdict::NotReached,
                  "nothing to tell: no BgpAdvertisement that has this peer selects the address");
    }
    if (told.is_refused) {
      return link(
          Verdict::Fail,
          fmt::format("{}: its prefixBudget is spent, and what was announced earlier stays",
                      to_string(Reason::PrefixBudget)),
          fmt::format("raise spec.prefixBudget.max on BgpPeer {}, or announce aggregates", peer_));
    }
    if (told.next_hops.empty()) return told_nothing(told, one);
    const std::string sent = told.caught_up ? "sent" : "being sent";
    if (is_told_by_each(view_, peer_)) {
      return link(Verdict::Ok, sent + " by each of the next hops for itself (nextHopMode Self)");
    }
    const std::size_t count = told.next_hops.size();
    if (!told.add_path && told.eligible > 1) {
      return link(
          Verdict::Warn,
          fmt::format(
              "{}, 1 path: the peer cannot receive ADD-PATH, so it sees one next hop only ({})",
              sent, to_string(told.next_hops.front())),
          fmt::format(
              "let {} receive additional paths (RFC 7911) for {} from us, or let every node peer "
              "(nextHopMode: Self): until then all its traffic goes to one node",
              neighbor_, to_string(one.address.family())));
    }
    std::string text = fmt::format("{}, {}", sent, count_of(count, "path"));
    if (told.add_path) text += " (ADD-PATH)";
    if (count < told.eligible) text += fmt::format(" of {}, as sendMax says", told.eligible);
    if (told.self) text += ", our own";
    return link(Verdict::Ok, std::move(text));
  }

 private:
  [[nodiscard]] Link link(Verdict verdict, std::string text, std::string fix_text = "") const {
    return {.verdict = verdict,
            .name = "peer " + neighbor_,
            .text = std::move(text),
            .fix = std::move(fix_text)};
  }

  [[nodiscard]] Link down() const {
    const auto session = view_.sessions.find(peer_);
    std::string text = "not Established: ";
    if (session == view_.sessions.end()) {
      text += "the session was not started yet";
    } else {
      const SessionSeen& seen = session->second;
      text += seen.why.empty() ? std::string{bgp::to_string(seen.state)} : seen.why;
      const std::string ago = ago_words(seen.since, unix_now_);
      if (!ago.empty()) text += ", " + ago;
      // Later failures to connect must not hide what began it.
      if (!seen.ended.empty() && seen.ended != seen.why)
        text += "; the last session ended because " + seen.ended;
    }
    const std::string from_as =
        outcome_.spec ? " from AS " + to_string(outcome_.spec->config.open.local_as) : "";
    return link(Verdict::Fail, std::move(text),
                fmt::format("check the link to {}, and that it expects a session{} "
                            "(BgpPeer {}); details: \"porter peers {}\"",
                            neighbor_, from_as, peer_, neighbor_));
  }

  [[nodiscard]] Link without_family(Family family) const {
    return link(
        Verdict::Fail,
        fmt::format("Established, but the session does not carry {}", to_string(family)),
        fmt::format("add {} to spec.afiSafis of BgpPeer {}, and to {}'s side of the session",
                    family == Family::V4 ? "AFI_IP" : "AFI_IP6", peer_, neighbor_));
  }

  [[nodiscard]] Link told_nothing(const Told& told, const Announcement& one) const {
    if (told.self) {
      return link(Verdict::NotReached,
                  "nothing to tell: in nextHopMode Self a node announces itself only, and this one "
                  "is no next hop");
    }
    if (!told.v6_for_v4 && has_only_foreign_next_hops(one)) {
      return link(
          Verdict::Fail,
          fmt::format("{}: the next hops are IPv6 addresses, and {} does not take those for "
                      "IPv4 (RFC 8950)",
                      to_string(Reason::NextHopNotShared), neighbor_),
          fmt::format("give the nodes IPv4 addresses, or set spec.extendedNextHop on BgpPeer "
                      "{} and its like on {}",
                      peer_, neighbor_));
    }
    const std::string shared = told.shared ? to_string(*told.shared) : "it";
    return link(Verdict::Fail,
                fmt::format("{}: none of the {} lies in the subnet shared with {} ({})",
                            to_string(Reason::NextHopNotShared),
                            count_of(one.next_hops, "next hop"), neighbor_, shared),
                fmt::format("set annotation {} on the nodes to addresses in that subnet, or "
                            "spec.ebgpMultihop.enabled: true on BgpPeer {}",
                            kNextHopAnnotation, peer_));
  }

  const View& view_;
  const PeerOutcome& outcome_;
  const std::string& peer_;
  std::string neighbor_;
  std::int64_t unix_now_;
};

}  // namespace

std::vector<Link> peer_links(const View& view, const Announcer& announcer, const Announcement& one,
                             std::int64_t unix_now) {
  std::vector<Link> links;
  const std::vector<Told> all = told_of(view, announcer.peers(), one);
  for (const auto& [name, outcome] : announcer.peers()) {
    if (is_beside_the_point(outcome.reason)) continue;
    const PeerLink link{view, outcome, name, unix_now};
    const auto told = std::ranges::find(all, name, &Told::peer);
    links.push_back(told == all.end() ? link.idle() : link.running(*told, one));
  }
  return links;
}

PeerCount count_peers(const View& view, const Announcer& announcer,
                      const std::vector<Announcement>& announcements) {
  PeerCount count;
  std::set<std::string> untold;
  std::set<std::string> asked;
  std::set<std::string> unasked;  // not to be told
  for (const Announcement& one : announcements) {
    for (const Told& told : told_of(view, announcer.peers(), one)) {
      (told.is_selected ? asked : unasked).insert(told.peer);
      if (told.is_selected && (!told.is_established || told.next_hops.empty()))
        untold.insert(told.peer);
    }
  }
  for (const auto& [name, outcome] : announcer.peers()) {
    if (is_beside_the_point(outcome.reason) || outcome.reason == Reason::AdminDown) continue;
    if (unasked.contains(name) && !asked.contains(name)) continue;
    ++count.all;
    if (outcome.spec && !untold.contains(name)) ++count.told;
  }
  return count;
}

}  // namespace porter::plan
