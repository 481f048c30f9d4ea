// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "migrate/writing.hpp"
#include "model/meta.hpp"
#include "model/value.hpp"

namespace porter::migrate {
namespace {

constexpr std::string_view kPoolAnnotation = "ip-allocated-from-pool";
constexpr std::string_view kShareAnnotation = "allow-shared-ip";
constexpr std::string_view kWantedPool = "address-pool";
constexpr std::string_view kWantedAddress = "loadBalancerIPs";

// Go's duration: "90s", "1m30s", "500ms". Whole seconds; none: not one.
std::optional<std::int64_t> seconds_of(std::string_view text) {
  std::int64_t milliseconds = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0 || number > 1'000'000) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::int64_t unit = 0;
    for (const auto& [name, size] : {std::pair{std::string_view{"ms"}, std::int64_t{1}},
                                     std::pair{std::string_view{"s"}, std::int64_t{1000}},
                                     std::pair{std::string_view{"m"}, std::int64_t{60'000}},
                                     std::pair{std::string_view{"h"}, std::int64_t{3'600'000}}}) {
      if (unit != 0 || !text.starts_with(name)) continue;
      unit = size;
      text.remove_prefix(name.size());
    }
    if (unit == 0) return std::nullopt;
    milliseconds += number * unit;
  }
  return milliseconds / 1000;
}

std::vector<std::string> texts_of(const Tree& list) {
  std::vector<std::string> out;
  for (const Tree& item : list.items())
    out.push_back(item.text());
  return out;
}

// metallb.io/X, and metallb.universe.tf/X before it.
const std::string& annotation_of(const Tree& document, std::string_view name) {
  const Tree& all = document.at_path("metadata")["annotations"];
  const std::string& newer = all[fmt::format("metallb.io/{}", name)].text();
  return newer.empty() ? all[fmt::format("metallb.universe.tf/{}", name)].text() : newer;
}

bool selects(const Tree& selector, const Tree& document) {
  model::Complaints complaints;
  const auto read = model::read_selector({.path = "selector", .tree = selector}, complaints);
  if (!read || complaints.has_error()) return false;
  return read->matches(
      model::read_string_map(document.at_path("metadata.labels"), "metadata.labels", complaints));
}

class MetalLb {
 public:
  explicit MetalLb(const std::vector<Source>& sources) : sources_{unpacked(sources)} {
    for (const Source& source : sources_) {
      const std::string& kind = source.document["kind"].text();
      const bool theirs = source.document["apiVersion"].text().starts_with("metallb.io/");
      if (theirs || kind == "Service") by_kind_[kind].push_back(&source);
    }
  }

  Migration translate() {
    for (const Source* pool : of("IPAddressPool"))
      translate_pool(*pool);
    translate_conf();
    for (const Source* peer : of("BGPPeer"))
      translate_peer(*peer);
    for (const Source* advertisement : of("BGPAdvertisement"))
      translate_advertisement(*advertisement);
    for (const Source* service : of("Service"))
      translate_service(*service);
    write_pins(pins_, out_);
    note_others();
    write_plan();
    return std::move(out_);
  }

 private:
  const std::vector<const Source*>& of(const std::string& kind) { return by_kind_[kind]; }

  // --- pools ---

  static bool advertises(const Tree& advertisement, const Tree& pool) {
    const std::vector<std::string> names = texts_of(advertisement.at_path("spec.ipAddressPools"));
    const Tree& selectors = advertisement.at_path("spec.ipAddressPoolSelectors");
    if (names.empty() && selectors.items().empty()) return true;
    return std::find(names.begin(), names.end(), pool.at_path("metadata.name").text()) !=
               names.end() ||
           std::any_of(selectors.items().begin(), selectors.items().end(),
                       [&](const Tree& selector) { return selects(selector, pool); });
  }

  std::vector<const Source*> advertisers(const std::string& kind, const Tree& pool) {
    std::vector<const Source*> out;
    for (const Source* each : of(kind))
      if (advertises(each->document, pool)) out.push_back(each);
    return out;
  }

  void translate_pool(const Source& pool) {
    const Tree& spec = pool.document["spec"];
    Tree ours = Tree::map();
    ours.set("addresses", spec["addresses"]);
    set_protocol(pool, ours);
    if (spec["autoAssign"].text() == "false") ours.set("autoAssign", false);
    if (spec["avoidBuggyIPs"].as_bool()) ours.set("usingKnownIPs", false);
    set_allocation(pool, ours);
    Tree eip = of_ours("Eip", pool.document.at_path("metadata.name").text(), std::move(ours));
    add(std::move(eip));
  }

  void set_protocol(const Source& pool, Tree& ours) {
    const std::vector<const Source*> layer2 = advertisers("L2Advertisement", pool.document);
    const bool bgp = !advertisers("BGPAdvertisement", pool.document).empty();
    ours.set("protocol", layer2.empty() || bgp ? "bgp" : "layer2");
    if (layer2.empty() && !bgp)
      note(out_, pool, "no advertisement selects it, so MetalLB announced none of its addresses");
    if (!layer2.empty() && bgp)
      note(out_, pool,
           "MetalLB announces it over BGP and layer 2; here a pool has one protocol, and this one "
           "became bgp: make it layer2 if there is no router to peer with");
    if (layer2.empty() || bgp) return;
    const std::vector<std::string> interfaces =
        texts_of(layer2.front()->document.at_path("spec.interfaces"));
    if (interfaces.size() == 1) ours.set("interface", interfaces.front());
    if (interfaces.size() > 1)
      note(out_, *layer2.front(), "an Eip has one interface: set the one of the pool's subnet");
    if (!layer2.front()->document.at_path("spec.nodeSelectors").items().empty())
      note(out_, *layer2.front(),
           "nodeSelectors have no equivalent for layer 2: label the nodes that must not answer "
           "node.kubernetes.io/exclude-from-external-load-balancers");
  }

  // MetalLB tries the lowest number first, and 0 or none last.
  void set_allocation(const Source& pool, Tree& ours) {
    const Tree& allocation = pool.document.at_path("spec.serviceAllocation");
    const std::int64_t priority = priority_of(pool.document);
    if (priority != 0) ours.set("priority", priority);
    if (!allocation["namespaces"].items().empty()) ours.set("namespaces", allocation["namespaces"]);
    set_one_selector(pool, allocation, "namespaceSelectors", "namespaceSelector", ours);
    set_one_selector(pool, allocation, "serviceSelectors", "serviceSelector", ours);
  }

  void set_one_selector(const Source& source, const Tree& from, std::string_view theirs,
                        std::string_view name, Tree& ours) {
    const Tree::List& selectors = from[theirs].items();
    if (selectors.empty()) return;
    ours.set(std::string{name}, selectors.front());
    if (selectors.size() > 1)
      note(out_, source,
           fmt::format("{} has {} entries, any of which may match; {} is one: the first was "
                       "taken. Write it as one selector (matchExpressions with In), or as one "
                       "object for each",
                       theirs, selectors.size(), name));
  }

  std::int64_t priority_of(const Tree& pool) {
    const auto priority =
        model::integer_of(pool.at_path("spec.serviceAllocation.priority")).value_or(0);
    if (priority != 0) return priority;
    std::int64_t last = 0;
    for (const Source* each : of("IPAddressPool")) {
      const auto other =
          model::integer_of(each->document.at_path("spec.serviceAllocation.priority")).value_or(0);
      last = std::max(last, other);
    }
    return last == 0 ? 0 : last + 1;
  }

  // --- BGP ---

  // The AS number most peers are told is Porter's; the others keep theirs as localAs.
  void translate_conf() {
    if (of("BGPPeer").empty()) return;
    std::map<std::int64_t, std::size_t> counts;
    for (const Source* peer : of("BGPPeer"))
      ++counts[model::integer_of(peer->document.at_path("spec.myASN")).value_or(0)];
    const auto most = std::max_element(counts.begin(), counts.end(), [](auto& left, auto& right) {
      return left.second < right.second;
    });
    asn_ = most->first;
    Tree spec = Tree::map();
    spec.set("as", asn_).set("nextHopMode", "Self").set("advertise", "Selected");
    out_.objects.push_back(of_ours("BgpConf", "default", std::move(spec)));
  }

  void translate_peer(const Source& peer) {
    const Tree& spec = peer.document["spec"];
    const std::string& name = peer.document.at_path("metadata.name").text();
    if (spec["peerAddress"].text().empty()) {
      note(out_, peer,
           "peers over an interface without an address (unnumbered) have no equivalent: give "
           "neighborAddress the router's link-local address with its zone, fe80::1%eth0");
      return;
    }
    Tree ours = Tree::map();
    ours.set("conf", peer_conf(peer));
    if (Tree transport = peer_transport(spec); !transport.entries().empty())
      ours.set("transport", std::move(transport));
    if (Tree timers = peer_timers(peer); !timers.entries().empty())
      ours.set("timers", Tree::map().set("config", std::move(timers)));
    if (spec["ebgpMultiHop"].as_bool()) ours.set("ebgpMultihop", Tree::map().set("enabled", true));
    set_bfd(peer, ours);
    const Tree::List& selectors = spec["nodeSelectors"].items();
    for (std::size_t i = 0; i < std::max<std::size_t>(selectors.size(), 1); ++i) {
      Tree one = ours;
      if (!selectors.empty()) one.set("nodeSelector", selectors[i]);
      add(of_ours("BgpPeer", i == 0 ? name : fmt::format("{}-{}", name, i + 1), std::move(one)));
    }
    if (selectors.size() > 1)
      note(out_, peer,
           fmt::format("its {} nodeSelectors became {} BgpPeers; a node that two of them select "
                       "has one session, and the younger BgpPeer says DuplicateNeighbor",
                       selectors.size(), selectors.size()));
    note_peer_fields(peer);
  }

  Tree peer_conf(const Source& peer) {
    const Tree& spec = peer.document["spec"];
    Tree conf = Tree::map();
    conf.set("neighborAddress", spec["peerAddress"]).set("peerAs", spec["peerASN"]);
    const std::int64_t my = model::integer_of(spec["myASN"]).value_or(0);
    if (my != asn_) conf.set("localAs", my);
    if (const std::string& secret = spec.at_path("passwordSecret.name").text(); !secret.empty()) {
      conf.set("authSecretRef", Tree::map().set("name", secret).set("key", "password"));
      note(out_, peer,
           fmt::format("copy Secret {} into Porter's namespace: kubectl get secret -n {} {} -o "
                       "yaml | sed 's/namespace: .*/namespace: porter-system/' | kubectl apply -f "
                       "-",
                       secret, namespace_of(peer.document), secret));
    }
    if (!spec["password"].text().empty())
      note(out_, peer,
           "its password stands in the object and is not repeated here: put it in a Secret in "
           "Porter's namespace and name that in spec.conf.authSecretRef");
    return conf;
  }

  static std::string namespace_of(const Tree& document) {
    const std::string& ns = document.at_path("metadata.namespace").text();
    return ns.empty() ? "metallb-system" : ns;
  }

  static Tree peer_transport(const Tree& spec) {
    Tree transport = Tree::map();
    const auto port = model::integer_of(spec["peerPort"]).value_or(179);
    if (port != 179 && port != 0) transport.set("remotePort", port);
    if (!spec["sourceAddress"].text().empty()) transport.set("localAddress", spec["sourceAddress"]);
    return transport;
  }

  Tree peer_timers(const Source& peer) {
    Tree timers = Tree::map();
    for (const auto& [theirs, ours] :
         {std::pair{"holdTime", "holdTime"}, std::pair{"keepaliveTime", "keepaliveInterval"},
          std::pair{"connectTime", "connectRetry"}}) {
      const std::string& text = peer.document.at_path("spec")[theirs].text();
      if (text.empty()) continue;
      if (const auto seconds = seconds_of(text)) {
        timers.set(ours, *seconds);
      } else {
        note(out_, peer, fmt::format("{}: {} is no duration; the default stands", theirs, text));
      }
    }
    return timers;
  }

  void set_bfd(const Source& peer, Tree& ours) {
    const std::string& name = peer.document.at_path("spec.bfdProfile").text();
    if (name.empty()) return;
    Tree bfd = Tree::map();
    bfd.set("enabled", true);
    for (const Source* profile : of("BFDProfile")) {
      if (profile->document.at_path("metadata.name").text() != name) continue;
      const Tree& spec = profile->document["spec"];
      for (const auto& [theirs, field] : {std::pair{"transmitInterval", "minTxMillis"},
                                          std::pair{"receiveInterval", "minRxMillis"},
                                          std::pair{"detectMultiplier", "multiplier"}}) {
        if (!spec[theirs].is_null()) bfd.set(field, spec[theirs]);
      }
      if (spec["passiveMode"].as_bool()) bfd.set("passive", true);
      if (spec["echoMode"].as_bool())
        note(out_, *profile, "echoMode has no equivalent: detection is by control packets");
    }
    ours.set("bfd", std::move(bfd));
  }

  void note_peer_fields(const Source& peer) {
    const Tree& spec = peer.document["spec"];
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kWords{
        {{"vrf", "vrf has no equivalent: sessions run in the node's default VRF"},
         {"dynamicASN", "dynamicASN has no equivalent: write the peer's AS number into peerAs"},
         {"routerID",
          "routerID is the node's IPv4 InternalIP here; annotate a Node "
          "network.kubesphere.io/router-id for another one"},
         {"disableMP", "disableMP has no equivalent: set afiSafis to the families wanted"}}};
    for (const auto& [field, words] : kWords) {
      const Tree& value = spec[field];
      if (!value.is_null() && !value.text().empty() && value.text() != "false")
        note(out_, peer, std::string{words});
    }
  }

  void translate_advertisement(const Source& advertisement) {
    const Tree& spec = advertisement.document["spec"];
    Tree ours = Tree::map();
    if (!spec["ipAddressPools"].items().empty()) ours.set("eips", spec["ipAddressPools"]);
    set_one_selector(advertisement, spec, "ipAddressPoolSelectors", "eipSelector", ours);
    set_one_selector(advertisement, spec, "nodeSelectors", "nodeSelector", ours);
    set_one_selector(advertisement, spec, "serviceSelectors", "serviceSelector", ours);
    for (const auto& [theirs, field] :
         {std::pair{"peers", "peers"}, std::pair{"aggregationLength", "aggregationLength"},
          std::pair{"aggregationLengthV6", "aggregationLengthV6"},
          std::pair{"localPref", "localPreference"}}) {
      const Tree& value = spec[theirs];
      const bool is_default = value.text() == "32" || value.text() == "128";
      const bool aggregation = std::string_view{theirs}.starts_with("aggregation");
      if (!value.is_null() && !(aggregation && is_default)) ours.set(field, value);
    }
    if (Tree list = communities_of(advertisement); !list.items().empty())
      ours.set("communities", std::move(list));
    const std::string& name = advertisement.document.at_path("metadata.name").text();
    add(of_ours("BgpAdvertisement", name, std::move(ours)));
  }

  // Values as they are; names from the Community objects.
  Tree communities_of(const Source& advertisement) {
    Tree out = Tree::list();
    for (const std::string& text : texts_of(advertisement.document.at_path("spec.communities"))) {
      std::string value = named_community(text).value_or(text);
      if (value.starts_with("large:")) value.erase(0, 6);
      if (model::parse_community(value)) {
        out.push(value);
      } else {
        note(out_, advertisement,
             fmt::format("community {}: no Community object given here has that name", text));
      }
    }
    return out;
  }

  std::optional<std::string> named_community(const std::string& name) {
    for (const Source* source : of("Community")) {
      for (const Tree& alias : source->document.at_path("spec.communities").items())
        if (alias["name"].text() == name) return alias["value"].text();
    }
    return std::nullopt;
  }

  // --- Services ---

  void translate_service(const Source& service) {
    for (const Address& address : addresses_of(service.document)) {
      const std::string pool = pool_of(service.document, address);
      if (pool.empty()) continue;  // somebody else's address
      ++out_.understood;
      pin(service, address, pool, annotation_of(service.document, kShareAnnotation), pins_, out_);
    }
    const Tree& metadata = service.document["metadata"];
    for (const std::string_view gone : {kWantedPool, kWantedAddress, kShareAnnotation}) {
      const std::string& value = annotation_of(service.document, gone);
      if (value.empty()) continue;
      annotate_.push_back(fmt::format("kubectl annotate service -n {} {} {}={}",
                                      metadata["namespace"].text(), metadata["name"].text(),
                                      gone == kShareAnnotation ? "network.kubesphere.io/share"
                                      : gone == kWantedPool    ? "eip.porter.kubesphere.io/v1alpha2"
                                                            : "eip.porter.kubesphere.io/v1alpha1",
                                      value));
    }
  }

  std::string pool_of(const Tree& service, const Address& address) {
    for (const Source* pool : of("IPAddressPool")) {
      for (const Tree& item : pool->document.at_path("spec.addresses").items()) {
        const Result<Range> range = Range::parse(item.text());
        if (range && range->contains(address))
          return pool->document.at_path("metadata.name").text();
      }
    }
    return annotation_of(service, kPoolAnnotation);
  }

  // --- the rest ---

  void add(Tree object) {
    ++out_.understood;
    out_.objects.push_back(std::move(object));
  }

  void note_others() {
    for (const auto& [kind, sources] : by_kind_) {
      static constexpr std::array kKnown{"IPAddressPool",   "BGPPeer",    "BGPAdvertisement",
                                         "L2Advertisement", "BFDProfile", "Community",
                                         "Service"};
      if (std::find(kKnown.begin(), kKnown.end(), kind) != kKnown.end()) continue;
      for (const Source* source : sources)
        note(out_, *source, "this kind has no equivalent");
    }
    for (const Source& source : sources_) {
      if (source.document["kind"].text() == "ConfigMap" &&
          !source.document.at_path("data.config").text().empty())
        note(out_, source,
             "a configuration of MetalLB before 0.13: convert it to objects with MetalLB's own "
             "tool first");
    }
  }

  void write_plan() {
    if (out_.understood == 0) return;
    const auto step = [this](std::string_view words) { out_.plan.emplace_back(words); };
    step(
        "Install Porter with its controller and speakers scaled to nothing, and apply what was "
        "printed.");
    step(
        "Stop MetalLB's controller: kubectl scale deployment -n metallb-system controller "
        "--replicas=0. Its speakers go on announcing.");
    step(
        "Let Porter adopt the Services: start its controller with --claim-unclassed, or annotate "
        "each of them lb.kubesphere.io/v1alpha1=porter. The addresses are pinned: none moves.");
    for (const std::string& command : annotate_)
      step(command);
    step("Start Porter's controller, and look: porter pools; kubectl get services -A.");
    step(
        "Node by node: take MetalLB's speaker away and start Porter's. A router has one session "
        "with a node, so the node's routes are gone for as long as the new session takes; the "
        "other nodes carry the traffic meanwhile.");
    step("porter peers and porter routes must agree with the router's table before the next node.");
    step("Take the rest of MetalLB away.");
  }

  std::vector<Source> sources_;
  std::map<std::string, std::vector<const Source*>> by_kind_;
  std::int64_t asn_ = 0;
  Pins pins_;
  std::vector<std::string> annotate_;
  Migration out_;
};

}  // namespace

Migration from_metallb(const std::vector<Source>& sources) {
  return MetalLb{sources}.translate();
}

}  // namespace porter::migrate
