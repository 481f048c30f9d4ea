// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "model/bgp_wish.hpp"
#include "plan/advertise_select.hpp"
#include "plan/phrase.hpp"

// What people are told of how an address goes out.
namespace porter::plan {
namespace {

class Words {
 public:
  Words(const AdvertiseGround& ground, const Claim& claim, const Address& address,
        const model::NamespacedName& service)
      : ground_{ground}, claim_{claim}, selection_{ground, claim, address} {
    const auto own = std::ranges::find_if(
        claim.holders, [&](const Holder& holder) { return holder.service->meta.name == service; });
    if (own != claim.holders.end()) own_ = &*own;
  }

  AdvertiseWords run() {
    look_at_outlets();
    for (const Advertisement* one : selection_.advertisements())
      words_.advertisements.insert(one->meta.name.name);
    if (own_ != nullptr) look_at_wishes();
    look_at_conflicts();
    look_at_aggregates();
    return std::move(words_);
  }

 private:
  void note(std::string text, std::string fix) {
    if (words_.notes.empty()) words_.fix = std::move(fix);
    words_.notes.push_back(std::move(text));
  }

  void look_at_outlets() {
    std::map<Prefix, std::vector<const Advertisement*>> all;
    std::set<std::string> carrying;
    std::set<std::string> audiences = selection_.peers();
    audiences.insert("");
    for (const std::string& audience : audiences) {
      for (const Outlet& outlet : selection_.outlets(audience)) {
        for (const auto* node : selection_.carriers_of(outlet).nodes)
          carrying.insert(node->first);
        auto& known = all[outlet.prefix];
        for (const Advertisement* one : outlet.advertisements) {
          if (std::ranges::find(known, one) == known.end()) known.push_back(one);
        }
      }
    }
    words_.is_selected = !all.empty();
    for (auto& [prefix, advertisements] : all) {
      const Outlet& outlet = words_.outlets.emplace_back(
          Outlet{.prefix = prefix, .advertisements = std::move(advertisements)});
      if (words_.attributes.empty() && !carrying.empty())
        words_.attributes = attributes_text(selection_.attributes(outlet, *carrying.begin()));
    }
    for (const auto& [node, standing] : ground_.standings) {
      if (words_.is_selected && !carrying.contains(node) && !is_selected_by_any(node))
        words_.nodes_left_out.insert(node);
    }
  }

  [[nodiscard]] bool is_selected_by_any(const std::string& node) const {
    return std::ranges::any_of(words_.outlets, [&](const Outlet& outlet) {
      return outlet.advertisements.empty() ||
             std::ranges::any_of(outlet.advertisements, [&](const auto* one) {
               return selects_node(ground_.view, *one, node);
             });
    });
  }

  static std::string attributes_text(const bgp::PathAttributes& attributes) {
    std::vector<std::string> communities;
    for (const std::uint32_t community : attributes.communities)
      communities.push_back(model::to_string(model::Community{community}));
    for (const bgp::LargeCommunity& large : attributes.large_communities)
      communities.push_back(fmt::format("{}:{}:{}", large.global, large.local1, large.local2));
    std::vector<std::string> parts;
    if (!communities.empty())
      parts.push_back(fmt::format("communities {}", fmt::join(communities, " ")));
    if (attributes.local_pref != bgp::PathAttributes{}.local_pref)
      parts.push_back(fmt::format("localPreference {}", attributes.local_pref));
    if (attributes.med) parts.push_back(fmt::format("med {}", *attributes.med));
    if (attributes.prepend > 0) parts.push_back(fmt::format("prepend {}", attributes.prepend));
    if (attributes.weight > 0) parts.emplace_back("weight by endpoints");
    return fmt::format("{}", fmt::join(parts, ", "));
  }

  void look_at_wishes() {
    std::vector<model::Problem> problems;
    const model::BgpWish wish = model::bgp_wish_of(own_->service->meta, problems);
    for (const model::Problem& problem : problems)
      note(fmt::format("{}: {}", problem.field, problem.message), "correct the annotation");
    for (const std::uint32_t community : wish.communities)
      check_community(model::Community{community});
    for (const model::LargeCommunity& community : wish.large_communities)
      check_community(model::Community{community});
    check_value("local-preference", "localPreference", &model::BgpWish::local_preference,
                [](const auto& overrides) { return overrides.local_preference; });
    check_value("med", "med", &model::BgpWish::med,
                [](const auto& overrides) { return overrides.med; });
    check_value("prepend", "prepend", &model::BgpWish::prepend,
                [](const auto& overrides) { return overrides.prepend; });
  }

  [[nodiscard]] bool may(const Holder& holder, const Selection::Allows& allows) const {
    return selection_.is_allowed(selection_.advertisements(), holder, allows);
  }

  void check_community(const model::Community& community) {
    if (may(*own_, [&](const auto& overrides) { return overrides.allows(community); })) return;
    refuse("communities", model::to_string(community), "communities");
  }

  template <class T>
  void check_value(std::string_view annotation, std::string_view field,
                   std::optional<T> model::BgpWish::* member, const Selection::Allows& allows) {
    const std::optional<T>& value = own_->wish.*member;
    if (!value) return;
    if (!may(*own_, allows)) return refuse(annotation, std::to_string(*value), field);
    for (const Holder& holder : claim_.holders) {
      if (&holder == own_) return;
      const std::optional<T>& first = holder.wish.*member;
      if (!first || !may(holder, allows)) continue;
      if (*first == *value) return;
      return note(
          fmt::format("annotation network.kubesphere.io/{} {} is not followed: Service {} "
                      "shares the address, joined first and says {}",
                      annotation, *value, model::to_string(holder.service->meta.name), *first),
          "let the Services that share the address agree");
    }
  }

  void refuse(std::string_view annotation, const std::string& value, std::string_view field) {
    const auto& names = words_.advertisements;
    if (names.empty()) {
      return note(fmt::format("annotation network.kubesphere.io/{} {} is not followed: no "
                              "BgpAdvertisement selects the Service",
                              annotation, value),
                  fmt::format("create a BgpAdvertisement that selects it and has "
                              "allowServiceOverrides.{}",
                              field));
    }
    note(fmt::format("annotation network.kubesphere.io/{} {} is not followed: BgpAdvertisement {} "
                     "does not allow it (allowServiceOverrides.{})",
                     annotation, value, listed(names), field),
         fmt::format("allow it under allowServiceOverrides.{} of the BgpAdvertisement, or remove "
                     "the annotation",
                     field));
  }

  void look_at_conflicts() {
    for (const Outlet& outlet : words_.outlets) {
      conflict(outlet, "localPreference",
               [](const Advertisement& one) { return one.local_preference; });
      conflict(outlet, "med", [](const Advertisement& one) { return one.med; });
      conflict(outlet, "prepend", [](const Advertisement& one) {
        return one.prepend == 0 ? std::nullopt : std::optional<std::uint32_t>{one.prepend};
      });
    }
  }

  template <class Value>
  void conflict(const Outlet& outlet, std::string_view field, const Value& value) {
    const Advertisement* first = nullptr;
    for (const Advertisement* one : outlet.advertisements) {
      const auto said = value(*one);
      if (!said) continue;
      const auto before = first == nullptr ? said : value(*first);
      if (first == nullptr) {
        first = one;
      } else if (before && *said != *before && meet(*one, *first)) {
        note(fmt::format("{} {} of BgpAdvertisement {} is not followed: {} is older and says {}",
                         field, *said, one->meta.name.name, first->meta.name.name, *before),
             "let one of the two BgpAdvertisements say it");
      }
    }
  }

  // Towards one peer, by one node.
  [[nodiscard]] bool meet(const Advertisement& one, const Advertisement& other) const {
    const bool peers = one.peers.empty() || other.peers.empty() ||
                       std::ranges::any_of(one.peers, [&](const std::string& peer) {
                         return other.selects_peer(peer);
                       });
    return peers && std::ranges::any_of(ground_.standings, [&](const auto& node) {
             return selects_node(ground_.view, one, node.first) &&
                    selects_node(ground_.view, other, node.first);
           });
  }

  void look_at_aggregates() {
    std::set<Prefix> told;
    for (const Advertisement* one : selection_.advertisements()) {
      const auto aggregate = selection_.aggregate_of(*one);
      if (!aggregate || !told.insert(*aggregate).second) continue;
      if (!selection_.lies_in_one_pool(*aggregate)) {
        note(fmt::format("aggregate {} of BgpAdvertisement {} is not announced: it does not lie "
                         "inside Eip {}; the host route is",
                         to_string(*aggregate), one->meta.name.name, claim_.holders.front().eip),
             "set an aggregationLength that lies inside the Eip");
        continue;
      }
      const auto held = ground_.held.find(*aggregate);
      if (held != ground_.held.end() && !held->second.empty()) {
        note(fmt::format("aggregate {} of BgpAdvertisement {} is not announced: its unreachable "
                         "route cannot be set: {}; the host route is",
                         to_string(*aggregate), one->meta.name.name, held->second),
             "let Porter change routes (CAP_NET_ADMIN)");
      }
    }
  }

  const AdvertiseGround& ground_;
  const Claim& claim_;
  Selection selection_;
  const Holder* own_ = nullptr;
  AdvertiseWords words_;
};

}  // namespace

AdvertiseWords advertise_words(const AdvertiseGround& ground, const Claim& claim,
                               const Address& address, const model::NamespacedName& service) {
  return Words{ground, claim, address, service}.run();
}

}  // namespace porter::plan
