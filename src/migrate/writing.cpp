// SPDX-License-Identifier: Apache-2.0
#include "migrate/writing.hpp"

#include <fmt/format.h>

#include "model/encode.hpp"

namespace porter::migrate {

std::string object_name(const Tree& document) {
  return fmt::format("{} {}", document["kind"].text(), document.at_path("metadata.name").text());
}

void note(Migration& out, const Source& source, std::string words) {
  const bool is_of_file = !source.file.empty();
  out.notes.push_back(
      Note{.place = is_of_file ? fmt::format("{}:{}", source.file, source.line) : "",
           .object = object_name(source.document),
           .words = std::move(words)});
}

Tree of_ours(std::string_view kind, std::string_view name, Tree spec) {
  return Tree::map()
      .set("apiVersion", "network.kubesphere.io/v1alpha2")
      .set("kind", kind)
      .set("metadata", Tree::map().set("name", name))
      .set("spec", std::move(spec));
}

std::vector<Source> unpacked(const std::vector<Source>& sources) {
  std::vector<Source> out;
  for (const Source& source : sources) {
    if (!source.document["kind"].text().ends_with("List")) {
      out.push_back(source);
      continue;
    }
    for (const Tree& item : source.document["items"].items()) {
      out.push_back({.document = item,
                     .file = source.file,
                     .line = item.line() != 0 ? item.line() : source.line});
    }
  }
  return out;
}

void pin(const Source& source, const Address& address, const std::string& eip,
         const std::string& share_key, Pins& pins, Migration& out) {
  const Tree& metadata = source.document["metadata"];
  const std::string& uid = metadata["uid"].text();
  if (uid.empty()) {
    note(out, source,
         fmt::format("shows {}, and has no uid here, so the address cannot be pinned: pass what "
                     "`kubectl get services -A -o yaml` prints",
                     to_string(address)));
    return;
  }
  model::EipAddress& pinned = pins[address];
  pinned.meta.name = {.ns = {}, .name = model::eip_address_name(address)};
  pinned.address = address;
  pinned.eip = eip;
  if (pinned.share_key.empty()) pinned.share_key = share_key;
  const std::string& ns = metadata["namespace"].text();
  pinned.services.push_back(
      {.service = {.ns = ns.empty() ? "default" : ns, .name = metadata["name"].text()},
       .uid = uid});
}

void write_pins(const Pins& pins, Migration& out) {
  for (const auto& [address, pinned] : pins)
    out.objects.push_back(to_tree(pinned));
}

std::vector<Address> addresses_of(const Tree& service) {
  std::vector<Address> out;
  if (service.at_path("spec.type").text() != "LoadBalancer") return out;
  for (const Tree& item : service.at_path("status.loadBalancer.ingress").items()) {
    if (const Result<Address> address = Address::parse(item["ip"].text())) out.push_back(*address);
  }
  return out;
}

}  // namespace porter::migrate
