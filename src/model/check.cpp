// SPDX-License-Identifier: Apache-2.0
#include "model/check.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "model/bgp_wish.hpp"
#include "model/names.hpp"
#include "model/request.hpp"

namespace porter::model {
namespace {

using Severity = Problem::Severity;
using Index = std::size_t;

bool contains(const std::vector<std::string>& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// Do two requirements on one label exclude each other?
bool exclude_each_other(const Requirement& left, const Requirement& right) {
  using Operator = Requirement::Operator;
  if (left.key != right.key) return false;
  if (left.op == Operator::In && right.op == Operator::In) {
    return std::none_of(left.values.begin(), left.values.end(),
                        [&](const std::string& value) { return contains(right.values, value); });
  }
  if (left.op == Operator::In && right.op == Operator::NotIn) {
    return std::all_of(left.values.begin(), left.values.end(),
                       [&](const std::string& value) { return contains(right.values, value); });
  }
  return right.op == Operator::DoesNotExist &&
         (left.op == Operator::In || left.op == Operator::Exists);
}

std::string_view conflict_of(const BgpAdvertisement& left, const BgpAdvertisement& right) {
  const auto differ = [](const auto& one, const auto& other) {
    return one && other && *one != *other;
  };
  if (differ(left.local_preference, right.local_preference)) return "spec.localPreference";
  return differ(left.med, right.med) ? "spec.med" : "";
}

bool may_meet(const BgpAdvertisement& left, const BgpAdvertisement& right) {
  const auto are_apart = [](const std::vector<std::string>& one,
                            const std::vector<std::string>& other) {
    return !one.empty() && !other.empty() &&
           std::none_of(one.begin(), one.end(),
                        [&](const std::string& name) { return contains(other, name); });
  };
  const bool by_name = !left.eip_selector && !right.eip_selector;
  if (by_name && are_apart(left.eips, right.eips)) return false;
  const bool by_label = left.eips.empty() && right.eips.empty();
  return !(by_label && are_disjoint(left.eip_selector, right.eip_selector)) &&
         !are_apart(left.peers, right.peers) &&
         !are_disjoint(left.service_selector, right.service_selector) &&
         !are_disjoint(left.namespace_selector, right.namespace_selector) &&
         !are_disjoint(left.node_selector, right.node_selector);
}

class Checker {
 public:
  explicit Checker(std::span<const Object> objects) : objects_{objects} {}

  std::vector<Located> run() {
    by_age_ = ages();
    check_twins();
    check_pools();
    check_defaults();
    check_confs();
    check_neighbors();
    check_advertisements();
    check_secrets();
    check_services();
    std::vector<Located> all;
    for (auto& [object, list] : found_)
      std::move(list.begin(), list.end(), std::back_inserter(all));
    return all;
  }

 private:
  [[nodiscard]] std::vector<Index> ages() const {
    std::vector<Index> order(objects_.size());
    for (Index i = 0; i < order.size(); ++i)
      order[i] = i;
    std::sort(order.begin(), order.end(), [&](Index left, Index right) {
      const Meta& one = meta_of(objects_[left]);
      const Meta& other = meta_of(objects_[right]);
      return is_older(one, other) || (left < right && !is_older(other, one));
    });
    return order;
  }

  // The objects of one kind that count, oldest first.
  template <class T>
  [[nodiscard]] std::vector<std::pair<Index, const T*>> all() const {
    std::vector<std::pair<Index, const T*>> found;
    for (const Index i : by_age_) {
      const T* const object = std::get_if<T>(&objects_[i]);
      if (object != nullptr && !twins_.contains(i)) found.emplace_back(i, object);
    }
    return found;
  }

  void add(Index object, Severity severity, std::string reason, std::string field,
           std::string message, std::optional<Index> other = std::nullopt) {
    found_[object].push_back(Located{.object = object,
                                     .other = other,
                                     .problem = {.severity = severity,
                                                 .reason = std::move(reason),
                                                 .field = std::move(field),
                                                 .message = std::move(message)}});
  }

  // One object written twice: the older counts, here as in the folder.
  void check_twins() {
    std::map<ObjectKey, Index> first;
    for (const Index i : by_age_) {
      const ObjectKey key = key_of(objects_[i]);
      const auto [place, is_new] = first.try_emplace(key, i);
      if (is_new) continue;
      twins_.insert(i);
      add(i, Severity::Error, "DuplicateObject", "metadata.name",
          fmt::format("{} is there already; the first one counts", to_string(key)), place->second);
    }
  }

  // Each piece against those of older pools, kept in order of address and free of overlaps.
  void check_pools() {
    struct Taken {
      Range range;
      Index owner = 0;
    };
    std::map<Address, Taken> taken;  // by the first address
    for (const auto& [i, eip] : all<Eip>()) {
      std::set<Index> named;
      for (const Range& range : eip->addresses) {
        auto next = taken.upper_bound(range.last());
        while (next != taken.begin() && std::prev(next)->second.range.overlaps(range)) {
          --next;
          const Taken& other = next->second;
          if (named.size() == kMostNamed || !named.insert(other.owner).second) continue;
          const std::string& winner = meta_of(objects_[other.owner]).name.name;
          add(i, Severity::Error, "Overlaps", "spec.address",
              fmt::format("{} overlaps {} of Eip {}, which is older and wins", to_string(range),
                          to_string(other.range), winner),
              other.owner);
        }
      }
      if (!named.empty()) continue;
      for (const Range& range : eip->addresses)
        taken.emplace(range.first(), Taken{.range = range, .owner = i});
    }
  }

  void check_defaults() {
    std::optional<Index> winner;
    for (const auto& [i, eip] : all<Eip>()) {
      if (!eip->is_default || eip->meta.deleting) continue;
      if (!winner) {
        winner = i;
        continue;
      }
      add(i, Severity::Warning, "SecondDefault",
          annotation_field(spelled_annotation(eip->meta, "eip", "/is-default-eip").key),
          fmt::format("Eip {} is the default already", meta_of(objects_[*winner]).name.name),
          winner);
    }
  }

  void check_confs() {
    const auto confs = all<BgpConf>();
    const auto is_default = [](const auto& conf) {
      return conf.second->meta.name.name == "default";
    };
    const auto is_old = [](const auto& conf) { return is_from_v1alpha1(conf.second->meta); };
    const bool has_default = std::any_of(confs.begin(), confs.end(), is_default);
    const auto old_count = std::count_if(confs.begin(), confs.end(), is_old);
    for (const auto& conf : confs) {
      if (is_default(conf)) continue;
      const bool counts = !has_default && old_count == 1 && is_old(conf);
      std::string message =
          "counts as the default: no BgpConf is named default, and it is the only one in v1alpha1";
      if (has_default) message = "does not count: the BgpConf named default does";
      if (!has_default && !counts) {
        message = is_old(conf) && old_count > 1
                      ? "does not count: several are written as v1alpha1; name one of them default"
                      : "does not count: only a BgpConf named default does; rename it";
      }
      add(conf.first, Severity::Warning, counts ? "CountsAsDefault" : "NotDefault", "metadata.name",
          std::move(message));
    }
  }

  // By neighbour first, so that many peers are not compared pairwise.
  void check_neighbors() {
    std::map<std::tuple<std::string, std::uint16_t>, std::vector<std::pair<Index, const BgpPeer*>>>
        older;
    for (const auto& [i, peer] : all<BgpPeer>()) {
      if (peer->left_to_cni) continue;
      auto& rivals = older[{neighbor_text(*peer), peer->remote_port}];
      const auto rival = std::find_if(rivals.begin(), rivals.end(), [&](const auto& other) {
        return is_same_neighbor(*other.second, *peer);
      });
      if (rival != rivals.end()) {
        const std::string& winner = rival->second->meta.name.name;
        add(i, Severity::Warning, "DuplicateNeighbor", neighbor_field(*peer),
            fmt::format("{} is also the neighbour of BgpPeer {}; where both select a node, {} wins",
                        neighbor_text(*peer), winner, winner),
            rival->first);
      }
      if (rivals.size() < kMostRivals) rivals.emplace_back(i, peer);
    }
  }

  static std::string neighbor_text(const BgpPeer& peer) {
    if (!peer.neighbor) return peer.neighbor_prefix ? to_string(*peer.neighbor_prefix) : "";
    const std::string address = to_string(*peer.neighbor);
    return peer.neighbor_zone.empty() ? address : fmt::format("{}%{}", address, peer.neighbor_zone);
  }

  static std::string neighbor_field(const BgpPeer& peer) {
    if (peer.meta.written_as == ApiVersion::V1alpha1) return "spec.config.neighborAddress";
    return peer.neighbor ? "spec.conf.neighborAddress" : "spec.conf.neighborPrefix.cidr";
  }

  // Two that may select one route and give it different values. Which routes there are is not known
  // here, so it is a warning.
  void check_advertisements() {
    std::vector<std::pair<Index, const BgpAdvertisement*>> older;
    for (const auto& [i, advertisement] : all<BgpAdvertisement>()) {
      for (const auto& [rival, other] : older) {
        const std::string_view field = conflict_between(*advertisement, *other);
        if (field.empty()) continue;
        const std::string& winner = other->meta.name.name;
        add(i, Severity::Warning, "ConflictingAdvertisement", std::string{field},
            fmt::format("BgpAdvertisement {} says otherwise; where both select a route, {} wins",
                        winner, winner),
            rival);
        break;
      }
      if (older.size() < kMostRivals) older.emplace_back(i, advertisement);
    }
  }

  // Only where the set has Secrets: a folder without any leaves them to somebody else.
  void check_secrets() {
    std::map<std::string, const Secret*>
        secrets;  // in whatever namespace: Porter's is not known here
    for (const auto& [i, secret] : all<Secret>())
      secrets.emplace(secret->meta.name.name, secret);
    if (secrets.empty()) return;
    for (const auto& [i, peer] : all<BgpPeer>()) {
      if (!peer->auth_secret) continue;
      const SecretRef& wanted = *peer->auth_secret;
      const auto secret = secrets.find(wanted.name);
      if (secret == secrets.end()) {
        add(i, Severity::Warning, "SecretMissing", "spec.conf.authSecretRef.name",
            fmt::format("{}: no Secret of this name", wanted.name));
      } else if (!secret->second->data.contains(wanted.key)) {
        add(i, Severity::Warning, "SecretMissing", "spec.conf.authSecretRef.key",
            fmt::format("{}: Secret {} has no such key", shown(wanted.key), wanted.name));
      }
    }
  }

  void check_services() {
    for (const auto& [i, service] : all<Service>()) {
      if (!service->is_load_balancer) continue;
      check_opt_in(i, *service);
      ServiceRequest request = request_of(*service);
      (void)bgp_wish_of(service->meta, request.problems);
      for (Problem& problem : request.problems) {
        found_[i].push_back(
            Located{.object = i, .other = std::nullopt, .problem = std::move(problem)});
      }
    }
  }

  void check_opt_in(Index i, const Service& service) {
    static constexpr std::string_view kOptIn = "lb.kubesphere.io/v1alpha1";
    const std::string* const value = service.meta.annotation(kOptIn);
    if (value == nullptr || opt_in_of(service.meta)) return;
    add(i, Severity::Warning, "NotClaimed", annotation_field(kOptIn),
        fmt::format("{}: must be porter or openelb", shown(*value)));
  }

  static constexpr std::size_t kMostRivals = 100;
  static constexpr std::size_t kMostNamed = 10;

  std::span<const Object> objects_;
  std::vector<Index> by_age_;
  std::set<Index> twins_;
  std::map<Index, std::vector<Located>> found_;
};

}  // namespace

bool are_disjoint(const std::optional<Selector>& left, const std::optional<Selector>& right) {
  if (!left || !right) return false;
  return std::any_of(
      left->requirements.begin(), left->requirements.end(), [&](const Requirement& one) {
        return std::any_of(
            right->requirements.begin(), right->requirements.end(), [&](const Requirement& other) {
              return exclude_each_other(one, other) || exclude_each_other(other, one);
            });
      });
}

std::string_view conflict_between(const BgpAdvertisement& left, const BgpAdvertisement& right) {
  const std::string_view field = conflict_of(left, right);
  return field.empty() || !may_meet(left, right) ? std::string_view{} : field;
}

bool is_same_neighbor(const BgpPeer& left, const BgpPeer& right) {
  return left.neighbor == right.neighbor && left.neighbor_zone == right.neighbor_zone &&
         left.neighbor_prefix == right.neighbor_prefix && left.remote_port == right.remote_port &&
         !are_disjoint(left.node_selector, right.node_selector);
}

std::vector<Located> check(std::span<const Object> objects) {
  return Checker{objects}.run();
}

}  // namespace porter::model
