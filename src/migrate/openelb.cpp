// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <fmt/format.h>

#include "migrate/writing.hpp"
#include "model/conversion.hpp"

namespace porter::migrate {
namespace {

constexpr std::string_view kGroup = "network.kubesphere.io/";
constexpr std::string_view kStored = "network.kubesphere.io/v1alpha2";

// What `kubectl get -o yaml` adds and an apply must not bring back.
Tree cleaned(const Tree& document) {
  Tree metadata = Tree::map();
  for (const Tree::Entry& entry : document["metadata"].entries()) {
    const bool kept = entry.key == "name" || entry.key == "labels" ||
                      (entry.key == "annotations" &&
                       entry.value["kubectl.kubernetes.io/last-applied-configuration"].is_null());
    if (kept) metadata.set(entry.key, entry.value);
    if (entry.key != "annotations" || kept) continue;
    Tree annotations = Tree::map();
    for (const Tree::Entry& annotation : entry.value.entries())
      if (!annotation.key.starts_with("kubectl.kubernetes.io/"))
        annotations.set(annotation.key, annotation.value);
    if (!annotations.entries().empty()) metadata.set("annotations", std::move(annotations));
  }
  return Tree::map()
      .set("apiVersion", document["apiVersion"])
      .set("kind", document["kind"])
      .set("metadata", std::move(metadata))
      .set("spec", document["spec"]);
}

class OpenElb {
 public:
  explicit OpenElb(const std::vector<Source>& sources) : sources_{unpacked(sources)} {}

  Migration translate() {
    for (const Source& source : sources_) {
      if (source.document["kind"].text() == "Service") services_[key_of(source)] = &source;
    }
    for (const Source& source : sources_) {
      if (source.document["apiVersion"].text().starts_with(kGroup)) translate_object(source);
    }
    for (const Source& source : sources_)
      note_policy(source);
    write_pins(pins_, out_);
    write_plan();
    return std::move(out_);
  }

 private:
  static std::string key_of(const Source& service) {
    const Tree& metadata = service.document["metadata"];
    const std::string& ns = metadata["namespace"].text();
    return fmt::format("{}/{}", ns.empty() ? "default" : ns, metadata["name"].text());
  }

  void translate_object(const Source& source) {
    Result<Tree> converted = source.document["apiVersion"].text() == kStored
                                 ? Result<Tree>{source.document}
                                 : model::convert(source.document, kStored);
    if (!converted) {
      note(out_, source, converted.error().message);
      return;
    }
    ++out_.understood;
    out_.objects.push_back(cleaned(*converted));
    if (source.document["kind"].text() == "Eip") pin_used(source);
    if (source.document["kind"].text() == "BgpConf" &&
        !source.document.at_path("spec.policy").text().empty()) {
      note(out_, source,
           fmt::format("policy: ConfigMap {} holds GoBGP policies, which may be filters, so no "
                       "session comes up until spec.policy is removed: say what it did with "
                       "BgpAdvertisements",
                       source.document.at_path("spec.policy").text()));
    }
  }

  // status.used: {"192.0.2.1": "ns/a;ns/b"}
  void pin_used(const Source& eip) {
    for (const Tree::Entry& used : eip.document.at_path("status.used").entries()) {
      const Result<Address> address = Address::parse(used.key);
      if (!address) continue;
      std::string_view rest = used.value.text();
      while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(';'), rest.size());
        pin_one(eip, *address, std::string{rest.substr(0, end)});
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
  }

  void pin_one(const Source& eip, const Address& address, const std::string& key) {
    const auto service = services_.find(key);
    if (service == services_.end()) {
      // Porter's controller reads status.used itself, once, when it starts for the first time.
      note(out_, eip,
           fmt::format("{} is held by Service {}, which is not among the documents: the "
                       "controller takes it over from status.used at its first start",
                       to_string(address), key));
      return;
    }
    pin(*service->second, address, eip.document.at_path("metadata.name").text(), {}, pins_, out_);
  }

  void note_policy(const Source& source) {
    const Tree& document = source.document;
    if (document["kind"].text() == "ConfigMap" && document["data"].find("gobgp.conf") != nullptr)
      note(out_, source,
           "GoBGP policies have no equivalent as such: communities, MED, local preference and "
           "which peer is told what are BgpAdvertisements here");
  }

  void write_plan() {
    if (out_.understood == 0) return;
    const auto step = [this](std::string_view words) { out_.plan.emplace_back(words); };
    step("The objects stay as they are, annotations of Services too: only the programs change.");
    step(
        "Apply Porter's CRDs over OpenELB's: porter crds | kubectl apply --server-side "
        "--force-conflicts -f -");
    step(
        "Stop OpenELB: kubectl scale deployment -n openelb-system openelb-controller "
        "--replicas=0, and take its speakers (0.6) or its manager (before) away. Routers keep the "
        "routes for OpenELB's graceful restart time, if that was on.");
    step(
        "Apply what was printed, and install Porter. Addresses are pinned, or read once from "
        "Eip.status.used: none moves.");
    step("Look: porter pools; porter peers; kubectl get eipaddresses.");
  }

  std::vector<Source> sources_;
  std::map<std::string, const Source*> services_;
  Pins pins_;
  Migration out_;
};

}  // namespace

Migration from_openelb(const std::vector<Source>& sources) {
  return OpenElb{sources}.translate();
}

}  // namespace porter::migrate
